"""The native layout of DFME."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.sheets import Rows, number_or_text

EMOTIONS = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
"""In the order of their ``EmotionId``."""


class Dfme(Layout):
    """DFME (2023).

    Variants: ``train``, ``testA``, ``testB``, and ``challenge``, the training table with fewer columns.
    """

    name = "dfme"
    fps = 500.0
    columns = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "AU")
    variants = ("train", "testA", "testB", "challenge")
    lowest = 0
    suffix = ".png"
    subjects = tuple(f"sub{number:04d}" for number in (3, 4, 5, 17, 120))
    emotions = (
        ("anger", "23"),
        ("disgust", "4+7"),
        ("surprise", "1+2"),
        ("sadness", "L12"),
        ("fear", "AD38"),
        ("happiness", "6+12"),
        ("contempt", "M57"),
    )

    @property
    def table(self) -> str:
        if self.variant == "challenge":
            return "training.csv"
        return f"{'training' if self.variant == 'train' else self.variant}_full_with_AU.xlsx"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"{subject}_{number:02d}"

    def start(self, rng: np.random.Generator) -> int:
        return int(rng.choice([0, 34, 109]))

    def finish(self, clip: NativeClip, place: int) -> NativeClip:
        # One rate a person.
        rate = (500.0, 300.0, 200.0)[self.subjects.index(clip.subject) % 3]
        return replace(clip, fps=rate)

    def folder(self, clip: NativeClip) -> str:
        tops = {"testA": "test_data_A", "testB": "test_data_B"}
        return f"{tops.get(self.variant, 'DFME_train')}/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"{number}{self.suffix}"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        head = ["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion"]
        whole_table = self.variant != "challenge"
        rows: Rows = [[*head, *(["EmotionId", "Fps", "AU"] if whole_table else ["Fps"])]]
        for clip in clips:
            marks = [clip.onset, clip.apex, clip.offset]
            code = EMOTIONS.index(clip.emotion) if clip.emotion in EMOTIONS else 0
            rest = [code, int(clip.fps), number_or_text(clip.aus)] if whole_table else [int(clip.fps)]
            rows.append([clip.subject, clip.name, *marks, clip.emotion, *rest])
        return {"Sheet1": rows}

    def known(self, clip: NativeClip, row: Mapping[str, str]) -> NativeClip:
        return replace(clip, fps=float(row["Fps"]))
