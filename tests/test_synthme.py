"""SynthME-1: is it what its committed settings say, and the same every time?"""

from __future__ import annotations

import hashlib
import inspect
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from merkit.cli.main import main
from merkit.datasets import read_dataset
from merkit.errors import ConfigError
from merkit.protocols import get_protocol
from merkit.simulate import load_synthme, synthme, synthme_sample, synthme_settings
from merkit.simulate.dataset.film import Film
from merkit.simulate.dataset.plan import Unit, perform, plan
from merkit.simulate.synthme import LEVELS, Level, ceiling

SETTINGS = Path(synthme.__file__).with_name("synthme-1.toml")


@pytest.fixture(scope="module")
def head(real_data: Path) -> Path:
    return real_data / "face3d_ict" / "face3d_ict.npz"


def test_the_settings_never_change() -> None:
    # Another benchmark gets another name.  Scores of two people must be of the same clips.
    digest = hashlib.sha256(SETTINGS.read_bytes()).hexdigest()
    assert digest == "1c9203ad1c2cf7ace593338b43118c469ab44ee976fd55be967fa2635a61bce9"


def test_classes_share_units_where_they_should() -> None:
    assert ceiling("easy", 3) == ceiling("easy", 5) == 1.0
    for classes in (3, 5):
        at = [ceiling(level, classes) for level in LEVELS]
        assert at[0] > at[1] > at[2] > 0.8


@pytest.mark.parametrize("level", LEVELS)
def test_clips_are_as_the_level_says(level: str, head: Path) -> None:
    settings = synthme_settings(level, 128, 3, head=head)
    recipe = settings.recipe
    assert isinstance(recipe, Level)
    units = plan(settings)
    assert len(units) == 24 * 12
    peaks, lengths, strays = [], [], []
    for unit in units:
        performance = perform(settings, unit.subject, unit.number, unit.emotion)
        (event,) = performance.events
        peaks.append(event.peak_px * 200 / unit.subject.face_px)
        lengths.append(event.offset_frame - event.onset_frame + 1)
        assert 4 <= event.onset_frame <= 10
        assert 4 <= performance.n_frames - 1 - event.offset_frame <= 10
        assert 0.70 <= unit.subject.face_px / 128 <= 0.76
        shifts = np.array([(pose.shift_x, pose.shift_y) for pose in performance.poses])
        assert shifts[0] == pytest.approx([0, -0.08 * unit.subject.face_px])
        shifts -= shifts[0]
        strays.append(np.abs(shifts).max() * 200 / unit.subject.face_px)
        assert performance.poses[0].scale == 1
    low, high = recipe.peak_px
    # The range is used, and hardly left by rounding.
    assert low - 1e-3 < min(peaks) < low * 1.25
    assert high * 0.8 < max(peaks) < high + 1e-3
    assert (min(lengths), max(lengths)) == (16, 40)
    assert 0.5 * dict(recipe.head)["shift_px"] < max(strays) <= dict(recipe.head)["shift_px"] + 1e-3
    assert Counter(unit.emotion for unit in units) == {"negative": 96, "positive": 96, "surprise": 96}


def test_whole_faces_are_in_the_frames(head: Path) -> None:
    # Chin and brows move in many classes, and face detectors need them.
    # Of two people with long faces.
    settings = synthme_settings("hard", 64, 5, subjects=[2, 9], head=head)
    units = plan(settings)
    for unit in (units[0], units[12]):
        film = Film(settings, unit)
        for state in film.states[::10]:
            marks = film.engine.landmarks(state)
            assert marks.min() > 2
            assert marks.max() < 62


def test_levels_grow_harder_in_everything(head: Path) -> None:
    easy, medium, hard = (synthme_settings(level, head=head) for level in LEVELS)
    for before, after in ((easy, medium), (medium, hard)):
        first, second = before.recipe, after.recipe
        assert isinstance(first, Level)
        assert isinstance(second, Level)
        assert first.peak_px[0] > second.peak_px[0]
        assert first.peak_px[1] > second.peak_px[1]
        assert before.camera.noise < after.camera.noise
        assert all(dict(first.head)[name] < dict(second.head)[name] for name in dict(first.head))


@pytest.mark.parametrize(("level", "most"), [("easy", 0.0), ("medium", 0.15), ("hard", 0.3)])
def test_some_clips_have_units_of_several_classes(level: str, most: float, head: Path) -> None:
    settings = synthme_settings(level, 64, 5, head=head)
    recipe = settings.recipe
    assert isinstance(recipe, Level)
    own = {name: {units for units, _ in patterns} for name, patterns in recipe.own}
    foreign = [unit for unit in plan(settings) if _units(unit) not in own[unit.emotion]]
    assert len(foreign) / 288 == pytest.approx(most * 0.9, abs=0.07)


def _units(unit: Unit) -> str:
    return unit.clips[0].aus.replace("L", "").replace("R", "")


def test_clips_of_a_person_do_not_depend_on_the_others(head: Path) -> None:
    everyone = plan(synthme_settings("hard", 64, 5, head=head))
    some = plan(synthme_settings("hard", 64, 5, subjects=[3, 24], head=head))
    assert some == [unit for unit in everyone if unit.subject.number in (2, 23)]
    assert plan(synthme_settings("hard", 64, 5, subjects=2, head=head)) == everyone[:24]
    # Both sizes show the same performances.
    large = plan(synthme_settings("hard", 128, 5, head=head))
    assert [unit.clips for unit in large] == [unit.clips for unit in everyone]


def test_more_clips_like_those_of_a_level_are_not_of_the_benchmark(head: Path) -> None:
    units = {"positive": "AU12", "negative": "AU4", "surprise": "AU1+2"}
    table = load_synthme("medium", subjects=1, head=head)
    other = plan(synthme_settings("medium", patterns=units, seed=9, subjects=2, head=head))
    assert set(table.frame["dataset"]) == {"synthme"}
    assert {unit.emotion: _units(unit) for unit in other} == {
        "positive": "12",
        "negative": "4",
        "surprise": "1+2",
    }
    assert "dataset" not in other[0].clips[0].more


def test_protocols_take_the_whole_benchmark(head: Path) -> None:
    for classes in (3, 5):
        protocol = get_protocol(f"synthme-{classes}class")
        selection = protocol.select({"synthme": load_synthme("easy", 64, classes, head=head)})
        assert selection.warnings == []
        assert len(list(protocol.folds(selection))) == 24


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"level": "middle"}, "level: 'middle'"),
        ({"size": 256}, "size: 256 is not one of synthme-1; give 128 or 64"),
        ({"classes": 4}, "give 3 or 5"),
        ({"subjects": 25}, "subjects: 25 is not within 1 to 24"),
        ({"subjects": [0]}, "is not within"),
        ({"patterns": {"happy": "AU99"}}, "AU99"),
    ],
)
def test_what_the_benchmark_does_not_have_is_refused(
    arguments: dict[str, object], says: str, head: Path
) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        synthme_settings(head=head, **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_another_process_makes_the_same_bytes(head: Path) -> None:
    def made(head: str) -> list[str]:
        table = load_synthme("medium", 64, 3, subjects=[7], head=head)
        return [hashlib.sha256(clip.source.read(0, 8).tobytes()).hexdigest() for clip in table[:2]]

    code = f"import hashlib; from merkit.simulate import load_synthme\n{dedent(inspect.getsource(made))}"
    there = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(*made({str(head)!r}))"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert there.stdout.split() == made(str(head))
    assert len(set(there.stdout.split())) == 2


def test_files_say_of_which_benchmark_they_are(
    tmp_path: Path, head: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MERKIT_HEAD", str(head))
    monkeypatch.setattr("merkit.simulate.synthme._fixed", lambda name: {**_FIXED(name), "clips": 1})
    words = ["--benchmark", "synthme-1", "--level", "hard", "--size", "64", "--classes", "5"]
    assert main(["simulate", str(tmp_path / "out"), *words, "--subjects", "1", "--workers", "1"]) == 0
    assert "1 clips of 1 subjects" in capsys.readouterr().out
    (clip,) = read_dataset("manifest", tmp_path / "out")
    assert (clip.dataset, clip.subject, clip.fps) == ("synthme", "p01", 100.0)
    assert clip.source.shape[1:] == (64, 64, 3)
    assert 16 <= clip.n_frames <= 40


_FIXED = synthme._fixed


def test_this_machine_makes_the_committed_sample(head: Path) -> None:
    found = synthme_sample.verify_synthme(names=["hard-64-5"], head=head)
    assert found.passed, found.in_words()


def test_a_difference_is_found_and_said(head: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about, kept = synthme_sample.committed_sample("synthme-1")
    name = "medium-64-3"

    def verify(change: int) -> synthme_sample.Verification:
        frame = kept[name].copy()
        frame[0, 0, 0] = frame[0, 0, 0] - change if frame[0, 0, 0] > 9 else frame[0, 0, 0] + change
        monkeypatch.setattr(synthme_sample, "film_sample", lambda name, head=None: ("other", frame))
        return synthme_sample.verify_synthme(names=[name])

    assert verify(1).passed
    assert "1 to one grey level" in verify(1).in_words()
    far = verify(2)
    assert not far.passed
    assert "differ, by up to 2 grey levels: medium-64-3" in far.in_words()
    assert about["sha256"][name] != "other"
