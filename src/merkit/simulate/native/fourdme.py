"""The native layout of 4DME, grey video."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.sheets import Rows

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 23, 24, 25, 28, 38, 45)
EMOTIONS = ("Positive", "Negative", "Surprise", "Repression", "Others")

_ROWS = 267


class FourDme(Layout):
    """4DME (2022).

    Variants: ``micro`` the table of micro-expressions, ``apostrophe`` an early one whose column names
    end in an apostrophe, ``macro`` the table of micro- and macro-expressions with other columns.
    """

    name = "4dme"
    fps = 60.0
    grey = True
    variants = ("micro", "apostrophe", "macro")
    subjects = ("01", "02", "03", "10")
    emotions = (
        ("Positive", "AU6+AU12"),
        ("Negative", "AU4"),
        ("Surprise+Positive", "AU1+AU2+AU12"),
        ("Repression", "AU14+AU15"),
        ("Others", "AU4(k)+AU7"),
        ("Surprise", "AU1+AU2"),
    )

    @property
    def table(self) -> str:
        if self.variant == "macro":
            return "Micro and Macro-expression labels.xlsx"
        return "4DME_Labelling_Micro_release v1.xlsx"

    def title(self, subject: str, emotion: str, number: int) -> str:
        return f"{subject}_video{number}_1"

    def start(self, rng: np.random.Generator) -> int:
        return int(rng.integers(100, 9000))

    def invent(self, n: int, rng: np.random.Generator) -> list[NativeClip]:
        """Make up clips; a table of the full 267 has the faults of the real one."""
        clips = super().invent(n, rng)
        if n == _ROWS:
            # Frame 2490 is the right apex; what the table has instead is not known.
            clips[26] = replace(clips[26], onset=2484, apex=249, offset=2497, first=2480, last=2501)
            above, below = clips[144:146]
            clips[144], clips[145] = replace(above, aus=below.aus), replace(below, aus=above.aus)
        return clips

    def folder(self, clip: NativeClip) -> str:
        return f"gray_micro/{clip.subject}/{clip.name}"

    def file(self, clip: NativeClip, number: int) -> str:
        return f"Frame_{number:09d}.jpg"

    def sheets(self, clips: Sequence[NativeClip]) -> dict[str, Rows]:
        if self.variant == "macro":
            return {"Sheet1": self._with_macro(clips)}
        head = ["sub_ID", "fold_name", "Emotion", "Onset", "Apex", "Offset", "AUs"]
        head += [f"AU{unit}" for unit in UNITS] + ["eye blink", *EMOTIONS, "Total"]
        rows: Rows = [[name + "'" if self.variant == "apostrophe" else name for name in head]]
        for clip in clips:
            present = {int(unit) for unit in re.findall(r"\d+", clip.aus)}
            flags = [int(unit in present) for unit in UNITS]
            felt = [int(emotion in clip.emotion.split("+")) for emotion in EMOTIONS]
            marks = [clip.onset, clip.apex, clip.offset]
            about = [clip.subject, clip.name, clip.emotion, *marks, clip.aus]
            rows.append([*about, *flags, 0, *felt, sum(felt)])
        return {"Sheet1": rows}

    def _with_macro(self, clips: Sequence[NativeClip]) -> Rows:
        head = ["SubID", "VideoNo", "longclipNo", "MENo", "fold_name", "Onset", "Apex", "Offset"]
        rows: Rows = [[*head, "AUs", "Emotion"]]
        seen: Counter[str] = Counter()
        for clip in clips:
            seen[clip.subject] += 1
            number = seen[clip.subject]
            marks = [clip.onset, clip.apex, clip.offset]
            rows.append([clip.subject, number, 1, 1, clip.name, *marks, clip.aus, clip.emotion])
        return rows
