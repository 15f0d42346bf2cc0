"""Finding the apex in frames: the one in which the face has moved furthest from the first.

A finder turns an aligned face into a curve, one value a frame; the peak of the smoothed curve is the apex.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from merkit.errors import ConfigError, DataError, did_you_mean
from merkit.faces.geometry import CropGeometry, face_weights, grid_points
from merkit.faces.landmarks import LEFT_EYE, RIGHT_EYE
from merkit.faces.reference import STEP, mask_radius, rigid_fit
from merkit.faces.register import RigidFit
from merkit.inputs.aligned import AlignedFace
from merkit.inputs.placement import Placement
from merkit.inputs.registration import register
from merkit.video.images import gray_of

SMOOTHING_S = 0.025
"""Standard deviation in seconds of the smoothing of a curve before its peak is taken."""
USUAL_S = 0.4
"""How long a clip is taken to last where its rate is not known."""
_BLOCK = 4  # samples of the flow along the side of a block; their mean is less noisy


def find_apex(seen: AlignedFace | NDArray[Any], method: str = "flow", *, fps: float | None = None) -> int:
    """Index of the frame in which a face has moved furthest from the first frame.

    Parameters
    ----------
    seen : AlignedFace, or uint8 array of shape (T, H, W[, 3]), or float array of shape (T, H, W, 2)
        A face from its onset to its offset.  Crops alone count alike everywhere, lids and background too.
        Flow is that of every frame against the first, in any unit, the head's motion removed.
    method : str
        One of :data:`FINDERS`.
    fps : float, optional
        Frames a second; without it a clip is taken to last :data:`USUAL_S`.

    Returns
    -------
    int
        1 to T - 1.

    Raises
    ------
    DataError
        If there are fewer than two frames, or the array is neither frames nor flow.
    ConfigError
        For an unknown method.

    Examples
    --------
    >>> strength = np.array([0.0, 0.3, 0.9, 1.0, 0.8, 0.2])
    >>> find_apex(strength[:, None, None, None] * np.ones((6, 16, 16, 2)), fps=30)
    3
    """
    if method not in FINDERS:
        raise ConfigError(
            f"apex finder {method!r}{did_you_mean(method, FINDERS)}: there is {', '.join(FINDERS)}"
        )
    length = len(seen.frames) if isinstance(seen, AlignedFace) else len(seen)
    if length < 2:
        raise DataError(f"find_apex: {length} frame; give two or more, the first of them the onset")
    curve = FINDERS[method](seen)
    smooth = gaussian_filter1d(curve, SMOOTHING_S * (fps or length / USUAL_S), mode="nearest")
    return 1 + int(np.argmax(smooth[1:]))


def by_flow(seen: AlignedFace | NDArray[Any]) -> NDArray[np.float64]:
    """How far the expression has gone in every frame, shape (T,), in no unit.

    The flow against the first frame, lids left out, is averaged over blocks and projected on its own mean,
    the middle of the clip counting most.  Noise adds to every length but little to that pattern, so the
    peak is clearer than that of the mean length; and a blink or a drift is not in it throughout, so it is
    clearer than along the principal direction.
    """
    flow, weights = _flow(seen)
    rows, columns = (max(1, round(n / _BLOCK)) for n in weights.shape)
    blocks = np.stack(
        [
            cv2.resize(field * weights[..., None], (columns, rows), interpolation=cv2.INTER_AREA).ravel()
            for field in flow
        ]
    ).astype(np.float64)
    pattern = np.sin(np.linspace(0.0, np.pi, len(blocks))) @ blocks
    return np.asarray(blocks @ pattern, dtype=np.float64)


FINDERS: Mapping[str, Callable[[AlignedFace | NDArray[Any]], NDArray[np.float64]]] = {"flow": by_flow}


def _flow(seen: AlignedFace | NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Flow against the first frame, (T, rows, columns, 2), and how much each of its samples counts."""
    if isinstance(seen, np.ndarray) and seen.dtype.kind == "f":
        if seen.ndim != 4 or seen.shape[3] != 2:
            raise DataError(f"find_apex: flow of shape {seen.shape}; give (frames, height, width, 2)")
        return seen.astype(np.float32), np.ones(seen.shape[1:3], np.float32)
    face = seen if isinstance(seen, AlignedFace) else _as_face(seen)
    geometry = face.geometry
    grid = grid_points(geometry.shape, STEP)
    fit, weights = _what_counts(face, grid)
    pictures = [gray_of(np.rint(frame).astype(np.uint8)) for frame in face.frames]
    still = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    residuals = [register(pictures[0], picture, still, geometry, fit, "dis")[1] for picture in pictures]
    sampled = np.stack([flow[STEP // 2 :: STEP, STEP // 2 :: STEP] for flow in residuals])
    return sampled, weights.reshape(sampled.shape[1:3]).astype(np.float32)


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


def _as_face(frames: NDArray[Any]) -> AlignedFace:
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
