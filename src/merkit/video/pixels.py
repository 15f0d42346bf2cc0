"""From a decoded frame in any pixel format and orientation to upright uint8 arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from merkit.video.frame import Pixels


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is turned into the upright one: first transposed, then mirrored.

    Parameters
    ----------
    transpose : bool
        Rows and columns change places.
    flip_x, flip_y : bool
        Mirrored left to right, top to bottom, after the transposition.
    """

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def apply(self, image: Pixels) -> Pixels:
        """Turn an (H, W[, 3]) image upright.

        >>> image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
        >>> Orientation(transpose=True, flip_x=True).apply(image)  # a quarter turn clockwise
        array([[4, 1],
               [5, 2],
               [6, 3]], dtype=uint8)
        """
        if not (self.transpose or self.flip_x or self.flip_y):
            return image
        if self.transpose:
            image = image.swapaxes(0, 1)
        if self.flip_y:
            image = image[::-1]
        if self.flip_x:
            image = image[:, ::-1]
        return np.ascontiguousarray(image)


UPRIGHT = Orientation()
# FFmpeg's number for "matrix of colours not stated".
UNSPECIFIED = 2


def orientation_of(frame: av.VideoFrame) -> Orientation | None:
    """Read the display matrix of a decoded frame.

    Returns
    -------
    Orientation or None
        ``None`` when the matrix is neither a quarter turn nor a mirror image.

    Notes
    -----
    The matrix holds 16.16 fixed-point numbers ``a b u c d v x y w`` and maps a point (p, q) of the
    stored picture to (a p + c q, b p + d q) on the screen, q downwards.
    """
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d = (int(value) for value in np.frombuffer(bytes(matrix), dtype=np.int32)[:5])
    if a and d and not b and not c:
        return Orientation(False, a < 0, d < 0)
    if b and c and not a and not d:
        return Orientation(True, c < 0, b < 0)
    # An all-zero matrix is what some muxers write for "no rotation".
    return None if (a or b or c or d) else UPRIGHT


class DecodedPicture:
    """A frame in the decoder's own pixel format, plus its orientation."""

    __slots__ = ("_frame", "_orientation")

    def __init__(self, frame: av.VideoFrame, orientation: Orientation) -> None:
        self._frame = frame
        self._orientation = orientation

    def to_rgb(self) -> Pixels:
        """Return the picture as (H, W, 3) uint8 RGB."""
        return self._converted("rgb24")

    def to_gray(self) -> Pixels:
        """Return the luma of the picture as (H, W) uint8, stretched to 0 to 255."""
        return self._converted("gray")

    def _converted(self, pixel_format: str) -> Pixels:
        # A fresh conversion context a frame costs microseconds and lets frames be converted in any
        # thread; at these sizes one conversion thread is faster than several.
        try:
            frame = self._frame.reformat(format=pixel_format, dst_color_range="JPEG", threads=1)
        except av.FFmpegError:
            # Some cameras write reserved colour codes; what players show then is the unspecified one.
            self._frame.colorspace = UNSPECIFIED
            frame = self._frame.reformat(format=pixel_format, dst_color_range="JPEG", threads=1)
        return self._orientation.apply(np.asarray(frame.to_ndarray(), dtype=np.uint8))
