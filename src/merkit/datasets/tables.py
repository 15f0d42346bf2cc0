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
from textwrap import shorten
from typing import Any

import pandas as pd

from merkit.datasets.folders import files_by_depth
from merkit.errors import AnnotationError, DataError

# In the order of preference among files of one name: .xls can only be refused.
_SUFFIXES = (".xlsx", ".xlsm", ".csv", ".tsv", ".xls")
_NOTHING = frozenset({"", "nan", "none", "null", "n/a", "na", "-", "/", "?"})
# Owners put a title and a key to symbols above the heading.
_HEADING_WITHIN = 40
# Somebody who gives the folder of subjects is two levels below the table at most.
_ABOVE = 2
_BY_HAND = "with table= (on the command line: --table)"


def find_table(root: Path, *names: str, table: str | Path | None = None) -> Path:
    """Find the annotation table of a release.

    Parameters
    ----------
    root : Path
        Folder of the release; six levels below it are searched, nearer ones first.
    *names : str
        Wildcards for the file name, with or without its suffix and without regard to case, the most
        wanted first.  Of files that differ in their suffix alone, xlsx goes before csv.
    table : str or Path, optional
        The table that the user names, as it stands or relative to `root`; `names` do not count then.

    Raises
    ------
    DataError
        If there is none; one that lies in a folder above `root`, or tables of other names, are named.
    """
    if table is not None:
        for path in (Path(table).expanduser(), root / table):
            if path.is_file():
                return path
        raise DataError(f"{table}: no such table; give the path of an xlsx or csv file {_BY_HAND}")
    found, others = _look(root, names)
    if found is not None:
        return found
    for folder in list(root.resolve().parents)[:_ABOVE]:
        above = matching_table(sorted(folder.glob("*.*")), names)
        if above is not None:
            raise DataError(f"{root}: {above.name} lies above, in {folder}; give that folder instead")
    there = f"there are {', '.join(others[:5])}; name it" if others else "put it there or name it"
    like = names[0] if Path(names[0]).suffix.casefold() in _SUFFIXES else f"{names[0]}.xlsx"
    raise DataError(f"{root}: no annotation table like {like}; {there} {_BY_HAND}")


def find_optional_table(root: Path, *names: str, table: str | Path | None = None) -> Path | None:
    """Find the annotation table of a release that may have none; see :func:`find_table`."""
    return find_table(root, table=table) if table is not None else _look(root, names)[0]


def matching_table(files: Sequence[Path], names: Sequence[str]) -> Path | None:
    """Return the table among some files that is wanted most; see :func:`find_table` for the names."""
    tables = sorted(filter(_is_table, files), key=lambda path: _SUFFIXES.index(path.suffix.casefold()))
    for wanted in (name.casefold() for name in names):
        for path in tables:
            if fnmatch(path.name.casefold(), wanted) or fnmatch(path.stem.casefold(), wanted):
                return path
    return None


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
        The sheet of an xlsx file that is wanted, without regard to case; where it is not there, as
        without one, the first with anything in it.
    heading : sequence of str
        Columns that the heading must have, in any case and spacing.  The heading is the first line that
        has them all; a name with alternatives is written ``"a|b"``.

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


def _look(root: Path, names: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The wanted table and the names of the others that were passed."""
    others: list[str] = []
    for files in files_by_depth(root):
        found = matching_table(files, names)
        if found is not None:
            return found, others
        others += [path.name for path in files if _is_table(path)]
    return None, others


def _is_table(path: Path) -> bool:
    # Office writes ~$name.xlsx beside an open table.
    return path.suffix.casefold() in _SUFFIXES and not path.name.startswith("~")


def _cells(path: Path, sheet: str | None) -> list[list[str]]:
    suffix = path.suffix.casefold()
    if suffix == ".xls":
        raise DataError(
            f"{path}: the old .xls format is not read; open it in a spreadsheet program, save it as .xlsx "
            "and name that with table="
        )
    try:
        lines = _sheet(path, sheet) if suffix in (".xlsx", ".xlsm") else _csv(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    # The last columns may have no heading.
    width = max(map(len, lines), default=0)
    return [line + [""] * (width - len(line)) for line in lines]


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
        wanted = [ws for ws in book.worksheets if ws.title.casefold() == (sheet or "").casefold()]
        for ws in (*wanted, *book.worksheets):
            # Some programs write a wrong extent into the file, which would hide all but the first cell.
            ws.reset_dimensions()
            lines = [[cell_text(cell) for cell in line] for line in ws.iter_rows(values_only=True)]
            if any(any(line) for line in lines):
                return lines
    finally:
        book.close()
    raise DataError(f"{path}: the table is empty; give the one that the dataset's owners hand out")


def _find_heading(path: Path, cells: list[list[str]], wanted: Sequence[str]) -> tuple[int, list[str]]:
    """Return the place after the heading and its names."""
    keys = [{column_key(name) for name in either.split("|")} for either in wanted]
    missing, nearest = list(wanted), ""
    for place, line in enumerate(cells[:_HEADING_WITHIN]):
        names = [column_key(cell) for cell in line]
        lacks = [name for name, key in zip(wanted, keys, strict=True) if key.isdisjoint(names)]
        if not lacks and any(names):
            return place + 1, names
        if len(lacks) < len(missing):
            missing, nearest = lacks, shorten(", ".join(filter(None, line)), 200)
    listed = ", ".join(name.replace("|", " or ") for name in missing)
    raise DataError(
        f"{path}: no line is a heading with all columns, missing: {listed}"
        + (f"; the nearest line has {nearest}" if nearest else "")
        + "; give the table that the dataset's owners hand out"
    )
