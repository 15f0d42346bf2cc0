"""Small inline SVG drawings: the motion around one event, and a face that is nobody's."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from merkit.analysis.result import REGIONS, Analysis, Event
from merkit.faces.geometry import ASPECT, EYES

__all__ = ["face_outline", "motion_around"]

WIDTH, HEIGHT = 420, 132
LEFT, RIGHT, TOP, BOTTOM = 34, 412, 18, 110
#: At most this many points a line: the drawing is some 400 px wide.
POINTS = 160


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

    left, right = at(event.onset_s), at(event.offset_s)
    band = f'<rect class="band" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{BOTTOM - TOP}"/>'
    marks = "".join(
        f'<line class="mark" x1="{at(s):.1f}" x2="{at(s):.1f}" y1="{TOP}" y2="{BOTTOM}"/>'
        f'<text x="{at(s):.1f}" y="{y}" text-anchor="{anchor}">{name}</text>'
        for name, s, y, anchor in (
            ("onset", event.onset_s, BOTTOM + 14, "end"),
            ("apex", event.apex_s, TOP - 6, "middle"),
            ("offset", event.offset_s, BOTTOM + 14, "start"),
        )
    )
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
        f"{band}{''.join(lines)}{marks}{scale}</svg>"
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
