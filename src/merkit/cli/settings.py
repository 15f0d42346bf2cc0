"""Settings and datasets as typed on the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from merkit.errors import ConfigError

ConfigName = Annotated[
    str, typer.Option("--config", help="Named configuration of the method: published, or small, …")
]
SettingWords = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of the method; repeat.")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes; as many as processors by default.")]


def parse_settings(words: Sequence[str], option: str = "--set", example: str = "grid=7") -> dict[str, Any]:
    """Settings from words ``key=value``: numbers, lists, true, false and null as such, the rest as text.

    ``option`` is what they were typed behind, and ``example`` one of them, for what an error says.

    Raises
    ------
    ConfigError
        If a word has no ``=``, or a key comes twice.

    Examples
    --------
    >>> parse_settings(["grid=7", "rate=.5", "widths=[8, 16]", "normalise=false", "select=nested"])
    {'grid': 7, 'rate': 0.5, 'widths': [8, 16], 'normalise': False, 'select': 'nested'}
    """
    found: dict[str, Any] = {}
    for word in words:
        key, value = _halves(word, option, f"key=value, such as {option} {example}")
        if key in found:
            raise ConfigError(f"{option} {key} is given twice; give it once")
        found[key] = _value(value)
    return found


def parse_data(words: Sequence[str]) -> dict[str, Path]:
    """Roots of datasets from words ``NAME=ROOT``.

    Examples
    --------
    >>> {name: root.as_posix() for name, root in parse_data(["casme2=data/CASME2"]).items()}
    {'casme2': 'data/CASME2'}
    """
    found: dict[str, Path] = {}
    for word in words:
        name, root = _halves(word, "--data", "NAME=ROOT, such as --data casme2=/data/CASME2")
        if name in found:
            raise ConfigError(f"--data {name} is given twice; give each dataset once")
        found[name] = Path(root).expanduser()
    return found


def _halves(word: str, option: str, form: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not (equals and key and value):
        raise ConfigError(f"{option} {word}: expected {form}")
    return key, value


def _value(text: str) -> Any:
    for spelled, value in (("true", True), ("false", False), ("null", None), ("none", None)):
        if text.casefold() == spelled:
            return value
    if re.fullmatch(r"[+-]?(\d+\.|\.\d+)", text):
        return float(text)
    try:
        number = json.loads(text)
    except ValueError:
        return text
    return number if isinstance(number, int | float | list) else text
