"""What the settings of every network recognizer have beside those of its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from merkit.checks import check_flags, check_positive, check_range, check_whole, check_word
from merkit.errors import ConfigError
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
        check_whole(self, "epochs")
        check_word(self, "select", SELECT)
        check_word(self, "balance", BALANCE)
        check_positive(self, "rate")
        check_range(self, "abstain_below", 0.0, 1.0)
        check_range(self, "weight_decay", 0.0, 1e6)
        if self.clip_norm is not None:
            check_positive(self, "clip_norm")
        check_flags(self)
        if self.pretrained is not None:
            if not isinstance(self.pretrained, str | Path):
                raise ConfigError(f"pretrained={self.pretrained!r}: expected a folder")
            # As text, which a card can hold and a plan compare.
            object.__setattr__(self, "pretrained", str(Path(self.pretrained)))


def shared_fields(config: Any, target: type[Any]) -> Mapping[str, Any]:
    """Those settings that a dataclass has too: of a recognizer, what its network or its step wants."""
    known = {field.name for field in fields(target)}
    return {field.name: getattr(config, field.name) for field in fields(config) if field.name in known}
