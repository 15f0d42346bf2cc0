"""MMEW (2021), 90 fps: ``MMEW/Micro_Expression/happiness/S01-01-001/1.jpg`` and a table.

A clip's folder holds its frames from onset to offset, numbered from 1.
"""

from __future__ import annotations

import re
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.folders import find_bases, subfolders
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, subject_number, whole_number

FPS = 90.0
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

_CLIP = re.compile(r"s\d+-(\d+)-\d+")


@register(
    "mmew",
    summary="MMEW (2021): 300 clips of 30 subjects, 7 emotions, 90 fps",
    fps=FPS,
    page="http://www.dpailab.com/database.html",
)
def read_mmew(root: Path, *, repair: bool, table: str | Path | None = None) -> ClipTable:
    """Read the micro-expressions of MMEW, with or without a folder a class.

    The owners' table has a wrong or missing apex and offset in 16 rows; what is missing or out of order
    becomes ``None``, and the clip then ends with its last frame.  Where the emotion contradicts the
    number in the clip's name, ``faults`` says so.

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
        root, "mmew_micro_exp*.xlsx", "mmew_micro*.csv", "mmew*micro*.xls*", "mmew*.xlsx", table=table
    )
    cells = read_table(path, heading=["subject", "filename", "onsetframe", "offsetframe"])
    folders = _clip_folders(root)
    rows = []
    for place, subject, name, onset, apex, offset, units, emotion, remarks in zip(
        cells["row"],
        column(cells, "subject"),
        column(cells, "filename"),
        column(cells, "onsetframe"),
        column(cells, "apexframe"),
        column(cells, "offsetframe"),
        column(cells, "actionunits"),
        column(cells, "estimatedemotion", "emotion"),
        column(cells, "remarks"),
        strict=True,
    ):
        where = f"{path.name}, row {place}"
        code = _CLIP.fullmatch(name.casefold())
        named = CLASSES.get(code[1]) if code is not None else None
        rows.append(
            Row(
                id=name,
                subject=f"S{int(subject_number(subject)):02d}",
                row=place,
                filename=name,
                onset=whole_number(onset, where),
                apex=whole_number(apex, where),
                offset=whole_number(offset, where),
                emotion=emotion,
                aus=units,
                fps=FPS,
                folder=folders.get(name.casefold()),
                expected=root / "Micro_Expression" / emotion.casefold() / name,
                faults=(
                    [f"emotion {emotion}, but the name says {named}"]
                    if named is not None and named != emotion.casefold()
                    else []
                ),
                extra={"remarks": remarks or None},
            )
        )
    return clip_table("mmew", rows, version=f"{len(rows)} rows", repair=repair)


def _clip_folders(root: Path) -> dict[str, Path]:
    """Folders of clips by case-folded name, those of macro-expressions left out."""

    def holds_clips(names: list[str]) -> bool:
        return any(_CLIP.fullmatch(name) for name in names)

    found: dict[str, Path] = {}
    for base in find_bases(root, holds_clips):
        if "macro" not in str(base.relative_to(root)).casefold():
            for folder in subfolders(base):
                found.setdefault(folder.name.casefold(), folder)
    return found
