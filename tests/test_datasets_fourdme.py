"""4DME: three tables, double emotions, static units, two rows with exchanged units."""

from __future__ import annotations

from pathlib import Path

import pytest

from merkit.datasets import read_dataset
from merkit.simulate.native import write_tree


@pytest.mark.parametrize("variant", ["micro", "apostrophe", "macro"])
def test_every_table_is_read_and_frames_are_found(tmp_path: Path, variant: str) -> None:
    write_tree("4dme", tmp_path, clips=6, variant=variant)
    clips = read_dataset("4dme", tmp_path)
    assert clips.frame["found"].all()
    assert set(clips.frame["table_version"]) == {"micro and macro" if variant == "macro" else "micro"}
    for clip in clips:
        assert clip.onset is not None
        assert clip.offset is not None
        assert len(clip.frames) == clip.offset - clip.onset + 1


def test_double_emotions_stay_and_flags_say_both(tmp_path: Path) -> None:
    write_tree("4dme", tmp_path, clips=6)
    frame = read_dataset("4dme", tmp_path).frame
    double = frame[frame["emotion"] == "Surprise+Positive"].iloc[0]
    flags = {name: double[f"flag_{name}"] for name in ("positive", "negative", "surprise", "others")}
    assert flags == {"positive": True, "negative": False, "surprise": True, "others": False}


def test_static_units_are_marked_and_can_be_dropped(tmp_path: Path) -> None:
    write_tree("4dme", tmp_path, clips=6)
    kept = read_dataset("4dme", tmp_path).frame.set_index("emotion")["aus"]
    dropped = read_dataset("4dme", tmp_path, static=False).frame.set_index("emotion")["aus"]
    assert kept["Others"] == ("4(k)", "7")
    assert dropped["Others"] == ("7",)
    assert dropped["Positive"] == ("6", "12")


def table_of(tmp_path: Path, n: int) -> Path:
    lines = ["sub_ID,fold_name,Emotion,Onset,Apex,Offset,AUs"]
    lines += [f"01,clip{i},Negative,10,{20 if i != 26 else 5},3000,AU{i % 28 + 1}" for i in range(n)]
    path = tmp_path / "4DME_Labelling_Micro_release v1.csv"
    path.write_text("\n".join(lines))
    return path


def test_rows_144_and_145_get_their_units_back(tmp_path: Path) -> None:
    path = table_of(tmp_path, 267)
    repaired = read_dataset("4dme", tmp_path, table=path).frame
    as_is = read_dataset("4dme", tmp_path, table=path, repair=False).frame
    assert (as_is["aus"][144], as_is["aus"][145]) == (("5",), ("6",))
    assert (repaired["aus"][144], repaired["aus"][145]) == (("6",), ("5",))
    assert repaired["repairs"][144][0].startswith("aus AU5 -> AU6: exchanged with row 145")


def test_apex_of_row_26(tmp_path: Path) -> None:
    path = table_of(tmp_path, 267)
    repaired = read_dataset("4dme", tmp_path, table=path).frame
    assert repaired["apex"][26] == 2490
    assert repaired["repairs"][26][0].startswith("apex 5 -> 2490")
    as_is = read_dataset("4dme", tmp_path, table=path, repair=False).frame
    assert as_is["apex_reason"][26] == "apex 5 lies before onset 10"


def test_another_table_is_not_repaired_by_row(tmp_path: Path) -> None:
    frame = read_dataset("4dme", tmp_path, table=table_of(tmp_path, 266)).frame
    assert not any(frame["repairs"])


def test_units_from_their_columns_where_there_is_no_text(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("sub_ID,fold_name,Emotion,Onset,Apex,Offset,AU1,AU2,AU12\n1,a,Positive,1,2,3,1,0,1\n")
    (tmp_path / "gray_micro" / "01" / "a").mkdir(parents=True)
    frame = read_dataset("4dme", tmp_path, table=table).frame
    assert frame["aus"].tolist() == [("1", "12")]
    assert frame["found"].tolist() == [True]
