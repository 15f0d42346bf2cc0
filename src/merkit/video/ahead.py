"""Reading ahead: the next frames are decoded while one is worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from merkit.video.frame import Frame

AHEAD = 4


def read_ahead(frames: Iterator[Frame], depth: int = AHEAD) -> Iterator[Frame]:
    """Yield the same frames, of which the next ones are decoded to grey in a thread meanwhile.

    Parameters
    ----------
    frames : iterator of Frame
        Asked for frames in one thread at a time.
    depth : int
        How many frames are in memory beforehand.

    Raises
    ------
    Whatever `frames` raises, when its turn comes.
    """

    def decoded() -> Frame | None:
        frame = next(frames, None)
        if frame is not None:
            frame.gray  # noqa: B018  converted at the first look
        return frame

    pool = ThreadPoolExecutor(max_workers=1)
    try:
        coming = deque(pool.submit(decoded) for _ in range(depth))
        while (frame := coming.popleft().result()) is not None:
            coming.append(pool.submit(decoded))
            yield frame
    finally:
        pool.shutdown(cancel_futures=True)
