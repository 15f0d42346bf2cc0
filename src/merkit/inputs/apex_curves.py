"""Curves of a face over time, one value a frame, that are high where an expression is at its strongest.

Each is a published cue for the apex, see :mod:`merkit.inputs.apex_finders`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.inputs.course import apex_by_course
from merkit.inputs.face_motion import FaceMotion, Seen, frames_of

THUMB = (10, 8)
"""Rows and columns to which STRCN's apex search shrinks a face."""
LBP_GRID = (6, 5)
"""Rows and columns of blocks with a histogram of patterns each."""


def course(seen: Seen) -> NDArray[np.float64]:
    """Log probability that a frame is the apex; see :func:`merkit.inputs.course.apex_by_course`."""
    motion = FaceMotion.of(seen).of_parts()
    return apex_by_course(motion.reshape(len(motion), -1))


def along_mean_flow(seen: Seen) -> NDArray[np.float64]:
    """How far the expression has gone, in no unit.

    The flow is projected on its own mean, the middle of the clip counting most.  Noise adds to every length
    but little to that pattern, so the peak is clearer than that of the mean length; and a blink or a drift is
    not in it throughout, so it is clearer than along the principal direction.
    """
    blocks = FaceMotion.of(seen).blocks()
    pattern = np.sin(np.linspace(0.0, np.pi, len(blocks))) @ blocks
    return np.asarray(blocks @ pattern, dtype=np.float64)


def flow_by_region(seen: Seen) -> NDArray[np.float64]:
    """Length of the mean flow of each part of the face without the lids, summed over the parts."""
    return np.asarray(np.linalg.norm(FaceMotion.of(seen).of_parts(), axis=2).sum(axis=1), dtype=np.float64)


def frame_difference(seen: Seen) -> NDArray[np.float64]:
    """Mean absolute difference to the first frame, in grey levels."""
    frames = frames_of(seen, "difference").astype(np.float64)
    return np.abs(frames - frames[0]).mean(axis=(1, 2))


def deviation(seen: Seen) -> NDArray[np.float64]:
    """Standard deviation over a 10x8 thumbnail of the difference to that of the first, in grey levels."""
    rows, columns = THUMB
    small = [
        cv2.resize(frame, (columns, rows), interpolation=cv2.INTER_AREA)
        for frame in frames_of(seen, "strcn").astype(np.float64)
    ]
    return np.asarray((np.stack(small) - small[0]).std(axis=(1, 2)), dtype=np.float64)


def texture_change(seen: Seen) -> NDArray[np.float64]:
    """One less the correlation of the LBP histograms of each frame with those of the first.

    Uniform patterns of 8 neighbours at a radius of 1 in 6x5 blocks of the crop.
    """
    from skimage.feature import local_binary_pattern

    histograms = []
    for frame in frames_of(seen, "lbp"):
        codes = local_binary_pattern(frame, 8, 1, "uniform").astype(np.intp)
        blocks = [block for band in _cut(codes, LBP_GRID[0], 0) for block in _cut(band, LBP_GRID[1], 1)]
        counts = [np.bincount(block.ravel(), minlength=10) / max(block.size, 1) for block in blocks]
        histograms.append(np.concatenate(counts))
    centred = np.stack(histograms) - np.mean(histograms, axis=1, keepdims=True)
    length = np.maximum(np.linalg.norm(centred, axis=1), 1e-12)
    like = centred @ centred[0] / (length * length[0])
    # Equal frames must come out equal, not equal to rounding.
    return np.where((centred == centred[0]).all(axis=1), 0.0, 1.0 - like)


def _cut(picture: NDArray[np.intp], parts: int, axis: int) -> list[NDArray[np.intp]]:
    """Strips of equal width; what does not divide is left out at both ends alike, so that mirrors agree."""
    length = picture.shape[axis]
    width = max(1, length // parts)
    if width > 1 and parts % 2 and (length - width * parts) % 2:
        width -= 1
    start = max(0, (length - width * parts) // 2)
    edges = range(start, min(length, start + width * parts), width)
    return [picture[e : e + width] if axis == 0 else picture[:, e : e + width] for e in edges]
