"""MMEW: with and without class folders, marks that are missing, names that carry the class."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from merkit.clips import ClipTable
from merkit.datasets import read_dataset
from merkit.datasets.mmew import CLASSES
from merkit.simulate.native import write_tree

HEADING = "Subject,Filename,OnsetFrame,ApexFrame,OffsetFrame,Action Units,Estimated Emotion,remarks\n"


def read_lines(tmp_path: Path, *lines: str) -> ClipTable:
    (tmp_path / "MMEW_Micro_Exp.csv").write_text(HEADING + "\n".join(lines))
    return read_dataset("mmew", tmp_path)


@pytest.fixture(scope="module")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> ClipTable:
    root = tmp_path_factory.mktemp("mmew")
    write_tree("mmew", root, table=real_data / "annotations" / "MMEW_Micro_Exp.csv", frames="none")
    return read_dataset("mmew", root)


class TestRealTable:
    def test_counts(self, real: ClipTable) -> None:
        assert Counter(real.frame["emotion"]) == {
            "surprise": 89,
            "disgust": 72,
            "others": 66,
            "happiness": 36,
            "fear": 16,
            "sadness": 13,
            "anger": 8,
        }
        assert len(set(real.groups())) == 30
        assert real.frame["found"].all()
        assert (real.frame["onset"] == 1).all()

    def test_lengths_and_order(self, real: ClipTable) -> None:
        lengths = real.frame["offset"] - real.frame["onset"] + 1
        assert (lengths.min(), lengths.median(), lengths.max()) == (14, 38, 77)
        assert not real.frame["apex"].isna().any()

    def test_middle_number_of_the_name_is_the_class(self, real: ClipTable) -> None:
        for clip in real:
            assert CLASSES[clip.id.split("-")[1]] == clip.emotion
        assert not real.frame["faults"].any()


@pytest.mark.parametrize("variant", ["classes", "flat"])
def test_frames_with_and_without_class_folders(tmp_path: Path, variant: str) -> None:
    write_tree("mmew", tmp_path, clips=7, variant=variant)
    for clip in read_dataset("mmew", tmp_path):
        assert clip.offset is not None
        assert len(clip.frames) == clip.offset
        assert clip.fps == 90


def test_the_owners_nesting_by_person_and_class(tmp_path: Path) -> None:
    for place in ("S03/happiness/S03-01-002", "S03/anger/S03-07-001", "S04/anger/S04-07-001"):
        (tmp_path / "MMEW" / place).mkdir(parents=True)
    names = ("S03-01-002", "S04-07-001")
    clips = read_lines(
        tmp_path, *(f"{n[1:3]},{n},1,5,9,4,{CLASSES[n[4:6]]}," for n in names), "4,S04-07-009,1,5,9,4,anger,"
    )
    assert clips.frame["found"].tolist() == [True, True, False]
    assert [Path(clip.paths[0]).name for clip in clips] == [*names, "S04-07-009"]


def test_macro_expressions_of_the_same_name_are_left_alone(tmp_path: Path) -> None:
    for kind in ("Macro_Expression", "Micro_Expression"):
        (tmp_path / "MMEW" / kind / "anger" / "S04-07-001").mkdir(parents=True)
    clips = read_lines(tmp_path, "4,S04-07-001,1,5,9,4,anger,")
    assert clips[0].paths == (str(tmp_path / "MMEW" / "Micro_Expression" / "anger" / "S04-07-001"),)


def test_missing_and_wrong_marks_of_the_native_table(tmp_path: Path) -> None:
    frame = read_lines(
        tmp_path,
        "4,S04-01-001,1,,,12,happiness,",
        "4,S04-02-002,1,80,54,1+5,surprise,",
        "4,S04-02-003,1,46,-1,1+2,surprise,",
    ).frame
    assert frame["apex"].isna().tolist() == [True, True, False]
    assert frame["apex_reason"].tolist() == ["not annotated", "apex 80 lies after offset 54", ""]
    assert frame["offset"].isna().tolist() == [True, False, True]
    assert frame["faults"][2] == "offset -1 before onset 1"


def test_emotion_that_contradicts_the_name_is_said(tmp_path: Path) -> None:
    frame = read_lines(tmp_path, "4,S04-01-001,1,5,9,12L,anger,").frame
    assert frame["faults"][0] == "emotion anger, but the name says happiness"
    assert frame["emotion"][0] == "anger"
    assert frame["aus"][0] == ("L12",)
