"""Lay a face on a reference crop: find the rigid motion, move the crop along, look again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merkit.faces.crop import in_picture, warp
from merkit.faces.geometry import CropGeometry, compose, invert
from merkit.faces.register import RigidFit, RigidMotion
from merkit.motion.flow import optical_flow

TURNS = 3
"""How often the crop is moved along at most."""


@dataclass(frozen=True)
class Settled:
    """A picture laid on a reference crop of H × W pixels.

    Attributes
    ----------
    crop : uint8 array, shape (H, W)
    matrix : float array, shape (2, 3)
        From picture to crop pixels, by which `crop` was cut out.
    flow : float32 array, shape (H, W, 2)
        From the reference to `crop`.
    rigid : RigidMotion
        The rigid part of `flow`: what `matrix` has not undone.
    """

    crop: NDArray[np.uint8]
    matrix: NDArray[np.float64]
    flow: NDArray[np.float32]
    rigid: RigidMotion

    @property
    def pose(self) -> NDArray[np.float64]:
        """The matrix (2, 3) that undoes the rest of the rigid motion as well."""
        return compose(invert(self.rigid.matrix), self.matrix)


def settle(
    reference: NDArray[np.uint8], gray: NDArray[np.uint8], matrix: NDArray[np.floating],
    geometry: CropGeometry, fit: RigidFit, backend: str, near: float,
) -> Settled:  # fmt: skip
    """Cut the face out of a picture so that its head lies where that of a reference crop does.

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
        On a raster over the crop.
    backend : str
        See :func:`merkit.motion.flow.optical_flow`.
    near : float
        Rigid displacement in crop pixels up to which the crop is left where it is.
    """
    at = np.asarray(matrix, dtype=np.float64)
    for turn in range(TURNS + 1):
        crop = warp(gray, at, geometry)
        flow = optical_flow(reference, crop, backend)
        rigid = fit(fit.sampled(flow), in_picture(fit.grid, at, gray.shape))
        if turn == TURNS or rigid.size <= near:
            break
        at = compose(invert(rigid.matrix), at)
    return Settled(crop, at, flow, rigid)
