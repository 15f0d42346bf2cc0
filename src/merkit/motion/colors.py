"""Flow as colour: hue says which way, saturation says how far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["flow_to_rgb", "flow_to_rgba", "wheel_legend"]


def _hue_rgb(hue: NDArray[np.floating]) -> NDArray[np.float32]:
    """Fully saturated RGB (…, 3) in 0..1 of a hue in turns (0 red, 1/3 green, 2/3 blue)."""
    # Each channel is a trapezoid of the hue, shifted by a third of a turn.
    shifted = (hue[..., None] * 6.0 + np.array([0.0, 4.0, 2.0])) % 6.0
    return np.clip(np.abs(shifted - 3.0) - 1.0, 0.0, 1.0).astype(np.float32)


def _polar(flow: NDArray[np.floating], max_px: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Hue in turns and magnitude in 0..1; a vector that is not finite counts as no motion."""
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise ValueError(f"flow must have shape (height, width, 2), not {flow.shape}")
    if not max_px > 0:
        raise ValueError(f"max_px must be positive, not {max_px}")
    clean = np.where(np.isfinite(flow).all(axis=2, keepdims=True), flow, 0.0)
    u, v = clean[..., 0].astype(np.float64), clean[..., 1].astype(np.float64)
    hue = np.arctan2(v, u) / (2.0 * np.pi) % 1.0
    return hue, np.clip(np.hypot(u, v) / max_px, 0.0, 1.0)


def flow_to_rgb(flow: NDArray[np.floating], max_px: float) -> NDArray[np.uint8]:
    """Colour a flow field: white is no motion, full colour is ``max_px`` or more.

    Hue goes clockwise in the picture: right is red, down is yellow-green, left is cyan, up is violet.

    Parameters
    ----------
    flow : ndarray, shape (H, W, 2)
        Displacement in pixels, (u right, v down).
    max_px : float
        Length in pixels that gets full saturation.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8
        RGB.

    Examples
    --------
    >>> import numpy as np
    >>> flow_to_rgb(np.array([[[2.0, 0.0], [-2.0, 0.0], [0.0, 0.0]]]), max_px=2.0).tolist()
    [[[255, 0, 0], [0, 255, 255], [255, 255, 255]]]
    """
    hue, length = _polar(flow, max_px)
    rgb = 1.0 - length[..., None] * (1.0 - _hue_rgb(hue))
    return np.asarray(np.rint(rgb * 255.0), dtype=np.uint8)


def flow_to_rgba(flow: NDArray[np.floating], max_px: float, opacity: float = 1.0) -> NDArray[np.uint8]:
    """Colour a flow field for laying over a picture: no motion is transparent.

    Laid over white with ``opacity=1``, this equals :func:`flow_to_rgb`.

    Parameters
    ----------
    flow : ndarray, shape (H, W, 2)
        Displacement in pixels, (u right, v down).
    max_px : float
        Length in pixels that gets the full ``opacity``.
    opacity : float
        Opacity at ``max_px`` and beyond, 0 to 1.

    Returns
    -------
    ndarray, shape (H, W, 4), uint8
        RGB and alpha.
    """
    if not 0.0 <= opacity <= 1.0:
        raise ValueError(f"opacity must lie between 0 and 1, not {opacity}")
    hue, length = _polar(flow, max_px)
    rgba = np.concatenate([_hue_rgb(hue), (length * opacity)[..., None]], axis=2)
    return np.asarray(np.rint(rgba * 255.0), dtype=np.uint8)


def wheel_legend(size: int) -> NDArray[np.uint8]:
    """Draw the colour wheel that explains :func:`flow_to_rgb`.

    The colour at a point of the disc is that of a motion from the centre to that point; the rim is
    full saturation.  Outside the disc the picture is transparent.

    Parameters
    ----------
    size : int
        Side in pixels, at least 8.

    Returns
    -------
    ndarray, shape (size, size, 4), uint8
        RGB and alpha.
    """
    if size < 8:
        raise ValueError(f"size must be at least 8, not {size}")
    radius = (size - 1) / 2.0
    axis = np.arange(size) - radius
    vectors = np.stack(np.meshgrid(axis, axis, indexing="xy"), axis=2)
    # One pixel of ramp at the rim keeps the disc from looking jagged.
    alpha = np.clip(radius + 0.5 - np.hypot(vectors[..., 0], vectors[..., 1]), 0.0, 1.0)
    rgb = flow_to_rgb(vectors, radius)
    return np.dstack([rgb, np.rint(alpha * 255.0).astype(np.uint8)])
