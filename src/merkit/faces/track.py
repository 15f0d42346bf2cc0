"""Follow one face through a video and measure how its parts move, frame by frame.

Landmarks are taken on a reference frame of a segment only.  Every later frame is warped by one
similarity into the crop of the reference, a dense flow against the reference is computed, the rigid
motion of the head is fitted to it robustly, and what remains is averaged over the parts of the
face.  When the pose drifts the reference is renewed and the motion is chained, so the curves do not
jump.  Nothing of a frame is kept: memory does not grow with pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.faces.crop import in_picture
from merkit.faces.face import Face, Mesh
from merkit.faces.geometry import PARTS, CropGeometry, compose, grid_points, invert, transform
from merkit.faces.landmarks import eye_centres
from merkit.faces.reference import EDGE, STEP, Reference, likeness_of, mask_radius, refer, thumbnail
from merkit.faces.settle import settle
from merkit.motion.flow import check_backend


@dataclass(frozen=True)
class TrackConfig:
    """When the tracker checks, renews or gives up; lengths in crop pixels unless said otherwise."""

    crop_width: int = 160
    flow: str = "dis"
    check_s: float = 0.4
    """Seconds between looks of the face mesh at a tracked face."""
    search_s: float = 0.2
    """Seconds between searches while there is no face."""
    patience_s: float = 1.0
    """How long a lost face among several is waited for where it was, before another may take its place."""
    near: float = 0.75
    """Distance, in face widths, within which a found face is the one that was lost."""
    presence: float = 0.5
    """Least presence score of the mesh."""
    rewarp: float = 1.0
    """Rigid displacement from which on the crop is moved along."""
    parallax: float = 2.0
    """Displacement of the nose by turning or nodding that renews the reference."""
    turn_deg: float = 8.0
    zoom: float = 0.12
    """In-plane turn and change of size that renew the reference."""
    drift: float = 0.07
    """Distance, in eye distances, between tracked and freshly found eyes that renews it."""
    likeness: float = 0.55
    """Correlation with the reference below which the face is looked for anew."""
    sudden: float = 0.25
    """Loss of correlation within one frame that is a cut; a moving head loses about a tenth at most."""


@dataclass(frozen=True)
class Sample:
    """What is known of the face in one frame.

    ``status`` is ``"tracked"``, ``"hidden"`` (a face was there and does not look like itself) or
    ``"none"``.  Everything else is NaN or zero unless tracked.
    """

    status: str
    segment: int
    matrix: NDArray[np.float64]
    """(2, 3), picture to crop, the rigid motion included."""
    motion: NDArray[np.float32]
    """(len(PARTS), 2) px200, chained over references; NaN for parts that are not in the picture."""
    turn: NDArray[np.float32]
    """(2,) px200: sideways and up-down parallax at unit depth, chained."""
    likeness: float
    reference: int
    """Which of the tracker's landmarks the matrix belongs to; -1 without a face."""
    renewed: bool


class FaceTracker:
    """Feed it frames in order; it returns a :class:`Sample` for each.

    Parameters
    ----------
    models : merkit.faces.FaceModels
    face : int
        Which face to follow when several are seen first: 0 is the largest.
    config : TrackConfig
    """

    def __init__(self, models: Any, face: int = 0, config: TrackConfig | None = None) -> None:
        self.models = models
        self.face = face
        self.config = config or TrackConfig()
        check_backend(self.config.flow)
        self.geometry = CropGeometry(self.config.crop_width)
        self.grid = grid_points(self.geometry.shape, STEP)
        self.segment = -1
        self.max_faces = 0
        self.landmarks: list[NDArray[np.float32]] = []
        """Mesh of every reference, (468, 3): x, y and depth in crop pixels, larger = nearer."""
        self._reference: Reference | None = None
        self._matrix = np.zeros((2, 3))
        self._offset = np.zeros((len(PARTS), 2))
        self._turn_offset = np.zeros(2)
        self._last_motion = self._offset
        self._last_turn = self._turn_offset
        self._seen = np.ones(len(PARTS), dtype=bool)
        self._likeness = 1.0
        self._next_check = -np.inf
        self._next_search = -np.inf
        self._last_centre: NDArray[np.float64] | None = None
        self._last_width = 0.0
        self._last_seen = -np.inf

    def step(self, frame: Any) -> Sample:
        """Look at the next frame."""
        if self._reference is None:
            if frame.time < self._next_search:
                return self._nothing("none")
            self._next_search = frame.time + self.config.search_s
            return self._start(frame)
        return self._follow(frame)

    # -- finding ------------------------------------------------------------------------------

    def _find(self, frame: Any) -> Mesh | None:
        """The mesh of the face to follow, or None."""
        faces = self.models.detect(frame.rgb)
        self.max_faces = max(self.max_faces, len(faces))
        for candidate in self._candidates(faces, frame.time):
            mesh: Mesh | None = self.models.mesh(frame.rgb, candidate)
            if mesh is not None and mesh.score >= self.config.presence:
                return mesh
        return None

    def _candidates(self, faces: list[Face], time: float) -> list[Face]:
        """The face that was lost, by its place; failing that the one chosen by size.

        Where there are several people, a face elsewhere is only taken after a while: the one that is
        followed may just be hidden.
        """
        if self._last_centre is not None:
            apart = []
            for face in faces:
                x, y, w, h = face.box
                away = float(np.hypot(*(np.array([x + w / 2, y + h / 2]) - self._last_centre)))
                apart.append(away / max(w, self._last_width, 1.0))
            near = [faces[i] for i in np.argsort(apart) if apart[i] <= self.config.near]
            if near:
                return near
            if self.max_faces > 1 and time - self._last_seen < self.config.patience_s:
                return []
        return faces[self.face : self.face + 1]

    def _start(self, frame: Any, after: str = "none") -> Sample:
        """Look for the face, as if for the first time, and begin a segment."""
        self._reference = None
        mesh = self._find(frame)
        self._offset = np.zeros((len(PARTS), 2))
        self._turn_offset = np.zeros(2)
        if mesh is None or not self._refer(frame, mesh):
            return self._nothing(after)
        self.segment += 1
        return self._sample(renewed=True, likeness=1.0)

    def _refer(self, frame: Any, mesh: Mesh) -> bool:
        """Make this frame the reference, if the face can carry one."""
        reference = refer(frame.gray, mesh.points, mesh.depth, self.geometry, self.grid)
        if reference is None:
            return False
        self._reference = reference
        self.landmarks.append(reference.landmarks)
        self._matrix = reference.matrix
        self._seen = reference.seen
        self._likeness = 1.0
        self._last_motion = self._offset
        self._last_turn = self._turn_offset
        self._last_width = float(np.ptp(mesh.points[:, 0]))
        self._remember(frame, reference.image_points)
        self._next_check = frame.time + self.config.check_s
        return True

    def _remember(self, frame: Any, points: NDArray[np.float64]) -> None:
        self._last_centre = points.mean(axis=0)
        self._last_seen = frame.time

    def _nothing(self, status: str) -> Sample:
        nan = np.full((len(PARTS), 2), np.nan, dtype=np.float32)
        return Sample(
            status, -1, np.full((2, 3), np.nan), nan, np.full(2, np.nan, dtype=np.float32), 0.0, -1, False
        )

    # -- following ----------------------------------------------------------------------------

    def _follow(self, frame: Any) -> Sample:
        reference = self._reference
        assert reference is not None
        seen = settle(
            reference.crop, frame.gray, self._matrix, self.geometry, reference.fit, self.config.flow,
            self.config.rewarp,
        )  # fmt: skip
        pose, rigid = seen.pose, seen.rigid
        likeness = likeness_of(thumbnail(seen.crop), reference.small, reference.mask)
        cut = self._likeness - likeness > self.config.sudden
        if cut or likeness < self.config.likeness or not np.isfinite(pose).all():
            return self._start(frame, after="hidden")
        self._likeness = likeness
        # The next frame starts from here.  What flow says of a still skin errs with the way it has to go,
        # and a head that sways by less than a pixel would drown small expressions in that error.
        self._matrix = pose
        residual = reference.fit.sampled(seen.flow) - reference.fit.field(rigid)
        px200 = self.geometry.px200
        edge = EDGE * mask_radius(self.geometry)
        inside = in_picture(reference.centres, pose, frame.gray.shape, edge)
        self._seen = inside & reference.seen
        motion = self._offset + px200 * (reference.parts @ residual)
        self._last_motion = np.where(self._seen[:, None], motion, self._last_motion)
        turn = rigid.params[4:] * reference.nose
        self._last_turn = self._turn_offset + px200 * turn
        sample = self._sample(renewed=False, likeness=likeness)
        self._last_seen = frame.time
        if frame.time >= self._next_check or self._drifted(turn, pose, reference):
            came_in = bool((inside & ~reference.seen).any())
            return self._check(frame, pose, came_in or self._drifted(turn, pose, reference), sample)
        return sample

    def _drifted(self, turn: NDArray[np.floating], pose: NDArray[np.floating], reference: Reference) -> bool:
        change = compose(pose, invert(reference.matrix))
        zoom = float(np.hypot(change[0, 0], change[1, 0]))
        angle = float(np.degrees(np.arctan2(change[1, 0], change[0, 0])))
        return (
            float(np.hypot(*turn)) > self.config.parallax
            or abs(angle) > self.config.turn_deg
            or abs(np.log(max(zoom, 1e-6))) > self.config.zoom
        )

    def _check(self, frame: Any, pose: NDArray[np.float64], stale: bool, sample: Sample) -> Sample:
        """Look again with the mesh: still a face? still where we think? then maybe a new reference."""
        reference = self._reference
        assert reference is not None
        self._next_check = frame.time + self.config.check_s
        tracked = transform(compose(invert(pose), reference.matrix), reference.image_points)
        mesh = self.models.mesh_from_points(frame.rgb, tracked)
        if mesh is None or mesh.score < self.config.presence:
            return self._start(frame, after="hidden")
        seen, expected = eye_centres(mesh.points), eye_centres(tracked)
        distance = float(np.hypot(*(expected[1] - expected[0])))
        off = float(np.hypot(*(seen.mean(axis=0) - expected.mean(axis=0)))) / max(distance, 1.0)
        if off > 4 * self.config.drift:
            return self._start(frame, after="hidden")
        if off > self.config.drift or stale:
            self._offset, self._turn_offset = self._last_motion, self._last_turn
            if not self._refer(frame, mesh):
                return self._start(frame, after="hidden")
            return self._sample(renewed=True, likeness=sample.likeness)
        self._remember(frame, tracked)
        return sample

    def _sample(self, *, renewed: bool, likeness: float) -> Sample:
        return Sample(
            "tracked",
            self.segment,
            self._matrix,
            np.where(self._seen[:, None], self._last_motion, np.nan).astype(np.float32),
            self._last_turn.astype(np.float32),
            likeness,
            len(self.landmarks) - 1,
            renewed,
        )
