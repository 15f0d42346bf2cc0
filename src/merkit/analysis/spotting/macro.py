"""Macro-expressions: the face changes within half a second and stays so for longer than a micro."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from merkit.analysis.spotting.config import Floats, Interval, SpotConfig
from merkit.analysis.spotting.run import BROWS, LIDS, MOUTH, Run, length, top_two
from merkit.faces.geometry import PARTS


def macro_expressions(
    run: Run,
    blinks: list[tuple[int, int]],
    speech: list[tuple[int, int]],
    micros: list[Interval],
    config: SpotConfig,
) -> list[Interval]:
    """Find lasting changes: from a change until it is undone, or until another as strong.

    Lids are left out, since they follow the gaze; mouth and chin while somebody speaks; brows around
    blinks.  The way back of an expression is a change too, but no new expression.
    """
    smooth = run.smooth(0.06)
    n, k = len(run), run.ticks(0.25)
    index = np.arange(n)
    step = smooth[np.minimum(index + k, n - 1)] - smooth[np.maximum(index - k, 0)]
    size = np.where(_used(n, k, blinks, speech), length(step), 0.0)
    out: list[Interval] = []
    # The upper and the lower face act on their own: raised brows must not drown in a fading smile.
    for half in (BROWS, ~BROWS):
        for found in _half_face(run, smooth, step, np.where(half, size, 0.0), micros, config):
            twin = next((o for o in out if _iou(o, found) > 0.5), None)
            if twin is None:
                out.append(found)
            elif found.amplitude > twin.amplitude:
                out[out.index(twin)] = found
    return out


def _half_face(
    run: Run, smooth: Floats, step: Floats, size: Floats, micros: list[Interval], config: SpotConfig
) -> list[Interval]:
    """Lasting changes of the parts with a size, (N, P); `step` is the change within half a second."""
    k = run.ticks(0.25)
    change = top_two(size)
    typical = float(np.median(change))
    level = max(config.macro_px / config.sensitivity, config.macro_z * typical)
    peaks = np.flatnonzero((change == maximum_filter1d(change, 2 * k + 1)) & (change > level))
    out: list[Interval] = []
    last: Floats | None = None
    for number, peak in enumerate(peaks):
        direction = np.where((size[peak] >= 0.4 * size[peak].max())[:, None], step[peak], 0.0)
        back = last is not None and _undoes(direction, last)
        last = None if back else direction
        if back or any(m.onset - k <= peak <= m.offset + k for m in micros):
            continue
        rivals = peaks[number + 1 :][change[peaks[number + 1 :]] >= 0.6 * change[peak]]
        found = _shape(run, smooth, direction, int(peak), k, rivals, config)
        if found is not None:
            onset, apex, offset = found
            amplitude = float(top_two(length(smooth[apex] - smooth[onset])))
            if amplitude > config.macro_most_px:
                continue
            score = float(change[peak]) / max(typical, config.noise_floor)
            out.append(Interval(onset, apex, offset, "macro", score, amplitude))
    return out


def _iou(a: Interval, b: Interval) -> float:
    both = min(a.offset, b.offset) - max(a.onset, b.onset) + 1
    return max(both, 0) / (max(a.offset, b.offset) - min(a.onset, b.onset) + 1)


def _undoes(direction: Floats, last: Floats) -> bool:
    """Whether a change goes back on the one before it, and does little else."""
    along, before = float((direction * last).sum()), float((last * last).sum())
    return along < -0.5 * before and along < -0.6 * float(np.sqrt(before * (direction * direction).sum()))


def _used(n: int, k: int, blinks: list[tuple[int, int]], speech: list[tuple[int, int]]) -> NDArray[np.bool_]:
    used = np.ones((n, len(PARTS)), dtype=bool)
    used[:, LIDS] = False
    for a, b in speech:
        used[a : b + 1, MOUTH] = False
    for a, b in blinks:
        used[max(a - k, 0) : b + 1 + k, BROWS] = False
    return used


def _shape(
    run: Run,
    smooth: Floats,
    direction: Floats,
    peak: int,
    k: int,
    rivals: NDArray[np.intp],
    config: SpotConfig,
) -> tuple[int, int, int] | None:
    """Onset, apex and offset of the change at `peak`, or None if it is too short."""
    n = len(run)
    curve = np.tensordot(smooth, direction / np.sqrt((direction**2).sum()), axes=2)
    start, stop = max(peak - 2 * k, 0), min(peak + 2 * k, n - 1)
    floor, top = float(curve[start : peak + 1].min()), float(curve[peak : stop + 1].max())
    onset = start + int(np.flatnonzero(curve[start : peak + 1] <= floor + 0.15 * (top - floor))[-1])
    after = curve[peak:]
    best = np.maximum.accumulate(after)
    undone = np.flatnonzero((after < floor + 0.3 * (best - floor)) & (np.arange(len(after)) > k))
    ends = [n - 1, onset + run.ticks(config.macro_longest_s)]
    ends += [peak + int(u) for u in undone[:1]] + [int(r) for r in rivals[rivals > onset + 2 * k][:1]]
    offset = min(ends)
    if (offset - onset) / run.rate <= config.micro_s or offset - onset < 3:
        return None
    apex = min(max(peak + int(np.argmax(curve[peak : offset + 1])), onset + 1), offset - 1)
    return onset, apex, offset
