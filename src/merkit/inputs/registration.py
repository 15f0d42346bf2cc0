"""Laying one picture of a face on another: the head's own motion undone, the expression left.

Everything is measured in one crop, whatever crop a method asks for later: there the robust fit of
:mod:`merkit.faces.register` was balanced, and there videos are measured as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.faces.crop import in_picture, warp
from merkit.faces.geometry import CropGeometry, grid_points
from merkit.faces.reference import STEP, refer
from merkit.faces.register import RigidFit
from merkit.faces.settle import settle
from merkit.inputs.placement import Placement

NEAR_ENOUGH = 0.3
"""Rigid displacement in crop pixels from which on the crop is moved along and measured again."""


@dataclass(frozen=True)
class Anchor:
    """The face of the onset, on which other pictures of the clip are laid; see :func:`anchor_on`.

    Attributes
    ----------
    crop : uint8 array, shape (H, W)
        The face in the crop of `geometry`.
    matrix : float array, shape (2, 3)
        From picture to crop pixels.
    geometry : CropGeometry
    fit : RigidFit
        Tells head motion from expression, on every :data:`~merkit.faces.reference.STEP`-th pixel.
    shape : tuple of int
        ``(height, width)`` of the pictures.
    """

    crop: NDArray[np.uint8]
    matrix: NDArray[np.float64]
    geometry: CropGeometry
    fit: RigidFit
    shape: tuple[int, ...]

    def head_to(self, gray: NDArray[np.uint8], backend: str = "dis") -> NDArray[np.float64]:
        """Matrix (2, 3) from another picture to the crop that undoes the head's motion in the plane."""
        return settle(self.crop, gray, self.matrix, self.geometry, self.fit, backend, NEAR_ENOUGH).pose

    @property
    def cover(self) -> NDArray[np.bool_]:
        """Which pixels of the crop show the picture and not what stands in for it beyond its edge, (H, W)."""
        points = grid_points(self.geometry.shape, 1)
        return in_picture(points, self.matrix, self.shape).reshape(self.geometry.shape)


def anchor_on(
    gray: NDArray[np.uint8], placement: Placement, geometry: CropGeometry, who: str = "the picture"
) -> Anchor:
    """Make a picture the one on which others are laid.

    Parameters
    ----------
    gray : uint8 array, shape (h, w)
    placement : Placement
        Where its face is.  For a whole frame all pixels count alike in the fit of the head's motion, since
        nobody knows where in it the brows and the mouth are.
    geometry : CropGeometry
    who : str
        What to call the picture in an error.

    Raises
    ------
    DataError
        If the face is too small, or too little of it is in the picture.
    """
    grid = grid_points(geometry.shape, STEP)
    if placement.mesh is None:
        matrix = placement.matrix(geometry)
        crop = warp(gray, matrix, geometry)
        return Anchor(crop, matrix, geometry, RigidFit(grid, np.ones(len(grid))), gray.shape)
    reference = refer(gray, placement.mesh.points, placement.mesh.depth, geometry, grid)
    if reference is None:
        raise DataError(
            f"{who}: the face is too small or mostly outside of the frame; give larger frames, or "
            "face='whole' to take whole frames as they are"
        )
    return Anchor(reference.crop, reference.matrix, geometry, reference.fit, gray.shape)


def register(
    reference: NDArray[np.uint8], gray: NDArray[np.uint8], matrix: NDArray[np.floating],
    geometry: CropGeometry, fit: RigidFit, backend: str, near: float = NEAR_ENOUGH,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:  # fmt: skip
    """Crop matrix of a picture that undoes the rigid motion against a reference crop.

    Parameters
    ----------
    reference : uint8 array, shape (H, W)
        A crop of `geometry`.
    gray : uint8 array, shape (h, w)
        Another picture, not cropped.
    matrix : float array, shape (2, 3)
        From picture to crop pixels, near the truth.
    geometry : CropGeometry
    fit : RigidFit
        On every :data:`~merkit.faces.reference.STEP`-th pixel of the crop.
    backend : str
        See :func:`merkit.motion.flow.optical_flow`.
    near : float
        Rigid displacement in crop pixels up to which the crop is left where it is.

    Returns
    -------
    matrix : float array, shape (2, 3)
    residual : float32 array, shape (H, W, 2)
        Flow from the reference to the crop by that matrix, the rest of the rigid motion removed.
    """
    seen = settle(reference, gray, matrix, geometry, fit, backend, near)
    residual = seen.flow - _everywhere(fit, seen.rigid.params, geometry)
    return seen.matrix, np.asarray(residual, dtype=np.float32)


def _everywhere(fit: RigidFit, params: NDArray[np.floating], geometry: CropGeometry) -> NDArray[np.float32]:
    """A fitted rigid flow on every pixel of the crop."""
    rows = len(range(STEP // 2, geometry.height, STEP))
    coarse = np.stack([fit.u @ params, fit.v @ params], axis=1).reshape(rows, -1, 2)
    height, width = geometry.shape
    # The grid starts at STEP/2; map every pixel to its place on it.
    x = (np.arange(width, dtype=np.float32) - STEP // 2) / STEP
    y = (np.arange(height, dtype=np.float32) - STEP // 2) / STEP
    grid_x, grid_y = np.meshgrid(x, y)
    return cv2.remap(
        coarse.astype(np.float32), grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
