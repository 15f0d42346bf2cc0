"""What the settings of every network recognizer have beside those of its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from merkit.errors import ConfigError, did_you_mean
from merkit.training.schedules import check_positive
from merkit.training.stage import BALANCE

SELECT = ("last", "inner")
# The same words as in merkit.inputs, which loads OpenCV.
FACES = ("detect", "whole")
HEADS = ("keep", "remove")
APEX = ("auto", "annotated", "estimated")


@dataclass(frozen=True)
class NetworkConfig:
    """How a network recognizer learns and judges.

    Parameters
    ----------
    epochs : int
        Passes over the training clips.
    rate : float
        First rate of learning, above 0.
    weight_decay : float
    balance : {"none", "oversample", "weights", "soft-weights"}
        Classes as they come, all as often as the largest, or with weights in the loss, see
        :mod:`merkit.training.balance`.
    clip_norm : float, optional
        Gradients longer than this are shortened to it.
    precision : {"float32", "bfloat16"}
    select : {"last", "inner"}
        Whose weights are kept: those of the last epoch, or of the epoch that does best on a fifth of the
        training *subjects*, who are then not learnt from.
    pretrained : path, optional
        Folder of weights to start from, as far as they fit by name and shape: made by ``merkit pretrain``,
        or a saved model.
    abstain_below : float
        Probability of the likeliest class below which it abstains, 0 to 1; half is more than all others.
    """

    epochs: int = 40
    rate: float = 1e-3
    weight_decay: float = 5e-4
    balance: str = "none"
    clip_norm: float | None = None
    precision: str = "float32"
    select: str = "last"
    pretrained: str | None = None
    abstain_below: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values that cannot work; those of the stage are looked at by it."""
        check_word(self, "select", SELECT)
        check_word(self, "balance", BALANCE)
        check_positive("rate", self.rate)
        check_range(self, "abstain_below", 0.0, 1.0)
        check_range(self, "weight_decay", 0.0, 1e6)
        if self.clip_norm is not None:
            check_positive("clip_norm", self.clip_norm)
        check_flags(self)
        if self.pretrained is not None and not isinstance(self.pretrained, str | Path):
            raise ConfigError(f"pretrained={self.pretrained!r}: expected a folder")


def check_word(config: Any, name: str, allowed: tuple[str, ...]) -> None:
    """Refuse a setting that is none of the allowed words; the nearest is suggested.

    Raises
    ------
    ConfigError
    """
    value = getattr(config, name)
    if value is None and "none" in allowed:
        # As the command line and files write it.
        object.__setattr__(config, name, "none")
    elif value not in allowed:
        raise ConfigError(
            f"{name}={value!r}{did_you_mean(str(value), allowed)}: allowed are {', '.join(allowed)}"
        )


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


def check_whole(config: Any, name: str, least: int = 1) -> None:
    """Refuse a setting that is no whole number of `least` or more.

    Raises
    ------
    ConfigError
    """
    value = getattr(config, name)
    if isinstance(value, bool) or not (isinstance(value, int) and value >= least):
        raise ConfigError(f"{name}={value!r}: expected a whole number of {least} or more")


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


def check_dropout(config: Any) -> None:
    """Refuse a share of values to drop that would leave none.

    Raises
    ------
    ConfigError
    """
    check_range(config, "dropout", 0.0, 1.0)
    if config.dropout == 1:
        raise ConfigError("dropout=1: expected less than 1, as nothing would be left")


def shared_fields(config: Any, target: type[Any]) -> Mapping[str, Any]:
    """Those settings that a dataclass has too: of a recognizer, what its network or its step wants."""
    known = {field.name for field in fields(target)}
    return {field.name: getattr(config, field.name) for field in fields(config) if field.name in known}
