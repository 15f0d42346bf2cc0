"""From what was measured in every frame to intervals.

The seam to other spotters: :func:`spot` takes a :class:`~merkit.analysis.scan.Scan` and returns a
:class:`~merkit.analysis.spotting.config.Spotting`.  Nothing here opens a picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from merkit.analysis.scan import STATUS, Scan
from merkit.analysis.spotting.config import Floats, Interval, Span, SpotConfig, Spotting
from merkit.analysis.spotting.distractors import blinks, head_motion, rigid_curve, speech
from merkit.analysis.spotting.macro import macro_expressions
from merkit.analysis.spotting.micro import Context, micro_expressions
from merkit.analysis.spotting.run import Run, intervals, length, noise_levels, without_gaps
from merkit.faces.geometry import PARTS

PIECE_S, MARGIN_S = 120.0, 15.0
"""Long runs are searched in pieces of so many seconds, with so much of their surroundings."""


def spot(scan: Scan, config: SpotConfig | None = None) -> Spotting:
    """Find micro- and macro-expressions in the motion of the parts of a face.

    Parameters
    ----------
    scan : Scan
    config : SpotConfig, optional

    Returns
    -------
    Spotting
        Micro-expressions never overlap each other; macro-expressions can.
    """
    config = _for_face(config or SpotConfig(), scan)
    n = len(scan)
    curves = np.full((n, len(PARTS)), np.nan)
    head_speed = np.full(n, np.nan)
    fast, searched = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    found: list[Interval] = []
    spans = [
        Span(kind, a, b, False)
        for name, kind in (("none", "no face"), ("hidden", "hidden"))
        for a, b in intervals(scan.status == STATUS.index(name))
    ]
    rate = _clock_rate(scan.times)
    pieces = [piece for frames in _tracked_runs(scan) for piece in _pieces(frames, scan.times)]

    def run_of(piece: _Piece) -> Run:
        times = scan.times[piece.frames]
        return Run(times, without_gaps(times, scan.motion[piece.frames].astype(np.float64)), rate)

    noise = noise_levels((run_of(piece) for piece in pieces), config.noise_floor)
    for piece in pieces:
        frames, run, own = piece.frames, run_of(piece), piece.frames[piece.own]
        times = scan.times[frames]
        rigid = rigid_curve(scan, frames)
        speed, too_fast = head_motion(times, rigid, config)
        searched[own] = True
        head_speed[own], fast[own] = speed[piece.own], too_fast[piece.own]
        away = length(run.motion - run.rest())
        on_frames = np.stack([np.interp(times, run.clock, c) for c in away.T], axis=1)
        on_frames[~np.isfinite(scan.motion[frames]).all(axis=2)] = np.nan
        curves[own] = on_frames[piece.own]
        context = Context(
            noise,
            blinks(run, noise, config),
            speech(run, noise, config),
            run.on_clock(times, (~too_fast[:, None]).astype(np.float64))[:, 0] > 0.5,
            run.on_clock(times, rigid),
        )
        micros = micro_expressions(run, context, config)
        macros = macro_expressions(run, context.blinks, context.speech, micros, config)
        frame = _frame_of_tick(run, times, frames)
        here = [_in_frames(m, frame) for m in micros + macros]
        found += [f for f in here if own[0] <= f.apex <= own[-1]]
        for kind, ticks in (("blink", context.blinks), ("speech", context.speech)):
            there = [Span(kind, int(frame[a]), int(frame[b]) + 1, True) for a, b in ticks]
            spans += [span for span in there if own[0] <= span.start <= own[-1]]
    spans += [Span("head motion", a, b, False) for a, b in intervals(fast)]
    return Spotting(
        sorted((f for f in found if f.onset < f.apex < f.offset), key=lambda f: (f.onset, f.apex)),
        sorted(spans, key=lambda s: (s.start, s.stop, s.kind)),
        searched & ~fast,
        curves,
        head_speed,
    )


def _for_face(config: SpotConfig, scan: Scan) -> SpotConfig:
    """Thresholds for the size of this face: what the camera cannot resolve is not looked for.

    They hold for faces of 200 px and more; in smaller ones the same px200 is less of a pixel.
    """
    if not scan.tracked.any():
        return config
    coarse = max(1.0, float(np.median(scan.px200_scale[scan.tracked])))
    return replace(config, micro_px=config.micro_px * coarse, noise_floor=config.noise_floor * coarse)


def _clock_rate(times: Floats) -> float:
    """Rate of the uniform clock: that of the video, at most about 100 a second."""
    if len(times) < 2:
        return 25.0
    rate = 1.0 / max(float(np.median(np.diff(times))), 1e-4)
    return rate / max(1, round(rate / 100.0))


def _tracked_runs(scan: Scan) -> list[NDArray[np.intp]]:
    """Frames of every unbroken segment that is long enough to hold a movement."""
    out = []
    for number in np.unique(scan.segment[scan.tracked]):
        frames = np.flatnonzero(scan.tracked & (scan.segment == number))
        if len(frames) >= 5 and scan.times[frames[-1]] - scan.times[frames[0]] >= 0.2:
            out.append(frames)
    return out


@dataclass(frozen=True)
class _Piece:
    """Frames that are searched at once, and which of them (a slice) are reported."""

    frames: NDArray[np.intp]
    own: slice


def _pieces(frames: NDArray[np.intp], times: Floats) -> list[_Piece]:
    """Cut a long run into pieces with margins, so that memory does not grow with the video."""
    t = times[frames]
    cuts = np.searchsorted(t, np.arange(t[0], t[-1], PIECE_S))
    if len(cuts) > 1 and t[-1] - t[cuts[-1]] < MARGIN_S:
        cuts = cuts[:-1]
    pieces = []
    for first, last in zip(cuts, [*cuts[1:], len(frames)], strict=True):
        low = int(np.searchsorted(t, t[first] - MARGIN_S))
        high = int(np.searchsorted(t, t[last - 1] + MARGIN_S, side="right"))
        pieces.append(_Piece(frames[low:high], slice(int(first) - low, int(last) - low)))
    return pieces


def _frame_of_tick(run: Run, times: Floats, frames: NDArray[np.intp]) -> NDArray[np.intp]:
    """The frame nearest to every tick of the clock, (N,)."""
    after = np.clip(np.searchsorted(times, run.clock), 1, len(times) - 1)
    nearer = np.abs(times[after - 1] - run.clock) <= np.abs(times[after] - run.clock)
    return np.asarray(frames[after - nearer])


def _in_frames(found: Interval, frame: NDArray[np.intp]) -> Interval:
    return replace(
        found,
        onset=int(frame[found.onset]),
        apex=int(frame[found.apex]),
        offset=int(frame[found.offset]),
    )
