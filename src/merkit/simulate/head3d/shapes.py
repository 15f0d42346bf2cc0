"""Which expression shapes of the model stand for which action unit.

The names are those of ARKit.  The mapping is the customary one, near the table of ICT-FaceKit; where
no shape has the unit's meaning, the choice is ours and said below.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.simulate.action_units import Side, parse_action_units

SHAPES: Mapping[int, Mapping[str, float]] = {
    1: {"browInnerUp": 1},
    2: {"browOuterUp": 1},
    4: {"browDown": 1},
    5: {"eyeWide": 1},
    6: {"cheekRaiser": 1, "cheekSquint": 1},
    7: {"eyeSquint": 1},
    9: {"noseSneer": 1},
    10: {"mouthUpperUp": 1},
    12: {"mouthSmile": 1},
    14: {"mouthDimple": 1},
    15: {"mouthFrown": 1},
    16: {"mouthLowerDown": 1},
    17: {"mouthShrugLower": 1},
    18: {"mouthPucker": 1},
    20: {"mouthStretch": 1},
    # Lips pressed and rolled in: the rolling is what sets the tightener apart from the pressor.
    23: {"mouthPress": 1, "mouthRollUpper": 0.3, "mouthRollLower": 0.3},
    24: {"mouthPress": 1},
    # Parted lips without a drop of the jaw: mostly the lower one.
    25: {"mouthLowerDown": 1, "mouthUpperUp": 0.3},
    26: {"jawOpen": 1},
    # The model has no such shapes: see `nostril_shapes`.
    38: {"nostrilsWide": 1},
    39: {"nostrilsWide": -1},
}
"""Shapes of each unit, without ``_L`` and ``_R``, and their weights."""
BLINK = "eyeBlink"
LOOKS = ("eyeLookUp", "eyeLookDown", "eyeLookIn", "eyeLookOut")
"""How the lids follow the gaze."""
_MADE = "nostrilsWide"
N_MADE = 2
"""How many shapes are not in the file but made."""
_ALONE = frozenset({"mouthPucker", "mouthShrugLower", "mouthRollUpper", "mouthRollLower", "jawOpen"})
"""Shapes of the middle, without a left and a right one."""


def sided(shape: str) -> tuple[str, ...]:
    """Names in the file of the left and the right half of a shape, or of a shape of the middle.

    >>> sided("mouthSmile")
    ('mouthSmile_L', 'mouthSmile_R')
    """
    return (shape,) if shape in _ALONE else (f"{shape}_L", f"{shape}_R")


def needed_shapes() -> tuple[str, ...]:
    """Names in the file of all shapes that merkit uses."""
    shapes = {BLINK, *LOOKS, *(shape for unit in SHAPES.values() for shape in unit)} - {_MADE}
    return tuple(sorted({name for shape in shapes for name in sided(shape)}))


def nostril_shapes(
    neutral: NDArray[np.float32], landmark68: NDArray[np.int32]
) -> dict[str, NDArray[np.float16]]:
    """Shapes of nostrils that widen, which the model lacks: the wings of the nose go outwards.

    Parameters
    ----------
    neutral : array (V, 3)
        Points of the model.
    landmark68 : array (68,)
        Which of them are the landmarks.
    """
    shapes = {}
    for suffix, mark, outwards in (("_L", 35, 1.0), ("_R", 31, -1.0)):
        wing = neutral[landmark68[mark]] + np.array([0.35 * outwards, 0.5, 0.0])
        far = np.linalg.norm(neutral - wing, axis=1)
        shift = np.zeros(neutral.shape)
        shift[:, 0] = 0.2 * outwards * np.exp(-0.5 * (far / 0.55) ** 2)
        shapes[_MADE + suffix] = shift.astype(np.float16)
    return shapes


def displacement(
    expressions: Mapping[str, NDArray[np.float16]],
    action_units: str,
    side: Side = "both",
    asymmetry: float = 0.0,
) -> NDArray[np.float64]:
    """How the points of the model move under some action units, in its units, (V, 3).

    Parameters
    ----------
    expressions : dict of str to array (V, 3)
        The shapes, from :class:`merkit.simulate.head3d.model.HeadModel`.
    action_units : str
        Units acting together, such as ``"AU12"`` or ``"AU1+2"``; their shapes add up.
    side : {"both", "left", "right"}
        Side of the person.  Shapes of the middle then act half.
    asymmetry : float
        From -1 to 1: the left side moves ``1 + asymmetry`` times, the right side ``1 - asymmetry``
        times as much.

    Raises
    ------
    ConfigError
        If a unit, the side or the asymmetry is not allowed.
    """
    if side not in ("both", "left", "right"):
        raise ConfigError(f"side: {side!r} is not known; choose both, left or right")
    if not -1 <= asymmetry <= 1:
        raise ConfigError(f"asymmetry: {asymmetry} is outside -1 to 1")
    strength = {
        "_L": 0.0 if side == "right" else 1 + asymmetry,
        "_R": 0.0 if side == "left" else 1 - asymmetry,
    }
    total = np.zeros(expressions[BLINK + "_L"].shape)
    for number in parse_action_units(action_units):
        if number not in SHAPES:
            known = ", ".join(f"AU{n}" for n in SHAPES)
            raise ConfigError(f"action units: the 3D head has no AU{number}; choose from {known}")
        for shape, weight in SHAPES[number].items():
            for name in sided(shape):
                share = strength.get(name[-2:], 1.0 if side == "both" else 0.5)
                if share:
                    total += weight * share * expressions[name].astype(np.float64)
    return total
