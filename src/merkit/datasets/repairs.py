"""Known faults of annotation tables, as data, and their repair.

``repairs.csv`` has one fault a line: dataset, subject, filename, row, column, found, repaired, reason,
source.  A line counts for the rows that agree with all keys it gives (``row`` is ``40/189`` for the
0-based row 40 of a table of 189) and really hold the faulty value.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from merkit.datasets.rows import Row

# Instead of a value that was found: onset, apex and offset are not in order, or one is missing.
DISORDER = "disorder"
_MARKS = ("onset", "apex", "offset")


@dataclass(frozen=True)
class Repair:
    """A known fault and what to put instead; see the module for the columns."""

    dataset: str
    subject: str
    filename: str
    row: str
    column: str
    found: str
    repaired: str
    reason: str
    source: str


@cache
def known_repairs() -> tuple[Repair, ...]:
    """All known faults, in the order of ``repairs.csv``.

    >>> {repair.dataset for repair in known_repairs()} >= {"casme", "casme2", "samm"}
    True
    """
    text = files("merkit.datasets").joinpath("repairs.csv").read_text(encoding="utf-8")
    return tuple(Repair(**line) for line in csv.DictReader(text.splitlines()))


def apply_repairs(
    rows: Sequence[Row], dataset: str, repairs: Sequence[Repair] | None = None
) -> Sequence[Row]:
    """Repair the rows of a table in place, and note every repair on its row.

    Parameters
    ----------
    rows : sequence of Row
        All rows of the table.
    dataset : str
        Faults of other datasets are left out.
    repairs : sequence of Repair, optional
        Instead of :func:`known_repairs`.
    """
    todo = [r for r in (known_repairs() if repairs is None else repairs) if r.dataset == dataset]
    disordered = {row.row: _disordered(row) for row in rows} if todo else {}
    for repair in todo:
        for row in rows:
            if _fits(repair, row, len(rows)):
                _apply(repair, row, disordered[row.row])
    return rows


def _fits(repair: Repair, row: Row, n_rows: int) -> bool:
    return (
        repair.row in ("", f"{row.row}/{n_rows}")
        and repair.filename.casefold() in ("", row.filename.casefold())
        and (not repair.subject or _number(repair.subject) == _number(row.subject))
    )


def _apply(repair: Repair, row: Row, disordered: bool) -> None:
    before = getattr(row, repair.column)
    # An apex is judged by onset and offset as repaired: they stand before it in the list.
    wrong = _disordered(row) if repair.column == "apex" else disordered
    if not (wrong if repair.found == DISORDER else repair.found == _text(before)):
        return
    after: str | int | None = repair.repaired or None
    if repair.column in _MARKS and after is not None:
        after = int(after)
    if after == before:
        return
    setattr(row, repair.column, after if repair.column != "aus" else after or "")
    change = f"{repair.column} {_text(before) or 'none'} -> {_text(after) or 'none'}"
    row.repairs.append(f"{change}: {repair.reason} ({repair.source})")


def _disordered(row: Row) -> bool:
    marks = [getattr(row, name) for name in _MARKS]
    return None in marks or marks != sorted(marks)


def _text(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _number(subject: str) -> str:
    found = re.search(r"\d+", subject)
    return str(int(found[0])) if found else subject.casefold()
