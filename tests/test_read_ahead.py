"""Reading ahead: the same frames in the same order, errors in their turn, and an end when it is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from merkit.errors import VideoError
from merkit.video import Frame, read_ahead
from merkit.video.frame import Pixels


class Plain:
    """A picture that notes in which thread it was made grey."""

    def __init__(self) -> None:
        self.made_by = 0

    def to_rgb(self) -> Pixels:
        return np.zeros((4, 4, 3), np.uint8)

    def to_gray(self) -> Pixels:
        self.made_by = threading.get_ident()
        return np.zeros((4, 4), np.uint8)


def frames(n: int, read: list[int], broken: int | None = None) -> Iterator[Frame]:
    for i in range(n):
        if i == broken:
            raise VideoError("the disk went away")
        read.append(i)
        yield Frame(i, i / 30, 4, 4, Plain())


@pytest.mark.parametrize("n", [0, 1, 3, 20])
def test_the_same_frames_come_in_the_same_order(n: int) -> None:
    assert [frame.index for frame in read_ahead(frames(n, []))] == list(range(n))


def test_they_are_made_grey_elsewhere() -> None:
    for frame in read_ahead(frames(3, [])):
        picture = frame._picture
        assert isinstance(picture, Plain)
        assert picture.made_by not in (0, threading.get_ident())


def test_an_error_comes_in_its_turn() -> None:
    ahead = read_ahead(frames(20, [], broken=7))
    assert [next(ahead).index for _ in range(7)] == list(range(7))
    with pytest.raises(VideoError, match="the disk went away"):
        next(ahead)


def test_left_early_it_reads_no_further() -> None:
    read: list[int] = []
    before = threading.active_count()
    ahead = read_ahead(frames(1000, read), depth=4)
    for frame in ahead:
        if frame.index == 10:
            break
    ahead.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert len(read) <= 10 + 1 + 4 + 1
