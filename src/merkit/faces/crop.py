"""Cut the face crop out of a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.faces.geometry import CropGeometry, compose, invert, transform


def in_picture(
    points: NDArray[np.floating],
    matrix: NDArray[np.floating],
    shape: tuple[int, ...],
    margin: float = 0.0,
) -> NDArray[np.bool_]:
    """Which points of a crop show the picture and not what stands in for it beyond its edge.

    Parameters
    ----------
    points : float array, shape (N, 2)
        ``(x, y)`` in crop pixels.
    matrix : float array, shape (2, 3)
        From picture to crop pixels.
    shape : tuple of int
        Of the picture, ``(height, width, ...)``.
    margin : float
        How far from the edge of the picture a point must be, in crop pixels.

    Returns
    -------
    bool array, shape (N,)
    """
    room = margin / float(np.hypot(matrix[0, 0], matrix[1, 0]))
    x, y = transform(invert(matrix), points).T
    height, width = shape[:2]
    return np.asarray((x >= room) & (y >= room) & (x <= width - 1 - room) & (y <= height - 1 - room))


def warp(
    picture: NDArray[np.uint8], matrix: NDArray[np.floating], geometry: CropGeometry
) -> NDArray[np.uint8]:
    """Crop of a picture (H, W[, 3]) by a 2×3 matrix from picture to crop pixels.

    Where the picture is more than 1.5 times finer than the crop it is averaged down first, so that
    fine texture does not alias into motion.
    """
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    height, width = geometry.shape
    if zoom < 1 / 1.5:
        corners = transform(invert(matrix), np.array([[0, 0], [width, 0], [0, height], [width, height]]))
        factor = int(np.floor(1.0 / zoom + 0.5))
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 2 * factor, 0)
        high = np.ceil(corners.max(axis=0)).astype(int) + 2 * factor
        part = picture[low[1] : max(high[1], low[1] + factor), low[0] : max(high[0], low[0] + factor)]
        size = (part.shape[1] // factor, part.shape[0] // factor)
        if min(size) >= 1:
            part = part[: size[1] * factor, : size[0] * factor]
            picture = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
            # Pixel centres: x_fine = factor * (x_coarse + 0.5) - 0.5 + low.
            down = np.array(
                [[factor, 0.0, low[0] + (factor - 1) / 2], [0.0, factor, low[1] + (factor - 1) / 2]]
            )
            matrix = compose(matrix, down)
    return cv2.warpAffine(
        picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
