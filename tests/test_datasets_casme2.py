"""CASME II: both codings, the copies that circulate, nesting and spelling of folders."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from openpyxl import Workbook, load_workbook
from PIL import Image

from merkit.clips import ClipTable
from merkit.datasets import read_dataset
from merkit.errors import ConfigError, DataError
from merkit.simulate.native import write_tree

NEW, OLD = "CASME2-coding-20190701.xlsx", "CASME2-coding-20140508.compact.xlsx"
COUNTS = {
    NEW: {
        "others": 99,
        "disgust": 63,
        "happiness": 32,
        "surprise": 28,
        "repression": 27,
        "sadness": 4,
        "fear": 2,
    },
    OLD: {
        "others": 99,
        "disgust": 63,
        "happiness": 32,
        "repression": 27,
        "surprise": 25,
        "sadness": 7,
        "fear": 2,
    },
}
HEAD = ["Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units"]


@pytest.fixture(scope="module", params=[NEW, OLD])
def real(request, real_data, tmp_path_factory):
    """A generated tree with a real table, and what is read from it."""
    root = tmp_path_factory.mktemp("casme2")
    write_tree("casme2", root, table=real_data / "annotations" / request.param, size=8, frames="none")
    return request.param, read_dataset("casme2", root)


def sheet(path: Path, rows: list[list[object]]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def test_counts_of_both_codings(real):
    name, table = real
    assert len(table) == 255
    assert Counter(table.labels("emotion")) == COUNTS[name]
    assert table.frame["subject"].nunique() == 26
    assert table.frame["found"].all()
    assert set(table.frame["fps"]) == {200.0}


def test_the_coding_is_told_by_its_content(real):
    name, table = real
    version = {NEW: "2019-07-01", OLD: "2014-05-08"}[name]
    assert set(table.frame["table_version"]) == {version}


def test_a_renamed_table_is_still_told_apart(real_data, tmp_path):
    copy = shutil.copy(real_data / "annotations" / OLD, tmp_path / "my coding.xlsx")
    with pytest.raises(DataError, match=r"no annotation table.*my coding\.xlsx; name it with table="):
        read_dataset("casme2", tmp_path)
    table = read_dataset("casme2", tmp_path, table="my coding.xlsx")
    assert set(table.frame["table_version"]) == {"2014-05-08"}
    assert len(read_dataset("casme2", tmp_path, table=copy)) == 255


def test_the_three_clips_that_the_codings_call_differently(real):
    name, table = real
    frame = table.frame[table.frame["filename"].isin(["EP07_01", "EP07_04f", "EP10_03"])]
    labels = set(frame[frame["subject"] == "sub24"]["emotion"])
    assert labels == {{NEW: "surprise", OLD: "sadness"}[name]}


def test_the_missing_apex_is_none_with_a_reason_in_both(real):
    name, table = real
    without = table.frame[table.frame["apex"].isna()]
    assert without["id"].tolist() == ["sub04_EP12_01f"]
    assert without["apex_reason"].tolist() == ["not annotated"]
    assert len(without["repairs"].iloc[0]) == {NEW: 0, OLD: 1}[name]


def test_an_apex_filled_in_by_a_copy_stays_without_repair(real_data, tmp_path):
    shutil.copy(real_data / "annotations" / OLD, tmp_path)
    table = read_dataset("casme2", tmp_path, repair=False)
    clip = next(clip for clip in table if clip.id == "sub04_EP12_01f")
    assert clip.apex == 300
    assert not any(clip.repairs for clip in table)


def test_lengths_of_the_real_clips(real):
    _, table = real
    length = (table.frame["offset"] - table.frame["onset"] + 1).astype(int)
    assert (length.min(), length.median(), length.max()) == (24, 61, 141)


def test_unknown_units_of_the_2014_coding_are_kept(real):
    name, table = real
    unknown = sum(clip.aus == ("?",) for clip in table)
    assert unknown == {NEW: 0, OLD: 5}[name]


def test_objective_classes_only_where_the_copy_has_them(real):
    name, table = real
    classes = {clip.objective_class for clip in table}
    assert classes == {NEW: set("1234567"), OLD: {None}}[name]


def test_empty_columns_at_the_end_of_a_csv_are_nothing(tmp_path):
    text = "Subject,Filename,,OnsetFrame,ApexFrame,OffsetFrame,,Action Units,Estimated Emotion,,,\r\n"
    (tmp_path / "CASME2-coding.csv").write_text(
        text + "1.0,EP02_01f,,46,59,86,,12,Happiness,,,\r\n,,,,,,,,,,,\r\n"
    )
    (clip,) = read_dataset("casme2", tmp_path)
    assert (clip.id, clip.subject, clip.onset, clip.apex, clip.offset) == (
        "sub01_EP02_01f",
        "sub01",
        46,
        59,
        86,
    )
    assert (clip.emotion, clip.aus) == ("Happiness", ("12",))


def test_the_updated_table_with_number_subjects_and_repaired_row_60(tmp_path):
    rows: list[list[object]] = [[*HEAD, "Estimated Emotion"]]
    rows += [[1 + n % 26, f"EP{n}", None, 10, 12, 20, None, 4, "others"] for n in range(256)]
    rows[61][3:6] = [30, None, 20]
    rows[6][4] = None
    sheet(tmp_path / "CASME2-coding-updated.xlsx", rows)
    table = read_dataset("casme2", tmp_path)
    assert set(table.frame["table_version"]) == {"updated"}
    assert (table[60].onset, table[60].apex, table[60].offset) == (30, None, 91)
    assert "offset 20 -> 91" in table[60].repairs[0]
    assert table[5].apex is None
    assert sum(bool(clip.repairs) for clip in table) == 1
    plain = read_dataset("casme2", tmp_path, repair=False)
    assert plain[60].offset is None
    assert plain.frame["faults"][60] == "offset 20 before onset 30"


def test_row_60_in_order_is_left_alone(tmp_path):
    rows: list[list[object]] = [[*HEAD, "Estimated Emotion"]]
    rows += [[1 + n % 26, f"EP{n}", None, 10, 12, 20, None, 4, "others"] for n in range(256)]
    sheet(tmp_path / "CASME2-coding-updated.xlsx", rows)
    table = read_dataset("casme2", tmp_path)
    assert table[60].offset == 20
    assert not any(clip.repairs for clip in table)


def picture(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True)
    for name in names:
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / name)


def one_row(root: Path) -> None:
    sheet(
        root / NEW, [[*HEAD, "Estimated Emotion"], ["01", "EP02_01f", None, 9, 10, 11, None, 12, "happiness"]]
    )


@pytest.mark.parametrize(
    "folder",
    [
        "CASME2_RAW_selected/sub01/EP02_01f",
        "CASME2_RAW_selected/CASME2_RAW_selected/sub01/EP02_01f",
        "data/a/CASME2_RAW_selected/Sub01/ep02_01f",
        "sub1/EP02_01f",
    ],
)
def test_nesting_and_spelling_of_folders(tmp_path, folder):
    one_row(tmp_path)
    picture(tmp_path / folder, "img8.jpg", "img9.jpg", "img10.jpg", "img11.jpg", "img12.jpg")
    (clip,) = read_dataset("casme2", tmp_path)
    # Natural order, and more frames than onset to offset.
    assert clip.source.numbers == (8, 9, 10, 11, 12)
    assert len(clip.frames) == 3
    assert clip.index(10) == 2


def test_raw_and_cropped_frames_side_by_side(tmp_path):
    one_row(tmp_path)
    picture(tmp_path / "CASME2_RAW_selected/sub01/EP02_01f", "img9.jpg")
    picture(tmp_path / "Cropped-updated/Cropped/sub01/EP02_01f", "reg_img9.jpg")
    for option, part in (({}, "RAW"), ({"cropped": False}, "RAW"), ({"cropped": True}, "Cropped")):
        (clip,) = read_dataset("casme2", tmp_path, **option)
        assert part in clip.paths[0]
        assert clip.source.numbers == (9,)


def test_cropped_frames_alone_are_found_unless_raw_ones_are_asked_for(tmp_path):
    one_row(tmp_path)
    picture(tmp_path / "Cropped/sub01/EP02_01f", "reg_img9.jpg")
    assert read_dataset("casme2", tmp_path).frame["found"].tolist() == [True]
    assert read_dataset("casme2", tmp_path, cropped=False).frame["found"].tolist() == [False]


def test_a_missing_folder_raises_only_when_looked_at(tmp_path):
    one_row(tmp_path)
    table = read_dataset("casme2", tmp_path)
    assert table.frame["found"].tolist() == [False]
    with pytest.raises(DataError, match=r"sub01/EP02_01f: the frames of this clip are missing"):
        _ = table[0].frames
    table.save(tmp_path / "saved")
    again = ClipTable.load(tmp_path / "saved")
    assert again[0].onset == 9
    with pytest.raises(DataError, match="missing"):
        _ = again[0].frames


def test_frames_are_not_opened(tmp_path):
    one_row(tmp_path)
    folder = tmp_path / "CASME2_RAW_selected/sub01/EP02_01f"
    folder.mkdir(parents=True)
    (folder / "img9.jpg").write_bytes(b"no picture")
    assert read_dataset("casme2", tmp_path).frame["found"].tolist() == [True]


def test_a_clip_that_stands_twice_gets_another_id(tmp_path):
    row = ["01", "EP02_01f", None, 9, 10, 11, None, 12, "happiness"]
    sheet(tmp_path / NEW, [[*HEAD, "Estimated Emotion"], row, row])
    table = read_dataset("casme2", tmp_path)
    assert table.frame["id"].tolist() == ["sub01_EP02_01f", "sub01_EP02_01f#2"]
    assert table.frame["faults"].tolist() == ["", "another row has the name sub01_EP02_01f"]


def test_units_that_cannot_be_read_are_a_fault_of_the_row(tmp_path):
    row = ["01", "EP02_01f", None, 9, 10, 11, None, "4+smirk", "happiness"]
    sheet(tmp_path / NEW, [[*HEAD, "Estimated Emotion"], row])
    table = read_dataset("casme2", tmp_path)
    assert table[0].aus == ()
    assert table.frame["aus_text"][0] == "4+smirk"
    assert "'4+smirk'" in table.frame["faults"][0]


def test_a_heading_elsewhere_is_named_with_what_is_missing(tmp_path):
    sheet(tmp_path / NEW, [["Subject", "Filename", "Begin", "End"], ["01", "EP02_01f", 9, 11]])
    named = "missing: OnsetFrame, ApexFrame, OffsetFrame, .*nearest line has Subject, Filename, Begin"
    with pytest.raises(DataError, match=named):
        read_dataset("casme2", tmp_path)


def test_a_frame_number_that_is_none_names_its_row(tmp_path):
    row = ["01", "EP02_01f", None, "nine", 10, 11, None, 4, "happiness"]
    sheet(tmp_path / NEW, [[*HEAD, "Estimated Emotion"], row])
    with pytest.raises(DataError, match=r"20190701\.xlsx, row 0: 'nine' is no frame number"):
        read_dataset("casme2", tmp_path)


def test_the_old_format_is_refused_with_a_way_out(tmp_path):
    (tmp_path / "CASME2-coding.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(DataError, match=r"old \.xls format.*save it as \.xlsx"):
        read_dataset("casme2", tmp_path)


def test_a_damaged_table_is_refused(tmp_path):
    (tmp_path / NEW).write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match="no readable xlsx file"):
        read_dataset("casme2", tmp_path)


def test_wrong_names_get_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'casme2'"):
        read_dataset("casme22", tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'cropped'"):
        read_dataset("casme2", tmp_path, croped=True)
    with pytest.raises(DataError, match="no such folder"):
        read_dataset("casme2", tmp_path / "nowhere")


def test_the_lock_file_of_an_open_table_is_not_the_table(tmp_path):
    one_row(tmp_path)
    (tmp_path / f"~${NEW}").write_bytes(b"lock")
    assert len(read_dataset("casme2", tmp_path)) == 1


def test_the_first_sheet_with_anything_in_it_is_read(tmp_path):
    one_row(tmp_path)
    book = load_workbook(tmp_path / NEW)
    book.create_sheet("before", 0)
    book.save(tmp_path / NEW)
    assert len(read_dataset("casme2", tmp_path)) == 1


def test_the_codings_agree_in_frames_and_differ_in_the_units_of_57_clips(real_data):
    folder = real_data / "annotations"
    old, new = (read_dataset("casme2", folder, table=folder / name).frame for name in (OLD, NEW))
    for column in ("id", "onset", "apex", "offset"):
        assert old[column].fillna(-1).tolist() == new[column].fillna(-1).tolist()
    assert (old["aus"] != new["aus"]).sum() == 57
    assert not old["faults"].any()
    assert not new["faults"].any()


def test_an_apex_of_minus_one_is_none(tmp_path):
    row = ["04", "EP12_01f", None, 9, -1, 11, None, 12, "happiness"]
    sheet(tmp_path / NEW, [[*HEAD, "Estimated Emotion"], row])
    clips = read_dataset("casme2", tmp_path)
    assert clips[0].apex is None
    assert clips.frame["apex_reason"].tolist() == ["not annotated"]


def test_frames_that_the_cropped_set_lacks_are_named(real_data, tmp_path):
    # sub16 EP01_08, of whose cropped frames some are missing.
    write_tree("casme2", tmp_path, table=real_data / "annotations" / NEW, size=8, cropped=True)
    (clip,) = read_dataset("casme2", tmp_path).filter(id="sub16_EP01_08")
    with pytest.raises(DataError, match=f"no frame has the number {clip.offset}"):
        clip.index(clip.offset)
