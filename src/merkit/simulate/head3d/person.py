"""Who is shown: everything about a person that a seed decides."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from merkit.errors import ConfigError

N_MODES = 50
_SPREAD, _MOST = 0.85, 2.0
"""Standard deviation and limit of the weights, in those of the scanned people: rarer faces look odd."""


@dataclass(frozen=True)
class Person:
    """A person without name.

    Parameters
    ----------
    seed : int
        What everything else was drawn from, and what pores, hairs and blemishes are drawn from.
    identity : tuple of float
        Weights of the modes of the head's shape, in standard deviations.
    skin_tone : float
        From 0, the lightest human skin, to 1, the darkest.
    """

    seed: int
    identity: tuple[float, ...]
    skin_tone: float

    @classmethod
    def from_seed(cls, seed: int) -> Person:
        """Draw a person."""
        if seed < 0:
            raise ConfigError(f"seed: {seed} is negative; choose 0 or more")
        rng = np.random.default_rng([seed, 1])
        weights = np.clip(rng.normal(0, _SPREAD, N_MODES), -_MOST, _MOST)
        return cls(seed, tuple(round(float(w), 4) for w in weights), round(float(rng.uniform()), 3))

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)
