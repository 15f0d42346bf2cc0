"""The portrait engine: a picture of a face that moves by exactly known amounts.

One picture is enlarged once by cubic splines, four times finer than the frames, and every frame is
sampled from it along a backward map.  ``cv2.remap`` rounds coordinates to 1/32 px; on the finer
picture this is 1/128 px of the frame, and its linear interpolation errs little.

A frame is made of three maps, from the neutral face outwards: lids slide, action units displace the
skin, the head moves.  The head moves in front of a background that stays: the similarity fades out
around the face.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from merkit.errors import ConfigError, DataError
from merkit.simulate.action_units import Side, displacement_field, face_axes, face_width
from merkit.simulate.eyelids import LEFT_EYE, RIGHT_EYE, Eyelid
from merkit.simulate.head_motion import HeadPose
from merkit.simulate.state import FaceState, Movement

Map = NDArray[np.float32]
SMALLEST_FACE_PX = 60.0
"""Narrower faces hold too little detail to be enlarged."""
_FINER = 4
_HEAD_RIGID, _HEAD_STILL = 1.25, 1.9
"""Ellipses around the face, in half face sizes: inside the first all follows the head, outside the
second nothing does."""


class Portrait:
    """A face picture, enlarged, that can be rendered in any :class:`FaceState`.

    Use :meth:`from_picture` to make one.

    Attributes
    ----------
    points : array (468, 2) float64
        Mesh landmarks of the neutral face in frame pixels.
    shape : (height, width)
        Of the frames.
    """

    def __init__(self, fine: Map, points: NDArray[np.float64], shape: tuple[int, int]) -> None:
        self._fine = fine
        self.points = points
        self.shape = shape
        self._lids = (Eyelid(points, RIGHT_EYE), Eyelid(points, LEFT_EYE))
        rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
        self._grid = (columns, rows)

    @classmethod
    def from_picture(
        cls,
        rgb: NDArray[np.uint8],
        points: NDArray[np.floating],
        face_px: float = 200.0,
        size: tuple[int, int] = (400, 440),
    ) -> Portrait:
        """Cut a face out of a picture and enlarge (or reduce) it.

        Parameters
        ----------
        rgb : array (H, W, 3) uint8
        points : array (468, 2)
            Mesh landmarks in pixels of ``rgb``.
        face_px : float
            Wanted width of the face in pixels of the frame.
        size : (width, height)
            Wanted size of the frame; it is smaller where the picture ends.
        """
        found = face_width(points)
        if found < SMALLEST_FACE_PX:
            raise DataError(
                f"face picture: the face is {found:.0f} px wide, at least {SMALLEST_FACE_PX:.0f} px are "
                "needed; use a larger picture"
            )
        if not 40 <= face_px <= 2000:
            raise ConfigError(f"face_px: {face_px} is outside 40 to 2000")
        picture, points, scale = _reduce(rgb, np.asarray(points, np.float64), face_px / found)
        limits = scale * (np.array(picture.shape[1::-1]) - 1)
        frame = np.minimum(size, np.floor(limits) + 1).astype(int) // 2 * 2
        low, high = points.min(axis=0) * scale, points.max(axis=0) * scale
        start = np.clip((low + high) / 2 - (frame - 1) / 2, 0, np.maximum(limits - (frame - 1), 0))
        if (low < start).any() or (high > start + frame).any():
            raise DataError("face picture: part of the face is outside the picture or the frame")
        steps = [(start[axis] + np.arange(frame[axis] * _FINER) / _FINER) / scale for axis in (0, 1)]
        fine = make_interp_spline(np.arange(picture.shape[0]), picture, k=3, axis=0)(
            np.clip(steps[1], 0, picture.shape[0] - 1)
        ).astype(np.float32)
        fine = make_interp_spline(np.arange(picture.shape[1]), fine, k=3, axis=1)(
            np.clip(steps[0], 0, picture.shape[1] - 1)
        )
        fine = np.clip(fine, 0, 255).astype(np.float32)
        return cls(np.ascontiguousarray(fine), points * scale - start, (int(frame[1]), int(frame[0])))

    def field(self, action_units: str, side: Side = "both", asymmetry: float = 0.0) -> NDArray[np.float32]:
        """The displacement of some action units with a peak of 1 px, as (height, width, 2)."""
        return displacement_field(self.points, self.shape, action_units, side, asymmetry)

    def render(self, state: FaceState) -> NDArray[np.float32]:
        """The frame of a state without camera: (height, width, 3), grey levels 0 to 255."""
        x, y = self._to_neutral(*self._grid, state)
        frame = self._sample(x, y)
        for lid, closure in zip(self._lids, state.closure, strict=True):
            if closure > 0:
                self._draw_lid(frame, x, y, lid, closure)
        return frame

    def flow(self, reference: FaceState, state: FaceState) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """True motion from one state to another.

        Returns
        -------
        flow : array (height, width, 2) float32
            ``(u right, v down)`` in pixels at the pixels of the frame of ``reference``.
        visible : array (height, width) bool
            False where what is seen in ``reference`` is hidden by a lid in ``state``.
        """
        x, y = self._to_neutral(*self._grid, reference)
        for lid, closure in zip(self._lids, reference.closure, strict=True):
            if closure > 0:
                seen = lid.source(x, y, closure)
                x, y = np.where(seen.cover >= 0.5, seen.x, x), np.where(seen.cover >= 0.5, seen.y, y)
        new_x, new_y, visible = self.moved(x, y, state)
        return np.stack([new_x - self._grid[0], new_y - self._grid[1]], axis=-1), visible

    def moved(self, x: Map, y: Map, state: FaceState) -> tuple[Map, Map, NDArray[np.bool_]]:
        """Where points of the neutral face are in a state, and which are not hidden by a lid."""
        visible = np.ones(np.shape(x), dtype=bool)
        for lid, closure in zip(self._lids, state.closure, strict=True):
            if closure > 0:
                x, y, hidden = lid.moved(x, y, closure)
                visible &= ~hidden
        x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
        if state.movements:
            total = _total(state.movements)
            shift = _lookup(total, x, y)
            x, y = x + shift[..., 0], y + shift[..., 1]
        there_x, there_y = x, y
        # The head map is given backwards (frame to face); undo it by fixed-point iteration.
        for _ in range(12):
            back_x, back_y = self._undo_head(there_x, there_y, state.head)
            there_x, there_y = there_x + (x - back_x), there_y + (y - back_y)
        return there_x, there_y, visible

    @property
    def face_px(self) -> float:
        """Width of the neutral face in frame pixels."""
        return face_width(self.points)

    def landmarks(self, state: FaceState) -> NDArray[np.float64]:
        """The 468 mesh landmarks of a state in frame pixels, (468, 2)."""
        x, y = self.points.astype(np.float32).T[..., None]
        there_x, there_y, _ = self.moved(x, y, state)
        return np.concatenate([there_x, there_y], axis=1).astype(np.float64)

    @cached_property
    def _follows_head(self) -> Map:
        """How much each pixel of the frame follows the head, 0 to 1."""
        across, down = face_axes(self.points)
        local = self.points @ np.stack([across, down], 1)
        middle, half = (local.max(axis=0) + local.min(axis=0)) / 2, np.ptp(local, axis=0) / 2
        columns, rows = self._grid
        radius = np.hypot(
            (columns * across[0] + rows * across[1] - middle[0]) / half[0],
            (columns * down[0] + rows * down[1] - middle[1]) / half[1],
        )
        t = np.clip((_HEAD_STILL - radius) / (_HEAD_STILL - _HEAD_RIGID), 0, 1)
        return (t * t * (3 - 2 * t)).astype(np.float32)

    @property
    def centre(self) -> NDArray[np.float64]:
        """Middle of the neutral face in frame pixels, about which the head turns."""
        return (self.points.max(axis=0) + self.points.min(axis=0)) / 2

    def _undo_head(self, x: Map, y: Map, head: HeadPose) -> tuple[Map, Map]:
        if head == HeadPose():
            return x, y
        inverse = cv2.invertAffineTransform(head.matrix(self.centre)).astype(np.float32)
        follows = self._follows_head if x is self._grid[0] else _lookup(self._follows_head, x, y)
        (a, b, c), (d, e, f) = inverse
        return x + follows * (a * x + b * y + c - x), y + follows * (d * x + e * y + f - y)

    def _to_neutral(self, x: Map, y: Map, state: FaceState) -> tuple[Map, Map]:
        """Neutral coordinates of what is seen at frame coordinates, lids aside."""
        x, y = self._undo_head(x, y, state.head)
        if not state.movements:
            return x, y
        total = _total(state.movements)
        # `_lookup` rounds positions to 1/32 px, hence shifts: finer than this the steps cannot become.
        slope = float(sum(np.abs(np.diff(total, axis=axis)).max() for axis in (0, 1)))
        enough = max(2e-3 * max(1.0, float(np.abs(total).max())), slope / 24)
        from_x, from_y = x, y
        for _ in range(60):
            shift = _lookup(total, from_x, from_y)
            next_x, next_y = x - shift[..., 0], y - shift[..., 1]
            change = max(np.abs(next_x - from_x).max(), np.abs(next_y - from_y).max())
            from_x, from_y = next_x, next_y
            if change < enough:
                return from_x, from_y
        raise ConfigError("movement: the displacement is too strong, the skin would fold over itself")

    def _sample(self, x: Map, y: Map) -> NDArray[np.float32]:
        fine = np.float32(_FINER)
        sampled = cv2.remap(self._fine, x * fine, y * fine, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(sampled, np.float32)

    def _draw_lid(self, frame: NDArray[np.float32], x: Map, y: Map, lid: Eyelid, closure: float) -> None:
        left, top, right, bottom = lid.box(margin=2.0)
        seen = np.flatnonzero(((x > left) & (x < right) & (y > top) & (y < bottom)).ravel())
        if not seen.size:
            return
        rows, columns = np.unravel_index(seen, x.shape)
        part = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        source = lid.source(x[part], y[part], closure)
        cover = source.cover[..., None]
        frame[part] = cover * self._sample(source.x, source.y) + (1 - cover) * frame[part]


def _total(movements: tuple[Movement, ...]) -> NDArray[np.float32]:
    total = movements[0].field * np.float32(movements[0].peak_px)
    for movement in movements[1:]:
        total = total + movement.field * np.float32(movement.peak_px)
    return total


def _lookup(values: NDArray[np.float32], x: Map, y: Map) -> NDArray[np.float32]:
    """Smooth values at fractional pixels; rounding to 1/32 px changes them by a thousandth."""
    looked_up = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(looked_up, np.float32)


def _reduce(
    rgb: NDArray[np.uint8], points: NDArray[np.float64], scale: float
) -> tuple[NDArray[np.float32], NDArray[np.float64], float]:
    """Shrink a picture that is finer than the frames without aliasing; return what scale is left."""
    if scale >= 1:
        return rgb.astype(np.float32), points, scale
    height, width = (max(round(n * scale), 1) for n in rgb.shape[:2])
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    ratio = np.array([width / rgb.shape[1], height / rgb.shape[0]])
    return small, (points + 0.5) * ratio - 0.5, 1.0
