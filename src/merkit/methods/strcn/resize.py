"""MATLAB's ``imresize`` as STRCN uses it: a matrix of weights along one axis, antialiased when it shrinks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, did_you_mean

_Kernel = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _box(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return ((x >= -0.5) & (x < 0.5)).astype(np.float64)


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(1.0 - np.abs(x), 0.0, None)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    # Keys (1981) with a = -1/2.
    d = np.abs(x)
    near = 1.5 * d**3 - 2.5 * d**2 + 1.0
    far = -0.5 * d**3 + 2.5 * d**2 - 4.0 * d + 2.0
    return np.where(d <= 1, near, np.where(d <= 2, far, 0.0))


def _lanczos(lobes: int) -> _Kernel:
    return lambda x: np.where(np.abs(x) < lobes, np.sinc(x) * np.sinc(x / lobes), 0.0)


# The function, its width, and whether it widens when shrinking.
_KERNELS: Mapping[str, tuple[_Kernel, float, bool]] = {
    "nearest": (_box, 1.0, False),
    "bilinear": (_triangle, 2.0, True),
    "bicubic": (_cubic, 4.0, True),
    "box": (_box, 1.0, True),
    "triangle": (_triangle, 2.0, True),
    "cubic": (_cubic, 4.0, True),
    "lanczos2": (_lanczos(2), 4.0, True),
    "lanczos3": (_lanczos(3), 6.0, True),
}
KERNELS = tuple(_KERNELS)
"""In the order of the code; ``triangle`` is ``bilinear`` and ``cubic`` is ``bicubic``."""


def resize_weights(length: int, wanted: int, kernel: str = "bicubic") -> NDArray[np.float64]:
    """The matrix that brings `length` samples to `wanted`: ``resized = weights @ samples``.

    Samples are centres of pixels over a common extent; beyond the ends the samples are mirrored.

    Parameters
    ----------
    length, wanted : int
        1 or more.
    kernel : str
        One of :data:`KERNELS`.

    Returns
    -------
    float64 array, shape (wanted, length)
        Rows sum to 1.

    Raises
    ------
    ConfigError
        For an unknown kernel or a length below 1.

    Examples
    --------
    >>> resize_weights(2, 4, "bilinear").tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    if kernel not in _KERNELS:
        raise ConfigError(f"kernel {kernel!r}{did_you_mean(kernel, KERNELS)}: there are {', '.join(KERNELS)}")
    if length < 1 or wanted < 1:
        raise ConfigError(f"resizing from {length} to {wanted}: give lengths of 1 or more")
    function, width, widens = _KERNELS[kernel]
    scale = wanted / length
    stretch = scale if widens and scale < 1 else 1.0
    reach = width / stretch
    # Positions of the wanted samples among the given ones, counted from 0.
    centres = (np.arange(wanted) + 0.5) / scale - 0.5
    first = np.floor(centres - reach / 2).astype(np.intp)
    taps = first[:, None] + np.arange(math.ceil(reach) + 2)
    values = function(stretch * (centres[:, None] - taps))
    values /= values.sum(axis=1, keepdims=True)
    mirrored = taps % (2 * length)
    mirrored = np.where(mirrored < length, mirrored, 2 * length - 1 - mirrored)
    weights = np.zeros((wanted, length))
    np.add.at(weights, (np.arange(wanted)[:, None], mirrored), values)
    return weights


def resize(image: NDArray[Any], shape: tuple[int, int], kernel: str = "bicubic") -> NDArray[np.float64]:
    """A picture of another size, as ``imresize(image, shape, kernel)`` of MATLAB computes it in floats.

    Parameters
    ----------
    image : array of numbers, shape (..., H, W)
    shape : (rows, columns)
    kernel : str
        One of :data:`KERNELS`.

    Returns
    -------
    float64 array, shape (..., rows, columns)
        May leave the range of the picture where a kernel overshoots.
    """
    rows = resize_weights(image.shape[-2], shape[0], kernel)
    columns = resize_weights(image.shape[-1], shape[1], kernel)
    return np.asarray(rows @ np.asarray(image, dtype=np.float64) @ columns.T)
