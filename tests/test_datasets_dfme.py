"""DFME: three parts, three rates, and ten thousand clips without touching a frame."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from merkit.clips import ClipTable
from merkit.datasets import read_dataset
from merkit.errors import AnnotationError, ConfigError, DataError
from merkit.simulate.native import write_tree
from merkit.video.sources import FolderFrames

HEADING = "Subject,Filename,OnsetFrame,ApexFrame,OffsetFrame,Emotion,EmotionId,Fps,AU\n"


@pytest.fixture(scope="module")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> ClipTable:
    root = tmp_path_factory.mktemp("dfme")
    table = real_data / "annotations" / "DFME_training_full_with_AU.xlsx"
    return read_dataset("dfme", write_tree("dfme", root, table=table, frames="none"))


class TestRealTable:
    def test_counts(self, real: ClipTable) -> None:
        frame = real.frame
        assert Counter(frame["emotion"]) == {
            "disgust": 548,
            "surprise": 298,
            "sadness": 278,
            "fear": 265,
            "happiness": 206,
            "anger": 161,
            "contempt": 100,
        }
        assert Counter(frame["fps"]) == {500: 695, 300: 605, 200: 556}
        assert len(set(real.groups())) == 176
        assert set(frame["part"]) == {"train"}
        assert frame["filename"].is_unique
        assert frame["found"].all()

    def test_frame_numbers_start_at_zero_and_are_in_order(self, real: ClipTable) -> None:
        frame = real.frame
        assert (frame["onset"] == 0).sum() == 883
        assert not frame["apex"].isna().any()
        lengths = frame["offset"] - frame["onset"] + 1
        assert (lengths.min(), lengths.median(), lengths.max()) == (19, 124, 271)

    def test_one_rate_a_person(self, real: ClipTable) -> None:
        assert real.frame.groupby("subject")["fps"].nunique().max() == 1

    def test_descriptors_and_head_movements_parse(self, real: ClipTable) -> None:
        units = {unit for cell in real.frame["aus"] for unit in cell}
        assert {"AD31", "AD38", "AD39", "M57", "M58"} <= units
        assert not real.frame["faults"].any()


@pytest.mark.parametrize("variant", ["train", "testA", "testB", "challenge"])
def test_frames_of_every_part(tmp_path: Path, variant: str) -> None:
    write_tree("dfme", tmp_path, clips=6, variant=variant)
    clips = read_dataset("dfme", tmp_path)
    parts = {"testA": "test A", "testB": "test B"}
    assert set(clips.frame["part"]) == {parts.get(variant, "train")}
    for clip in clips:
        assert clip.onset is not None
        assert clip.offset is not None
        assert len(clip.frames) == clip.offset - clip.onset + 1


def test_parts_in_one_folder_are_read_together_or_one_alone(tmp_path: Path) -> None:
    for part, subject in (("training", "sub0001"), ("testA", "sub0002"), ("testB", "sub0003")):
        line = f"{subject},{subject}_01,0,5,9,anger,0,200,4\n"
        (tmp_path / f"{part}_full_with_AU.csv").write_text(HEADING + line)
    clips = read_dataset("dfme", tmp_path)
    assert clips.frame["part"].tolist() == ["train", "test A", "test B"]
    assert clips.frame["row"].tolist() == [0, 1, 2]
    assert set(clips.frame["table_version"]) == {"train + test A + test B"}
    assert read_dataset("dfme", tmp_path, part="test A").frame["subject"].tolist() == ["sub0002"]
    with pytest.raises(ConfigError, match="expected train, test A, test B"):
        read_dataset("dfme", tmp_path, part="validation")


def test_fewer_columns_leave_the_rest_missing(tmp_path: Path) -> None:
    (tmp_path / "training.csv").write_text(
        "Filename,OnsetFrame,ApexFrame,OffsetFrame,EmotionId\nsub0003_01,0,5,9,2\n"
    )
    clip = read_dataset("dfme", tmp_path)[0]
    assert (clip.subject, clip.emotion, clip.fps, clip.aus) == ("sub0003", "disgust", None, ())


def test_emotion_that_contradicts_its_number_is_said(tmp_path: Path) -> None:
    table = tmp_path / "training.csv"
    table.write_text(HEADING + "sub0003,sub0003_01,0,5,9,fear,2,200,4\n")
    assert read_dataset("dfme", tmp_path).frame["faults"][0] == "emotion fear, but EmotionId 2 is disgust"
    table.write_text(HEADING + "sub0003,sub0003_01,0,5,9,fear,9,200,4\n")
    with pytest.raises(AnnotationError, match="row 0: EmotionId 9; expected 0 to 6"):
        read_dataset("dfme", tmp_path)


def test_no_table_says_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no annotation table like training_full_with_AU"):
        read_dataset("dfme", tmp_path)


def large_release(root: Path, n: int) -> Path:
    """A table of n rows and as many empty folders."""
    people = [f"sub{i // 15:04d}" for i in range(n)]
    lines = [f"{who},{who}_{i % 15:02d},{i % 9},30,90,disgust,2,200,4+7" for i, who in enumerate(people)]
    (root / "DFME_train").mkdir(parents=True)
    (root / "training.csv").write_text(HEADING + "\n".join(lines))
    for line in lines:
        (root / "DFME_train" / line.split(",")[1]).mkdir()
    return root


def test_reading_never_opens_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: FolderFrames) -> None:
        raise AssertionError("a reader listed the frames of a clip")

    monkeypatch.setattr(FolderFrames, "files", property(refuse))
    clips = read_dataset("dfme", large_release(tmp_path, 100))
    assert clips.frame["found"].all()


def test_time_and_memory_grow_with_the_number_of_clips_and_no_faster(tmp_path: Path) -> None:
    small, large = large_release(tmp_path / "small", 500), large_release(tmp_path / "large", 4000)
    seconds = {}
    for root in (small, large):
        runs = []
        for _ in range(2):
            started = time.process_time()
            read_dataset("dfme", root)
            runs.append(time.process_time() - started)
        seconds[root] = min(runs)
    # Eight times the clips; comparing every clip with every other would take 64 times as long.
    assert seconds[large] < 24 * seconds[small]
    tracemalloc.start()
    clips = read_dataset("dfme", small)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 10,000 clips in 500 MB.
    assert peak / len(clips) < 50e3
