"""Recognizers that get round the guard on purpose or by accident: each is refused, or gains nothing."""

from __future__ import annotations

import contextlib
import copy
import gc
import inspect
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from evaluation_kit import CLASSES, BySubject, ByThirds, one_hot, toy_table

import merkit.evaluation.scores
from merkit.clips import Clip, ClipTable
from merkit.errors import DataError, LeakageError
from merkit.evaluation import evaluate, reach
from merkit.evaluation.reach import is_library, outside, states
from merkit.methods import create_recognizer, load_shipped

TABLE = toy_table(subjects=3)
ENGINES = ("serial", "processes")


def run(method: Any, table: ClipTable = TABLE, engine: str = "serial", **how: Any):
    return evaluate(method, {"toy": table}, BySubject(), engine=engine, workers=1, **how)


def refused(method: Any, words: str, **how: Any) -> None:
    with pytest.raises(LeakageError, match=words) as caught:
        run(method, **how)
    assert "\n" not in str(caught.value)


def content(clip: Any) -> bytes:
    """What a clip can be known by, whatever its id."""
    return clip.features["flow_map"].tobytes()


# --- state that outlives a fold --------------------------------------------------------------------------


class Remembers(ByThirds):
    """Knows a test clip again that an earlier fold was trained on."""

    def memo(self) -> dict[bytes, str]:
        raise NotImplementedError

    def fit(self, clips, labels, groups, *, context=None):
        self.memo().update(zip(map(content, clips), labels, strict=True))
        return super().fit(clips, labels, groups, context=context)

    def predict_proba(self, clips):
        guess = self.classes_[super().predict_proba(clips).argmax(axis=1)]
        return one_hot([self.memo().get(content(c), g) for c, g in zip(clips, guess, strict=True)])


class InTheClass(Remembers):
    labels: ClassVar[dict[bytes, str]] = {}

    def memo(self):
        return self.labels


MEMO: dict[bytes, str] = {}


class InTheModule(Remembers):
    def memo(self):
        return MEMO


def lookup() -> dict[bytes, str]:
    return MEMO


class InAModuleThroughAFunction(Remembers):
    def memo(self):
        return lookup()


class InADefault(Remembers):
    def memo(self, memo={}):  # noqa: B006
        return memo


class OnAFunction(Remembers):
    def memo(self):
        return lookup.__dict__


class InANewClassAttribute(Remembers):
    def memo(self):
        if not hasattr(type(self), "late"):
            type(self).late = {}
        return type(self).late


class InWhatItHolds(Remembers):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()

    def memo(self):
        return self.encoder.bank


class Encoder:
    bank: ClassVar[dict[bytes, str]] = {}


@pytest.fixture(autouse=True)
def forget():
    yield
    for memo in (MEMO, InTheClass.labels, Encoder.bank, InADefault.memo.__defaults__[0], vars(lookup)):
        memo.clear()
    if hasattr(InANewClassAttribute, "late"):
        del InANewClassAttribute.late


@pytest.mark.parametrize(
    ("method", "where", "engine"),
    [
        (InTheClass, "labels of class InTheClass", "serial"),
        (InTheModule, "global MEMO", "serial"),
        (InTheModule, "global MEMO", "processes"),
        (InAModuleThroughAFunction, "global MEMO", "serial"),
        (InADefault, "the default memo of memo", "serial"),
        (OnAFunction, "of function lookup", "serial"),
        (InANewClassAttribute, "late of class InANewClassAttribute", "serial"),
        (InWhatItHolds, "bank of class Encoder", "serial"),
    ],
)
def test_state_that_outlives_a_fold_is_caught(method, where, engine):
    refused(method, f"changed .*{where}.*outlives the fold", engine=engine)


def test_state_around_a_function_is_caught():
    memo: dict[bytes, str] = {}

    class InAClosure(Remembers):
        def memo(self):
            return memo

    refused(InAClosure, "changed memo around memo")


class HidesInALibrary(Remembers):
    """Where nobody looks: an attribute of a library's module."""

    def memo(self):
        return vars(np).setdefault("merkit_test_memo", {})

    def fit(self, clips, labels, groups, *, context=None):
        assert not self.memo(), "an earlier fold has left something"
        return super().fit(clips, labels, groups, context=context)


def test_a_fold_finds_nothing_that_another_has_left_in_memory():
    try:
        assert run(HidesInALibrary, engine="processes").metrics["leak_free"]
        # What the check cannot see in one process: the documents say so.
        with pytest.raises(AssertionError, match="earlier fold"):
            run(HidesInALibrary, engine="serial")
    finally:
        vars(np).pop("merkit_test_memo", None)


class WritesIntoClips(ByThirds):
    """Leaves the label in the features of a training clip, which is a test clip of the next fold."""

    def fit(self, clips, labels, groups, *, context=None):
        for clip, label in zip(clips, labels, strict=True):
            assert "label" not in clip.features, "an earlier fold has left something"
            clip.features["label"] = np.full(1, CLASSES.index(label))
            clip.features["flow_map"][:] += 0.01
        return super().fit(clips, labels, groups, context=context)

    def predict_proba(self, clips):
        assert not any("label" in clip.features for clip in clips)
        return super().predict_proba(clips)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_done_to_a_clip_ends_with_the_fold(engine):
    before = [content(clip) for clip in TABLE]
    run(WritesIntoClips, engine=engine)
    assert [content(clip) for clip in TABLE] == before


class Counter:
    """Of a library or of a user, it depends on what it is for."""

    def __init__(self) -> None:
        self.n = 0


def test_states_see_changes_at_any_depth_and_nothing_else():
    things = {
        "array": np.zeros((3, 3)), "nested": {"a": [({"b": np.arange(3)},)]}, "own": Counter(),
        "set": {"x"}, "number": np.float32(1), "objects": np.array([[1], None], dtype=object),
        "chance": np.random.default_rng(0), "stream": sys.stderr,
    }  # fmt: skip
    before = states(things)
    assert states(things) == before
    things["array"][1, 1] = 1
    things["nested"]["a"][0][0]["b"][2] = 7
    things["own"].n += 1
    things["set"].add("y")
    things["number"] += np.float32(1)
    things["objects"][0].append(2)
    things["chance"].random()
    after = states(things)
    assert {name for name in things if after[name] != before[name]} == set(things) - {"stream"}


def test_an_installed_method_is_a_users(tmp_path, monkeypatch):
    # As pip would install it: beside the libraries.
    package = tmp_path / "site-packages" / "their_method"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from their_method.model import Theirs\n")
    (package / "model.py").write_text(
        "from evaluation_kit import ByThirds\nSEEN = []\n"
        "class Theirs(ByThirds):\n"
        "    def predict_proba(self, clips):\n        SEEN.append(1)\n"
        "        return super().predict_proba(clips)\n"
    )
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setattr(reach, "_PLACES", (*reach._PLACES, str(package.parent)))
    from their_method import Theirs

    refused(Theirs, "changed global SEEN")


def test_libraries_are_told_from_users():
    assert is_library(json.__file__)
    assert is_library(pytest.__file__)
    assert is_library(merkit.evaluation.scores.__file__)
    assert not is_library(__file__)
    # The methods of merkit itself keep nothing between folds; a rule for users would find its registry.
    assert outside(load_shipped("flow-svm")) == {}


# --- the runner and its memory ---------------------------------------------------------------------------


class Replaces(ByThirds):
    def fit(self, clips, labels, groups, *, context=None):
        merkit.evaluation.scores.scores_of = lambda *_: {"overall": {"uf1": 1.0}}
        return super().fit(clips, labels, groups, context=context)


class Unblinds(ByThirds):
    def fit(self, clips, labels, groups, *, context=None):
        Clip.blind = lambda clip: clip
        return super().fit(clips, labels, groups, context=context)


@pytest.mark.parametrize(
    ("method", "what"), [(Replaces, "merkit.evaluation.scores.scores_of"), (Unblinds, "Clip.blind")]
)
def test_replacing_code_of_the_runner_is_caught(method, what, monkeypatch):
    # So that the originals are there again afterwards.
    monkeypatch.setattr(merkit.evaluation.scores, "scores_of", merkit.evaluation.scores.scores_of)
    monkeypatch.setattr(Clip, "blind", Clip.blind)
    refused(method, f"replaced .*{what}")


class SearchesMemory(ByThirds):
    def predict_proba(self, clips):
        known = [thing for thing in gc.get_objects() if type(thing) is Clip]
        return one_hot([known[0].emotion for _ in clips])


class ClimbsTheStack(ByThirds):
    def predict_proba(self, clips):
        frame = sys._getframe(1)
        while frame is not None and "trial" not in frame.f_locals:
            frame = frame.f_back
        return one_hot([str(label) for label in frame.f_locals["trial"].truth[: len(clips)]])


class Inspects(ByThirds):
    def predict_proba(self, clips):
        inspect.currentframe()
        return super().predict_proba(clips)


class SwallowsTheRefusal(ByThirds):
    def predict_proba(self, clips):
        with contextlib.suppress(LeakageError):
            gc.get_objects()
        return super().predict_proba(clips)


@pytest.mark.parametrize(
    ("method", "words", "engine"),
    [
        (SearchesMemory, "searches the memory", "serial"),
        (SearchesMemory, "searches the memory", "processes"),
        (ClimbsTheStack, "functions that call it", "serial"),
        (Inspects, "functions that call it", "serial"),
        (SwallowsTheRefusal, "searches the memory", "serial"),
    ],
)
def test_looking_for_labels_in_memory_is_caught(method, words, engine):
    refused(method, words, engine=engine)


class LooksForTheTruth(ByThirds):
    """Asks without the audit hook seeing it, which only the documents can exclude in one process."""

    def predict_proba(self, clips):
        try:
            raise ValueError
        except ValueError as error:
            frame = error.__traceback__.tb_frame
        while frame is not None:
            assert "trial" not in frame.f_locals, "the labels are in this process"
            frame = frame.f_back
        return super().predict_proba(clips)


def test_the_process_of_a_fold_holds_no_test_labels():
    assert run(LooksForTheTruth, engine="processes").metrics["leak_free"]
    with pytest.raises(AssertionError, match="labels are in this process"):
        run(LooksForTheTruth, engine="serial")
    assert run(ByThirds).run["guard"]["test_labels_in_process"] is True
    assert run(ByThirds, engine="auto").run["guard"]["test_labels_in_process"] is False


class ReadsTheSource(ByThirds):
    def predict_proba(self, clips):
        return one_hot([str(clip.source._BlindFrames__source) for clip in clips])


def test_the_source_behind_a_test_clip_is_not_to_be_read():
    refused(ReadsTheSource, "asked a test clip for source")


class HoldsTheTable(ByThirds):
    def __init__(self) -> None:
        super().__init__()
        self.known = TABLE


class NamesTheClips(ByThirds):
    def predict_proba(self, clips):
        return one_hot([CLIPS[0].emotion for _ in clips])


CLIPS = list(TABLE)


@pytest.mark.parametrize("method", [HoldsTheTable, NamesTheClips])
def test_labelled_clips_of_a_test_subject_in_reach_are_caught(method):
    refused(method, "holds clips of subject toy/0, who is tested here")


# --- the test clips --------------------------------------------------------------------------------------


class ByPlace(ByThirds):
    """The classes of the table take turns."""

    def predict_proba(self, clips):
        return one_hot([CLASSES[place % 3] for place in range(len(clips))])


class SortsThem(ByThirds):
    def predict_proba(self, clips):
        order = np.argsort([clip.id for clip in clips])
        return one_hot([CLASSES[place % 3] for place in np.argsort(order)])


class AdaptsToThem(ByThirds):
    """Learns its scale from the first test clips that it sees, a few at a time."""

    def predict_proba(self, clips):
        seen = [*getattr(self, "seen", []), *self.motion(clips)]
        self.seen = seen
        powers = np.exp((self.motion(clips) - np.mean(seen, axis=0)) * 9)
        return powers / powers.sum(axis=1, keepdims=True)


class LearnsItsScaleAtTheFirstLook(ByThirds):
    """The same, but once and for all: nothing shows it, so the first look has to be at one clip alone."""

    def predict_proba(self, clips):
        if not hasattr(self, "scale"):
            assert len(clips) == 1
            self.scale = self.motion(clips).std()
        return super().predict_proba(clips)


def test_the_first_look_at_the_test_clips_is_at_one_alone():
    assert run(LearnsItsScaleAtTheFirstLook).metrics["leak_free"]


@pytest.mark.parametrize("method", [ByPlace, SortsThem, AdaptsToThem])
def test_what_depends_on_the_other_test_clips_is_caught(method):
    refused(method, "differently when it comes alone")


# --- files -----------------------------------------------------------------------------------------------


class ReadsAFile(ByThirds):
    """Opens a file while it predicts."""

    def __init__(self, path: str = "") -> None:
        super().__init__()
        self.path = path

    def predict_proba(self, clips):
        Path(self.path).read_text()
        return super().predict_proba(clips)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_table_of_labels_in_the_data_is_not_to_be_opened(engine, tmp_path):
    (tmp_path / "data").mkdir()
    table = tmp_path / "data" / "labels.csv"
    table.write_text("id,emotion\n")
    refused(ReadsAFile, "opens .*labels.csv by itself", engine=engine, closed=[tmp_path / "data"],
            overrides={"path": str(table)})  # fmt: skip
    other = tmp_path / "data2.csv"
    other.write_text("nothing of the data\n")
    how = {"engine": engine, "closed": [tmp_path / "data"], "overrides": {"path": str(other)}}
    assert run(ReadsAFile, **how).metrics["leak_free"]


def test_the_predictions_of_the_run_are_not_to_be_opened(tmp_path):
    run(ReadsAFile, out=tmp_path / "run", overrides={"path": str(Path(__file__))})
    finished = tmp_path / "run" / "predictions.csv"
    (tmp_path / "run" / "folds" / "seed-0" / "fold-0001.json").unlink()
    (tmp_path / "run" / "plan.json").unlink()
    refused(ReadsAFile, "opens .*predictions.csv by itself", out=tmp_path / "run",
            overrides={"path": str(finished)})  # fmt: skip


class SavesForTheNext(ByThirds):
    def __init__(self, path: str = "", rename: bool = False) -> None:
        super().__init__()
        self.path, self.rename = Path(path), rename

    def fit(self, clips, labels, groups, *, context=None):
        if self.path.exists():
            np.load(self.path)
        np.save(self.path.with_suffix(".part.npy"), self.motion(clips))
        os.replace(self.path.with_suffix(".part.npy"), self.path)
        np.load(self.path)  # one's own is one's own
        return super().fit(clips, labels, groups, context=context)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_of_another_fold_is_not_to_be_read(engine, tmp_path):
    file = tmp_path / "memo.npy"
    refused(SavesForTheNext, "reads .*memo.npy, which was written after the run began", engine=engine,
            overrides={"path": str(file)})  # fmt: skip


class KeepsWithinTheFold(ByThirds):
    def __init__(self, folder: str = "") -> None:
        super().__init__()
        self.folder = Path(folder)

    def fit(self, clips, labels, groups, *, context=None):
        path = self.folder / f"{groups[0].replace('/', '-')}-{len(clips)}-{os.urandom(4).hex()}.npz"
        np.savez(path, motion=self.motion(clips))
        # Whole or not at all, as careful programs write.
        whole = path.with_suffix(".whole.npz")
        os.replace(path, whole)
        with np.load(whole) as kept:
            assert len(kept["motion"]) == len(clips)
        return super().fit(clips, labels, groups, context=context)


def test_files_of_the_fold_itself_are_fine(tmp_path):
    assert run(KeepsWithinTheFold, overrides={"folder": str(tmp_path)}).metrics["leak_free"]


class StartsFromTheShipped(ByThirds):
    def fit(self, clips, labels, groups, *, context=None):
        load_shipped("flow-svm")
        return super().fit(clips, labels, groups, context=context)


def test_the_shipped_model_knows_whom_it_was_trained_on():
    card = load_shipped("flow-svm").card
    assert len(set(card["trained_subjects"])) == 68
    known = toy_table(3, dataset="smic-nir")
    with pytest.raises(LeakageError, match=r"loads a saved model: .*card.json.* trained on subject smic/1"):
        run(StartsFromTheShipped, known)
    shipped = load_shipped("flow-svm")
    with pytest.raises(LeakageError, match="the recognizer was trained on subject smic/1"):
        run(lambda: copy.deepcopy(shipped), known)
    # On people whom it has never seen it may be used.
    assert run(StartsFromTheShipped, toy_table(3, dataset="dfme")).metrics["leak_free"]


class LoadsASavedModel(ByThirds):
    def __init__(self, folder: str = "") -> None:
        super().__init__()
        self.folder = folder

    def fit(self, clips, labels, groups, *, context=None):
        from merkit.methods.baselines.flow_svm.recognizer import FlowSVM

        FlowSVM.load(self.folder)
        return super().fit(clips, labels, groups, context=context)


def test_a_saved_model_must_say_on_whom_it_was_trained(tmp_path):
    model = load_shipped("flow-svm")
    for name, about, words in (
        ("silent", {"data": "some"}, "does not say on whom it was trained"),
        ("knows", {"trained_subjects": ["toy/2"]}, "trained on subject toy/2"),
        ("fine", {"trained_subjects": ["toy/77"]}, ""),
    ):
        model.save(tmp_path / name, about)
        if "trained_subjects" not in about:  # as other programs write
            path = tmp_path / name / "card.json"
            card = json.loads(path.read_text("utf-8"))
            path.write_text(json.dumps({**card, "about": about}), "utf-8")
        how = {"overrides": {"folder": str(tmp_path / name)}}
        if words:
            refused(LoadsASavedModel, words, **how)
        else:
            assert run(LoadsASavedModel, **how).metrics["leak_free"]


def test_a_card_that_lies_elsewhere_under_another_name_is_looked_at(tmp_path):
    load_shipped("flow-svm").save(tmp_path / "model", {"trained_subjects": ["toy/2"]})
    card = tmp_path / "model" / "card.json"
    card.rename(tmp_path / "0123abcd")
    card.symlink_to(tmp_path / "0123abcd")
    how = {"overrides": {"folder": str(tmp_path / "model")}}
    refused(LoadsASavedModel, "trained on subject toy/2", **how)


def test_weights_to_start_from_must_name_their_method(tmp_path):
    from merkit.training.pretrained import load_pretrained

    (tmp_path / "card.json").write_text(json.dumps({"about": {"trained_subjects": []}}), "utf-8")
    with pytest.raises(DataError, match="does not say whom"):
        load_pretrained(tmp_path)


def test_a_model_that_a_user_trained_and_saved_says_whom_it_knows(tmp_path):
    for subject, leaks in (("toy/s01", True), ("toy/s77", False)):
        others = [f"toy/s{number}" for number in range(80, 84)]
        table = toy_table(5)
        names = np.array([subject, *others])[np.repeat(np.arange(5), 6)]
        model = create_recognizer("flow-svm").fit(list(table), table.labels("emotion"), names)
        model.save(tmp_path / subject[-2:], {"data": "mine"})
        how = {"overrides": {"folder": str(tmp_path / subject[-2:])}}
        if leaks:
            refused(LoadsASavedModel, "trained on subject toy/1", **how)
            refused(lambda model=model: copy.deepcopy(model), "trained on subject toy/1")
        else:
            assert run(LoadsASavedModel, **how).metrics["leak_free"]


# --- what is measured before the folds -------------------------------------------------------------------


class Measures(ByThirds):
    """Computes a feature of every clip before the folds."""

    asked: ClassVar[list[str]] = []

    def prepare(self, clip):
        assert type(clip) is Clip
        assert (clip.emotion, clip.aus, clip.repairs) == (None, (), ())
        assert clip.id not in BY_NAME
        return replace(clip, features={"flow_map": clip.features["flow_map"] / 2, "extra": np.ones(1)})

    def predict_proba(self, clips):
        assert all(clip.features.keys() == {"flow_map", "extra"} for clip in clips)
        return super().predict_proba(clips)


class MeasuresTogether(Measures):
    """Scales a clip by those before it, which may be the test clips."""

    def prepare(self, clip):
        self.asked.append(content(clip))
        return super().prepare(clip)


class LooksWhileMeasuring(Measures):
    def prepare(self, clip):
        _ = clip.source.path
        return super().prepare(clip)


BY_NAME = {clip.id: clip.emotion for clip in TABLE}


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_measured_before_the_folds_is_measured_blindly(engine):
    assert run(Measures, engine=engine).metrics["leak_free"]


def test_measuring_is_watched_like_training():
    refused(MeasuresTogether, "changed asked of class Measures, which outlives")
    refused(LooksWhileMeasuring, "asked a test clip for source.path")
