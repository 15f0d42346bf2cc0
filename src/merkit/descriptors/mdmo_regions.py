"""The 36 regions of a face in which MDMO looks, drawn from landmarks.

They are eighteen on each side, bounded by the 68 points that the field's landmark detectors give (the
iBUG scheme) or by the points of the 468-point face mesh that stand for them.  The paper draws them after
action units but gives no coordinates; ours follow the same division of brows, lids, cheeks, nose, lips and
chin.  The eyes themselves are left out, so that a blink counts only where it moves the lids.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon

from merkit.errors import ConfigError, DataError

MESH_OF_68: tuple[int, ...] = (
    *(127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356),  # jaw
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # brows
    *(168, 197, 5, 4, 98, 97, 2, 326, 327),  # bridge and base of the nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
)
"""Which point of the 468-point mesh stands for each of the 68."""

# Points made from landmarks, numbered after them.
_FOREHEAD = {68: 17, 69: 19, 70: 21, 71: 26, 72: 24, 73: 22}
"""Above a point of the brow, by half the distance of the eyes."""
_BETWEEN = {74: (70, 73), 75: (2, 30), 76: (14, 30), 77: (4, 48), 78: (12, 54)}
"""Half way: middle of the forehead, cheeks beside the nose, cheeks beside the mouth."""
_MIRROR = {
    **{i: 16 - i for i in range(17)},
    **{i: 43 - i for i in range(17, 27)},
    **{i: i for i in range(27, 31)},
    **{i: 66 - i for i in range(31, 36)},
    36: 45,
    37: 44,
    38: 43,
    39: 42,
    40: 47,
    41: 46,
    42: 39,
    43: 38,
    44: 37,
    45: 36,
    46: 41,
    47: 40,
    **{i: 102 - i for i in range(48, 55)},
    **{i: 114 - i for i in range(55, 60)},
    **{i: 124 - i for i in range(60, 65)},
    **{i: 132 - i for i in range(65, 68)},
    68: 71,
    69: 72,
    70: 73,
    71: 68,
    72: 69,
    73: 70,
    74: 74,
    75: 76,
    76: 75,
    77: 78,
    78: 77,
}


class FaceRegion(NamedTuple):
    """One region: its name, the person's own side, and its corners among landmarks and made points."""

    name: str
    side: str
    corners: tuple[int, ...]


_RIGHT: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("outer forehead", (17, 68, 69, 19)),
    ("inner forehead", (19, 69, 70, 21)),
    ("between the brows", (21, 70, 74, 27)),
    ("temple", (0, 17, 36, 1)),
    ("outer lid", (17, 19, 38, 37, 36)),
    ("inner lid", (19, 21, 39, 38)),
    ("root of the nose", (21, 27, 28, 39)),
    ("outer cheek", (1, 36, 75, 2)),
    ("below the eye", (36, 41, 40, 39, 75)),
    ("side of the nose", (39, 28, 29, 30, 31, 75)),
    ("tip of the nose", (30, 31, 32, 33)),
    ("lower cheek", (2, 75, 77, 4, 3)),
    ("beside the mouth", (75, 31, 49, 48, 77)),
    ("above the lip", (31, 32, 33, 51, 50, 49)),
    ("upper lip", (48, 49, 50, 51, 62, 61, 60)),
    ("lower lip", (48, 60, 67, 66, 57, 58, 59)),
    ("jaw", (4, 77, 48, 59, 6, 5)),
    ("chin", (59, 58, 57, 8, 7, 6)),
)
MDMO_REGIONS: tuple[FaceRegion, ...] = (
    *(FaceRegion(name, "right", corners) for name, corners in _RIGHT),
    *(FaceRegion(name, "left", tuple(_MIRROR[i] for i in corners)) for name, corners in _RIGHT),
)
"""The person's right side first, which is on the left of a picture that is not mirrored."""


def mdmo_regions(landmarks: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.intp]:
    """Say for each pixel of a face which region it lies in.

    Parameters
    ----------
    landmarks : float array, shape (68, 2) or (468, 2)
        ``(x, y)`` in pixels: 68 points in the iBUG order, or the 468-point face mesh.
    shape : (int, int)
        Height and width of the picture in pixels.

    Returns
    -------
    int array of `shape`
        Index into :data:`MDMO_REGIONS`, -1 outside all of them.

    Raises
    ------
    DataError
        If landmarks are not finite, or a region holds no pixel of the picture.
    ConfigError
        If there are neither 68 nor 468 points.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape not in ((68, 2), (468, 2)):
        raise ConfigError(f"mdmo_regions: landmarks of shape {points.shape}; give (68, 2) or (468, 2)")
    if not np.isfinite(points).all():
        raise DataError("mdmo_regions: a landmark is not finite; give all of them")
    corners = _with_made_points(points[list(MESH_OF_68)] if len(points) == 468 else points)
    regions = np.full(shape, -1, dtype=np.intp)
    for number, region in enumerate(MDMO_REGIONS):
        x, y = corners[list(region.corners)].T
        rows, columns = polygon(y, x, shape)
        regions[rows, columns] = number
    sizes = np.bincount(regions[regions >= 0], minlength=len(MDMO_REGIONS))
    empty = [f"{r.side} {r.name}" for r, size in zip(MDMO_REGIONS, sizes, strict=True) if not size]
    if empty:
        raise DataError(
            f"mdmo_regions: no pixel of the {shape[1]}×{shape[0]} picture lies in {', '.join(empty)}; "
            "give landmarks in pixels of this picture, or a larger crop"
        )
    return regions


def _with_made_points(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 68 landmarks and the points made from them, shape (79, 2)."""
    points = np.concatenate([landmarks, np.zeros((len(_FOREHEAD) + len(_BETWEEN), 2))])
    right, left = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    across = left - right
    # Across the face turned by a quarter, up in the picture.
    up = np.array([across[1], -across[0]])
    for number, below in _FOREHEAD.items():
        points[number] = landmarks[below] + 0.5 * up
    for number, (one, other) in _BETWEEN.items():
        points[number] = (points[one] + points[other]) / 2
    return points
