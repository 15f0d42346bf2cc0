"""``merkit train``: one model of all clips, with a card, whole or not at all, to be continued."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_kit import flow_release

from merkit import __version__
from merkit.cli.main import main
from merkit.errors import ConfigError
from merkit.evaluation import train_model
from merkit.evaluation.store import PlanFolder
from merkit.methods import load_recognizer
from merkit.methods.baselines.flow_svm import recognizer as flow_svm
from merkit.simulate.native import NativeClip, write_tree


@pytest.fixture(scope="module")
def maps(tmp_path_factory) -> Path:
    return flow_release(tmp_path_factory.mktemp("maps"))


@pytest.fixture(scope="module")
def run(maps, tmp_path_factory) -> Path:
    """A finished cross-validation of the same."""
    folder = tmp_path_factory.mktemp("run")
    assert main(["evaluate", *words(maps, folder)[1:], "--engine", "serial", "--quiet"]) == 0
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MERKIT_CLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def words(maps: Path, out: Path, *more: str) -> list[str]:
    data = ["--data", f"megc2019-flow={maps}", "--protocol", "megc2019"]
    return ["train", "flow-svm", *data, "-o", str(out), *more]


def card_in(folder: Path) -> dict:
    return json.loads((folder / "card.json").read_text())


def test_a_model_is_trained_on_all_clips_and_its_card_says_so(maps, tmp_path, capsys):
    out = tmp_path / "models" / "mine"
    assert main(words(maps, out)) == 0
    told = capsys.readouterr().out
    assert "casme2 (18 clips, 3 subjects)" in told
    assert "negative 18, positive 18, surprise 18" in told
    assert "score of this model: not known" in told
    assert {item.name for item in out.iterdir()} == {"card.json", "model.npz"}
    assert [item.name for item in out.parent.iterdir()] == ["mine"]
    card = card_in(out)
    about = card["about"]
    assert (card["method"], card["config"]["grid"]) == ("flow-svm", 10)
    assert (about["merkit"], about["protocol"], about["seed"]) == (__version__, "megc2019", 0)
    assert about["clips"] == {"negative": 18, "positive": 18, "surprise": 18}
    assert about["datasets"]["samm"] == {"clips": 18, "subjects": 3}
    assert len(about["trained_subjects"]) == 9
    assert about["score"].startswith("not known")
    assert "cross_validated" not in about


def test_the_model_is_the_one_that_fit_gives(maps, tmp_path):
    from merkit import create_recognizer, get_protocol, read_dataset

    assert main(words(maps, tmp_path / "mine", "--set", "grid=7", "--quiet")) == 0
    chosen = get_protocol("megc2019").select({"megc2019-flow": read_dataset("megc2019-flow", maps)})
    clips = list(chosen.clips)
    mine = create_recognizer("flow-svm", grid=7).fit(clips, chosen.y.astype(str), chosen.groups)
    np.testing.assert_allclose(
        load_recognizer(tmp_path / "mine").predict_proba(clips), mine.predict_proba(clips)
    )


def test_the_same_words_give_the_same_weights(maps, tmp_path):
    for name in ("a", "b"):
        assert main(words(maps, tmp_path / name, "--quiet")) == 0
    assert (tmp_path / "a" / "model.npz").read_bytes() == (tmp_path / "b" / "model.npz").read_bytes()


def test_json_is_the_card_and_nothing_else(maps, tmp_path, capsys):
    assert main(words(maps, tmp_path / "mine", "--json", "--quiet")) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == card_in(tmp_path / "mine")
    assert printed.err == ""


def test_scores_of_a_cross_validation_go_into_the_card(maps, run, tmp_path, capsys):
    assert main(words(maps, tmp_path / "mine", "--scores", str(run))) == 0
    assert "cross-validated, the method and not this model: UF1 " in capsys.readouterr().out
    known = card_in(tmp_path / "mine")["about"]["cross_validated"]
    overall = json.loads((run / "metrics.json").read_text())["overall"]
    assert (known["n"], known["uf1"], known["ci95"]["uf1"]) == (54, overall["uf1"], overall["ci95"]["uf1"])
    assert "not this very model" in known["of"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--set", "grid=7"], "the run has grid 10, this training 7"),
        (["--protocol", "lodo"], "the run has protocol 'megc2019', this training 'lodo'"),
    ],
)
def test_scores_of_another_method_or_protocol_are_refused(change, message, maps, run, tmp_path, capsys):
    assert main(words(maps, tmp_path / "mine", "--scores", str(run), *change)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_scores_on_other_clips_are_refused(maps, run, tmp_path, capsys):
    with np.load(maps / "flow.npz") as stored:
        arrays = {name: values[:-1] for name, values in stored.items()}
    np.savez(tmp_path / "flow.npz", **arrays)
    assert main(words(tmp_path, tmp_path / "mine", "--scores", str(run))) == 2
    assert "other clips, labels or annotations" in capsys.readouterr().err


def test_scores_of_an_unfinished_run_or_an_audit_are_refused(maps, run, tmp_path, capsys):
    other = tmp_path / "run"
    other.mkdir()
    for name in ("predictions.csv", "run.json", "metrics.json"):
        (other / name).write_bytes((run / name).read_bytes())
    metrics = json.loads((run / "metrics.json").read_text())
    (other / "metrics.json").write_text(json.dumps({**metrics, "leak_free": False}))
    assert main(words(maps, tmp_path / "mine", "--scores", str(other))) == 2
    assert "was an audit" in capsys.readouterr().err
    (other / "run.json").unlink()
    assert main(words(maps, tmp_path / "mine", "--scores", str(other))) == 2
    assert "not a finished run" in capsys.readouterr().err


def test_a_model_that_is_there_stays_unless_forced(maps, tmp_path, capsys):
    out = tmp_path / "mine"
    assert main(words(maps, out, "--quiet")) == 0
    assert main(words(maps, out, "--set", "grid=7")) == 2
    assert "--force" in capsys.readouterr().err
    assert card_in(out)["config"]["grid"] == 10
    assert main(words(maps, out, "--set", "grid=7", "--force")) == 0
    assert card_in(out)["config"]["grid"] == 7
    assert [item.name for item in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("more", [[], ["--force"]])
def test_a_folder_of_something_else_is_never_written_to(more, maps, tmp_path, capsys):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").touch()
    assert main(words(maps, tmp_path / "thesis", *more)) == 2
    assert "holds chapter.tex, which is no model" in capsys.readouterr().err
    assert [item.name for item in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]


class Stopped(KeyboardInterrupt):
    """Ctrl-C in the middle of a fit."""


@pytest.fixture
def slow_fit(monkeypatch) -> list[str]:
    """A fit that keeps its state and is stopped the first time; what it found is in the list."""
    found: list[str] = []
    fit = flow_svm.FlowSVM.fit

    def stopped(self, clips, labels, groups, *, context=None):
        state = context.checkpoint_dir / "state.txt"
        if not state.exists():
            state.write_text("half done")
            raise Stopped
        found.append(state.read_text())
        context.on_progress(1, 1, "training")
        return fit(self, clips, labels, groups, context=context)

    monkeypatch.setattr(flow_svm.FlowSVM, "fit", stopped)
    return found


def test_a_stopped_training_goes_on_from_its_checkpoints_and_leaves_none(maps, tmp_path, slow_fit):
    out = tmp_path / "mine"
    assert main(words(maps, out)) == 130
    assert [item.name for item in out.iterdir()] == ["checkpoints"]
    assert main(words(maps, out)) == 0
    assert slow_fit == ["half done"]
    assert {item.name for item in out.iterdir()} == {"card.json", "model.npz"}


def test_checkpoints_of_another_training_are_not_mixed_in(maps, tmp_path, slow_fit, capsys):
    out = tmp_path / "mine"
    assert main(words(maps, out)) == 130
    assert main(words(maps, out, "--seed", "1")) == 2
    assert "holds a training with seed 0, this one has 1" in capsys.readouterr().err
    # Forced, it begins anew, so that it is stopped again.
    assert main(words(maps, out, "--seed", "1", "--force")) == 130
    assert main(words(maps, out, "--seed", "1", "--force")) == 0
    assert card_in(out)["about"]["seed"] == 1


def test_two_trainings_do_not_share_a_folder(maps, tmp_path, capsys):
    with PlanFolder(tmp_path / "mine" / "checkpoints", {"of": "another process"}):
        assert main(words(maps, tmp_path / "mine")) == 2
        assert "a training is at work there" in capsys.readouterr().err
        assert (tmp_path / "mine" / "checkpoints" / "plan.json").exists()


def test_a_model_stays_whole_when_its_successor_cannot_be_written(maps, tmp_path, monkeypatch, capsys):
    out = tmp_path / "mine"
    assert main(words(maps, out, "--quiet")) == 0
    before = (out / "card.json").read_bytes()

    def half(self, folder, card=None):
        (Path(folder) / "card.json").write_text("{")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(flow_svm.FlowSVM, "save", half)
    assert main(words(maps, out, "--force")) == 2
    assert "disk is full" in capsys.readouterr().err
    assert (out / "card.json").read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--protocol", "au12"], "has action units, and a model knows classes"),
        (["--protocol", "megc2018"], "did you mean 'megc2019'"),
        (["--set", "gird=7"], "did you mean 'grid'"),
        (["--config", "publisched"], "did you mean 'published'"),
        (["--device", "tpu"], "allowed are cpu, cuda"),
    ],
)
def test_wrong_words_end_with_status_2_and_one_line(change, message, maps, tmp_path, capsys):
    assert main(words(maps, tmp_path / "mine", *change)) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.strip().count("\n") == 0
    assert not (tmp_path / "mine").exists()


CLIPS = [
    NativeClip(f"{subject:02}", f"EP{place:02}_1", 4, 7, 10, emotion, "4", first=2, last=12)
    for subject in (1, 2, 3)
    for place, emotion in enumerate(("happiness", "disgust", "surprise"), 1)
]
ON_FRAMES = ["--protocol", "casme2-3class", "--set", "face=whole", "--set", "inner_folds=2", "--workers", "1"]


def test_frames_are_measured_once_and_kept_in_the_cache(tmp_path, cache, capsys):
    other = NativeClip("03", "EP04_1", 4, 7, 10, "others", "4", first=2, last=12)
    clips = [replace(CLIPS[0], apex=None), *CLIPS[1:], other]
    root = write_tree("casme2", tmp_path / "data", clips=clips, size=32)
    typed = ["train", "flow-svm", "--data", f"casme2={root}", *ON_FRAMES, "-o"]
    assert main([*typed, str(tmp_path / "a")]) == 0
    assert len([file for file in cache.rglob("*") if file.is_file()]) >= len(CLIPS)
    # What evaluate says of the same data is said, and stands on the card.
    told, about = capsys.readouterr().out, card_in(tmp_path / "a")["about"]
    assert about["left_out"] == {"others is in no class": 1}
    assert "left out: 1 clips, others is in no class" in told
    estimated = "apex estimated from motion (course; none is annotated): 1 of 9 clips"
    assert estimated in about["notes"]
    assert f"note: {estimated}" in told
    assert main([*typed, str(tmp_path / "b"), "--no-cache"]) == 0
    assert (tmp_path / "a" / "model.npz").read_bytes() == (tmp_path / "b" / "model.npz").read_bytes()


@pytest.mark.parametrize("more", [[], ["--no-cache"]])
def test_a_clip_of_which_nothing_can_be_computed_stops_it_with_its_name(more, tmp_path, capsys):
    # On pictures of 32 pixels no face is found.
    root = write_tree("casme2", tmp_path / "data", clips=CLIPS, size=32)
    typed = ["train", "flow-svm", "--data", f"casme2={root}", *ON_FRAMES, "--set", "face=detect", *more]
    typed.remove("face=whole")
    typed.remove("--set")
    assert main([*typed, "-o", str(tmp_path / "a")]) == 2
    told = capsys.readouterr().err
    assert told.strip().count("\n") == 0
    assert "EP01_1': no face was found" in told
    assert not (tmp_path / "a").exists()


def test_a_frame_that_cannot_be_read_stops_it_with_its_name(tmp_path, capsys):
    root = write_tree("casme2", tmp_path / "data", clips=CLIPS, size=32)
    apex = sorted(root.rglob("sub02/EP02_1/*7.jpg"))[0]
    apex.write_bytes(b"no picture")
    typed = ["train", "flow-svm", "--data", f"casme2={root}", *ON_FRAMES, "-o", str(tmp_path / "a")]
    assert main(typed) == 2
    told = capsys.readouterr().err
    assert told.strip().count("\n") == 0
    assert str(apex) in told


def test_a_network_that_was_stopped_ends_with_the_weights_of_one_that_was_not(maps, tmp_path):
    from merkit import read_dataset

    tables = {"megc2019-flow": read_dataset("megc2019-flow", maps)}
    how = {"config": "map28", "overrides": {"epochs": 6, "copies": 1, "width": 4}}
    epochs: list[tuple[int, int | None]] = []

    def stop_once(done, total, stage):
        if stage == "target":
            epochs.append((done, total))
            if len(epochs) == 5:
                raise Stopped

    with pytest.raises(Stopped):
        train_model("strcn-g", tables, "megc2019", tmp_path / "a", on_progress=stop_once, **how)
    train_model("strcn-g", tables, "megc2019", tmp_path / "a", on_progress=stop_once, **how)
    # Its state is kept every fifth epoch.
    assert epochs == [(epoch, 6) for epoch in range(1, 7)]
    train_model("strcn-g", tables, "megc2019", tmp_path / "b", **how)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]
    assert load_recognizer(tmp_path / "a").card["trained_subjects"] == sorted(set(everybody(tables)))


def everybody(tables) -> list[str]:
    return [str(who) for table in tables.values() for who in table.groups()]


def test_from_python_the_protocol_may_be_a_name(maps, tmp_path):
    from merkit import read_dataset

    tables = {"megc2019-flow": read_dataset("megc2019-flow", maps)}
    model = train_model("flow-svm", tables, "megc2019", tmp_path / "mine")
    assert model.classes_.tolist() == ["negative", "positive", "surprise"]
    with pytest.raises(ConfigError, match="force=True"):
        train_model("flow-svm", tables, "megc2019", tmp_path / "mine")
