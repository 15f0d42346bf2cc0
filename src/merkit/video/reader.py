"""What every source of frames offers, whether it is a video file or a folder of pictures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, VideoError
from merkit.video.frame import Frame


class VideoReader(ABC):
    """Frames of one video, in presentation order, one at a time.

    Memory does not grow with the length of the video, except for the timestamps.

    Attributes
    ----------
    path : Path
        The file or folder.
    kind : {"video", "folder"}
        What it is.
    fps : float
        Mean frames a second.
    width, height : int
        Size of the upright picture in pixels.
    warnings : list of str
        What a reader of the result should know about this input, one line each; may grow while
        frames are read.
    """

    path: Path
    kind: Literal["video", "folder"]
    fps: float
    width: int
    height: int
    warnings: list[str]
    _closed = False

    @property
    @abstractmethod
    def n_frames(self) -> int | None:
        """Number of frames, or ``None`` while it is not known."""

    @property
    @abstractmethod
    def times(self) -> NDArray[np.float64]:
        """Seconds from the first frame, of the frames known so far."""

    @abstractmethod
    def _frames(self, start: int, stop: int | None) -> Iterator[Frame]:
        """Yield the frames of a valid range."""

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last one, of the frames known so far."""
        times = self.times
        return float(times[-1] + 1.0 / self.fps) if len(times) else 0.0

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield frames ``start`` to ``stop`` (not included).

        Parameters
        ----------
        start : int
            0-based position of the first frame; later frames are reached by seeking and are the
            same, pixel for pixel, as in a reading from the start.
        stop : int, optional
            Position after the last frame; the end of the video when missing.

        Raises
        ------
        ConfigError
            If a position is negative.
        VideoError
            If the reader is closed or the file has become unreadable.
        """
        if start < 0 or (stop is not None and stop < 0):
            raise ConfigError(f"frames({start}, {stop}): positions count from 0, give no negative ones")
        if self._closed:
            raise VideoError(f"{self.path}: the reader is closed; open the video again to read frames")
        return self._frames(start, stop)

    def close(self) -> None:
        """Refuse further reading."""
        self._closed = True

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
