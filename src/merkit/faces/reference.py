"""The frame against which a stretch of video is measured, and what is known of the face in it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from merkit.faces.crop import warp
from merkit.faces.geometry import CropGeometry, part_weights, rigid_weights, transform
from merkit.faces.register import RigidFit

STEP = 4
"""The flow is sampled on every fourth pixel of the crop for fitting and averaging."""


class Reference:
    """The frame against which a stretch of video is measured."""

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
        zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        self.landmarks = np.column_stack([self.points, -depth * zoom]).astype(np.float32)
        self.fit, self.nose = rigid_fit(self.landmarks, grid, radius)
        self.small = thumbnail(self.crop)
        self.mask = cv2.resize(
            (self.fit.weights.reshape(_grid_shape(geometry)) > 0.05).astype(np.float32),
            self.small.shape[::-1],
        )


def rigid_fit(
    landmarks: NDArray[np.floating], grid: NDArray[np.floating], radius: float
) -> tuple[RigidFit, float]:
    """The fit of head motion for a face with this mesh, and the depth of its nose in the fit's unit.

    Parameters
    ----------
    landmarks : float array, shape (468, 3)
        x, y and depth in crop pixels.
    grid : float array, shape (N, 2)
    radius : float
        Softness of the mask in pixels.
    """
    depth = _depth_on_grid(landmarks[:, :2], landmarks[:, 2], grid)
    fit = RigidFit(grid, rigid_weights(landmarks[:, :2], grid, radius), depth)
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
