"""The portrait engine: a picture of a face that moves by exactly known amounts.

One picture is enlarged once by cubic splines, four times finer than the frames, and every frame is
sampled from it along a backward map.  ``cv2.remap`` rounds coordinates to 1/32 px; on the finer
picture this is 1/128 px of the frame, and its linear interpolation errs little.

A frame is made of four maps, from the neutral face outwards: irises shift within the eyes, lids slide
over them, action units and turns of the head displace what is seen, the head moves in the picture.  It
moves in front of a background that stays: turns and the similarity fade out around the face.
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
from merkit.simulate.gaze import Iris
from merkit.simulate.head_motion import HeadPose
from merkit.simulate.state import FaceState
from merkit.simulate.turning import Relief
from merkit.simulate.warp import between, came_from, shift_at

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

    def __init__(
        self,
        fine: Map,
        points: NDArray[np.float64],
        shape: tuple[int, int],
        depth: NDArray[np.float64] | None = None,
    ) -> None:
        self._fine = fine
        self.points = points
        self.shape = shape
        self._depth = depth
        self._lids = (Eyelid(points, RIGHT_EYE), Eyelid(points, LEFT_EYE))
        self._irises = tuple(Iris(lid) for lid in self._lids)
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
        points : array (468, 2) or (468, 3)
            Mesh landmarks in pixels of ``rgb``; with depth (more negative is nearer), the head can turn.
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
        depth = np.asarray(points[:, 2], np.float64) * face_px / found if points.shape[1] == 3 else None
        picture, points, scale = _reduce(rgb, np.asarray(points[:, :2], np.float64), face_px / found)
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
        shape = int(frame[1]), int(frame[0])
        return cls(np.ascontiguousarray(fine), points * scale - start, shape, depth)

    def field(self, action_units: str, side: Side = "both", asymmetry: float = 0.0) -> NDArray[np.float32]:
        """The displacement of some action units with a peak of 1 px, as (height, width, 2)."""
        return displacement_field(self.points, self.shape, action_units, side, asymmetry)

    def render(self, state: FaceState) -> NDArray[np.float32]:
        """The frame of a state without camera: (height, width, 3), grey levels 0 to 255."""
        x, y = self._to_neutral(*self._grid, state)
        frame = self._sample(*self._unlook(x, y, state.gaze))
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
        skin_x, skin_y = self._to_neutral(*self._grid, reference)
        x, y = self._unlook(skin_x, skin_y, reference.gaze)
        for lid, closure in zip(self._lids, reference.closure, strict=True):
            if closure > 0:
                seen = lid.source(skin_x, skin_y, closure)
                x, y = np.where(seen.cover >= 0.5, seen.x, x), np.where(seen.cover >= 0.5, seen.y, y)
        new_x, new_y, visible = self.moved(x, y, state)
        return np.stack([new_x - self._grid[0], new_y - self._grid[1]], axis=-1), visible

    def moved(self, x: Map, y: Map, state: FaceState) -> tuple[Map, Map, NDArray[np.bool_]]:
        """Where points of the neutral face are in a state, and which are not hidden by a lid."""
        visible = np.ones(np.shape(x), dtype=bool)
        if state.gaze != (0.0, 0.0):
            for iris in self._irises:
                x, y = iris.moved(x, y, iris.shift(state.gaze))
        for lid, closure in zip(self._lids, state.closure, strict=True):
            if closure > 0:
                x, y, hidden = lid.moved(x, y, closure)
                visible &= ~hidden
        x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
        total = self._displacement(state)
        if total is not None:
            shift = shift_at(total, x, y)
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
        follows = self._follows_head if x is self._grid[0] else between(self._follows_head, x, y)
        (a, b, c), (d, e, f) = inverse
        return x + follows * (a * x + b * y + c - x), y + follows * (d * x + e * y + f - y)

    def _to_neutral(self, x: Map, y: Map, state: FaceState) -> tuple[Map, Map]:
        """Neutral coordinates of what is seen at frame coordinates, lids aside."""
        x, y = self._undo_head(x, y, state.head)
        total = self._displacement(state)
        if total is None:
            return x, y
        # `_lookup` rounds positions to 1/32 px, hence shifts: finer than this the steps cannot become.
        return came_from(total, x, y)

    def _displacement(self, state: FaceState) -> Map | None:
        """How far skin moves within the head, (height, width, 2); ``None`` where nothing does."""
        parts = [movement.field * np.float32(movement.peak_px) for movement in state.movements]
        if state.head.yaw_deg or state.head.pitch_deg:
            parts.append(self._relief.turned(state.head))
        return sum(parts[1:], parts[0]) if parts else None

    @cached_property
    def _relief(self) -> Relief:
        if self._depth is None:
            raise ConfigError(
                "head pose: this portrait was made of landmarks without depth and cannot turn its head; "
                "give points of shape (468, 3)"
            )
        return Relief(self.points, self._depth, self._follows_head)

    def _unlook(self, x: Map, y: Map, gaze: tuple[float, float]) -> tuple[Map, Map]:
        """Neutral coordinates of what is seen in the eyes at such coordinates, lids aside."""
        if gaze == (0.0, 0.0):
            return x, y
        x, y = x.copy(), y.copy()
        for lid, iris in zip(self._lids, self._irises, strict=True):
            part = _part(lid.box(margin=2.0), x, y)
            if part is not None:
                x[part], y[part] = iris.source(x[part], y[part], iris.shift(gaze))
        return x, y

    def _sample(self, x: Map, y: Map) -> NDArray[np.float32]:
        fine = np.float32(_FINER)
        sampled = cv2.remap(self._fine, x * fine, y * fine, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(sampled, np.float32)

    def _draw_lid(self, frame: NDArray[np.float32], x: Map, y: Map, lid: Eyelid, closure: float) -> None:
        part = _part(lid.box(margin=2.0), x, y)
        if part is None:
            return
        source = lid.source(x[part], y[part], closure)
        cover = source.cover[..., None]
        frame[part] = cover * self._sample(source.x, source.y) + (1 - cover) * frame[part]


def _part(box: tuple[float, float, float, float], x: Map, y: Map) -> tuple[slice, slice] | None:
    """Rows and columns of the frame in which a box of neutral coordinates is seen."""
    left, top, right, bottom = box
    seen = np.flatnonzero(((x > left) & (x < right) & (y > top) & (y < bottom)).ravel())
    if not seen.size:
        return None
    rows, columns = np.unravel_index(seen, x.shape)
    return np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


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
