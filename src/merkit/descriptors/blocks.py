"""Block grids: which block each pixel lies in, and histograms of all blocks at once.

A block grid cuts the pixels that a descriptor is known at into rows and columns of near-equal blocks
that do not overlap.  A grid of three numbers cuts time as well, and comes first as time does: ``(parts,
rows, columns)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.motion.segments import segment_bounds

Grid = Sequence[int]
"""``(rows, columns)`` or ``(parts, rows, columns)``."""


def check_grid(grid: Grid, shape: Sequence[int], who: str, over_time: bool = False) -> tuple[int, ...]:
    """Return the grid as whole numbers if blocks of a pixel and more come out, or refuse.

    Parameters
    ----------
    grid : sequence of int
        ``(rows, columns)``, or ``(parts, rows, columns)`` with `over_time`.
    shape : sequence of int
        ``(T, H, W)`` or ``(H, W)``: where the descriptor is known, borders left out.
    who : str
        The descriptor that asks, for the message.
    over_time : bool
        Whether time may be cut.

    Returns
    -------
    tuple of int

    Raises
    ------
    ConfigError
        For a grid of another length, with a number below 1, or finer than the pixels.
    """
    cells = tuple(int(n) for n in grid)
    forms = "(rows, columns) or (parts, rows, columns)" if over_time else "(rows, columns)"
    if len(cells) not in ((2, 3) if over_time else (2,)) or min(cells, default=0) < 1:
        raise ConfigError(f"{who}: grid {tuple(grid)}; give {forms}, each 1 or more")
    inside = tuple(shape)[-len(cells) :]
    if any(n > size for n, size in zip(cells, inside, strict=True)):
        raise ConfigError(
            f"{who}: a grid of {cells} is finer than the {inside} places the descriptor is known at; "
            "ask for fewer blocks or give larger frames"
        )
    return cells


def block_map(shape: tuple[int, int], rows: int, columns: int) -> NDArray[np.intp]:
    """Number of the block that each pixel lies in, counted along the rows from 0.

    Parameters
    ----------
    shape : (int, int)
        Height and width in pixels.
    rows, columns : int
        Blocks down and across.

    Returns
    -------
    int array of `shape`

    Examples
    --------
    >>> block_map((2, 5), 1, 2).tolist()
    [[0, 0, 1, 1, 1], [0, 0, 1, 1, 1]]
    """
    row, column = (
        np.repeat(np.arange(n), np.diff(segment_bounds(size, n)))
        for size, n in zip(shape, (rows, columns), strict=True)
    )
    return np.asarray(row[:, None] * columns + column, dtype=np.intp)


def time_parts(length: int, parts: int) -> NDArray[np.intp]:
    """Number of the part of a clip that each frame lies in, from 0; shape (length,)."""
    return np.repeat(np.arange(parts, dtype=np.intp), np.diff(segment_bounds(length, parts)))


def sum_to_one(histograms: NDArray[np.floating]) -> NDArray[np.float64]:
    """Divide histograms along the last axis by their sums; empty ones stay 0.

    Parameters
    ----------
    histograms : float array, shape (..., bins)
        Not below 0.

    Returns
    -------
    float64 array of the same shape

    Examples
    --------
    >>> sum_to_one(np.array([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[0.25, 0.75], [0.0, 0.0]]
    """
    total = histograms.sum(axis=-1, keepdims=True, dtype=np.float64)
    return np.asarray(histograms / np.where(total > 0, total, 1.0), dtype=np.float64)
