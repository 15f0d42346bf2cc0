"""Annotation tables (xlsx and csv) as text: finding them, reading them, reading their cells.

Every cell is text, because spreadsheets turn subject ``006`` into 6 and one action unit into a number.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pandas as pd

from merkit.datasets.folders import files_by_depth
from merkit.errors import AnnotationError, DataError

_SUFFIXES = (".xlsx", ".xlsm", ".csv", ".tsv", ".txt", ".xls")
_NOTHING = frozenset({"", "nan", "none", "null", "n/a", "na", "-", "/", "?"})
# Owners put a title and a key to symbols above the heading.
_HEADING_WITHIN = 40


def find_table(root: Path, *patterns: str, table: str | Path | None = None) -> Path:
    """Find the annotation table of a release.

    Parameters
    ----------
    root : Path
        Folder of the release; six levels below it are searched, nearer ones first.
    *patterns : str
        Wildcards for the file name without regard to case, the most wanted first.
    table : str or Path, optional
        The table that the user names, as it stands or relative to `root`; patterns do not count then.

    Raises
    ------
    DataError
        If there is none; tables of other names that do lie there are named.
    """
    if table is not None:
        for path in (Path(table).expanduser(), root / table):
            if path.is_file():
                return path
        raise DataError(f"{table}: no such table; give the path of an xlsx or csv file with table=")
    found, others = _look(root, patterns)
    if found is not None:
        return found
    how = "name it with table= (of the doctor: --table)"
    there = f"there are {', '.join(others[:5])}; {how}" if others else "put it there"
    raise DataError(f"{root}: no annotation table like {patterns[0]}; {there}")


def find_optional_table(root: Path, *patterns: str, table: str | Path | None = None) -> Path | None:
    """Find the annotation table of a release that may have none; see :func:`find_table`."""
    return find_table(root, table=table) if table is not None else _look(root, patterns)[0]


def read_table(
    path: Path,
    columns: Sequence[str] | None = None,
    *,
    sheet: str | None = None,
    heading: Sequence[str] = (),
) -> pd.DataFrame:
    """Read a table with every cell as stripped text; an empty cell is ``""``.

    Parameters
    ----------
    path : Path
        An xlsx or csv file.
    columns : sequence of str, optional
        Names of the columns in order, for tables without a heading.
    sheet : str, optional
        Sheet of an xlsx file without regard to case; otherwise the first with anything in it.
    heading : sequence of str
        Columns that the heading must have, as :func:`column_key` writes them.  The heading is the
        first line that has them all; a name with alternatives is written ``"a|b"``.

    Returns
    -------
    pandas.DataFrame
        Columns named by :func:`column_key`, the second of a name with ``.1`` behind it, and ``row``, the
        0-based place of each row among the rows with anything in them.

    Raises
    ------
    DataError
        If the file cannot be read or has no such heading.
    """
    cells = _cells(path, sheet)
    if columns is None:
        start, names = _find_heading(path, cells, heading)
    else:
        start, names = 0, list(columns)
    body = [line for line in cells[start:] if any(line)]
    times: Counter[str] = Counter()
    data: dict[str, list[str]] = {}
    for place, name in enumerate(names):
        key = f"{name}.{times[name]}" if times[name] else name
        times[name] += 1
        data[key] = [line[place] if place < len(line) else "" for line in body]
    frame = pd.DataFrame(data, dtype=object)
    frame["row"] = range(len(body))
    return frame


def column(frame: pd.DataFrame, *names: str) -> list[str]:
    """Return the cells of the first of these columns that there is; empty ones where there is none."""
    for name in names:
        if name in frame.columns:
            return frame[name].tolist()
    return [""] * len(frame)


def column_key(heading: str) -> str:
    """Reduce a heading to its lower-case letters and digits.

    >>> column_key("Onset Frame"), column_key("sub_ID'"), column_key("OnsetFrame")
    ('onsetframe', 'subid', 'onsetframe')
    """
    return re.sub(r"[^a-z0-9]", "", heading.casefold())


def cell_text(value: Any) -> str:
    """Write a cell of a spreadsheet as text, whole numbers without a fraction.

    >>> cell_text(4.0), cell_text("006 "), cell_text(None), cell_text(0.5)
    ('4', '006', '', '0.5')
    """
    if value is None:
        return ""
    if isinstance(value, float) and value == int(value):
        value = int(value)
    # Non-breaking blanks come from copying out of documents.
    return str(value).replace("\u00a0", " ").strip()


def whole_number(text: str, where: str) -> int | None:
    """Read a whole number, or ``None`` from a cell that says that there is none (``""``, ``/``, ``nan``).

    Negative numbers are returned as they are: what -1 means differs between datasets.

    Raises
    ------
    AnnotationError
        If the cell holds something else; `where` says which it is.

    >>> whole_number("59", "x"), whole_number("59.0", "x"), whole_number("/", "x"), whole_number("-1", "x")
    (59, 59, None, -1)
    """
    if text.casefold() in _NOTHING:
        return None
    found = re.fullmatch(r"(-?\d+)(?:\.0*)?", text)
    if found is None:
        raise AnnotationError(f"{where}: {text!r} is no frame number; correct the cell or empty it")
    return int(found[1])


def subject_number(text: str) -> str:
    """Reduce a subject to its number without zeros in front, whatever stands before it.

    >>> [subject_number(t) for t in ("1", "01", "sub01", "1.0", "006", "s20", "spNO.149")]
    ['1', '1', '1', '1', '6', '20', '149']
    """
    found = re.search(r"(\d+)(?:\.0*)?$", text.strip())
    if found is None:
        raise AnnotationError(f"subject {text!r} has no number; correct the cell")
    return str(int(found[1]))


def _look(root: Path, patterns: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The wanted table and the names of the others that were passed."""
    others: list[str] = []
    for files in files_by_depth(root):
        # Office writes ~$name.xlsx beside an open table.
        tables = [f for f in files if f.suffix.casefold() in _SUFFIXES and not f.name.startswith("~")]
        for pattern in patterns:
            for path in tables:
                if fnmatch(path.name.casefold(), pattern.casefold()):
                    return path, others
        others += [path.name for path in tables]
    return None, others


def _cells(path: Path, sheet: str | None) -> list[list[str]]:
    suffix = path.suffix.casefold()
    if suffix == ".xls":
        raise DataError(
            f"{path}: the old .xls format is not read; open it in a spreadsheet program, save it as .xlsx "
            "and name that with table="
        )
    try:
        return _sheet(path, sheet) if suffix in (".xlsx", ".xlsm") else _csv(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _csv(path: Path) -> list[list[str]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Spreadsheet programs in China, where most of these datasets come from, write this encoding.
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: neither UTF-8 nor GB 18030 text; save it as UTF-8 csv") from error
    delimiter = max(",;\t", key=text.count)
    try:
        return [
            [cell_text(cell) for cell in line] for line in csv.reader(io.StringIO(text), delimiter=delimiter)
        ]
    except csv.Error as error:
        raise DataError(f"{path}: no readable csv ({error}); save it again as csv or xlsx") from error


def _sheet(path: Path, sheet: str | None) -> list[list[str]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError(f"{path}: no readable xlsx file ({error}); save it again as xlsx") from error
    try:
        names = {ws.title.casefold(): ws for ws in book.worksheets}
        if sheet is not None and sheet.casefold() not in names:
            raise DataError(f"{path}: no sheet {sheet!r}; there are {', '.join(names)}")
        for ws in [names[sheet.casefold()]] if sheet is not None else book.worksheets:
            lines = [[cell_text(cell) for cell in line] for line in ws.iter_rows(values_only=True)]
            if any(any(line) for line in lines):
                return lines
    finally:
        book.close()
    raise DataError(f"{path}: the table is empty; give the one that the dataset's owners hand out")


def _find_heading(path: Path, cells: list[list[str]], wanted: Sequence[str]) -> tuple[int, list[str]]:
    """Return the place after the heading and its names."""
    best: list[str] = list(wanted)
    for place, line in enumerate(cells[:_HEADING_WITHIN]):
        names = [column_key(cell) for cell in line]
        missing = [name for name in wanted if not set(name.split("|")) & set(names)]
        if not missing and any(names):
            return place + 1, names
        if len(missing) < len(best):
            best = missing
    raise DataError(
        f"{path}: no line is a heading with the columns {', '.join(wanted)} (missing: {', '.join(best)}); "
        "give the table that the dataset's owners hand out"
    )
