"""Settings by name: what registries of methods and of networks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from merkit.errors import ConfigError, did_you_mean

PUBLISHED = "published"
"""The configuration that everything has: the defaults of its settings, those of its paper if it has one."""

_Entry = TypeVar("_Entry")


def check_configs(name: str, config: type[Any], configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse named configurations that cannot be what they say.

    Raises
    ------
    ConfigError
        If one is called ``published``, or sets what is no setting.
    """
    if PUBLISHED in configs:
        raise ConfigError(f"{name}: the configuration {PUBLISHED!r} is the defaults; leave it out of configs")
    for named, settings in configs.items():
        unknown = set(settings) - {field.name for field in fields(config)}
        if unknown:
            raise ConfigError(f"{name}: configuration {named!r} sets {min(unknown)!r}, which is no setting")


def look_up(kind: str, name: str, entries: Mapping[str, _Entry]) -> _Entry:
    """The entry of a name.

    Raises
    ------
    ConfigError
        If there is none; the nearest name is suggested.
    """
    if name not in entries:
        raise ConfigError(
            f"unknown {kind} {name!r}{did_you_mean(name, entries)}: there are {', '.join(sorted(entries))}"
        )
    return entries[name]


def make_config(
    name: str,
    config: type[Any],
    configs: Mapping[str, Mapping[str, Any]],
    chosen: str,
    overrides: Mapping[str, Any],
) -> Any:
    """The settings of a named configuration, with some set otherwise.

    Parameters
    ----------
    name : str
        Whose settings they are, for messages.
    config : type
        Dataclass of the settings.
    configs : mapping of str to mapping
        What each named configuration sets otherwise than the defaults.
    chosen : str
        One of `configs`.
    overrides : mapping
        Settings that differ from those of the configuration.

    Raises
    ------
    ConfigError
        For an unknown configuration or setting; the nearest is suggested.
    """
    allowed = [field.name for field in fields(config)]
    for key in overrides:
        if key not in allowed:
            raise ConfigError(
                f"{name} has no setting {key!r}{did_you_mean(key, allowed)}: allowed are {', '.join(allowed)}"
            )
    if chosen not in configs:
        raise ConfigError(
            f"{name} has no configuration {chosen!r}{did_you_mean(chosen, configs)}: allowed are "
            f"{', '.join(configs)}"
        )
    return config(**{**configs[chosen], **overrides})
