"""Micro-expressions: short movements that come back and stand out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from merkit.analysis.spotting.config import Floats, Interval, SpotConfig
from merkit.analysis.spotting.distractors import swing
from merkit.analysis.spotting.run import HALVES, Run, extent, length, top_two


@dataclass(frozen=True)
class Context:
    """What is known of a run beside its motion, all on its clock.

    ``quiet`` is false where the head is too fast, ``rigid`` the curve of the head, (N, 8).
    """

    noise: dict[float, Floats]
    blinks: list[tuple[int, int]]
    speech: list[tuple[int, int]]
    quiet: NDArray[np.bool_]
    rigid: Floats


def micro_expressions(run: Run, context: Context, config: SpotConfig) -> list[Interval]:
    """Find short movements that stand out from noise and from what is around them.

    Candidates are peaks of the bump filter at several widths, the clearest first; each is measured
    along its own direction and must pass every test of :func:`_shape` and below.
    """
    candidates: list[tuple[float, int, float]] = []
    for half in HALVES:
        z = top_two(length(run.bump(half)) / context.noise[half])
        peaks = (z == maximum_filter1d(z, max(3, run.ticks(0.12)))) & (
            z * config.sensitivity > config.micro_z
        )
        candidates += [(float(z[p]), int(p), half) for p in np.flatnonzero(peaks)]
    shut = np.zeros(len(run), dtype=bool)
    for a, b in context.blinks:
        shut[max(a - 2, 0) : b + 3] = True
    accepted: list[Interval] = []
    for score, peak, half in sorted(candidates, reverse=True):
        if any(m.onset - 2 <= peak <= m.offset + 2 for m in accepted):
            continue
        found = _shape(run, context.noise[half], config, score, peak, half, shut)
        if found is None or any(m.onset < found.offset and found.onset < m.offset for m in accepted):
            continue
        if not _explained(found, context, config):
            accepted.append(found)
    return accepted


def _explained(found: Interval, context: Context, config: SpotConfig) -> bool:
    """Whether a blink, speech, or what leaks from a moving head accounts for the movement."""
    a, b = found.onset, found.offset
    covered = max((min(b, y) - max(a, x) + 1 for x, y in context.blinks + context.speech), default=0)
    if covered > 0.3 * (b - a + 1) or context.quiet[a : b + 1].mean() < 0.7:
        return True
    rigid = context.rigid
    shift, parallax = swing(rigid[found.apex] - 0.5 * (rigid[a] + rigid[b]))
    return bool(found.amplitude < config.leak * (shift + 2.0 * parallax))


def _shape(
    run: Run,
    noise: Floats,
    config: SpotConfig,
    score: float,
    peak: int,
    half: float,
    shut: NDArray[np.bool_],
) -> Interval | None:
    """Measure one bump along its own direction: onset, apex, offset, isolation; None if it is none."""
    bump = run.bump(half)[peak]
    size = length(bump)
    amplitude = float(top_two(size))
    if amplitude * config.sensitivity < config.micro_px:
        return None
    # Matched filter: the parts that carry this movement, weighted by how clean they are.
    carries = size / noise >= 0.5 * np.sort(size / noise)[-2]
    weight = np.where(carries[:, None], bump / noise[:, None] ** 2, 0.0)
    curve = np.tensordot(run.smooth(max(0.012, 0.08 * half)), weight, axes=2) / float((weight * bump).sum())
    reach = run.ticks(max(1.6 * half, 0.2))
    near = max(1, reach // 3)
    start = max(peak - near, 0)
    apex = start + int(np.argmax(curve[start : peak + near + 1]))
    onset, offset = extent(curve, apex, reach, 0.15)
    # Both ends are known to a frame at best; slower cameras than 20 a second get no more allowance.
    longest = config.micro_s + min(1.0 / run.rate, 0.05)
    if not onset < apex < offset or (offset - onset) / run.rate > longest:
        return None
    height = float(curve[apex] - 0.5 * (curve[onset] + curve[offset]))
    if curve[apex] - max(curve[onset], curve[offset]) < 0.6 * height:
        return None
    second, gap = run.ticks(1.0), run.ticks(0.04)
    # A blink nearby moves the brows too, and tells nothing about this movement.
    around = [
        curve[part][~shut[part]]
        for part in (slice(max(onset - second, 0), max(onset - gap, 0)), slice(offset + gap, offset + second))
    ]
    if sum(map(len, around)) < config.context_s * run.rate:
        return None
    if height < config.isolation / config.sensitivity * max(float(np.ptp(a)) for a in around if len(a)):
        return None
    return Interval(onset, apex, offset, "micro", score, amplitude)
