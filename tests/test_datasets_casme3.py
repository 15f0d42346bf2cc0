"""CAS(ME)^3: several events a video, repairs of single rows, part C without apex."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from merkit.clips import ClipTable
from merkit.datasets import read_dataset
from merkit.datasets.tables import read_table
from merkit.errors import AnnotationError, ConfigError, DataError
from merkit.simulate.native import write_tree

TABLE = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"


@pytest.fixture(scope="module")
def tree(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("casme3")
    return write_tree("casme3-a", root, table=real_data / "annotations" / TABLE, frames="none")


@pytest.fixture(scope="module")
def real(tree: Path) -> ClipTable:
    return read_dataset("casme3-a", tree)


class TestRealTable:
    def test_counts(self, real: ClipTable) -> None:
        frame = real.frame
        assert len(frame) == 860
        assert frame["found"].all()
        assert Counter(frame["emotion"]) == {
            "disgust": 250,
            "surprise": 187,
            "others": 158,
            "Others": 3,
            "fear": 86,
            "anger": 64,
            "sad": 57,
            "happy": 55,
        }
        assert Counter(frame["objective_class"]) == {
            "VII": 373,
            "III": 234,
            "II": 151,
            "V": 47,
            "IV": 37,
            "I": 15,
            "VI": 3,
        }
        assert len(set(real.groups())) == 94

    def test_videos_hold_up_to_seventeen_events(self, real: ClipTable) -> None:
        events = Counter(zip(real.frame["subject"], real.frame["video"], strict=True))
        assert len(events) == 463
        assert max(events.values()) == 17
        assert sum(n > 1 for n in events.values()) == 191
        assert real.frame["id"].is_unique

    def test_lengths(self, real: ClipTable) -> None:
        lengths = (real.frame["offset"] - real.frame["onset"] + 1).dropna()
        # 26 in the table as it stands, one of which is the wrong offset of row 708.
        assert (lengths > 100).sum() == 25
        assert lengths.min() > 0

    def test_capital_file_name_finds_the_small_folder(self, real: ClipTable) -> None:
        row = real.frame[real.frame["filename"] == "J"]
        assert row["subject"].tolist() == ["spNO.14"]
        assert row["found"].all()
        assert row["video"].tolist() == ["j"]

    @pytest.mark.parametrize(
        ("row", "marks"),
        [
            (128, (112, None, 358)),
            (708, (5, 5, 34)),
            (749, (2647, 2668, 2694)),
            (750, (1, 1, 25)),
            (796, (1812, 1824, 1845)),
            (798, (2327, 2363, 2403)),
        ],
    )
    def test_listed_faults(self, real: ClipTable, row: int, marks: tuple[int | None, ...]) -> None:
        clip = real[row]
        assert (clip.onset, clip.apex, clip.offset) == marks
        assert bool(clip.repairs) == (row != 128)
        if row == 128:
            assert real.frame["apex_reason"][row] == "apex 83 lies before onset 112"

    def test_nothing_else_is_repaired(self, real: ClipTable) -> None:
        assert [row for row, notes in enumerate(real.frame["repairs"]) if notes] == [708, 749, 750, 796, 798]

    def test_without_repair_the_faults_stay_and_are_named(self, tree: Path) -> None:
        frame = read_dataset("casme3-a", tree, repair=False).frame
        assert not any(frame["repairs"])
        assert frame["offset"][708] == 3460
        assert frame["faults"][796] == "offset 0 before onset 1812"
        assert pd.isna(frame["offset"][796])


class TestPartA:
    def test_frames_and_depth(self, tmp_path: Path) -> None:
        write_tree("casme3-a", tmp_path, clips=6)
        colour = read_dataset("casme3-a", tmp_path)
        depth = read_dataset("casme3-a", tmp_path, stream="depth")
        for one, other in zip(colour, depth, strict=True):
            assert one.n_frames == other.n_frames == len(one.frames)
            assert Path(other.paths[0]).name == "depth"

    def test_a_frame_that_is_missing_is_named_and_not_replaced(self, tmp_path: Path) -> None:
        write_tree("casme3-a", tmp_path, clips=4)
        clip = read_dataset("casme3-a", tmp_path)[0]
        assert clip.onset is not None
        (Path(clip.paths[0]) / f"{clip.onset}.jpg").unlink()
        again = read_dataset("casme3-a", tmp_path)[0]
        with pytest.raises(AnnotationError, match=f"no frame has the number {clip.onset}"):
            _ = again.frames

    def test_unknown_stream(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="expected color or depth"):
            read_dataset("casme3-a", tmp_path, stream="infrared")

    def test_table_with_expression_type_and_shade(self, tmp_path: Path) -> None:
        heading = "Subject,Filename,Onset,Apex,Offset,AU,Objective class,emotion,Expression type,shade"
        rows = [
            "spNO.1,a,5,7,9,4,III,disgust,Micro-expression,1",
            "spNO.1,a,50,70,90,12,I,happy,Macro-expression,",
        ]
        (tmp_path / "CAS(ME)3_part_A_v2.csv").write_text("\n".join([heading, *rows]))
        frame = read_dataset("casme3-a", tmp_path).frame
        assert frame["kind"].tolist() == ["micro", "macro"]
        assert frame["shade"].tolist() == ["1", None]
        assert not frame["found"].any()

    def test_old_xls_says_how_to_convert(self, tmp_path: Path) -> None:
        (tmp_path / "CAS(ME)3_part_A_v1.xls").write_bytes(b"\xd0\xcf\x11\xe0")
        with pytest.raises(DataError, match=r"save it as \.xlsx"):
            read_dataset("casme3-a", tmp_path)


class TestPartC:
    def test_events_of_one_video_without_apex(self, tmp_path: Path) -> None:
        write_tree("casme3-c", tmp_path, clips=6)
        table = read_dataset("casme3-c", tmp_path)
        assert table.frame["apex"].isna().all()
        assert set(table.frame["apex_reason"]) == {"part C has no apex"}
        for clip in table:
            assert len(clip.frames) == clip.n_frames

    def test_comma_and_full_width_comma_between_units(self, tmp_path: Path) -> None:
        write_tree("casme3-c", tmp_path, clips=3)
        by_text = dict(
            zip(*(read_dataset("casme3-c", tmp_path).frame[c] for c in ("aus_text", "aus")), strict=True)
        )
        assert by_text["4,7"] == ("4", "7")
        assert by_text["6，12"] == ("6", "12")

    @pytest.mark.parametrize("place", ["ME_C/01/2/color", "01/color/1_2", "part_C/sub01/a/color"])
    def test_other_places_of_the_frames(self, tmp_path: Path, place: str) -> None:
        table = tmp_path / "CAS(ME)3_part_C_ME.csv"
        table.write_text("sub,count,onset,offset,au,emotion,PHY\n1,2,10,20,4,negative,p1\n")
        (tmp_path / place).mkdir(parents=True)
        clips = read_dataset("casme3-c", tmp_path, table=table.name)
        assert clips.frame["found"].tolist() == [True]
        assert clips[0].paths == (str(tmp_path / place),)
        assert clips.frame["physiology"].tolist() == ["p1"]


def test_lengths_of_the_table_as_it_stands(real_data: Path) -> None:
    cells = read_table(real_data / "annotations" / TABLE, heading=["Subject", "Onset"])
    lengths = cells["offset"].astype(int) - cells["onset"].astype(int) + 1
    assert ((lengths > 100).sum(), (lengths > 30).sum()) == (26, 275)
    assert set(cells.drop(columns="row").map(type).stack()) == {str}


@pytest.mark.parametrize(
    ("heading", "version"),
    [("", "part A micro"), (",Expression type", "part A micro and macro")],
)
def test_a_table_with_macro_expressions_is_another_version(
    tmp_path: Path, heading: str, version: str
) -> None:
    columns = f"Subject,Filename,Onset,Apex,Offset,AU,emotion{heading}\n"
    (tmp_path / "CAS(ME)3_part_A_v2.csv").write_text(columns + "spNO.1,a,5,7,9,4,disgust,Macro-expression\n")
    assert read_dataset("casme3-a", tmp_path).frame["table_version"].tolist() == [version]
