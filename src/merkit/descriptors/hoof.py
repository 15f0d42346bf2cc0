"""HOOF: histograms of oriented optical flow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.descriptors.arrays import flow_fields
from merkit.descriptors.blocks import Grid, block_map, check_grid, sum_to_one
from merkit.descriptors.directions import block_votes, check_bins, direction_bins, folded_bins


def hoof(
    flow: NDArray[Any],
    grid: Grid = (1, 1),
    bins: int = 8,
    folded: bool = False,
    normalise: bool = True,
) -> NDArray[np.float64]:
    """In each block of each flow field, how much motion there is in which direction.

    A pixel votes with the length of its vector for the bin of its direction.  Chaudhry et al. fold left
    onto right and let histograms sum to 1; of a face the side matters, so folding is off.

    Parameters
    ----------
    flow : float array, shape (..., H, W, 2)
        ``(u right, v down)`` in pixels; any axes before, such as time.
    grid : (rows, columns)
        Blocks.
    bins : int
        Around the circle, from the left clockwise over up, see :mod:`~merkit.descriptors.directions`; of
        folded ones from up to down.
    folded : bool
        Take left and right together, so that a mirrored face has the same histogram.
    normalise : bool
        Let each histogram sum to 1; otherwise to the lengths of its vectors in pixels.  Without motion
        it is 0.

    Returns
    -------
    float64 array, shape (..., rows, columns, bins)
        The mean over time is a descriptor of the clip whose size does not depend on its length.

    Raises
    ------
    DataError
        If `flow` is no finite flow.
    ConfigError
        For a grid or a number of bins that cannot be.

    References
    ----------
    Chaudhry, Ravichandran, Hager, Vidal, Histograms of oriented optical flow and Binet-Cauchy kernels on
    nonlinear dynamical systems, CVPR 2009, section 3.

    Examples
    --------
    >>> flow = np.zeros((4, 4, 2))
    >>> flow[:, :2] = 3.0, 0.0
    >>> hoof(flow, grid=(1, 2), bins=4).round(3).tolist()
    [[[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]
    """
    (u, v), leading = flow_fields(flow, "hoof")
    rows, columns = check_grid(grid, u.shape[1:], "hoof")
    bins = check_bins(bins, "hoof")
    blocks = block_map(u.shape[1:], rows, columns)
    sort = folded_bins if folded else direction_bins
    histograms = np.empty((len(u), rows * columns, bins))
    for found, right, down in zip(histograms, u, v, strict=True):
        length = np.sqrt(right * right + down * down)
        found[...] = block_votes(blocks, sort(right, down, bins), length, rows * columns, bins)
    if normalise:
        histograms = sum_to_one(histograms)
    return histograms.reshape(*leading, rows, columns, bins)
