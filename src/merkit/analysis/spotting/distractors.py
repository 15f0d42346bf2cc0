"""What moves a face and is no expression: blinks, speech, and the head itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from merkit.analysis.scan import Scan
from merkit.analysis.spotting.config import Floats, SpotConfig
from merkit.analysis.spotting.run import BROWS, JAW, LIDS, Run, extent, intervals, length


def blinks(run: Run, noise: dict[float, Floats], config: SpotConfig) -> list[tuple[int, int]]:
    """Both upper lids down and up again within half a second, more than anything else moves.

    Returns
    -------
    list of (int, int)
        First and last tick, not overlapping.
    """
    out: list[tuple[int, int]] = []
    down = np.maximum(run.dip(0.17)[:, LIDS, 1], run.dip(0.24)[:, LIDS, 1]).min(axis=1)
    others = length(run.bump(0.24)[:, ~LIDS & ~BROWS]).mean(axis=1)
    threshold = max(config.blink_px, 4.0 * float(noise[0.24][LIDS].mean()))
    lid = run.smooth(0.01)[:, LIDS, 1].mean(axis=1)
    for a, b in intervals((down > threshold) & (down > 2.0 * others)):
        first, last = extent(lid, a + int(np.argmax(down[a:b])), run.ticks(0.35), 0.2)
        if out and first <= out[-1][1]:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return out


def speech(run: Run, noise: dict[float, Floats], config: SpotConfig) -> list[tuple[int, int]]:
    """Where lips and chin go up and down again and again, for 0.8 s at least.

    Returns
    -------
    list of (int, int)
        First and last tick, not overlapping.
    """
    energy = np.abs(run.dip(0.12)[:, JAW, 1]).max(axis=1)
    threshold = max(config.speech_px, 3.0 * float(noise[0.12][JAW].mean()))
    peaks = (energy == maximum_filter1d(energy, max(3, run.ticks(0.1)))) & (energy > threshold)
    window = run.ticks(0.75)
    count = np.convolve(peaks.astype(float), np.ones(2 * window + 1), mode="full")[window:-window]
    out: list[tuple[int, int]] = []
    for a, b in intervals(count / 1.5 >= config.speech_rate):
        inside = np.flatnonzero(peaks[max(a - window, 0) : b + window]) + max(a - window, 0)
        first, last = int(inside[0]), int(inside[-1])
        if out and first <= out[-1][1] + window:
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            out.append((first, last))
    return [(a, b) for a, b in out if b - a >= 0.8 * run.rate]


def rigid_curve(scan: Scan, frames: NDArray[np.intp]) -> Floats:
    """Rigid position of the head in px200: two eyes and mouth (x, y) and the parallax, (n, 8)."""
    anchors = scan.anchors(frames)
    scale = float(np.median(scan.px200_scale[frames]))
    return np.concatenate([anchors.reshape(len(frames), -1) * scale, scan.turn[frames]], axis=1)


def swing(moved: Floats) -> tuple[Floats, Floats]:
    """Largest shift of an anchor and the parallax in differences of rigid curves (..., 8)."""
    shift = np.hypot(moved[..., 0:6:2], moved[..., 1:6:2]).max(axis=-1)
    return np.asarray(shift), np.hypot(moved[..., 6], moved[..., 7])


def head_motion(times: Floats, rigid: Floats, config: SpotConfig) -> tuple[Floats, NDArray[np.bool_]]:
    """Speed of the head in px200 a second, (n,), and where it is too fast to see an expression."""
    earlier = np.searchsorted(times, times - 0.1)
    later = np.minimum(np.searchsorted(times, times + 0.1), len(times) - 1)
    shift, parallax = swing(rigid[later] - rigid[earlier])
    speed = shift / np.maximum(times[later] - times[earlier], 1e-3)
    fast = (shift > config.head_px) | (parallax > config.turn_px)
    margin = max(1, round(0.2 / max(float(np.median(np.diff(times))), 1e-3)))
    return speed, np.asarray(maximum_filter1d(fast.astype(np.uint8), margin) > 0)
