"""CASME (2013), 60 fps: ``CASME_raw_selected/sub01/EP01_12/EP01_12-1.jpg`` and ``casme.xlsx``."""

from __future__ import annotations

from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import TableForm
from merkit.datasets.folders import FrameFolders, find_frames_base, holds
from merkit.datasets.registry import register
from merkit.datasets.rows import clip_table

FPS = 60.0
TABLE = TableForm(
    files=("CASME", "CASME_*", "CASME-*"),
    columns={
        "subject": "Subject",
        "filename": "Filename",
        "onset": "OnsetF|OnsetFrame",
        "apex": "ApexF1|ApexF|ApexFrame",
        "offset": "OffsetF|OffsetFrame",
        "aus": "AU|AUs|Action Units",
        "emotion": "Emotion|Estimated Emotion",
    },
    optional={"apex2": "ApexF2"},
)


@register(
    "casme",
    summary="CASME (2013): 189 clips of 18 subjects, 8 emotions, 60 fps",
    fps=FPS,
    page="http://casme.psych.ac.cn/casme/e1",
)
def read_casme(
    root: Path, *, repair: bool, table: str | Path | None = None, cropped: bool | None = None
) -> ClipTable:
    """Read CASME; for the parameters see :func:`merkit.datasets.read_dataset`.

    Of the two apex columns the first is used; the second becomes the column ``apex2``.
    """
    lines = TABLE.read(root, table)
    base = find_frames_base(root, holds(r"sub\d+"), cropped=cropped, near=lines.path)
    people = FrameFolders(root / "CASME_raw_selected", base)
    rows = []
    for line in lines:
        person, name = f"sub{line.subject:02d}", line["filename"]
        frames = people.find((person, f"sub{line.subject}"), name)
        extra = {"apex2": line.number("apex2")}
        rows.append(line.row(f"{person}_{name}", person, frames, fps=FPS, extra=extra))
    version = "189 rows" if len(rows) == 189 else "unknown"
    return clip_table("casme", rows, version=version, repair=repair)
