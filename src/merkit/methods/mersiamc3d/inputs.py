"""What MERSiamC3D sees of a clip: the flow between its key frames, or its faces, of which they are made."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip
from merkit.errors import ConfigError
from merkit.faces.geometry import CropGeometry
from merkit.inputs.aligned import RECIPE, aligned_face
from merkit.inputs.apex import Apex, apex_of
from merkit.methods.mersiamc3d.config import (
    FACES_FEATURE,
    FLOW_FEATURE,
    MARKS_FEATURE,
    MIDDLE,
    MERSiamC3DInput,
)
from merkit.methods.mersiamc3d.keyframes import Marks, apex_index, blended, recorded
from merkit.motion.flow import optical_flow

BACKEND = "farneback"


def flow(clip: Clip, how: MERSiamC3DInput) -> Clip:
    """The clip with its flow sequences among the features, and its apex.

    Under ``mersiamc3d-flow`` lies (1 + jittered, 2, 10, size, size) float16: ``(u right, v down)`` in pixels
    of the face between neighbouring key frames, first with the marks as they are, then with moved ones.

    Raises
    ------
    DataError
        If no face is found, or the apex is missing and may not be estimated; the clip is named.
    """
    seen, marks, apex = _faces(clip, how)
    make = {"nearest": recorded, "linear": blended}.get(how.transition)
    if make is None:
        raise ConfigError(f"transition={how.transition!r}: its flow is not of this clip alone; take faces")
    all_marks = (marks, *moved_marks(marks, len(seen), how))
    versions = [key_flow(make(seen, each), each, how) for each in all_marks]
    return _with(clip, {FLOW_FEATURE: np.stack(versions).astype(np.float16)}, apex)


def faces(clip: Clip, how: MERSiamC3DInput) -> Clip:
    """The clip with its faces among the features, and its apex.

    Under ``mersiamc3d-faces`` lies (T, size, size) uint8, up to `jitter` frames before the onset and behind
    the offset among them, and under ``mersiamc3d-marks`` (3,) int64, where onset, apex and offset are.

    Raises
    ------
    DataError
        If no face is found, or the apex is missing and may not be estimated; the clip is named.
    """
    seen, marks, apex = _faces(clip, how)
    features: dict[str, NDArray[np.generic]] = {
        FACES_FEATURE: np.ascontiguousarray(seen),
        MARKS_FEATURE: np.array(marks, dtype=np.int64),
    }
    return _with(clip, features, apex)


def key_flow(frames: NDArray[np.uint8], marks: Marks, how: MERSiamC3DInput) -> NDArray[np.float32]:
    """Flow (2, 10, H, W) between neighbouring key frames (11, H, W), or ten times that from onset to apex."""
    if how.flow == "apex":
        return flow_sequence(frames[[0, apex_index(marks)]]).repeat(len(frames) - 1, axis=1)
    return flow_sequence(frames)


def flow_sequence(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Farnebäck flow between neighbouring frames.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)

    Returns
    -------
    float32 array, shape (2, T - 1, H, W)
        ``(u right, v down)`` in pixels.
    """
    flows = [optical_flow(first, second, BACKEND) for first, second in pairwise(frames)]
    return np.ascontiguousarray(np.stack(flows).transpose(3, 0, 1, 2))


def moved_marks(marks: Marks, length: int, how: MERSiamC3DInput) -> list[Marks]:
    """Marks of the versions of a training clip, moved by up to `jitter` frames, alike in every clip."""
    steps = np.random.default_rng(0).integers(-how.jitter, how.jitter + 1, (how.jittered, 3))
    return [marks.moved(each, length) for each in steps]


def _faces(clip: Clip, how: MERSiamC3DInput) -> tuple[NDArray[np.uint8], Marks, Apex]:
    """Faces (T, size, size), where the marks are among them, and the apex."""
    first, last = clip.ends
    if how.apex == MIDDLE:
        apex = Apex(clip.source.numbers[(first + last) // 2], "")
    elif first == last:
        # Nothing moves; the eleven key frames are one.
        apex = Apex(clip.source.numbers[first], "a single frame: it is repeated as all key frames")
    else:
        apex = apex_of(clip, how.apex, method=how.apex_finder, face=how.face)
    geometry = CropGeometry(how.size, aspect=1.0, eyes_at=RECIPE.eyes_at)
    seen = aligned_face(clip, geometry, face=how.face, head=how.head, colour="grey", context=how.jitter)
    start = max(0, first - how.jitter)
    marks = Marks(first - start, clip.index(apex.number) - start, last - start)
    return seen.frames.astype(np.uint8, copy=False), marks, apex


def _with(clip: Clip, features: dict[str, NDArray[np.generic]], apex: Apex) -> Clip:
    noted = (*clip.repairs, apex.note) if apex.note else clip.repairs
    return replace(clip, features=features, apex=apex.number, repairs=noted)
