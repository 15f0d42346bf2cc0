"""Facial action units as smooth displacement fields over a face.

Each unit is a short table of bumps (:mod:`merkit.simulate.unit_bumps`).  A bump sits at a landmark of
the 468-point mesh, pushes the skin outwards (away from the midline) and upwards by stated shares of
the unit's peak, and fades like a Gaussian whose widths differ sideways, above and below.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.simulate.unit_bumps import ACTION_UNITS, Bump

Side = Literal["both", "left", "right"]
FACE_SIDES = (234, 454)
"""Mesh points at the right and left edge of the face; their distance is the face width."""
OUTER_EYE_CORNERS = (33, 263)
LID_UNITS = (43, 45)
"""Eyes closed, and blinking: the lids slide, see :mod:`merkit.simulate.eyelids`; there is no field."""
MOVABLE = (*ACTION_UNITS, *LID_UNITS)
"""Numbers of all units that the simulator can perform."""


def parse_action_units(text: str) -> tuple[int, ...]:
    """Numbers of the units in ``text``: ``"AU1+2"``, ``"AU23"``, ``"AU6+AU12"`` or ``"12"``.

    Sides are not part of it, they are an argument wherever units are named.

    >>> parse_action_units("AU1+2")
    (1, 2)
    """
    numbers = []
    for part in text.upper().replace("AU", "").split("+"):
        number = int(part) if part.strip().isdigit() else -1
        if number in LID_UNITS:
            raise ConfigError(f"action units: AU{number} has no field, it slides the lids; give a closure")
        if number not in ACTION_UNITS:
            known = ", ".join(f"AU{n}" for n in ACTION_UNITS)
            raise ConfigError(f"action units: {text!r} is not known; choose from {known}, joined by '+'")
        numbers.append(number)
    return tuple(numbers)


def face_width(points: NDArray[np.floating]) -> float:
    """Distance in pixels between the two sides of the face, of mesh points (468, 2) or (468, 3)."""
    right, left = FACE_SIDES
    return float(np.hypot(*(points[left, :2] - points[right, :2])))


def face_axes(points: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors of a face in picture coordinates: towards the person's left, and downwards.

    Parameters
    ----------
    points : array (468, 2)
        Mesh landmarks in pixels.
    """
    right, left = OUTER_EYE_CORNERS
    across = np.asarray(points[left], float) - np.asarray(points[right], float)
    across /= np.hypot(*across)
    return across, np.array([-across[1], across[0]])


def displacement_field(
    points: NDArray[np.floating],
    shape: tuple[int, int],
    action_units: str,
    side: Side = "both",
    asymmetry: float = 0.0,
) -> NDArray[np.float32]:
    """How the skin moves under some action units, scaled to a peak of one pixel.

    Parameters
    ----------
    points : array (468, 2)
        Mesh landmarks of the neutral face, in pixels of the frame.
    shape : (height, width)
        Size of the field in pixels.
    action_units : str
        Units acting together, such as ``"AU12"`` or ``"AU1+2"``.
    side : {"both", "left", "right"}
        Side of the person.
    asymmetry : float
        From -1 to 1: the person's left side moves ``1 + asymmetry`` times, the right side
        ``1 - asymmetry`` times as much, before the peak is set to one.

    Returns
    -------
    array (height, width, 2) float32
        ``(u right, v down)``: the skin at pixel ``x`` of the neutral face moves to ``x + field[x]``.
        The longest vector has length 1.
    """
    if side not in ("both", "left", "right"):
        raise ConfigError(f"side: {side!r} is not known; choose both, left or right")
    if not -1 <= asymmetry <= 1:
        raise ConfigError(f"asymmetry: {asymmetry} is outside -1 to 1")
    across, down = face_axes(points)
    width = face_width(points)
    height_px, width_px = shape
    rows, columns = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    along, below = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for number in parse_action_units(action_units):
        for bump in ACTION_UNITS[number].bumps:
            for anchor, outward, strength in _sides(bump, side, asymmetry):
                x, y = points[anchor]
                dx = (columns - x) * across[0] + (rows - y) * across[1]
                dy = (columns - x) * down[0] + (rows - y) * down[1]
                tall = np.where(dy < 0, bump.above, bump.below) * width
                weight = np.exp(-0.5 * ((dx / (bump.wide * width)) ** 2 + (dy / tall) ** 2))
                along += strength * outward * bump.out * weight
                below -= strength * bump.up * weight
    field = along[..., None] * across.astype(np.float32) + below[..., None] * down.astype(np.float32)
    return (field / np.hypot(field[..., 0], field[..., 1]).max()).astype(np.float32)


def _sides(bump: Bump, side: Side, asymmetry: float) -> list[tuple[int, float, float]]:
    """Anchor, sign of outwards along the face's left axis, and strength, for each side that moves."""
    if bump.right == bump.left:
        return [(bump.right, 0.0, 1.0 if side == "both" else 0.5)]
    sides = []
    if side != "left":
        sides.append((bump.right, -1.0, 1.0 - asymmetry))
    if side != "right":
        sides.append((bump.left, 1.0, 1.0 + asymmetry))
    return sides
