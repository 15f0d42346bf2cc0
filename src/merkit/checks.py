"""Checks of settings, one sentence each: which setting, what it is, what it should be."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from merkit.errors import ConfigError, did_you_mean


def one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    """Refuse a value that is none of the allowed words; the nearest is suggested.

    Raises
    ------
    ConfigError
    """
    if value not in allowed:
        raise ConfigError(
            f"{name}={value!r}{did_you_mean(str(value), allowed)}: allowed are {', '.join(allowed)}"
        )


def check_word(config: Any, name: str, allowed: Sequence[str]) -> None:
    """Refuse a setting that is none of the allowed words.

    Raises
    ------
    ConfigError
    """
    value = getattr(config, name)
    if value is None and "none" in allowed:
        # As the command line and files write it.
        object.__setattr__(config, name, "none")
    else:
        one_of(name, value, allowed)


def check_flags(config: Any) -> None:
    """Refuse words in settings that are true or false: even ``off`` would count as true.

    Raises
    ------
    ConfigError
    """
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(field.default, bool) and not isinstance(value, bool):
            raise ConfigError(f"{field.name}={value!r}: expected true or false")


def check_whole(config: Any, name: str, least: int = 1, most: int | None = None) -> None:
    """Refuse a setting that is no whole number of `least` or more, and of `most` at most.

    Raises
    ------
    ConfigError
    """
    value = getattr(config, name)
    if type(value) is not int or value < least or (most is not None and value > most):
        wanted = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise ConfigError(f"{name}={value!r}: expected a whole number {wanted}")


def check_multiple(config: Any, name: str, of: int, least: int) -> None:
    """Refuse a setting that is no whole multiple of a number, `least` or more.

    Raises
    ------
    ConfigError
    """
    value = getattr(config, name)
    if type(value) is not int or value < least or value % of:
        raise ConfigError(f"{name}={value!r}: expected a multiple of {of}, {least} or more")


def check_four(config: Any, name: str) -> None:
    """Refuse a setting that is not four whole numbers of 1 or more, and make a tuple of it.

    Raises
    ------
    ConfigError
    """
    value = getattr(config, name)
    four = wholes(value, 4)
    if four is None:
        raise ConfigError(f"{name}={value!r}: expected four whole numbers of 1 or more")
    object.__setattr__(config, name, four)


def wholes(value: Any, length: int, least: int = 1) -> tuple[int, ...] | None:
    """So many whole numbers of `least` or more as a tuple, also from a list; ``None`` if it is not that."""
    found = tuple(value) if isinstance(value, list | tuple) else ()
    right = len(found) == length and all(type(number) is int and number >= least for number in found)
    return found if right else None


def check_range(config: Any, name: str, low: float, high: float) -> None:
    """Refuse a setting that is no number from `low` to `high`.

    Raises
    ------
    ConfigError
    """
    value = getattr(config, name)
    if isinstance(value, bool) or not (isinstance(value, int | float) and low <= value <= high):
        raise ConfigError(f"{name}={value!r}: expected a number from {low:g} to {high:g}")


def check_below_one(config: Any, name: str) -> None:
    """Refuse a setting that is no number from 0 up to 1, without 1.

    Raises
    ------
    ConfigError
    """
    check_range(config, name, 0.0, 1.0)
    if getattr(config, name) == 1:
        raise ConfigError(f"{name}={getattr(config, name)!r}: expected less than 1")


def check_positive(config: Any, name: str, most: float = sys.float_info.max) -> None:
    """Refuse a setting that is no finite number above 0, and up to `most`.

    Raises
    ------
    ConfigError
    """
    value = getattr(config, name)
    if isinstance(value, bool) or not (isinstance(value, int | float) and 0 < value <= most):
        end = "" if most == sys.float_info.max else f" and up to {most:g}"
        raise ConfigError(f"{name}={value!r}: expected a number above 0{end}")
