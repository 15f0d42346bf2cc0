"""Forms of data without an owner: a manifest that lists clips, and one folder of images a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.sheets import Rows


class Manifest(Layout):
    """A csv file with one row a clip, and the folder of its frames.

    Variants: ``png`` and ``jpg``, by the format of the frames, and ``mp4``, where rows name video files in
    which several events may lie, and frames are counted from 0.
    """

    name = "manifest"
    fps = 100.0
    variants = ("png", "jpg", "mp4")
    objective = True
    subjects = ("p01", "p02", "p03", "p04")
    emotions = (("positive", "6+12"), ("negative", "4"), ("surprise", "1+2"))

    @property
    def table(self) -> str:
        return "manifest.csv"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"{subject}_{number}"

    def __init__(self, variant: str = "", cropped: bool = False) -> None:
        super().__init__(variant, cropped)
        self.suffix = f".{self.variant}"
        self.long = self.variant == "mp4"

    def video(self, subject: str, number: int) -> str:
        return f"{subject}_v{number}"

    def annotate(self, clip: NativeClip, kind: str) -> NativeClip:
        return replace(clip, more={**clip.more, "kind": kind})

    def folder(self, clip: NativeClip) -> str:
        return f"videos/{clip.name.rpartition('_')[0]}.mp4" if self.long else f"frames/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"{number:05d}{self.suffix}"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        further = sorted({key for clip in clips for key in clip.more})
        head = ["id", "path", "subject", "fps", "onset", "apex", "offset", "emotion", "aus"]
        rows: Rows = [[*head, *further]]
        for clip in clips:
            marks = [clip.onset, clip.apex, clip.offset]
            about = [clip.name, self.folder(clip), clip.subject, str(clip.fps)]
            more = [clip.more.get(key, "") for key in further]
            rows.append([*about, *marks, clip.emotion, clip.aus, *more])
        return {"manifest": rows}


class Folders(Layout):
    """A folder a class, in it a folder a clip named ``<subject>_<number>``; no table."""

    name = "folders"
    fps = 100.0
    subjects = Manifest.subjects
    emotions = Manifest.emotions
    suffix = ".png"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"{subject}_{number}"

    def finish(self, clip: NativeClip, place: int) -> NativeClip:
        return replace(clip, first=clip.onset or 1, last=clip.offset or 1)

    def folder(self, clip: NativeClip) -> str:
        return f"{clip.emotion}/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"{number:05d}{self.suffix}"
