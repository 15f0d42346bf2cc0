"""The surface that is drawn: the skin and the eyeballs of the model, and what closes its openings.

The model ends at the lids, inside the lips and at the shoulders.  From the edges of the lids a strip
leads into the eyeball, behind the lips hangs a dark pouch with two rows of teeth, and the bust goes on
downwards.  A curtain of long hair is there for all, but only some have it.  These
added points follow the edges they hang on, so they move with the face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from merkit.errors import DataError
from merkit.simulate.head3d import curtain
from merkit.simulate.head3d.model import HEAD, LEFT_EYE, RIGHT_EYE, HeadModel
from merkit.simulate.head3d.openings import openings, outer_shell

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]

SKIN, EYE, LID_RIM, POUCH, CLOTHES, TEETH, LONG_HAIR = range(7)
"""What a triangle of the surface belongs to."""
# Where each part has its place in the texture: left, top, width and height; one unit is the side of the
# square that the face fills.
HEAD_PATCH = (1.0, 0.0, 0.5, 0.5)
EYE_PATCH = (1.02, 0.54, 0.22, 0.22)
RIM_PATCH = (1.30, 0.54, 0.18, 0.10)
POUCH_PATCH = (1.30, 0.70, 0.18, 0.18)
TEETH_PATCH = (1.30, 0.91, 0.18, 0.06)
CLOTHES_PATCH = (1.02, 0.80, 0.22, 0.16)
LONG_HAIR_PATCH = (1.52, 0.02, 0.24, 0.46)
INNER_HAIR_PATCH = (1.52, 0.52, 0.24, 0.46)
TEXTURE_SIZE = (1.78, 1.0)
"""Width and height of the texture in those units."""
EYE_REACH = 1.9
"""Angle from the pupil, in radians, at the edge of the eye's place in the texture."""

_INTO_THE_EYE = 0.8
_POUCH_RINGS = ((0.94, 0.8), (0.8, 2.0))
"""Of each ring of the pouch: its width over that of the lips' inner edge, and how far behind it lies."""
_POUCH_END = 3.0
_TEETH_ACROSS = np.linspace(-0.86, 0.86, 13)
"""Places along a row of teeth, in half widths of the lips' inner edge."""
_BUST_SPREAD, _BUST_DROP = 1.7, 30.0


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles ready to be drawn, and how their points follow from those of the model.

    Points are numbered: skin as in the model, then the outer shells of the left and right eyeball,
    then the added points.  A corner is a point with one place in the texture; at seams of the texture
    a point has two.

    Attributes
    ----------
    n_skin : int
    eyes : (left, right)
        Points of the model that form the outer shell of each eyeball.
    lids : (left, right)
        Points of the edges of the lids, in order around the eye.
    lips, bust : int arrays
        Points of the inner edge of the lips, and of the lower edge of the bust, in order.
    quads : int array (Q, 4)
        Faces of the skin; -1 where there is no fourth point.
    triangles : int array (T, 3)
        Corners of each triangle, anticlockwise as seen from outside.
    kind : uint8 array (T,)
        :data:`SKIN`, :data:`EYE`, :data:`LID_RIM`, :data:`POUCH`, :data:`CLOTHES`, :data:`TEETH`
        or :data:`LONG_HAIR`.
    point : int array (C,)
        The point of each corner.
    place : float32 array (C, 2)
        Its place in the texture, right and down.
    """

    n_skin: int
    eyes: tuple[Ints, Ints]
    lids: tuple[Ints, Ints]
    lips: Ints
    bust: Ints
    quads: Ints
    triangles: Ints
    kind: NDArray[np.uint8]
    point: Ints
    place: NDArray[np.float32]

    @cached_property
    def with_short_hair(self) -> Surface:
        """The same surface without the curtain of long hair; its points stay, in case."""
        shown = self.kind != LONG_HAIR
        return replace(self, triangles=self.triangles[shown], kind=self.kind[shown])

    @cached_property
    def hair_points(self) -> slice:
        """Where the points of the curtain of long hair are."""
        end = int(self.point.max()) + 1
        return slice(end - curtain.ROWS * curtain.COLUMNS, end)

    @property
    def eye_points(self) -> tuple[slice, slice]:
        """Where the points of the left and the right eyeball are."""
        middle = self.n_skin + len(self.eyes[0])
        return slice(self.n_skin, middle), slice(middle, middle + len(self.eyes[1]))

    def teeth(self, skin: Floats) -> Floats:
        """Upper and lower row of teeth in a neutral face, (2, T, 3): both edges of each row."""
        edge = skin[self.lips]
        middle = (edge.min(axis=0) + edge.max(axis=0)) / 2
        half = (edge[:, 0].max() - edge[:, 0].min()) / 2
        front = edge[:, 2].max() - 0.35
        x = half * _TEETH_ACROSS
        z = front - 0.42 * half * (x / half) ** 2
        rows = [
            [np.stack([x + middle[0], np.full(len(x), middle[1] + y), z], 1) for y in heights]
            for heights in ((0.95, 0.02), (-0.02, -0.85))
        ]
        return np.array([np.concatenate(row) for row in rows])

    def added(self, points: Floats, centres: Floats, teeth: Floats, long_hair: Floats) -> Floats:
        """The points that close the openings, (A, 3).

        Parameters
        ----------
        points : array (n_skin or more, 3)
            Points of the skin.
        centres : array (2, 3)
            Middles of the left and the right eyeball.
        teeth : array (2, T, 3)
            The two rows, where the jaw has taken them.
        long_hair : array (H, 3)
            The curtain.
        """
        rims = [
            centre + _INTO_THE_EYE * (points[lid] - centre)
            for lid, centre in zip(self.lids, centres, strict=True)
        ]
        edge = points[self.lips]
        middle = edge.mean(axis=0)
        back = np.array([0.0, 0.0, 1.0])
        rings = [middle + width * (edge - middle) - depth * back for width, depth in _POUCH_RINGS]
        bust = points[self.bust]
        spread = (bust - bust.mean(axis=0)) * _BUST_SPREAD + bust.mean(axis=0)
        spread[:, 1] = bust[:, 1].min() - _BUST_DROP
        return np.concatenate([*rims, *rings, (middle - _POUCH_END * back)[None], *teeth, spread, long_hair])

    @cached_property
    def normal_sum(self) -> csr_matrix:
        """Adds up, for each point of the skin, the normals of the faces around it: (n_skin, Q)."""
        face = np.repeat(np.arange(len(self.quads)), 4)
        point = self.quads.ravel()
        real = point >= 0
        ones = np.ones(int(real.sum()), np.float32)
        return csr_matrix((ones, (point[real], face[real])), shape=(self.n_skin, len(self.quads)))

    def normals(self, skin: Floats) -> Floats:
        """Unit normals of the skin, (n_skin, 3), outwards; averages over faces by their area."""
        a, b, c = (skin[self.quads[:, k]] for k in range(3))
        d = np.where(self.quads[:, 3:] >= 0, skin[self.quads[:, 3]], a)
        total = self.normal_sum @ np.cross(c - a, d - b)
        return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))


def build_surface(model: HeadModel) -> Surface:
    """Make the surface of a head model.

    Raises
    ------
    DataError
        If the model has other openings than two eyes, a mouth and the end of the bust.
    """
    n_skin = int((model.part <= HEAD).sum())
    if (model.part[:n_skin] > HEAD).any():
        raise DataError("3D head: the points of the skin do not come first; make the file again")
    on_skin = model.quads[:, 0] < n_skin
    quads, uv_quads = model.quads[on_skin].astype(np.intp), model.uv_quads[on_skin]
    eyes = (outer_shell(model, LEFT_EYE), outer_shell(model, RIGHT_EYE))
    middles = np.array([model.neutral[eye].mean(axis=0) for eye in eyes])
    lids, lips, bust = openings(model, quads, middles)

    parts = [_skin(model, quads, uv_quads)]
    start = n_skin
    for eye, middle in zip(eyes, middles, strict=True):
        parts.append(_eyeball(model, eye, middle, start))
        start += len(eye)
    for lid in lids:
        parts.append(_strip([lid, np.arange(len(lid)) + start], LID_RIM, RIM_PATCH))
        start += len(lid)
    rings = [np.arange(len(lips)) + start + k * len(lips) for k in range(len(_POUCH_RINGS))]
    start += len(lips) * len(_POUCH_RINGS)
    parts.append(_strip([lips, *rings, np.full(len(lips), start)], POUCH, POUCH_PATCH))
    start += 1
    n_teeth = len(_TEETH_ACROSS)
    for _ in ("upper", "lower"):
        parts.append(_row_of_teeth(np.arange(2 * n_teeth).reshape(2, n_teeth) + start))
        start += 2 * n_teeth
    parts.append(_strip([bust, np.arange(len(bust)) + start], CLOTHES, CLOTHES_PATCH))
    start += len(bust)
    hair = np.arange(curtain.ROWS * curtain.COLUMNS).reshape(curtain.ROWS, -1) + start
    parts += [_sheet(hair, LONG_HAIR_PATCH), _sheet(hair[:, ::-1], INNER_HAIR_PATCH)]

    offsets = np.cumsum([0, *(len(part[1]) for part in parts)])[:-1]
    triangles = np.concatenate([part[0] + offset for part, offset in zip(parts, offsets, strict=True)])
    kinds = np.concatenate([np.full(len(part[0]), part[3], np.uint8) for part in parts])
    point = np.concatenate([part[1] for part in parts])
    corners = point[triangles]
    flat = (corners[:, [0, 1, 2]] == corners[:, [1, 2, 0]]).any(axis=1)
    return Surface(
        n_skin,
        eyes,
        lids,
        lips,
        bust,
        quads,
        triangles[~flat],
        kinds[~flat],
        point,
        np.concatenate([part[2] for part in parts]).astype(np.float32),
    )


_Part = tuple[Ints, Ints, NDArray[np.floating], int]
"""Triangles by corner, the point and the place in the texture of each corner, and the kind."""


def _triangles(quads: NDArray[np.integer]) -> Ints:
    four = quads[quads[:, 3] >= 0]
    return np.concatenate([quads[:, :3], four[:, [0, 2, 3]]]).astype(np.intp)


def _skin(model: HeadModel, quads: Ints, uv_quads: NDArray[np.int32]) -> _Part:
    pairs, corner = np.unique(np.stack([quads.ravel(), uv_quads.ravel()], 1), axis=0, return_inverse=True)
    u, v = model.uv[pairs[:, 1]].T
    place = np.stack([u, 1 - v], 1)
    # The second tile of the texture coordinates, for the back of the head, is drawn smaller.
    left, top, width, height = HEAD_PATCH
    second = np.stack([left + (u - 1) * width, top + (1 - v) * height], 1)
    place = np.where(u[:, None] > 1, second, place)
    corner = np.where(quads >= 0, corner.reshape(quads.shape), -1)
    return _triangles(corner), pairs[:, 0], place, SKIN


def _eyeball(model: HeadModel, eye: Ints, middle: NDArray[np.floating], start: int) -> _Part:
    number = np.full(len(model.neutral), -1)
    number[eye] = np.arange(len(eye))
    inside = np.flatnonzero(number[model.quads[:, 0]] >= 0)
    quads = np.where(model.quads[inside] >= 0, number[model.quads[inside]], -1)
    x, y, z = (model.neutral[eye] - middle).T
    angle = np.arctan2(np.hypot(x, y), z) / EYE_REACH
    # Both eyes share one picture, with the nose on the same side.
    across = x if middle[0] > 0 else -x
    unit = np.stack([across, -y], 1) / np.maximum(np.hypot(x, y), 1e-9)[:, None]
    left, top, width, height = EYE_PATCH
    place = np.array([left + width / 2, top + height / 2]) + unit * angle[:, None] * width / 2
    return _triangles(quads), np.arange(len(eye)) + start, place, EYE


def _strip(rings: list[Ints], kind: int, patch: tuple[float, float, float, float]) -> _Part:
    """Faces between rings of points, each leading on from the edge of a hole."""
    n = len(rings[0])
    left, top, width, height = patch
    share = np.arange(n + 1) / n
    # The first column is repeated at the end, where the texture ends too.
    points = np.concatenate([np.append(ring, ring[0]) for ring in rings])
    place = np.concatenate(
        [
            np.stack([left + share * width, np.full(n + 1, top + k / (len(rings) - 1) * height)], 1)
            for k in range(len(rings))
        ]
    )
    first = (np.arange(len(rings) - 1)[:, None] * (n + 1) + np.arange(n)).ravel()
    quads = np.stack([first, first + 1, first + n + 2, first + n + 1], 1)
    return _triangles(quads), points, place, kind


def _row_of_teeth(points: Ints) -> _Part:
    """Faces between the upper and the lower edge (2, n) of a row."""
    n = points.shape[1]
    left, top, width, height = TEETH_PATCH
    along = left + np.arange(n) / (n - 1) * width
    place = np.concatenate([np.stack([along, np.full(n, top + k * height)], 1) for k in (0, 1)])
    first = np.arange(n - 1)
    # From the person's right, where x is least, to the left: as seen, from left to right.
    quads = np.stack([first + n, first + n + 1, first + 1, first], 1)
    return _triangles(quads), points.ravel(), place, TEETH


def _sheet(points: Ints, patch: tuple[float, float, float, float]) -> _Part:
    """Faces of the curtain, seen from where its points (rows, columns) run from right to left."""
    rows, columns = points.shape
    left, top, width, height = patch
    # Most of the texture goes to the sides, which show beside the face.
    along = (np.sign(curtain.shares()) * np.abs(curtain.shares()) ** 3 + 1) / 2
    across, down = np.meshgrid(left + along * width, top + np.linspace(0, 1, rows) * height)
    number = np.arange(rows * columns).reshape(rows, columns)
    first = number[:-1, :-1].ravel()
    quads = np.stack([first, first + 1, first + columns + 1, first + columns], 1)
    place = np.stack([across.ravel(), down.ravel()], 1)
    return _triangles(quads), points.ravel(), place, LONG_HAIR
