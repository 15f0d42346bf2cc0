"""The native layouts of SAMM and SAMM Long Videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.sheets import Rows, number_or_text


class Samm(Layout):
    """SAMM (2016): thirteen lines of text over the header, padding that differs between clips."""

    name = "samm"
    fps = 200.0
    grey = True
    columns = (
        *("Subject", "Filename", "Onset Frame", "Apex Frame", "Offset Frame"),
        *("Estimated Emotion", "Action Units"),
    )
    header = 13
    objective = True
    subjects = ("006", "007", "009", "010", "011", "012", "013")
    emotions = (
        ("Anger", "4+7"),
        ("Happiness", "L12"),
        ("Surprise", "1+2"),
        ("Other", "A14C"),
        ("Contempt", "R14"),
    )

    @property
    def table(self) -> str:
        return "SAMM_Micro_FACS_Codes_v2.xlsx"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"{subject}_{1 + number % 3}_{number}"

    def start(self, rng: np.random.Generator) -> int:
        return int(rng.integers(150, 6000))

    def folder(self, clip: NativeClip) -> str:
        return f"SAMM/{clip.subject}/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        # Which clips have five digits follows no rule; both kinds must occur.
        digits = 5 if clip.name.split("_")[1] == "1" else 4
        return f"{clip.subject}_{number:0{digits}d}.jpg"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        lines: dict[int, list[str]] = {
            0: ["Generated in the layout of SAMM"],
            5: ["Symbol Key:"],
            6: ['"/" = or'],
            9: ["AU Help:"],
        }
        rows: Rows = [[*lines.get(number, [])] for number in range(13)]
        rows.append(
            [
                "Subject",
                "Filename",
                "Inducement Code",
                "Onset Frame",
                "Apex Frame",
                "Offset Frame",
                "Duration",
                "Micro",
                "Action Units",
                "Estimated Emotion",
                "Objective Classes",
                "Notes",
            ]
        )
        for clip in clips:
            marks = [clip.onset, clip.apex, clip.offset, (clip.offset or 0) - (clip.onset or 0) + 1]
            units = number_or_text(clip.aus)
            code = int(clip.name.split("_")[1])
            objective = int(clip.more.get("objective_class", "7"))
            rows.append(
                [clip.subject, clip.name, code, *marks, "Micro - 1/2", units, clip.emotion, objective, None]
            )
        return {"MICRO_ONLY": rows}


class SammLongVideos(Layout):
    """SAMM Long Videos: many events a video, macro-expressions among them.

    Variants: ``csv`` as tables circulate, ``xlsx`` as they come.
    """

    name = "samm-lv"
    fps = 200.0
    grey = True
    columns = ("Subject", "Filename", "Onset", "Apex", "Offset", "Type", "Action Units")
    header = 9
    long = True
    variants = ("csv", "xlsx")
    subjects = Samm.subjects
    emotions = (("Micro - 1/2", "4+7"), ("Macro", "4(B/C)+7B"), ("Micro - 1/2", "L12"), ("Macro", "14+24"))
    missing_apex = "-1"

    @property
    def table(self) -> str:
        return f"SAMM_LongVideos_V2_Release.{self.variant}"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"{self.video(subject, 1)}_{number}"

    def video(self, subject: str, number: int) -> str:
        return f"{subject}_{number}"

    def annotate(self, clip: NativeClip, kind: str) -> NativeClip:
        # Events have no emotion; the column says how long they last.
        return replace(clip, emotion="Macro" if kind == "macro" else "Micro - 1/2")

    def start(self, rng: np.random.Generator) -> int:
        return int(rng.integers(1, 1200))

    def folder(self, clip: NativeClip) -> str:
        return f"SAMM_longvideos/{clip.name.rpartition('_')[0]}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"{clip.name.rpartition('_')[0]}_{number:04d}.jpg"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        rows: Rows = [["Generated in the layout of SAMM Long Videos"], [], ["Symbol Key:"], *[[]] * 6]
        rows.append(
            [
                "Subject",
                "Filename",
                "Inducement Code",
                "Onset",
                "Apex",
                "Offset",
                "Duration",
                "Type",
                "Action Units",
                "Notes",
            ]
        )
        for clip in clips:
            apex = self.missing_apex if clip.apex is None else clip.apex
            marks = [clip.onset, apex, clip.offset, (clip.offset or 0) - (clip.onset or 0) + 1]
            code = int(clip.name.split("_")[1])
            rows.append([clip.subject, clip.name, code, *marks, clip.emotion, clip.aus, None])
        return {"Sheet1": rows}

    def known(self, clip: NativeClip, row: Mapping[str, str]) -> NativeClip:
        return replace(clip, apex=None) if clip.apex == -1 else clip
