"""Which frames of a clip are looked at: a few of every segment, whatever the frame rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.motion.segments import segment_bounds


def sampled_frames(
    length: int, segments: int, samples: int, rng: np.random.Generator | None = None
) -> NDArray[np.intp]:
    """Positions of the frames that stand for the segments of a clip.

    A segment is cut into as many bins of equal duration as it has samples, and one moment of each is taken:
    a frame lasts from its position to the next, so that a bin may be shorter than a frame, which then comes
    again.  A clip with fewer frames than segments is first repeated to a frame a sample.

    Parameters
    ----------
    length : int
        Frames of the clip, 1 or more.
    segments, samples : int
        K and M.
    rng : numpy.random.Generator, optional
        Draws the moments; without it they are the centres of the bins.

    Returns
    -------
    int array, shape (segments, samples)
        They never fall, row by row.

    Raises
    ------
    DataError
        If the clip has no frame.

    Examples
    --------
    >>> sampled_frames(24, 3, 4).tolist()
    [[1, 3, 5, 7], [9, 11, 13, 15], [17, 19, 21, 23]]
    """
    bounds, position = _segments(length, segments, samples)
    starts, lengths = bounds[:-1, None], np.diff(bounds)[:, None]
    moments = 0.5 if rng is None else rng.random((segments, samples))
    inside = np.floor(lengths * (np.arange(samples) + moments) / samples).astype(np.intp)
    # A moment just before the end of a segment may be rounded to the end.
    return np.asarray(position[starts + np.minimum(inside, lengths - 1)])


def segment_ends(length: int, segments: int, samples: int) -> NDArray[np.intp]:
    """Positions of the first and the last frame of each segment, shape (segments, 2)."""
    bounds, position = _segments(length, segments, samples)
    return np.stack([position[bounds[:-1]], position[bounds[1:] - 1]], axis=1)


def _segments(length: int, segments: int, samples: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where segments begin and end, and the frame at each place of them."""
    if length < 1:
        raise DataError(f"sampled_frames: a clip of {length} frames; give 1 or more")
    places = length if length >= segments else segments * samples
    position = np.arange(places) if places == length else (2 * np.arange(places) + 1) * length // (2 * places)
    return segment_bounds(places, segments), position.astype(np.intp)
