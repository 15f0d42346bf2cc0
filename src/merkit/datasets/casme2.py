"""CASME II (2014), 200 fps: ``CASME2_RAW_selected/sub01/EP02_01f/img46.jpg`` and a table of codings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import TableForm
from merkit.datasets.folders import FrameFolders, find_frames_base, holds
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table

FPS = 200.0
TABLE = TableForm(
    files=("CASME2-coding-2019*", "CASME2-coding-2014*", "CASME2*coding*", "CASME2*"),
    columns={
        "subject": "Subject",
        "filename": "Filename",
        "onset": "OnsetFrame",
        "apex": "ApexFrame",
        "offset": "OffsetFrame",
        "aus": "Action Units",
        "emotion": "Estimated Emotion|Emotion",
    },
    optional={"objective_class": "Objective Classes|Objective Class"},
)
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
    """Read CASME II with any of its tables; for the parameters see :func:`merkit.datasets.read_dataset`.

    ``table_version`` is ``2014-05-08`` or ``2019-07-01``, told by the labels in which these codings
    differ, ``updated`` for the table of 256 rows, or ``unknown``.  Most papers used the coding of 2014;
    where several tables lie in the folder, the newest is read unless `table` names another.
    """
    lines = TABLE.read(root, table)
    base = find_frames_base(root, holds(r"sub\d+"), cropped=cropped, near=lines.path)
    people = FrameFolders(root / "CASME2_RAW_selected", base)
    rows = []
    for line in lines:
        person, name = f"sub{line.subject:02d}", line["filename"]
        frames = people.find((person, f"sub{line.subject}"), name)
        rows.append(line.row(f"{person}_{name}", person, frames, fps=FPS))
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
