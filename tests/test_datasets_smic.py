"""SMIC: labels from folders or from five forms of tables, camera counters, missing files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from openpyxl import Workbook
from PIL import Image

from merkit.datasets import read_dataset
from merkit.datasets.smic_tables import read_events
from merkit.errors import DataError
from merkit.simulate.native import write_tree

CROPPED, PLAIN, LONG = (
    "SMIC_HS_cropped.csv",
    "SMIC_HS_onset_apex_offset.noheader.csv",
    "smic_hs_long_apex.xlsx",
)
COUNTS = {"negative": 70, "positive": 51, "surprise": 43}
CLIPS = {
    1: 6,
    2: 6,
    3: 39,
    4: 19,
    5: 2,
    6: 4,
    8: 13,
    9: 4,
    11: 7,
    12: 9,
    13: 10,
    14: 10,
    15: 4,
    18: 7,
    19: 2,
    20: 22,
}


@pytest.fixture(scope="module")
def tree(real_data, tmp_path_factory):
    """The folders of the real clips, without pictures but for one file each."""
    root = tmp_path_factory.mktemp("smic")
    write_tree("smic-hs", root, table=real_data / "annotations" / CROPPED, size=8, frames="none")
    for folder in root.glob("*/HS/*/micro/*/*"):
        (folder / "image000001.bmp").write_bytes(b"")
    return root


def picture(root: Path, folder: str, *names: str) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(root / folder / name)


def sheet(path: Path, *rows: list[object]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("table", [None, CROPPED, PLAIN])
def test_counts_from_folders_and_from_both_tables(tree, real_data, table):
    option = {} if table is None else {"table": real_data / "annotations" / table}
    clips = read_dataset("smic-hs", tree, **option)
    assert Counter(clips.labels("emotion")) == COUNTS
    assert Counter(int(subject[1:]) for subject in clips.frame["subject"]) == CLIPS
    assert clips.frame["found"].all()
    assert set(clips.frame["table_version"]) == {
        {None: "folders", CROPPED: "HS", PLAIN: "onset-apex-offset"}[table]
    }
    assert set(clips.frame["fps"]) == {100.0}
    assert set(clips.frame["apex_reason"]) == {"SMIC has no annotated apex"}
    assert all(clip.aus == () for clip in clips)


def test_both_tables_and_the_folders_name_the_same_clips(tree, real_data):
    named = [read_dataset("smic-hs", tree, table=real_data / "annotations" / t) for t in (CROPPED, PLAIN)]
    onsets = [
        dict(zip(t.frame["id"], zip(t.frame["onset"], t.frame["offset"], strict=True), strict=True))
        for t in named
    ]
    assert onsets[0] == onsets[1]
    assert onsets[0]["s1_ne_01"] == (559740, 559775)
    assert set(onsets[0]) == set(read_dataset("smic-hs", tree).frame["id"])


def test_lengths_of_the_real_clips(tree, real_data):
    frame = read_dataset("smic-hs", tree, table=real_data / "annotations" / CROPPED).frame
    length = (frame["offset"] - frame["onset"] + 1).astype(int)
    assert (length.min(), length.median(), length.max()) == (11, 33, 58)


def test_an_estimated_apex_is_no_annotation(tree, real_data):
    clips = read_dataset("smic-hs", tree, table=real_data / "annotations" / PLAIN)
    assert clips[0].apex is None
    assert clips.frame["apex_estimate"][0] == 559753


@pytest.mark.parametrize(
    "folder",
    [
        "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01",
        "SMIC/SMIC_all_raw/HS/s01/micro/Negative/s01_ne_01",
        "HS/s1/negative/s1_ne_01",
        "s1/s1_ne_01",
    ],
)
def test_nesting_and_zeros_in_names(tmp_path, folder):
    picture(tmp_path, folder, "image999999.bmp", "image1000000.bmp")
    (clip,) = read_dataset("smic-hs", tmp_path)
    assert (clip.id, clip.subject, clip.emotion) == ("s1_ne_01", "s01", "negative")
    # Six and seven digits: in order of numbers, not of letters.
    assert clip.source.numbers == (999999, 1000000)
    assert len(clip.frames) == 2


def test_clips_come_in_order_of_subjects(tmp_path):
    for name in ("s10_ne_01", "s2_po_02", "s2_po_01", "s1_sur_01"):
        picture(tmp_path, f"HS/{name.split('_')[0]}/micro/x/{name}", "image1.bmp")
    ids = read_dataset("smic-hs", tmp_path).frame["id"].tolist()
    assert ids == ["s1_sur_01", "s2_po_01", "s2_po_02", "s10_ne_01"]


def test_parts_side_by_side_do_not_mix(tmp_path):
    for part, digits in (("HS", "image559740.bmp"), ("VIS", "image13990.bmp"), ("NIR", "image13991.bmp")):
        for kind in ("raw", "cropped"):
            name = digits if kind == "raw" else f"reg_{digits}"
            picture(tmp_path, f"SMIC_all_{kind}/{part}/s20/micro/surprise/s20_sur_01", name)
    for name, fps in (("smic-hs", 100.0), ("smic-vis", 25.0), ("smic-nir", 25.0)):
        for cropped in (None, False, True):
            (clip,) = read_dataset(name, tmp_path, cropped=cropped)
            assert f"/{name[5:].upper()}/" in clip.paths[0]
            assert ("SMIC_all_cropped" in clip.paths[0]) is bool(cropped)
            assert clip.fps == fps


def test_another_part_is_not_taken_for_the_one_asked_for(tmp_path):
    picture(tmp_path, "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01", "image1.bmp")
    with pytest.raises(DataError, match="neither clips of smic-vis"):
        read_dataset("smic-vis", tmp_path)


def test_an_empty_folder_counts_as_missing(tmp_path):
    # s18_sur_03 of the cropped set.
    (tmp_path / "HS/s18/micro/surprise/s18_sur_03").mkdir(parents=True)
    clips = read_dataset("smic-hs", tmp_path)
    assert clips.frame["found"].tolist() == [False]
    assert clips.frame["faults"].tolist() == ["its folder is empty"]


def test_frames_missing_from_a_clip_are_known_by_number(tmp_path):
    # As in s3_sur_01: onset + i would be another frame.
    picture(tmp_path, "HS/s3/micro/surprise/s3_sur_01", "image308860.bmp", "image308862.bmp")
    (tmp_path / CROPPED).write_text(
        "Subject,Filename,OnsetFrame,OffsetFrame,Estimated Emotion\r\n3,s3_sur_01,308860,308862,surprise\r\n"
    )
    (clip,) = read_dataset("smic-hs", tmp_path)
    assert (clip.index(308862), clip.n_frames) == (1, 2)
    with pytest.raises(DataError, match="no frame has the number 308861"):
        clip.index(308861)


def test_a_label_that_contradicts_the_folder_is_a_fault(tmp_path):
    picture(tmp_path, "HS/s1/micro/positive/s1_ne_01", "image1.bmp")
    clips = read_dataset("smic-hs", tmp_path)
    assert clips[0].emotion == "negative"
    assert clips.frame["faults"].tolist() == ["lies in the folder positive, labelled negative"]


def test_long_clips_with_the_real_table(real_data, tmp_path):
    write_tree("smic-hs-long", tmp_path, table=real_data / "annotations" / LONG, size=8)
    clips = read_dataset("smic-hs-long", tmp_path)
    assert Counter(clips.labels("emotion")) == COUNTS
    missing = {"s3_ne_03", "s3_ne_20", "s4_ne_05", "s4_ne_06", "s9_sur_02"}
    assert set(clips.frame["id"][~clips.frame["found"].astype(bool)]) == missing
    repaired = {clip.id: clip.offset for clip in clips if clip.repairs}
    assert set(repaired) == missing | {"s1_ne_02", "s2_sur_05"}
    assert repaired["s1_ne_02"] == 563885
    assert not any(clips.frame["faults"])
    plain = read_dataset("smic-hs-long", tmp_path, repair=False)
    assert {clip.id for clip in plain if clip.offset is None} == set(repaired)
    assert Counter(plain.frame["faults"]) == {"": 157, "offset not annotated": 7}


HEAD_2019 = ["Subject", "Filename", "OnsetF", "OffsetF", "TotalMF1", "Emotion", "FirstF", "LastF", "TotalVL"]
HEAD_2019 += ["Onset2F", "Offset2F", "TotalMF2", "Onset3F", "Offset3F", "TotalMF3"]


def test_several_events_in_a_row_of_the_2019_table(tmp_path):
    picture(tmp_path, "HS_long/SMIC_HS_E/s03/s3_ne_03", "image302370.jpg", "image302380.jpg")
    row = [3, "s3_ne_03", 302370, 302380, 11, "negative", 302000, 303000, 1001, 302500, 302520, 21]
    sheet(tmp_path / "SMIC-HS-E_annotation_2019.xlsx", HEAD_2019, row)
    clips = read_dataset("smic-hs-long", tmp_path)
    assert clips.frame["id"].tolist() == ["s3_ne_03", "s3_ne_03#2"]
    assert [(clip.onset, clip.offset) for clip in clips] == [(302370, 302380), (302500, 302520)]
    assert clips.frame["found"].all()
    assert set(clips.frame["row"]) == {0}


def test_the_spotting_table_with_three_columns_an_event(tmp_path):
    head = [
        "subject",
        "video",
        "video_name",
        "fps",
        "NumME",
        "StartFrame",
        "EndFrame",
        "ME_Type",
        "onset",
        "offset",
    ]
    rows = [
        [1, 1, "s1_ne_01", 100, 1, 1, 900, "s1_ne_01", 10, 20],
        [1, 2, "s1_po_02", 100, 2, 1, 900, "s1_po_02", 30, 40, "s1_sur_03", 50, 60],
        [1, 3, "s1_po_04", 100, 0, 1, 900],
    ]
    events, version = read_events(sheet(tmp_path / "SMIC_HS_E_spotting.xlsx", head, *rows))
    assert version == "HS-E spotting"
    found = [(e.name, e.count, e.onset, e.offset, e.emotion) for e in events]
    assert found == [
        ("s1_ne_01", 1, 10, 20, "negative"),
        ("s1_po_02", 1, 30, 40, "positive"),
        ("s1_po_02", 2, 50, 60, "surprise"),
    ]


def test_a_table_that_is_none_is_refused(tmp_path):
    (tmp_path / "other.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(DataError, match="no line is a heading"):
        read_dataset("smic-hs", tmp_path, table="other.csv")


def test_camera_counters_have_six_to_eight_digits(tree, real_data):
    clips = read_dataset("smic-hs", tree, table=real_data / "annotations" / CROPPED)
    digits = Counter(len(f"{clip.onset:06d}") for clip in clips)
    assert digits == {6: 123, 7: 17, 8: 24}


def test_a_table_that_pads_the_subject_finds_the_folders(tmp_path):
    picture(tmp_path, "HS/s1/micro/negative/s1_ne_01", "image1.bmp", "image2.bmp")
    (tmp_path / CROPPED).write_text("Subject,Filename,OnsetFrame,OffsetFrame\n1,s01_ne_01,1,2\n")
    clips = read_dataset("smic-hs", tmp_path)
    assert (clips[0].id, clips[0].emotion, clips.frame["found"][0]) == ("s1_ne_01", "negative", True)


def test_eleven_rows_of_the_long_table_differ_from_that_of_the_clips(real_data):
    folder = real_data / "annotations"
    long = read_dataset("smic-hs-long", folder, table=folder / LONG, repair=False)
    short = {clip.id: (clip.onset, clip.offset) for clip in read_dataset("smic-hs", folder)}
    differing = [clip for clip in long if short[clip.id] != (clip.onset, clip.offset)]
    assert (len(differing), sum(clip.offset is None for clip in differing)) == (11, 7)


@pytest.mark.parametrize("gone", ["OnsetF", "OffsetF"])
def test_a_table_without_onset_or_offset_is_refused(tmp_path, gone):
    head = [f"my {name}" if name == gone else name for name in HEAD_2019]
    row = [3, "s3_ne_03", 302370, 302380, 11, "negative", 302000, 303000, 1001]
    sheet(tmp_path / "SMIC-HS-E_annotation_2019.xlsx", head, row)
    with pytest.raises(DataError, match=f"missing: .*{gone}"):
        read_dataset("smic-hs-long", tmp_path)
