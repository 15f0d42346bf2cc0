"""SAMM Long Videos, 200 fps: ``SAMM_longvideos/006_1/006_1_0001.jpg``, macro- and micro-expressions."""

from __future__ import annotations

import re
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.folders import Names, find_frames_base
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, subject_number, whole_number
from merkit.errors import AnnotationError

FPS = 200.0


@register(
    "samm-lv",
    summary="SAMM Long Videos: 343 macro- and 159 micro-expressions in 147 videos, 200 fps, grey",
    fps=FPS,
    page="SAMM page of its owners, Manchester Metropolitan University",
)
def read_samm_lv(root: Path, *, repair: bool, table: str | Path | None = None) -> ClipTable:
    """Read SAMM Long Videos: one clip an event, whose frames are those of the whole video.

    Columns beside the usual ones: ``video`` (``006_1`` of the event ``006_1_2``), ``kind`` (``macro`` or
    ``micro``), ``inducement`` and ``notes``.  There are no emotions.  An onset of 0 or less means that
    the event began before the recording: with `repair` the clip begins with the first frame.

    Parameters
    ----------
    root : Path
        Folder of the release.
    repair : bool
        Whether known faults of the table are repaired.
    table : str or Path, optional
        Another annotation table.
    """
    path = find_table(
        root,
        "samm_longvideos_v2*.xlsx",
        "samm_longvideos*.xlsx",
        "samm_longvideos*.csv",
        "samm*long*.xlsx",
        "samm*long*.csv",
        "samm*long*.xls",
        table=table,
    )
    cells = read_table(path, heading=["subject", "filename", "onset|onsetframe", "offset|offsetframe"])
    base = find_frames_base(root, r"\d{3}_\d+")
    names = Names()
    rows = []
    for place, subject, name, onset, apex, offset, kind, units, code, notes in zip(
        cells["row"],
        column(cells, "subject"),
        column(cells, "filename"),
        column(cells, "onset", "onsetframe"),
        column(cells, "apex", "apexframe"),
        column(cells, "offset", "offsetframe"),
        column(cells, "type"),
        column(cells, "actionunits"),
        column(cells, "inducementcode"),
        column(cells, "notes"),
        strict=True,
    ):
        where = f"{path.name}, row {place}"
        video = re.fullmatch(r"(\d+_\d+)_\d+", name)
        if video is None:
            raise AnnotationError(f"{where}: Filename {name!r} is not like 006_1_2; correct the cell")
        apex_frame = whole_number(apex, where)
        row = Row(
            id=name,
            subject=f"{int(subject_number(subject)):03d}",
            row=place,
            filename=name,
            onset=whole_number(onset, where),
            # The table says that -1 is an apex that was not annotated.
            apex=None if apex_frame == -1 else apex_frame,
            offset=whole_number(offset, where),
            aus=units,
            fps=FPS,
            folder=names.child(base, video[1]),
            expected=(base or root / "SAMM_longvideos") / video[1],
            extra={
                "video": video[1],
                "kind": "micro" if kind.casefold().startswith("micro") else kind.casefold(),
                "inducement": code,
                "notes": notes,
            },
        )
        if row.onset is not None and row.onset <= 0:
            began = f"onset {row.onset}, before the first frame"
            if repair:
                row.onset = None
                row.repairs.append(f"{began} -> the first frame")
            else:
                row.faults.append(began)
        rows.append(row)
    return clip_table("samm-lv", rows, version=_version(path, len(rows)), repair=repair)


def _version(path: Path, n_rows: int) -> str:
    named = re.search(r"v(\d)", path.stem, re.IGNORECASE)
    return "V2" if n_rows == 502 else f"V{named[1]}" if named else "unknown"
