"""From motion curves to intervals: where something moved and came back, and what it was not.

The seam to other spotters: :func:`spot` takes a :class:`~merkit.analysis.scan.Scan` and returns
:class:`Found` intervals and the stretches that explain the rest.  Nothing here opens a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, median_filter

from merkit.analysis.scan import STATUS, Scan
from merkit.faces.geometry import PARTS

Floats = NDArray[np.float64]

_REGION = np.array([part.region for part in PARTS])
_LIDS = _REGION == "lids"
_BROWS = _REGION == "brows"
_MOUTH = np.isin(_REGION, ["lip corners", "lips", "chin"])
_JAW = np.isin(_REGION, ["lips", "chin"])
_NOT_EYES = ~_LIDS & ~_BROWS


@dataclass(frozen=True)
class SpotConfig:
    """Thresholds; lengths in px200 (pixels at a face width of 200 px), times in seconds.

    ``sensitivity`` divides the thresholds on motion: 2 finds movements half as large and raises
    more false alarms.
    """

    sensitivity: float = 1.0
    micro_s: float = 0.5
    """Longest micro-expression (field convention: up to half a second)."""
    micro_px: float = 0.15
    """Least motion of a micro-expression, mean over its two most moving parts."""
    micro_z: float = 6.0
    """The same against the noise of this video."""
    isolation: float = 1.8
    """Least ratio of the motion to what the same parts do in the second before and after."""
    macro_px: float = 1.6
    """Least change of the face within half a second that begins a macro-expression."""
    macro_z: float = 2.0
    """The same against the median change in the same stretch."""
    macro_longest_s: float = 8.0
    noise_floor: float = 0.025
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
class Found:
    """One interval; frames are positions in the video."""

    onset: int
    apex: int
    offset: int
    kind: Literal["micro", "macro"]
    score: float
    amplitude: float
    """px200, mean over the two most moving parts."""


@dataclass(frozen=True)
class Span:
    """A stretch ``[start, stop)`` of frames that is something else."""

    kind: str
    start: int
    stop: int
    observable: bool


@dataclass(frozen=True)
class Spotting:
    """What :func:`spot` returns; ``curves`` are px200 a part against the local baseline, (T, P)."""

    found: list[Found]
    spans: list[Span]
    observable: NDArray[np.bool_]
    curves: Floats
    head_speed: Floats


class _Run:
    """One unbroken stretch of tracking on a uniform clock."""

    def __init__(self, times: Floats, motion: Floats, rate: float) -> None:
        self.clock = np.arange(times[0], times[-1] + 0.5 / rate, 1.0 / rate)
        self.rate = rate
        flat = motion.reshape(len(motion), -1)
        step = np.median(np.diff(times)) if len(times) > 1 else 1.0 / rate
        # Faster cameras are averaged down to the clock first: noise falls, MEs stay.
        sigma = 0.5 * (1.0 / rate) / max(step, 1e-6)
        if sigma > 0.75:
            flat = gaussian_filter1d(flat, sigma, axis=0, mode="nearest")
        self.motion = np.stack([np.interp(self.clock, times, c) for c in flat.T], axis=1).reshape(
            -1, len(PARTS), 2
        )

    def smooth(self, seconds: float) -> Floats:
        """Motion smoothed by a Gaussian of the given standard deviation."""
        sigma = seconds * self.rate
        if sigma < 0.3:
            return self.motion
        return np.asarray(gaussian_filter1d(self.motion, sigma, axis=0, mode="nearest"))

    def bump(self, half: float) -> Floats:
        """How far each part is from the mean of where it was and will be `half` seconds away."""
        smooth = self.smooth(0.12 * half)
        k = max(1, round(half * self.rate))
        n = len(smooth)
        before = smooth[np.maximum(np.arange(n) - k, 0)]
        after = smooth[np.minimum(np.arange(n) + k, n - 1)]
        return smooth - 0.5 * (before + after)

    def dip(self, half: float) -> Floats:
        """Like :meth:`bump` but against the nearer of the two sides: zero on a step, (n, P, 2)."""
        smooth = self.smooth(0.12 * half)
        k = max(1, round(half * self.rate))
        n = len(smooth)
        before = smooth - smooth[np.maximum(np.arange(n) - k, 0)]
        after = smooth - smooth[np.minimum(np.arange(n) + k, n - 1)]
        return np.where(before * after > 0, np.sign(before) * np.minimum(np.abs(before), np.abs(after)), 0.0)


def spot(scan: Scan, config: SpotConfig | None = None) -> Spotting:
    """Find micro- and macro-expressions in the motion of the parts of a face.

    Parameters
    ----------
    scan : Scan
    config : SpotConfig, optional

    Returns
    -------
    Spotting
        Events in order of onset; never overlapping in one kind.
    """
    config = config or SpotConfig()
    n = len(scan)
    head_speed, fast = _head(scan, config)
    spans = _missing(scan)
    curves = np.full((n, len(PARTS)), np.nan)
    observable = scan.tracked & ~fast
    found: list[Found] = []
    runs = _runs(scan)
    rate = _clock_rate(scan.times)
    prepared = [(frames, _Run(scan.times[frames], scan.motion[frames].astype(float), rate)) for frames in runs]
    noise = _noise([run for _, run in prepared], config)
    for frames, run in prepared:
        times = scan.times[frames]
        to_clock = np.interp(times, run.clock, np.arange(len(run.clock)))
        baseline = _baseline(run)
        distance = np.hypot(*np.moveaxis(run.motion - baseline, -1, 0))
        curves[frames] = np.stack([np.interp(times, run.clock, c) for c in distance.T], axis=1)
        quiet = np.interp(run.clock, times, (~fast[frames]).astype(float)) > 0.5
        blinks = _blinks(run, noise, config)
        speech = _speech(run, noise, config)
        rigid = np.stack(
            [np.interp(run.clock, times, c) for c in _rigid_curve(scan, frames).T], axis=1
        )

        def frame_of(position: int, frames: NDArray[np.intp] = frames, to_clock: Floats = to_clock) -> int:
            return int(frames[int(np.argmin(np.abs(to_clock - position)))])

        spans += [Span("blink", frame_of(a), frame_of(b) + 1, True) for a, b in blinks]
        spans += [Span("speech", frame_of(a), frame_of(b) + 1, True) for a, b in speech]
        candidates = _micros(run, noise, config, blinks, speech, quiet, rigid)
        macros = _macros(run, config, blinks, speech, candidates)
        for c in candidates + macros:
            found.append(
                Found(frame_of(c.onset), frame_of(c.apex), frame_of(c.offset), c.kind, c.score, c.amplitude)
            )
    spans += [Span("head motion", a, b, False) for a, b in _intervals(scan.tracked & fast)]
    return Spotting(
        sorted(found, key=lambda f: (f.onset, f.apex)),
        sorted(spans, key=lambda s: (s.start, s.stop, s.kind)),
        observable,
        curves,
        head_speed,
    )


# -- the video as a whole ---------------------------------------------------------------------------


def _clock_rate(times: Floats) -> float:
    """Rate of the uniform clock: that of the video, at most about 100 a second."""
    if len(times) < 2:
        return 25.0
    rate = 1.0 / max(float(np.median(np.diff(times))), 1e-4)
    return rate / max(1, round(rate / 100.0))


def _intervals(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs ``[start, stop)`` of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _runs(scan: Scan) -> list[NDArray[np.intp]]:
    """Frames of every unbroken segment that is long enough to hold a movement."""
    out = []
    for number in np.unique(scan.segment[scan.tracked]):
        frames = np.flatnonzero(scan.tracked & (scan.segment == number))
        if len(frames) >= 5 and scan.times[frames[-1]] - scan.times[frames[0]] >= 0.2:
            out.append(frames)
    return out


def _missing(scan: Scan) -> list[Span]:
    spans = []
    for name, kind in (("none", "no face"), ("hidden", "hidden")):
        mask = scan.status == STATUS.index(name)
        spans += [Span(kind, a, b, False) for a, b in _intervals(mask)]
    return spans


def _rigid_curve(scan: Scan, frames: NDArray[np.intp]) -> Floats:
    """Rigid position of the head in px200: eyes, mouth (x, y) and parallax, (n, 8)."""
    anchors = scan.anchors()[frames]
    scale = float(np.median(scan.px200_scale[frames]))
    return np.concatenate([anchors.reshape(len(frames), -1) * scale, scan.turn[frames]], axis=1)


def _head(scan: Scan, config: SpotConfig) -> tuple[Floats, NDArray[np.bool_]]:
    """Speed of the head (px200 a second) and where it is too fast to see a micro-expression."""
    n = len(scan)
    speed = np.full(n, np.nan)
    fast = np.zeros(n, dtype=bool)
    for frames in _runs(scan):
        times = scan.times[frames]
        curve = _rigid_curve(scan, frames)
        earlier = np.searchsorted(times, times - 0.1)
        later = np.minimum(np.searchsorted(times, times + 0.1), len(times) - 1)
        moved = curve[later] - curve[earlier]
        shift = np.hypot(moved[:, 0:6:2], moved[:, 1:6:2]).max(axis=1)
        parallax = np.hypot(moved[:, 6], moved[:, 7])
        span = np.maximum(times[later] - times[earlier], 1e-3)
        speed[frames] = shift / span
        hit = (shift > config.head_px) | (parallax > config.turn_px)
        if hit.any():
            margin = max(1, round(0.2 / max(float(np.median(np.diff(times))), 1e-3)))
            fast[frames] = maximum_filter1d(hit.astype(np.uint8), margin) > 0
    return speed, fast


_HALVES = (0.08, 0.12, 0.17, 0.24, 0.34)


def _noise(runs: list[_Run], config: SpotConfig) -> dict[float, Floats]:
    """Noise of every part at every scale: median absolute bump over the whole video, (P,)."""
    out = {}
    for half in _HALVES:
        sizes = [np.hypot(*np.moveaxis(run.bump(half), -1, 0)) for run in runs]
        if sizes:
            # The length of a 2-D Gaussian of deviation s has median 1.177 s.
            level = np.median(np.concatenate(sizes), axis=0) / 1.177
        else:
            level = np.zeros(len(PARTS))
        out[half] = np.maximum(level, config.noise_floor)
    return out


def _baseline(run: _Run) -> Floats:
    """Slowly moving rest position: running median over eight seconds, at a reduced rate."""
    step = max(1, round(0.1 * run.rate))
    coarse = run.motion[::step].reshape(-1, 2 * len(PARTS))
    window = min(2 * round(4.0 * run.rate / step) + 1, 2 * (len(coarse) // 2) + 1)
    rest = median_filter(coarse, size=(window, 1), mode="nearest")
    rest = gaussian_filter1d(rest, 4.0, axis=0, mode="nearest")
    at = np.arange(len(run.clock)) / step
    full = np.stack([np.interp(at, np.arange(len(rest)), c) for c in rest.T], axis=1)
    return full.reshape(-1, len(PARTS), 2)


# -- what is not an expression ----------------------------------------------------------------------


def _blinks(run: _Run, noise: dict[float, Floats], config: SpotConfig) -> list[tuple[int, int]]:
    """Both upper lids down and up again within half a second, more than anything else moves."""
    out: list[tuple[int, int]] = []
    down = np.maximum(run.dip(0.17)[:, _LIDS, 1], run.dip(0.24)[:, _LIDS, 1]).min(axis=1)
    others = np.hypot(*np.moveaxis(run.bump(0.24)[:, _NOT_EYES], -1, 0)).mean(axis=1)
    threshold = max(config.blink_px, 4.0 * float(noise[0.24][_LIDS].mean()))
    for a, b in _intervals((down > threshold) & (down > 2.0 * others)):
        peak = a + int(np.argmax(down[a:b]))
        lid = run.smooth(0.01)[:, _LIDS, 1].mean(axis=1)
        reach = round(0.35 * run.rate)
        lo, hi = _extent(lid, peak, reach, 0.2)
        if out and lo <= out[-1][1]:
            out[-1] = (out[-1][0], max(hi, out[-1][1]))
        else:
            out.append((lo, hi))
    return out


def _speech(run: _Run, noise: dict[float, Floats], config: SpotConfig) -> list[tuple[int, int]]:
    """Where the mouth moves again and again: at least so many movements a second for a second."""
    vertical = np.abs(run.dip(0.12)[:, _JAW, 1])
    energy = vertical.max(axis=1)
    threshold = max(config.speech_px, 3.0 * float(noise[0.12][_JAW].mean()))
    peaks = (energy == maximum_filter1d(energy, max(3, round(0.1 * run.rate)))) & (energy > threshold)
    window = max(1, round(0.75 * run.rate))
    count = np.convolve(peaks.astype(float), np.ones(2 * window + 1), mode="same") / 1.5
    talking = count >= config.speech_rate
    out = []
    for a, b in _intervals(talking):
        inside = np.flatnonzero(peaks[max(a - window, 0) : b + window]) + max(a - window, 0)
        if len(inside):
            out.append((int(inside[0]), int(inside[-1])))
    merged: list[tuple[int, int]] = []
    for a, b in out:
        if merged and a <= merged[-1][1] + window:
            merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
        else:
            merged.append((a, b))
    return [(a, b) for a, b in merged if b - a >= 0.8 * run.rate]


# -- expressions ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Candidate:
    onset: int
    apex: int
    offset: int
    kind: Literal["micro", "macro"]
    score: float
    amplitude: float


def _extent(curve: Floats, peak: int, reach: int, level: float) -> tuple[int, int]:
    """Where a bump begins and ends: the last point under `level` of its height on either side."""
    lo, hi = max(peak - reach, 0), min(peak + reach, len(curve) - 1)
    left, right = curve[lo : peak + 1], curve[peak : hi + 1]
    rise = left <= left.min() + level * (curve[peak] - left.min())
    fall = right <= right.min() + level * (curve[peak] - right.min())
    onset = lo + int(np.flatnonzero(rise)[-1]) if rise.any() else lo
    offset = peak + int(np.flatnonzero(fall)[0]) if fall.any() else hi
    return onset, offset


def _top_two(values: Floats) -> Floats:
    return np.asarray(np.sort(values, axis=-1)[..., -2:].mean(axis=-1))


def _overlap(a: int, b: int, spans: list[tuple[int, int]]) -> int:
    return max((min(b, y) - max(a, x) + 1 for x, y in spans), default=0)


def _micros(
    run: _Run,
    noise: dict[float, Floats],
    config: SpotConfig,
    blinks: list[tuple[int, int]],
    speech: list[tuple[int, int]],
    quiet: NDArray[np.bool_],
    rigid: Floats,
) -> list[_Candidate]:
    """Short movements that come back, stand out from noise and from what is around them."""
    candidates: list[tuple[float, int, float]] = []
    for half in _HALVES:
        bump = run.bump(half)
        size = np.hypot(*np.moveaxis(bump, -1, 0))
        z = _top_two(size / noise[half])
        peaks = (z == maximum_filter1d(z, max(3, round(0.12 * run.rate)))) & (
            z * config.sensitivity > config.micro_z
        )
        candidates += [(float(z[p]), int(p), half) for p in np.flatnonzero(peaks)]
    shut = np.zeros(len(run.clock), dtype=bool)
    for a, b in blinks:
        shut[max(a - 2, 0) : b + 3] = True
    accepted: list[_Candidate] = []
    for score, peak, half in sorted(candidates, reverse=True):
        if any(c.onset - 2 <= peak <= c.offset + 2 for c in accepted):
            continue
        candidate = _shape(run, noise[half], config, score, peak, half, shut)
        if candidate is None:
            continue
        a, b = candidate.onset, candidate.offset
        if any(c.onset < b and a < c.offset for c in accepted):
            continue
        if _overlap(a, b, blinks) > 0.3 * (b - a + 1) or _overlap(a, b, speech) > 0.3 * (b - a + 1):
            continue
        if quiet[a : b + 1].mean() < 0.7:
            continue
        moved = rigid[candidate.apex] - 0.5 * (rigid[a] + rigid[b])
        swing = float(np.hypot(moved[0:6:2], moved[1:6:2]).max() + 2.0 * np.hypot(moved[6], moved[7]))
        if candidate.amplitude < config.leak * swing:
            continue
        accepted.append(candidate)
    return accepted


def _shape(
    run: _Run,
    noise: Floats,
    config: SpotConfig,
    score: float,
    peak: int,
    half: float,
    shut: NDArray[np.bool_],
) -> _Candidate | None:
    """Measure one bump along its own direction: onset, apex, offset, isolation."""
    bump = run.bump(half)[peak]
    # Matched filter: the channels that carry this movement, weighted by how clean they are.
    weight = bump / noise[:, None] ** 2
    strength = np.hypot(*np.moveaxis(bump, -1, 0)) / noise
    weight = np.where((strength >= 0.5 * np.sort(strength)[-2])[:, None], weight, 0.0)
    amplitude = float(_top_two(np.hypot(*np.moveaxis(bump, -1, 0))))
    if amplitude * config.sensitivity < config.micro_px:
        return None
    curve = np.tensordot(run.smooth(max(0.012, 0.08 * half)), weight, axes=2) / float((weight * bump).sum())
    reach = round(max(1.6 * half, 0.2) * run.rate)
    near = slice(max(peak - max(1, reach // 3), 0), peak + max(1, reach // 3) + 1)
    apex = near.start + int(np.argmax(curve[near]))
    onset, offset = _extent(curve, apex, reach, 0.15)
    if not onset < apex < offset or (offset - onset) / run.rate > config.micro_s + 1.0 / run.rate:
        return None
    low = max(curve[onset], curve[offset])
    height = float(curve[apex] - 0.5 * (curve[onset] + curve[offset]))
    if curve[apex] - low < 0.6 * height:
        return None
    second = round(run.rate)
    gap = max(1, round(0.04 * run.rate))
    # A blink nearby moves the brows too, and tells nothing about this movement.
    around = [
        float(np.ptp(curve[part][~shut[part]]))
        for part in (slice(max(onset - second, 0), max(onset - gap, 0)), slice(offset + gap, offset + second))
        if (~shut[part]).sum() >= 3
    ]
    if around and height < config.isolation / config.sensitivity * max(around):
        return None
    return _Candidate(onset, apex, offset, "micro", score, amplitude)


def _macros(
    run: _Run,
    config: SpotConfig,
    blinks: list[tuple[int, int]],
    speech: list[tuple[int, int]],
    micros: list[_Candidate],
) -> list[_Candidate]:
    """Longer expressions: a quick change of the face, until it is undone or the stretch ends.

    Lids are left out, they follow the gaze; while somebody speaks so are mouth and chin.
    """
    smooth = run.smooth(0.06)
    n = len(smooth)
    index = np.arange(n)
    k = max(1, round(0.25 * run.rate))
    used = np.ones((n, len(PARTS)), dtype=bool)
    used[:, _LIDS] = False
    for a, b in speech:
        used[a : b + 1, _MOUTH] = False
    for a, b in blinks:
        used[max(a - k, 0) : b + 1 + k, _BROWS] = False
    step = smooth[np.minimum(index + k, n - 1)] - smooth[np.maximum(index - k, 0)]
    size = np.where(used, np.hypot(*np.moveaxis(step, -1, 0)), 0.0)
    change = _top_two(size)
    level = max(config.macro_px / config.sensitivity, config.macro_z * float(np.median(change)))
    peaks = np.flatnonzero((change == maximum_filter1d(change, 2 * k + 1)) & (change > level))
    out: list[_Candidate] = []
    last: NDArray[np.float64] | None = None
    for number, peak in enumerate(peaks):
        direction = np.where((size[peak] >= 0.4 * size[peak].max())[:, None], step[peak], 0.0)
        # The way back of an expression is a change too, but no new expression.
        back = last is not None and float((direction * last).sum()) < -0.5 * float((last * last).sum())
        last = None if back else direction
        if back or any(m.onset - k <= peak <= m.offset + k for m in micros):
            continue
        curve = np.tensordot(smooth, direction / np.sqrt((direction**2).sum()), axes=2)
        start, stop = max(peak - 2 * k, 0), min(peak + 2 * k, n - 1)
        floor = float(curve[start : peak + 1].min())
        top = float(curve[peak : stop + 1].max())
        onset = start + int(np.flatnonzero(curve[start : peak + 1] <= floor + 0.15 * (top - floor))[-1])
        after = curve[peak:]
        best = np.maximum.accumulate(after)
        undone = np.flatnonzero((after < floor + 0.3 * (best - floor)) & (np.arange(len(after)) > k))
        end = peak + int(undone[0]) if len(undone) else n - 1
        # Another change as strong makes it another expression.
        others = [p for p in peaks[number + 1 :] if change[p] >= 0.6 * change[peak] and p - onset > 2 * k]
        end = min([end, onset + round(config.macro_longest_s * run.rate), *others[:1]])
        if (end - onset) / run.rate <= config.micro_s or end - onset < 3:
            continue
        apex = min(max(peak + int(np.argmax(curve[peak : end + 1])), onset + 1), end - 1)
        amplitude = _top_two(np.hypot(*np.moveaxis(smooth[apex] - smooth[onset], -1, 0)))
        score = float(change[peak]) / max(float(np.median(change)), config.noise_floor)
        out.append(_Candidate(onset, apex, end, "macro", score, float(amplitude)))
    return out
