"""The native layouts of CASME and CASME II."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.sheets import Rows, number_or_text

_ROWS = 189
_RIGHT = {40: (108, 120, 149), 42: (101, 110, 119), 43: (57, 65, 74)}
"""Onset, apex and offset that loaders put where the table of CASME is wrong."""


class Casme(Layout):
    """CASME (2013): two apex columns, and padding of file names that begins in row 92."""

    name = "casme"
    fps = 60.0
    has_cropped = True
    subjects = ("1", "2", "3", "4", "5", "6", "7")
    emotions = (
        ("tense", "4"),
        ("disgust", "9"),
        ("happiness", "12"),
        ("surprise", "1+2"),
        ("repression", "L14"),
    )

    @property
    def table(self) -> str:
        return "casme.xlsx"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"EP{number:02d}_{number}"

    def folder(self, clip: NativeClip) -> str:
        return f"{'Cropped' if self.cropped else 'CASME_raw_selected'}/sub{int(clip.subject):02d}/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        digits = 3 if int(clip.more["row"]) >= 92 else 1
        return f"{'reg_' if self.cropped else ''}{clip.name}-{number:0{digits}d}.jpg"

    def finish(self, clip: NativeClip, place: int) -> NativeClip:
        return replace(clip, more={"row": str(place)})

    def invent(self, n: int, rng: np.random.Generator) -> list[NativeClip]:
        """Make up clips; a table of the full 189 has the wrong numbers of the real one."""
        clips = super().invent(n, rng)
        if n == _ROWS:
            for row, (onset, apex, offset) in _RIGHT.items():
                # Onset and offset exchanged, as good as any wrong numbers; the frames are the right ones.
                clips[row] = replace(
                    clips[row], onset=offset, apex=apex, offset=onset, first=onset - 4, last=offset + 4
                )
        return clips

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        rows: Rows = [
            ["Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "AU", "Emotion"]
        ]
        for clip in clips:
            marks = [clip.onset, clip.apex, 0, clip.offset]
            rows.append(
                [int(clip.subject), clip.name, None, *marks, None, number_or_text(clip.aus), clip.emotion]
            )
        return {"Sheet1": rows}


class Casme2(Layout):
    """CASME II (2014).

    Variants: ``2019`` and ``2014`` with the blank columns of the original, ``2014-compact`` without
    them, ``updated`` with whole-number subjects.
    """

    name = "casme2"
    fps = 200.0
    columns = (
        *("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame"),
        *("Estimated Emotion", "Action Units"),
    )
    objective = True
    variants = ("2019", "2014", "2014-compact", "updated")
    has_cropped = True
    missing_apex = "/"
    subjects = tuple(f"{number:02d}" for number in range(1, 27))
    emotions = (
        ("happiness", "12"),
        ("disgust", "4+L10"),
        ("repression", "15"),
        ("surprise", "1+2"),
        ("others", "R14"),
        ("sadness", "17"),
    )
    _tables: ClassVar[dict[str, str]] = {
        "2019": "CASME2-coding-20190701.xlsx",
        "2014": "CASME2-coding-20140508.xlsx",
        "2014-compact": "CASME2-coding-20140508.compact.xlsx",
        "updated": "CASME2-coding-updated.xlsx",
    }

    @property
    def table(self) -> str:
        return self._tables[self.variant]

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"EP{number:02d}_{number:02d}f" if number % 2 else f"EP{number:02d}_{number}"

    def person_id(self, subject: str) -> str:
        return f"sub{int(subject):02d}"

    def clip_id(self, clip: NativeClip) -> str:
        return f"{self.person_id(clip.subject)}_{clip.name}"

    def folder(self, clip: NativeClip) -> str:
        top = "Cropped" if self.cropped else "CASME2_RAW_selected"
        return f"{top}/sub{int(clip.subject):02d}/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"{'reg_' if self.cropped else ''}img{number}.jpg"

    def there(self, clip: NativeClip, numbers: list[int]) -> list[int]:
        # Which frames the cropped set lacks is not known.
        lost = self.cropped and int(clip.subject) == 16 and clip.name == "EP01_08"
        return numbers[: len(numbers) // 2] if lost else numbers

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        gap: list[None] = [] if self.variant == "2014-compact" else [None]
        extra = ["Objective Classes"] if self.variant == "2019" else []
        head = ["OnsetFrame", "ApexFrame", "OffsetFrame"]
        rows: Rows = [["Subject", "Filename", *gap, *head, *gap, "Action Units", "Estimated Emotion", *extra]]
        for clip in clips:
            subject = int(clip.subject) if self.variant == "updated" else clip.subject
            apex = self.missing_apex if clip.apex is None else clip.apex
            marks = [clip.onset, apex, clip.offset]
            objective = [int(clip.more.get("objective_class", "7"))] if extra else []
            text = number_or_text(clip.aus)
            rows.append([subject, clip.name, *gap, *marks, *gap, text, clip.emotion, *objective])
        return {"Sheet1": rows, "Sheet2": [], "Sheet3": []}
