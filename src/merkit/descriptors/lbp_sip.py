"""LBP-SIP: local binary patterns from the six points around a voxel, LBP-TOP without its repetitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.descriptors.arrays import grey_frames
from merkit.descriptors.blocks import Grid, block_map, check_grid, sum_to_one, time_parts
from merkit.descriptors.directions import block_votes
from merkit.descriptors.lbp import PatternReader, check_radii

SPATIAL, TEMPORAL = 16, 4
"""Patterns of the four neighbours in the frame and of the two in time."""


def lbp_sip(
    frames: NDArray[Any], grid: Grid = (5, 5), radii: Sequence[int] = (1, 1, 4)
) -> NDArray[np.float64]:
    """In each block of a clip, how often each pattern of six neighbours occurs.

    With four neighbours on each of its planes, LBP-TOP compares every neighbour with the voxel twice.  The
    six different ones are right, up, left and down (bits 0 to 3 of 16 patterns) and earlier and later
    (bits 0 and 1 of 4): 20 numbers a block instead of 48.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)
        Grey frames.
    grid : (rows, columns) or (parts, rows, columns)
        Blocks of the voxels that have all their neighbours, borders left out.
    radii : (x, y, t)
        How far neighbours lie: whole pixels, pixels and frames.

    Returns
    -------
    float64 array, shape ([parts,] rows, columns, 20)
        16 spatial patterns, which sum to 1, then 4 temporal ones, which sum to 1.

    Raises
    ------
    DataError
        If frames are not grey uint8, or too few or small for the radii.
    ConfigError
        For a grid or radii that cannot be.

    References
    ----------
    Wang, See, Phan, Oh, LBP with six intersection points: reducing redundant information in LBP-TOP for
    micro-expression recognition, ACCV 2014.  That the voxel itself is what all six are compared with is
    our reading.

    Examples
    --------
    >>> clip = np.random.default_rng(0).integers(0, 256, (10, 32, 32)).astype(np.uint8)
    >>> lbp_sip(clip).shape
    (5, 5, 20)
    """
    given = grey_frames(frames, "lbp_sip")
    reach = check_radii(radii, given.shape, "lbp_sip")
    inside = len(given) - 2 * reach.t, given.shape[1] - 2 * reach.y, given.shape[2] - 2 * reach.x
    cells = check_grid(grid, inside, "lbp_sip", over_time=True)
    rows, columns = cells[-2:]
    parts = time_parts(inside[0], cells[0] if len(cells) == 3 else 1)
    blocks = block_map(inside[1:], rows, columns)
    spatial = np.zeros((int(parts[-1]) + 1, rows * columns, SPATIAL))
    temporal = np.zeros((int(parts[-1]) + 1, rows * columns, TEMPORAL))
    read = PatternReader(given, "xy", reach, 4)
    middle = given[:, reach.y : reach.y + inside[1], reach.x : reach.x + inside[2]]
    for t, part in enumerate(parts):
        now = middle[reach.t + t]
        earlier, later = middle[t] >= now, middle[t + 2 * reach.t] >= now
        over_time = earlier.view(np.uint8) | (later.view(np.uint8) << np.uint8(1))
        spatial[part] += block_votes(blocks, read(reach.t + t), None, rows * columns, SPATIAL)
        temporal[part] += block_votes(blocks, over_time, None, rows * columns, TEMPORAL)
    found = np.concatenate([sum_to_one(spatial), sum_to_one(temporal)], axis=-1)
    return found.reshape(*cells, SPATIAL + TEMPORAL)
