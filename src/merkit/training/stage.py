"""One stage of a training as settings: how long, how fast, in what batches."""

from __future__ import annotations

from dataclasses import dataclass

from merkit.checks import check_below_one, check_flags, check_positive, check_range, check_whole, one_of
from merkit.errors import ConfigError
from merkit.training.schedules import Schedule

OPTIMISERS = ("sgd", "adam", "adamw")
BALANCE = ("none", "oversample", "weights", "soft-weights")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Stage:
    """Settings of one stage, such as pre-training or the target.

    Parameters
    ----------
    epochs : int
    schedule : callable
        From the number of an epoch, 1 or more, to its rate of learning; a dataclass of
        :mod:`merkit.training.schedules`.
    name : str
        Names its checkpoint.
    optimiser : {"sgd", "adam", "adamw"}
    momentum : float
        Of SGD.
    nesterov : bool
        Of SGD.
    weight_decay : float
        Of all parameters, unless the network has ``parameter_groups``.
    batch : int
        Examples that go through the network at once.
    accumulate : int
        Batches whose gradients make one step; the step is that of the mean over all their examples.
    balance : {"none", "oversample", "weights", "soft-weights"}
        Whether classes are brought to the same number, or to the same weight in the loss, or half-way there
        (the square root of these weights).
    clip_norm : float, optional
        Gradients longer than this are shortened to it.
    precision : {"float32", "bfloat16"}
        ``bfloat16`` computes what it can in that type.
    """

    epochs: int
    schedule: Schedule
    name: str = "target"
    optimiser: str = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-4
    batch: int = 1
    accumulate: int = 1
    balance: str = "none"
    clip_norm: float | None = None
    precision: str = "float32"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        for name in ("epochs", "batch", "accumulate"):
            check_whole(self, name)
        for name, allowed in (("optimiser", OPTIMISERS), ("balance", BALANCE), ("precision", PRECISIONS)):
            one_of(name, getattr(self, name), allowed)
        check_flags(self)
        check_below_one(self, "momentum")
        if self.nesterov and not self.momentum:
            raise ConfigError("nesterov=True: needs a momentum above 0")
        check_range(self, "weight_decay", 0.0, 1e6)
        if self.clip_norm is not None:
            check_positive(self, "clip_norm")
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            raise ConfigError(f"name={self.name!r}: expected letters, digits and underscores")
