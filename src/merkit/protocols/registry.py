"""Protocols by name."""

from __future__ import annotations

import fnmatch

from merkit.errors import ConfigError, did_you_mean
from merkit.protocols.composite import MEGC2019
from merkit.protocols.protocol import Protocol


def list_protocols(pattern: str = "*") -> list[str]:
    """Names of the protocols that match a wildcard pattern, sorted.

    Examples
    --------
    >>> list_protocols("megc*")
    ['megc2019']
    """
    return sorted(fnmatch.filter(_all(), pattern))


def get_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest one is suggested.
    """
    known = _all()
    if name in known:
        return known[name]
    raise ConfigError(
        f"unknown protocol {name!r}{did_you_mean(name, known)}: there are {', '.join(sorted(known))}"
    )


def _all() -> dict[str, Protocol]:
    return {protocol.name: protocol for protocol in (MEGC2019,)}
