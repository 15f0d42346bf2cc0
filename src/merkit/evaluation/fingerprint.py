"""What a clip holds, as a hash: the same clip under two names, and whether data have changed."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip

_LEAST_VALUES = 64  # an array of fewer values can be equal by chance


def fingerprint(clip: Clip) -> str | None:
    """Hash of the content of a clip, whatever its name, subject, label and frame numbers.

    Of a clip with precomputed features, these; otherwise the first, the middle and the last frame and
    their number.  Three frames are enough to recognise a copy and few enough for thousands of clips.

    Returns
    -------
    str or None
        SHA-256 in hexadecimal; ``None`` where the content tells nothing (constant or tiny arrays).

    Raises
    ------
    DataError
        If the frames are needed and cannot be read.
    """
    if clip.features:
        named = [(name, np.asarray(clip.features[name])) for name in sorted(clip.features)]
    else:
        first = 0 if clip.onset is None else clip.index(clip.onset)
        last = len(clip.source) - 1 if clip.offset is None else clip.index(clip.offset)
        named = [
            (f"{last - first + 1}/{at}", clip.source.read(place, place + 1))
            for at, place in enumerate((first, (first + last) // 2, last))
        ]
    if not any(_tells(array) for _, array in named):
        return None
    sha = hashlib.sha256()
    for name, array in named:
        sha.update(f"{name} {array.dtype} {array.shape}\0".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    return sha.hexdigest()


def twins(prints: Sequence[str | None]) -> list[list[int]]:
    """Rows that hold the same content, one list for each content that occurs more than once.

    Examples
    --------
    >>> twins(["a", None, "b", "a", None])
    [[0, 3]]
    """
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, value in enumerate(prints):
        if value is not None:
            rows[value].append(row)
    return [found for found in rows.values() if len(found) > 1]


def digest(lines: Iterable[Sequence[object]]) -> str:
    """SHA-256 of rows of plain values, in their order.

    Examples
    --------
    >>> digest([("a", 1)]) == digest([("a", 1)]), digest([("a", 1)]) == digest([("a", 2)])
    (True, False)
    """
    sha = hashlib.sha256()
    for line in lines:
        sha.update("\0".join(map(str, line)).encode() + b"\n")
    return sha.hexdigest()


def _tells(array: NDArray[Any]) -> bool:
    return array.size >= _LEAST_VALUES and bool((array != array.flat[0]).any())
