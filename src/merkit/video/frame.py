"""One frame of a video, converted to grey or colour only when somebody looks."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Picture(Protocol):
    """What a decoder hands over: something that can be turned into pixels."""

    def to_rgb(self) -> Pixels:
        """Return the picture as (H, W, 3) uint8 RGB."""

    def to_gray(self) -> Pixels:
        """Return the picture as (H, W) uint8, black 0, white 255."""


class Frame:
    """One frame: its place in the video, its time, and its pixels on demand.

    Parameters
    ----------
    index : int
        0-based position in presentation order.
    time : float
        Seconds from the first frame.
    width, height : int
        Size in pixels after rotation.
    picture : Picture
        The decoded picture; converted at the first look and then kept.
    held : bool
        True when the frame could not be decoded and shows the picture before it.
    """

    __slots__ = ("_gray", "_picture", "_rgb", "height", "held", "index", "time", "width")

    def __init__(
        self, index: int, time: float, width: int, height: int, picture: Picture, held: bool = False
    ) -> None:
        self.index = index
        self.time = time
        self.width = width
        self.height = height
        self.held = held
        self._picture = picture
        self._rgb: Pixels | None = None
        self._gray: Pixels | None = None

    @property
    def rgb(self) -> Pixels:
        """Pixels as (H, W, 3) uint8 RGB; the same array at every call."""
        if self._rgb is None:
            self._rgb = self._picture.to_rgb()
        return self._rgb

    @property
    def gray(self) -> Pixels:
        """Pixels as (H, W) uint8 grey, black 0 and white 255; the same array at every call."""
        if self._gray is None:
            self._gray = self._picture.to_gray()
        return self._gray

    def __repr__(self) -> str:
        return f"Frame(index={self.index}, time={self.time:.6f}, {self.width}x{self.height})"
