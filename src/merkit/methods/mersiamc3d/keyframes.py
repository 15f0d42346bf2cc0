"""Eleven key frames of a clip: onset, apex, offset, and eight between them by how long each phase lasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError

TRANSITIONS = 8
"""Frames between onset, apex and offset."""
COUNT = TRANSITIONS + 3


class Marks(NamedTuple):
    """Positions of onset, apex and offset in a sequence of frames; whole numbers that do not go back."""

    onset: int
    apex: int
    offset: int

    def checked(self, length: int) -> Marks:
        """The same, if they are among `length` frames and in order.

        Raises
        ------
        DataError
        """
        if not 0 <= self.onset <= self.apex <= self.offset < length:
            raise DataError(
                f"onset, apex and offset at {tuple(self)} of {length} frames: give positions in this order"
            )
        return self

    def moved(self, by: NDArray[np.integer], length: int) -> Marks:
        """Each moved by so many frames, (3,), as far as there are frames and the order stays."""
        onset, apex, offset = (int(at + step) for at, step in zip(self, by, strict=True))
        onset = min(max(onset, 0), self.apex)
        offset = max(min(offset, length - 1), self.apex)
        return Marks(onset, min(max(apex, onset), offset), offset)


def split_transitions(rise: int, fall: int) -> tuple[int, int]:
    """How many of the eight frames lie between onset and apex, and how many between apex and offset.

    In proportion to the two durations, halves up; a phase that lasts gets one at least, and one that does not
    gets none.

    Parameters
    ----------
    rise, fall : int
        Frames from onset to apex and from apex to offset, 0 or more.

    Examples
    --------
    >>> [split_transitions(*phases) for phases in ((10, 10), (1, 3), (13, 27), (1, 99), (0, 5), (5, 0))]
    [(4, 4), (2, 6), (3, 5), (1, 7), (0, 8), (8, 0)]
    """
    if rise + fall == 0:
        return TRANSITIONS // 2, TRANSITIONS // 2
    first = (2 * TRANSITIONS * rise + rise + fall) // (2 * (rise + fall))
    if rise and fall:
        first = min(max(first, 1), TRANSITIONS - 1)
    return first, TRANSITIONS - first


def key_times(marks: Marks) -> NDArray[np.float64]:
    """Where the key frames lie, counted in frames like the marks.

    Returns
    -------
    float64 array, shape (11,)
        Does not go back; onset first, offset last, the apex behind the frames of the rise.

    Examples
    --------
    >>> key_times(Marks(0, 10, 20)).tolist()
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0]
    """
    first, second = split_transitions(marks.apex - marks.onset, marks.offset - marks.apex)
    return np.concatenate(
        [
            np.linspace(marks.onset, marks.apex, first + 2),
            np.linspace(marks.apex, marks.offset, second + 2)[1:],
        ]
    )


def apex_index(marks: Marks) -> int:
    """Which of the key frames is the apex."""
    return split_transitions(marks.apex - marks.onset, marks.offset - marks.apex)[0] + 1


def recorded(frames: NDArray[np.uint8], marks: Marks) -> NDArray[np.uint8]:
    """Key frames (11, H, W) that are recorded ones, the nearest; of two equally near the earlier.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)
    marks : Marks
    """
    return frames[recorded_places(marks.checked(len(frames)))]


def recorded_places(marks: Marks) -> NDArray[np.intp]:
    """Where the recorded frames nearest to the key frames lie, (11,)."""
    # Less a little, as a half may be off by rounding.
    return np.ceil(key_times(marks) - 0.5 - 1e-9).astype(np.intp)


def blended(frames: NDArray[np.uint8], marks: Marks) -> NDArray[np.uint8]:
    """Key frames (11, H, W) that are blends of the two recorded frames around each time.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)
    marks : Marks
    """
    # It loads OpenCV, which a list of methods must do without.
    from merkit.motion.interpolate import round_to_uint8

    times = key_times(marks.checked(len(frames)))
    before = np.floor(times + 1e-9).astype(np.intp)
    after = np.minimum(before + 1, len(frames) - 1)
    share = np.clip(times - before, 0.0, 1.0).reshape(-1, *[1] * (frames.ndim - 1))
    return round_to_uint8((1 - share) * frames[before] + share * frames[after])


def synthesised(
    frames: NDArray[np.uint8],
    marks: Marks,
    between: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]],
) -> NDArray[np.uint8]:
    """Key frames (11, H, W) that are made of onset, apex and offset alone, by halving again and again.

    A phase with n frames is halved until there are 2^k > n parts, and of the frames at those borders the
    nearest to each of n evenly spread times is taken.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)
    marks : Marks
    between : callable
        The frame halfway between two, (H, W) with values from 0 to 1.
    """
    onset, apex, offset = (frames[at] for at in marks.checked(len(frames)))
    if marks.onset == marks.offset:
        return np.repeat(onset[None], COUNT, axis=0)
    first, second = split_transitions(marks.apex - marks.onset, marks.offset - marks.apex)
    made = [
        onset,
        *_between(onset, apex, first, between),
        apex,
        *_between(apex, offset, second, between),
        offset,
    ]
    return np.stack(made)


def dyadic_fractions(count: int) -> tuple[NDArray[np.intp], int]:
    """Which of the borders of 2^k parts are nearest to `count` evenly spread times, and 2^k.

    Examples
    --------
    >>> [(at.tolist(), parts) for at, parts in map(dyadic_fractions, (1, 2, 4))]
    [([1], 2), ([1, 3], 4), ([2, 3, 5, 6], 8)]
    """
    parts = 1 << count.bit_length()
    return np.floor(np.arange(1, count + 1) * parts / (count + 1) + 0.5).astype(np.intp), parts


def _between(
    start: NDArray[np.uint8],
    end: NDArray[np.uint8],
    count: int,
    between: Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]],
) -> list[NDArray[np.uint8]]:
    from merkit.motion.interpolate import round_to_uint8

    wanted, parts = dyadic_fractions(count)
    known: dict[int, NDArray[np.float32]] = {
        place: frame.astype(np.float32) / np.float32(255) for place, frame in ((0, start), (parts, end))
    }

    def at(place: int) -> NDArray[np.float32]:
        if place not in known:
            # The lowest bit tells at which halving this border comes up.
            step = place & -place
            known[place] = between(at(place - step), at(place + step))
        return known[place]

    return [round_to_uint8(255 * at(int(place))) for place in wanted]
