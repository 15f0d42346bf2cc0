"""Recognizers by name: register, list, create, load the shipped ones."""

from __future__ import annotations

import fnmatch
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from merkit.errors import ConfigError, DataError
from merkit.methods.recognizer import Recognizer
from merkit.methods.settings import PUBLISHED, check_configs, look_up, make_config

# The one line that a new method adds here; modules are imported when a method is first looked up, and
# none of them may import torch or scikit-learn at its top.
_MODULES = (
    "merkit.methods.baselines.flow_svm.recognizer",
    "merkit.methods.baselines.descriptor_svm.recognizer",
    "merkit.methods.akmnet.recognizer",
    "merkit.methods.fal_convlstm.recognizer",
    "merkit.methods.mersiamc3d.recognizer",
    "merkit.methods.sma_stn.recognizer",
    "merkit.methods.strcn.recognizer",
)

_SHIPPED = Path(__file__).resolve().parent.parent / "weights"


@dataclass(frozen=True)
class Method:
    """A registered recognizer: its class, the dataclass of its settings and one line about it.

    ``configs`` are its named configurations: what each sets otherwise than the defaults.  ``paper`` is who
    published it and where, short; empty if nobody did.
    """

    name: str
    recognizer: type[Any]
    config: type[Any]
    summary: str
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    paper: str = ""


_METHODS: dict[str, Method] = {}
_R = TypeVar("_R", bound=type[Any])


def register(
    name: str,
    *,
    config: type[Any],
    summary: str,
    configs: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    paper: str = "",
) -> Callable[[_R], _R]:
    """Class decorator that enters a recognizer under `name`.

    Parameters
    ----------
    name : str
        Lower case with dashes, as typed on the command line.
    config : type
        Frozen dataclass of the settings; the recognizer is created as ``cls(config(...))``.
    summary : str
        One line for the list of methods.
    configs : mapping of str to mapping
        Named configurations beside ``published``, such as ``{"small": {"width": 8}}``: what each sets
        otherwise than the defaults, which are what is published.
    paper : str
        Who published it and where, in a few words, for the list of methods; empty if nobody did.
    """
    check_configs(name, config, configs)

    def enter(cls: _R) -> _R:
        known = _METHODS.get(name)
        if known is not None and known.recognizer.__qualname__ != cls.__qualname__:
            raise ConfigError(f"two methods want the name {name!r}: {known.recognizer.__qualname__} has it")
        cls.name = name
        _METHODS[name] = Method(name, cls, config, summary, {PUBLISHED: {}, **configs}, paper)
        return cls

    return enter


def list_methods(pattern: str = "*") -> list[str]:
    """Names of the registered recognizers that match a wildcard pattern, sorted.

    Parameters
    ----------
    pattern : str
        With ``*`` for any characters and ``?`` for one.

    Examples
    --------
    >>> list_methods("flow*")
    ['flow-svm']
    """
    return sorted(fnmatch.filter(_all(), pattern))


def get_method(name: str) -> Method:
    """The entry of one method.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest one is suggested.
    """
    return look_up("method", name, _all())


def create_recognizer(name: str, *, config: str = PUBLISHED, **overrides: Any) -> Recognizer:
    """A new, unfitted recognizer.

    Parameters
    ----------
    name : str
        See :func:`list_methods`.
    config : str
        A named configuration of the method; every method has ``published``, its defaults.
    **overrides
        Settings that differ from those of the configuration.

    Raises
    ------
    ConfigError
        For an unknown method, configuration or setting (the nearest is suggested) or a value that is not
        allowed.

    Examples
    --------
    >>> create_recognizer("flow-svm", grid=7).config.grid
    7
    """
    method = get_method(name)
    settings = make_config(name, method.config, method.configs, config, overrides)
    recognizer: Recognizer = method.recognizer(settings)
    return recognizer


def load_recognizer(folder: str | Path) -> Recognizer:
    """A trained recognizer of any method, from the folder into which it was saved.

    Parameters
    ----------
    folder : path
        Holds ``card.json``, which names the method, and the weights; ``merkit train`` writes such folders.

    Returns
    -------
    Recognizer

    Raises
    ------
    DataError
        If the folder holds no model, one of an unknown method, or a broken one.
    """
    place = Path(folder)
    card = place / "card.json"
    if not place.is_dir():
        what = "is a file" if place.exists() else "no such folder"
        raise DataError(f"{place}: {what}; give the folder of a model, as merkit train writes it")
    if not card.is_file():
        raise DataError(f"{place}: no card.json here, so no model; give a folder that merkit train wrote")
    try:
        about = json.loads(card.read_text("utf-8"))
        name, pretrained = str(about["method"]), about.get("kind") == "pretrained"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{card}: not the card of a model ({error}); train the model again") from error
    if pretrained:
        raise DataError(
            f"{place}: pre-trained weights, not a recognizer; train one on them with merkit train"
        )
    try:
        method = get_method(name)
    except ConfigError as error:
        raise DataError(f"{card}: {error}") from error
    recognizer: Recognizer = method.recognizer.load(place)
    return recognizer


def load_shipped(name: str) -> Recognizer:
    """The trained recognizer that comes with merkit.

    Raises
    ------
    ConfigError
        If the method is unknown or merkit ships no weights for it.
    """
    method = get_method(name)
    folder = shipped_folder(name)
    if not (folder / "card.json").is_file():
        raise ConfigError(
            f"merkit ships no trained {name}: train one, or load yours with load_recognizer(folder)"
        )
    recognizer: Recognizer = method.recognizer.load(folder)
    return recognizer


def shipped_folder(name: str) -> Path:
    """Where the shipped weights of a method lie (whether or not there are any)."""
    return _SHIPPED / name.replace("-", "_")


def _all() -> dict[str, Method]:
    for module in _MODULES:
        importlib.import_module(module)
    return _METHODS
