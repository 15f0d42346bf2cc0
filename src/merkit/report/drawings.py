"""Small inline SVG drawings: motion around one event, scores of its frames, a face that is nobody's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from markupsafe import Markup

from merkit.analysis.result import REGIONS, Analysis, Event
from merkit.faces.geometry import ASPECT, EYES

__all__ = ["face_outline", "motion_around", "scores_in_time"]

WIDTH, HEIGHT = 420, 132
LEFT, RIGHT, TOP, BOTTOM = 34, 412, 18, 110
#: At most this many points a line: the drawing is some 400 px wide.
POINTS = 160
#: Room beside the scores of an event for the words at its ends, as a fraction of its duration.
SIDE = 0.14


def motion_around(analysis: Analysis, event: Event) -> Markup:
    """Line drawing of the motion curves from before the onset to after the offset.

    The regions that the event lists are coloured, the others grey; colours are CSS variables.

    Parameters
    ----------
    analysis : Analysis
    event : Event
        One of its events.

    Returns
    -------
    Markup
        An ``<svg>`` element; empty when the curves hold nothing there.
    """
    margin = max(0.4, 0.8 * event.duration_s)
    start, stop = max(0.0, event.onset_s - margin), event.offset_s + margin
    time = analysis.curves["time_s"].to_numpy(dtype=np.float64)
    first, last = np.searchsorted(time, [start, stop])
    step = max(1, (last - first) // POINTS)
    rows = analysis.curves.iloc[first:last:step]
    regions = [name for name in REGIONS if name in rows]
    if len(rows) < 2 or not np.isfinite(rows[regions].to_numpy(dtype=np.float64)).any():
        return Markup("")
    top = max(0.5, float(np.nanmax(rows[regions].to_numpy(dtype=np.float64))) * 1.05)
    x = LEFT + (rows["time_s"].to_numpy(dtype=np.float64) - start) / (stop - start) * (RIGHT - LEFT)
    moved = [name for name in regions if any(r.name == name for r in event.regions)]
    quiet = [name for name in regions if name not in moved]
    lines = []
    for name in [*quiet, *moved]:
        y = BOTTOM - rows[name].to_numpy(dtype=np.float64) / top * (BOTTOM - TOP)
        css = f"--line:var(--{name.replace(' ', '-')})" if name in moved else "--line:var(--line-quiet)"
        lines.append(
            f'<path class="{"moved" if name in moved else "quiet"}" style="{css}" d="{_path(x, y)}"/>'
        )

    def at(seconds: float) -> float:
        return LEFT + (seconds - start) / (stop - start) * (RIGHT - LEFT)

    scale = (
        f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>'
        f'<text x="{LEFT - 5}" y="{TOP + 8}" text-anchor="end">{top:.1f}</text>'
        f'<text x="{LEFT - 5}" y="{TOP + 21}" text-anchor="end">px</text>'
        f'<text x="{LEFT - 5}" y="{BOTTOM}" text-anchor="end">0</text>'
        f'<text x="{RIGHT}" y="{BOTTOM + 14}" text-anchor="end">{stop:.2f} s</text>'
        f'<text x="{LEFT}" y="{BOTTOM + 14}">{start:.2f} s</text>'
    )
    said = f"Motion from {start:.2f} to {stop:.2f} s; most moved: {', '.join(moved) or 'no region'}."
    return Markup(
        f'<svg class="around" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">'
        f"{_band(event, at)}{''.join(lines)}{_marks(event, at)}{scale}</svg>"
    )


def scores_in_time(analysis: Analysis, event: Event) -> Markup:
    """Line drawing of the score of every frame of an event, with a dot on the key frames.

    Parameters
    ----------
    analysis : Analysis
    event : Event
        One of its events.

    Returns
    -------
    Markup
        An ``<svg>`` element; empty where the recognizer gave no score for the frames.
    """
    key = event.recognition.key_frames if event.recognition is not None else None
    time = analysis.curves["time_s"].to_numpy(dtype=np.float64)
    if key is None or len(key.frames) < 2 or len(key.frames) != len(key.scores):
        return Markup("")
    numbers, scores = np.array(key.frames), np.array(key.scores, dtype=np.float64)
    if numbers.min() < 0 or numbers.max() >= len(time) or not np.isfinite(scores).all():
        return Markup("")
    first, last = float(time[numbers[0]]), float(time[numbers[-1]])
    margin = SIDE * max(last - first, 1e-9)
    start, stop = first - margin, last + margin
    low, high = float(scores.min()), float(scores.max())
    reach = max(high - low, 1e-6)

    def at(seconds: float) -> float:
        return LEFT + (seconds - start) / (stop - start) * (RIGHT - LEFT)

    x = np.array([at(seconds) for seconds in time[numbers]])
    # A little air, so that no dot is cut in half.
    y = BOTTOM - (0.06 + 0.88 * (scores - low) / reach) * (BOTTOM - TOP)
    chosen = set(key.chosen)
    dots = "".join(
        f'<circle class="key" cx="{px:.1f}" cy="{py:.1f}" r="3"/>'
        for number, px, py in zip(key.frames, x, y, strict=True)
        if number in chosen
    )
    scale = (
        f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>'
        f'<text x="{LEFT - 5}" y="{y.min() + 4:.1f}" text-anchor="end">high</text>'
        f'<text x="{LEFT - 5}" y="{y.min() + 17:.1f}" text-anchor="end">score</text>'
        f'<text x="{LEFT - 5}" y="{y.max() + 4:.1f}" text-anchor="end">{"low" if high > low else ""}</text>'
    )
    said = (
        f"Score of {len(key.frames)} frames from {first:.2f} to {last:.2f} s, {low:.4g} to {high:.4g}; "
        f"{len(chosen)} are key frames."
    )
    return Markup(
        f'<svg class="around scores" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">'
        f'{_band(event, at)}<path class="moved" d="{_path(x, y)}"/>{_marks(event, at)}{dots}{scale}</svg>'
    )


def _band(event: Event, at: Callable[[float], float]) -> str:
    """The time from onset to offset; `at` gives the place of a time in seconds."""
    left, right = at(event.onset_s), at(event.offset_s)
    return f'<rect class="band" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{BOTTOM - TOP}"/>'


def _marks(event: Event, at: Callable[[float], float]) -> str:
    """Lines at onset, apex and offset."""
    return "".join(
        f'<line class="mark" x1="{at(s):.1f}" x2="{at(s):.1f}" y1="{TOP}" y2="{BOTTOM}"/>'
        f'<text x="{at(s):.1f}" y="{y}" text-anchor="{anchor}">{name}</text>'
        for name, s, y, anchor in (
            ("onset", event.onset_s, BOTTOM + 14, "end"),
            ("apex", event.apex_s, TOP - 6, "middle"),
            ("offset", event.offset_s, BOTTOM + 14, "start"),
        )
    )


def _path(x: np.ndarray, y: np.ndarray) -> str:
    """SVG path through the points; a gap where a value is missing."""
    parts, pen = [], "M"
    for px, py in zip(x, y, strict=True):
        if not np.isfinite(py):
            pen = "M"
            continue
        parts.append(f"{pen}{px:.1f} {py:.1f}")
        pen = "L"
    return "".join(parts)


def face_outline() -> Markup:
    """Outline of a face that is nobody's, with its parts where merkit's crop has them."""
    height = 100 * ASPECT
    (left, eye), (right, _) = EYES
    eye_y, brow_y, nose_y, lip_y, chin_y = (height * f for f in (eye, 0.285, 0.626, 0.738, 0.95))
    eyes = "".join(
        f'<path d="M{x - 9:.1f} {eye_y:.1f}q9 -8 18 0q-9 7 -18 0z"/>'
        f'<circle cx="{x:.1f}" cy="{eye_y - 0.5:.1f}" r="3"/>'
        f'<path d="M{x - 12:.1f} {brow_y + 3:.1f}q12 -7 24 0"/>'
        for x in (100 * left, 100 * right)
    )
    return Markup(
        f'<svg class="outline" viewBox="0 0 100 {height:.0f}" aria-hidden="true">'
        f'<path d="M4 0C2 40 6 92 22 116C32 {chin_y:.0f} 42 {chin_y + 3:.0f} 50 {chin_y + 3:.0f}'
        f'S68 {chin_y:.0f} 78 116C94 92 98 40 96 0"/>{eyes}'
        f'<path d="M42 {nose_y:.1f}q8 6 16 0M46 {eye_y + 4:.1f}q-2 18 -5 26"/>'
        f'<path d="M32.7 {lip_y:.1f}q17.3 -9 34.6 0q-17.3 13 -34.6 0zM32.7 {lip_y:.1f}q17.3 3 34.6 0"/></svg>'
    )
