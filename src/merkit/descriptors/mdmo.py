"""MDMO: the mean of the main direction of flow in each region of a face."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.descriptors.arrays import flow_fields
from merkit.descriptors.directions import check_bins, direction_bins
from merkit.errors import DataError


def main_flow(flow: NDArray[Any], regions: NDArray[np.integer[Any]], bins: int = 8) -> NDArray[np.float64]:
    """In each region of each flow field, the mean of the vectors in the most frequent direction.

    Directions are counted in bins around the circle of which one is centred on each axis; the fullest
    is the main one, of equally full ones that in which things move furthest.  Vectors of length 0 have no
    direction and do not count.

    Parameters
    ----------
    flow : float array, shape (..., H, W, 2)
        ``(u right, v down)`` in pixels; any axes before, such as time.
    regions : int array, shape (H, W)
        Number of the region of each pixel, below 0 for none: of
        :func:`~merkit.descriptors.mdmo_regions.mdmo_regions`, or a
        :func:`~merkit.descriptors.blocks.block_map`.
    bins : int
        Directions.

    Returns
    -------
    float64 array, shape (..., R, 2)
        ``(u, v)`` in pixels, R one more than the largest number; 0 where nothing moves.

    Raises
    ------
    DataError
        If `flow` is no finite flow, or `regions` no numbers for its pixels.
    ConfigError
        For a number of bins that cannot be.

    Examples
    --------
    >>> flow = np.zeros((2, 3, 2))
    >>> flow[0] = (1.0, 0.1), (1.2, -0.1), (0.0, -5.0)
    >>> main_flow(flow, np.zeros((2, 3), int)).round(3).tolist()
    [[1.1, 0.0]]
    """
    (u, v), leading = flow_fields(flow, "main_flow")
    bins = check_bins(bins, "main_flow")
    labels = np.asarray(regions)
    if labels.shape != u.shape[1:] or labels.dtype.kind not in "iu" or labels.max(initial=-1) < 0:
        raise DataError(
            f"main_flow: regions of shape {labels.shape} and type {labels.dtype} for flow of {u.shape[1:]} "
            "pixels; give the number of its region for each pixel, -1 for none"
        )
    inside = np.flatnonzero(labels.ravel() >= 0)
    n_regions = int(labels.max()) + 1
    base = labels.ravel()[inside].astype(np.intp) * (bins + 1)
    right, down = (part.reshape(len(part), labels.size)[:, inside] for part in (u, v))
    found = np.zeros((len(u), n_regions, 2))
    every = np.arange(n_regions)
    for mean, across, along in zip(found, right, down, strict=True):
        place = direction_bins(across, along, bins, centred=True)
        place[(across == 0) & (along == 0)] = bins
        place += base
        counts, *sums = (
            np.bincount(place, weights=w, minlength=n_regions * (bins + 1)).reshape(n_regions, -1)
            for w in (None, across, along)
        )
        # Less than one vote, so that it decides between equally full bins only.
        further = np.hypot(*sums)[:, :bins]
        main = (counts[:, :bins] + further / (further.max() + 1.0)).argmax(axis=1)
        mean[...] = np.stack([s[every, main] for s in sums], axis=1)
        # A region without a moving pixel has counted none: its sums are 0 as well.
        mean /= np.maximum(counts[every, main], 1)[:, None]
    return found.reshape(*leading, n_regions, 2)


def mdmo(flow: NDArray[Any], regions: NDArray[np.integer[Any]], bins: int = 8) -> NDArray[np.float64]:
    """Main directional mean optical flow of a clip: length and direction for each region.

    The mean over time of :func:`main_flow`, as vectors, and then in polar coordinates with lengths
    divided by the longest.  The paper lets the two count differently in its classifier:
    ``mdmo(...) * (w, 1 - w)``.

    Parameters
    ----------
    flow : float array, shape (T, H, W, 2) or (H, W, 2)
        ``(u right, v down)`` in pixels of each frame against the first.
    regions : int array, shape (H, W)
        Number of the region of each pixel, below 0 for none.
    bins : int
        Directions.

    Returns
    -------
    float64 array, shape (R, 2)
        Length, 0 to 1, and angle, -pi to pi clockwise from the right.  All 0 if nothing moves.  With the
        36 regions, ``.T.ravel()`` is the vector of 72 of the paper.  Angles jump at the left;
        :func:`main_flow` has the vectors.

    Raises
    ------
    DataError
        If `flow` is no finite flow, there is none, or `regions` are no numbers for its pixels.
    ConfigError
        For a number of bins that cannot be.

    References
    ----------
    Liu, Zhang, Yan, Wang, Zhao, Fu, A main directional mean optical flow feature for spontaneous
    micro-expression recognition, IEEE Transactions on Affective Computing 7(4), 2016.

    Examples
    --------
    >>> flow = np.zeros((5, 2, 4, 2))
    >>> flow[..., :2, :] = 0.0, 0.5
    >>> flow[..., 2:, :] = 2.0, 0.0
    >>> mdmo(flow, np.tile([0, 0, 1, 1], (2, 1))).round(3).tolist()
    [[0.25, 1.571], [1.0, 0.0]]
    """
    vectors = main_flow(flow, regions, bins)
    vectors = vectors.reshape(-1, *vectors.shape[-2:])
    if not len(vectors):
        raise DataError("mdmo: there is no flow field; give the flow of a clip of two frames or more")
    u, v = vectors.mean(axis=0).T
    length = np.hypot(u, v)
    longest = float(length.max())
    angle = np.where(length > 0, np.arctan2(v, u), 0.0)
    return np.stack([length / longest if longest > 0 else length, angle], axis=1)
