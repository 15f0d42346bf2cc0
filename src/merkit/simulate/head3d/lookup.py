"""How near the surface is at any points of the picture, not only at its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def nearest_surface(
    at_x: Floats,
    at_y: Floats,
    x: Floats,
    y: Floats,
    nearness: Floats,
    triangles: NDArray[np.integer[Any]],
) -> Floats:
    """Nearness of the foremost triangle at each point of the picture; minus infinity where there is none.

    Parameters
    ----------
    at_x, at_y : arrays (N,)
        The points, in pixels.
    x, y, nearness : arrays (C,)
        Corners of the surface.
    triangles : int array (T, 3)
        Those that turn their back (clockwise as seen, y down) are left out.

    Returns
    -------
    array (N,)
    """
    best = np.full(len(at_x), -np.inf)
    if not len(at_x):
        return best
    corner, low, high = _boxes(at_x, at_y, x, y, triangles)
    # A grid of cells of one pixel over the points; each triangle is listed in the cells of its box.
    left, top = int(np.floor(at_x.min())), int(np.floor(at_y.min()))
    wide, tall = int(np.floor(at_x.max())) - left + 1, int(np.floor(at_y.max())) - top + 1
    first = np.clip(np.floor(low).astype(np.intp) - (left, top), 0, None)
    last = np.minimum(np.floor(high).astype(np.intp) - (left, top), (wide - 1, tall - 1))
    size = np.maximum(last - first + 1, 0)
    count = size[:, 0] * size[:, 1]
    owner = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    down, across = np.divmod(step, size[owner, 0])
    cell = (first[owner, 1] + down) * wide + first[owner, 0] + across
    order = np.argsort(cell, kind="stable")
    owner = owner[order]
    begin = np.searchsorted(cell[order], np.arange(wide * tall + 1))

    own_cell = (np.floor(at_y).astype(np.intp) - top) * wide + np.floor(at_x).astype(np.intp) - left
    tries = begin[own_cell + 1] - begin[own_cell]
    point = np.repeat(np.arange(len(at_x)), tries)
    step = np.arange(len(point)) - np.repeat(np.cumsum(tries) - tries, tries)
    a, b, c = corner[owner[np.repeat(begin[own_cell], tries) + step]].T
    px, py = at_x[point], at_y[point]
    area_a = _area(x[b], y[b], x[c], y[c], px, py)
    area_b = _area(x[c], y[c], x[a], y[a], px, py)
    area_c = _area(x[a], y[a], x[b], y[b], px, py)
    total = area_a + area_b + area_c
    # A point on a shared edge must lie in one of the two triangles: a hair's breadth counts as inside.
    inside = np.flatnonzero(np.maximum(np.maximum(area_a, area_b), area_c) <= -1e-9 * total)
    a, b, c = a[inside], b[inside], c[inside]
    found = area_a[inside] * nearness[a] + area_b[inside] * nearness[b] + area_c[inside] * nearness[c]
    np.maximum.at(best, point[inside], found / total[inside])
    return best


def _boxes(
    at_x: Floats, at_y: Floats, x: Floats, y: Floats, triangles: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Corners (n, 3) of triangles that may cover a point, and the ends of their boxes (n, 2)."""
    tx, ty = x[triangles], y[triangles]
    low = np.stack([tx.min(axis=1), ty.min(axis=1)], 1)
    high = np.stack([tx.max(axis=1), ty.max(axis=1)], 1)
    front = _area(tx[:, 0], ty[:, 0], tx[:, 1], ty[:, 1], tx[:, 2], ty[:, 2]) < 0
    near = (high >= (at_x.min(), at_y.min())) & (low <= (at_x.max(), at_y.max()))
    kept = np.flatnonzero(front & near.all(axis=1))
    return triangles[kept].astype(np.intp), low[kept], high[kept]


def _area(ax: Any, ay: Any, bx: Any, by: Any, cx: Any, cy: Any) -> Any:
    """Twice the signed area of triangles; negative when they are anticlockwise as seen, y down."""
    return (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
