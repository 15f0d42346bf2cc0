"""Appearance connecting of STRCN-A: the key-region pixels of a clip as a matrix of pixels by time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError
from merkit.methods.strcn.resize import KERNELS, resize_weights

COLUMNS = 30
"""Moments of the matrix."""
REMOVED_PERCENT = tuple(range(0, 60, 5))
"""Share of the frames that is removed, in per cent: 12 ratios, with 8 kernels 96 samples a clip."""


def connect(frames: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The pixels of the mask, one column a frame.

    Column by column of the picture, from the top down, as MATLAB counts: a 3×3 kernel on the matrix then
    mixes pixels that lie above each other with frames that follow each other.

    Parameters
    ----------
    frames : array of numbers, shape (K, rows, columns)
    mask : bool array, shape (rows, columns)
        With R pixels.

    Returns
    -------
    float64 array, shape (R, K)

    Raises
    ------
    DataError
        If the mask is not of the size of the frames.

    Examples
    --------
    >>> frame = np.array([[[1, 2], [3, 4], [5, 6]]])
    >>> connect(frame, np.array([[True, True], [False, True], [True, False]])).ravel().tolist()
    [1.0, 5.0, 2.0, 4.0]
    """
    if frames.ndim != 3 or frames.shape[1:] != mask.shape:
        raise DataError(f"frames of shape {frames.shape} and a mask of {mask.shape}: give (K, rows, columns)")
    return np.ascontiguousarray(frames.transpose(0, 2, 1)[:, mask.T].T, dtype=np.float64)


def scatter(column: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Put a column (R,) of the matrix back into a picture (rows, columns) that is 0 elsewhere."""
    picture = np.zeros(mask.shape)
    picture.T[mask.T] = column
    return picture


def to_columns(
    matrix: NDArray[np.floating], columns: int = COLUMNS, kernel: str = "bicubic"
) -> NDArray[np.float64]:
    """The matrix (R, K) resized along time alone, (R, columns), whatever K.

    Parameters
    ----------
    matrix : float array, shape (R, K)
    columns : int
    kernel : str
        One of :data:`~merkit.methods.strcn.resize.KERNELS`.
    """
    return np.asarray(matrix @ resize_weights(matrix.shape[1], columns, kernel).T)


def kept_frames(length: int, percent: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Which frames are left when ⌈percent · length⌉ of them are removed at random, at most all but one.

    The released code removes a single one at every ratio above 0, which is evidently not meant.

    Parameters
    ----------
    length : int
    percent : int
        From 0 up to 100.
    rng : numpy.random.Generator

    Returns
    -------
    int array
        In their order.

    Raises
    ------
    ConfigError
        For another share.
    """
    if not 0 <= percent < 100:
        raise ConfigError(f"removing {percent} per cent of the frames: give 0 up to 100")
    # Whole numbers: 0.55 · 100 is a little more than 55 in floats.
    removed = min(-(-percent * length // 100), length - 1)
    return np.sort(rng.choice(length, length - removed, replace=False))


AUGMENTATIONS = tuple((percent, kernel) for percent in REMOVED_PERCENT for kernel in KERNELS)
"""Share of removed frames and kernel of the 96 samples of a training clip."""


def augmented(
    matrix: NDArray[np.floating], percent: int, kernel: str, rng: np.random.Generator
) -> NDArray[np.float64]:
    """One sample of a training clip: some frames removed at random, the others resized by a kernel.

    Parameters
    ----------
    matrix : float array, shape (R, K)
    percent, kernel
        See :data:`AUGMENTATIONS`.
    rng : numpy.random.Generator

    Returns
    -------
    float64 array, shape (R, 30)
    """
    return to_columns(matrix[:, kept_frames(matrix.shape[1], percent, rng)], kernel=kernel)
