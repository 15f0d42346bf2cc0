"""The annotation table of a dataset: what it is called, what its columns are, and its lines as rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from merkit.datasets.folders import Place
from merkit.datasets.rows import Row
from merkit.datasets.tables import column_key, find_table, read_table, subject_number, whole_number
from merkit.errors import AnnotationError, DataError


@dataclass(frozen=True)
class TableForm:
    """How the annotation tables of a dataset are called and what their columns are.

    Attributes
    ----------
    files : tuple of str
        Wildcards for the file name, the most wanted first; see :func:`merkit.datasets.tables.find_table`.
    columns : mapping of str to str
        By what is in them, the headings of the columns that every table has, ``"A|B"`` where tables differ.
        ``subject``, ``filename``, ``onset``, ``apex``, ``offset``, ``emotion``, ``aus`` and
        ``objective_class`` are what :meth:`Line.row` looks for.
    optional : mapping of str to str
        The same for columns that some tables lack.
    heading : bool
        Without a heading, `columns` says which columns there are, in order.
    sheet : str, optional
        The sheet that is wanted.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels.csv"
    >>> with path.open("w") as file:
    ...     print("Sub,Onset Frame", "007,5", sep=chr(10), file=file)
    >>> form = TableForm(("labels*",), {"subject": "Subject|Sub", "onset": "OnsetFrame"})
    >>> [(line["subject"], line.subject, line.number("onset")) for line in form.read(path.parent)]
    [('007', 7, 5)]
    """

    files: tuple[str, ...]
    columns: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    heading: bool = True
    sheet: str | None = None

    def read(self, root: Path, table: str | Path | None = None) -> Annotation:
        """Find the table below `root`, or take the one that the user names, and read it.

        Raises
        ------
        DataError
            If there is none, or it lacks a column.
        """
        return self.load(find_table(root, *self.files, table=table))

    def load(self, path: Path) -> Annotation:
        """Read a table of this form.

        Raises
        ------
        DataError
            If it cannot be read, lacks a column or has no line.
        """
        if not self.heading:
            cells = read_table(path, tuple(self.columns), sheet=self.sheet)
            return Annotation(path, cells.to_dict("records"), tuple(self.columns))
        cells = read_table(path, sheet=self.sheet, heading=tuple(self.columns.values()))
        if not len(cells):
            raise DataError(f"{path}: a heading and no line below it; give the table with the clips")
        names = {}
        for what, headings in (*self.columns.items(), *self.optional.items()):
            keys = [column_key(heading) for heading in headings.split("|")]
            names[what] = next((key for key in keys if key in cells), None)
        there = {what: key for what, key in names.items() if key is not None}
        records = [
            {**record, **{what: record[key] for what, key in there.items()}}
            for record in cells.to_dict("records")
        ]
        return Annotation(path, records, (*there, *cells.columns))


class Annotation:
    """A table that was read; iterate over it for its lines.

    Attributes
    ----------
    path : Path
        The file.
    columns : tuple of str
        What there is: the columns that the form names, then all by their reduced heading.
    """

    def __init__(self, path: Path, records: Sequence[Mapping[Any, Any]], columns: tuple[str, ...]) -> None:
        self.path, self.columns, self._records = path, columns, records

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Line]:
        return (Line(self.path, record) for record in self._records)


class Line:
    """One line of an annotation table; every cell is text, and one that there is not is empty."""

    def __init__(self, path: Path, cells: Mapping[str, Any]) -> None:
        self._path, self._cells = path, cells

    def __getitem__(self, what: str) -> str:
        return str(self._cells.get(what, ""))

    @property
    def place(self) -> int:
        """0-based place among the lines of the table."""
        return int(self._cells["row"])

    @property
    def where(self) -> str:
        """The file and the place in it, for messages."""
        return f"{self._path.name}, row {self.place}"

    @property
    def subject(self) -> int:
        """The number of the subject, however it is written."""
        try:
            return int(subject_number(self["subject"]))
        except AnnotationError as error:
            raise AnnotationError(f"{self.where}: {error}") from error

    def number(self, what: str) -> int | None:
        """The whole number in a cell; see :func:`merkit.datasets.tables.whole_number`."""
        return whole_number(self[what], self.where)

    def row(self, id: str, subject: str, frames: Place, **further: Any) -> Row:
        """Take what most datasets have from the line.

        Parameters
        ----------
        id, subject : str
            As the clip will have them.
        frames : Place
            Where its frames lie.
        **further
            Other fields of :class:`merkit.datasets.rows.Row`, or other values for those taken.
        """
        taken: dict[str, Any] = {
            "row": self.place,
            "filename": self["filename"],
            "onset": self.number("onset"),
            "apex": self.number("apex"),
            "offset": self.number("offset"),
            "emotion": self["emotion"],
            "aus": self["aus"],
            "objective_class": self["objective_class"],
            "folder": frames.folder,
            "expected": frames.expected,
            "table": self._path,
        }
        return Row(id=id, subject=subject, **(taken | further))
