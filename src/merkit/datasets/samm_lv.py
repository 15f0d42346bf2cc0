"""SAMM Long Videos, 200 fps: ``SAMM_longvideos/006_1/006_1_0001.jpg``, macro- and micro-expressions."""

from __future__ import annotations

import re
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import TableForm
from merkit.datasets.folders import FrameFolders, find_frames_base, holds
from merkit.datasets.registry import register
from merkit.datasets.rows import clip_table
from merkit.errors import AnnotationError

FPS = 200.0
TABLE = TableForm(
    files=("SAMM_LongVideos_V2*", "SAMM_LongVideos*", "SAMM*Long*"),
    columns={
        "subject": "Subject",
        "filename": "Filename",
        "onset": "Onset|OnsetFrame",
        "apex": "Apex|ApexFrame",
        "offset": "Offset|OffsetFrame",
        "kind": "Type",
        "aus": "Action Units",
    },
    optional={"inducement": "Inducement Code", "notes": "Notes"},
)


@register(
    "samm-lv",
    summary="SAMM Long Videos: 343 macro- and 159 micro-expressions in 147 videos, 200 fps, grey",
    fps=FPS,
    page="SAMM page of its owners, Manchester Metropolitan University",
)
def read_samm_lv(root: Path, *, repair: bool, table: str | Path | None = None) -> ClipTable:
    """Read SAMM Long Videos: one clip an event, whose frames are those of the whole video.

    For the parameters see :func:`merkit.datasets.read_dataset`.  Columns beside the usual ones: ``video``
    (``006_1`` of the event ``006_1_2``), ``kind`` (``macro`` or ``micro``), ``inducement`` and ``notes``.
    There are no emotions.  An onset of 0 or less means that the event began before the recording: with
    `repair` the clip begins with the first frame.
    """
    lines = TABLE.read(root, table)
    base = find_frames_base(root, holds(r"\d{3}_\d+"), near=lines.path)
    videos = FrameFolders(root / "SAMM_longvideos", base)
    rows = []
    for line in lines:
        name, kind = line["filename"], line["kind"].casefold()
        video = re.fullmatch(r"(\d+_\d+)_\d+", name)
        if video is None:
            raise AnnotationError(f"{line.where}: Filename {name!r} is not like 006_1_2; correct the cell")
        extra = {
            "video": video[1],
            "kind": "micro" if kind.startswith("micro") else kind,
            "inducement": line["inducement"],
            "notes": line["notes"],
        }
        row = line.row(name, f"{line.subject:03d}", videos.find(video[1]), fps=FPS, extra=extra)
        if row.onset is not None and row.onset <= 0:
            began = f"onset {row.onset}, before the first frame"
            if repair:
                row.onset = None
                row.repairs.append(f"{began} -> the first frame")
            else:
                row.faults.append(began)
        rows.append(row)
    return clip_table("samm-lv", rows, version=_version(lines.path, len(rows)), repair=repair)


def _version(path: Path, n_rows: int) -> str:
    named = re.search(r"v(\d)", path.stem, re.IGNORECASE)
    return "V2" if n_rows == 502 else f"V{named[1]}" if named else "unknown"
