"""The native layout of MMEW."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.sheets import Rows, number_or_text

CODES = {
    "happiness": "01",
    "surprise": "02",
    "disgust": "03",
    "others": "04",
    "fear": "05",
    "sadness": "06",
    "anger": "07",
}
"""The middle number of a clip's name for each class."""


class Mmew(Layout):
    """MMEW (2021).  Variants: ``classes`` with a folder a class, ``flat`` without."""

    name = "mmew"
    fps = 90.0
    columns = (
        *("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame"),
        *("Estimated Emotion", "Action Units"),
    )
    variants = ("classes", "flat")
    subjects = ("1", "2", "3", "4", "12")
    emotions = (
        ("happiness", "6+12"),
        ("surprise", "1+2"),
        ("disgust", "4+9"),
        ("others", "12L"),
        ("fear", "5"),
        ("sadness", "17"),
        ("anger", "4"),
    )

    @property
    def table(self) -> str:
        return "MMEW/MMEW_Micro_Exp.xlsx"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"S{int(subject):02d}-{CODES[emotion]}-{number:03d}"

    def start(self, rng: np.random.Generator) -> int:
        return 1

    def finish(self, clip: NativeClip, place: int) -> NativeClip:
        return replace(clip, last=clip.offset or 1)

    def folder(self, clip: NativeClip) -> str:
        middle = f"/{clip.emotion.lower()}" if self.variant == "classes" else ""
        return f"MMEW/Micro_Expression{middle}/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"{number}.jpg"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        head = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame"]
        rows: Rows = [[*head, "Action Units", "Estimated Emotion", "remarks"]]
        for clip in clips:
            marks = [clip.onset, clip.apex, clip.offset]
            units = number_or_text(clip.aus)
            rows.append([int(clip.subject), clip.name, *marks, units, clip.emotion, None])
        return {"Sheet1": rows}
