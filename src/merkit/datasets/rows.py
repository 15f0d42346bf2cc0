"""From the rows of an annotation table to a table of clips; the one place that judges frame numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from merkit.clips import ClipTable
from merkit.clips.table import FIELDS
from merkit.datasets.action_units import action_unit_texts
from merkit.datasets.repairs import apply_repairs
from merkit.errors import AnnotationError
from merkit.video.sources import FolderFrames, FrameSource, MissingFrames


@dataclass
class Row:
    """One row of an annotation table, as it stands there.

    Attributes
    ----------
    id, subject : str
        As the clip will have them.
    row : int
        0-based place in the table.
    table : Path or None
        The table.
    filename : str
        The clip's name in the table, for repairs.
    onset, apex, offset : int or None
        ``None`` where the cell is empty.
    emotion : str or None
        Without blanks around it, otherwise as written.
    aus : str
        The cell of action units.
    objective_class : str or None
        As written.
    fps : float or None
        Frames a second.
    folder : Path or None
        Folder with the frames; ``None`` if it was not found.
    expected : Path or None
        Where it was looked for.
    source : FrameSource or None
        Frames that are no folder.
    features : mapping
        Precomputed inputs.
    repairs, faults : list of str
        What a reader has repaired, and what it found wrong and left.
    extra : dict
        Further columns, by name.
    """

    id: str
    subject: str
    row: int
    table: Path | None = None
    filename: str = ""
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    emotion: str | None = None
    aus: str = ""
    objective_class: str | None = None
    fps: float | None = None
    folder: Path | None = None
    expected: Path | None = None
    source: FrameSource | None = None
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)


def clip_table(
    dataset: str, rows: Sequence[Row], *, version: str, repair: bool, no_apex: str = "not annotated"
) -> ClipTable:
    """Make the table of clips of a dataset.

    Known faults are repaired, impossible frame numbers become ``None``, and both are said.

    Parameters
    ----------
    dataset : str
        Name of the dataset, for the column and for the known faults.
    rows : sequence of Row
        In the order of the annotation table.
    version : str
        Which table it is.
    repair : bool
        Whether known faults are repaired.
    no_apex : str
        Why an empty apex is empty.

    Returns
    -------
    ClipTable
        Its ``frame`` has beside the fields of a clip: ``table_version``; ``table_file`` (the path of the
        table, ``""`` where there is none); ``row``; ``filename``; ``found`` (whether there is a folder of
        frames); ``apex_reason`` (why there is no apex, else ``""``); ``aus_text`` (the cell of action
        units); ``faults`` (what is wrong and was left, separated by ``"; "``, else ``""``); and the extra
        columns of the rows.
    """
    if repair:
        apply_repairs(rows, dataset)
    _tell_apart(rows)
    records = [_record(dataset, row, version, no_apex) for row in rows]
    extra = list(dict.fromkeys(name for row in rows for name in row.extra))
    columns = [
        *FIELDS,
        "table_version",
        "table_file",
        "row",
        "filename",
        "found",
        "apex_reason",
        "aus_text",
        "faults",
        *extra,
    ]
    frame = pd.DataFrame(records, columns=columns, dtype=object)
    return ClipTable(frame, [_source(row) for row in rows], [row.features for row in rows])


def _record(dataset: str, row: Row, version: str, no_apex: str) -> dict[str, Any]:
    onset, offset = row.onset, row.offset
    if onset is not None and offset is not None and offset < onset:
        row.faults.append(f"offset {offset} before onset {onset}")
        offset = None
    elif onset is not None and offset is None and not any(f.startswith("offset") for f in row.faults):
        row.faults.append("offset not annotated")
    apex, reason = row.apex, ""
    if apex is None or apex < 0:
        # -1 is how tables and copies of them write that there is none.
        apex, reason = None, no_apex
    elif onset is not None and apex < onset:
        apex, reason = None, f"apex {row.apex} lies before onset {onset}"
    elif offset is not None and apex > offset:
        apex, reason = None, f"apex {row.apex} lies after offset {offset}"
    try:
        units = action_unit_texts(row.aus)
    except AnnotationError as error:
        units = ()
        row.faults.append(str(error))
    return {
        "id": row.id,
        "dataset": dataset,
        "subject": row.subject,
        "fps": row.fps,
        "onset": onset,
        "apex": apex,
        "offset": offset,
        "emotion": row.emotion or None,
        "aus": units,
        "objective_class": row.objective_class or None,
        "repairs": tuple(row.repairs),
        "table_version": version,
        "table_file": str(row.table or ""),
        "row": row.row,
        "filename": row.filename,
        "found": row.folder is not None or row.source is not None or bool(row.features),
        "apex_reason": reason,
        "aus_text": row.aus,
        "faults": "; ".join(row.faults),
        **row.extra,
    }


def _tell_apart(rows: Sequence[Row]) -> None:
    """Number the ids that several rows share."""
    times = Counter(row.id for row in rows)
    seen: Counter[str] = Counter()
    for row in rows:
        if times[row.id] > 1:
            seen[row.id] += 1
            if seen[row.id] > 1:
                row.faults.append(f"another row has the name {row.id}")
                row.id = f"{row.id}#{seen[row.id]}"


def _source(row: Row) -> FrameSource:
    if row.source is not None:
        return row.source
    if row.folder is not None:
        return FolderFrames(row.folder)
    return MissingFrames(row.expected or Path(row.id))
