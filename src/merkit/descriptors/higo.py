"""HIGO: histograms of image gradient orientation on three orthogonal planes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.descriptors.arrays import grey_frames
from merkit.descriptors.blocks import Grid, block_map, check_grid, sum_to_one, time_parts
from merkit.descriptors.directions import block_votes, check_bins, direction_bins
from merkit.descriptors.lbp import PLANES
from merkit.errors import ConfigError, DataError

_MOST = 255
"""Largest difference of two grey levels."""
_WIDTH = 2 * _MOST + 1


@lru_cache(maxsize=8)
def _tables(bins: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Bin and length of every gradient of whole grey levels there is, rows by its vertical part.

    No direction is bin `bins`.  Small numbers, since both are looked up all over.
    """
    down, right = np.mgrid[-_MOST : _MOST + 1, -_MOST : _MOST + 1].astype(np.float64)
    length = np.hypot(right, down)
    index = np.where(length > 0, direction_bins(right, down, bins), bins)
    return index.astype(np.uint8).ravel(), length.astype(np.float32).ravel()


def higo(
    frames: NDArray[Any],
    grid: Grid = (8, 8),
    bins: int = 8,
    planes: Sequence[str] = PLANES,
    weighted: bool = False,
) -> NDArray[np.float64]:
    """In each block of a clip, how often brightness rises in which direction on each plane.

    Gradients are differences of the two neighbours along each axis, ``[-1, 0, 1]``.  Each votes with 1
    whatever its length, which is what tells HIGO from HOG and makes it bear uneven light; where the
    picture is flat, nothing votes.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)
        Grey frames, 3 and more.
    grid : (rows, columns) or (parts, rows, columns)
        Blocks of the voxels that have two neighbours along each axis.
    bins : int
        Around the whole circle, from the left clockwise over up, see
        :mod:`~merkit.descriptors.directions`.  On ``"xt"`` and ``"yt"`` down is later.
    planes : sequence of {"xy", "xt", "yt"}
        ``("xt", "yt")`` leaves out what the face looks like.
    weighted : bool
        Let gradients vote with their length: HOG on three planes.

    Returns
    -------
    float64 array, shape ([parts,] rows, columns, planes, bins)
        Each histogram sums to 1; 0 if the block is flat.

    Raises
    ------
    DataError
        If frames are not grey uint8, or fewer or smaller than 3.
    ConfigError
        For a grid, planes or a number of bins that cannot be.

    References
    ----------
    Li, Hong, Moilanen, Huang, Pfister, Zhao, Pietikäinen, Towards reading hidden emotions: a comparative
    study of spontaneous micro-expression spotting and recognition methods, IEEE Transactions on Affective
    Computing 9(4), 2018.  That opposite directions are told apart is our reading.

    Examples
    --------
    >>> clip = np.zeros((3, 4, 4), np.uint8)
    >>> clip[:] = 10 * np.arange(4)  # brighter to the right
    >>> higo(clip, grid=(1, 1), planes=["xy"], bins=4).ravel().tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    given = grey_frames(frames, "higo")
    bins = check_bins(bins, "higo", 254)
    wanted = tuple(planes)
    if not wanted or any(plane not in PLANES for plane in wanted):
        raise ConfigError(f"higo: planes {wanted}; give one or more of {', '.join(PLANES)}")
    if min(given.shape) < 3:
        raise DataError(f"higo: a clip of (T, H, W) = {given.shape}; gradients need 3 of each")
    inside = tuple(size - 2 for size in given.shape)
    cells = check_grid(grid, inside, "higo", over_time=True)
    rows, columns = cells[-2:]
    parts = time_parts(inside[0], cells[0] if len(cells) == 3 else 1)
    blocks = block_map((inside[1], inside[2]), rows, columns)
    index_of, length_of = _tables(bins)
    counts = np.zeros((int(parts[-1]) + 1, rows * columns, len(wanted), bins + 1))
    for t, part in enumerate(parts):
        around = given[t : t + 3].astype(np.intp)
        here = around[1]
        gradient = {
            "x": here[1:-1, 2:] - here[1:-1, :-2],
            "y": here[2:, 1:-1] - here[:-2, 1:-1],
            "t": around[2, 1:-1, 1:-1] - around[0, 1:-1, 1:-1],
        }
        for k, plane in enumerate(wanted):
            place = gradient[plane[1]] * _WIDTH + (gradient[plane[0]] + _MOST * _WIDTH + _MOST)
            votes = length_of[place] if weighted else None
            found = counts[part]
            found[:, k] += block_votes(blocks, index_of[place], votes, rows * columns, bins + 1)
    return sum_to_one(counts[..., :bins]).reshape(*cells, len(wanted), bins)
