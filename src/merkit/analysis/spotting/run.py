"""Motion curves of one unbroken stretch on a uniform clock, and the filters that spotting uses."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter

from merkit.analysis.spotting.config import Floats
from merkit.faces.geometry import PARTS

REGION = np.array([part.region for part in PARTS])
LIDS = REGION == "lids"
BROWS = REGION == "brows"
MOUTH = np.isin(REGION, ["lip corners", "lips", "chin"])
JAW = np.isin(REGION, ["lips", "chin"])

HALVES = (0.08, 0.12, 0.17, 0.24, 0.34)
"""Half widths in seconds of the movements that are looked for."""
MOSTLY = 0.8
"""Parts that are in the picture for less of a stretch than this are not searched in it."""


class Run:
    """One unbroken stretch of tracking on a uniform clock.

    Parameters
    ----------
    times : float array, shape (n,)
        Seconds.
    motion : float array, shape (n, P, 2)
        px200.
    rate : float
        Ticks of the clock a second.

    Attributes
    ----------
    motion : float array, shape (N, P, 2)
        On the N ticks of ``clock``.
    """

    def __init__(self, times: Floats, motion: Floats, rate: float) -> None:
        self.clock = np.arange(times[0], times[-1] + 0.5 / rate, 1.0 / rate)
        self.rate = rate
        flat = motion.reshape(len(motion), -1)
        # Faster cameras are averaged down to the clock first: noise falls, movements stay.
        sigma = 0.5 / (rate * max(float(np.median(np.diff(times))), 1e-6))
        if sigma > 0.75:
            flat = gaussian_filter1d(flat, sigma, axis=0, mode="nearest")
        self.motion = self.on_clock(times, flat).reshape(-1, len(PARTS), 2)

    def __len__(self) -> int:
        return len(self.clock)

    def on_clock(self, times: Floats, values: Floats) -> Floats:
        """Values (n, k) at `times`, interpolated to the clock (N, k)."""
        return np.stack([np.interp(self.clock, times, column) for column in values.T], axis=1)

    def ticks(self, seconds: float) -> int:
        """A length of time in whole ticks, at least one."""
        return max(1, round(seconds * self.rate))

    def smooth(self, seconds: float) -> Floats:
        """Motion smoothed by a Gaussian of the given standard deviation, (N, P, 2)."""
        sigma = seconds * self.rate
        if sigma < 0.3:
            return self.motion
        return np.asarray(gaussian_filter1d(self.motion, sigma, axis=0, mode="nearest"))

    def _sides(self, half: float) -> tuple[Floats, Floats]:
        """How far each part is from where it was, and from where it will be, (N, P, 2) each."""
        smooth = self.smooth(0.12 * half)
        k, index = self.ticks(half), np.arange(len(self))
        return (
            smooth - smooth[np.maximum(index - k, 0)],
            smooth - smooth[np.minimum(index + k, len(self) - 1)],
        )

    def bump(self, half: float) -> Floats:
        """How far each part is from the mean of where it was and will be `half` seconds away."""
        before, after = self._sides(half)
        return 0.5 * (before + after)

    def dip(self, half: float) -> Floats:
        """Like :meth:`bump` but against the nearer of the two sides, so zero on a step."""
        before, after = self._sides(half)
        return np.where(before * after > 0, np.sign(before) * np.minimum(np.abs(before), np.abs(after)), 0.0)

    def rest(self) -> Floats:
        """Slowly moving rest position: running median over eight seconds, (N, P, 2)."""
        step = self.ticks(0.1)
        coarse = self.motion[::step].reshape(-1, 2 * len(PARTS))
        window = min(2 * round(4.0 * self.rate / step) + 1, 2 * (len(coarse) // 2) + 1)
        rest = median_filter(coarse, size=(window, 1), mode="nearest")
        rest = gaussian_filter1d(rest, 4.0, axis=0, mode="nearest")
        at = np.arange(len(self)) / step
        full = np.stack([np.interp(at, np.arange(len(rest)), c) for c in rest.T], axis=1)
        return full.reshape(-1, len(PARTS), 2)


def without_gaps(times: Floats, motion: Floats) -> Floats:
    """Motion (n, P, 2) with a straight line where a part is not in the picture (NaN).

    Parts that are mostly missing stay at rest: what little is seen of them cannot be told from noise.
    """
    there = np.asarray(np.isfinite(motion).all(axis=2))
    out = motion.copy()
    for part in np.flatnonzero(~there.all(axis=0)):
        seen = there[:, part]
        if seen.mean() < MOSTLY:
            out[:, part] = 0.0
            continue
        for axis in (0, 1):
            out[:, part, axis] = np.interp(times, times[seen], motion[seen, part, axis])
    return out


def length(motion: Floats) -> Floats:
    """Length of displacements (..., 2)."""
    return np.hypot(motion[..., 0], motion[..., 1])


def top_two(values: Floats) -> Floats:
    """Mean of the two largest values along the last axis: one noisy part does not make an event."""
    return np.asarray(np.sort(values, axis=-1)[..., -2:].mean(axis=-1))


def noise_levels(runs: Iterable[Run], floor: float) -> dict[float, Floats]:
    """Noise of every part at every scale over the whole video, px200, (P,) each.

    The median of the length of the bumps; of a 2-D Gaussian of deviation s it is 1.177 s.
    """
    sizes: dict[float, list[NDArray[np.float32]]] = {half: [] for half in HALVES}
    for run in runs:
        for half in HALVES:
            sizes[half].append(length(run.bump(half)).astype(np.float32))
    levels = {}
    for half, parts in sizes.items():
        level = np.median(np.concatenate(parts), axis=0) / 1.177 if parts else np.zeros(len(PARTS))
        levels[half] = np.maximum(level, floor)
    return levels


def extent(curve: Floats, peak: int, reach: int, level: float) -> tuple[int, int]:
    """Where a bump begins and ends: the last tick under `level` of its height on either side."""
    lo, hi = max(peak - reach, 0), min(peak + reach, len(curve) - 1)
    left, right = curve[lo : peak + 1], curve[peak : hi + 1]
    rise = left <= left.min() + level * (curve[peak] - left.min())
    fall = right <= right.min() + level * (curve[peak] - right.min())
    onset = lo + int(np.flatnonzero(rise)[-1]) if rise.any() else lo
    offset = peak + int(np.flatnonzero(fall)[0]) if fall.any() else hi
    return onset, offset


def intervals(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs ``[start, stop)`` of true values.

    Examples
    --------
    >>> intervals(np.array([False, True, True, False, True]))
    [(1, 3), (4, 5)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
