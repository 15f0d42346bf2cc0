"""What the two STRCN networks see of a clip: the flow from onset to apex, or small grey frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip
from merkit.errors import DataError
from merkit.faces.geometry import CropGeometry
from merkit.inputs.aligned import aligned_face
from merkit.inputs.apex import apex_of
from merkit.methods.strcn.config import FLOW_FEATURE, FRAMES_FEATURE, AppearanceInput, GeometricInput
from merkit.methods.strcn.geometric import ALPHAS, onset_apex_flow
from merkit.methods.strcn.mask import shrink_frames
from merkit.motion.magnification import magnify

EYES_AT = ((0.30, 0.35), (0.70, 0.35))
"""Where the eyes lie in the crop, as fractions of width and height; brows and chin are inside."""
RATES = (0.4, 0.05)
"""Of the filter over time of Eulerian magnification, per frame."""
_FINER = 4  # times finer than STRCN-A's frames is the face in which motion is magnified


def flow(clip: Clip, how: GeometricInput) -> Clip:
    """The clip with its flow among the features, and its apex.

    Under ``strcn-flow`` lies (2, rows, columns) float32, the flow of frames without magnification, or with
    ``magnify="evm"`` (8, 2, rows, columns) float16, one for each magnification.

    Raises
    ------
    DataError
        If no face is found, or the apex is missing and may not be estimated; the clip is named.
    """
    apex = apex_of(clip, how.apex, method=how.apex_finder, face=how.face)
    rows, columns = how.shape
    geometry = CropGeometry(columns, aspect=rows / columns, eyes_at=EYES_AT)
    frames = aligned_face(clip, geometry, face=how.face, head=how.head, colour="grey").frames
    frames = frames.astype(np.uint8, copy=False)
    top = clip.index(apex.number) - clip.ends[0]
    reach = min(int(how.average_s * (clip.fps or 0.0) + 1e-6), top // 4)
    if how.magnify == "evm":
        at = [*range(reach + 1), *range(top - reach, min(top + reach + 1, len(frames)))]
        magnified = magnify(frames, ALPHAS, method="linear", filter="iir", rates=RATES, at=at)
        each = [_between(some[: reach + 1], some[reach + 1 :], how) for some in magnified]
        values: NDArray[np.floating] = np.stack(each).astype(np.float16)
    else:
        values = _between(frames[: reach + 1], frames[max(top - reach, 0) : top + reach + 1], how)
    noted = (*clip.repairs, apex.note) if apex.note else clip.repairs
    return replace(clip, features={FLOW_FEATURE: values}, apex=apex.number, repairs=noted)


def small_frames(clip: Clip, how: AppearanceInput) -> Clip:
    """The clip with its frames at the size of the mask, float32 (T, rows, columns), among the features.

    Raises
    ------
    DataError
        If no face is found; the clip is named.
    """
    rows, columns = how.mask_shape
    geometry = CropGeometry(columns * _FINER, aspect=rows / columns, eyes_at=EYES_AT)
    seen = aligned_face(clip, geometry, face=how.face, head=how.head, colour="grey", dtype="float32").frames
    if how.alpha and len(seen) > 1:
        seen = magnify(seen, how.alpha, method="linear", filter="iir", rates=RATES)
    return replace(clip, features={FRAMES_FEATURE: shrink_frames(seen, how.mask_shape).astype(np.float32)})


def _between(onset: NDArray[np.uint8], apex: NDArray[np.uint8], how: GeometricInput) -> NDArray[np.float32]:
    """Flow (2, rows, columns) between the means of some frames."""
    if not len(onset) or not len(apex):
        raise DataError("no frame to measure the flow in")
    first, second = (frames.mean(axis=0).round().astype(np.uint8) for frames in (onset, apex))
    return onset_apex_flow(first, second, shape=how.shape, backend=how.flow)
