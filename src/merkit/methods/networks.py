"""Networks by name, untrained and without a recognizer around them: register, list, create.

What a network method consists of, in a folder of its own:

- ``config.py``: the settings, a frozen dataclass with ``num_classes``, entered here by `register_network`;
  its defaults are what is published.  It imports no torch.
- ``network.py``: the network alone, a ``torch.nn.Module`` made of these settings, which it keeps as
  ``config``.  It takes one tensor, whose shape its docstring tells, and refuses others with a
  ``DataError``; it returns logits (N, num_classes), or a named tuple with ``logits``.  It may have
  ``parameter_groups(weight_decay)`` for :func:`merkit.training.loop.train`.
- ``losses.py``: what it is trained by, where that is more than cross-entropy.
- ``README.md``: the claim sheet.

``tests/test_networks.py`` holds every registered network to this.
"""

from __future__ import annotations

import fnmatch
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from merkit.errors import ConfigError
from merkit.methods.settings import PUBLISHED, check_configs, look_up, make_config

if TYPE_CHECKING:
    from torch import nn

# The one line that a new network adds here.  These modules hold settings alone and must not import torch:
# it is loaded when a network is made.
_MODULES = (
    "merkit.methods.akmnet.config",
    "merkit.methods.fal_convlstm.config",
    "merkit.methods.mersiamc3d.config",
    "merkit.methods.sma_stn.config",
    "merkit.methods.strcn.config",
)


@dataclass(frozen=True)
class PictureInput:
    """Which part of a network sees single pictures, so that it can learn expressions from them.

    Attributes
    ----------
    part : str
        Name of the submodule: faces (N, C, S, S) to maps, or to a list of them, of which the last counts.
    colour : {"grey", "rgb"}
    """

    part: str
    colour: str


@dataclass(frozen=True)
class Network:
    """A registered network: where its class is, the dataclass of its settings and one line about it.

    ``configs`` are its named configurations: what each sets otherwise than the defaults.
    """

    name: str
    place: str
    config: type[Any]
    summary: str
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pictures: PictureInput | None = None

    def create(self, settings: Any) -> nn.Module:
        """A new network with these settings, its weights from torch's generator."""
        module, _, kind = self.place.partition(":")
        made: nn.Module = getattr(importlib.import_module(module), kind)(settings)
        return made


_NETWORKS: dict[str, Network] = {}
_C = TypeVar("_C", bound=type[Any])


def register_network(
    name: str,
    *,
    network: str,
    summary: str,
    configs: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    pictures: tuple[str, str] | None = None,
) -> Callable[[_C], _C]:
    """Class decorator that enters a network under `name`, put on the dataclass of its settings.

    Parameters
    ----------
    name : str
        Lower case with dashes, as typed on the command line.
    network : str
        ``"module:Class"``; the network is made as ``Class(config(...))``.
    summary : str
        One line for the list of networks.
    configs : mapping of str to mapping
        Named configurations beside ``published``: what each sets otherwise than the defaults.
    pictures : (part, colour), optional
        See :class:`PictureInput`.
    """

    def enter(config: _C) -> _C:
        check_configs(name, config, configs)
        known = _NETWORKS.get(name)
        if known is not None and known.place != network:
            raise ConfigError(f"two networks want the name {name!r}: {known.place} has it")
        sees = None if pictures is None else PictureInput(*pictures)
        _NETWORKS[name] = Network(name, network, config, summary, {PUBLISHED: {}, **configs}, sees)
        return config

    return enter


def list_networks(pattern: str = "*") -> list[str]:
    """Names of the registered networks that match a wildcard pattern, sorted.

    Parameters
    ----------
    pattern : str
        With ``*`` for any characters and ``?`` for one.

    Examples
    --------
    >>> list_networks("strcn*")
    ['strcn-a', 'strcn-g']
    """
    return sorted(fnmatch.filter(_all(), pattern))


def list_picture_methods() -> list[str]:
    """Names of the networks that have a part which sees single pictures.

    Examples
    --------
    >>> list_picture_methods()
    ['akmnet', 'fal-convlstm', 'sma-stn']
    """
    return [name for name in list_networks() if get_network(name).pictures is not None]


def get_network(name: str) -> Network:
    """The entry of one network.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest one is suggested.
    """
    return look_up("network", name, _all())


def create_network(name: str, *, config: str = PUBLISHED, seed: int = 0, **overrides: Any) -> nn.Module:
    """A new, untrained network.

    Parameters
    ----------
    name : str
        See :func:`list_networks`.
    config : str
        A named configuration; every network has ``published``, its defaults, and ``small``.
    seed : int
        Of the initial weights; the generators of torch stay as they are.
    **overrides
        Settings that differ from those of the configuration, such as ``num_classes``.

    Returns
    -------
    torch.nn.Module
        In training mode; its ``config`` holds all settings.

    Raises
    ------
    ConfigError
        For an unknown network, configuration or setting (the nearest is suggested) or a value that is not
        allowed.

    Examples
    --------
    >>> network = create_network("strcn-g", config="small", num_classes=3)
    >>> network.config.num_classes, sum(part.numel() for part in network.parameters())
    (3, 59683)
    """
    entry = get_network(name)
    settings = make_config(name, entry.config, entry.configs, config, overrides)
    from merkit.layers.seeding import seeded

    return seeded(seed, lambda: entry.create(settings))


def _all() -> dict[str, Network]:
    for module in _MODULES:
        importlib.import_module(module)
    return _NETWORKS
