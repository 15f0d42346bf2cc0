"""SAMM (2016), 200 fps, grey: ``SAMM/006/006_1_2/006_05588.jpg`` and ``SAMM_Micro_FACS_Codes_v2.xlsx``."""

from __future__ import annotations

from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import TableForm
from merkit.datasets.folders import FrameFolders, find_frames_base, holds
from merkit.datasets.registry import register
from merkit.datasets.rows import clip_table

FPS = 200.0
TABLE = TableForm(
    files=("SAMM_Micro_FACS_Codes_v2", "SAMM*Micro*"),
    columns={
        "subject": "Subject",
        "filename": "Filename",
        "onset": "Onset Frame",
        "apex": "Apex Frame",
        "offset": "Offset Frame",
        "aus": "Action Units",
        "emotion": "Estimated Emotion",
    },
    optional={
        "objective_class": "Objective Classes|Objective Class",
        "inducement": "Inducement Code",
        "notes": "Notes",
    },
)
# Micro-expressions do not rise within 5 ms; such an apex is a slip of whoever wrote the table.
_LEAST_RISE = 2


@register(
    "samm",
    summary="SAMM (2016): 159 clips of 29 subjects, 8 emotions, 200 fps, grey",
    fps=FPS,
    page="SAMM page of its owners, Manchester Metropolitan University",
)
def read_samm(
    root: Path, *, repair: bool, table: str | Path | None = None, cropped: bool | None = None
) -> ClipTable:
    """Read SAMM; for the parameters see :func:`merkit.datasets.read_dataset`.

    Subjects keep their three digits (``006``).  ``table_version`` is ``v2``, or ``v1`` without the column
    of objective classes.
    """
    lines = TABLE.read(root, table)
    base = find_frames_base(root, holds(r"\d{1,3}"), cropped=cropped, near=lines.path)
    people = FrameFolders(root / "SAMM", base)
    rows = []
    for line in lines:
        person, name = f"{line.subject:03d}", line["filename"]
        frames = people.find((person, str(line.subject)), name)
        extra = {"inducement": line["inducement"], "notes": line["notes"]}
        row = line.row(name, person, frames, fps=FPS, extra=extra)
        if row.onset is not None and row.apex is not None and 0 <= row.apex - row.onset < _LEAST_RISE:
            row.faults.append(f"apex {row.apex} only {row.apex - row.onset} frame after onset: doubtful")
        rows.append(row)
    version = "v2" if any(row.objective_class for row in rows) else "v1"
    return clip_table("samm", rows, version=version, repair=repair)
