"""What a native layout has to say: its table, its folders, the names of its files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from merkit.errors import ConfigError
from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.sheets import Rows, read_rows, records, whole


class Layout(ABC):
    """The form in which one dataset arrives from its owners.

    Parameters
    ----------
    variant : str
        One of ``variants``; the first when empty.
    cropped : bool
        Whether to write the owners' cropped faces instead of the raw frames.
    """

    name: ClassVar[str]
    fps: ClassVar[float]
    variants: ClassVar[tuple[str, ...]] = ("",)
    has_cropped: ClassVar[bool] = False
    grey: ClassVar[bool] = False
    suffix: str = ".jpg"
    """Format of the frames."""
    missing_apex: ClassVar[str] = ""
    """What stands in the table where there is no apex."""
    subjects: ClassVar[tuple[str, ...]]
    emotions: ClassVar[tuple[tuple[str, str], ...]]
    """Emotions with action units that go with them, for invented clips."""

    def __init__(self, variant: str = "", cropped: bool = False) -> None:
        if variant and variant not in self.variants:
            known = ", ".join(repr(v) for v in self.variants)
            raise ConfigError(f"variant={variant!r}: {self.name} has {known}")
        if cropped and not self.has_cropped:
            raise ConfigError(f"cropped=True: {self.name} comes without cropped faces")
        self.variant = variant or self.variants[0]
        self.cropped = cropped

    @abstractmethod
    def title(self, subject: str, emotion: str, number: int) -> str:
        """Name an invented clip: the ``number``-th of this subject (from 1)."""

    @abstractmethod
    def folder(self, clip: NativeClip) -> str:
        """Where the frames of a clip lie, relative to the root."""

    @abstractmethod
    def file(self, clip: NativeClip, number: int) -> str:
        """Name of the file of one frame."""

    @property
    def table(self) -> str:
        """Where the table lies, relative to the root; empty for layouts without one."""
        return ""

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        """Write clips the way the table of this dataset has them."""
        raise ConfigError(f"{self.name} has no annotation table")

    columns: ClassVar[tuple[str, ...]] = ()
    """Headings of a real table, for subject, name, onset, apex, offset, emotion and units; empty where
    it has no such column."""
    header: ClassVar[int] = 0
    """Lines above its headings."""

    def read(self, table: Path) -> list[NativeClip]:
        """Take the clips from a real table of this dataset."""
        if not self.columns:
            raise ConfigError(f"{self.name}: no real table of this dataset can be used here")
        return [self.known(self._clip(row), row) for row in records(read_rows(table), self.header)]

    def known(self, clip: NativeClip, row: Mapping[str, str]) -> NativeClip:
        """Add what only the tables of this dataset say of a clip."""
        return clip

    def _clip(self, row: Mapping[str, str]) -> NativeClip:
        subject, name, onset, apex, offset, emotion, units = (row.get(key, "") for key in self.columns)
        return NativeClip(
            subject, name, whole(onset), whole(apex), whole(offset), emotion, units, fps=self.fps
        )

    def beside(self, folder: str) -> dict[str, str]:
        """Further folders that hold the same frame numbers, with the suffix of their files."""
        return {}

    def there(self, clip: NativeClip, numbers: list[int]) -> list[int]:
        """Leave out the frames that are not in the owners' release either."""
        return numbers

    def invent(self, n: int, rng: np.random.Generator) -> list[NativeClip]:
        """Make up ``n`` clips of at least two people where there are two clips."""
        people = self.subjects[: max(2, n // 3)]
        seen: Counter[str] = Counter()
        made = []
        for place in range(n):
            subject = people[place * len(people) // n]
            emotion, aus = self.emotions[place % len(self.emotions)]
            seen[subject] += 1
            onset = self.start(rng)
            apex = onset + int(rng.integers(5, 10))
            offset = apex + int(rng.integers(5, 10))
            first = max(onset - 4, self.lowest)
            title = self.title(subject, emotion, seen[subject])
            clip = NativeClip(subject, title, onset, apex, offset, emotion, aus, self.fps, first, offset + 4)
            made.append(self.finish(clip, place))
        return made

    lowest: ClassVar[int] = 1
    """The lowest frame number that occurs."""
    context: ClassVar[bool] = True
    """Whether folders hold more frames than those from onset to offset."""
    coded: ClassVar[bool] = True
    """Whether apex and action units are annotated."""
    objective: ClassVar[bool] = False
    """Whether the objective class is in the table."""
    long: bool = False
    """Whether a folder holds a whole video with several events."""
    largest: ClassVar[int] = 999
    """The largest number that a person can have."""

    def people(self, n: int) -> list[str]:
        """Name ``n`` people: those of the dataset, then further numbers.

        Raises
        ------
        ConfigError
            If the dataset has no names for so many.
        """
        letters = self.subjects[-1].rstrip("0123456789")
        digits = self.subjects[-1].removeprefix(letters)
        most = len(self.subjects) + self.largest - int(digits)
        if not 1 <= n <= most:
            raise ConfigError(f"subjects: {n} is outside 1 to {most}, for which {self.name} has names")
        further = range(int(digits) + 1, int(digits) + 1 + n - len(self.subjects))
        return [*self.subjects[:n], *(f"{letters}{number:0{len(digits)}d}" for number in further)]

    def video(self, subject: str, number: int) -> str:
        """Name the ``number``-th long video of a person (from 1); its events are ``<video>_<number>``."""
        raise ConfigError(f"{self.name} holds clips and no long videos")

    def clip_id(self, clip: NativeClip) -> str:
        """Return the id that merkit's reader gives a clip."""
        return clip.name

    def person_id(self, subject: str) -> str:
        """Return the subject as merkit's reader names it."""
        return subject

    def annotate(self, clip: NativeClip, kind: str) -> NativeClip:
        """Say whether a clip is a ``micro`` or ``macro`` expression, where the table does."""
        return clip

    def start(self, rng: np.random.Generator) -> int:
        """Draw an onset."""
        return int(rng.integers(20, 90))

    def finish(self, clip: NativeClip, place: int) -> NativeClip:
        """Add what only this dataset knows to the clip at a place of the table."""
        return clip
