"""The action units as short tables of bumps: where skin is pushed, which way, how far it follows.

Which way each muscle pulls is the anatomy of the Facial Action Coding System; shares and widths are
rounded from a fit to how far skin follows on the expression shapes of the ICT head (a sculpted model
with an MIT licence), registered to the mean face mesh by their landmarks
(``benchmarks/action_unit_fit.py``).  AU23 has no shape there and stands for a third each of the
pucker and of both rolled lips; AU38 and AU39 are drawn by hand.

In a picture no inside of the mouth is seen.  AU25 and AU26 move the lips apart by stretching the
little that lies between them, so they reach less far than in life: a jaw that drops by a tenth of the
face still looks like a face, one that drops by half does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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
    """A facial action: its FACS number, the name of the movement, its reach and its bumps.

    ``reach`` is the longest displacement in the plane of the face at full strength, in pixels of a
    face 200 px wide, as the shapes of the ICT head have it.
    """

    number: int
    name: str
    reach: float
    bumps: tuple[Bump, ...]


_INNER_BROW, _MID_BROW, _OUTER_BROW = (107, 336), (105, 334), (70, 300)
_INNER_FOREHEAD, _MID_FOREHEAD, _GLABELLA = (108, 337), (69, 299), (9, 9)
_LOWER_LID, _UPPER_LID, _OUTER_EYE = (145, 374), (159, 386), (33, 263)
_CHEEK, _UNDER_EYE, _FOLD, _JAW = (50, 280), (117, 346), (206, 426), (214, 434)
_NOSE_SIDE, _NOSTRIL = (198, 420), (129, 358)
_LIP_CORNER, _UPPER_LIP, _LOWER_LIP = (61, 291), (37, 267), (84, 314)
_CHIN, _CHIN_SIDE, _CHIN_TIP = (199, 199), (32, 262), (152, 152)
_UPPER_RED, _LOWER_RED = (0, 0), (17, 17)

ACTION_UNITS: Mapping[int, ActionUnit] = {
    unit.number: unit
    for unit in (
        ActionUnit(
            1,
            "inner brow raiser",
            8.5,
            (
                Bump(*_INNER_BROW, 0.10, 0.70, 0.095, 0.07, 0.14),
                Bump(*_INNER_FOREHEAD, 0.00, 0.25, 0.07, 0.06, 0.11),
                Bump(*_MID_BROW, 0.00, 0.30, 0.095, 0.09, 0.055),
            ),
        ),
        ActionUnit(
            2,
            "outer brow raiser",
            11,
            (
                Bump(*_MID_BROW, 0.00, 0.95, 0.13, 0.085, 0.055),
                Bump(*_OUTER_BROW, 0.15, 0.20, 0.10, 0.12, 0.05),
            ),
        ),
        ActionUnit(
            4,
            "brow lowerer",
            8,
            (
                Bump(*_INNER_BROW, -0.65, -0.10, 0.14, 0.07, 0.07),
                Bump(*_MID_BROW, -0.50, -0.35, 0.09, 0.12, 0.085),
                Bump(*_OUTER_BROW, -0.15, -0.02, 0.07, 0.06, 0.1),
                Bump(*_GLABELLA, 0.00, -0.30, 0.18, 0.2, 0.07),
                Bump(*_MID_FOREHEAD, 0.00, -0.15, 0.09, 0.15, 0.15),
            ),
        ),
        ActionUnit(
            5,
            "upper lid raiser",
            4.5,
            (Bump(*_UPPER_LID, 0.13, 1.05, 0.075, 0.03, 0.03),),
        ),
        ActionUnit(
            6,
            "cheek raiser",
            8.5,
            (
                Bump(*_CHEEK, 0.30, 1.00, 0.095, 0.11, 0.18),
                Bump(*_UNDER_EYE, -0.35, 0.02, 0.08, 0.035, 0.16),
                Bump(*_OUTER_EYE, -0.20, 0.15, 0.1, 0.03, 0.15),
            ),
        ),
        ActionUnit(
            7,
            "lid tightener",
            5,
            (
                Bump(*_LOWER_LID, -0.45, 0.70, 0.075, 0.03, 0.13),
                Bump(*_UNDER_EYE, -0.15, 0.30, 0.065, 0.035, 0.16),
                Bump(*_UPPER_LID, 0.00, -0.15, 0.1, 0.08, 0.045),
            ),
        ),
        ActionUnit(
            9,
            "nose wrinkler",
            14,
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
            12,
            (
                Bump(*_UPPER_LIP, 0.40, 0.50, 0.115, 0.06, 0.05),
                Bump(*_FOLD, -0.05, 0.55, 0.105, 0.155, 0.155),
                Bump(*_NOSTRIL, 0.30, 0.12, 0.14, 0.08, 0.075),
            ),
        ),
        ActionUnit(
            12,
            "lip corner puller",
            17,
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
            9,
            (
                Bump(*_LIP_CORNER, 0.20, 0.85, 0.10, 0.045, 0.235),
                Bump(*_FOLD, 0.37, 0.00, 0.25, 0.08, 0.25),
                Bump(*_JAW, -0.37, -0.12, 0.085, 0.05, 0.25),
            ),
        ),
        ActionUnit(
            15,
            "lip corner depressor",
            7.5,
            (
                Bump(*_LIP_CORNER, 0.20, -0.75, 0.075, 0.15, 0.085),
                Bump(*_JAW, 0.07, -0.30, 0.08, 0.16, 0.1),
            ),
        ),
        ActionUnit(
            16,
            "lower lip depressor",
            9.0,
            (Bump(*_LOWER_LIP, 0.50, -0.57, 0.13, 0.065, 0.175),),
        ),
        ActionUnit(
            17,
            "chin raiser",
            15,
            (
                Bump(*_CHIN, 0.00, 0.75, 0.135, 0.09, 0.055),
                Bump(*_LOWER_LIP, 0.00, 0.35, 0.145, 0.05, 0.12),
            ),
        ),
        ActionUnit(
            18,
            "lip pucker",
            7.5,
            (
                Bump(*_LIP_CORNER, -0.80, 0.60, 0.175, 0.135, 0.2),
                Bump(*_UPPER_RED, 0.00, 0.75, 0.08, 0.05, 0.03),
                Bump(*_LOWER_RED, 0.00, -0.80, 0.11, 0.24, 0.04),
            ),
        ),
        ActionUnit(
            20,
            "lip stretcher",
            10,
            (
                Bump(*_LIP_CORNER, 0.60, -0.40, 0.08, 0.09, 0.06),
                Bump(*_JAW, 0.35, 0.10, 0.07, 0.18, 0.09),
                Bump(*_CHIN_SIDE, 0.30, 0.08, 0.16, 0.16, 0.15),
            ),
        ),
        ActionUnit(
            23,
            "lip tightener",
            4.5,
            (
                Bump(*_LIP_CORNER, -0.42, 0.54, 0.17, 0.11, 0.19),
                Bump(*_UPPER_RED, 0.00, -0.84, 0.21, 0.09, 0.055),
                Bump(*_LOWER_RED, 0.00, 0.54, 0.16, 0.03, 0.1),
            ),
        ),
        ActionUnit(
            24,
            "lip presser",
            7.0,
            (
                Bump(*_UPPER_LIP, -0.25, -0.31, 0.105, 0.2, 0.15),
                Bump(*_LOWER_LIP, 0.00, 0.59, 0.18, 0.065, 0.21),
                Bump(*_LIP_CORNER, 0.17, 0.24, 0.185, 0.25, 0.04),
            ),
        ),
        ActionUnit(
            25,
            "lips part",
            6.0,
            (
                Bump(*_UPPER_LIP, 0.23, 0.24, 0.25, 0.155, 0.06),
                Bump(*_LOWER_LIP, 0.48, -0.61, 0.115, 0.065, 0.175),
            ),
        ),
        ActionUnit(
            26,
            "jaw drop",
            12.0,
            (
                Bump(*_LOWER_RED, 0.00, -1.00, 0.2, 0.08, 0.24),
                Bump(*_CHIN_TIP, 0.00, -0.24, 0.185, 0.07, 0.225),
                Bump(*_JAW, -0.08, -0.17, 0.155, 0.225, 0.035),
            ),
        ),
        ActionUnit(
            38,
            "nostril dilator",
            4.0,
            (Bump(*_NOSTRIL, 1.00, 0.10, 0.05, 0.04, 0.04),),
        ),
        ActionUnit(
            39,
            "nostril compressor",
            4.0,
            (Bump(*_NOSTRIL, -1.00, -0.10, 0.05, 0.04, 0.04),),
        ),
    )
}
