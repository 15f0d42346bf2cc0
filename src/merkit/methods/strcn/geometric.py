"""Geometric connecting of STRCN-G: the flow from onset to apex, and what stands for its magnification."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.methods.strcn.resize import resize

FLOW_SHAPE = (300, 245)
"""Rows and columns."""
ALPHAS = (5, 6, 7, 8, 9, 10, 11, 12)
"""Magnifications of training clips."""
TEST_ALPHA = 8
"""Magnification of test clips, and of flow that is not scaled."""


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


def at_alpha(flow: NDArray[np.floating], alpha: int) -> NDArray[np.float32]:
    """The flow (2, H, W) at one of the magnifications, measured there (8, 2, H, W) or scaled (2, H, W).

    Scaled it stands for magnifying the frames and measuring; that of :data:`TEST_ALPHA` is the flow itself.
    """
    if flow.ndim == 4:
        return np.asarray(flow[ALPHAS.index(alpha)], dtype=np.float32)
    return np.asarray(flow * np.float32(flow_factor(alpha)), dtype=np.float32)
