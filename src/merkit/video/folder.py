"""Reading of a folder of pictures as a video with an even frame rate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merkit.errors import VideoError
from merkit.video.frame import Frame, Pixels
from merkit.video.images import frame_number, gray_of, image_size, list_images, read_image, rgb_of
from merkit.video.reader import VideoReader


class ImagePicture:
    """An image that is already in memory."""

    __slots__ = ("_image",)

    def __init__(self, image: Pixels) -> None:
        self._image = image

    def to_rgb(self) -> Pixels:
        """Return the picture as (H, W, 3) uint8 RGB."""
        return rgb_of(self._image)

    def to_gray(self) -> Pixels:
        """Return the picture as (H, W) uint8."""
        return gray_of(self._image)


class FolderReader(VideoReader):
    """Frames from the pictures of a folder, in natural order of their names.

    Parameters
    ----------
    path : Path
        The folder.
    fps : float
        Frames a second; pictures carry no times, so it has to be given.

    Attributes
    ----------
    files : list of Path
        One picture a frame.
    numbers : list of int or None
        The number in each file name; a frame's ``index`` is its place in the folder instead.

    Raises
    ------
    VideoError
        Without ``fps``, without pictures, with unreadable ones, or with pictures of several sizes,
        between which no motion could be measured.
    """

    kind = "folder"

    def __init__(self, path: Path, fps: float | None = None) -> None:
        self.path = path
        self.warnings = []
        self.files = list_images(path)
        if fps is None:
            raise VideoError(
                f"{path}: a folder of images does not say how fast it was recorded; "
                "give the frames a second with --fps (fps= in Python)"
            )
        self.fps = float(fps)
        self.width, self.height = image_size(self.files[0])
        for file in self.files[1:]:
            size = image_size(file)
            if size != (self.width, self.height):
                raise VideoError(
                    f"{path}: the images differ in size, {self.files[0].name} has {self.width}x{self.height} "
                    f"and {file.name} {size[0]}x{size[1]} pixels; bring them to one size"
                )
        self.numbers = [frame_number(file.name) for file in self.files]
        self._check_numbers()

    def _check_numbers(self) -> None:
        """Warn where the numbering jumps, since times assume that nothing is missing."""
        numbers = [number for number in self.numbers if number is not None]
        if len(numbers) < 2:
            return
        steps = np.diff(numbers)
        if len(numbers) < len(self.numbers) or (steps <= 0).any():
            self.warnings.append(
                "the file names do not form one numbered series: frames are taken in the order of the names"
            )
            return
        step = int(steps.min())
        jumps = np.flatnonzero(steps != step)
        if len(jumps):
            first = int(jumps[0])
            more = f", and {len(jumps) - 1} more gaps" if len(jumps) > 1 else ""
            self.warnings.append(
                f"the numbering jumps from {self.files[first].name} to {self.files[first + 1].name}{more}: "
                "frames seem to be missing, and times are counted as if none were"
            )

    @property
    def n_frames(self) -> int:
        """Number of pictures."""
        return len(self.files)

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the first picture, (N,)."""
        return np.arange(len(self.files)) / self.fps

    def _frames(self, start: int, stop: int | None) -> Iterator[Frame]:
        for index in range(start, len(self.files) if stop is None else min(stop, len(self.files))):
            picture = ImagePicture(read_image(self.files[index]))
            yield Frame(index, index / self.fps, self.width, self.height, picture)
