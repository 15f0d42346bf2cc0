"""The native layouts of SMIC: three cameras, and the long high-speed recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.sheets import Rows

_SHORT = {"negative": "ne", "positive": "po", "surprise": "sur"}


LOST = {"s18_sur_03": -1, "s3_po_08": 2, "s3_sur_01": 1, "s3_sur_05": 1, "s3_ne_16": 1}
"""How many frames of a clip the cropped set lacks; -1 for all."""


class SmicHs(Layout):
    """SMIC, 100 fps camera: the class is the folder, frame numbers count the camera.

    Variants: as its owners hand it out, without a table; and ``marked``, with one that circulates.
    """

    name = "smic-hs"
    fps = 100.0
    columns = ("Subject", "Filename", "OnsetFrame", "", "OffsetFrame", "Estimated Emotion", "")
    has_cropped = True
    variants: ClassVar[tuple[str, ...]] = ("", "marked")
    coded = False
    context = False
    suffix = ".bmp"
    largest = 99
    camera = "HS"
    digits = 6
    subjects: ClassVar[tuple[str, ...]] = ("1", "2", "3", "4", "5", "6", "8", "9", "11", "12")
    emotions = (("negative", ""), ("positive", ""), ("surprise", ""))

    @property
    def table(self) -> str:
        return "SMIC_HS_onset_apex_offset.csv" if self.variant == "marked" else ""

    def person_id(self, subject: str) -> str:
        return f"s{int(subject):02d}"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"s{subject}_{_SHORT[emotion]}_{number:02d}"

    def start(self, rng: np.random.Generator) -> int:
        # Numbers of five digits get a zero before them, longer ones occur.
        return int(rng.choice([61250, 559740, 1763111, 17763111])) + int(rng.integers(0, 500))

    def finish(self, clip: NativeClip, place: int) -> NativeClip:
        # A clip is the micro-expression and nothing else.
        return replace(clip, first=clip.onset or 1, last=clip.offset or 1)

    def folder(self, clip: NativeClip) -> str:
        top = "SMIC_all_cropped" if self.cropped else "SMIC_all_raw"
        return f"{top}/{self.camera}/s{int(clip.subject)}/micro/{clip.emotion}/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"{'reg_' if self.cropped else ''}image{number:0{self.digits}d}{self.suffix}"

    def there(self, clip: NativeClip, numbers: list[int]) -> list[int]:
        lost = LOST.get(clip.name, 0) if self.cropped and self.camera == "HS" else 0
        # Which frames they are is not known; those in the middle leave onset and offset in place.
        middle = len(numbers) // 2
        return [] if lost < 0 else numbers[:middle] + numbers[middle + lost :]

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        labels = ("positive", "negative", "surprise")
        rows: Rows = []
        for clip in clips:
            person = self.person_id(clip.subject)
            name = f"{person}{clip.name[clip.name.index('_') :]}"
            marks = [clip.onset, clip.apex, clip.offset]
            rows.append([person, name, *marks, 1 + labels.index(clip.emotion)])
        return {"SMIC_HS": rows}

    def known(self, clip: NativeClip, row: Mapping[str, str]) -> NativeClip:
        return self.finish(clip, 0)


class SmicVis(SmicHs):
    """SMIC, 25 fps colour camera."""

    name = "smic-vis"
    fps = 25.0
    variants = ("",)
    camera = "VIS"
    digits = 4
    subjects = ("11", "12", "13", "14", "15", "18", "19", "20")

    def start(self, rng: np.random.Generator) -> int:
        return int(rng.integers(100, 30000))


class SmicNir(SmicVis):
    """SMIC, 25 fps near-infrared camera."""

    name = "smic-nir"
    camera = "NIR"
    grey = True


class SmicHsLong(Layout):
    """SMIC-HS-E: the recordings around the clips; folders of subjects padded, clips not."""

    name = "smic-hs-long"
    fps = 100.0
    columns = ("subject", "clip", "onset_frame", "apex_frame", "offset_frame", "label", "")
    subjects = SmicHs.subjects
    emotions = SmicHs.emotions
    absent = frozenset({"s3_ne_03", "s3_ne_20", "s4_ne_05", "s4_ne_06", "s9_sur_02"})
    """Clips of the real table that have no folder."""

    @property
    def table(self) -> str:
        return "HS_long/SMIC-HS-E_annotation_2019.xlsx"

    def title(self, subject: str, emotion: str, number: int) -> str:
        # Numbers from 31 on, so that no invented clip is one of those that do not exist.
        return f"s{subject}_{_SHORT[emotion]}_{30 + number:02d}"

    def start(self, rng: np.random.Generator) -> int:
        return int(rng.integers(100000, 900000))

    def folder(self, clip: NativeClip) -> str:
        if clip.name in self.absent:
            return ""
        return f"HS_long/SMIC_HS_E/s{int(clip.subject):02d}/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"image{number:06d}.jpg"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        head = [
            "Subject",
            "Filename",
            "OnsetF",
            "OffsetF",
            "TotalMF1",
            "Emotion",
            "FirstF",
            "LastF",
            "TotalVL",
        ]
        further = [f"{part}{n}{end}" for n in (2, 3) for part, end in (("Onset", "F"), ("Offset", "F"))]
        further[2:2], further[5:5] = ["TotalMF2"], ["TotalMF3"]
        rows: Rows = [[*head, *further]]
        for clip in clips:
            length = (clip.offset or 0) - (clip.onset or 0) + 1
            video = [clip.first, clip.last, clip.last - clip.first + 1]
            marks = [clip.onset, clip.offset, length]
            rows.append([int(clip.subject), clip.name, *marks, clip.emotion, *video, *[None] * 6])
        return {"Sheet1": rows}

    def known(self, clip: NativeClip, row: Mapping[str, str]) -> NativeClip:
        return replace(clip, emotion=("negative", "positive", "surprise")[int(clip.emotion)])
