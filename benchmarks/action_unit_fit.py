"""How well the simulator's action units follow the expression shapes of a sculpted head.

The ICT head is laid over the mean face mesh by a thin plate through 68 landmarks, and seen from the
front.  For each unit: the correlation of its bumps with the shapes that stand for it, and how far those
reach.  ``--fit`` refines the bumps of one unit by least squares, starting from the committed ones, and
prints them; the committed ones are rounded.

    python benchmarks/action_unit_fit.py [--data FOLDER] [--fit 12]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from common import default_data, print_table, write_result
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

from merkit.simulate.action_units import face_width
from merkit.simulate.unit_bumps import ACTION_UNITS

SHAPES: Mapping[int, Mapping[str, float]] = {
    1: {"browInnerUp": 1},
    2: {"browOuterUp": 1},
    4: {"browDown": 1},
    5: {"eyeWide": 1},
    6: {"cheekRaiser": 1},
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
    23: {"mouthPucker": 0.35, "mouthRollUpper": 0.35, "mouthRollLower": 0.35},
    24: {"mouthPress": 1},
    25: {"mouthLowerDown": 1, "mouthUpperUp": 0.35},
    26: {"jawOpen": 0.25},
}
"""Shapes that stand for a unit; AU38 and AU39 have none.

The reach of AU25 is kept below that of the head, and AU26 is a quarter of an open jaw: a picture has no
inside of the mouth."""
# Of the 68 landmarks on the mesh, from the jaw to the inner lips.
MESH_68 = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
)
LEAVE_OUT = {0, 1, 2, 3, 5, 7, 9, 11, 13, 14, 15, 16}
"""Points of the jaw that slide along its edge."""
STEP, FAR = 0.02, 0.03
Floats = NDArray[np.float64]


class Laid:
    """The head over the mean mesh; lengths are in face widths, y points down."""

    def __init__(self, file: Path) -> None:
        with (
            (files("merkit") / "weights" / "face_template.npz").open("rb") as stored,
            np.load(stored) as mean,
        ):
            points = mean["points"].astype(np.float64)
        self.points = points / face_width(points)
        self._head = dict(np.load(file))
        self._names = self._head["expression_names"].tolist()
        skin = np.flatnonzero(self._head["part"] == 0)
        neutral = self._head["neutral"].astype(np.float64)
        marks = neutral[self._head["landmark68"]]
        self._width = float(marks[16, 0] - marks[0, 0])
        used = [n for n in range(68) if n not in LEAVE_OUT]
        plate = RBFInterpolator(
            marks[used, :2] * [1, -1],
            self.points[np.array(MESH_68)[used]],
            kernel="thin_plate_spline",
            smoothing=0.05,
        )
        front = skin[neutral[skin, 2] > np.percentile(neutral[skin, 2], 20)]
        x, y = np.meshgrid(np.arange(-0.62, 0.63, STEP), np.arange(-0.72, 0.95, STEP))
        grid = np.stack([x.ravel(), y.ravel()], 1)
        distance, near = cKDTree(plate(neutral[front, :2] * [1, -1])).query(grid, k=4)
        seen = distance[:, 0] < FAR
        # Where skin lies behind skin, the nearer one is seen.
        foremost = np.where(distance < FAR, neutral[front][near, 2], -np.inf).argmax(axis=1)
        self.grid = grid[seen]
        self._vertices = front[near[np.arange(len(near)), foremost]][seen]

    def shape(self, parts: Mapping[str, float]) -> Floats:
        """Motion (N, 2) at the points of the grid under some shapes, both sides."""
        moved = np.zeros((len(self.grid), 3))
        for name, weight in parts.items():
            for side in ("", "_L", "_R"):
                if name + side in self._names:
                    deltas = self._head["expression_deltas"][self._names.index(name + side)]
                    moved += weight * deltas[self._vertices].astype(np.float64)
        return moved[:, :2] * [1, -1] / self._width

    def bumps(self, anchors: Sequence[tuple[int, int]], values: Floats) -> Floats:
        """Motion (N, 2) of bumps whose values (n, 5) are out, up, wide, above and below."""
        total = np.zeros((len(self.grid), 2))
        for (right, left), (out, up, wide, above, below) in zip(anchors, values, strict=True):
            sides = [(right, 0.0)] if right == left else [(right, -1.0), (left, 1.0)]
            for anchor, outwards in sides:
                dx, dy = (self.grid - self.points[anchor]).T
                weight = np.exp(-0.5 * ((dx / wide) ** 2 + (dy / np.where(dy < 0, above, below)) ** 2))
                total += weight[:, None] * (outwards * out, -up)
        return total


def committed(unit: int) -> tuple[list[tuple[int, int]], Floats]:
    """Anchors and values of the bumps in the package."""
    bumps = ACTION_UNITS[unit].bumps
    values = [[b.out, b.up, b.wide, b.above, b.below] for b in bumps]
    return [(b.right, b.left) for b in bumps], np.array(values)


def agreement(laid: Laid, unit: int) -> dict[str, Any]:
    """Correlation of a unit with its shapes, and their reach in pixels of a face 200 px wide."""
    shape, drawn = laid.shape(SHAPES[unit]), laid.bumps(*committed(unit))
    return {
        "unit": unit,
        "shapes": " + ".join(f"{weight:g} {name}" for name, weight in SHAPES[unit].items()),
        "correlation": round(float(np.corrcoef(shape.ravel(), drawn.ravel())[0, 1]), 3),
        "reach of the head": round(float(np.hypot(*shape.T).max() * 200), 1),
        "reach": ACTION_UNITS[unit].reach,
    }


def refine(laid: Laid, unit: int) -> None:
    """Fit the bumps of a unit and print them."""
    anchors, start = committed(unit)
    shape = laid.shape(SHAPES[unit])
    shape /= np.hypot(*shape.T).max()
    low = np.tile([-1.2, -1.2, 0.05, 0.03, 0.03], len(start))
    high = np.tile([1.2, 1.2, 0.25, 0.25, 0.25], len(start))
    found = least_squares(
        lambda values: (laid.bumps(anchors, values.reshape(-1, 5)) - shape).ravel(),
        np.clip(start.ravel(), low + 1e-3, high - 1e-3),
        bounds=(low, high),
    ).x.reshape(-1, 5)
    fit = laid.bumps(anchors, found)
    print(f"AU{unit}: correlation {np.corrcoef(shape.ravel(), fit.ravel())[0, 1]:.3f}")
    for anchor, values in zip(anchors, found, strict=True):
        print("   ", anchor, np.round(values, 3).tolist())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--fit", type=int, choices=sorted(SHAPES), help="refine this unit; nothing is saved")
    options = parser.parse_args()
    laid = Laid(options.data / "face3d_ict" / "face3d_ict.npz")
    if options.fit:
        refine(laid, options.fit)
        return
    rows = [agreement(laid, unit) for unit in SHAPES]
    print_table(rows, "action units against the shapes of the ICT head")
    path = write_result("action_unit_fit", {"units": rows})
    print(f"saved {path.name}")


if __name__ == "__main__":
    main()
