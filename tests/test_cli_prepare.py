"""``merkit prepare`` and ``merkit cache`` on a small CASME II tree, and what ``merkit evaluate`` finds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from merkit.cache import ClipCache
from merkit.cache import key as keys
from merkit.cli.main import main
from merkit.datasets import read_dataset
from merkit.evaluation.filling import fill_cache
from merkit.evaluation.job import Method
from merkit.inputs import onset_apex_flow
from merkit.simulate.native import NativeClip, write_tree

CLIPS = 4
HOW = ["--for", "flow-svm", "--set", "face=whole"]


def clips_of(subjects: int) -> list[NativeClip]:
    """Three short clips of each subject."""
    return [
        NativeClip(f"{subject:02}", f"EP{place:02}_1", 4, 7, 10, emotion, "4", first=2, last=12)
        for subject in range(1, subjects + 1)
        for place, emotion in enumerate(("happiness", "disgust", "surprise"), 1)
    ]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    return write_tree("casme2", tmp_path_factory.mktemp("casme2"), clips=clips_of(2)[:CLIPS], size=32)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MERKIT_CLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MERKIT_CLIP_CACHE_SIZE", raising=False)
    # Other processes see the code as it is now, which somebody may have edited since these tests began.
    keys._code_with.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def measured(monkeypatch) -> list[str]:
    """Filled with the clips whose flow is measured."""
    seen: list[str] = []
    measure = onset_apex_flow.flow_map_of

    def counted(clip, settings):
        seen.append(clip.id)
        return measure(clip, settings)

    monkeypatch.setattr(onset_apex_flow, "flow_map_of", counted)
    return seen


def prepare(root: Path, *more: str) -> list[str]:
    return ["prepare", "casme2", str(root), *HOW, "--workers", "1", *more]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_second_run_does_no_work_and_says_so(tree, folder, measured, capsys):
    assert main(prepare(tree)) == 0
    assert f"{CLIPS} made, 0 were there, 0 failed" in capsys.readouterr().out
    assert len(measured) == len(files(folder)) == CLIPS
    whole = [file.read_bytes() for file in files(folder)]
    assert main(prepare(tree)) == 0
    told = capsys.readouterr().out
    assert f"all {CLIPS} clips were there; nothing was computed" in told
    assert str(folder) in told
    assert len(measured) == CLIPS
    assert [file.read_bytes() for file in files(folder)] == whole


def test_processes_make_the_bytes_that_one_makes(tree, folder, capsys):
    assert main(prepare(tree)) == 0
    alone = {file.name: file.read_bytes() for file in files(folder)}
    shutil.rmtree(folder)
    assert main([*prepare(tree), "--workers", "2"]) == 0
    assert {file.name: file.read_bytes() for file in files(folder)} == alone


STUCK_AT_THE_THIRD = """
import pathlib, sys, time
from merkit.inputs import onset_apex_flow
measure, calls = onset_apex_flow.flow_map_of, []
def stuck(clip, settings):
    calls.append(1)
    if len(calls) == 3:
        pathlib.Path(sys.argv[1]).touch()
        while True:
            time.sleep(0.05)
    return measure(clip, settings)
onset_apex_flow.flow_map_of = stuck
from merkit.cli.main import main
main(sys.argv[2:])
"""


def test_what_was_killed_goes_on_where_it_was(tree, folder, tmp_path, measured, capsys):
    mark = tmp_path / "third"
    words = [sys.executable, "-c", STUCK_AT_THE_THIRD, str(mark), *prepare(tree)]
    with subprocess.Popen(words, env=dict(os.environ)) as process:
        while not mark.exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert len(files(folder)) == 2
    assert main(prepare(tree)) == 0
    assert f"{CLIPS - 2} made, 2 were there, 0 failed" in capsys.readouterr().out
    assert len(measured) == CLIPS - 2
    assert main(["cache", "verify"]) == 0


def test_what_another_run_makes_meanwhile_is_not_made_again(tree, folder, measured, capsys):
    def meet_another(done, total, stage):
        if (stage, done) == ("looking", CLIPS):
            assert main(prepare(tree)) == 0

    filled = fill_cache(
        Method("flow-svm", {"face": "whole"}), read_dataset("casme2", tree), ClipCache(), workers=1,
        on_progress=meet_another,
    )  # fmt: skip
    assert f"{CLIPS} made, 0 were there" in capsys.readouterr().out
    assert (filled.made, filled.there, filled.failed) == (0, CLIPS, [])
    assert len(measured) == len(files(folder)) == CLIPS


def test_a_corrupted_file_is_found_and_rebuilt(tree, folder, measured, capsys):
    assert main(prepare(tree)) == 0
    spoilt, short, *_ = files(folder)
    whole = spoilt.read_bytes(), short.read_bytes()
    spoilt.write_bytes(whole[0].replace(b"flow_map", b"flow_map"[::-1]))
    short.write_bytes(whole[1][:100])
    measured.clear()
    capsys.readouterr()
    assert main(prepare(tree)) == 0
    told = capsys.readouterr()
    assert f"2 made, {CLIPS - 2} were there" in told.out
    assert told.err.count("is damaged (its checksum is wrong); it is made anew") == 2
    assert len(measured) == 2
    assert (spoilt.read_bytes(), short.read_bytes()) == whole


def test_a_moved_and_relabelled_tree_is_not_computed_again_but_a_changed_frame_is(tree, tmp_path, measured):
    assert main(prepare(tree)) == 0
    relabelled = [replace(clip, emotion="sadness", aus="12") for clip in clips_of(2)[:CLIPS]]
    moved = write_tree("casme2", tmp_path / "moved", clips=relabelled, size=32)
    measured.clear()
    assert main(prepare(moved)) == 0
    assert measured == []
    frame = moved / "CASME2_RAW_selected" / "sub01" / "EP01_1" / "img8.jpg"
    picture = cv2.imread(str(frame))
    cv2.imwrite(str(frame), picture[::-1])
    assert main(prepare(moved)) == 0
    assert len(measured) == 1
    measured.clear()
    assert main(prepare(moved, "--set", "average_s=0")) == 0
    assert len(measured) == CLIPS


def test_a_clip_that_fails_does_not_stop_the_rest(tree, tmp_path, folder, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy)
    lacking, broken, *_ = sorted((copy / "CASME2_RAW_selected").glob("*/*"))
    shutil.rmtree(lacking)
    for file in broken.iterdir():
        file.write_bytes(b"no picture")
    assert main(prepare(copy)) == 3
    told = capsys.readouterr().out
    assert f"{CLIPS - 2} made, 0 were there, 2 failed" in told
    assert f"{lacking.parent.name}_{lacking.name}: " in told
    assert "the frames of this clip are missing" in told
    assert f"{broken.parent.name}_{broken.name}: " in told
    assert len(files(folder)) == CLIPS - 2
    assert main(prepare(copy, "--json")) == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["made"], said["there"]) == (0, CLIPS - 2)
    assert [failure["clip"] for failure in said["failed"]] == [
        f"{place.parent.name}_{place.name}" for place in (lacking, broken)
    ]
    assert (said["dataset"], said["method"], said["step"]) == ("casme2", "flow-svm", "onset-apex-flow")
    assert said["cache"] == str(folder)


def test_a_fault_of_the_method_is_told_as_one(tree, monkeypatch, capsys):
    def faulty(clip, settings):
        raise TypeError("no such thing")

    monkeypatch.setattr(onset_apex_flow, "flow_map_of", faulty)
    assert main(prepare(tree)) == 1
    told = capsys.readouterr().out
    assert f"{CLIPS} failed" in told
    assert "this is a bug in merkit: TypeError: no such thing" in told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--for", "flow-swm"], "did you mean 'flow-svm'"),
        (["--set", "gird=7"], "did you mean 'grid'"),
        (["--config", "small"], "no configuration 'small'"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_wrong_words_get_one_line(change, message, tree, capsys):
    assert main(prepare(tree, *change)) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.strip().count("\n") == 0


def test_a_cache_that_cannot_be_written_gets_one_line(tree, tmp_path, monkeypatch, measured, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MERKIT_CLIP_CACHE", str(tmp_path / "file" / "cache"))
    assert main(prepare(tree)) == 2
    told = capsys.readouterr().err
    assert "the clip cache cannot be written" in told
    assert "MERKIT_CLIP_CACHE" in told
    assert told.count("\n") == 1
    assert measured == []


def test_a_cache_that_is_full_stops_with_what_to_do(tree, monkeypatch, folder, capsys):
    monkeypatch.setenv("MERKIT_CLIP_CACHE_SIZE", "16kB")
    assert main(prepare(tree)) == 2
    assert "the clip cache is full" in capsys.readouterr().err
    kept = len(files(folder))
    assert kept == 2
    monkeypatch.delenv("MERKIT_CLIP_CACHE_SIZE")
    assert main(prepare(tree)) == 0
    assert f"{CLIPS - kept} made, {kept} were there" in capsys.readouterr().out


def test_precomputed_features_need_no_preparing(tmp_path, folder, capsys):
    root = write_tree("megc2019-flow", tmp_path / "maps", clips=6)
    assert main(["prepare", "megc2019-flow", str(root), "--for", "flow-svm"]) == 0
    assert "clips were there; nothing was computed" in capsys.readouterr().out
    assert not folder.exists()


# --- merkit evaluate -------------------------------------------------------------------------------------


def evaluate(root: Path, out: Path, *more: str) -> list[str]:
    return [
        "evaluate", "flow-svm", "--data", f"casme2={root}", "--protocol", "casme2-3class", "-o", str(out),
        "--set", "face=whole", "--set", "inner_folds=2", "--engine", "serial", *more,
    ]  # fmt: skip


def results(out: Path) -> tuple[bytes, ...]:
    return tuple((out / name).read_bytes() for name in ("predictions.csv", "metrics.json"))


def test_evaluate_fills_the_cache_finds_it_again_and_gives_the_same_bytes(
    tmp_path, folder, measured, monkeypatch, capsys
):
    root = write_tree("casme2", tmp_path / "casme2", clips=clips_of(3), size=32)
    assert main(evaluate(root, tmp_path / "without", "--no-cache")) == 0
    assert len(measured) == 9
    assert not folder.exists()
    assert main(evaluate(root, tmp_path / "first")) == 0
    assert len(measured) == 18
    assert main(evaluate(root, tmp_path / "second")) == 0
    assert len(measured) == 18
    assert results(tmp_path / "without") == results(tmp_path / "first") == results(tmp_path / "second")
    capsys.readouterr()
    assert main(prepare(root)) == 0
    assert "all 9 clips were there; nothing was computed" in capsys.readouterr().out
    (tmp_path / "file").touch()
    monkeypatch.setenv("MERKIT_CLIP_CACHE", str(tmp_path / "file" / "cache"))
    assert main(evaluate(root, tmp_path / "unwritable")) == 0
    assert capsys.readouterr().out.count("the clip cache cannot be written") == 1
    assert results(tmp_path / "unwritable") == results(tmp_path / "without")


# --- merkit cache ----------------------------------------------------------------------------------------


def test_the_cache_is_shown_checked_and_cleared(tree, folder, capsys):
    assert main(["cache"]) == 0
    assert "It is empty" in capsys.readouterr().out
    main(prepare(tree))
    capsys.readouterr()
    assert main(["cache"]) == 0
    told = capsys.readouterr().out
    assert f"clip cache: {folder}\n" in told
    assert "onset-apex-flow" in told
    assert "of 20.0 GB" in told
    assert main(["cache", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["steps"]["onset-apex-flow"]["clips"] == CLIPS
    assert said["bytes"] == sum(file.stat().st_size for file in files(folder))
    assert main(["cache", "verify"]) == 0
    assert f"{CLIPS} files sound, 0 damaged" in capsys.readouterr().out
    files(folder)[0].write_bytes(b"damaged")
    assert main(["cache", "verify", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["sound"] == CLIPS - 1
    assert main(["cache", "clear", "--step", "onset-apex-flaw"]) == 2
    assert "did you mean 'onset-apex-flow'" in capsys.readouterr().err
    assert main(["cache", "clear", "--older", "1"]) == 0
    assert "removed 0 files" in capsys.readouterr().out
    assert main(["cache", "clear", "--step", "onset-apex-flow"]) == 0
    assert f"removed {CLIPS - 1} files" in capsys.readouterr().out
    assert files(folder) == []


def test_a_limit_that_is_no_size_gets_one_line(monkeypatch, capsys):
    monkeypatch.setenv("MERKIT_CLIP_CACHE_SIZE", "big")
    assert main(["cache"]) == 2
    assert "expected a size, such as 20GB" in capsys.readouterr().err
