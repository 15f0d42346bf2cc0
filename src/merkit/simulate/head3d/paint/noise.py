"""Smooth random patterns that fill space, so that they have no seams on any surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

Floats = NDArray[np.float32]
Points = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]

_SIDE = 64
_VOXELS = 8
"""Of the block, to a wavelength: enough for linear interpolation."""


class SolidNoise:
    """A block of random waves of about one wavelength, repeated in all directions.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the block, and later where and how each pattern is cut out of it.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        white = np.fft.rfftn(rng.standard_normal((_SIDE,) * 3))
        full, half = np.fft.fftfreq(_SIDE), np.fft.rfftfreq(_SIDE)
        frequency = np.sqrt(full[:, None, None] ** 2 + full[:, None] ** 2 + half**2)
        octaves = np.log2(np.maximum(frequency, 1e-9) * _VOXELS)
        block = np.fft.irfftn(white * np.exp(-0.5 * (octaves / 0.35) ** 2), (_SIDE,) * 3, axes=(0, 1, 2))
        self._block = (block / block.std()).astype(np.float32)

    def __call__(self, points: Points, wavelength: float) -> Floats:
        """A new pattern at some points: mean 0, standard deviation 1.

        Parameters
        ----------
        points : (x, y, z), float arrays (N,)
        wavelength : float
            In their units.
        """
        turn = np.linalg.qr(self._rng.standard_normal((3, 3)))[0] * (_VOXELS / wavelength)
        start = self._rng.uniform(0, _SIDE, 3)
        cut = np.stack(
            [
                (sum(t * p for t, p in zip(row, points, strict=True)) + first).astype(np.float32)
                for row, first in zip(turn, start, strict=True)
            ]
        )
        return np.asarray(map_coordinates(self._block, cut, order=1, mode="grid-wrap", prefilter=False))
