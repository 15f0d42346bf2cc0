"""LBP-TOP: histograms of local binary patterns on three orthogonal planes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.descriptors.arrays import grey_frames
from merkit.descriptors.blocks import Grid, block_map, check_grid, sum_to_one, time_parts
from merkit.descriptors.directions import block_votes
from merkit.descriptors.lbp import PLANES, PatternReader, check_points, check_radii, uniform_patterns
from merkit.errors import ConfigError


def lbp_top(
    frames: NDArray[Any],
    grid: Grid = (5, 5),
    radii: Sequence[int] = (1, 1, 4),
    points: int = 4,
    planes: Sequence[str] = PLANES,
    uniform: bool = False,
) -> NDArray[np.float64]:
    """In each block of a clip, how often each local binary pattern occurs on each plane.

    The defaults are those of the MEGC 2019 baseline, which brings clips to 10 frames by TIM first: 25
    blocks of 3 planes of 16 patterns, 1200 numbers.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)
        Grey frames.
    grid : (rows, columns) or (parts, rows, columns)
        Blocks of the voxels that have all their neighbours, borders left out.
    radii : (x, y, t)
        How far neighbours lie: whole pixels, pixels and frames.  2 t + 1 frames are the least.
    points : int
        Neighbours, 2 to 8, on every plane.  With 8 those between pixels are interpolated.
    planes : sequence of {"xy", "xt", "yt"}
        ``("xt", "yt")`` leaves out what the face looks like.
    uniform : bool
        Let patterns that are not uniform share a bin: 59 bins instead of 256 for 8 neighbours.

    Returns
    -------
    float64 array, shape ([parts,] rows, columns, planes, bins)
        Each histogram sums to 1.  ``.ravel()`` is the vector for a classifier.

    Raises
    ------
    DataError
        If frames are not grey uint8, or too few or small for the radii.
    ConfigError
        For a grid, radii, planes or a number of points that cannot be.

    References
    ----------
    Zhao, Pietikäinen, Dynamic texture recognition using local binary patterns with an application to facial
    expressions, TPAMI 2007.  See, Yap, Li, Hong, Wang, MEGC 2019 - the second facial micro-expressions grand
    challenge, FG 2019.

    Examples
    --------
    >>> clip = np.random.default_rng(0).integers(0, 256, (10, 32, 32)).astype(np.uint8)
    >>> lbp_top(clip).shape, lbp_top(clip).size
    ((5, 5, 3, 16), 1200)
    """
    given = grey_frames(frames, "lbp_top")
    reach = check_radii(radii, given.shape, "lbp_top")
    points = check_points(points, "lbp_top")
    wanted = tuple(planes)
    if not wanted or any(plane not in PLANES for plane in wanted):
        raise ConfigError(f"lbp_top: planes {wanted}; give one or more of {', '.join(PLANES)}")
    inside = len(given) - 2 * reach.t, given.shape[1] - 2 * reach.y, given.shape[2] - 2 * reach.x
    cells = check_grid(grid, inside, "lbp_top", over_time=True)
    rows, columns = cells[-2:]
    parts = time_parts(inside[0], cells[0] if len(cells) == 3 else 1)
    blocks = block_map(inside[1:], rows, columns)
    counts = np.zeros((int(parts[-1]) + 1, rows * columns, len(wanted), 2**points))
    for k, plane in enumerate(wanted):
        read = PatternReader(given, plane, reach, points)
        for t, part in enumerate(parts):
            found = counts[part]
            found[:, k] += block_votes(blocks, read(reach.t + t), None, rows * columns, 2**points)
    if uniform:
        bins = uniform_patterns(points)
        merged = np.zeros((*counts.shape[:-1], int(bins.max()) + 1))
        for pattern, into in enumerate(bins):
            merged[..., into] += counts[..., pattern]
        counts = merged
    return sum_to_one(counts).reshape(*cells, len(wanted), -1)
