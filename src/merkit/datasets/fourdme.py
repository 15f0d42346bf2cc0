"""4DME (2022), 60 fps, grey: ``gray_micro/<subject>/<clip>/Frame_000001826.jpg``, numbered as the video."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import Line, TableForm
from merkit.datasets.folders import FrameFolders, find_base
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table

FPS = 60.0
EMOTIONS = ("positive", "negative", "surprise", "repression", "others")
"""Columns of 0 and 1 beside the emotion, which can be double."""

TABLE = TableForm(
    files=("4DME_Labelling_Micro*", "4DME*Micro*", "Micro and Macro-expression labels*", "4DME*"),
    # An early table has an apostrophe behind every heading.
    columns={
        "subject": "sub_ID|SubID",
        "filename": "fold_name",
        "onset": "Onset",
        "apex": "Apex",
        "offset": "Offset",
        "emotion": "Emotion",
    },
    optional={"aus": "AUs|AU", "of_long_clip": "longclipNo"},
)
_MICRO_ROWS = 267
# Of the first release of the micro-expressions.
_EXCHANGED = (144, 145)


@register(
    "4dme",
    summary="4DME (2022): 267 micro-expressions, emotions can be double, 60 fps, grey",
    fps=FPS,
    page="University of Oulu, Center for Machine Vision and Signal Analysis",
)
def read_fourdme(
    root: Path, *, repair: bool, table: str | Path | None = None, static: bool = True
) -> ClipTable:
    """Read 4DME with any of its three tables.

    Emotions stay as written (``Surprise+Positive``); further columns ``flag_positive`` and so on say what
    the columns of 0 and 1 say, and ``kind`` whether it is a micro- or a macro-expression (``None`` where
    the table holds both and does not say).

    Parameters
    ----------
    root, repair, table
        See :func:`merkit.datasets.read_dataset`.
    static : bool
        Whether static units, marked ``(k)``, are kept; most users drop them.
    """
    lines = TABLE.read(root, table)
    wanted = {name.casefold() for line in lines if line["subject"] for name in _spellings(line["subject"])}
    base = find_base(
        root, lambda names: not wanted.isdisjoint(names), prefer="gr[ae]y_?micro", near=lines.path
    )
    people = FrameFolders(root / "gray_micro", base)
    micro_only = "of_long_clip" not in lines.columns
    kind = "micro" if micro_only else None
    rows = []
    for line in lines:
        person, name = line["subject"], line["filename"]
        flags = {f"flag_{e}": _flag(line, e) for e in EMOTIONS if e in lines.columns}
        rows.append(
            line.row(
                name if name.startswith(f"{person}_") else f"{person}_{name}",
                person,
                people.find(_spellings(person), name),
                aus=_units(line, lines.columns),
                fps=FPS,
                extra={"kind": kind, **flags},
            )
        )
    if repair and micro_only and len(rows) == _MICRO_ROWS:
        _exchange_units(rows)
    if not static:
        for row in rows:
            row.aus = re.sub(r"\s*\+?\s*(?:AU)?\w*\(k\)", "", row.aus, flags=re.IGNORECASE).strip("+ ")
    version = "micro" if micro_only else "micro and macro"
    return clip_table("4dme", rows, version=version, repair=repair)


def _units(line: Line, columns: Iterable[str]) -> str:
    """The cell of units, or the unit columns that say 1 where a table has no such cell."""
    if "aus" in columns:
        return line["aus"]
    units = [int(name[2:]) for name in columns if re.fullmatch(r"au\d+", name) and line[name] == "1"]
    return "+".join(map(str, sorted(units)))


def _exchange_units(rows: list[Row]) -> None:
    """Give the units of two rows back to each other, which the owners' table exchanges."""
    one, other = (rows[place] for place in _EXCHANGED)
    if one.aus == other.aus:
        return
    one.aus, other.aus = other.aus, one.aus
    for row, partner in ((one, other), (other, one)):
        row.repairs.append(
            f"aus {partner.aus} -> {row.aus}: exchanged with row {partner.row} (public loaders)"
        )


def _flag(line: Line, name: str) -> bool | None:
    number = line.number(name)
    return None if number is None else bool(number)


def _spellings(subject: str) -> tuple[str, ...]:
    """A subject as written, and with and without a zero in front: spreadsheets drop it."""
    return (subject, f"{int(subject):02d}", str(int(subject))) if subject.isdigit() else (subject,)
