"""The frame against which a stretch of video is measured, and what is known of the face in it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from merkit.faces.crop import in_picture, warp
from merkit.faces.geometry import PARTS, CropGeometry, part_weights, rigid_weights, transform
from merkit.faces.landmarks import eye_centres
from merkit.faces.register import RigidFit

STEP = 4
"""The flow is sampled on every fourth pixel of the crop for fitting and averaging."""
LEAST_EYE_DISTANCE = 8.0
"""Pixels of the picture below which two eyes cannot carry a crop."""
LEAST_SKIN = 0.12
"""Share of the crop that must be skin inside the picture, to hold on to; a whole face has a half."""
EDGE = 2.0
"""Parts nearer to the edge of the picture than this many mask radii are not measured."""


class Reference:
    """The frame against which a stretch of video is measured; see :func:`refer`."""

    def __init__(
        self, gray: NDArray[np.uint8], matrix: NDArray[np.float64], points: NDArray[np.floating],
        depth: NDArray[np.floating], geometry: CropGeometry, grid: NDArray[np.float64],
    ) -> None:  # fmt: skip
        self.crop = warp(gray, matrix, geometry)
        self.matrix = matrix
        self.points = transform(matrix, points)
        self.image_points = np.asarray(points, dtype=np.float64)
        radius = mask_radius(geometry)
        self.parts = part_weights(self.points, grid, radius)
        self.centres = part_centres(self.points)
        self.seen = in_picture(self.centres, matrix, gray.shape, EDGE * radius)
        zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        self.landmarks = np.column_stack([self.points, -depth * zoom]).astype(np.float32)
        self.fit, self.nose = rigid_fit(self.landmarks, grid, radius, in_picture(grid, matrix, gray.shape))
        self.small = thumbnail(self.crop)
        self.mask = cv2.resize(
            (self.fit.weights.reshape(_grid_shape(geometry)) > 0.05).astype(np.float32),
            self.small.shape[::-1],
        )


def refer(
    gray: NDArray[np.uint8], points: NDArray[np.floating], depth: NDArray[np.floating],
    geometry: CropGeometry, grid: NDArray[np.float64],
) -> Reference | None:  # fmt: skip
    """A reference on a mesh (468, 2) with depth (468,), in pixels of the picture.

    ``None`` where the mesh is no face or too little of the face is in the picture.
    """
    eyes = eye_centres(points)
    if not np.isfinite(points).all() or float(np.hypot(*(eyes[1] - eyes[0]))) < LEAST_EYE_DISTANCE:
        return None
    reference = Reference(gray, geometry.matrix(eyes), points, depth, geometry, grid)
    skin = float((reference.fit.weights > 0.05).mean())
    return reference if skin >= LEAST_SKIN else None


def part_centres(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Middle of every part, (len(PARTS), 2), from mesh points (468, 2)."""
    return np.stack([points[list(part.points)].mean(axis=0) for part in PARTS]).astype(np.float64)


def rigid_fit(
    landmarks: NDArray[np.floating],
    grid: NDArray[np.floating],
    radius: float,
    seen: NDArray[np.bool_] | None = None,
) -> tuple[RigidFit, float]:
    """The fit of head motion for a face with this mesh, and the depth of its nose in the fit's unit.

    Parameters
    ----------
    landmarks : float array, shape (468, 3)
        x, y and depth in crop pixels.
    grid : float array, shape (N, 2)
    radius : float
        Softness of the mask in pixels.
    seen : bool array, shape (N,), optional
        Which grid points lie in the picture; the others tell nothing.
    """
    depth = _depth_on_grid(landmarks[:, :2], landmarks[:, 2], grid)
    weights = rigid_weights(landmarks[:, :2], grid, radius)
    fit = RigidFit(grid, weights if seen is None else weights * seen, depth)
    return fit, float(depth.max() - depth.mean()) / fit.half


def mask_radius(geometry: CropGeometry) -> float:
    """Softness of parts and masks in crop pixels: a thirtieth of the width."""
    return 0.032 * geometry.width


def thumbnail(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(crop, (crop.shape[1] // 4, crop.shape[0] // 4), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32)


def _grid_shape(geometry: CropGeometry) -> tuple[int, int]:
    height, width = geometry.shape
    return len(range(STEP // 2, height, STEP)), len(range(STEP // 2, width, STEP))


def _depth_on_grid(
    points: NDArray[np.floating], depth: NDArray[np.floating], grid: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Depth at grid points, inverse-distance mean of the eight nearest mesh points."""
    distance, index = cKDTree(points).query(grid, k=8)
    weight = 1.0 / (distance + 1.0) ** 2
    return np.asarray((depth[index] * weight).sum(axis=1) / weight.sum(axis=1), dtype=np.float64)


def likeness_of(a: NDArray[np.float32], b: NDArray[np.float32], mask: NDArray[np.float32]) -> float:
    """Weighted correlation of two thumbnails, -1 to 1."""
    total = float(mask.sum()) or 1.0
    a = a - float((a * mask).sum()) / total
    b = b - float((b * mask).sum()) / total
    scale = float(np.sqrt((mask * a * a).sum() * (mask * b * b).sum()))
    return float((mask * a * b).sum()) / scale if scale > 0 else 0.0
