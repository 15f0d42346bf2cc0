"""What FAL-ConvLSTM sees of a clip: some of its faces between onset and offset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip
from merkit.faces.geometry import CropGeometry
from merkit.inputs.aligned import RECIPE, aligned_face
from merkit.methods.fal_convlstm.config import FEATURE, JITTER, POSITIONS, FALInput
from merkit.motion.interpolate import frame_positions, nearest_indices, resample_tim, round_to_uint8


def faces(clip: Clip, how: FALInput) -> Clip:
    """The clip with faces, uint8 (K, S, S[, 3]), and their positions, float (K,), among the features.

    With ``mode="sample"`` the K faces are all those that some :func:`picked` positions name, for ends that
    are moved by up to two frames where there are any; with ``"tim"`` they are what the network sees.

    Raises
    ------
    DataError
        If no face is found.
    """
    context = JITTER if how.mode == "sample" else 0
    colour = "rgb" if how.view == "rgb" else "grey"
    seen = aligned_face(clip, geometry(how), face=how.face, head=how.head, colour=colour, context=context)
    first, _ = clip.ends
    if how.mode == "tim":
        frames = round_to_uint8(resample_tim(seen.frames, how.length))
        positions = frame_positions(len(seen.frames), how.length)
    else:
        before = min(first, context)
        kept = _wanted(len(seen.frames), clip.n_frames, before, how.length)
        frames, positions = seen.frames[kept + before].astype(np.uint8, copy=False), kept.astype(np.float64)
    return replace(
        clip, features={FEATURE: np.ascontiguousarray(frames, dtype=np.uint8), POSITIONS: positions}
    )


def geometry(how: FALInput) -> CropGeometry:
    """The crop of a stored face: the recipe's, enlarged by the margin on every side."""
    whole = how.size + 2 * how.margin
    (x0, y0), (x1, y1) = (tuple((at * how.size + how.margin) / whole for at in eye) for eye in RECIPE.eyes_at)
    return CropGeometry(whole, aspect=1.0, eyes_at=((x0, y0), (x1, y1)))


def picked(first: int, last: int, length: int) -> NDArray[np.intp]:
    """Positions of `length` frames spread evenly from `first` to `last`, the nearest to each."""
    return first + nearest_indices(last - first + 1, length)


def _wanted(available: int, n_frames: int, before: int, length: int) -> NDArray[np.intp]:
    """All positions that may be picked, of frames from ``-before`` on."""
    behind = available - before - n_frames
    last = n_frames - 1
    each = [
        picked(i, j, length)
        for i in range(-before, JITTER + 1)
        for j in range(last - JITTER, last + behind + 1)
        if i <= j
    ]
    return np.unique(np.concatenate(each))
