"""Rates of learning over the epochs, as pure functions with their settings; the first epoch is 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from merkit.checks import check_positive, check_range, check_whole
from merkit.errors import ConfigError

Schedule = Callable[[int], float]
"""From the number of an epoch, 1 or more, to its rate of learning."""


@dataclass(frozen=True)
class Constant:
    """The same rate throughout.

    Parameters
    ----------
    rate : float

    Examples
    --------
    >>> Constant(1e-3)(7)
    0.001
    """

    rate: float

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_positive(self, "rate")

    def __call__(self, epoch: int) -> float:
        """Rate of an epoch."""
        _check_epoch(epoch)
        return self.rate


@dataclass(frozen=True)
class OscillatingCosine:
    """Down a half wave of a cosine, and up again the same way: annealing without restarts.

    With as many epochs as a half wave it is plain cosine annealing.  AKMNet's code runs PyTorch's
    ``CosineAnnealingLR`` past its ``T_max`` of 8 epochs in this way (its paper cites restarts).

    Parameters
    ----------
    top, bottom : float
        First and least rate.
    half : int
        Epochs from one to the other.

    Examples
    --------
    >>> [OscillatingCosine()(epoch) for epoch in (1, 9, 17)]
    [0.001, 1e-08, 0.001]
    """

    top: float = 1e-3
    bottom: float = 1e-8
    half: int = 8

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_positive(self, "top")
        check_range(self, "bottom", 0.0, self.top)
        check_whole(self, "half")

    def __call__(self, epoch: int) -> float:
        """Rate of an epoch."""
        _check_epoch(epoch)
        wave = math.cos(math.pi * (epoch - 1) / self.half)
        return self.bottom + 0.5 * (self.top - self.bottom) * (1.0 + wave)


@dataclass(frozen=True)
class CyclingDecay:
    """Multiplied by a factor from epoch to epoch, and anew after some.

    STRCN's code decays inside every call of its training routine and starts again in the next; one call
    makes three passes.

    Parameters
    ----------
    top : float
        First rate.
    factor : float
        Above 0 and up to 1.
    cycle : int
        Epochs until it starts again.

    Examples
    --------
    >>> [round(CyclingDecay()(epoch), 6) for epoch in (1, 2, 3, 4)]
    [0.001, 0.0008, 0.00064, 0.001]
    """

    top: float = 1e-3
    factor: float = 0.8
    cycle: int = 3

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_positive(self, "top")
        check_positive(self, "factor", 1.0)
        check_whole(self, "cycle")

    def __call__(self, epoch: int) -> float:
        """Rate of an epoch."""
        _check_epoch(epoch)
        return self.top * self.factor ** ((epoch - 1) % self.cycle)


@dataclass(frozen=True)
class WarmCosine:
    """Up to the top in a straight line, then down half a wave of a cosine.

    Parameters
    ----------
    top, bottom : float
        Greatest rate, and that of the last epoch.
    warm_up : int
        Epochs until the top, which is the rate of the last of them; 0 begins there.
    epochs : int
        All of them, those of the warm-up too.

    Examples
    --------
    >>> [WarmCosine(1e-2, 0.0, 2, 6)(epoch) for epoch in (1, 2, 4, 6)]
    [0.005, 0.01, 0.005, 0.0]
    """

    top: float = 1e-3
    bottom: float = 1e-5
    warm_up: int = 3
    epochs: int = 60

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_positive(self, "top")
        check_range(self, "bottom", 0.0, self.top)
        check_whole(self, "warm_up", 0)
        check_whole(self, "epochs")

    def __call__(self, epoch: int) -> float:
        """Rate of an epoch."""
        _check_epoch(epoch)
        peak = max(self.warm_up, 1)
        if epoch <= peak:
            return self.top * epoch / peak
        gone = min((epoch - peak) / max(self.epochs - peak, 1), 1.0)
        return self.bottom + 0.5 * (self.top - self.bottom) * (1.0 + math.cos(math.pi * gone))


def _check_epoch(epoch: int) -> None:
    if epoch < 1:
        raise ConfigError(f"epoch {epoch}: the first is 1")
