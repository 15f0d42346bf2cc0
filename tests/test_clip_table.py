"""Tables of clips: choosing, joining, labels and groups, saving and loading."""

from __future__ import annotations

import json
import shutil

import media
import numpy as np
import pandas as pd
import pytest

from merkit.clips import Clip, ClipTable
from merkit.errors import AnnotationError, ConfigError, DataError

PIXELS = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


def clip(i: int, **about) -> Clip:
    given = {
        "id": f"c{i}",
        "subject": f"s{i % 3}",
        "dataset": "casme2" if i % 2 else "smic",
        "emotion": ["happy", "fear", None][i % 3],
        "onset": 1,
        "apex": None if i == 2 else 1,
        "offset": 2,
        "aus": ("4", "L12") if i else (),
    }
    return Clip.from_array(PIXELS + i, fps=200 if i else None, **{**given, **about})


@pytest.fixture
def table() -> ClipTable:
    return ClipTable.from_clips(clip(i) for i in range(6))


def same(one: Clip, other: Clip) -> bool:
    names = ("id", "subject", "dataset", "emotion", "onset", "apex", "offset", "aus", "fps", "repairs")
    assert [getattr(one, n) for n in names] == [getattr(other, n) for n in names]
    np.testing.assert_array_equal(one.frames, other.frames)
    return True


def test_a_table_gives_back_its_clips(table):
    assert len(table) == 6
    for i, one in enumerate(table):
        assert same(one, clip(i))
    assert same(table[-1], clip(5))
    assert same(table[np.int64(2)], clip(2))
    assert type(table[1].onset) is int
    with pytest.raises(IndexError):
        table[6]


def test_slices_masks_and_positions(table):
    def ids(chosen):
        return chosen.frame["id"].tolist()

    assert ids(table[1:3]) == ["c1", "c2"]
    assert ids(table[[4, 0, -1]]) == ["c4", "c0", "c5"]
    assert ids(table[table.frame["dataset"] == "smic"]) == ["c0", "c2", "c4"]
    assert ids(table[np.zeros(6, bool)]) == []
    assert same(table[3:][0], clip(3))
    with pytest.raises(ConfigError, match="mask"):
        table[np.zeros(5, bool)]


def test_filter_by_values_and_by_questions(table):
    assert table.filter(emotion="happy").frame["id"].tolist() == ["c0", "c3"]
    assert table.filter(emotion=["happy", "fear"], dataset="smic").frame["id"].tolist() == ["c0", "c4"]
    assert table.filter(lambda c: c.apex is None).frame["id"].tolist() == ["c2"]
    assert table.filter(lambda c: "4" in c.aus, lambda c: c.subject == "s0").frame["id"].tolist() == ["c3"]
    with pytest.raises(ConfigError, match="did you mean 'emotion'"):
        table.filter(emotoin="happy")


def test_labels_refuse_clips_without_one(table):
    assert table.filter(subject=["s0", "s1"]).labels("emotion").tolist() == ["happy", "fear", "happy", "fear"]
    with pytest.raises(AnnotationError, match="'c2' has no emotion"):
        table.labels("emotion")


def test_groups_keep_people_of_two_datasets_apart(table):
    assert table.groups().tolist() == ["smic/s0", "casme2/s1", "smic/s2", "casme2/s0", "smic/s1", "casme2/s2"]
    with pytest.raises(AnnotationError, match="subject"):
        ClipTable.from_clips([clip(0, subject="")]).groups()


def test_join_adds_columns_and_leaves_rows_alone(table):
    other = pd.DataFrame({"id": ["c5", "c1", "zz"], "age": [30, 40, 50]})
    joined = table.join(other)
    assert joined.frame["age"].tolist() == [None, 40, None, None, None, 30]
    assert all(same(a, b) for a, b in zip(joined, table, strict=True))
    assert joined.filter(age=40).frame["id"].tolist() == ["c1"]


def test_join_fills_an_annotation_that_is_missing_everywhere():
    bare = ClipTable.from_clips(clip(i, emotion=None) for i in range(3))
    joined = bare.join(pd.DataFrame({"id": ["c0", "c2"], "emotion": ["fear", "happy"]}))
    assert [c.emotion for c in joined] == ["fear", None, "happy"]


def test_join_refuses_what_would_overwrite_or_multiply(table):
    with pytest.raises(ConfigError, match="both tables have values in emotion"):
        table.join(pd.DataFrame({"id": ["c0"], "emotion": ["fear"]}))
    with pytest.raises(DataError, match="several rows"):
        table.join(pd.DataFrame({"id": ["c0", "c0"], "age": [1, 2]}))
    with pytest.raises(ConfigError, match="no such column"):
        table.join(pd.DataFrame({"name": ["c0"]}))


def test_join_on_several_columns(table):
    other = pd.DataFrame({"dataset": ["smic"], "subject": ["s0"], "sex": ["f"]})
    assert table.join(other, on=["dataset", "subject"]).frame["sex"].tolist() == ["f"] + [None] * 5


def test_concat_keeps_order_and_refuses_doubles(table):
    both = ClipTable.concat([table[3:], table[:3]])
    assert both.frame["id"].tolist() == ["c3", "c4", "c5", "c0", "c1", "c2"]
    assert same(both[0], clip(3))
    assert same(both[5], clip(2))
    with pytest.raises(DataError, match="'c0'"):
        ClipTable.concat([table, table[:1]])
    assert len(ClipTable.concat([])) == 0


def test_one_id_in_two_datasets_is_no_double():
    assert len(ClipTable.from_clips([clip(0, dataset="a"), clip(0, dataset="b")])) == 2


def test_changed_cells_show_in_the_clips(table):
    table.frame.loc[0, "emotion"] = "surprise"
    table.frame.loc[0, "apex"] = 2
    assert (table[0].emotion, table[0].apex) == ("surprise", 2)
    table.frame.loc[0, "apex"] = 5
    with pytest.raises(AnnotationError, match="'c0': apex 5 lies behind offset 2"):
        table[0]


@pytest.fixture
def mixed(tmp_path) -> ClipTable:
    media.write_images(tmp_path / "data" / "sub1", ["img9.png", "img10.png"])
    media.write_video(tmp_path / "data" / "film.mp4", 12)
    return ClipTable.from_clips(
        [
            clip(1, features={"flow": np.ones((2, 3), np.float32)}, repairs=("apex moved: é",)),
            Clip.from_folder(tmp_path / "data" / "sub1", 25, onset=9, offset=10, subject="1"),
            Clip.from_video(tmp_path / "data" / "film.mp4", 2, 8, 25, onset=3, offset=5, objective_class="I"),
        ]
    ).join(pd.DataFrame({"id": ["c1"], "age": [31]}))


def test_saving_and_loading_gives_the_same_table(mixed, tmp_path):
    mixed.save(tmp_path / "table")
    loaded = ClipTable.load(tmp_path / "table")
    assert all(same(a, b) for a, b in zip(mixed, loaded, strict=True))
    assert loaded.frame["age"].tolist() == [31, None, None]
    assert loaded[2].objective_class == "I"
    np.testing.assert_array_equal(loaded[0].features["flow"], np.ones((2, 3), np.float32))
    assert loaded[0].features["flow"].dtype == np.float32
    pd.testing.assert_frame_equal(loaded.frame, mixed.frame)


def test_a_table_moves_together_with_its_frames(mixed, tmp_path):
    mixed.save(tmp_path / "table")
    assert str(tmp_path) not in (tmp_path / "table" / "clips.jsonl").read_text()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("table", "data"):
        shutil.move(tmp_path / name, moved / name)
    assert [media.read_number(frame[:, :, 1]) for frame in ClipTable.load(moved / "table")[1].frames] == [
        0,
        1,
    ]


def test_frames_elsewhere_are_named_by_their_whole_path(mixed, tmp_path):
    (tmp_path / "deep").mkdir()
    mixed.save(tmp_path / "deep" / "table")
    assert ClipTable.load(tmp_path / "deep" / "table")[2].frames.shape == (3, 64, 96, 3)


def test_saving_again_replaces_the_older_table(mixed, table, tmp_path):
    mixed.save(tmp_path / "table")
    table.save(tmp_path / "table")
    assert len(ClipTable.load(tmp_path / "table")) == 6
    assert sorted(p.name for p in (tmp_path / "table").iterdir()) == ["arrays.npz", "clips.jsonl"]


def test_an_empty_table_can_be_saved(tmp_path):
    ClipTable.from_clips([]).save(tmp_path / "table")
    assert len(ClipTable.load(tmp_path / "table")) == 0


def test_blinded_clips_are_not_saved(tmp_path):
    with pytest.raises(DataError, match="blinded"):
        ClipTable.from_clips([clip(0).blind()]).save(tmp_path / "table")
    assert not (tmp_path / "table").exists()


def test_values_that_text_cannot_hold_are_refused(table, tmp_path):
    table.frame["mask"] = [np.zeros(2, complex)] * 6
    with pytest.raises(DataError, match="mask"):
        table.save(tmp_path / "table")


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "text", "other format", "no arrays", "bad arrays", "record"]
)
def test_damaged_tables_are_refused_by_name(damage, table, tmp_path):
    folder = tmp_path / "table"
    table.save(folder)
    lines = (folder / "clips.jsonl").read_text().splitlines()
    if damage == "missing":
        shutil.rmtree(folder)
    elif damage == "empty":
        (folder / "clips.jsonl").write_text("")
    elif damage == "text":
        (folder / "clips.jsonl").write_text("not json")
    elif damage == "other format":
        (folder / "clips.jsonl").write_text(json.dumps({"format": "other"}))
    elif damage == "no arrays":
        (folder / "arrays.npz").unlink()
    elif damage == "bad arrays":
        (folder / "arrays.npz").write_bytes(b"PK nothing")
    else:
        (folder / "clips.jsonl").write_text("\n".join([lines[0], json.dumps({"clip": {}})]))
    with pytest.raises(DataError, match="table") as caught:
        ClipTable.load(folder)
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written(table, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        table.save(tmp_path / "file" / "table")
