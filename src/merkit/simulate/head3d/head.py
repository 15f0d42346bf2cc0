"""The 3D-head engine: unlimited people whose every point is known in every frame."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.simulate.action_units import Side
from merkit.simulate.head3d.anatomy import Anatomy, build_anatomy
from merkit.simulate.head3d.backdrop import backdrop
from merkit.simulate.head3d.exposure import open_to_lamp
from merkit.simulate.head3d.light import Light
from merkit.simulate.head3d.lookup import nearest_surface
from merkit.simulate.head3d.mean import finish, mean_head, picture_of
from merkit.simulate.head3d.model import FACE, HeadModel
from merkit.simulate.head3d.paint.hair import stand_off
from merkit.simulate.head3d.person import Person
from merkit.simulate.head3d.projection import Camera3D, follows, rotation
from merkit.simulate.head3d.raster import ROOKS, draw
from merkit.simulate.head3d.shapes import displacement
from merkit.simulate.state import FaceState, Movement

Floats = NDArray[np.float64]

_NASION, _NOSE_BASE = 27, 33
_JAW_ENDS = (0, 16)
_SHEET = 1024
_TOUCHING = 0.01
"""Surfaces this near to each other, in units, do not hide each other."""


class Head:
    """One person before one camera, in any :class:`FaceState`.

    Use :meth:`from_seed`, or give a :class:`Person` of your own.

    Parameters
    ----------
    model : HeadModel
        From :func:`load_head_model`.
    person : Person
    light : Light
    face_px : float
        Width of the neutral face in the frames, in pixels.
    size : (width, height)
        Of the frames in pixels.
    distance : float
        From the camera to the head in units of about 1 cm.
    fixed_light : bool
        Whether the light sticks to the skin: then a point keeps its brightness wherever it moves.
        Without, each frame is lit anew, as in life.

    Attributes
    ----------
    shape : (height, width)
        Of the frames.
    """

    def __init__(
        self,
        model: HeadModel,
        person: Person,
        light: Light | None = None,
        face_px: float = 140.0,
        size: tuple[int, int] = (256, 256),
        distance: float = 75.0,
        fixed_light: bool = False,
    ) -> None:
        if not 20 <= face_px <= 2000:
            raise ConfigError(f"face_px: {face_px} is outside 20 to 2000")
        if min(size) < 16 or max(size) > 4096:
            raise ConfigError(f"size: {size[0]} by {size[1]} pixels is outside 16 to 4096")
        if not 30 <= distance <= 500:
            raise ConfigError(f"distance: {distance} is outside 30 to 500")
        self.shape = (int(size[1]), int(size[0]))
        self.face_px = float(face_px)
        self.fixed_light = fixed_light
        self._model, self._who = model, person
        self._light = light or Light()
        mean = mean_head(model)
        self._surface = mean.surface if person.hair == "long" else mean.surface.with_short_hair
        hair = stand_off(mean.points[: mean.surface.n_skin], person)
        long_hair = np.random.default_rng([person.seed, 6]) if person.hair == "long" else None
        self._anatomy = build_anatomy(model, self._surface, np.array(person.identity), hair, long_hair)
        self._camera = _aim(self._anatomy, model, self.face_px, self.shape, distance)
        self._rest = self._anatomy.points(FaceState())
        self._follow = follows(self._rest)
        self._texture = picture_of(mean, person, self._camera.focal / distance)
        self._background = backdrop(self.shape, person, self._light)
        self._finish = finish(mean)
        self._shine = self._finish.shine.copy()
        # Dark skin scatters less, so that more of what is seen is mirrored.
        self._shine[: self._surface.n_skin] *= 1 + 0.7 * person.skin_tone
        normals = self._anatomy.normals(self._rest, FaceState())
        self._in_light = open_to_lamp(
            self._surface, self._rest, normals, self._light.direction, self._light.softness
        )
        for where in self._surface.eye_points:
            # Lids shade what is now behind them; when the eye turns, that comes out.
            self._in_light[where] = self._in_light[where][normals[where, 2] > 0.9].mean()
        self._lit = self._light_on(self._rest, FaceState()) if fixed_light else None

    @classmethod
    def from_seed(
        cls,
        model: HeadModel,
        seed: int,
        face_px: float = 140.0,
        size: tuple[int, int] = (256, 256),
        light: Light | None = None,
        distance: float = 75.0,
        fixed_light: bool = False,
    ) -> Head:
        """Draw a person and, unless it is given, the light."""
        person = Person.from_seed(seed)
        return cls(model, person, light or Light.from_seed(seed), face_px, size, distance, fixed_light)

    @property
    def person(self) -> dict[str, Any]:
        """Everything that was chosen, as plain data for a truth file."""
        return {
            "engine": "head3d",
            "model_sha256": self._model.sha256,
            **self._who.to_json(),
            "light": asdict(self._light),
            "fixed_light": self.fixed_light,
            "distance": self._camera.distance,
        }

    def field(self, action_units: str, side: Side = "both", asymmetry: float = 0.0) -> NDArray[np.float32]:
        """How the skin moves under some action units: displacements (points, 3) in units of the model.

        Scaled so that, at a peak of 1 px, the longest way in the picture of any point of the face that
        is visible in the neutral frontal face is 1 px.
        """
        shift = displacement(self._model.expressions, action_units, side, asymmetry)
        shift = shift[: self._surface.n_skin]
        scale = 1.0 / max(self._longest(shift * 1e-2) * 1e2, 1e-9)
        for _ in range(3):
            scale /= self._longest(shift * scale)
        return (shift * scale).astype(np.float32)

    def render(self, state: FaceState) -> NDArray[np.float32]:
        """The frame of a state without camera: (height, width, 3), grey levels 0 to 255."""
        points = self._anatomy.points(state)
        x, y, nearness = self._camera.project(points, state.head, self._follow)
        matt, mirrored = self._lit if self._lit is not None else self._light_on(points, state)
        at, place = self._surface.point, self._surface.place
        texels = self._texture.shape[0]
        values = np.stack([np.ones(len(at)), *(place.T * texels - 0.5), matt[at], mirrored[at]])
        near = nearness[at]
        seen = draw(
            x[at].astype(np.float32),
            y[at].astype(np.float32),
            self._surface.triangles,
            (values * near).astype(np.float32),
            self.shape,
            ROOKS,
        )
        light = self._collect(seen.place, seen.values)
        return np.sqrt(light) * np.float32(255)

    def _collect(self, place: NDArray[np.intp], values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Linear light of the frame: the mean over the samples of each pixel."""
        height, width = self.shape
        n, rows = len(place), len(ROOKS)
        # OpenCV wants pictures that are not too long: the samples become one, the last row filled up.
        sheet = np.zeros((4, -(-max(n, 1) // _SHEET) * _SHEET), np.float32)
        np.divide(values[1:], values[0], out=sheet[:, :n])
        across, down, matt, mirrored = sheet.reshape(4, -1, _SHEET)
        light = cv2.remap(self._texture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        light *= cv2.merge([matt] * 3)
        light += cv2.merge([mirrored] * 3)
        canvas = np.repeat(self._background, rows, axis=0)
        canvas.reshape(-1, 3)[place] = light.reshape(-1, 3)[:n]
        return np.clip(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), 0, 1)

    def flow(self, reference: FaceState, state: FaceState) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """True motion between two states, and where it can be seen.

        Returns
        -------
        flow : array (height, width, 2) float32
            ``(u right, v down)`` in pixels, at the pixels of the frame of ``reference``.  The
            background stands still.
        visible : array (height, width) bool
            False where what is seen in ``reference`` is hidden or outside the frame in ``state``.
        """
        height, width = self.shape
        triangles = self._surface.triangles
        x, y, nearness = self._corners(reference)
        new_x, new_y, new_nearness = self._corners(state)
        seen = draw(x, y, triangles, nearness[None], self.shape)
        rows, columns = np.divmod(np.arange(height * width, dtype=np.float64), width)
        there_x, there_y = columns.copy(), rows.copy()
        # The background is at infinity.
        there_near = np.zeros(height * width)

        corner = triangles[seen.triangle].T
        weight = _shares(columns[seen.place], rows[seen.place], x[corner], y[corner], nearness[corner])
        depth = weight / new_nearness[corner]
        far = depth.sum(axis=0)
        there_x[seen.place] = (depth * new_x[corner]).sum(axis=0) / far
        there_y[seen.place] = (depth * new_y[corner]).sum(axis=0) / far
        there_near[seen.place] = 1 / far
        foremost = nearest_surface(there_x, there_y, new_x, new_y, new_nearness, triangles)
        covered = np.isfinite(foremost)
        visible = np.full(height * width, True)
        visible[covered] = foremost[covered] - there_near[covered] <= _TOUCHING * foremost[covered] ** 2
        visible &= (there_x >= -0.5) & (there_x <= width - 0.5)
        visible &= (there_y >= -0.5) & (there_y <= height - 0.5)
        flow = np.stack([there_x - columns, there_y - rows], 1).reshape(height, width, 2)
        return flow.astype(np.float32), visible.reshape(height, width)

    def seen(self, state: FaceState) -> tuple[Floats, NDArray[np.int8]]:
        """What each pixel of a frame shows, at its centre.

        Returns
        -------
        distance : array (height, width)
            From the camera along its axis, in units; infinite where there is background.
        kind : int8 array (height, width)
            :data:`~merkit.simulate.head3d.topology.SKIN` (with hair) to ``TEETH``; -1 for the background.
        """
        x, y, nearness = self._corners(state)
        shown = draw(x, y, self._surface.triangles, nearness[None], self.shape)
        distance = np.full(self.shape, np.inf)
        distance.ravel()[shown.place] = 1 / shown.values[0]
        kind = np.full(self.shape, -1, np.int8)
        kind.ravel()[shown.place] = self._surface.kind[shown.triangle]
        return distance, kind

    def landmarks(self, state: FaceState) -> Floats:
        """The 68 iBUG landmarks in the frame of a state, (68, 2) in pixels."""
        return self.positions(state)[self._model.landmark68, :2]

    def positions(self, state: FaceState) -> Floats:
        """Where all points of the surface are in the frame of a state, seen or not.

        Returns
        -------
        array (P, 3)
            Pixels to the right and down, and the distance from the camera along its axis, in units.  The
            first points are those of the skin, numbered as in the model.
        """
        x, y, nearness = self._camera.project(self._anatomy.points(state), state.head, self._follow)
        return np.stack([x, y, 1 / nearness], 1)

    def _corners(self, state: FaceState) -> tuple[Floats, Floats, Floats]:
        found = self._camera.project(self._anatomy.points(state), state.head, self._follow)
        x, y, nearness = (values[self._surface.point] for values in found)
        return x, y, nearness

    def _longest(self, shift: Floats) -> float:
        """Longest way in the picture of the visible points of the face under a displacement."""
        state = FaceState((Movement(shift, 1.0),))  # type: ignore[arg-type]
        way = (self.positions(state) - self.positions(FaceState()))[self.visible_points]
        return float(np.hypot(way[:, 0], way[:, 1]).max())

    @cached_property
    def visible_points(self) -> NDArray[np.intp]:
        """Points of the face that are seen in the neutral frontal face."""
        x, y, nearness = self._camera.project(self._rest, FaceState().head, self._follow)
        on_face = np.flatnonzero(self._model.part[: self._surface.n_skin] == FACE)
        at = self._surface.point
        foremost = nearest_surface(
            x[on_face], y[on_face], x[at], y[at], nearness[at], self._surface.triangles
        )
        return on_face[foremost - nearness[on_face] <= _TOUCHING * foremost**2]

    def _light_on(self, points: Floats, state: FaceState) -> tuple[Floats, Floats]:
        normals = self._anatomy.normals(points, state) @ rotation(state.head.yaw_deg, state.head.pitch_deg).T
        matt, mirrored = self._light.on(
            normals, self._finish.open_to_room, self._in_light, self._finish.sharpness
        )
        matt *= self._finish.under_lid
        return matt, mirrored * self._shine


def _aim(
    anatomy: Anatomy, model: HeadModel, face_px: float, shape: tuple[int, int], distance: float
) -> Camera3D:
    """A camera that sees the face so wide, with its middle in the middle of the frame."""
    marks = anatomy.skin[model.landmark68]
    sides = marks[list(_JAW_ENDS)]
    middle = marks[[_NASION, _NOSE_BASE]].mean(axis=0)
    spread = np.abs(np.diff((sides[:, 0] - middle[0]) / (distance - sides[:, 2])))[0]
    return Camera3D(shape, distance, float(face_px / spread), (float(middle[0]), float(middle[1])), 0.0)


def _shares(at_x: Floats, at_y: Floats, x: Floats, y: Floats, nearness: Floats) -> Floats:
    """How much each corner (3, N) has in the point of the surface that is seen at a place."""
    area = np.stack(
        [
            (x[(k + 1) % 3] - at_x) * (y[(k + 2) % 3] - at_y)
            - (x[(k + 2) % 3] - at_x) * (y[(k + 1) % 3] - at_y)
            for k in range(3)
        ]
    )
    # Shares in the picture become shares on the surface when each is weighted by its distance.
    weight = area * nearness
    return weight / weight.sum(axis=0)
