"""Where the frames of a clip come from: an array, a folder of images, a range of a video.

Nothing is opened before the first look, so thousands of clips cost nothing; sources can be pickled
and sent to worker processes.
"""

from __future__ import annotations

import pickle
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError, VideoError
from merkit.video.frame import Pixels
from merkit.video.images import frame_number, gray_of, list_images, read_image, rgb_of
from merkit.video.open import open_video
from merkit.video.reader import VideoReader


class FrameSource(ABC):
    """A sequence of frames of one size, each with the number that annotations use for it."""

    @property
    @abstractmethod
    def numbers(self) -> tuple[int, ...]:
        """The annotated number of every frame, in order."""

    @abstractmethod
    def read(self, start: int, stop: int) -> Pixels:
        """Return frames at positions ``start`` to ``stop`` (not included), (T, H, W[, 3]) uint8."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Files or folders behind the frames; empty for arrays."""
        return ()

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W) of a grey source, (T, H, W, 3) of a colour one."""
        return (len(self), *self.read(0, 1).shape[1:])

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, position: int) -> Pixels:
        """Return the frame at a 0-based position as (H, W[, 3]) uint8."""
        length = len(self)
        if not -length <= position < length:
            raise IndexError(f"frame {position} of {length}")
        position %= length
        return self.read(position, position + 1)[0]


class ArrayFrames(FrameSource):
    """Frames that are in memory or in a memory map.

    Parameters
    ----------
    array : (T, H, W) or (T, H, W, 3) uint8
        The frames.
    numbers : sequence of int, optional
        Their annotated numbers; 0, 1, … when missing.
    """

    def __init__(self, array: NDArray[Any], numbers: Sequence[int] | None = None) -> None:
        array = array if isinstance(array, np.ndarray) else np.asarray(array)
        colour = array.ndim == 4 and array.shape[3] == 3
        if array.dtype != np.uint8 or not (colour or array.ndim == 3) or array.shape[0] == 0:
            raise DataError(f"frames of {array.dtype} {array.shape}: give uint8 of (T, H, W) or (T, H, W, 3)")
        self.array: Pixels = array
        self._numbers = tuple(range(len(array)) if numbers is None else (int(n) for n in numbers))
        if len(self._numbers) != len(array):
            raise DataError(f"{len(self._numbers)} frame numbers for {len(array)} frames: give one a frame")

    @property
    def numbers(self) -> tuple[int, ...]:
        """The annotated number of every frame, in order."""
        return self._numbers

    def read(self, start: int, stop: int) -> Pixels:
        """Return frames at positions ``start`` to ``stop`` (not included); a view, not a copy."""
        return self.array[start:stop]

    def __repr__(self) -> str:
        return f"ArrayFrames({self.array.shape})"


class FolderFrames(FrameSource):
    """The images of a folder, in natural order, numbered by the last number in their names.

    Parameters
    ----------
    path : str or Path
        The folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @cached_property
    def files(self) -> list[Path]:
        """The images in order."""
        return list_images(self.path)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The number in each file name; positions from 0 where a name has none."""
        found = [frame_number(file.name) for file in self.files]
        return tuple(place if number is None else number for place, number in enumerate(found))

    @property
    def paths(self) -> tuple[str, ...]:
        """The folder."""
        return (str(self.path),)

    @cached_property
    def _first(self) -> tuple[int, ...]:
        return read_image(self.files[0]).shape

    def read(self, start: int, stop: int) -> Pixels:
        """Return frames at positions ``start`` to ``stop`` (not included), in colour if the first is."""
        images = []
        for file in self.files[start:stop]:
            image = read_image(file)
            if image.shape[:2] != self._first[:2]:
                (h0, w0), (h1, w1) = self._first[:2], image.shape[:2]
                raise VideoError(
                    f"{self.path}: the images differ in size, {self.files[0].name} has {w0}x{h0} and "
                    f"{file.name} {w1}x{h1} pixels; bring them to one size"
                )
            images.append(rgb_of(image) if len(self._first) == 3 else gray_of(image))
        return np.stack(images) if images else np.empty((0, *self._first), np.uint8)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __repr__(self) -> str:
        return f"FolderFrames({str(self.path)!r})"


class VideoFrames(FrameSource):
    """A range of a video file, numbered by 0-based position in the video.

    Parameters
    ----------
    path : str or Path
        The file.
    start, stop : int
        First position and position after the last; the whole video when missing.
    """

    def __init__(self, path: str | Path, start: int = 0, stop: int | None = None) -> None:
        self.path, self.start, self.stop = Path(path), start, stop
        if start < 0 or (stop is not None and stop <= start):
            raise DataError(f"{path}: frames {start} to {stop} are no range; give 0 <= start < stop")

    @cached_property
    def _reader(self) -> VideoReader:
        return open_video(self.path)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Positions in the video."""
        length = self._reader.n_frames
        if length is None:
            length = sum(1 for _ in self._reader)
        stop = length if self.stop is None else self.stop
        if stop > length or self.start >= stop:
            raise VideoError(
                f"{self.path}: has {length} frames, so frames {self.start} to {stop} are not all there; "
                "check the annotation against the video"
            )
        return tuple(range(self.start, stop))

    @property
    def paths(self) -> tuple[str, ...]:
        """The file."""
        return (str(self.path),)

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W, 3)."""
        return (len(self), self._reader.height, self._reader.width, 3)

    def read(self, start: int, stop: int) -> Pixels:
        """Return frames at positions ``start`` to ``stop`` of the range (not included), in colour."""
        stop = min(stop, len(self))
        images = [frame.rgb for frame in self._reader.frames(self.start + start, self.start + stop)]
        return np.stack(images) if images else np.empty((0, *self.shape[1:]), np.uint8)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "start": self.start, "stop": self.stop}

    def __repr__(self) -> str:
        return f"VideoFrames({str(self.path)!r}, {self.start}, {self.stop})"


class MissingFrames(FrameSource):
    """Frames that should be there and are not, so that a table of annotations can still be read.

    Parameters
    ----------
    path : str or Path
        Where they should be.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Refused, like everything else that needs the frames."""
        raise self._error()

    @property
    def paths(self) -> tuple[str, ...]:
        """Where they should be."""
        return (str(self.path),)

    def read(self, start: int, stop: int) -> Pixels:
        """Refused."""
        raise self._error()

    def _error(self) -> DataError:
        return DataError(
            f"{self.path}: the frames of this clip are missing; unpack them there or leave the clip out "
            "(column found of the table)"
        )

    def __repr__(self) -> str:
        return f"MissingFrames({str(self.path)!r})"


class BlindFrames(FrameSource):
    """The frames of another source, without a hint at where they come from.

    File names of several databases contain the emotion; a method under test must not read them.
    """

    __slots__ = ("__source",)

    def __init__(self, source: FrameSource) -> None:
        self.__source = source

    @property
    def numbers(self) -> tuple[int, ...]:
        """The annotated number of every frame, in order."""
        return self.__source.numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W[, 3])."""
        return self.__source.shape

    def read(self, start: int, stop: int) -> Pixels:
        """Return frames at positions ``start`` to ``stop`` (not included)."""
        return self.__source.read(start, stop)

    def __reduce__(self) -> tuple[Any, ...]:
        # Compressed, so that a path cannot be read off the bytes that go to a worker process.
        packed = pickle.dumps(self.__source)
        return _unpack, (zlib.compress(packed, 1 if self.__source.paths else 0),)

    def __repr__(self) -> str:
        return "BlindFrames()"


def _unpack(packed: bytes) -> BlindFrames:
    return BlindFrames(pickle.loads(zlib.decompress(packed)))
