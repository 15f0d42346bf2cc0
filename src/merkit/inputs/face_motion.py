"""The motion of a face against its onset, and how much each sample of it tells of expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.faces.geometry import PARTS, CropGeometry, face_weights, grid_points, part_weights
from merkit.faces.landmarks import LEFT_EYE, RIGHT_EYE
from merkit.faces.reference import STEP, mask_radius, rigid_fit
from merkit.faces.register import RigidFit
from merkit.inputs.aligned import AlignedFace
from merkit.inputs.placement import Placement
from merkit.inputs.registration import register
from merkit.video.images import gray_of

BLOCK = 4
"""Samples of the flow along the side of a block; their mean is less noisy."""
_TILES = (6, 5)  # rows and columns that stand for the parts of a face where nobody knows where those are


@dataclass(frozen=True)
class FaceMotion:
    """How a face moves, the motion of the head taken out.

    Attributes
    ----------
    flow : float32 array, shape (T, rows, columns, 2)
        From the first frame to each, ``(u right, v down)``, sampled over the crop; 0 in the first.
    weights : float32 array, shape (rows, columns)
        How much each sample counts, 0 to 1: skin that no lid moves, if it is known where the lids are.
    parts : float32 array, shape (P, rows * columns)
        Weights that average the flow over each part of the face; rows sum to 1.
    """

    flow: NDArray[np.float32]
    weights: NDArray[np.float32]
    parts: NDArray[np.float32]

    @classmethod
    def of(cls, seen: Seen) -> FaceMotion:
        """Measure the motion of a face, of bare crops, or take that which is given."""
        if isinstance(seen, FaceMotion):
            return seen
        if isinstance(seen, np.ndarray) and seen.dtype.kind == "f":
            if seen.ndim != 4 or seen.shape[3] != 2:
                raise DataError(f"find_apex: flow of shape {seen.shape}; give (frames, height, width, 2)")
            if not np.isfinite(seen).all():
                raise DataError("find_apex: the flow holds values that are not finite; fill or drop them")
            flow = seen.astype(np.float32)
            return cls(flow, np.ones(flow.shape[1:3], np.float32), _tiles(flow.shape[1], flow.shape[2]))
        return _measured(seen if isinstance(seen, AlignedFace) else face_of_crops(seen))

    def blocks(self) -> NDArray[np.float64]:
        """Weighted flow, averaged over blocks of samples, one row a frame: (T, blocks * 2)."""
        rows, columns = (max(1, round(n / BLOCK)) for n in self.weights.shape)
        size = (columns, rows)
        weighted = (field * self.weights[..., None] for field in self.flow)
        means = [cv2.resize(field, size, interpolation=cv2.INTER_AREA).ravel() for field in weighted]
        return np.stack(means).astype(np.float64)

    def of_parts(self) -> NDArray[np.float64]:
        """Weighted mean flow of each part of the face, (T, P, 2)."""
        samples = self.flow.reshape(len(self.flow), -1, 2)
        weights = self.parts * self.weights.ravel()
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)
        return np.einsum("pn,tnk->tpk", weights, samples).astype(np.float64)


Seen = AlignedFace | FaceMotion | NDArray[Any]
"""What a finder can be given: a face, its motion, bare crops, or flow."""


def frames_of(seen: Seen, who: str) -> NDArray[np.uint8]:
    """Grey frames (T, H, W) of a face or of bare crops, for a finder that looks at pictures."""
    if isinstance(seen, FaceMotion) or (isinstance(seen, np.ndarray) and seen.dtype.kind == "f"):
        raise DataError(f"apex finder {who!r} looks at pictures, not at flow; give an aligned face or crops")
    face = seen if isinstance(seen, AlignedFace) else face_of_crops(seen)
    return np.stack([gray_of(np.rint(frame).astype(np.uint8)) for frame in face.frames])


def face_of_crops(frames: NDArray[Any]) -> AlignedFace:
    """Bare crops as a face of which nobody knows where its parts are."""
    if frames.dtype != np.uint8 or not (frames.ndim == 3 or (frames.ndim == 4 and frames.shape[3] == 3)):
        raise DataError(
            f"find_apex: {frames.dtype} of shape {frames.shape}; give uint8 frames (T, H, W[, 3]) or float "
            "flow (T, H, W, 2)"
        )
    length, height, width = frames.shape[:3]
    same = np.tile(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (length, 1, 1))
    geometry = CropGeometry(width, aspect=height / width)
    return AlignedFace(
        frames, tuple(range(length)), same, geometry, Placement(None, (height, width), "whole")
    )


def _measured(face: AlignedFace) -> FaceMotion:
    geometry = face.geometry
    grid = grid_points(geometry.shape, STEP)
    fit, weights = _what_counts(face, grid)
    pictures = frames_of(face, "flow")
    still = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    residuals = [register(pictures[0], picture, still, geometry, fit, "dis")[1] for picture in pictures]
    flow = np.stack([residual[STEP // 2 :: STEP, STEP // 2 :: STEP] for residual in residuals])
    if face.landmarks is None:
        parts = _tiles(flow.shape[1], flow.shape[2])
    else:
        rows = part_weights(face.landmarks, grid, mask_radius(geometry))
        parts = rows[[part.region != "lids" for part in PARTS]]
    return FaceMotion(flow, weights.reshape(flow.shape[1:3]).astype(np.float32), parts)


def _what_counts(face: AlignedFace, grid: NDArray[np.float64]) -> tuple[RigidFit, NDArray[np.float64]]:
    """The fit of the head's motion, and the weight (N,) of every sample: skin that no lid moves."""
    shown = face.cover[STEP // 2 :: STEP, STEP // 2 :: STEP].ravel()
    mesh, points = face.placement.mesh, face.landmarks
    if mesh is None or points is None:
        return RigidFit(grid, shown.astype(np.float64)), shown.astype(np.float64)
    radius = mask_radius(face.geometry)
    zoom = float(np.hypot(*face.placement.matrix(face.geometry)[:, 0]))
    fit, _ = rigid_fit(np.column_stack([points, -mesh.depth * zoom]), grid, radius, shown)
    eyes = points[list(RIGHT_EYE + LEFT_EYE)]
    near = ((grid[None] - eyes[:, None]) ** 2).sum(axis=2).min(axis=0)
    lids = np.exp(-0.5 * near / (2 * radius) ** 2)
    return fit, face_weights(points, grid, radius) * (1.0 - lids) * shown


def _tiles(height: int, width: int) -> NDArray[np.float32]:
    """Means over equal rectangles, (P, height * width)."""
    rows, columns = min(_TILES[0], height), min(_TILES[1], width)
    row = np.arange(height) * rows // height
    column = np.arange(width) * columns // width
    tile = (row[:, None] * columns + column[None]).ravel()
    member = np.arange(rows * columns)[:, None] == tile[None]
    return (member / member.sum(axis=1, keepdims=True)).astype(np.float32)
