"""Which place of the mean head each texel shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head3d.raster import draw
from merkit.simulate.head3d.topology import CLOTHES, SKIN, TEXTURE_SIZE, Surface

Floats = NDArray[np.float32]

_MOST_OBLIQUE = 2.5
"""Surfaces that look narrower than by this are blurred no more: it would show from elsewhere."""


@dataclass(frozen=True, eq=False)
class Texels:
    """The texels of skin, hair and clothes.

    Attributes
    ----------
    shape : (height, width)
        Of the texture.
    place : intp array (N,)
        Which texels they are: row times width plus column.
    x, y, z : float32 arrays (N,)
        Where they lie on the mean head.
    per_unit : float32 array (N,)
        Texels to a unit of what is seen from the front, in the direction in which it looks shortest.
    fill : intp array (height * width,)
        For every texel the number, below N, of the nearest of them.
    """

    shape: tuple[int, int]
    place: NDArray[np.intp]
    x: Floats
    y: Floats
    z: Floats
    per_unit: Floats
    fill: NDArray[np.intp]

    def spread(self, values: Floats) -> Floats:
        """Values (N, ...) of the texels as a picture (height, width, ...), continued beyond the edges."""
        return values[self.fill].reshape(*self.shape, *values.shape[1:])


@lru_cache(maxsize=4)
def find_texels(surface: Surface, mean: bytes, side: int) -> Texels:
    """Find them.

    Parameters
    ----------
    surface : Surface
    mean : bytes
        All points of the surface of the mean head, (P, 3) float64.
    side : int
        Texels to the side of the square that the face fills.
    """
    points = np.frombuffer(mean, np.float64).reshape(-1, 3)
    shape = (round(TEXTURE_SIZE[1] * side), round(TEXTURE_SIZE[0] * side))
    triangles = surface.triangles[np.isin(surface.kind, (SKIN, CLOTHES))]
    across, down = (surface.place.astype(np.float64).T * side) - 0.5
    where = points[surface.point]
    values = np.concatenate([np.ones((1, len(where))), where.T, _density(surface, points, side)[None]])
    seen = draw(across, down, triangles, values, shape, both_sides=True)
    number = np.full(shape[0] * shape[1], -1)
    number[seen.place] = np.arange(len(seen.place))
    place = np.flatnonzero(number >= 0)
    x, y, z, per_unit = seen.values[1:, number[place]].astype(np.float32)
    empty = np.ones(shape, np.uint8)
    empty.ravel()[place] = 0
    _, label = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    texel_of_label = np.zeros(int(label.max()) + 1, np.intp)
    texel_of_label[label.ravel()[place]] = np.arange(len(place))
    return Texels(shape, place, x, y, z, per_unit, texel_of_label[label.ravel()])


def _density(surface: Surface, points: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Texels to a unit of the frontal view at each corner of the surface."""
    corners = points[surface.point[surface.triangles]]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    normal = np.cross(a, b)
    area = np.linalg.norm(normal, axis=1)
    towards = np.maximum(np.abs(normal[:, 2]), area / _MOST_OBLIQUE)
    place = surface.place.astype(np.float64)[surface.triangles] * side
    c, d = place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]
    texels = np.abs(c[:, 0] * d[:, 1] - c[:, 1] * d[:, 0])
    n = len(surface.point)
    total = np.zeros((3, n))
    for k in range(3):
        for row, amount in enumerate((texels, area, towards)):
            total[row] += np.bincount(surface.triangles[:, k], amount, n)
    texels, area, towards = np.maximum(total, 1e-12)
    return np.asarray(np.sqrt(texels / area) * area / towards)
