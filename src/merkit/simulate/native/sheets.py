"""Annotation tables as rows of text: reading real ones, writing generated ones."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime
from pathlib import Path

from merkit.errors import DataError
from merkit.saving import write_whole

Cell = str | int | None
Rows = list[list[Cell]]
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def read_rows(path: Path) -> list[list[str]]:
    """Return the cells of a csv file or of the first sheet of an xlsx file as text.

    Whole numbers lose the ``.0`` that spreadsheets add; empty cells are empty text.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    try:
        if path.suffix.lower() == ".csv":
            with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
                return [[cell.strip() for cell in row] for row in csv.reader(file)]
        import openpyxl

        book = openpyxl.load_workbook(path, read_only=True)
        rows = [[_text(cell) for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except Exception as problem:
        # openpyxl raises whatever the parts it is made of raise.
        raise DataError(
            f"{path}: cannot be read as a table ({problem}); give a csv or xlsx file"
        ) from problem
    return rows


def records(rows: list[list[str]], header: int = 0) -> list[dict[str, str]]:
    """Return the rows below a header as mappings; rows without a first cell are left out.

    >>> records([["Subject", "", "AU"], ["01", "", "4"], ["", "", ""]])
    [{'Subject': '01', 'AU': '4'}]
    """
    names = rows[header]
    return [
        {name: cell for name, cell in zip(names, row, strict=False) if name}
        for row in rows[header + 1 :]
        if row and row[0]
    ]


def whole(cell: str) -> int | None:
    """Return the number in a cell, or ``None`` where there is none.

    >>> whole("46"), whole("46.0"), whole("/"), whole("")
    (46, 46, None, None)
    """
    try:
        return int(float(cell))
    except ValueError:
        return None


def write_sheets(path: Path, sheets: dict[str, Rows]) -> None:
    """Write named sheets as one xlsx file, or the first of them as a csv file.

    Equal rows give equal bytes: the file says that it was made in 1980.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".csv":
        text = io.StringIO()
        csv.writer(text).writerows(next(iter(sheets.values())))
        write_whole(path, text.getvalue())
        return
    import openpyxl
    from openpyxl.writer.excel import ExcelWriter

    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.properties.created = book.properties.modified = datetime(*_NO_TIME)
    made = io.BytesIO()
    # Not `book.save`, which enters the time at which it is called.
    ExcelWriter(book, zipfile.ZipFile(made, "w")).save()
    write_whole(path, _without_times(made))


def _without_times(archive: io.BytesIO) -> bytes:
    """The same archive, without the times at which its parts were written."""
    packed = io.BytesIO()
    with zipfile.ZipFile(archive) as parts, zipfile.ZipFile(packed, "w") as still:
        for name in parts.namelist():
            still.writestr(zipfile.ZipInfo(name, _NO_TIME), parts.read(name), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def number_or_text(text: str) -> Cell:
    """Return a cell as spreadsheets keep it: an integer where the text is one without leading zero.

    >>> [number_or_text(t) for t in ("12", "4+7", "012")]
    [12, '4+7', '012']
    """
    return int(text) if text.isdigit() and str(int(text)) == text else text


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell == int(cell):
        return str(int(cell))
    return str(cell).strip()
