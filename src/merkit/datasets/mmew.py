"""MMEW (2021), 90 fps: ``MMEW/Micro_Expression/happiness/S01-01-001/1.jpg`` and a table.

A clip's folder holds its frames from onset to offset, numbered from 1.
"""

from __future__ import annotations

import re
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import TableForm
from merkit.datasets.folders import FrameFolders, find_bases, holds
from merkit.datasets.registry import register
from merkit.datasets.rows import clip_table

FPS = 90.0
TABLE = TableForm(
    files=("MMEW_Micro_Exp*", "MMEW*Micro*", "MMEW*"),
    columns={
        "subject": "Subject",
        "filename": "Filename",
        "onset": "OnsetFrame",
        "apex": "ApexFrame",
        "offset": "OffsetFrame",
        "aus": "Action Units",
        "emotion": "Estimated Emotion|Emotion",
    },
    optional={"remarks": "remarks"},
)
CLASSES = {
    "01": "happiness",
    "02": "surprise",
    "03": "disgust",
    "04": "others",
    "05": "fear",
    "06": "sadness",
    "07": "anger",
}
"""The class that the middle number of a clip's name stands for."""

_CLIP = r"s\d+-(\d+)-\d+"


@register(
    "mmew",
    summary="MMEW (2021): 300 clips of 30 subjects, 7 emotions, 90 fps",
    fps=FPS,
    page="http://www.dpailab.com/database.html",
)
def read_mmew(root: Path, *, repair: bool, table: str | Path | None = None) -> ClipTable:
    """Read the micro-expressions of MMEW, with or without a folder a class.

    For the parameters see :func:`merkit.datasets.read_dataset`.  The owners' table has a wrong or missing
    apex and offset in 16 rows; what is missing or out of order becomes ``None``, and the clip then ends
    with its last frame.  Where the emotion contradicts the number in the clip's name, ``faults`` says so.
    """
    lines = TABLE.read(root, table)
    bases = find_bases(root, holds(_CLIP), near=lines.path)
    # Macro-expressions have names of the same form.
    micro = [base for base in bases if "macro" not in str(base.relative_to(root)).casefold()]
    clips = FrameFolders(root / "MMEW" / "Micro_Expression", *micro)
    rows = []
    for line in lines:
        name, emotion = line["filename"], line["emotion"]
        extra = {"remarks": line["remarks"] or None}
        row = line.row(name, f"S{line.subject:02d}", clips.find(name), fps=FPS, extra=extra)
        code = re.fullmatch(_CLIP, name.casefold())
        named = CLASSES.get(code[1]) if code is not None else None
        if named is not None and named != emotion.casefold():
            row.faults.append(f"emotion {emotion}, but the name says {named}")
        rows.append(row)
    return clip_table("mmew", rows, version=f"{len(rows)} rows", repair=repair)
