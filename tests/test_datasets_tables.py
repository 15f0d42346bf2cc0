"""Annotation tables as text: encodings, headings, cells; and datasets by name."""

from __future__ import annotations

import inspect
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from merkit.datasets import get_dataset, list_datasets, register
from merkit.datasets.annotation import TableForm
from merkit.datasets.folders import find_frames_base, holds, is_cropped
from merkit.datasets.repairs import Repair, apply_repairs, known_repairs
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, whole_number
from merkit.errors import AnnotationError, ConfigError, DataError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_encodings_in_which_tables_come(tmp_path, encoding):
    path = tmp_path / "t.csv"
    path.write_bytes("Subject,AU\r\n006,4，7\r\n".encode(encoding))
    cells = read_table(path, heading=["subject"])
    assert cells["subject"].tolist() == ["006"]
    assert cells["au"].tolist() == ["4，7"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters(tmp_path, delimiter):
    path = tmp_path / "t.csv"
    path.write_text(f"Subject{delimiter}Onset Frame\n01{delimiter}5\n")
    assert read_table(path, heading=["subject"])["onsetframe"].tolist() == ["5"]


def test_the_heading_is_found_below_text_and_rows_are_counted_from_it(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("A title,,\n,,\nSubject,sub_ID',Subject\n1,a,x\n,,\n2,b,y\n")
    cells = read_table(path, heading=["subject", "subid"])
    assert cells["row"].tolist() == [0, 1]
    assert cells["subject"].tolist() == ["1", "2"]
    # A name that stands twice.
    assert cells["subject.1"].tolist() == ["x", "y"]


def test_a_table_without_a_heading(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1,a,5\n2,b\n")
    cells = read_table(path, ["subject", "filename", "onset", "apex"])
    assert cells["onset"].tolist() == ["5", ""]
    assert cells["apex"].tolist() == ["", ""]


def test_a_column_by_any_of_its_names(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Onset,Emotion\n5,fear\n")
    cells = read_table(path, heading=["onset|onsetframe"])
    assert column(cells, "onsetframe", "onset") == ["5"]
    assert column(cells, "apex") == [""]


@pytest.mark.parametrize(
    ("cell", "number"), [("12", 12), ("12.0", 12), ("", None), ("/", None), ("NaN", None)]
)
def test_cells_of_frame_numbers(cell, number):
    assert whole_number(cell, "t.csv, row 0") == number


@pytest.mark.parametrize("cell", ["12.5", "1e3", "12a", "twelve"])
def test_cells_that_are_no_frame_number(cell):
    with pytest.raises(AnnotationError, match=r"t\.csv, row 0"):
        whole_number(cell, "t.csv, row 0")


def test_a_wrong_extent_in_the_file_hides_nothing(tmp_path):
    # Some spreadsheet programs write <dimension ref="A1"/> whatever the sheet holds.
    path = tmp_path / "t.xlsx"
    book = Workbook()
    for row in (["Subject", "Onset"], ["006", 5]):
        book.active.append(row)
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    wrong = parts[sheet].replace(b'ref="A1:B2"', b'ref="A1"')
    assert wrong != parts[sheet]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**parts, sheet: wrong}.items():
            archive.writestr(name, data)
    assert read_table(path, heading=["Subject", "Onset"])["onset"].tolist() == ["5"]


def test_cells_behind_the_heading_are_kept(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("Subject\n1,a,b\n")
    cells = read_table(path, heading=["subject"])
    assert [cells[name].tolist() for name in cells.columns[:3]] == [["1"], ["a"], ["b"]]


def test_of_one_name_the_workbook_goes_before_its_export_and_notes_are_no_table(tmp_path):
    for name in ("labels.txt", "labels.csv", "labels.xlsx", "~$labels.xlsx"):
        (tmp_path / name).write_text("x")
    assert find_table(tmp_path, "labels*").name == "labels.xlsx"
    (tmp_path / "labels.xlsx").unlink()
    assert find_table(tmp_path, "labels*").name == "labels.csv"
    (tmp_path / "labels.csv").unlink()
    with pytest.raises(DataError, match="no annotation table like labels"):
        find_table(tmp_path, "labels*")


def test_a_heading_without_lines_is_no_table(tmp_path):
    (tmp_path / "t.csv").write_text("Subject,Onset\n,\n")
    with pytest.raises(DataError, match=r"t\.csv: a heading and no line below it"):
        TableForm(("t",), {"subject": "Subject"}).read(tmp_path)


def test_a_subject_without_number_names_its_row(tmp_path):
    (tmp_path / "t.csv").write_text("Subject,Onset\n1,5\nnone,5\n")
    lines = list(TableForm(("t",), {"subject": "Subject"}).read(tmp_path))
    assert lines[0].subject == 1
    with pytest.raises(AnnotationError, match=r"t\.csv, row 1: subject 'none' has no number"):
        _ = lines[1].subject


@pytest.mark.parametrize(
    ("base", "cropped"),
    [
        ("CASME2_RAW_selected", False),
        ("Cropped-updated/Cropped", True),
        ("cropped and raw/CASME2_RAW_selected", False),
        ("RAW/Cropped", True),
        ("sub", False),
    ],
)
def test_the_lowest_name_says_whether_faces_are_cropped(base, cropped):
    assert is_cropped(Path("data"), Path("data") / base) is cropped
    assert is_cropped(Path("crops"), Path("crops") / base) is (cropped or base == "sub")


def test_nearer_tables_go_before_deeper_ones(tmp_path):
    for folder in ("a/b", "a", "."):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "Table.CSV").write_text("x\n")
    assert find_table(tmp_path, "table.csv") == tmp_path / "Table.CSV"
    (tmp_path / "Table.CSV").unlink()
    assert find_table(tmp_path, "*.xlsx", "table.csv") == tmp_path / "a" / "Table.CSV"
    with pytest.raises(DataError, match="no such table"):
        find_table(tmp_path, table="none.csv")


def test_folders_of_frames_are_not_searched_for_folders(tmp_path):
    clip = tmp_path / "sub01" / "EP01"
    clip.mkdir(parents=True)
    for number in range(20):
        (clip / f"{number}.jpg").touch()
    assert find_frames_base(tmp_path, holds(r"sub\d+")) == tmp_path
    assert find_frames_base(tmp_path, holds(r"nothing")) is None


def test_every_dataset_says_what_it_is():
    names = list_datasets()
    assert names == sorted(names)
    assert {"casme", "casme2", "smic-hs", "smic-vis", "smic-nir", "smic-hs-long", "samm", "samm-lv"} <= set(
        names
    )
    for name in names:
        dataset = get_dataset(name)
        assert dataset.name == name
        assert len(dataset.summary) > 10
        options = list(inspect.signature(dataset.reader).parameters.values())
        assert options[0].name == "root", name
        assert all(option.kind is option.KEYWORD_ONLY for option in options[1:]), name
        assert "repair" in [option.name for option in options], name


def test_a_name_belongs_to_one_reader():
    with pytest.raises(ConfigError, match="two datasets want the name 'samm'"):
        register("samm", summary="another")(lambda root, *, repair: None)


def test_known_repairs_are_complete_and_name_known_columns():
    for repair in known_repairs():
        assert repair.dataset in list_datasets()
        assert repair.column in ("filename", "onset", "apex", "offset", "emotion", "aus")
        assert repair.reason
        assert repair.source
        assert repair.filename or repair.row
        assert repair.found != repair.repaired


def test_a_repair_needs_its_row_and_the_faulty_value():
    repair = Repair("x", "1", "a", "", "offset", "34", "43", "digits exchanged", "somewhere")
    rows = [
        Row(id="1", subject="sub01", row=0, filename="A", offset=34),
        Row(id="2", subject="sub01", row=1, filename="a", offset=35),
        Row(id="3", subject="sub02", row=2, filename="a", offset=34),
        Row(id="4", subject="sub01", row=3, filename="b", offset=34),
    ]
    apply_repairs(rows, "x", [repair])
    assert [row.offset for row in rows] == [43, 35, 34, 34]
    assert rows[0].repairs == ["offset 34 -> 43: digits exchanged (somewhere)"]
    apply_repairs(rows, "another dataset", [repair])
    assert rows[3].offset == 34


@pytest.mark.parametrize(
    ("marks", "kept", "reason", "fault"),
    [
        ((1, 2, 3), (1, 2, 3), "", ""),
        ((1, None, 3), (1, None, 3), "not annotated", ""),
        ((5, 4, 9), (5, None, 9), "apex 4 lies before onset 5", ""),
        ((5, 10, 9), (5, None, 9), "apex 10 lies after offset 9", ""),
        ((5, 6, 0), (5, 6, None), "", "offset 0 before onset 5"),
        ((5, 6, None), (5, 6, None), "", "offset not annotated"),
        ((5, 5, 5), (5, 5, 5), "", ""),
    ],
)
def test_impossible_marks_become_none_and_are_said(marks, kept, reason, fault):
    onset, apex, offset = marks
    row = Row(id="a", subject="1", row=0, onset=onset, apex=apex, offset=offset)
    table = clip_table("x", [row], version="v", repair=True)
    assert (table[0].onset, table[0].apex, table[0].offset) == kept
    assert table.frame["apex_reason"][0] == reason
    assert table.frame["faults"][0] == fault
