"""Fewer points for a curve, without losing its peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["decimate"]


def decimate(y: NDArray[np.floating], max_points: int) -> NDArray[np.intp]:
    """Choose points of a curve so that every peak and dip stays visible.

    The curve is cut into buckets; of each, the lowest and the highest point are kept, in order.  A
    bucket without any number keeps its first point, so that gaps stay gaps.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Curve; NaN is a gap.
    max_points : int
        At most this many points are kept, at least 2.

    Returns
    -------
    ndarray of int
        Increasing positions in ``y``; all of them if there are few enough.

    Examples
    --------
    >>> import numpy as np
    >>> decimate(np.array([0.0, 5.0, 1.0, 0.0, -2.0, 0.0]), max_points=4).tolist()
    [0, 1, 3, 4]
    """
    n = len(y)
    if n <= max_points:
        return np.arange(n)
    edges = np.linspace(0, n, max_points // 2 + 1).astype(int)
    starts = edges[:-1]
    # Buckets differ by one in length; padding the last column with its neighbour makes a rectangle.
    offsets = np.arange(int(np.diff(edges).max()))
    index = np.minimum(starts[:, None] + offsets, edges[1:, None] - 1)
    values = y[index]
    low = np.where(np.isnan(values), np.inf, values).argmin(axis=1)
    high = np.where(np.isnan(values), -np.inf, values).argmax(axis=1)
    rows = np.arange(len(starts))
    return np.unique(np.concatenate([index[rows, low], index[rows, high]]))
