"""What SMA-STN's dynamic images are computed of: RGB faces from onset to offset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from merkit.clips import Clip
from merkit.faces.geometry import CropGeometry
from merkit.inputs.aligned import RECIPE, aligned_face
from merkit.methods.sma_stn.config import FEATURE, SMASTNInput


def faces(clip: Clip, how: SMASTNInput) -> Clip:
    """The clip with its faces, uint8 (T, size, size, 3), among the features; grey ones three times.

    Raises
    ------
    DataError
        If no face is found; the clip is named.
    """
    geometry = CropGeometry(how.size, aspect=1.0, eyes_at=RECIPE.eyes_at)
    frames = aligned_face(clip, geometry, face=how.face, head=how.head, colour="rgb").frames
    return replace(clip, features={FEATURE: np.ascontiguousarray(frames, dtype=np.uint8)})
