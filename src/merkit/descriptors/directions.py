"""Directions of vectors sorted into bins.

Bins go clockwise as seen in a picture, from the left over up, right and down back to the left: the
angle is ``arctan2(v, u)`` with v downwards, from -pi on.  Of eight bins, number 4 begins at the right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError

# Rounding must not decide for a vector that points exactly along the edge of a bin: it belongs to the next.
_EDGE = 1e-5


def check_bins(bins: int, who: str, most: int = 255) -> int:
    """Return the number of bins if it is 2 to `most`, or refuse in the name of `who`."""
    if not 2 <= bins <= most:
        raise ConfigError(f"{who}: {bins} bins; give 2 to {most}")
    return int(bins)


def direction_bins(
    u: NDArray[np.floating], v: NDArray[np.floating], bins: int, centred: bool = False
) -> NDArray[np.intp]:
    """Sort vectors by direction into equal bins around the circle.

    Parameters
    ----------
    u, v : float array
        Right and down, of one shape.
    bins : int
        Number of bins.
    centred : bool
        Whether left, the angle of -pi, is the middle of bin 0 instead of its beginning.

    Returns
    -------
    int array of the same shape
        0 to ``bins - 1``; a vector of length 0 gets that of the right.

    Examples
    --------
    Right, down, left, up:

    >>> u, v = np.array([1.0, 0.0, -1.0, 0.0]), np.array([0.0, 1.0, 0.0, -1.0])
    >>> direction_bins(u, v, 8).tolist()
    [4, 6, 0, 2]
    """
    turns = np.arctan2(v, u)
    turns *= bins / (2 * np.pi)
    turns += bins / 2 + (0.5 if centred else 0.0) + _EDGE
    index = turns.astype(np.intp)  # not below 0, so this rounds down
    index[index >= bins] -= bins
    return index


def folded_bins(u: NDArray[np.floating], v: NDArray[np.floating], bins: int) -> NDArray[np.intp]:
    """Sort vectors by their angle to the horizontal, left and right taken together.

    Parameters
    ----------
    u, v : float array
        Right and down, of one shape.
    bins : int
        Number of bins from straight up to straight down.

    Returns
    -------
    int array of the same shape
        0 to ``bins - 1``.

    Examples
    --------
    Right, left, down, up:

    >>> u, v = np.array([1.0, -1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0, -1.0])
    >>> folded_bins(u, v, 4).tolist()
    [2, 2, 3, 0]
    """
    turns = np.arctan2(v, np.abs(u))
    turns *= bins / np.pi
    turns += bins / 2 + _EDGE
    return np.minimum(turns.astype(np.intp), bins - 1)


def block_votes(
    blocks: NDArray[np.intp],
    index: NDArray[np.integer[Any]],
    votes: NDArray[np.floating] | None,
    n_blocks: int,
    bins: int,
) -> NDArray[np.float64]:
    """Histogram of each block.

    Parameters
    ----------
    blocks, index : int array
        Block and bin of each pixel, of one shape.
    votes : float array or None
        What each pixel adds; 1 if there is none.
    n_blocks, bins : int
        How many there are of each.

    Returns
    -------
    float64 array, shape (n_blocks, bins)

    Examples
    --------
    >>> block_votes(np.array([0, 0, 1]), np.array([1, 1, 0]), None, 2, 2).tolist()
    [[0.0, 2.0], [1.0, 0.0]]
    """
    place = (blocks * bins + index).ravel()
    weights = None if votes is None else votes.ravel()
    counted = np.bincount(place, weights=weights, minlength=n_blocks * bins)
    return counted.astype(np.float64, copy=False).reshape(n_blocks, bins)
