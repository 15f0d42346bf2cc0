"""Simulated datasets: is what readers find what was planted, and the same however it was made?"""

from __future__ import annotations

import errno
import itertools
import json
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_digests import digests

from merkit.datasets import read_dataset
from merkit.datasets.doctor import examine
from merkit.errors import ConfigError, DataError, MerkitError
from merkit.protocols.label_counts import label_counts
from merkit.simulate import read_truths, settings_like, simulate_dataset, simulate_table
from merkit.simulate.dataset.imitate import LIKE
from merkit.simulate.dataset.plan import plan
from merkit.simulate.dataset.studio import note
from merkit.simulate.dataset.subjects import deal, deal_evenly, draw_subject

SMALL: dict[str, Any] = {"engine": "portrait", "size": 72, "subjects": 2, "clips": 1, "seed": 4}
LONG: dict[str, Any] = {**SMALL, "duration_s": 8, "micro": 1, "macro": 1}
CASES: dict[str, dict[str, Any]] = {
    "manifest": {**SMALL, "fps": 50},
    "manifest-jpg": {**SMALL, "fps": 50, "quality": 80, "camera": {"grey": True}},
    "manifest-mp4": {**LONG, "fps": 25, "videos": True, "subjects": 1},
    "casme2": {**SMALL, "like": "casme2"},
    "smic-hs": {**SMALL, "like": "smic-hs"},
    "samm": {**SMALL, "like": "samm", "subjects": 1},
    "casme-sq": {**LONG, "like": "casme-sq", "subjects": 1},
    "samm-lv": {**SMALL, "like": "samm-lv", "duration_s": 2, "micro": 1, "macro": 0, "subjects": 1},
}


def name_of(case: str) -> str:
    return case.split("-")[0] if case.startswith("manifest") else case


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One dataset of every form."""
    root = tmp_path_factory.mktemp("trees")
    for case, options in CASES.items():
        simulate_dataset(root / case, workers=1, **options)
    return {case: root / case for case in CASES}


# What readers find


@pytest.mark.parametrize("case", CASES)
def test_readers_find_what_was_planted(case: str, trees: dict[str, Path]) -> None:
    table, truths = read_dataset(name_of(case), trees[case]), read_truths(trees[case])
    assert sorted(table.frame["id"]) == sorted(truths)
    coded = name_of(case) != "smic-hs"
    for clip, (_, row) in zip(table, table.frame.iterrows(), strict=True):
        truth = truths[clip.id]
        planted = truth.clip
        marks = (planted["onset"], planted["apex"], planted["offset"])
        assert (clip.onset, clip.apex if coded else row["apex_estimate"], clip.offset) == marks
        assert (clip.emotion or "") == planted["emotion"]
        assert "+".join(clip.aus) == (planted["action_units"] if coded else "")
        assert clip.subject == planted["subject"]
        assert clip.fps == truth.performance.fps
        assert len(clip.source) == truth.performance.n_frames
        assert clip.index(planted["apex"]) == truth.event.apex_frame
        assert row.get("kind", planted["kind"]) == planted["kind"]


@pytest.mark.parametrize("case", CASES)
def test_the_doctor_finds_no_fault_and_misses_a_lost_clip(
    case: str, trees: dict[str, Path], tmp_path: Path
) -> None:
    sound = examine(name_of(case), trees[case], label_counts=label_counts, pixels=case == "casme2")
    assert [finding for finding in sound.findings if finding.severity != "note"] == []
    assert sound.n_missing == 0
    assert sound.expected["total"]["clips"] == sound.clips
    spoilt = shutil.copytree(trees[case], tmp_path / case)
    place = json.loads(next((spoilt / "truth").glob("*.json")).read_text())["frames"]["place"]
    (shutil.rmtree if (spoilt / place).is_dir() else os.remove)(spoilt / place)
    assert examine(name_of(case), spoilt, label_counts=label_counts).n_missing > 0


@pytest.mark.parametrize("case", CASES)
def test_memory_holds_what_files_hold(case: str, trees: dict[str, Path]) -> None:
    stored, made = read_dataset(name_of(case), trees[case]), simulate_table(**CASES[case])
    columns = ["id", "dataset", "subject", "fps", "onset", "apex", "offset", "emotion", "aus"]
    columns += ["objective_class"]
    assert made.frame[columns].to_dict("records") == stored.frame[columns].to_dict("records")
    on_disk, in_memory = stored[0], made[0]
    assert in_memory.source.numbers == on_disk.source.numbers
    assert in_memory.source.shape == on_disk.source.shape
    apart = np.abs(on_disk.source[3].astype(int) - in_memory.source[3])
    assert apart.max() == 0 if case != "manifest-mp4" else apart.mean() < 3
    np.testing.assert_array_equal(made.truths[in_memory.id].flow, read_truths(trees[case])[on_disk.id].flow)


def test_clips_have_context_where_the_datasets_have(trees: dict[str, Path]) -> None:
    for clip in read_dataset("casme2", trees["casme2"]):
        # 0.1 to 0.3 s at 200 frames a second.
        assert 20 <= clip.index(clip.onset) <= 60
        assert 20 <= len(clip.source) - 1 - clip.index(clip.offset) <= 60
    for clip in read_dataset("smic-hs", trees["smic-hs"]):
        assert (clip.index(clip.onset), clip.index(clip.offset)) == (0, len(clip.source) - 1)


def test_the_truth_says_everything(trees: dict[str, Path]) -> None:
    truth = next(iter(read_truths(trees["casme2"]).values()))
    about = truth.about
    assert about["camera"]["noise"] == pytest.approx(2.0, rel=0.16)
    assert about["camera"]["shutter_s"] == 0.0025
    assert about["engine"]["picture"] == "skimage.data.astronaut"
    assert about["frames"]["encoding"] == {"suffix": ".jpg", "quality": 95, "crf": None}
    assert about["seed"][0] == 4
    assert truth.landmarks.shape == (truth.performance.n_frames, 468, 2)
    assert truth.flow.shape == (72, 72, 2)
    assert truth.visible.mean() > 0.9
    # The skin moves about as far as was planted; head and further units add to the strongest one.
    longest = np.hypot(*np.moveaxis(truth.flow, 2, 0)).max()
    assert 0.8 * truth.event.peak_px < longest < truth.event.peak_px + 2
    assert str(trees["casme2"]) not in json.dumps(about)


def test_the_flow_of_every_frame_can_be_kept(tmp_path: Path) -> None:
    simulate_dataset(tmp_path / "a", workers=1, truth="flow", **{**CASES["manifest"], "subjects": 1})
    (truth,) = read_truths(tmp_path / "a").values()
    flows, event = truth.arrays["flows"], truth.event
    assert flows.shape == (truth.performance.n_frames, 72, 72, 2)
    assert np.abs(flows[event.onset_frame]).max() < 1e-3
    np.testing.assert_allclose(flows[event.apex_frame], truth.flow, atol=4e-3)
    np.testing.assert_array_equal(truth.arrays["visibles"][event.apex_frame], truth.visible)
    assert truth.about["frames"]["reference_for_flows"] == truth.clip["onset"]


# Same seed, same bytes


def test_the_number_of_workers_changes_no_byte(trees: dict[str, Path], tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    simulate_dataset(tmp_path / "two", workers=2, on_progress=lambda *a: told.append(a), **CASES["manifest"])
    assert digests(tmp_path / "two") == digests(trees["manifest"])
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1] == len(list((tmp_path / "two").rglob("*.png")))


def test_another_seed_gives_other_people_and_clips() -> None:
    one, other = (plan(settings_like(**{**CASES["casme2"], "seed": seed})) for seed in (4, 5))
    assert [unit.subject for unit in one] != [unit.subject for unit in other]
    assert [unit.n_frames for unit in one] != [unit.n_frames for unit in other]


def test_a_clip_does_not_depend_on_how_many_there_are() -> None:
    few = simulate_table(**{**CASES["manifest"], "classes": ["surprise"]})
    many = simulate_table(**{**CASES["manifest"], "classes": ["surprise"], "subjects": 3, "clips": 2})
    np.testing.assert_array_equal(few[0].source.read(0, 2), many[0].source.read(0, 2))


def test_tables_in_memory_can_be_sent_and_kept(tmp_path: Path) -> None:
    lazy = simulate_table(**CASES["manifest"])
    clip = pickle.loads(pickle.dumps(lazy[1]))
    np.testing.assert_array_equal(clip.source.read(5, 7), lazy[1].source.read(5, 7))
    assert clip.blind().paths == ()
    kept = simulate_table(lazy=False, workers=1, **CASES["manifest"])
    np.testing.assert_array_equal(kept[1].frames, lazy[1].frames)
    kept.save(tmp_path / "table")


# Stopped and typed again


def test_finished_clips_are_not_filmed_again(
    tmp_path: Path, trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shutil.copytree(trees["casme2"], tmp_path / "out")
    kept, lost = sorted((out / "truth").glob("*.json"))
    # What a kill leaves: a draft, frames without truth, no table.
    lost.unlink()
    (out / ".draft-00000000").mkdir()
    (out / ".draft-00000000" / "img1.jpg").write_bytes(b"half")
    (out / "CASME2-coding-20190701.xlsx").unlink()
    before = kept.stat().st_ino
    written = simulate_dataset(out, workers=1, **CASES["casme2"])
    assert written.resumed == 1
    assert kept.stat().st_ino == before
    assert digests(out) == digests(trees["casme2"])


def test_a_clip_with_a_lost_frame_is_filmed_again(tmp_path: Path, trees: dict[str, Path]) -> None:
    out = shutil.copytree(trees["manifest"], tmp_path / "out")
    next(out.rglob("*.png")).unlink()
    assert simulate_dataset(out, workers=1, **CASES["manifest"]).resumed == 1
    assert digests(out) == digests(trees["manifest"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"noise": 1.0}, "noise 2.0, this one has 1.0"),
        ({"seed": 5}, "seed 4, this one has 5"),
        ({"subjects": 3}, "subjects 2, this one has 3"),
        ({"difficulty": "hard"}, 'difficulty "medium", this one has "hard"'),
    ],
)
def test_a_folder_of_other_settings_is_refused(
    change: dict[str, Any], says: str, trees: dict[str, Path]
) -> None:
    before = digests(trees["casme2"])
    with pytest.raises(ConfigError, match=says):
        simulate_dataset(trees["casme2"], **{**CASES["casme2"], **change})
    assert digests(trees["casme2"]) == before


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**CASES["manifest"], "fps": 25}
    write, room = Path.write_bytes, plan(settings_like(**options))[0].n_frames + 5
    frames = 0

    def full(self: Path, data: bytes) -> int:
        nonlocal frames
        frames += self.suffix == ".png"
        if frames > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        DataError, match=r"frames/p02_1: cannot be written, the disk is full; free some"
    ) as said:
        simulate_dataset(tmp_path / "out", workers=1, **options)
    assert "\n" not in str(said.value)
    # The first clip is whole and stays, of the second there is nothing.
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "frames",
        "simulation.json",
        "truth",
    ]
    assert [path.name for path in (tmp_path / "out" / "frames").iterdir()] == ["p01_1"]
    monkeypatch.undo()
    assert simulate_dataset(tmp_path / "out", workers=1, **options).resumed == 1


def test_a_disk_that_is_full_from_the_start_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("merkit.simulate.dataset.write.encode", lambda *a: b"")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MerkitError, match="disk is full"):
        simulate_dataset(tmp_path / "out", workers=1, **CASES["manifest"])
    assert not (tmp_path / "out").exists()


# What will not do


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"subjects": 0}, "subjects: 0 is outside"),
        ({"subjects": 2.5}, "subjects: 2.5 is no whole number"),
        ({"clips": 0}, "clips: 0 is outside"),
        ({"fps": 0}, "fps: 0.0 is outside 25 to 500"),
        ({"fps": 5000}, "fps: 5000.0 is outside 25 to 500"),
        ({"size": 8}, "size: 8 is outside"),
        ({"size": (100, 200, 3)}, "neither one number nor"),
        ({"noise": -1}, "camera noise: -1 is outside"),
        ({"noise": 1, "camera": {"noise": 2}}, "noise: is given twice"),
        ({"seed": -1}, "seed: -1"),
        ({"like": "casme"}, "like: 'casme' is not known"),
        ({"like": "samm", "fps": 100}, "samm has 200"),
        ({"like": "casme-sq", "subjects": 23}, "23 is outside 1 to 22"),
        ({"like": "casme-sq", "clips": 10}, "has names for 9"),
        ({"like": "casme2", "videos": True}, "casme2 holds clips"),
        ({"like": "smic-hs", "quality": 80}, "quality: is for .jpg files, these are .bmp"),
        ({"quality": 0}, "quality: 0 is outside 1 to 100"),
        ({"classes": ["joy"]}, "'joy' is no class"),
        ({"like": "casme2", "classes": ["supprise"]}, "did you mean 'surprise'"),
        ({"engine": "heads"}, "did you mean 'head'"),
        ({"difficulty": "harder"}, "did you mean 'hard'"),
        ({"truth": "all"}, "truth: 'all'"),
        ({"duration_s": 5}, "duration: is for long videos"),
        ({"form": "native"}, "say which with like"),
        ({"head": "head.npz"}, "has no use for it"),
        ({"videos": True, "truth": "flow"}, "is for clips"),
        ({"workers": 0}, "workers: 0"),
        ({"colour": 1}, "there is no such option"),
    ],
)
def test_impossible_settings_get_one_line_and_no_folder(
    change: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        simulate_dataset(tmp_path / "out", **{**SMALL, **change})
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_pictures_that_will_not_do_get_one_line_and_no_folder(tmp_path: Path) -> None:
    from PIL import Image
    from skimage.data import astronaut

    (tmp_path / "text.png").write_text("not a picture")
    Image.new("RGB", (200, 200), (90, 120, 60)).save(tmp_path / "meadow.png")
    Image.new("RGB", (3, 3)).save(tmp_path / "tiny.png")
    Image.fromarray(astronaut()[60:180, 170:280]).save(tmp_path / "close.png")
    for name, reason in (
        ("none.png", "no such file"),
        ("text.png", "not a picture"),
        ("meadow.png", "no face was found"),
        ("tiny.png", "no face was found"),
        ("close.png", "too little around the face"),
    ):
        with pytest.raises(DataError, match=rf"{name}.*{reason}") as refused:
            simulate_dataset(tmp_path / "out", faces=[tmp_path / name], **SMALL)
        assert "\n" not in str(refused.value)
        assert not (tmp_path / "out").exists()


def test_places_that_will_not_do_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("")
    for place, reason in (("file", "a file and a folder"), ("full", "holds thesis.doc"), ("file/x", "file")):
        with pytest.raises(DataError, match=reason):
            simulate_dataset(tmp_path / place, **SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


@pytest.mark.parametrize("content", [None, b"no head"])
def test_a_missing_or_damaged_head_is_said_in_one_line(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "head.npz"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(DataError, match=r"head\.npz") as refused:
        simulate_dataset(tmp_path / "out", engine="head", head=place, subjects=1, clips=1)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()
    monkeypatch.setenv("MERKIT_HEAD", str(tmp_path / "nowhere.npz"))
    with pytest.raises(DataError, match="--engine portrait"):
        settings_like()


# People and classes


def test_people_differ_in_everything() -> None:
    people = [draw_subject(0, number, (60.0, 70.0)) for number in range(40)]
    assert people == [draw_subject(0, number, (60.0, 70.0)) for number in range(40)]
    for name in ("identity", "face_px", "expressive", "noise", "sway", "brightness"):
        assert len({getattr(person, name) for person in people}) > 35, name
    assert {person.mirrored for person in people} == {False, True}
    assert all(60 <= person.face_px <= 70 for person in people)


def test_people_of_one_picture_are_said_to_look_alike() -> None:
    assert "look alike" in note(settings_like(**SMALL))
    assert note(replace(settings_like(**SMALL), subjects=1)) == ""


def test_portraits_of_a_folder_go_round(tmp_path: Path) -> None:
    from PIL import Image
    from skimage.data import astronaut

    for name, picture in (("a.png", astronaut()), ("b.png", astronaut()[:, ::-1])):
        Image.fromarray(np.ascontiguousarray(picture)).save(tmp_path / name)
    table = simulate_table(**{**CASES["manifest"], "faces": sorted(tmp_path.iterdir()), "subjects": 3})
    shown = [table.truths[clip.id].about["engine"]["picture"] for clip in table]
    assert shown == ["a.png", "b.png", "a.png"]


@given(
    shares=st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 99), min_size=1),
    subjects=st.integers(1, 9),
    clips=st.integers(1, 9),
)
def test_classes_are_dealt_as_often_as_they_should(shares: dict[str, int], subjects: int, clips: int) -> None:
    total, n = sum(shares.values()), subjects * clips
    dealt = deal({name: w / total for name, w in shares.items()}, subjects, clips, np.random.default_rng(0))
    assert [len(mine) for mine in dealt] == [clips] * subjects
    drawn = list(itertools.chain.from_iterable(dealt))
    for name, weight in shares.items():
        if n >= len(shares):
            assert drawn.count(name) >= 1
        # Nobody gets more than a clip off, apart from those that give to classes with none.
        assert drawn.count(name) <= weight / total * n + 1
    even = deal_evenly(list(shares), subjects, clips, np.random.default_rng(0))
    counts = [list(itertools.chain.from_iterable(even)).count(name) for name in shares]
    assert max(counts) - min(counts) <= 1
    assert all(max(map(mine.count, shares)) - min(map(mine.count, shares)) <= 1 for mine in even)


@pytest.mark.parametrize("like", LIKE)
def test_classes_are_those_of_the_dataset(like: str) -> None:
    many = {"subjects": 8, "clips": 9} if like in ("casme2", "smic-hs", "samm") else {"subjects": 2}
    units = plan(settings_like(like, engine="portrait", size=72, seed=1, **many))
    emotions = {name for unit in units for name in unit.emotions}
    expected = {
        "casme2": {"happiness", "disgust", "surprise", "repression", "others", "sadness", "fear"},
        "smic-hs": {"negative", "positive", "surprise"},
        "samm": {"Anger", "Happiness", "Surprise", "Contempt", "Disgust", "Fear", "Sadness", "Other"},
        "casme-sq": {"negative", "positive", "surprise", "others"},
        "samm-lv": {""},
    }[like]
    assert emotions <= expected
    if like in ("casme2", "smic-hs", "samm"):
        assert emotions == expected
