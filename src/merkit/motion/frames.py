"""What counts as the frames of a clip where only numbers over time matter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError

# Pixels of all frames that are turned into numbers with a fraction at a time; so many stay in fast memory.
_PIXELS = 1 << 13


def numeric_frames(frames: NDArray[Any], who: str) -> NDArray[Any]:
    """Return `frames` as an array of finite numbers, time first, or refuse in the name of `who`.

    Parameters
    ----------
    frames : array of numbers, shape (T, ...)
        One frame or more: grey (T, H, W), colour or flow (T, H, W, C), anything else.
    who : str
        The function that asks, for the message.

    Returns
    -------
    array, shape (T, ...)

    Raises
    ------
    DataError
        If there is no frame, or what is in it is no finite number.
    """
    given = np.asarray(frames)
    if given.dtype.kind not in "uif" or given.ndim < 1 or not len(given):
        raise DataError(
            f"{who}: frames of shape {given.shape} and type {given.dtype}; give numbers, one frame or more, "
            "time first"
        )
    if given.dtype.kind == "f" and not np.isfinite(given).all():
        raise DataError(f"{who}: a frame holds values that are not finite; fill or drop it first")
    return given


def pixel_chunks(frames: NDArray[Any], dtype: np.dtype[Any]) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Go over the pixels of all frames, some at a time, so that a long clip is not copied as floats.

    Parameters
    ----------
    frames : array, shape (T, ...)
    dtype : float64 or float32

    Yields
    ------
    slice
        Which columns of ``frames.reshape(T, -1)``.
    array of `dtype`, shape (T, at most 8192)
        Their values, a copy.
    """
    pixels = frames.reshape(len(frames), -1)
    for start in range(0, pixels.shape[1], _PIXELS):
        part = slice(start, min(start + _PIXELS, pixels.shape[1]))
        yield part, pixels[:, part].astype(dtype)
