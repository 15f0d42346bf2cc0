"""One row of a native annotation table, before any reader has touched it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NativeClip:
    """What an annotation table says of one clip or event, with the frames that lie on the disk.

    ``subject`` and ``name`` are written as the dataset writes them.  Frame numbers are those of the
    table, faults included; ``None`` stands for an empty cell.  Frames ``first`` to ``last`` are in the
    folder, where it is written whole.  ``more`` holds what only this dataset knows.
    """

    subject: str
    name: str
    onset: int | None
    apex: int | None
    offset: int | None
    emotion: str = ""
    aus: str = ""
    fps: float = 0.0
    first: int = 0
    last: int = 0
    more: Mapping[str, str] = field(default_factory=dict, hash=False)

    def marked(self, lowest: int = 1, margin: int = 60) -> list[int]:
        """Frame numbers that a reader may ask for when only the marked frames are written.

        Onset, apex and offset where they are in order; everything between where there is no apex.  Where
        they are not in order, everything around the marks that agree with each other, since the right
        numbers must be somewhere there.  ``lowest`` is the lowest number that a frame can have.

        >>> NativeClip("1", "a", 46, 59, 86).marked()
        [46, 59, 86]
        >>> frames = NativeClip("1", "a", 4896, 1930, 4970).marked()
        >>> frames[0], frames[-1], len(frames)
        (4836, 5030, 195)
        """
        known = [mark for mark in (self.onset, self.apex, self.offset) if mark is not None]
        if self.onset is not None and known[0] >= lowest and known == sorted(known):
            if self.offset is None:
                return list(range(known[0], known[-1] + margin + 1))
            if self.apex is None:
                return list(range(known[0], known[-1] + 1))
            # An offset with a digit too many belongs somewhere behind the apex.
            around = range(known[1], known[1] + margin + 1) if known[2] - known[1] > 1000 else range(0)
            return sorted({*known, *around})
        sound = [mark for mark in known if mark >= lowest]
        near = [mark for mark in sound if any(0 < abs(mark - other) < 500 for other in sound)] or sound
        if not near:
            return []
        return list(range(max(lowest, min(near) - margin), max(near) + margin + 1))
