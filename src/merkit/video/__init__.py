"""Decoding and encoding of video: upright frames with exact times, whatever the file is like."""

from merkit.video.frame import Frame, Pixels
from merkit.video.open import open_video
from merkit.video.reader import VideoReader
from merkit.video.writer import VideoWriter

__all__ = ["Frame", "Pixels", "VideoReader", "VideoWriter", "open_video"]
