"""Measured motion of the parts of a face in words, and the action units it is consistent with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merkit.analysis.result import REGIONS, ActionUnitEvidence, RegionMotion
from merkit.faces.geometry import PARTS

LEAST_PX200 = 0.2
"""Motion below this is not told from noise."""

_SIDES = {"right": -1.0, "left": 1.0, "both": 0.0}
"""Sign of the outward direction in the picture: the person's left is on the right."""


def describe_regions(motion: NDArray[np.floating], px200_scale: float) -> tuple[RegionMotion, ...]:
    """Which regions moved, how far and which way, the largest motion first.

    Parameters
    ----------
    motion : float array, shape (len(PARTS), 2)
        ``(u right, v down)`` in px200.
    px200_scale : float
        px200 of one pixel of the video.

    Returns
    -------
    tuple of RegionMotion
        Those that moved at least 0.2 px200 and 30 % of the largest.

    Examples
    --------
    >>> import numpy as np
    >>> motion = np.zeros((len(PARTS), 2))
    >>> motion[10], motion[11] = (-0.6, -0.8), (0.6, -0.8)   # both lip corners up and out
    >>> [(r.side, r.motion_px, r.words) for r in describe_regions(motion, px200_scale=2.0)]
    [('left', 0.5, 'up and outwards'), ('right', 0.5, 'up and outwards')]
    """
    out = []
    for region in REGIONS:
        for side in ("left", "right", "both"):
            rows = [i for i, p in enumerate(PARTS) if p.region == region and p.side == side]
            if not rows:
                continue
            # Parts of one region can move apart (lips); then the larger speaks for the region.
            vector = motion[rows].mean(axis=0)
            if side == "both" and len(rows) > 1:
                vector = motion[rows[int(np.argmax(np.hypot(*motion[rows].T)))]]
            length = float(np.hypot(*vector))
            out.append(
                RegionMotion(
                    name=region,
                    side=side,
                    motion_px=length / px200_scale,
                    motion_px200=length,
                    direction_deg=float(np.degrees(np.arctan2(-vector[1], vector[0])) % 360.0),
                    words=direction_words(vector, side),
                )
            )
    largest = max(r.motion_px200 for r in out)
    kept = [r for r in out if r.motion_px200 >= max(LEAST_PX200, 0.3 * largest)]
    return tuple(sorted(kept, key=lambda r: (-round(r.motion_px200, 6), r.name, r.side)))


def direction_words(vector: NDArray[np.floating], side: str) -> str:
    """Direction of a displacement as a person would say it, seen from the middle of the face."""
    length = float(np.hypot(*vector))
    if length == 0.0:
        return "not at all"
    across, up = float(vector[0]) / length, -float(vector[1]) / length
    words = []
    if abs(up) > 0.38:
        words.append("up" if up > 0 else "down")
    if abs(across) > 0.38:
        if _SIDES[side] == 0.0:
            words.append("to the person's left" if across > 0 else "to the person's right")
        else:
            words.append("outwards" if across * _SIDES[side] > 0 else "inwards")
    return " and ".join(words)


def action_units(motion: NDArray[np.floating]) -> tuple[ActionUnitEvidence, ...]:
    """Action units that a pattern of motion is consistent with.

    A table of rules on the direction in which parts moved; names from FACS (Ekman, Friesen and
    Hager, 2002).  The same motion can have other causes, so this is evidence, not coding.

    Parameters
    ----------
    motion : float array, shape (len(PARTS), 2)
        ``(u right, v down)`` in px200.
    """
    least = max(LEAST_PX200, 0.35 * float(np.hypot(*motion.T).max()))
    up: dict[str, dict[str, float]] = {}
    out: dict[str, dict[str, float]] = {}
    for part, (u, v) in zip(PARTS, motion, strict=True):
        up.setdefault(part.name, {})[part.side] = -float(v)
        out.setdefault(part.name, {})[part.side] = float(u) * _SIDES[part.side]
    found: list[ActionUnitEvidence] = []

    def add(au: str, name: str, part: str, sides: list[str], way: str, values: dict[str, float]) -> None:
        if not sides:
            return
        amount = float(np.mean([abs(values[s]) for s in sides]))
        subject = f"both {part}s" if len(sides) == 2 else f"the {sides[0]} {part}".replace("both ", "")
        found.append(
            ActionUnitEvidence(au, name, f"{subject} moved {way} by {amount:.1f} px (face 200 px wide)")
        )

    def sides_where(values: dict[str, float], sign: float) -> list[str]:
        return [s for s in ("left", "right", "both") if s in values and sign * values[s] >= least]

    add("AU1", "inner brow raiser", "inner brow", sides_where(up["inner brow"], 1), "up", up["inner brow"])
    add("AU2", "outer brow raiser", "outer brow", sides_where(up["outer brow"], 1), "up", up["outer brow"])
    lowered = sides_where(up["inner brow"], -1)
    drawn = [s for s in sides_where(out["inner brow"], -1) if up["inner brow"][s] < least]
    if lowered:
        add("AU4", "brow lowerer", "inner brow", lowered, "down", up["inner brow"])
    else:
        add("AU4", "brow lowerer", "inner brow", drawn, "inwards", out["inner brow"])
    raised = [s for s in sides_where(up["upper lid"], 1) if up["upper lid"][s] > up["inner brow"][s]]
    add("AU5", "upper lid raiser", "upper lid", raised, "up", up["upper lid"])
    add("AU6", "cheek raiser", "cheek", sides_where(up["cheek"], 1), "up", up["cheek"])
    # A smile lifts the wings of the nose as well, but less than the lip corners.
    wrinkled = [s for s in sides_where(up["nose wing"], 1) if up["nose wing"][s] > up["lip corner"][s]]
    add("AU9", "nose wrinkler", "nose wing", wrinkled, "up", up["nose wing"])
    corners_up = [s for s in sides_where(up["lip corner"], 1) if out["lip corner"][s] > -0.3 * least]
    corner_path = {s: float(np.hypot(up["lip corner"][s], out["lip corner"][s])) for s in corners_up}
    add("AU12", "lip corner puller", "lip corner", corners_up, "up and outwards", corner_path)
    corners_down = sides_where(up["lip corner"], -1)
    add("AU15", "lip corner depressor", "lip corner", corners_down, "down", up["lip corner"])
    stretched = [s for s in sides_where(out["lip corner"], 1) if abs(up["lip corner"][s]) < 0.6 * least]
    add("AU14 or AU20", "dimpler or lip stretcher", "lip corner", stretched, "outwards", out["lip corner"])
    if not corners_up:
        add("AU10", "upper lip raiser", "upper lip", sides_where(up["upper lip"], 1), "up", up["upper lip"])
    add("AU17", "chin raiser", "chin", sides_where(up["chin"], 1), "up", up["chin"])
    add(
        "AU25 or AU26",
        "lips part or jaw drop",
        "lower lip",
        sides_where(up["lower lip"], -1),
        "down",
        up["lower lip"],
    )
    return tuple(found)
