"""``merkit simulate`` from a shell: what it says, how it ends, and that it goes on where it was stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tree_digests import digests

from merkit.cli.main import main
from merkit.datasets import read_dataset
from merkit.simulate import read_truths

OPTIONS = ["--engine", "portrait", "--size", "72", "--subjects", "2", "--clips", "3", "--fps", "50"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a run that nobody stopped writes."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert main(["simulate", str(out), *OPTIONS, "--workers", "1", "--quiet"]) == 0
    return digests(out)


def start(out: Path) -> subprocess.Popen[str]:
    """The command in a process of its own, with a group that signals can be sent to."""
    return subprocess.Popen(
        [sys.executable, "-m", "merkit", "simulate", str(out), *OPTIONS, "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_a_clip(out: Path, running: subprocess.Popen[str]) -> None:
    """Wait, with a look now and then: what is waited for is made by other processes."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(0.02)
            break
        if any((out / "truth").glob("*.json")):
            return
    raise AssertionError(f"no clip was finished: {running.communicate()}")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(
    how: signal.Signals, tmp_path: Path, undisturbed: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with start(out) as running:
        wait_for_a_clip(out, running)
        # At Ctrl-C the terminal sends the signal to all; a kill hits one.
        os.killpg(running.pid, how) if how == signal.SIGINT else running.kill()
        said = running.communicate()
    if how == signal.SIGINT:
        assert running.returncode == 130
        assert said == ("", "stopped; what was finished is kept\n")
        assert not list(out.glob(".draft*"))
    finished = len(list((out / "truth").glob("*.json")))
    assert main(["simulate", str(out), *OPTIONS, "--workers", "1", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["resumed"] == finished > 0
    assert digests(out) == undisturbed


def test_the_answer_says_what_there_is_and_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "toy"
    arguments = ["simulate", str(out), "--like", "casme2", "--engine", "portrait", "--size", "72"]
    arguments += ["--subjects", "2", "--clips", "1", "--classes", "surprise,disgust", "--workers", "1"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "2 clips of 2 subjects" in said.out
    assert "disgust 1, surprise 1" in said.out
    assert f"merkit datasets doctor casme2 {out}" in said.out
    assert said.err.startswith("note: 2 subjects are made of one picture and look alike")
    assert main(["datasets", "doctor", "casme2", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {finding["severity"] for finding in found["findings"]} <= {"note"}
    assert found["expected"]["emotion"] == {"disgust": 1, "surprise": 1}
    assert main([*arguments, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_camera_settings_reach_the_truth(tmp_path: Path) -> None:
    out = tmp_path / "toy"
    arguments = ["--camera", "blur=0.7", "--camera", "mains_depth=0.03", "--camera", "grey=true"]
    arguments += ["--engine", "portrait", "--size", "80x72", "--subjects", "1", "--clips", "1"]
    arguments += ["--fps", "25", "--noise", "3", "--seed", "7", "--difficulty", "hard", "--truth", "flow"]
    assert main(["simulate", str(out), *arguments, "--quality", "70", "--quiet"]) == 0
    (truth,) = read_truths(out).values()
    camera = truth.about["camera"]
    assert (camera["blur"], camera["mains_depth"], camera["grey"]) == (0.7, 0.03, True)
    assert 2.5 < camera["noise"] < 3.5
    assert truth.about["frames"]["encoding"]["quality"] == 70
    (clip,) = read_dataset("manifest", out)
    assert clip.source.shape[1:] == (72, 80)
    assert truth.arrays["flows"].shape[:3] == clip.source.shape


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "OUT: give a folder"),
        (["OUT", "--subjects", "0"], "subjects: 0 is outside 1 to 999"),
        (["OUT", "--fps", "5000"], "fps: 5000.0 is outside 25 to 500"),
        (["OUT", "--size", "8"], "size: 8 is outside"),
        (["OUT", "--size", "big"], "--size big: give 256, or a width and a height"),
        (["OUT", "--noise", "-1"], "camera noise: -1.0 is outside"),
        (["OUT", "--like", "casme-2"], "did you mean 'casme2'"),
        (["OUT", "--classes", "joy"], "classes: 'joy' is no class"),
        (["OUT", "--camera", "blurr=1"], "did you mean 'blur'"),
        (["OUT", "--camera", "blur"], "--camera blur: expected key=value, such as --camera blur=0.8"),
        (["OUT", "--face", "a.png", "--faces", "b"], "one picture or a folder"),
        (["OUT", "--engine", "portrait", "--faces", "nowhere"], "nowhere: no such file or folder"),
        (["OUT", "--engine", "head", "--face", "a.png"], "faces: are for the portrait engine"),
        (["OUT", "--level", "hard"], "--level is of a benchmark"),
        (["OUT", "--benchmark", "synthme-9"], "did you mean 'synthme-1'"),
        (["OUT", "--benchmark", "synthme-1", "--noise", "1"], "--noise: synthme-1 is fixed"),
        (["OUT", "--benchmark", "synthme-1", "--duration", "9"], "--duration: synthme-1 is fixed"),
        (["OUT", "--verify"], "give it with --benchmark synthme-1"),
        (["OUT", "--subjectss", "1"], "No such option"),
    ],
)
def test_wrong_usage_gets_one_line(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--engine", "portrait"] if arguments[:1] == ["OUT"] and "--engine" not in arguments else []
    if "synthme-9" in arguments or "synthme-1" in arguments or "--verify" in arguments:
        words = []
    try:
        status = main(["simulate", *arguments, *words])
    except SystemExit as stop:
        status = int(stop.code or 0)
    said = capsys.readouterr()
    assert status == 2
    assert says in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []
