"""Protocols by name."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Mapping
from types import MappingProxyType

from merkit.errors import ConfigError, did_you_mean
from merkit.protocols.composite import MEGC2019
from merkit.protocols.cross_dataset import LODO, cross
from merkit.protocols.folds import k_folds
from merkit.protocols.own_data import SOURCES, own_data
from merkit.protocols.protocol import Protocol
from merkit.protocols.single import SINGLE
from merkit.protocols.synthme import SYNTHME
from merkit.protocols.units import AU12

_PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {**SINGLE, **SYNTHME, **{protocol.name: protocol for protocol in (MEGC2019, LODO, AU12)}}
)
_OWN = re.compile(rf"({'|'.join(SOURCES)})-(\d+)class")
_K_FOLD = re.compile(r"(.+)-(\d+)fold")


def list_protocols(pattern: str = "*") -> list[str]:
    """Names of the protocols that match a wildcard pattern, sorted.

    Beside them, :func:`get_protocol` understands ``manifest-<n>class``, ``folders-<n>class`` and
    ``<train>-to-<test>``, and ``-<k>fold`` behind a protocol that leaves one subject out.

    Examples
    --------
    >>> list_protocols("casme2-*")
    ['casme2-3class', 'casme2-4class', 'casme2-5class', 'casme2-7class']
    """
    return sorted(fnmatch.filter(_PROTOCOLS, pattern))


def get_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Parameters
    ----------
    name : str
        One of :func:`list_protocols`, or of a form that it describes.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest one is suggested.

    Examples
    --------
    >>> get_protocol("megc2019").classes
    ('negative', 'positive', 'surprise')
    >>> get_protocol("dfme-7class-10fold").summary
    'dfme in 7 classes: anger, contempt, disgust, fear, happiness, sadness, surprise; 10 folds of subjects'
    """
    if name in _PROTOCOLS:
        return _PROTOCOLS[name]
    if found := _OWN.fullmatch(name):
        if int(found[2]) < 2:
            raise ConfigError(f"protocol {name!r}: give 2 classes or more")
        return own_data(found[1], int(found[2]))
    if found := _K_FOLD.fullmatch(name):
        return _with_folds(get_protocol(found[1]), int(found[2]))
    if "-to-" in name:
        return cross(name)
    raise ConfigError(
        f"unknown protocol {name!r}{did_you_mean(name, _PROTOCOLS)}: there are "
        f"{', '.join(sorted(_PROTOCOLS))}, TRAIN-to-TEST, manifest-<n>class and folders-<n>class"
    )


def _with_folds(protocol: Protocol, k: int) -> Protocol:
    name = f"{protocol.name}-{k}fold"
    if protocol.kind not in ("single", "composite") or _K_FOLD.fullmatch(protocol.name):
        raise ConfigError(f"protocol {name!r}: {protocol.name} has folds of its own; leave out -{k}fold")
    if k < 2:
        raise ConfigError(f"protocol {name!r}: give 2 folds or more")
    what = protocol.summary.replace("leave one subject out", f"{k} folds of subjects")
    return dataclasses.replace(
        protocol, name=name, splits=k_folds(k), summary=what.replace("68 folds", f"{k} folds of subjects")
    )
