"""Dense optical flow behind one function, whatever the backend.

The convention everywhere in merkit: ``flow[y, x] = (u, v)`` in pixels, u to the right, v downwards,
so that ``second[y + v, x + u]`` shows what ``first[y, x]`` showed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError, did_you_mean

MIN_SIDE = 24
_local = threading.local()
_cv: Any = cv2  # its type stubs lack the optical flow classes


def _dis() -> Any:
    return _cv.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)


def _dis_fine() -> Any:
    dis = _cv.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # More iterations or a closer grid of patches cost twice the time and gain nothing.
    dis.setFinestScale(0)
    return dis


def _tvl1() -> Any:
    # Far fewer iterations than the defaults: a fifth of the time, and no worse below 4 px of motion.
    return _cv.optflow.DualTVL1OpticalFlow_create(
        nscales=3, warps=2, innnerIterations=10, outerIterations=4, epsilon=0.02
    )


class _Farneback:
    """Farnebäck on mirrored margins: at a plain border it invents motion even in still pictures."""

    margin = 10

    def __init__(self) -> None:
        self._flow = _cv.FarnebackOpticalFlow_create(
            numLevels=3, pyrScale=0.5, winSize=15, numIters=3, polyN=5, polySigma=1.2
        )

    def calc(self, first: NDArray[np.uint8], second: NDArray[np.uint8], _: None) -> NDArray[np.float32]:
        m = self.margin
        wide = [cv2.copyMakeBorder(p, m, m, m, m, cv2.BORDER_REFLECT_101) for p in (first, second)]
        return np.ascontiguousarray(self._flow.calc(*wide, None)[m:-m, m:-m])


BACKENDS: dict[str, Callable[[], Any]] = {
    "dis": _dis,
    "dis-fine": _dis_fine,
    "tvl1": _tvl1,
    "farneback": _Farneback,
}


def check_backend(name: str) -> str:
    """Return `name` if it is a flow backend, else raise `ConfigError` naming those there are."""
    if name not in BACKENDS:
        hint = did_you_mean(str(name), BACKENDS)
        raise ConfigError(f"unknown flow backend {name!r}{hint}: choose one of {', '.join(BACKENDS)}")
    return name


def optical_flow(
    first: NDArray[np.uint8], second: NDArray[np.uint8], backend: str = "dis"
) -> NDArray[np.float32]:
    """Dense flow from one grey picture to another.

    Parameters
    ----------
    first, second : uint8 array, shape (H, W)
        Grey pictures of one size, at least 24 px on each side.
    backend : {"dis", "dis-fine", "tvl1", "farneback"}
        DIS (Kroeger et al., ECCV 2016) is the fast default.  It smooths: local motion of 1 px comes
        out at about 0.7, with ``"dis-fine"`` (full resolution, four times slower, twice the noise) at
        0.9.  TV-L1 (Zach et al., DAGM 2007) is robust to outliers; Farnebäck (SCIA 2003).

    Returns
    -------
    float32 array, shape (H, W, 2)
        ``(u right, v down)`` in pixels.

    Examples
    --------
    >>> import numpy as np
    >>> still = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    >>> float(np.abs(optical_flow(still, still)).max())
    0.0
    """
    check_backend(backend)
    for name, picture in (("first", first), ("second", second)):
        if picture.ndim != 2 or picture.dtype != np.uint8:
            raise DataError(
                f"optical_flow: {name} has shape {picture.shape} and type {picture.dtype}; "
                "it needs a grey uint8 picture (H, W)"
            )
    if first.shape != second.shape:
        raise DataError(f"optical_flow: the pictures differ in size, {first.shape} and {second.shape}")
    if min(first.shape) < MIN_SIDE:
        raise DataError(
            f"optical_flow: a picture of {first.shape} is too small; {MIN_SIDE} px a side is the least"
        )
    # The estimators hold buffers and are not safe to share, so each thread keeps its own.
    estimators: dict[str, Any] = _local.__dict__.setdefault("estimators", {})
    if backend not in estimators:
        estimators[backend] = BACKENDS[backend]()
    flow: NDArray[np.float32] = estimators[backend].calc(
        np.ascontiguousarray(first), np.ascontiguousarray(second), None
    )
    return flow
