"""Recognizers by name: register, list, create, load the shipped ones."""

from __future__ import annotations

import fnmatch
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from merkit.errors import ConfigError, did_you_mean
from merkit.methods.recognizer import Recognizer

# The one line that a new method adds here; modules are imported when a method is first looked up, and
# none of them may import torch or scikit-learn at its top.
_MODULES = ("merkit.methods.baselines.flow_svm.recognizer",)

PUBLISHED = "published"
"""The configuration that every method has: the defaults of its settings, those of its paper if it has one."""

_SHIPPED = Path(__file__).resolve().parent.parent / "weights"


@dataclass(frozen=True)
class Method:
    """A registered recognizer: its class, the dataclass of its settings and one line about it.

    ``configs`` are its named configurations: what each sets otherwise than the defaults.
    """

    name: str
    recognizer: type[Any]
    config: type[Any]
    summary: str
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


_METHODS: dict[str, Method] = {}
_R = TypeVar("_R", bound=type[Any])


def register(
    name: str,
    *,
    config: type[Any],
    summary: str,
    configs: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
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
    """
    if PUBLISHED in configs:
        raise ConfigError(f"{name}: the configuration {PUBLISHED!r} is the defaults; leave it out of configs")
    for named, settings in configs.items():
        unknown = set(settings) - {field.name for field in fields(config)}
        if unknown:
            raise ConfigError(f"{name}: configuration {named!r} sets {min(unknown)!r}, which is no setting")

    def enter(cls: _R) -> _R:
        known = _METHODS.get(name)
        if known is not None and known.recognizer.__qualname__ != cls.__qualname__:
            raise ConfigError(f"two methods want the name {name!r}: {known.recognizer.__qualname__} has it")
        cls.name = name
        _METHODS[name] = Method(name, cls, config, summary, {PUBLISHED: {}, **configs})
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
    methods = _all()
    if name not in methods:
        raise ConfigError(
            f"unknown method {name!r}{did_you_mean(name, methods)}: there are {', '.join(sorted(methods))}"
        )
    return methods[name]


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
    allowed = [field.name for field in fields(method.config)]
    for key in overrides:
        if key not in allowed:
            raise ConfigError(
                f"{name} has no setting {key!r}{did_you_mean(key, allowed)}: allowed are {', '.join(allowed)}"
            )
    if config not in method.configs:
        raise ConfigError(
            f"{name} has no configuration {config!r}{did_you_mean(config, method.configs)}: allowed are "
            f"{', '.join(method.configs)}"
        )
    settings = {**method.configs[config], **overrides}
    recognizer: Recognizer = method.recognizer(method.config(**settings))
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
        raise ConfigError(f"merkit ships no trained {name}: train one, or load yours with its load(folder)")
    recognizer: Recognizer = method.recognizer.load(folder)
    return recognizer


def shipped_folder(name: str) -> Path:
    """Where the shipped weights of a method lie (whether or not there are any)."""
    return _SHIPPED / name.replace("-", "_")


def _all() -> dict[str, Method]:
    for module in _MODULES:
        importlib.import_module(module)
    return _METHODS
