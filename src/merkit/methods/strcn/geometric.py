"""Geometric connecting of STRCN-G: the flow from onset to apex, and what stands for its magnification."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError
from merkit.methods.strcn.resize import resize

FLOW_SHAPE = (300, 245)
"""Rows and columns."""
ALPHAS = (5, 6, 7, 8, 9, 10, 11, 12)
"""Magnifications of training clips."""
TEST_ALPHA = 8
"""Magnification of test clips, and of flow that is not scaled."""
_APEX_SHAPE = (10, 8)


def onset_apex_flow(
    onset: NDArray[np.uint8],
    apex: NDArray[np.uint8],
    *,
    shape: tuple[int, int] = FLOW_SHAPE,
    backend: str = "tvl1",
) -> NDArray[np.float32]:
    """Flow from the onset frame to the apex frame, both brought to one size first.

    Parameters
    ----------
    onset, apex : uint8 array, shape (H, W) or (H, W, 3)
    shape : (rows, columns)
    backend : str
        See :func:`merkit.motion.optical_flow`; that of the authors is of the kind of TV-L1, with a median
        filter.

    Returns
    -------
    float32 array, shape (2, rows, columns)
        ``(u right, v down)`` in pixels of that size, not normalised.
    """
    # Here, not above: OpenCV is loaded where flow is measured.
    from merkit.motion import optical_flow
    from merkit.video.images import gray_of

    small = [
        np.clip(np.rint(resize(gray_of(frame), shape)), 0, 255).astype(np.uint8) for frame in (onset, apex)
    ]
    return np.ascontiguousarray(optical_flow(small[0], small[1], backend).transpose(2, 0, 1))


def flow_factor(alpha: float, reference: float = TEST_ALPHA) -> float:
    """What magnification by `alpha` does to displacements, relative to one by `reference`.

    Linear Eulerian magnification makes a displacement 1 + α times as long.

    Examples
    --------
    >>> [round(9 * flow_factor(alpha)) for alpha in ALPHAS]
    [6, 7, 8, 9, 10, 11, 12, 13]
    """
    if alpha < 0 or reference < 0:
        raise ConfigError(f"magnification by {min(alpha, reference)}: give 0 or more")
    return (1.0 + alpha) / (1.0 + reference)


def scaled_flows(flow: NDArray[np.floating]) -> NDArray[np.float32]:
    """The flow as if measured at each of the eight magnifications.

    It stands for magnifying the frames and measuring eight times.

    Parameters
    ----------
    flow : float array, shape (2, rows, columns)
        Of test clips, of frames without magnification.

    Returns
    -------
    float32 array, shape (8, 2, rows, columns)
        In the order of :data:`ALPHAS`; the one of :data:`TEST_ALPHA` is `flow` itself.
    """
    factors = np.array([flow_factor(alpha) for alpha in ALPHAS], dtype=np.float32)
    return np.asarray(factors[:, None, None, None] * np.asarray(flow, dtype=np.float32))


def detect_apex(frames: NDArray[Any]) -> int:
    """Index of the frame that differs most unevenly from the first, in the middle of the clip.

    That is the greatest standard deviation over 10×8 pixels of the difference, from 20 to 70 per cent of
    the clip; where nothing differs, the middle.  The released code takes the place within these for the
    place within the clip.

    Parameters
    ----------
    frames : array of numbers, shape (K, H, W)
        Grey, from onset to offset.

    Returns
    -------
    int
        1 to K - 1.

    Raises
    ------
    DataError
        If there are fewer than two grey frames.
    """
    if frames.ndim != 3 or len(frames) < 2:
        raise DataError(
            f"detect_apex: frames of shape {frames.shape}; give two grey frames (K, H, W) or more"
        )
    # Here, not above, as for the flow.
    from merkit.inputs.apex_finders import highest_in_window

    small = resize(frames, _APEX_SHAPE)
    spread = (small - small[0]).std(axis=(1, 2))
    found = highest_in_window(spread, 0.0)
    return found if spread[found] > 0 else max(len(frames) // 2, 1)
