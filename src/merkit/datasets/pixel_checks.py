"""A look into the frames of a clip: damaged ones, other sizes, exchanged ones, repeated ones.

Faces move smoothly.  A frame that has changed places with another one differs from both its neighbours
by more than these differ from each other, and the exchange back makes the whole clip smoother.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from merkit.clips import Clip
from merkit.datasets.frame_checks import Finding, Listing, ranges

_SIDE = 64
"""Frames are compared at about this size: enough for motion, and fast to decode."""
_LEFT, _LEFT_END = 0.6, 0.4
"""An exchange is believed when it leaves less than this share of the roughness around its frames; less
at an end of the clip, where a single odd frame would lose half of its roughness."""
_SURE = 4.0
"""How many times the scatter of the differences between neighbours a change must exceed."""
_VISIBLE = 0.15
"""And how large it must be, as a share of the usual difference between neighbours."""
# Mean squared difference below which two frames are noise apart, in squared grey levels.
_FLOOR = 0.02


def check_pixels(clip: Clip, row: int | None, listing: Listing) -> Iterator[Finding]:
    """Look into the frames from one before onset to one behind offset.

    Parameters
    ----------
    clip : Clip
    row : int or None
        Its row in the annotation table, for the findings.
    listing : Listing
        The images of its folder.
    """
    start = min(listing.files) if clip.onset is None else clip.onset
    stop = max(listing.files) if clip.offset is None else clip.offset
    numbers = [number for number in sorted(listing.files) if start - 1 <= number <= stop + 1]
    frames: list[NDArray[np.float32]] = []
    kept: list[int] = []
    shapes: list[tuple[int, int]] = []
    for number in numbers:
        path = listing.path(number)
        try:
            frame, shape = _small(path)
        except (OSError, ValueError, SyntaxError) as error:
            reason = " ".join(str(error).split())
            yield Finding("damaged frame", "fault", clip.id, f"{path.name} cannot be read: {reason}", row)
            continue
        if shapes and shape != shapes[0]:
            (w0, h0), (w, h) = shapes[0], shape
            text = f"{path.name} has {w}x{h} pixels, the frames before it {w0}x{h0}"
            yield Finding("odd size", "fault", clip.id, text, row)
            continue
        shapes.append(shape)
        frames.append(frame)
        kept.append(number)
    if len(frames) >= 4:
        yield from _check_order(clip, row, np.stack(frames), kept)


def exchanged(frames: NDArray[np.float32]) -> tuple[list[tuple[int, int]], list[int]]:
    """Find exchanged frames.

    Frames that look alike, such as two of a still face, cannot be told apart by anybody.

    Parameters
    ----------
    frames : (T, H, W) float32
        Small grey pictures.

    Returns
    -------
    pairs : list of (int, int)
        Positions whose exchange makes the clip smoother.
    odd : list of int
        Other positions that fit neither neighbour.
    """
    flat = frames.reshape(len(frames), -1).astype(np.float64)
    n = len(flat)

    def apart(a: int, b: int) -> float:
        return float(((flat[a] - flat[b]) ** 2).mean()) + _FLOOR

    step = np.array([apart(place, place + 1) for place in range(n - 1)])
    turns = np.abs(np.diff(step))
    # A quarter of the turns is small even where an exchange has disturbed half of a short clip; a normal
    # scatter is 3.14 times as large.
    scatter = 3.14 * float(np.quantile(turns, 0.25))
    certain = max(_SURE * scatter, _VISIBLE * float(np.median(step)))
    odd = [
        place
        for place in range(1, n - 1)
        if min(step[place - 1], step[place]) - apart(place - 1, place + 1) > certain
    ]
    near = [(place, place + 1) for place in range(n - 1)]
    # An end of the clip has one neighbour, so it is only ever the second half of a pair.
    candidates = sorted({*odd, *((0, n - 1) if odd else ())})
    far = [(a, b) for place, a in enumerate(candidates) for b in candidates[place + 1 :] if b > a + 1]
    # Noise makes every two frames differ; what an exchange can change lies above that.
    quiet = 0.9 * float(step.min())
    judged = []
    for pair in {*near, *far}:
        before, after = _roughness(pair, n, apart, quiet)
        bound = _LEFT_END if pair[0] == 0 or pair[1] == n - 1 else _LEFT
        if before - after > 2 * certain and after < bound * before:
            judged.append((after / before, pair))
    pairs: list[tuple[int, int]] = []
    used: set[int] = set()
    for _, pair in sorted(judged):
        around = {place + side for place in pair for side in (-1, 0, 1)}
        if not used & around:
            pairs.append(pair)
            used |= around
    return sorted(pairs), [place for place in odd if place not in used]


def _roughness(
    pair: tuple[int, int], n: int, apart: Callable[[int, int], float], quiet: float
) -> tuple[float, float]:
    """Differences between neighbours at two frames, as they are and after an exchange."""
    order = list(range(n))
    order[pair[0]], order[pair[1]] = pair[1], pair[0]
    edges = {edge for place in pair for edge in (place - 1, place) if 0 <= edge < n - 1}
    before = sum(apart(edge, edge + 1) - quiet for edge in edges)
    after = sum(apart(order[edge], order[edge + 1]) - quiet for edge in edges)
    return before, after


def _check_order(
    clip: Clip, row: int | None, frames: NDArray[np.float32], numbers: list[int]
) -> Iterator[Finding]:
    pairs, odd = exchanged(frames)
    for a, b in pairs:
        text = f"frames {numbers[a]} and {numbers[b]} look exchanged"
        yield Finding("swapped frames", "fault", clip.id, text, row)
    if odd:
        text = f"frames unlike those around them: {ranges([numbers[place] for place in odd])}"
        yield Finding("odd frames", "note", clip.id, text, row)
    still = np.flatnonzero((frames[1:] == frames[:-1]).all(axis=(1, 2))) + 1
    if len(still):
        text = f"frames that repeat the one before: {ranges([numbers[place] for place in still])}"
        yield Finding("repeated frames", "note", clip.id, text, row)


def _small(path: Path) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Read a picture in grey at about 64 pixels a side, and its true (width, height)."""
    with Image.open(path) as image:
        shape = image.size
        # JPEG files can be decoded at an eighth of their size, which is what makes this bearable.
        image.draft("L", (_SIDE, _SIDE))
        grey = image.convert("L")
        factor = max(1, min(grey.size) // _SIDE)
        return np.asarray(grey.reduce(factor), np.float32), shape
