"""`merkit analyze` around the analysis: folders, several videos, failures, output, stopping."""

from __future__ import annotations

import csv
import errno
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_analysis import fake_analysis

import merkit.analysis
import merkit.saving
from merkit.analysis.result import Analysis
from merkit.cli.batch import result_folders
from merkit.cli.main import main
from merkit.errors import ConfigError, VideoError
from merkit.methods.registry import shipped_folder

FILES = {"report.html", "events.json", "events.csv", "curves.csv"}


@pytest.fixture
def analyses(monkeypatch) -> list[tuple[Path, dict]]:
    """Replace the analysis; a name tells what comes of it.  Returns the calls."""
    calls: list[tuple[Path, dict]] = []

    def analyze(path: Path, *, on_progress: Callable, **options) -> Analysis:
        calls.append((path, options))
        on_progress(0, None, "scan")
        on_progress(5, 10, "scan")
        if path.stem.startswith("bad"):
            raise VideoError(f"{path}: not a video; give a video file")
        if path.stem.startswith("bug"):
            raise ZeroDivisionError("division by zero")
        if path.stem.startswith("stop"):
            raise KeyboardInterrupt
        if options["flow"] == "raft":
            raise ConfigError("flow 'raft': choose one of dis, tvl1")
        analysis = fake_analysis()
        analysis.video = path.name
        return analysis

    monkeypatch.setattr(merkit.analysis, "analyze", analyze)
    return calls


def run(tmp_path: Path, *words: object) -> int:
    return main(["analyze", *map(str, words), "-o", str(tmp_path / "out")])


def written(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_one_video_gets_its_folder_and_no_summary(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "talk.mp4") == 0
    assert written(tmp_path / "out") == {"talk"}
    assert written(tmp_path / "out" / "talk") == FILES
    out = capsys.readouterr().out
    assert out.startswith("talk.mp4: ")
    assert str(tmp_path / "out" / "talk" / "report.html") in out
    assert len(out.splitlines()) == 1


def test_options_reach_the_analysis(analyses, tmp_path) -> None:
    words = [
        "--fps",
        "200",
        "--face",
        "1",
        "--flow",
        "tvl1",
        "--sensitivity",
        "2",
        "--detector",
        "haar",
        "--no-faces",
    ]
    assert run(tmp_path, "a.mp4", *words) == 0
    assert analyses[0][1] == {
        "fps": 200.0, "face": 1, "flow": "tvl1", "sensitivity": 2.0, "detector": "haar",
        "recognizer": None,
    }  # fmt: skip


def test_a_model_is_loaded_once_for_all_videos(analyses, tmp_path) -> None:
    assert run(tmp_path, "a.mp4", "b.mp4", "--recognizer", shipped_folder("flow-svm")) == 0
    first, second = (options["recognizer"] for _, options in analyses)
    assert first is second
    assert first.name == "flow-svm"


def test_without_a_sound_model_nothing_is_analysed(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "a.mp4", "--recognizer", tmp_path) == 2
    err = capsys.readouterr().err
    assert "no card.json here" in err
    assert len(err.splitlines()) == 1
    assert analyses == []
    assert not (tmp_path / "out").exists()


def test_results_lie_in_merkit_out_by_default(analyses, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["analyze", "a.mp4"]) == 0
    assert (tmp_path / "merkit-out" / "a" / "report.html").exists()


def test_a_bad_video_does_not_stop_the_others(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "bad1.mp4", "good.mp4", "bad2.mp4", "--quiet") == 2
    err = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in err] == ["bad1.mp4", "bad2.mp4"]
    assert written(tmp_path / "out") == {"good", "summary.csv"}
    with (tmp_path / "out" / "summary.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["video"] for row in rows] == ["bad1.mp4", "good.mp4", "bad2.mp4"]
    assert [bool(row["error"]) for row in rows] == [True, False, True]
    truth = [event.kind for event in fake_analysis().events]
    assert rows[1]["micro"] == str(truth.count("micro"))
    assert rows[1]["folder"] == "good"


def test_a_bug_in_one_video_is_status_one_and_the_others_go_on(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "bug.mp4", "bad.mp4", "good.mp4", "--quiet") == 1
    assert "bug in merkit" in capsys.readouterr().err
    assert (tmp_path / "out" / "good" / "report.html").exists()


def test_a_failure_leaves_no_empty_folder(analyses, tmp_path, monkeypatch, capsys) -> None:
    """The folder is made before the disk turns out to be full."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(merkit.saving.os, "replace", full)
    assert run(tmp_path, "a.mp4") == 2
    assert "the disk is full" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pictures_of_the_person_stay_out_but_the_motion_is_drawn(analyses, tmp_path) -> None:
    assert run(tmp_path, "a.mp4", "--no-faces") == 0
    html = (tmp_path / "out" / "a" / "report.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" not in html
    assert html.count('class="outline"') == len(fake_analysis().events)


@pytest.mark.skipif(sys.platform == "win32", reason="closes a pipe")
def test_a_reader_that_leaves_does_not_stop_the_work(analyses, tmp_path, monkeypatch) -> None:
    """As in `merkit analyze *.mp4 | head -1`."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert run(tmp_path, "a.mp4", "b.mp4", "--quiet") == 0
        assert run(tmp_path, "a.mp4", "b.mp4") == 0
    assert written(tmp_path / "out") == {"a", "b", "summary.csv"}
    assert (tmp_path / "out" / "b" / "report.html").exists()


def test_wrong_options_stop_at_once(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "a.mp4", "b.mp4", "--flow", "raft") == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert len(analyses) == 1
    assert not (tmp_path / "out").exists()


def test_overlay_without_faces_is_refused_before_the_work(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "a.mp4", "--overlay", "--no-faces") == 2
    assert "--no-faces" in capsys.readouterr().err
    assert analyses == []


def test_an_output_that_cannot_be_written_is_refused_before_the_work(analyses, tmp_path, capsys) -> None:
    (tmp_path / "out").write_text("in the way")
    assert run(tmp_path, "a.mp4") == 2
    err = capsys.readouterr().err
    assert str(tmp_path / "out") in err
    assert len(err.splitlines()) == 1
    assert analyses == []


def test_a_file_in_the_place_of_a_video_s_folder_is_refused_before_the_work(
    analyses, tmp_path, capsys
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b").write_text("in the way")
    assert run(tmp_path, "a.mp4", "b.mp4") == 2
    assert str(tmp_path / "out" / "b") in capsys.readouterr().err
    assert analyses == []


def test_stopping_keeps_what_is_done(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "good.mp4", "stop.mp4", "never.mp4") == 130
    assert written(tmp_path / "out") == {"good", "summary.csv"}
    assert written(tmp_path / "out" / "good") == FILES
    assert capsys.readouterr().err.splitlines()[-1].startswith("stopped")
    assert len(analyses) == 2


def test_json_of_one_is_an_object_of_many_a_list(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "a.mp4", "--json") == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["video"] == "a.mp4"
    assert out.out == (tmp_path / "out" / "a" / "events.json").read_text(encoding="utf-8")
    assert "a.mp4: " in out.err
    assert run(tmp_path, "a.mp4", "bad.mp4", "b.mp4", "--json", "--quiet") == 2
    assert [found["video"] for found in json.loads(capsys.readouterr().out)] == ["a.mp4", "b.mp4"]


def test_json_of_nothing_is_nothing(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "bad.mp4", "--json") == 2
    assert capsys.readouterr().out == ""


def test_quiet_says_nothing(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "a.mp4", "b.mp4", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_warnings_are_seen_on_the_error_stream(analyses, tmp_path, capsys) -> None:
    assert run(tmp_path, "a.mp4") == 0
    err = capsys.readouterr().err
    for warning in fake_analysis().warnings:
        assert f"a.mp4: {warning}" in err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_somebody_who_watches_sees_a_bar(analyses, tmp_path, monkeypatch) -> None:
    controller, terminal = os.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        assert run(tmp_path, "long [name].mp4") == 0
        stream.flush()
        seen = os.read(controller, 100_000).decode()
    os.close(controller)
    assert "long [name].mp4" in seen
    assert "looking" in seen


def test_same_videos_same_folders(tmp_path) -> None:
    names = ["a/clip.mp4", "b/clip.mp4", "c/Clip.mov", "clip-2.mp4", "a/clip.mp4", "summary.csv.avi", ".mp4"]
    folders = list(result_folders([Path(n) for n in names], Path("out")).values())
    assert [f.name for f in folders] == ["clip", "clip-2", "Clip-3", "clip-2-2", "summary.csv-2", "mp4"]
    assert len({f.name.casefold() for f in folders}) == len(folders)


def test_a_folder_of_pictures_keeps_its_whole_name(tmp_path, monkeypatch) -> None:
    (tmp_path / "s01.take2").mkdir()
    monkeypatch.chdir(tmp_path / "s01.take2")
    folders = result_folders([tmp_path / "s01.take2", Path("."), tmp_path / "s01.take2.mp4"], Path("out"))
    assert [f.name for f in folders.values()] == ["s01.take2", "s01.take2-2"]


def test_a_rerun_overwrites_its_own_results(analyses, tmp_path) -> None:
    for _ in range(2):
        assert run(tmp_path, "a/clip.mp4", "b/clip.mp4") == 0
    assert written(tmp_path / "out") == {"clip", "clip-2", "summary.csv"}


def test_missing_models_are_fetched_once_and_a_failure_is_only_said(
    analyses, tmp_path, monkeypatch, capsys
) -> None:
    from merkit.errors import DataError
    from merkit.faces import models

    def fail(scratch: Path) -> Path:
        raise DataError("the face models cannot be fetched: no network")

    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MERKIT_FACE_MODELS", raising=False)
    monkeypatch.setattr(models, "_download", fail)
    assert run(tmp_path, "a.mp4") == 0
    assert "warning: the face models cannot be fetched: no network" in capsys.readouterr().err
    for detector in ("haar", "blaze"):
        run(tmp_path, "a.mp4", "--detector", detector)
        assert "fetched" not in capsys.readouterr().err
    # Nothing stands in for what was asked for by name.
    assert run(tmp_path, "b.mp4", "--detector", "blazeface") == 2
    assert "error: the face models cannot be fetched" in capsys.readouterr().err
    assert not (tmp_path / "out" / "b").exists()
