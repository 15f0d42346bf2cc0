"""One way in: whatever the path is, get its frames."""

from __future__ import annotations

import math
import re
from pathlib import Path

from merkit.errors import ConfigError, VideoError
from merkit.video.file import FileReader
from merkit.video.folder import FolderReader
from merkit.video.images import IMAGE_SUFFIXES
from merkit.video.reader import VideoReader


def open_video(path: str | Path, fps: float | None = None) -> VideoReader:
    """Open a video file or a folder of images.

    Parameters
    ----------
    path : str or Path
        The file or folder.
    fps : float, optional
        Frames a second.  A folder of images needs it; for a video it replaces the timestamps of the
        file, for recordings that are stored in slow motion.

    Returns
    -------
    VideoReader
        Usable in a ``with`` statement and in a ``for`` loop.

    Raises
    ------
    VideoError
        If there is nothing to read; one line with the path, what is wrong and what to do.
    ConfigError
        If ``fps`` is not a positive number.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from merkit.video import VideoWriter, open_video
    >>> folder = tempfile.TemporaryDirectory()
    >>> with VideoWriter(f"{folder.name}/grey.mp4", fps=50) as writer:
    ...     for value in (0, 60, 120):
    ...         writer.write(np.full((32, 48, 3), value, np.uint8))
    >>> with open_video(f"{folder.name}/grey.mp4") as video:
    ...     [(frame.index, frame.time, frame.gray.shape) for frame in video]
    [(0, 0.0, (32, 48)), (1, 0.02, (32, 48)), (2, 0.04, (32, 48))]
    >>> folder.cleanup()
    """
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:/", str(path)) and not Path(path).exists():
        raise VideoError(f"{path}: merkit opens only files on this machine; download the video first")
    path = Path(path)
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise ConfigError(f"fps={fps}: give the frames a second as a number above 0, for example 200")
    if path.is_dir():
        return FolderReader(path, fps)
    if path.suffix.lower() in IMAGE_SUFFIXES and path.exists():
        raise VideoError(
            f"{path}: a single picture has no motion; give a video or the folder with the frames"
        )
    return FileReader(path, fps)
