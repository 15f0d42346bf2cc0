"""The onset-apex flow map of a face, 28×28, and the features that a recognizer takes from it.

The published maps of MEGC2019 by phase (``megc2019_flow_phases``, map 0) fix the geometry: the crop
of :mod:`merkit.faces.geometry`, squeezed to a square.  In them u (right) and v (down) are stretched
to 0..255 separately for every map and the grey level of "no motion" is not stored, so only what
survives an unknown gain and offset may be used: hence the median removed and the division by the
map's own 95th percentile.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import ConfigError, DataError
from merkit.faces.geometry import ASPECT, EYES

__all__ = [
    "ASPECT",
    "EYES",
    "LANDMARKS",
    "MAP_SIZE",
    "decode_phase_map",
    "flow_features",
    "flow_to_map",
    "map_p95",
    "mirror_map",
    "pooling_matrix",
    "remove_median",
]

MAP_SIZE = 28
"""Height and width of a flow map in cells."""

LANDMARKS = MappingProxyType(
    {
        "eye, image left": EYES[0],
        "eye, image right": EYES[1],
        "brow, image left": (0.278, 0.282),
        "brow, image right": (0.722, 0.282),
        "nose base": (0.5, 0.626),
        "lip corner, image left": (0.327, 0.738),
        "lip corner, image right": (0.673, 0.738),
        "chin": (0.5, 0.933),
    }
)
"""Where parts of a face lie in a map, as fractions ``(x, y)`` of its width and height."""

_STILL = 1e-9  # pixels; a map whose 95th percentile is below it holds no motion


def pooling_matrix(size: int, cells: int) -> NDArray[np.float64]:
    """Weights that average `size` samples into `cells` equal intervals.

    A sample that straddles a border counts in both intervals by the share of its width, so 28 samples
    can be pooled to 10 cells without moving anything.

    Parameters
    ----------
    size, cells : int
        Number of samples, and of intervals (1 or more each).

    Returns
    -------
    float64 array, shape (cells, size)
        Each row sums to one.

    Examples
    --------
    >>> pooling_matrix(3, 2) * 3
    array([[2., 1., 0.],
           [0., 1., 2.]])
    """
    if size < 1 or cells < 1:
        raise ConfigError(f"cannot pool {size} samples into {cells} cells: both must be 1 or more")
    edges = np.arange(cells + 1) * size / cells
    start = np.arange(size)
    share = np.minimum(edges[1:, None], start + 1) - np.maximum(edges[:-1, None], start)
    share = np.clip(share, 0.0, None)
    return np.asarray(share / share.sum(axis=1, keepdims=True), dtype=np.float64)


def decode_phase_map(stored: ArrayLike) -> NDArray[np.float32]:
    """Flow in arbitrary units from the stored uint8 maps, its zero set to each map's median.

    Parameters
    ----------
    stored : uint8 array, shape (..., 28, 28, 2 or 3)
        u, v and possibly strain, as published.

    Returns
    -------
    float32 array, shape (..., 28, 28, 2)
        ``(u right, v down)`` in grey levels.  Zero is the median of the map and channel, because the
        true zero is not stored; the scale is unknown, and not the same for u and v.
    """
    maps = np.asarray(stored)
    if maps.dtype != np.uint8:
        raise DataError(f"stored flow maps must be uint8, got {maps.dtype}: pass the array as published")
    return remove_median(_flow_of(maps)).astype(np.float32)


def flow_to_map(flow: ArrayLike, size: int = MAP_SIZE) -> NDArray[np.float32]:
    """Average the flow of a face crop into a flow map.

    Parameters
    ----------
    flow : float array, shape (H, W, 2)
        ``(u right, v down)`` of exactly the crop of :class:`merkit.faces.geometry.CropGeometry`, of
        any width of `size` pixels or more.
    size : int
        Cells along each side.

    Returns
    -------
    float32 array, shape (size, size, 2)
        Mean displacement of each cell, still in pixels of the crop.
    """
    field = np.asarray(flow)
    if field.ndim != 3 or field.shape[2] != 2:
        raise DataError(f"flow has shape {field.shape}, expected (height, width, 2)")
    if min(field.shape[:2]) < size:
        raise DataError(f"flow of {field.shape[0]}x{field.shape[1]} is smaller than the {size}x{size} map")
    pooled = _pool(field[None].astype(np.float64), size)[0]
    return np.asarray(pooled, dtype=np.float32)


def remove_median(maps: NDArray[np.generic]) -> NDArray[np.float64]:
    """Subtract each map's median from u and from v: what most of the face does is not expression.

    Parameters
    ----------
    maps : array, shape (..., H, W, C)

    Returns
    -------
    float64 array of the same shape
    """
    values = np.asarray(maps, dtype=np.float64)
    return np.asarray(values - np.median(values, axis=(-3, -2), keepdims=True), dtype=np.float64)


def map_p95(maps: ArrayLike) -> NDArray[np.float64]:
    """Amplitude of flow maps: the 95th percentile of the motion left after removing the median.

    Parameters
    ----------
    maps : array, shape (..., H, W, 2 or 3)
        In pixels for maps from video (then gate on it: below about 0.5 px at a face width of 200 px a
        map is mostly noise), in grey levels for published maps (there it means nothing).

    Returns
    -------
    float64 array, shape (...)
        In the unit of the input.

    Examples
    --------
    >>> still = np.zeros((28, 28, 2))
    >>> still[:4] = (3.0, 4.0)
    >>> float(map_p95(still))
    5.0
    """
    return _p95(remove_median(_flow_of(np.asarray(maps))))


def flow_features(maps: ArrayLike, grid: int = 10, *, normalise: bool = True) -> NDArray[np.float64]:
    """What the linear recognizer sees of flow maps.

    The median of u and of v is removed, the map is averaged over a grid of equal cells, divided by its
    own :func:`map_p95` and flattened.  Adding a constant motion or scaling the amplitude changes
    nothing; a map without motion gives zeros.

    Parameters
    ----------
    maps : array, shape (N, H, W, 2 or 3)
        ``(u right, v down[, strain])``, float in any unit or uint8 as published.  Strain is not used.
    grid : int
        Cells along each side, at most H and W.
    normalise : bool
        Divide by the 95th percentile; without it the amplitude stays in.

    Returns
    -------
    float64 array, shape (N, grid * grid * 2)
        Row by row, u then v of each cell; ``.reshape(N, grid, grid, 2)`` undoes the flattening.
    """
    values = _flow_of(np.asarray(maps))
    if values.ndim != 4:
        raise DataError(f"flow maps have shape {np.shape(maps)}, expected (maps, height, width, 2 or 3)")
    if not 1 <= grid <= min(values.shape[1:3]):
        raise ConfigError(f"grid={grid} does not fit maps of {values.shape[1]}x{values.shape[2]} cells")
    moved = remove_median(values)
    pooled = _pool(moved, grid)
    if normalise:
        p95 = _p95(moved)
        gain = np.where(p95 > _STILL, 1.0 / np.maximum(p95, _STILL), 0.0)
        pooled = pooled * gain[:, None, None, None]
    return pooled.reshape(len(pooled), -1)


def mirror_map(maps: ArrayLike) -> NDArray[np.generic]:
    """Swap left and right of float flow maps (..., H, W, C): cells change place and u changes sign."""
    flipped = np.asarray(maps)[..., ::-1, :].copy()
    flipped[..., 0] *= -1
    return flipped


def _flow_of(maps: NDArray[np.generic]) -> NDArray[np.generic]:
    if maps.ndim < 3 or maps.shape[-1] not in (2, 3):
        raise DataError(f"flow maps have shape {maps.shape}, expected (..., height, width, 2 or 3)")
    flow = maps[..., :2]
    if not np.isfinite(flow).all():
        raise DataError("flow maps hold values that are not finite: leave those clips out")
    return np.asarray(flow)


def _p95(moved: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.hypot(moved[..., 0], moved[..., 1])
    return np.asarray(np.percentile(length, 95, axis=(-2, -1)), dtype=np.float64)


def _pool(maps: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    rows, columns = (pooling_matrix(size, cells) for size in maps.shape[1:3])
    # optimize: two small products instead of one sum over every pair of rows and columns.
    return np.asarray(np.einsum("ai,nijc,bj->nabc", rows, maps, columns, optimize=True))
