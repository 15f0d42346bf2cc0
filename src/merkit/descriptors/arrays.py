"""What a descriptor accepts: grey frames of whole levels, or flow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError


def grey_frames(frames: NDArray[Any], who: str) -> NDArray[np.uint8]:
    """Return `frames` if they are grey pictures over time, or refuse in the name of `who`.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)
    who : str
        The descriptor that asks, for the message.

    Returns
    -------
    uint8 array, shape (T, H, W)

    Raises
    ------
    DataError
        For another shape or type.
    """
    given = np.asarray(frames)
    if given.ndim != 3 or given.dtype != np.uint8:
        hint = (
            "; round what a resampler gives with merkit.motion.round_to_uint8"
            if given.dtype.kind == "f"
            else ""
        )
        raise DataError(
            f"{who}: frames of shape {given.shape} and type {given.dtype}; "
            f"it needs grey uint8 frames (T, H, W){hint}"
        )
    return given


def flow_fields(flow: NDArray[Any], who: str) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Return flow fields as u and v side by side, or refuse in the name of `who`.

    Parameters
    ----------
    flow : float array, shape (..., H, W, 2)
        ``(u right, v down)`` in pixels.
    who : str
        The descriptor that asks, for the message.

    Returns
    -------
    float32 array, shape (2, N, H, W)
        Horizontal and vertical parts of all N fields.
    tuple of int
        The leading axes that were made one.

    Raises
    ------
    DataError
        For another shape or type, or values that are not finite.
    """
    given = np.asarray(flow)
    if given.ndim < 3 or given.shape[-1] != 2 or given.dtype.kind != "f":
        raise DataError(
            f"{who}: flow of shape {given.shape} and type {given.dtype}; "
            "it needs float flow (..., H, W, 2), u right and v down"
        )
    fields = given.reshape(-1, *given.shape[-3:])
    parts = np.stack([fields[..., 0], fields[..., 1]]).astype(np.float32, copy=False)
    if not np.isfinite(parts).all():
        raise DataError(f"{who}: a flow vector is not finite; fill or drop it first")
    return parts, given.shape[:-3]
