"""``merkit demo``: the promise of the first minute, and what it says when it is not kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake_analysis import fake_analysis, fake_event

import merkit.analysis
import merkit.simulate
from merkit.analysis.result import Analysis, Event
from merkit.cli.main import main
from merkit.simulate import Truth, load_portrait, plan


@pytest.fixture(scope="module")
def truth() -> Truth:
    return plan(load_portrait(), seed=5)


def seen(truth: Truth, **changes: object) -> list[Event]:
    """Events exactly where they were planted; ``changes`` apply to the first."""
    events = []
    for planted in truth.performance.events:
        event = fake_event(planted.emotion, 1.0, truth.performance.fps, pictures=False)
        events.append(
            replace(
                event,
                onset_frame=planted.onset_frame,
                apex_frame=planted.apex_frame,
                offset_frame=planted.offset_frame,
            )
        )
    events[0] = replace(events[0], **changes)
    return events


def run(monkeypatch: pytest.MonkeyPatch, out: Path, truth: Truth, events: list[Event], *words: str) -> int:
    """The command with filming and analysis replaced."""

    def filmed(folder: Path, **_: object) -> Truth:
        folder.mkdir(parents=True)
        truth.save(folder / "truth.json")
        return truth

    def analysed(*_: object, **__: object) -> Analysis:
        return fake_analysis(10, 60.0, events=events)

    monkeypatch.setattr(merkit.simulate, "simulate_demo", filmed)
    monkeypatch.setattr(merkit.analysis, "analyze", analysed)
    return main(["demo", "-o", str(out), *words])


def test_all_right_ends_with_0_and_writes_every_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, truth: Truth, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "out", truth, seen(truth)) == 0
    printed = capsys.readouterr().out
    assert "3 of 3 micro-expressions found and called right; no false events" in printed
    for planted in truth.performance.events:
        assert f"{planted.onset_frame}-{planted.offset_frame}" in printed
    assert max(len(line) for line in printed.splitlines() if "report:" not in line) <= 80
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "comparison.json",
        "curves.csv",
        "events.csv",
        "events.json",
        "report.html",
        "truth.json",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "macro"}, "missed"),
        ({"offset_frame": 599, "onset_frame": 0}, "low overlap"),
        ({"recognition": None}, "not recognised"),
    ],
)
def test_a_miss_ends_with_3_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    truth: Truth,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    said: str,
) -> None:
    assert run(monkeypatch, tmp_path / "out", truth, seen(truth, **changes)) == 3
    printed = capsys.readouterr().out
    assert said in printed
    assert "2 of 3" in printed


def test_a_false_event_ends_with_3_and_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, truth: Truth, capsys: pytest.CaptureFixture[str]
) -> None:
    stray = replace(seen(truth)[0], onset_frame=3, apex_frame=8, offset_frame=20)
    assert run(monkeypatch, tmp_path / "out", truth, [stray, *seen(truth)]) == 3
    assert "1 false event (frames 3 to 20)" in capsys.readouterr().out


def test_json_is_the_only_output_and_equals_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, truth: Truth, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "out", truth, seen(truth), "--json", "--quiet") == 0
    printed = capsys.readouterr()
    assert printed.out == (tmp_path / "out" / "comparison.json").read_text()
    assert printed.err == ""
    compared = json.loads(printed.out)
    assert compared["passed"] is True
    assert [m["iou"] for m in compared["matches"]] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--face-picture", "nowhere.png"], "nowhere.png"),
        (["--fps", "3"], "fps: 3"),
        (["--noise", "-1"], "camera noise"),
        (["--blinks", "40"], "or longer"),
    ],
)
def test_wrong_options_get_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    assert main(["demo", "-o", str(tmp_path / "out"), *words]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert reason in said[0]
    assert not (tmp_path / "out").exists()
