"""Which surface each point of a picture shows: all triangles at once, row by row.

A triangle is cut into spans, one for every row of sample points that it crosses, and spans into
samples; the nearest sample wins.  Both sides of a shared edge compute its crossing from the same
end and in the same order, so neighbours neither overlap nor leave cracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CENTRES = (0.0,)
"""One sample a pixel, at its centre."""
ROOKS = (0.125, -0.375, 0.375, -0.125)
"""Four samples a pixel, each in a row and a column of its own: how far each row's sample is to the right."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples that show something.

    Attributes
    ----------
    place : intp array (N,)
        Row times width plus column; rows are those of samples, ``len(across)`` to a pixel.
    triangle : intp array (N,)
        What is seen there: the number of the triangle.
    values : float array (K, N)
        The values of the corners, interpolated linearly in the picture.
    """

    place: NDArray[np.intp]
    triangle: NDArray[np.intp]
    values: Floats


def draw(
    x: Floats,
    y: Floats,
    triangles: NDArray[np.integer[Any]],
    values: Floats,
    shape: tuple[int, int],
    across: tuple[float, ...] = CENTRES,
    both_sides: bool = False,
) -> Samples:
    """Find what is seen at the samples of a picture.

    Parameters
    ----------
    x, y : float arrays (C,)
        Corners in pixels; the centre of the first pixel is (0, 0), y points down.  Their type, single
        or double, is that of the computation.
    triangles : int array (T, 3)
        Corners of each triangle.
    values : float array (K, C)
        Of the corners; the first is the nearness, the largest of which wins.
    shape : (height, width)
        Of the picture in pixels.
    across : tuple of float
        Where the samples of a pixel lie: one a row of samples, so far to the right of its centre.
    both_sides : bool
        Also draw triangles whose back is turned to the viewer: those that run clockwise as seen.

    Returns
    -------
    Samples
    """
    height, width = shape
    corner = _facing(x, y, triangles, both_sides)
    kept, corner = corner[0], corner[1:]
    kind, n_rows = x.dtype.type, len(across)
    px = [x[c] for c in corner]
    py = [y[c] * kind(n_rows) + kind(0.5 * n_rows - 0.5) for c in corner]
    for a, b in ((0, 1), (1, 2), (0, 1)):
        _order(px, py, corner, a, b)
    (x0, x1, x2), (y0, y1, y2) = px, py
    first = np.maximum(np.ceil(y0), 0)
    count = np.maximum(np.minimum(np.ceil(y2), height * n_rows) - first, 0).astype(np.intp)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Unused where an edge crosses no row.
        edges = np.stack(
            [x0, y0, (x2 - x0) / (y2 - y0), (x1 - x0) / (y1 - y0), x1, y1, (x2 - x1) / (y2 - y1)], 1
        )

    owner = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count - first.astype(np.intp), count)
    level = row.astype(x.dtype)
    edge = edges.take(owner, axis=0)
    below0, below1 = level - edge[:, 1], level - edge[:, 5]
    long = edge[:, 0] + below0 * edge[:, 2]
    with np.errstate(invalid="ignore"):
        short = np.where(below1 < 0, edge[:, 0] + below0 * edge[:, 3], edge[:, 4] + below1 * edge[:, 6])
    shift = np.asarray(across, x.dtype)[row % n_rows] if n_rows > 1 else np.full(len(row), kind(across[0]))
    start = np.maximum(np.ceil(np.minimum(long, short) - shift), 0)
    end = np.minimum(np.ceil(np.maximum(long, short) - shift), width)
    filled = np.flatnonzero(end > start)
    owner, level, shift, start = owner[filled], level[filled], shift[filled], start[filled]
    length = (end[filled] - start).astype(np.intp)

    base, slope = _planes(px, py, [values[:, c] for c in corner], owner, start + shift, level)
    span = np.repeat(np.arange(len(length)), length)
    step = np.arange(len(span)) - np.repeat(np.cumsum(length) - length, length)
    place = (row[filled] * width + start.astype(np.intp))[span] + step
    step = step.astype(x.dtype)
    seen = _nearest(place, span, step, base[0], slope[0], height * n_rows * width)
    span, step, place = span[seen], step[seen], place[seen]
    result = base.take(span, axis=1)
    rise = slope.take(span, axis=1)
    rise *= step
    result += rise
    return Samples(place, kept[owner[span]], result)


def _facing(
    x: Floats, y: Floats, triangles: NDArray[np.integer[Any]], both_sides: bool
) -> list[NDArray[np.intp]]:
    """Numbers of the triangles to draw, and their three corners."""
    a, b, c = (triangles[:, k].astype(np.intp, copy=False) for k in range(3))
    xa, ya = x[a], y[a]
    area = (x[b] - xa) * (y[c] - ya) - (x[c] - xa) * (y[b] - ya)
    kept = np.flatnonzero(area != 0 if both_sides else area < 0)
    return [kept, a[kept], b[kept], c[kept]]


def _order(px: list[Any], py: list[Any], corner: list[Any], a: int, b: int) -> None:
    """Exchange two corners of the triangles in which the first is below the second."""
    wrong = py[a] > py[b]
    for values in (py, px, corner):
        values[a], values[b] = (
            np.where(wrong, values[b], values[a]),
            np.where(wrong, values[a], values[b]),
        )


def _planes(
    px: Sequence[Floats],
    py: Sequence[Floats],
    corner_values: Sequence[Floats],
    owner: NDArray[np.intp],
    x: Floats,
    y: Floats,
) -> tuple[Floats, Floats]:
    """Values at the starts of spans (K, S), and how they change by one pixel to the right."""
    (x0, x1, x2), (y0, y1, y2) = px, py
    v0, v1, v2 = corner_values
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    # A sliver whose area is lost in rounding has one value.
    scale = np.divide(1, area, out=np.zeros_like(area), where=area != 0)
    v1, v2 = v1 - v0, v2 - v0
    right = v1 * ((y2 - y0) * scale) - v2 * ((y1 - y0) * scale)
    down = v2 * ((x1 - x0) * scale) - v1 * ((x2 - x0) * scale)
    # Measured from a corner: slivers have steep planes, which are harmless only near the triangle.
    base = v0.take(owner, axis=1)
    slope = right.take(owner, axis=1)
    base += slope * (x - x0[owner])
    base += down.take(owner, axis=1) * (y - y0[owner])
    return base, slope


def _nearest(
    place: NDArray[np.intp],
    span: NDArray[np.intp],
    step: Floats,
    base: Floats,
    slope: Floats,
    n_places: int,
) -> NDArray[np.intp]:
    """Which samples are not behind another one; most places have only one."""
    crowded = np.flatnonzero(np.bincount(place, minlength=n_places)[place] > 1)
    where, of = place[crowded], span[crowded]
    nearness = base[of] + slope[of] * step[crowded]
    best = np.full(n_places, -np.inf, base.dtype)
    np.maximum.at(best, where, nearness)
    seen = np.ones(len(place), dtype=bool)
    seen[crowded[nearness < best[where]]] = False
    return np.flatnonzero(seen)
