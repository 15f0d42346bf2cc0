"""Textures without detail that a pixel cannot show, so that nothing flickers when the head moves."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_BLUR_PX = 0.6
"""Standard deviation of the blur, in pixels of the frame."""
_SIGMAS = (0.0, 0.7, 1.1, 1.7, 2.6, 4.0)
"""Blurs, in texels, between which each place takes its own."""


def prefilter(picture: Floats, texels_per_px: Floats) -> Floats:
    """Blur each place of a picture (H, W, 3) as much as a pixel covers there.

    Parameters
    ----------
    picture : float32 array (H, W, 3)
    texels_per_px : float32 array (H, W)
    """
    wanted = _BLUR_PX * texels_per_px
    level = np.interp(wanted, _SIGMAS, np.arange(len(_SIGMAS))).astype(np.float32)
    result = np.zeros_like(picture)
    for number, sigma in enumerate(_SIGMAS):
        share = np.maximum(1 - np.abs(level - number), 0)
        if not share.any():
            continue
        blurred = picture if sigma == 0 else cv2.GaussianBlur(picture, (0, 0), sigma)
        result += cv2.merge([share] * 3) * blurred
    return result
