"""Octave bands of pictures, in the cosine transform, so that borders are mirrored and nothing is padded.

A picture is the sum of its bands to rounding.  A band can be looked at on a coarser grid without loss; the
points of that grid lie symmetrically in the picture, so that a mirrored picture has mirrored bands.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

Floats = NDArray[np.float32]
MIN_SIDE = 16
"""Smaller pictures have no two bands."""
FINEST = 4.0
"""Wavelength in pixels at the centre of the finest band."""


class Octave(NamedTuple):
    """One band of frequencies.

    Attributes
    ----------
    wavelength : float
        At its centre, in pixels.
    mask : float32 array (h, w)
        How much of each coefficient belongs to it; those beyond h and w have no part.
    """

    wavelength: float
    mask: Floats


def forward(pictures: Floats) -> Floats:
    """Cosine transform of pictures over the second and third axis, orthonormal."""
    return np.asarray(dctn(pictures, axes=(1, 2), norm="ortho"), np.float32)


def backward(coefficients: Floats) -> Floats:
    """The pictures of the coefficients, the inverse of :func:`forward`."""
    return np.asarray(idctn(coefficients, axes=(1, 2), norm="ortho"), np.float32)


def count(shape: tuple[int, int]) -> int:
    """How many octave bands a picture has, the coarsest as long as its shorter side."""
    return 1 + int(math.log2(min(shape) / FINEST))


@lru_cache(maxsize=8)
def octaves(shape: tuple[int, int], coarse: bool = True) -> tuple[Octave, ...]:
    """The bands of pictures of a shape, finest first; all but the mean light and slow shading.

    Each is a raised cosine over the logarithm of frequency, two octaves from end to end; the finest holds
    all that is finer.  The sum of the masks is 1 down to the centre of the last.

    Parameters
    ----------
    shape : (height, width)
    coarse : bool
        Leave out coefficients of which a band holds nothing, and so the points between those of its grid.

    Examples
    --------
    >>> [(band.wavelength, band.mask.shape) for band in octaves((32, 48))]
    [(4.0, (32, 48)), (8.0, (16, 24)), (16.0, (8, 12)), (32.0, (4, 6))]
    """
    frequency = np.log2(np.maximum(radius(shape), 1e-9))
    bands = []
    for n in range(count(shape)):
        wavelength = FINEST * 2**n
        octaves_above = frequency - math.log2(2 * math.pi / wavelength)
        mask = np.where(np.abs(octaves_above) < 1, np.cos(np.pi / 2 * octaves_above) ** 2, 0.0)
        if n == 0:
            mask[octaves_above > 0] = 1
        height, width = (math.ceil(side / 2**n) if coarse else side for side in shape)
        bands.append(Octave(wavelength, np.ascontiguousarray(mask[:height, :width], np.float32)))
    return tuple(bands)


def radius(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Frequency of each coefficient in radians a pixel."""
    down, across = (np.pi * np.arange(side) / side for side in shape)
    return np.hypot(down[:, None], across)
