"""Writing of video files: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np

from merkit.errors import ConfigError, VideoError
from merkit.saving import disk_is_full, refusal
from merkit.video.frame import Pixels
from merkit.video.images import rgb_of

# Ticks a second for frames with times of their own; divisible by the usual frame rates.
TICKS = 90_000


class VideoWriter:
    """Writes frames to a video file, which appears under its name only when it is complete.

    Parameters
    ----------
    path : str or Path
        The file to write; an existing one is replaced at the end.  Its suffix chooses the container.
    fps : float
        Frames a second.
    codec : str
        Name of the encoder, when not lossless.
    crf : int
        Quality of the encoder: 0 is best, 18 hardly visibly different from the source, 51 worst.
    lossless : bool
        Give back every pixel as it was: FFV1 in ``.mkv`` files, H.264 in RGB otherwise.
    rotation : int
        Quarter turn in degrees counter-clockwise, written to the file for the player to carry out.

    Notes
    -----
    Colour with half resolution, which players expect, needs even sizes: an odd width or height grows
    by one pixel that repeats the edge.  Lossless files keep odd sizes.

    Raises
    ------
    VideoError
        If the file cannot be written.
    ConfigError
        If a parameter or a frame does not fit.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        codec: str = "libx264",
        *,
        crf: int = 18,
        lossless: bool = False,
        rotation: int = 0,
    ) -> None:
        self.path = Path(path)
        if not fps > 0:
            raise ConfigError(f"fps={fps}: give the frames a second as a number above 0")
        self.fps = float(fps)
        self._rate = Fraction(fps).limit_denominator(100_000)
        self._lossless = lossless
        self._rotation = rotation
        if lossless:
            codec = "ffv1" if self.path.suffix.lower() == ".mkv" else "libx264rgb"
            crf = 0
        self._codec = codec
        self._options = {"crf": str(crf)} if codec.startswith("libx26") else {}
        self._timed = False
        self._written = 0
        self._last = 0
        self._shape: tuple[int, ...] | None = None
        # Beside the target, so that the last step is a rename within one file system.
        self._part = self.path.with_name(f".{self.path.stem}-{uuid.uuid4().hex[:8]}{self.path.suffix}")
        try:
            self._part.touch()
            self._container: av.container.OutputContainer | None = av.open(str(self._part.absolute()), "w")
        except (av.FFmpegError, ValueError, OSError) as error:
            if self._part.parent.is_dir():
                self._part.unlink(missing_ok=True)
            raise self._failed(error) from error

    def write(self, image: Pixels, time: float | None = None) -> None:
        """Append one frame.

        Parameters
        ----------
        image : (H, W, 3) or (H, W) uint8
            RGB or grey; every frame of a file has the same size.
        time : float, optional
            Seconds, later than that of the frame before.  Either all frames have one (variable
            rate) or none (then they follow each other evenly).
        """
        image = np.asarray(image)
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
            raise ConfigError(f"frame of {image.dtype} {image.shape}: give uint8 of (H, W, 3) or (H, W)")
        if self._container is None:
            raise VideoError(f"{self.path}: the file is closed; no frame can be added")
        if self._shape is None:
            self._timed = time is not None
            self._shape = image.shape[:2]
            self._start(self._container, *image.shape[:2])
        if image.shape[:2] != self._shape:
            raise ConfigError(
                f"frame of {image.shape[:2]} after frames of {self._shape}: sizes must not change"
            )
        if (time is not None) != self._timed:
            raise ConfigError("give a time with every frame of a file or with none")
        stamp = self._written if time is None else round(time * TICKS)
        if time is not None and self._written and stamp <= self._last:
            raise ConfigError(f"time={time}: each frame must be later than the one before")
        raw = av.VideoFrame.from_ndarray(self._padded(rgb_of(image)), format="rgb24")
        raw.pts, raw.time_base = stamp, self._stream.codec_context.time_base
        try:
            self._container.mux(self._stream.encode(raw))
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        self._last = stamp
        self._written += 1

    def close(self) -> None:
        """Finish the file and give it its name."""
        if self._container is None:
            return
        if not self._written:
            self.discard()
            raise VideoError(f"{self.path}: no frame was written, so there is no video to save")
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._container = None
            os.replace(self._part, self.path)
        except (av.FFmpegError, OSError) as error:
            self.discard()
            raise self._failed(error) from error

    def discard(self) -> None:
        """Give up: remove what was written and leave a file of this name as it was."""
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(av.FFmpegError, OSError):
                container.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _start(self, container: av.container.OutputContainer, height: int, width: int) -> None:
        """Set up the encoder for the size of the first frame."""
        try:
            stream = container.add_stream(self._codec, rate=self._rate, options=self._options)
        except (av.FFmpegError, ValueError) as error:
            raise ConfigError(
                f"codec={self._codec!r}: this encoder is not there or does not fit "
                f"{self.path.suffix} files; use libx264 with .mp4"
            ) from error
        assert isinstance(stream, av.VideoStream)
        even = 0 if self._lossless else 1
        stream.width, stream.height = width + (width & even), height + (height & even)
        if self._codec == "ffv1":
            stream.pix_fmt = "bgr0"
        elif self._lossless:
            stream.pix_fmt = "rgb24"
        else:
            stream.pix_fmt = "yuv420p"
        if self._timed:
            stream.codec_context.time_base = Fraction(1, TICKS)
        else:
            stream.codec_context.time_base = 1 / self._rate
        if self._rotation:
            stream.set_display_rotation(self._rotation)
        self._stream = stream

    def _padded(self, image: Pixels) -> Pixels:
        """Repeat the last row or column where the encoder needs an even size."""
        down, right = self._stream.height - image.shape[0], self._stream.width - image.shape[1]
        if down or right:
            return np.pad(image, ((0, down), (0, right), (0, 0)), mode="edge")
        return np.ascontiguousarray(image)

    def _failed(self, error: Exception) -> VideoError:
        if disk_is_full(error):
            return VideoError(f"{self.path}: cannot be written, the disk is full; free some space")
        what = refusal(error) if isinstance(error, OSError) else str(error)
        return VideoError(
            f"{self.path}: cannot be written ({what}); check that the folder exists, may be written to, "
            "and that the suffix is one of a video such as .mp4"
        )
