"""The native layouts of CAS(ME)^3, parts A and C: colour and depth side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.sheets import Rows


class Casme3A(Layout):
    """CAS(ME)^3 part A: one folder a video, several events in it; all cells are text."""

    name = "casme3-a"
    fps = 30.0
    columns = ("Subject", "Filename", "Onset", "Apex", "Offset", "emotion", "AU")
    subjects = ("spNO.1", "spNO.10", "spNO.14", "spNO.149", "spNO.2")
    emotions = (
        ("disgust", "4"),
        ("surprise", "1+2"),
        ("others", "R12"),
        ("Others", "38"),
        ("fear", "T28+14"),
        ("happy", "12"),
    )

    @property
    def table(self) -> str:
        return "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"

    def title(self, subject: str, emotion: str, number: int) -> str:
        # Two events a video, and one capital where the folder has a small letter.
        letter = "abcdefghijklm"[(number - 1) // 2 % 13]
        return letter.upper() if subject == "spNO.14" else letter

    def finish(self, clip: NativeClip, place: int) -> NativeClip:
        return replace(clip, more={"objective_class": ("VII", "III", "II")[place % 3]})

    def folder(self, clip: NativeClip) -> str:
        return f"part_A/data/part_A_split/part_A/{clip.subject}/{clip.name.lower()}/color"

    def beside(self, folder: str) -> dict[str, str]:
        return {folder.removesuffix("color") + "depth": ".png"}

    def file(self, clip: NativeClip, number: int) -> str:
        return f"{number}.jpg"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        rows: Rows = [["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]]
        for clip in clips:
            marks = ["" if mark is None else str(mark) for mark in (clip.onset, clip.apex, clip.offset)]
            rows.append(
                [clip.subject, clip.name, *marks, clip.aus, clip.more["objective_class"], clip.emotion]
            )
        return {"label": rows, "Sheet1": [], "Sheet3": []}

    def known(self, clip: NativeClip, row: Mapping[str, str]) -> NativeClip:
        return replace(clip, more={"objective_class": row["Objective class"]})


class Casme3C(Layout):
    """CAS(ME)^3 part C: no apex, units separated by commas, one video a person.

    Where its frames lie is known from public scripts only: ``RGB_Depth/part_C/part_C/01/a/color``.
    """

    name = "casme3-c"
    fps = 30.0
    subjects = ("1", "2", "3", "12")
    emotions = (("negative", "4,7"), ("positive", "6，12"), ("surprise", "1,2"))

    @property
    def table(self) -> str:
        return "CAS(ME)3_part_C_ME.xlsx"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return str(number)

    def folder(self, clip: NativeClip) -> str:
        return f"RGB_Depth/part_C/part_C/{int(clip.subject):02d}/a/color"

    def beside(self, folder: str) -> dict[str, str]:
        return {folder.removesuffix("color") + "depth": ".png"}

    def file(self, clip: NativeClip, number: int) -> str:
        return f"{number}.jpg"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        rows: Rows = [["sub", "count", "onset", "offset", "au", "emotion", "PHY"]]
        for clip in clips:
            event = [int(clip.subject), int(clip.name), clip.onset, clip.offset]
            rows.append([*event, clip.aus, clip.emotion, f"{clip.subject}_{clip.name}"])
        return {"Sheet1": rows}
