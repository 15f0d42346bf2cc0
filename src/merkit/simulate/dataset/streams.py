"""Separate random numbers for each person, clip and purpose, so that one choice does not shift the others."""

from __future__ import annotations

from typing import Literal

import numpy as np

Purpose = Literal["emotions", "subject", "performance", "camera", "noise"]
_STREAMS: dict[Purpose, int] = {"emotions": 0, "subject": 1, "performance": 2, "camera": 3, "noise": 4}


def stream(seed: int, purpose: Purpose, *place: int) -> np.random.Generator:
    """Random numbers of one purpose at one place: subject, clip, frame."""
    return np.random.default_rng([seed, _STREAMS[purpose], *place])
