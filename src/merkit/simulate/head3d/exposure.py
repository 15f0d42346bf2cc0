"""How much of the room and of the lamp each point of a head sees: dark nostrils, the shadow of the nose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head3d.raster import draw
from merkit.simulate.head3d.topology import Surface

Floats = NDArray[np.float64]

_CELLS = 150
"""Of the picture that decides what is hidden, across the head."""
_LIFT = 0.22
"""Points are tested this far above the surface, in units, lest they hide themselves."""
_BIAS = 0.12


def open_share(
    surface: Surface, points: Floats, normals: Floats, directions: Floats, weights: Floats
) -> Floats:
    """Share of the weight of some directions that is not hidden from each point, 0 to 1.

    Parameters
    ----------
    surface : Surface
    points, normals : arrays (P, 3)
    directions : array (D, 3)
        Unit vectors.
    weights : array (D, P)
        How much each direction counts for each point.

    Returns
    -------
    array (P,)
    """
    total = np.zeros(len(points))
    for direction, weight in zip(directions, weights, strict=True):
        total += weight * _sees(surface, points, normals, direction)
    share = total / np.maximum(weights.sum(axis=0), 1e-9)
    return _smoothed(surface, share)


def open_to_room(surface: Surface, points: Floats, normals: Floats, n: int = 40) -> Floats:
    """Share of the room that is not hidden from each point, as a matt surface weighs it."""
    # Evenly over the sphere: equal steps of height, turned by the golden angle.
    height = 1 - (2 * np.arange(n) + 1) / n
    turn = np.arange(n) * (np.pi * (3 - np.sqrt(5)))
    level = np.sqrt(1 - height**2)
    directions = np.stack([level * np.cos(turn), height, level * np.sin(turn)], 1)
    return open_share(surface, points, normals, directions, np.maximum(directions @ normals.T, 0))


def open_to_lamp(
    surface: Surface, points: Floats, normals: Floats, direction: Floats, softness: float
) -> Floats:
    """Share of a lamp that is not hidden from each point."""
    aside = np.cross(direction, [0.0, 1.0, 0.2])
    aside /= np.linalg.norm(aside)
    upwards = np.cross(aside, direction)
    reach = 0.06 + 0.45 * softness
    turn = np.arange(9) * (np.pi * (3 - np.sqrt(5)))
    radius = reach * np.sqrt((np.arange(9) + 0.5) / 9)
    lamps = direction + np.outer(radius * np.cos(turn), aside) + np.outer(radius * np.sin(turn), upwards)
    lamps /= np.linalg.norm(lamps, axis=1, keepdims=True)
    return open_share(surface, points, normals, lamps, np.ones((9, len(points))))


def _sees(surface: Surface, points: Floats, normals: Floats, direction: Floats) -> NDArray[np.bool_]:
    """Which points see far in a direction."""
    aside = np.cross([0.0, 1.0, 0.0] if abs(direction[1]) < 0.9 else [1.0, 0.0, 0.0], direction)
    aside /= np.linalg.norm(aside)
    upwards = np.cross(direction, aside)
    axes = np.stack([aside, -upwards, direction])
    # The bust goes far down, which would make the cells coarse.
    head = points[points[:, 1] > -20] @ axes.T
    low, high = head.min(axis=0)[:2], head.max(axis=0)[:2]
    scale = (_CELLS - 1) / (high - low).max()
    x, y, near = _scaled(points, axes, low, scale)
    tx, ty, tested = _scaled(points + _LIFT * normals, axes, low, scale)
    at = surface.point
    seen = draw(
        x[at].astype(np.float32),
        y[at].astype(np.float32),
        surface.triangles,
        near[at][None].astype(np.float32),
        (_CELLS, _CELLS),
    )
    nearest = np.full(_CELLS * _CELLS, -np.inf)
    nearest[seen.place] = seen.values[0]
    column = np.clip(np.rint(tx), 0, _CELLS - 1).astype(np.intp)
    row = np.clip(np.rint(ty), 0, _CELLS - 1).astype(np.intp)
    return tested + _BIAS >= nearest[row * _CELLS + column]


def _scaled(points: Floats, axes: Floats, low: Floats, scale: float) -> Floats:
    """Coordinates (3, P): two in cells, and the nearness."""
    found = points @ axes.T
    found[:, :2] = (found[:, :2] - low) * scale
    return found.T


def _smoothed(surface: Surface, values: Floats) -> Floats:
    """Values of the skin averaged with those around, so that few directions do not show as spots."""
    result = values.copy()
    n = surface.n_skin
    spread = surface.normal_sum
    around = np.asarray(spread.sum(axis=1)).ravel()
    real = surface.quads >= 0
    for _ in range(2):
        of_face = np.where(real, result[:n][surface.quads], 0).sum(axis=1) / real.sum(axis=1)
        result[:n] = (spread @ of_face) / np.maximum(around, 1)
    return result
