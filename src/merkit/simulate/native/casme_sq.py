"""The native layout of CAS(ME)^2: a table without header, two sheets that decode the folder names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from merkit.errors import ConfigError
from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.sheets import Rows, number_or_text, read_rows, whole

FOLDERS = (15, 16, 19, *range(20, 28), 29, *range(30, 39), 40)
"""Number of the folder of subjects 1 to 22."""
VIDEOS = {
    "disgust1": "0101disgustingteeth",
    "disgust2": "0102eatingworms",
    "anger1": "0401girlcrashing",
    "anger2": "0402beatingpregnantwoman",
    "happy1": "0502funnyerrors",
    "happy2": "0503unnyfarting",
    "happy3": "0505funnyinnovations",
    "happy4": "0507climbingthewall",
    "happy5": "0508funnydunkey",
}
"""Code and folder name of each film that was shown, typing errors included."""
_SHOWN = {"disgust": "disgust", "anger": "anger", "happy": "happiness"}
"""What a film is meant to make people feel."""


class CasmeSq(Layout):
    """CAS(ME)^2 (2017).

    Variants: ``rawpic`` whole videos, ``padded`` the same with three digits in the file names,
    ``selectedpic`` one folder an event; with ``cropped`` one folder an event under ``cropped``.
    """

    name = "casme-sq"
    fps = 30.0
    variants = ("rawpic", "padded", "selectedpic")
    has_cropped = True
    long = True
    largest = 22
    subjects = tuple(str(number) for number in range(1, 23))
    emotions = (
        ("negative", "4+10+14+15"),
        ("positive", "6+12"),
        ("others", "L14"),
        ("surprise", "1+2"),
    )

    @property
    def table(self) -> str:
        return "CAS(ME)^2code_final(Updated).xlsx"

    def title(self, subject: str, emotion: str, number: int) -> str:
        film = {"negative": "anger1", "positive": "happy1", "others": "disgust1", "surprise": "happy4"}
        return f"{film[emotion]}_{number}"

    def video(self, subject: str, number: int) -> str:
        if number > len(VIDEOS):
            raise ConfigError(f"clips: {number} videos a person; {self.name} has names for {len(VIDEOS)}")
        return list(VIDEOS)[number - 1]

    def person_id(self, subject: str) -> str:
        return f"s{FOLDERS[int(subject) - 1]}"

    def clip_id(self, clip: NativeClip) -> str:
        return f"{self.person_id(clip.subject)}_{clip.name}"

    def finish(self, clip: NativeClip, place: int) -> NativeClip:
        return self.annotate(clip, "macro" if place % 3 == 2 else "micro")

    def annotate(self, clip: NativeClip, kind: str) -> NativeClip:
        felt = _SHOWN[clip.name.rstrip("0123456789_")]
        return replace(clip, more={**clip.more, "type": f"{kind}-expression", "self-reported": felt})

    def folder(self, clip: NativeClip) -> str:
        number = FOLDERS[int(clip.subject) - 1]
        if self.cropped:
            return f"cropped/{number}/{clip.name}"
        if self.variant == "selectedpic":
            return f"selectedpic/s{number}/{clip.name}"
        return f"rawpic/s{number}/{number}_{VIDEOS[clip.name.rpartition('_')[0]]}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"img{number:03d}.jpg" if self.variant == "padded" else f"img{number}.jpg"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        rows: Rows = [
            [
                int(clip.subject),
                clip.name,
                clip.onset,
                clip.apex,
                0 if clip.offset is None else clip.offset,
                number_or_text(clip.aus),
                clip.emotion,
                clip.more["type"],
                clip.more["self-reported"],
            ]
            for clip in clips
        ]
        people: Rows = [[f"s{folder}", folder, place] for place, folder in enumerate(FOLDERS, 1)]
        films: Rows = [[100 + place, name, code[:4]] for place, (name, code) in enumerate(VIDEOS.items(), 1)]
        return {"CASFEcode_final": rows, "naming rule1": people, "naming rule2": films}

    def read(self, table: Path) -> list[NativeClip]:
        return [
            NativeClip(
                row[0],
                row[1],
                whole(row[2]),
                whole(row[3]),
                whole(row[4]),
                row[6],
                row[5],
                self.fps,
                more={"type": row[7], "self-reported": row[8]},
            )
            for row in read_rows(table)
            if row and row[0]
        ]
