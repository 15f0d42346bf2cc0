"""SAMM and SAMM Long Videos: heading below text, padding that differs, faults of single rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook
from PIL import Image

from merkit.datasets import read_dataset
from merkit.datasets.tables import read_table
from merkit.errors import AnnotationError
from merkit.simulate.native import write_tree

SHORT, LONG = "SAMM_Micro_FACS_Codes_v2.xlsx", "SAMM_LongVideos_V2_Release.csv"


@pytest.fixture(scope="module")
def samm(real_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("samm")
    write_tree("samm", root, table=real_data / "annotations" / SHORT, size=8, frames="none")
    return root


@pytest.fixture(scope="module")
def long(real_data, tmp_path_factory):
    root = tmp_path_factory.mktemp("samm-lv")
    write_tree("samm-lv", root, table=real_data / "annotations" / LONG, size=8, frames="none")
    return root


def by_id(table):
    return {clip.id: clip for clip in table}


def test_counts_of_the_real_table(samm):
    table = read_dataset("samm", samm)
    assert Counter(table.labels("emotion")) == {
        "Anger": 57,
        "Other": 26,
        "Happiness": 26,
        "Surprise": 15,
        "Contempt": 12,
        "Disgust": 9,
        "Fear": 8,
        "Sadness": 6,
    }
    classes = Counter(clip.objective_class for clip in table)
    assert classes == {"1": 24, "2": 13, "3": 20, "4": 8, "5": 3, "6": 7, "7": 84}
    assert (len(table), table.frame["subject"].nunique()) == (159, 29)
    assert set(table.frame["table_version"]) == {"v2"}
    assert table.frame["found"].all()
    length = (table.frame["offset"] - table.frame["onset"] + 1).astype(int)
    assert (length.min(), length.median(), length.max()) == (30, 78, 101)


def test_subjects_keep_their_zeros(samm):
    table = read_dataset("samm", samm)
    assert {len(subject) for subject in table.frame["subject"]} == {3}
    assert table[0].subject == "006"


def test_an_apex_in_the_numbers_of_the_long_video_is_repaired(samm):
    # Frame 1896 of the long video is frame 4896 here, so 1930 is 4930.
    clip = by_id(read_dataset("samm", samm))["032_3_1"]
    assert (clip.onset, clip.apex, clip.offset) == (4896, 4930, 4970)
    assert clip.repairs[0].startswith("apex 1930 -> 4930")
    plain = read_dataset("samm", samm, repair=False)
    assert by_id(plain)["032_3_1"].apex is None
    reason = plain.frame.set_index("id")["apex_reason"]["032_3_1"]
    assert reason == "apex 1930 lies before onset 4896"


def test_an_apex_after_the_offset_that_nobody_can_repair_is_none(samm):
    table = read_dataset("samm", samm)
    assert by_id(table)["028_4_1"].apex is None
    reasons = table.frame[table.frame["apex"].isna()]
    assert reasons["apex_reason"].tolist() == ["apex 1143 lies after offset 1134"]


def test_an_apex_one_frame_after_onset_is_doubted_and_kept(samm):
    table = read_dataset("samm", samm)
    assert by_id(table)["032_3_2"].apex == 5127
    doubts = table.frame[table.frame["faults"] != ""]
    assert doubts["id"].tolist() == ["032_3_2"]
    assert "1 frame after onset" in doubts["faults"].iloc[0]


def test_exchanged_digits_of_an_offset_are_repaired_where_they_are_found(real_data, tmp_path):
    assert by_id(read_dataset("samm", real_data / "annotations"))["013_1_9"].offset == 5739
    assert by_id(read_dataset("samm", real_data / "annotations"))["013_1_9"].repairs == ()
    book = load_workbook(real_data / "annotations" / SHORT)
    for line in book.active.iter_rows(min_row=15):
        if line[1].value == "013_1_9":
            line[5].value = 5793
    book.save(tmp_path / SHORT)
    clip = by_id(read_dataset("samm", tmp_path))["013_1_9"]
    assert clip.offset == 5739
    assert clip.repairs[0].startswith("offset 5793 -> 5739")
    assert by_id(read_dataset("samm", tmp_path, repair=False))["013_1_9"].offset == 5793


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("007_6_1", ("(R6 or R12)", "R15")),
        ("007_6_5", ("(R6 or R12)", "R15")),
        ("011_4_2", ("(L12 or L14)",)),
        ("011_6_1", ("10A/B",)),
        ("014_5_2", ("(R12 or R14)",)),
        ("014_6_3", ("A/L12",)),
        ("030_1_1", ("4A/B",)),
        ("035_7_2", ("(R14A or 17A or 24A)",)),
    ],
)
def test_undecided_units_stay_undecided(samm, name, units):
    assert by_id(read_dataset("samm", samm))[name].aus == units


@pytest.mark.parametrize("nesting", ["SAMM", "SAMM/SAMM", "a/b/SAMM", "."])
def test_padding_differs_and_numbers_count(real_data, tmp_path, nesting):
    for name, files in (
        ("006_1_2", ["006_05562.jpg", "006_05588.jpg", "006_05632.jpg"]),
        ("006_2_4", ["006_0187.jpg", "006_0217.jpg", "006_0225.jpg"]),
    ):
        folder = tmp_path / nesting / "006" / name
        folder.mkdir(parents=True)
        for file in files:
            Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / file)
    table = read_dataset("samm", tmp_path, table=real_data / "annotations" / SHORT)
    clips = by_id(table)
    assert clips["006_1_2"].frame(5588).shape == (8, 8)
    assert clips["006_2_4"].index(217) == 1
    assert table.frame["found"].sum() == 2


def test_events_of_the_long_videos(long):
    table = read_dataset("samm-lv", long)
    assert Counter(table.frame["kind"]) == {"macro": 343, "micro": 159}
    assert (len(table), table.frame["subject"].nunique(), table.frame["video"].nunique()) == (502, 30, 147)
    assert set(table.frame["table_version"]) == {"V2"}
    assert table.frame["found"].all()
    assert all(clip.emotion is None for clip in table)
    first = table[0]
    assert (first.id, Path(first.paths[0]).name, first.aus) == ("006_1_1", "006_1", ("4B/C", "7B"))


def test_an_apex_of_minus_one_is_none(long):
    table = read_dataset("samm-lv", long)
    without = table.frame[table.frame["apex"].isna()]
    assert len(without) == 6
    assert set(without["apex_reason"]) == {"not annotated"}


def test_an_onset_of_zero_is_the_first_frame(long):
    table = read_dataset("samm-lv", long)
    before = [clip for clip in table if clip.repairs]
    assert len(before) == 10
    assert all(clip.onset is None for clip in before)
    plain = read_dataset("samm-lv", long, repair=False)
    assert sum(clip.onset == 0 for clip in plain) == 10
    assert sum("before the first frame" in fault for fault in plain.frame["faults"]) == 10


def test_one_name_stands_for_two_events(long):
    table = read_dataset("samm-lv", long)
    kinds = table.frame.set_index("id")["kind"]
    assert (kinds["037_4_1"], kinds["037_4_1#2"]) == ("micro", "macro")


def test_micro_events_are_the_clips_of_samm_shifted_by_the_video(samm, long):
    clips, events = by_id(read_dataset("samm", samm)), read_dataset("samm-lv", long)
    micro = events.filter(kind="micro")
    shifts: dict[str, set[int]] = {}
    for event, video in zip(micro, micro.frame["video"], strict=True):
        shifts.setdefault(video, set()).add(clips[event.id].onset - event.onset)
    assert {len(shift) for shift in shifts.values()} == {1}
    counts = Counter(clips[event.id].onset - event.onset for event in micro)
    assert (counts[0], counts[2000], counts[500], min(counts)) == (77, 15, 12, 0)


@pytest.mark.parametrize("variant", ["csv", "xlsx"])
def test_both_forms_of_the_table_of_long_videos(tmp_path, variant):
    root = write_tree("samm-lv", tmp_path, clips=4, size=8, variant=variant)
    table = read_dataset("samm-lv", root)
    assert table.frame["kind"].tolist() == ["micro", "macro", "micro", "macro"]
    assert all(clip.frames.ndim == 3 for clip in table)


def test_a_name_that_is_no_event_names_its_row(tmp_path):
    (tmp_path / LONG).write_text(
        "Subject,Filename,Onset,Apex,Offset,Type,Action Units\n006,video,1,2,3,Macro,4\n"
    )
    with pytest.raises(AnnotationError, match=r"row 0: Filename 'video' is not like 006_1_2"):
        read_dataset("samm-lv", tmp_path)


def test_frame_numbers_are_inclusive_as_the_column_of_durations_counts(real_data):
    folder = real_data / "annotations"
    durations = read_table(folder / SHORT, heading=["Subject", "Duration"])["duration"].astype(int)
    frame = read_dataset("samm", folder).frame
    assert (frame["offset"] - frame["onset"] + 1).tolist() == durations.tolist()


@pytest.mark.parametrize("version", ["V1", "V3"])
def test_other_versions_of_the_table_of_long_videos_are_told_by_their_name(tmp_path, version):
    text = "Subject,Filename,Onset,Apex,Offset,Type,Action Units\n006,006_1_1,1,2,3,Macro,4\n"
    (tmp_path / f"SAMM_LongVideos_{version}_Release.csv").write_text(text)
    assert read_dataset("samm-lv", tmp_path).frame["table_version"].tolist() == [version]


def test_a_table_without_objective_classes_is_the_first_version(tmp_path):
    heading = "Subject,Filename,Onset Frame,Apex Frame,Offset Frame,Action Units,Estimated Emotion\n"
    (tmp_path / "SAMM_Micro_FACS_Codes.csv").write_text(heading + "006,006_1_2,1,5,9,4,Anger\n")
    assert read_dataset("samm", tmp_path).frame["table_version"].tolist() == ["v1"]
