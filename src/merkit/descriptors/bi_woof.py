"""Bi-WOOF: histograms of flow from onset to apex, weighted by length and by strain."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.descriptors.arrays import flow_fields
from merkit.descriptors.blocks import Grid, block_map, check_grid
from merkit.descriptors.directions import block_votes, check_bins, direction_bins
from merkit.errors import DataError
from merkit.motion.strain import strain


def bi_woof(flow: NDArray[Any], grid: Grid = (6, 6), bins: int = 8) -> NDArray[np.float64]:
    """In each block of a flow field, how much motion goes which way, times how much the skin deforms.

    A pixel votes with the length of its vector for the bin of its direction (the local weight), and the
    histogram of a block is multiplied by the mean optical strain in it (the global weight).  Motion that
    shifts a block as a whole therefore counts for nothing.

    Parameters
    ----------
    flow : float array, shape (..., H, W, 2)
        ``(u right, v down)`` in pixels from onset to apex; any axes before.
    grid : (rows, columns)
        Blocks.
    bins : int
        Around the circle, from the left clockwise over up.

    Returns
    -------
    float64 array, shape (..., rows, columns, bins)
        Not normalised, as in the paper: twice the flow gives four times the values.

    Raises
    ------
    DataError
        If `flow` is no finite flow of at least 2×2 pixels.
    ConfigError
        For a grid or a number of bins that cannot be.

    References
    ----------
    Liong, See, Wong, Phan, Less is more: micro-expression recognition from video using apex frame, Signal
    Processing: Image Communication 62, 2018.  Strain in the four-term form, see
    :func:`merkit.motion.strain`.

    Examples
    --------
    A stretch of 10 % to the right of the middle, and the same to the left:

    >>> x = np.tile(np.linspace(-4.5, 4.5, 10), (10, 1))
    >>> found = bi_woof(np.stack([0.1 * x, np.zeros_like(x)], axis=-1), grid=(1, 2), bins=4)
    >>> found.round(3).tolist()
    [[[1.25, 0.0, 0.0, 0.0], [0.0, 0.0, 1.25, 0.0]]]
    """
    (u, v), leading = flow_fields(flow, "bi_woof")
    rows, columns = check_grid(grid, u.shape[1:], "bi_woof")
    bins = check_bins(bins, "bi_woof")
    if min(u.shape[1:]) < 2:
        raise DataError(f"bi_woof: flow of {u.shape[1:]} pixels; strain needs 2 or more on each side")
    blocks = block_map(u.shape[1:], rows, columns)
    sizes = np.bincount(blocks.ravel(), minlength=rows * columns)
    histograms = np.empty((len(u), rows * columns, bins))
    for found, right, down in zip(histograms, u, v, strict=True):
        length = np.sqrt(right * right + down * down)
        deformed = strain(np.stack([right, down], axis=-1)).ravel()
        weight = np.bincount(blocks.ravel(), weights=deformed, minlength=rows * columns) / sizes
        votes = block_votes(blocks, direction_bins(right, down, bins), length, rows * columns, bins)
        found[...] = votes * weight[:, None]
    return histograms.reshape(*leading, rows, columns, bins)
