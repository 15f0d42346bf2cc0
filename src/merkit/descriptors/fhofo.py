"""FHOFO: fuzzy histograms of optical flow orientations, which leave out how far things move."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.descriptors.arrays import flow_fields
from merkit.descriptors.blocks import Grid, block_map, check_grid, sum_to_one
from merkit.descriptors.directions import block_votes, check_bins, direction_bins
from merkit.errors import ConfigError


def fuzzy_membership(fine: int, bins: int, variance: float) -> NDArray[np.float64]:
    """How much each fine bin of directions belongs to each coarse one.

    A Gaussian of the angle between their middles, taken around the circle.

    Parameters
    ----------
    fine, bins : int
        Number of fine and of coarse bins.
    variance : float
        Of the Gaussian, in fine bins squared.

    Returns
    -------
    float64 array, shape (fine, bins)
        At most 1.
    """
    middles = (np.arange(fine) + 0.5) / fine
    apart = np.abs(middles[:, None] - (np.arange(bins) + 0.5) / bins)
    distance = fine * np.minimum(apart, 1.0 - apart)
    return np.exp(-(distance**2) / (2.0 * variance))


def fhofo(
    flow: NDArray[Any],
    grid: Grid = (1, 1),
    bins: int = 8,
    fine: int = 36,
    variance: float = 10.0,
    weighted: bool = False,
    least: float = 0.0,
) -> NDArray[np.float64]:
    """In each block of each flow field, how often the flow goes which way, softly counted.

    Vectors are counted in fine bins of direction whatever their length, and a fine bin gives to every
    coarse bin by a Gaussian of the angle between them.  A vector of noise counts as much as one of
    motion; `least` leaves out short ones.

    Parameters
    ----------
    flow : float array, shape (..., H, W, 2)
        ``(u right, v down)`` in pixels; any axes before, such as time.
    grid : (rows, columns)
        Blocks.
    bins : int
        Coarse bins around the circle, from the left clockwise over up; their middles are spread evenly.
    fine : int
        Fine bins.
    variance : float
        Of the Gaussian in fine bins squared, above 0.  With 36 fine bins, 10 is a standard deviation of 32
        degrees.  Code that circulates takes 10 for the standard deviation; that is 100 here.
    weighted : bool
        Let vectors count by their length (FHOOF).
    least : float
        Vectors up to this length in pixels do not count.

    Returns
    -------
    float64 array, shape (..., rows, columns, bins)
        Each histogram sums to 1; 0 if no vector counts.

    Raises
    ------
    DataError
        If `flow` is no finite flow.
    ConfigError
        For a grid, a number of bins, a variance or a length that cannot be.

    References
    ----------
    Happy, Routray, Fuzzy histogram of optical flow orientations for micro-expression recognition, IEEE
    Transactions on Affective Computing 10(3), 2019.

    Examples
    --------
    >>> flow = np.zeros((6, 6, 2))
    >>> flow[...] = 0.1, 0.1
    >>> fhofo(flow, bins=4).round(2).tolist()
    [[[0.0, 0.02, 0.97, 0.02]]]
    """
    (u, v), leading = flow_fields(flow, "fhofo")
    rows, columns = check_grid(grid, u.shape[1:], "fhofo")
    bins, fine = check_bins(bins, "fhofo"), check_bins(fine, "fhofo, fine")
    if not variance > 0 or not least >= 0:
        raise ConfigError(f"fhofo: variance {variance}, least {least}; give above 0, and 0 or more")
    blocks = block_map(u.shape[1:], rows, columns)
    counts = np.empty((len(u), rows * columns, fine))
    for found, right, down in zip(counts, u, v, strict=True):
        length = np.sqrt(right * right + down * down)
        votes = np.where(length > least, length if weighted else np.float32(1.0), np.float32(0.0))
        found[...] = block_votes(blocks, direction_bins(right, down, fine), votes, rows * columns, fine)
    soft = sum_to_one(counts @ fuzzy_membership(fine, bins, variance))
    return soft.reshape(*leading, rows, columns, bins)
