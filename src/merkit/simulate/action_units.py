"""Facial action units as smooth displacement fields over a face.

Each unit is a short table of bumps.  A bump sits at a landmark of the 468-point mesh, pushes the
skin outwards (away from the midline) and upwards by stated shares of the unit's peak, and fades
like a Gaussian whose widths differ sideways, above and below.  Which way each muscle pulls is the
anatomy of the Facial Action Coding System; shares and widths are rounded from a fit to how far skin
follows on the expression shapes of the ICT head (a sculpted model with an MIT licence).  A new unit
is one more entry in :data:`ACTION_UNITS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError

Side = Literal["both", "left", "right"]
FACE_SIDES = (234, 454)
"""Mesh points at the right and left edge of the face; their distance is the face width."""
OUTER_EYE_CORNERS = (33, 263)


@dataclass(frozen=True)
class Bump:
    """One Gaussian push of the skin.

    Parameters
    ----------
    right, left : int
        Mesh landmark on the person's right side and its mirror image; equal on the midline.
    out, up : float
        Displacement at the centre as a share of the unit's strength: away from the midline, and
        towards the forehead.
    wide, above, below : float
        Standard deviations sideways, upwards and downwards, in face widths.
    """

    right: int
    left: int
    out: float
    up: float
    wide: float
    above: float
    below: float


@dataclass(frozen=True)
class ActionUnit:
    """A facial action: its FACS number, the name of the movement and its bumps."""

    number: int
    name: str
    bumps: tuple[Bump, ...]


_INNER_BROW, _MID_BROW, _OUTER_BROW = (107, 336), (105, 334), (70, 300)
_INNER_FOREHEAD, _MID_FOREHEAD, _GLABELLA = (108, 337), (69, 299), (9, 9)
_LOWER_LID, _UPPER_LID, _OUTER_EYE = (145, 374), (159, 386), (33, 263)
_CHEEK, _UNDER_EYE, _FOLD, _JAW = (50, 280), (117, 346), (206, 426), (214, 434)
_NOSE_SIDE, _NOSTRIL = (198, 420), (129, 358)
_LIP_CORNER, _UPPER_LIP, _LOWER_LIP = (61, 291), (37, 267), (84, 314)
_CHIN, _CHIN_SIDE = (199, 199), (32, 262)

ACTION_UNITS: Mapping[int, ActionUnit] = {
    unit.number: unit
    for unit in (
        ActionUnit(
            1,
            "inner brow raiser",
            (
                Bump(*_INNER_BROW, 0.10, 0.70, 0.095, 0.07, 0.14),
                Bump(*_INNER_FOREHEAD, 0.00, 0.25, 0.07, 0.06, 0.11),
                Bump(*_MID_BROW, 0.00, 0.30, 0.095, 0.09, 0.055),
            ),
        ),
        ActionUnit(
            2,
            "outer brow raiser",
            (
                Bump(*_MID_BROW, 0.00, 0.95, 0.13, 0.085, 0.055),
                Bump(*_OUTER_BROW, 0.15, 0.20, 0.10, 0.12, 0.05),
            ),
        ),
        ActionUnit(
            4,
            "brow lowerer",
            (
                Bump(*_INNER_BROW, -0.65, -0.10, 0.14, 0.07, 0.07),
                Bump(*_MID_BROW, -0.50, -0.35, 0.09, 0.12, 0.085),
                Bump(*_OUTER_BROW, -0.15, -0.02, 0.07, 0.06, 0.1),
                Bump(*_GLABELLA, 0.00, -0.30, 0.18, 0.2, 0.07),
                Bump(*_MID_FOREHEAD, 0.00, -0.15, 0.09, 0.15, 0.15),
            ),
        ),
        ActionUnit(
            6,
            "cheek raiser",
            (
                Bump(*_CHEEK, 0.30, 1.00, 0.095, 0.11, 0.18),
                Bump(*_UNDER_EYE, -0.35, 0.02, 0.08, 0.035, 0.16),
                Bump(*_OUTER_EYE, -0.20, 0.15, 0.1, 0.03, 0.15),
            ),
        ),
        ActionUnit(
            7,
            "lid tightener",
            (
                Bump(*_LOWER_LID, -0.45, 0.70, 0.075, 0.03, 0.13),
                Bump(*_UNDER_EYE, -0.15, 0.30, 0.065, 0.035, 0.16),
                Bump(*_UPPER_LID, 0.00, -0.15, 0.1, 0.08, 0.045),
            ),
        ),
        ActionUnit(
            9,
            "nose wrinkler",
            (
                Bump(*_NOSE_SIDE, -0.15, 0.30, 0.09, 0.11, 0.085),
                Bump(*_NOSTRIL, 0.30, 0.10, 0.12, 0.15, 0.15),
                Bump(*_FOLD, -0.35, 0.90, 0.12, 0.18, 0.16),
                Bump(*_INNER_BROW, -0.15, -0.25, 0.18, 0.14, 0.12),
                Bump(*_UPPER_LIP, 0.00, 0.30, 0.08, 0.05, 0.05),
            ),
        ),
        ActionUnit(
            10,
            "upper lip raiser",
            (
                Bump(*_UPPER_LIP, 0.40, 0.50, 0.115, 0.06, 0.05),
                Bump(*_FOLD, -0.05, 0.55, 0.105, 0.155, 0.155),
                Bump(*_NOSTRIL, 0.30, 0.12, 0.14, 0.08, 0.075),
            ),
        ),
        ActionUnit(
            12,
            "lip corner puller",
            (
                Bump(*_LIP_CORNER, 0.65, 0.60, 0.1, 0.1, 0.17),
                Bump(*_CHEEK, 0.20, 0.30, 0.145, 0.115, 0.18),
                Bump(*_JAW, 0.30, 0.25, 0.085, 0.18, 0.1),
                Bump(*_CHIN, 0.00, 0.15, 0.16, 0.08, 0.065),
            ),
        ),
        ActionUnit(
            14,
            "dimpler",
            (
                Bump(*_LIP_CORNER, 0.35, 0.55, 0.08, 0.05, 0.15),
                Bump(*_FOLD, 0.30, 0.02, 0.16, 0.07, 0.065),
                Bump(*_JAW, 0.10, 0.08, 0.07, 0.16, 0.06),
            ),
        ),
        ActionUnit(
            15,
            "lip corner depressor",
            (
                Bump(*_LIP_CORNER, 0.20, -0.75, 0.075, 0.15, 0.085),
                Bump(*_JAW, 0.07, -0.30, 0.08, 0.16, 0.1),
            ),
        ),
        ActionUnit(
            17,
            "chin raiser",
            (
                Bump(*_CHIN, 0.00, 0.75, 0.135, 0.09, 0.055),
                Bump(*_LOWER_LIP, 0.00, 0.35, 0.145, 0.05, 0.12),
            ),
        ),
        ActionUnit(
            20,
            "lip stretcher",
            (
                Bump(*_LIP_CORNER, 0.60, -0.40, 0.08, 0.09, 0.06),
                Bump(*_JAW, 0.35, 0.10, 0.07, 0.18, 0.09),
                Bump(*_CHIN_SIDE, 0.30, 0.08, 0.16, 0.16, 0.15),
            ),
        ),
    )
}


def parse_action_units(text: str) -> tuple[int, ...]:
    """Numbers of the units named in ``text``, such as ``"AU1+2"`` or ``"12"``.

    >>> parse_action_units("AU1+2")
    (1, 2)
    """
    numbers = []
    for part in text.upper().replace("AU", "").split("+"):
        number = int(part) if part.strip().isdigit() else -1
        if number not in ACTION_UNITS:
            known = ", ".join(f"AU{n}" for n in ACTION_UNITS)
            raise ConfigError(f"action units: {text!r} is not known; choose from {known}, joined by '+'")
        numbers.append(number)
    return tuple(numbers)


def face_width(points: NDArray[np.floating]) -> float:
    """Distance in pixels between the two sides of the face, of mesh points (468, 2)."""
    right, left = FACE_SIDES
    return float(np.hypot(*(points[left] - points[right])))


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
