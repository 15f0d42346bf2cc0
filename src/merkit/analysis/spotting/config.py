"""Every threshold of spotting, in one place, and the types that it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpotConfig:
    """Thresholds; lengths in px200 (pixels at a face width of 200 px), times in seconds.

    ``sensitivity`` divides the thresholds on motion: 2 finds movements half as large and raises
    more false alarms.
    """

    sensitivity: float = 1.0
    micro_s: float = 0.5
    """Longest micro-expression (field convention: up to half a second)."""
    micro_px: float = 0.12
    """Least motion of a micro-expression, mean over its two most moving parts."""
    micro_z: float = 6.0
    """The same against the noise of this video."""
    isolation: float = 1.8
    """Least ratio of the motion to what the same parts do in the second before and after."""
    context_s: float = 0.3
    """How much of that second there must be, both sides together, to compare with."""
    macro_px: float = 1.6
    """Least change of the face within half a second that begins a macro-expression."""
    macro_z: float = 2.0
    """The same against the median change in the same stretch."""
    macro_most_px: float = 45.0
    """More than a face can move (a dropped jaw: about 35): a hand or hair has been followed."""
    macro_longest_s: float = 8.0
    noise_floor: float = 0.02
    """Noise that is never undercut however still the video, px200 a part."""
    blink_px: float = 1.2
    """Least downward motion of both upper lids in a blink."""
    head_px: float = 5.0
    """Head motion within 0.2 s from which on micro-expressions cannot be seen."""
    turn_px: float = 1.2
    """Parallax within 0.2 s with the same meaning."""
    leak: float = 0.12
    """Part of a rigid head motion that may leak into what is taken for expression."""
    speech_px: float = 0.5
    """Least motion of lips or chin in speech."""
    speech_rate: float = 3.0
    """Mouth movements a second that make speech."""


@dataclass(frozen=True)
class Interval:
    """A movement from onset to offset, in positions of the clock or in frames.

    ``score`` is the motion against the noise of the same video, ``amplitude`` the motion in px200,
    both of the two most moving parts.
    """

    onset: int
    apex: int
    offset: int
    kind: Literal["micro", "macro"]
    score: float
    amplitude: float


@dataclass(frozen=True)
class Span:
    """A stretch ``[start, stop)`` of frames that is something else."""

    kind: str
    start: int
    stop: int
    observable: bool


@dataclass(frozen=True)
class Spotting:
    """What spotting returns, T frames and P parts.

    Attributes
    ----------
    found : list of Interval
        In frames, in order of onset.
    spans : list of Span
        Blinks, speech, head motion, hidden or missing face.
    observable : bool array, shape (T,)
        Whether a micro-expression could have been seen; never in glimpses of less than 0.2 s.
    curves : float array, shape (T, P)
        Motion of each part against its slowly moving rest position, px200; NaN without a face and
        for parts that are not in the picture.
    head_speed : float array, shape (T,)
        px200 a second; NaN without a face.
    """

    found: list[Interval]
    spans: list[Span]
    observable: NDArray[np.bool_]
    curves: Floats
    head_speed: Floats
