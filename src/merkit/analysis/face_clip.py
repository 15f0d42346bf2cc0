"""One event of a video as a clip: its frames, cut out around the face that is followed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.analysis.scan import Scan
from merkit.analysis.spotting import Interval
from merkit.clips import Clip
from merkit.errors import VideoError
from merkit.faces.geometry import invert, transform

MARGIN = 0.25
"""Around the face, in widths of its crop: detectors want some surroundings, but no second face."""


def face_clip(reader: Any, scan: Scan, found: Interval) -> Clip:
    """The frames of an interval from onset to offset, cut to one box around the face.

    Parameters
    ----------
    reader : merkit.video.VideoReader
        Of the video that was scanned.
    scan : Scan
    found : Interval
        Frames of one segment.

    Returns
    -------
    Clip
        Frame numbers are 0-based positions in the video.

    Raises
    ------
    VideoError
        If the frames cannot be read a second time.
    """
    numbers = range(found.onset, found.offset + 1)
    frames: NDArray[np.uint8] | None = None
    read = 0
    for frame in reader.frames(numbers.start, numbers.stop):
        if frames is None:
            box = face_box(scan, numbers, frame.rgb.shape[:2])
            frames = np.empty((len(numbers), *frame.rgb[box].shape), np.uint8)
        if frame.index != numbers[read]:
            break
        frames[read] = frame.rgb[box]
        read += 1
    if frames is None or read < len(numbers):
        raise VideoError(
            f"frames {found.onset} to {found.offset} could not be read a second time; convert the video to "
            "H.264 in MP4 and try again"
        )
    return Clip.from_array(
        frames, fps=float(reader.fps), numbers=numbers, id=f"frames {found.onset} to {found.offset}",
        onset=found.onset, apex=found.apex, offset=found.offset,
    )  # fmt: skip


def face_box(scan: Scan, numbers: range, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the picture that hold the face in all of some frames, with a margin.

    The same for all, so that the motion of the head stays what it was.

    Parameters
    ----------
    scan : Scan
    numbers : range
        Frames; those without a face are left out.
    shape : (height, width)
        Of the picture.
    """
    height, width = scan.geometry.shape
    grown = MARGIN * width
    corners = np.array([[x, y] for x in (-grown, width + grown) for y in (-grown, height + grown)])
    tracked = [number for number in numbers if scan.tracked[number]]
    points = np.concatenate([transform(invert(scan.matrices[number]), corners) for number in tracked])
    left, top = np.floor(points.min(axis=0)).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int)
    return slice(max(0, top), min(shape[0], bottom)), slice(max(0, left), min(shape[1], right))
