"""CASME II (2014), 200 fps: ``CASME2_RAW_selected/sub01/EP02_01f/img46.jpg`` and a table of codings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.folders import Names, find_frames_base
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, subject_number, whole_number

FPS = 200.0
# Clips of subject 24 that the coding of 2014 calls sadness and the coding of 2019 surprise.
_TELLING = ("EP07_01", "EP07_04f", "EP10_03")


@register(
    "casme2",
    summary="CASME II (2014): 255 clips of 26 subjects, 7 emotions, 200 fps",
    fps=FPS,
    page="http://casme.psych.ac.cn/casme/e2",
)
def read_casme2(
    root: Path, *, repair: bool, table: str | Path | None = None, cropped: bool | None = None
) -> ClipTable:
    """Read CASME II with any of its tables.

    ``table_version`` is ``2014-05-08`` or ``2019-07-01``, told by the labels in which these codings
    differ, ``updated`` for the table of 256 rows, or ``unknown``.  Most papers used the coding of 2014;
    where several tables lie in the folder, the newest is read unless `table` names another.

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
        "casme2-coding-2019*.xlsx",
        "casme2-coding-2014*.xlsx",
        "casme2*coding*.xlsx",
        "casme2*.csv",
        "casme2*.xlsx",
        "casme2*.xls",
        table=table,
    )
    cells = read_table(path, heading=["subject", "filename", "onsetframe", "offsetframe"])
    base = find_frames_base(root, r"sub\d+", cropped=cropped)
    names = Names()
    rows = []
    for place, subject, name, onset, apex, offset, units, emotion, objective in zip(
        cells["row"],
        column(cells, "subject"),
        column(cells, "filename"),
        column(cells, "onsetframe"),
        column(cells, "apexframe"),
        column(cells, "offsetframe"),
        column(cells, "actionunits"),
        column(cells, "estimatedemotion", "emotion"),
        column(cells, "objectiveclasses", "objectiveclass"),
        strict=True,
    ):
        where = f"{path.name}, row {place}"
        number = subject_number(subject)
        folder = f"sub{int(number):02d}"
        apex_frame = whole_number(apex, where)
        rows.append(
            Row(
                id=f"{folder}_{name}",
                subject=folder,
                row=place,
                filename=name,
                onset=whole_number(onset, where),
                # -1 is how copies write that there is none.
                apex=None if apex_frame == -1 else apex_frame,
                offset=whole_number(offset, where),
                emotion=emotion,
                aus=units,
                objective_class=objective,
                fps=FPS,
                folder=names.child(names.child(base, folder, f"sub{number}"), name),
                expected=(base or root / "CASME2_RAW_selected") / folder / name,
            )
        )
    return clip_table("casme2", rows, version=coding_version(rows), repair=repair)


def coding_version(rows: Sequence[Row]) -> str:
    """Tell which coding of CASME II the rows are, by their number and the labels that changed."""
    if len(rows) == 256:
        return "updated"
    telling = {r.filename: (r.emotion or "").casefold() for r in rows if r.subject == "sub24"}
    labels = {telling.get(name, "") for name in _TELLING}
    if labels == {"sadness"}:
        return "2014-05-08"
    return "2019-07-01" if labels == {"surprise"} else "unknown"
