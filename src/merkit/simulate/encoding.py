"""Pictures as bytes: formats of frames, with what compression makes of them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError

Picture = NDArray[np.uint8]


def encode(picture: Picture, suffix: str, quality: int | None = None) -> bytes:
    """The file of a picture.

    Parameters
    ----------
    picture : array (H, W, 3) or (H, W) uint8
        RGB or grey.
    suffix : {".png", ".jpg", ".bmp"}
    quality : int, optional
        Of JPEG, 1 to 100.

    Raises
    ------
    DataError
        If there is no such format.
    """
    pixels = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" and quality is not None else []
    try:
        done, data = cv2.imencode(suffix, pixels, options)
    except cv2.error:
        done = False
    if not done:
        raise DataError(f"{suffix}: no picture format of this name; use .jpg, .png or .bmp")
    return bytes(data.tobytes())


def developed(picture: Picture, suffix: str, quality: int | None = None) -> Picture:
    """The pixels that a reader finds in the file of a picture; RGB or grey, as before."""
    if suffix != ".jpg":
        return picture
    data = np.frombuffer(encode(picture, suffix, quality), np.uint8)
    if picture.ndim == 2:
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)
