"""SAMM (2016), 200 fps, grey: ``SAMM/006/006_1_2/006_05588.jpg`` and ``SAMM_Micro_FACS_Codes_v2.xlsx``."""

from __future__ import annotations

from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.folders import Names, find_frames_base
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, subject_number, whole_number

FPS = 200.0
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
    """Read SAMM.

    Subjects keep their three digits (``006``).  ``table_version`` is ``v2``, or ``v1`` without the column
    of objective classes.

    Parameters
    ----------
    root : Path
        Folder of the release.
    repair : bool
        Whether known faults of the table are repaired.
    table : str or Path, optional
        Another annotation table.
    cropped : bool, optional
        Raw (``False``) or cropped frames (``True``); raw ones if there are any when not said.
    """
    path = find_table(
        root,
        "samm_micro_facs_codes_v2.xlsx",
        "samm*micro*.xlsx",
        "samm*micro*.csv",
        "samm*micro*.xls",
        table=table,
    )
    cells = read_table(path, heading=["subject", "filename", "onsetframe", "apexframe", "offsetframe"])
    base = find_frames_base(root, r"\d{1,3}", cropped=cropped)
    names = Names()
    rows = []
    for place, subject, name, onset, apex, offset, units, emotion, objective, code, notes in zip(
        cells["row"],
        column(cells, "subject"),
        column(cells, "filename"),
        column(cells, "onsetframe"),
        column(cells, "apexframe"),
        column(cells, "offsetframe"),
        column(cells, "actionunits"),
        column(cells, "estimatedemotion"),
        column(cells, "objectiveclasses", "objectiveclass"),
        column(cells, "inducementcode"),
        column(cells, "notes"),
        strict=True,
    ):
        where = f"{path.name}, row {place}"
        number = subject_number(subject)
        folder = f"{int(number):03d}"
        row = Row(
            id=name,
            subject=folder,
            row=place,
            filename=name,
            onset=whole_number(onset, where),
            apex=whole_number(apex, where),
            offset=whole_number(offset, where),
            emotion=emotion,
            aus=units,
            objective_class=objective,
            fps=FPS,
            folder=names.child(names.child(base, folder, number), name),
            expected=(base or root / "SAMM") / folder / name,
            extra={"inducement": code, "notes": notes},
        )
        if row.onset is not None and row.apex is not None and 0 <= row.apex - row.onset < _LEAST_RISE:
            row.faults.append(f"apex {row.apex} only {row.apex - row.onset} frame after onset: doubtful")
        rows.append(row)
    version = "v2" if any(row.objective_class for row in rows) else "v1"
    return clip_table("samm", rows, version=version, repair=repair)
