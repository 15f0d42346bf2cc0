"""4DME (2022), 60 fps, grey: ``gray_micro/<subject>/<clip>/Frame_000001826.jpg``, numbered as the video."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from merkit.clips import ClipTable
from merkit.datasets.folders import Names, find_base
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, whole_number

FPS = 60.0
EMOTIONS = ("positive", "negative", "surprise", "repression", "others")
"""Columns of 0 and 1 beside the emotion, which can be double."""

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
    root : Path
        Folder of the release.
    repair : bool
        Whether known faults of the table are repaired.
    table : str or Path, optional
        Another annotation table.
    static : bool
        Whether static units, marked ``(k)``, are kept; most users drop them.
    """
    path = find_table(
        root,
        "4dme_labelling_micro*.xlsx",
        "4dme*micro*.xlsx",
        "micro and macro-expression labels*.xlsx",
        "4dme*.xlsx",
        "4dme*.csv",
        "4dme*.xls",
        table=table,
    )
    # Keys of columns hold letters and digits alone, so that the apostrophes of an early table are gone.
    cells = read_table(path, heading=["subid", "foldname", "onset", "apex", "offset"])
    base = find_base(root, _holds_people(column(cells, "subid")), prefer="gr[ae]y_?micro")
    micro_only = "longclipno" not in cells
    names = Names()
    flags = {name: column(cells, name) for name in EMOTIONS if name in cells}
    rows = []
    for index, (place, subject, name, onset, apex, offset, emotion) in enumerate(
        zip(
            cells["row"],
            column(cells, "subid"),
            column(cells, "foldname"),
            column(cells, "onset"),
            column(cells, "apex"),
            column(cells, "offset"),
            column(cells, "emotion"),
            strict=True,
        )
    ):
        where = f"{path.name}, row {place}"
        rows.append(
            Row(
                id=name if name.startswith(f"{subject}_") else f"{subject}_{name}",
                subject=subject,
                row=place,
                filename=name,
                onset=whole_number(onset, where),
                apex=whole_number(apex, where),
                offset=whole_number(offset, where),
                emotion=emotion,
                aus=_units(cells, index),
                fps=FPS,
                folder=names.child(names.child(base, *_spellings(subject)), name),
                expected=(base or root / "gray_micro") / subject / name,
                extra={
                    "kind": "micro" if micro_only else None,
                    **{f"flag_{key}": _flag(values[index], where) for key, values in flags.items()},
                },
            )
        )
    if repair and micro_only and len(rows) == _MICRO_ROWS:
        _exchange_units(rows)
    if not static:
        for row in rows:
            row.aus = re.sub(r"\s*\+?\s*(?:AU)?\w*\(k\)", "", row.aus, flags=re.IGNORECASE).strip("+ ")
    version = "micro" if micro_only else "micro and macro"
    return clip_table("4dme", rows, version=version, repair=repair)


def _units(cells: pd.DataFrame, index: int) -> str:
    """The cell of units, or the unit columns that say 1 where a table has no such cell."""
    for name in ("aus", "au"):
        if name in cells:
            return str(cells[name].iloc[index])
    return "+".join(
        str(name)[2:]
        for name in cells.columns
        if re.fullmatch(r"au\d+", str(name)) and cells[name].iloc[index] == "1"
    )


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


def _flag(text: str, where: str) -> bool | None:
    number = whole_number(text, where)
    return None if number is None else bool(number)


def _spellings(subject: str) -> tuple[str, ...]:
    """A subject as written, and with and without a zero in front: spreadsheets drop it."""
    return (subject, f"{int(subject):02d}", str(int(subject))) if subject.isdigit() else (subject,)


def _holds_people(subjects: Iterable[str]) -> Callable[[list[str]], bool]:
    wanted = {name.casefold() for subject in subjects if subject for name in _spellings(subject)}
    return lambda names: not wanted.isdisjoint(names)
