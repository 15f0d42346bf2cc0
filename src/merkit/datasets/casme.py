"""CASME (2013), 60 fps: ``CASME_raw_selected/sub01/EP01_12/EP01_12-1.jpg`` and ``casme.xlsx``."""

from __future__ import annotations

from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.folders import Names, find_frames_base
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, subject_number, whole_number

FPS = 60.0


@register(
    "casme",
    summary="CASME (2013): 189 clips of 18 subjects, 8 emotions, 60 fps",
    fps=FPS,
    page="http://casme.psych.ac.cn/casme/e1",
)
def read_casme(
    root: Path, *, repair: bool, table: str | Path | None = None, cropped: bool | None = None
) -> ClipTable:
    """Read CASME.

    Of the two apex columns the first is used; the second becomes the column ``apex2``.

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
        root, "casme.xlsx", "casme.csv", "casme_*.xlsx", "casme-*.xlsx", "casme*.xls", table=table
    )
    cells = read_table(path, heading=["subject", "filename", "onsetf|onsetframe", "offsetf|offsetframe"])
    base = find_frames_base(root, r"sub\d+", cropped=cropped)
    names = Names()
    rows = []
    for place, subject, name, onset, apex, apex2, offset, units, emotion in zip(
        cells["row"],
        column(cells, "subject"),
        column(cells, "filename"),
        column(cells, "onsetf", "onsetframe"),
        column(cells, "apexf1", "apexf", "apexframe"),
        column(cells, "apexf2"),
        column(cells, "offsetf", "offsetframe"),
        column(cells, "au", "aus", "actionunits"),
        column(cells, "emotion", "estimatedemotion"),
        strict=True,
    ):
        where = f"{path.name}, row {place}"
        number = subject_number(subject)
        folder = f"sub{int(number):02d}"
        rows.append(
            Row(
                id=f"{folder}_{name}",
                subject=folder,
                row=place,
                filename=name,
                onset=whole_number(onset, where),
                apex=whole_number(apex, where),
                offset=whole_number(offset, where),
                emotion=emotion,
                aus=units,
                fps=FPS,
                folder=names.child(names.child(base, folder, f"sub{number}"), name),
                expected=(base or root / "CASME_raw_selected") / folder / name,
                extra={"apex2": whole_number(apex2, where)},
            )
        )
    version = "189 rows" if len(rows) == 189 else "unknown"
    return clip_table("casme", rows, version=version, repair=repair)
