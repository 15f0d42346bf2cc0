"""What AKMNet sees of a clip: grey faces from onset to offset, their motion magnified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from merkit.clips import Clip
from merkit.errors import DataError
from merkit.faces.geometry import CropGeometry
from merkit.inputs.aligned import RECIPE, aligned_face
from merkit.methods.akmnet.config import FEATURE, AKMNetInput
from merkit.motion.magnification import magnify


def faces(clip: Clip, how: AKMNetInput) -> Clip:
    """The clip with its faces, uint8 (T, size, size), among the features.

    Raises
    ------
    DataError
        If no face is found, or motion is to be magnified and the frames a second are not known.
    """
    geometry = CropGeometry(how.size, aspect=1.0, eyes_at=RECIPE.eyes_at)
    frames = aligned_face(clip, geometry, face=how.face, head=how.head, colour="grey").frames
    if how.alpha and len(frames) > 1:
        if clip.fps is None:
            raise DataError(
                f"clip {clip.id!r} has no frame rate, which magnification needs: state fps, or give alpha=0"
            )
        frames = magnify(frames, how.alpha, fps=clip.fps, method="phase")
    return replace(clip, features={FEATURE: np.ascontiguousarray(frames, dtype=np.uint8)})
