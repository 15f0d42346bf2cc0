"""The one crop in which merkit looks at faces, and where the parts of the face lie in it.

The crop is that of the published onset-apex flow maps which the shipped recognizer learnt from
(MEGC2019 by phase; positions found by fitting rendered action units to the class means), so that
what is measured in a video can be handed to it unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merkit.faces.landmarks import FACE_OVAL, NOSE_BASE, eye_centres

EYES: tuple[tuple[float, float], tuple[float, float]] = ((0.278, 0.401), (0.722, 0.401))
"""Centres of the eyes as fractions of width and height, image-left eye first."""
ASPECT = 1.41
"""Height of the crop over its width, in pixels."""
EYE_DISTANCE_AT_200 = 96.0
"""Distance between the eye centres when the face (mesh points 234 to 454) is 200 px wide."""


@dataclass(frozen=True)
class CropGeometry:
    """An upright face crop of a given width in pixels.

    Parameters
    ----------
    width : int
        In pixels.
    aspect : float
        Height over width.
    eyes_at : pair of (x, y)
        Centres of the eyes as fractions of width and height, image-left eye first.

    Examples
    --------
    >>> g = CropGeometry(160)
    >>> g.shape
    (226, 160)
    >>> round(g.px200, 3)
    1.351
    """

    width: int = 160
    aspect: float = ASPECT
    eyes_at: tuple[tuple[float, float], tuple[float, float]] = EYES

    @property
    def height(self) -> int:
        """Height in pixels."""
        return round(self.aspect * self.width)

    @property
    def shape(self) -> tuple[int, int]:
        """``(height, width)``."""
        return self.height, self.width

    @property
    def eyes(self) -> NDArray[np.float64]:
        """Eye centres in pixels, (2, 2), image-left eye first."""
        return np.asarray(self.eyes_at) * (self.width, self.height)

    @property
    def px200(self) -> float:
        """How many ``px200`` (pixels at a face width of 200 px) one crop pixel is."""
        return EYE_DISTANCE_AT_200 / float(self.eyes[1, 0] - self.eyes[0, 0])

    def matrix(self, eyes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Similarity (2, 3) from picture to crop that puts the given eye centres in place.

        Parameters
        ----------
        eyes : float array, shape (2, 2)
            Eye centres in the picture, ``(x, y)`` in pixels, image-left eye first.
        """
        source = complex(*(eyes[1] - eyes[0]))
        target = complex(*(self.eyes[1] - self.eyes[0]))
        turn = target / source
        linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
        shift = self.eyes.mean(axis=0) - linear @ np.asarray(eyes, dtype=np.float64).mean(axis=0)
        return np.column_stack([linear, shift])


def transform(matrix: NDArray[np.floating], points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Apply a 2×3 affine matrix to points of shape (N, 2)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float64)


def invert(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """Inverse of a 2×3 affine matrix."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def compose(outer: NDArray[np.floating], inner: NDArray[np.floating]) -> NDArray[np.float64]:
    """The 2×3 affine matrix that applies `inner` first, then `outer`."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


@dataclass(frozen=True)
class Part:
    """A small patch of skin whose mean motion is measured: region, side and mesh points.

    ``side`` is the person's own left or right; in an unmirrored picture their left is on the right.
    """

    region: str
    side: str
    name: str
    points: tuple[int, ...]


PARTS: tuple[Part, ...] = (
    Part("brows", "right", "inner brow", (107, 55, 66, 65)),
    Part("brows", "left", "inner brow", (336, 285, 296, 295)),
    Part("brows", "right", "outer brow", (70, 46, 63, 53)),
    Part("brows", "left", "outer brow", (300, 276, 293, 283)),
    Part("lids", "right", "upper lid", (160, 159, 158)),
    Part("lids", "left", "upper lid", (387, 386, 385)),
    Part("nose", "right", "nose wing", (129, 102, 48)),
    Part("nose", "left", "nose wing", (358, 331, 278)),
    Part("cheeks", "right", "cheek", (50, 101, 205)),
    Part("cheeks", "left", "cheek", (280, 330, 425)),
    Part("lip corners", "right", "lip corner", (61, 57)),
    Part("lip corners", "left", "lip corner", (291, 287)),
    Part("lips", "both", "upper lip", (0, 37, 267)),
    Part("lips", "both", "lower lip", (17, 84, 314)),
    Part("chin", "both", "chin", (199, 175, 200)),
)
"""What is measured, in the order of the motion arrays."""

_MOVING = sorted(
    {p for part in PARTS if part.region not in ("nose", "cheeks") for p in part.points}
    | {33, 133, 145, 144, 153, 263, 362, 374, 373, 380, 61, 291, 13, 14, 78, 308, 105, 334, 52, 282, 152, 18}
)

_CHEEKS = (
    *(50, 101, 36, 198, 129, 206, 117, 118, 119),
    *(280, 330, 266, 420, 358, 426, 346, 347, 348),
)
"""Cheeks and sides of the nose, which smiles, raised cheeks and a wrinkled nose move as a whole."""


def grid_points(shape: tuple[int, int], step: int) -> NDArray[np.float64]:
    """Pixel positions ``(x, y)`` of every `step`-th pixel of a crop, shape (N, 2)."""
    y, x = np.mgrid[step // 2 : shape[0] : step, step // 2 : shape[1] : step]
    return np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)


def part_weights(
    points: NDArray[np.floating], grid: NDArray[np.floating], radius: float
) -> NDArray[np.float32]:
    """Weights that average a field over each part.

    Parameters
    ----------
    points : float array, shape (468, 2)
        Mesh points in crop pixels.
    grid : float array, shape (N, 2)
    radius : float
        Standard deviation in pixels of the soft disc around every mesh point.

    Returns
    -------
    float32 array, shape (len(PARTS), N)
        Each row sums to one.
    """
    rows = np.stack([_discs(points[list(part.points)], grid, radius) for part in PARTS])
    return np.asarray(rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-9), dtype=np.float32)


def face_weights(
    points: NDArray[np.floating], grid: NDArray[np.floating], radius: float
) -> NDArray[np.float64]:
    """One inside the oval of the face, falling to zero at its edge within `radius` pixels, shape (N,)."""
    import cv2

    oval = points[list(FACE_OVAL)].astype(np.float32)
    inside = [cv2.pointPolygonTest(oval, (float(x), float(y)), True) for x, y in grid]
    return np.clip(np.array(inside) / radius, 0.0, 1.0)


def rigid_weights(
    points: NDArray[np.floating], grid: NDArray[np.floating], radius: float
) -> NDArray[np.float64]:
    """How much each grid point tells of the rigid motion of the head, shape (N,), 0 to 1.

    One on skin that expressions leave mostly alone, near zero on eyes, brows, cheeks, mouth and chin,
    two fifths below the nose, where smiles move what is left, and zero outside the oval of the face.
    """
    # Chosen on simulated expressions of four faces (AU12, 4, 1+2, 7, 9, 6+12, 4+7, 10, 6): more weight on the
    # cheeks takes lids and nose for head motion, less below the nose lets the forehead outvote the rest.
    moving = _discs(points[_MOVING], grid, 1.6 * radius)
    cheeks = _discs(points[list(_CHEEKS)], grid, 1.6 * radius)
    eyes = eye_centres(points).mean(axis=0)
    down = points[NOSE_BASE] - eyes
    depth = (grid - eyes) @ down / float(down @ down)  # 0 at the eyes, 1 at the base of the nose
    below = 0.6 / (1.0 + np.exp(-9.0 * (depth - 0.66)))
    return face_weights(points, grid, radius) * (1.0 - 0.97 * moving) * (1.0 - 0.9 * cheeks) * (1.0 - below)


def _discs(centres: NDArray[np.floating], grid: NDArray[np.floating], radius: float) -> NDArray[np.float64]:
    from scipy.spatial.distance import cdist

    distance2 = cdist(centres, grid, "sqeuclidean").min(axis=0)
    return np.asarray(np.exp(-0.5 * distance2 / radius**2))
