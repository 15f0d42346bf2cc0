"""What is measured of a clip before the folds: once, of that clip alone, without its label."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from evaluation_kit import toy_table

from merkit.cache import ClipCache, Step
from merkit.cache.folder import CacheFolder
from merkit.cache.record import StoredArrays, pack
from merkit.datasets import read_dataset
from merkit.errors import ConfigError, DataError, LeakageError
from merkit.evaluation import evaluate
from merkit.evaluation.filling import fill_cache
from merkit.evaluation.job import Method
from merkit.methods import create_recognizer, list_methods
from merkit.simulate.native import write_tree


class MeanOfFrames:
    """Chooses the class whose mean brightness is nearest, measured in ``prepare`` alone."""

    name = "mean-of-frames"
    requires = ("frames",)

    def prepare(self, clip):
        return replace(clip, features={"mean": clip.frames.mean(axis=(1, 2))}, repairs=("apex made up: 3",))

    def fit(self, clips, labels, groups, *, context=None):
        self.classes_ = np.unique(labels)
        means = np.array([clip.features["mean"].mean() for clip in clips])
        self.means_ = np.array([means[labels == name].mean() for name in self.classes_])
        return self

    def predict_proba(self, clips):
        means = np.array([clip.features["mean"].mean() for clip in clips])
        near = np.exp(-((means[:, None] - self.means_) ** 2) / 10)
        return near / near.sum(axis=1, keepdims=True)


class Curious(MeanOfFrames):
    def prepare(self, clip):
        assert (clip.emotion, clip.aus, clip.objective_class, clip.repairs) == (None, (), None, ())
        assert not any(word in clip.id for word in ("_", "ne", "po", "sur"))
        return super().prepare(clip)


class FolderName(MeanOfFrames):
    def prepare(self, clip):
        return super().prepare(clip) if clip.source.files else clip


class Unable(MeanOfFrames):
    def prepare(self, clip):
        raise DataError(f"clip {clip.id!r}: cannot be measured")


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    root = write_tree("smic-hs", tmp_path_factory.mktemp("smic"), clips=18, size=8)
    return {"smic-hs": read_dataset("smic-hs", root)}


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_features_reach_every_fold_and_notes_the_reader(tables, engine):
    result = evaluate(MeanOfFrames, tables, "smic-hs-3class", engine=engine, workers=2)
    assert len(result.predictions) == 18
    assert "apex made up: 18 of 18 clips" in result.run["warnings"]


def test_a_clip_is_measured_once_for_all_folds_and_without_its_label(tables):
    told = []
    evaluate(
        Curious,
        tables,
        "smic-hs-3class",
        seeds=2,
        engine="serial",
        on_progress=lambda *step: told.append(step),
    )
    assert [step for step in told if step[2] == "measuring"] == [(n, 18, "measuring") for n in range(1, 19)]


def test_what_is_measured_may_not_come_from_a_path(tables):
    with pytest.raises(LeakageError, match=r"source\.files"):
        evaluate(FolderName, tables, "smic-hs-3class", engine="serial")


def test_an_error_names_the_clip_as_its_owner_knows_it(tables):
    with pytest.raises(DataError, match=r"clip 's1_ne_01': cannot be measured"):
        evaluate(Unable, tables, "smic-hs-3class", engine="serial")


def test_precomputed_maps_are_left_as_they_are():
    clip = toy_table()[0]
    assert create_recognizer("flow-svm").step(clip) is clip


def test_flow_svm_goes_from_raw_frames_to_a_score(tmp_path):
    # Classes of SMIC have no action units, so all are performed alike: a score by chance, and no apex.
    root = write_tree("smic-hs", tmp_path, clips=9, size=(84, 92), style="faces")
    result = evaluate(
        "flow-svm", {"smic-hs": read_dataset("smic-hs", root)}, "smic-hs-3class", engine="serial"
    )
    assert len(result.predictions) == 9
    told = [line for line in result.run["warnings"] if line.startswith("apex estimated from motion")]
    assert told
    assert told[0].endswith("none is annotated): 9 of 9 clips")


# --- the clip cache --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    by: float = 1.0


def mean_of_frames(clip, scale):
    return replace(
        clip, features={"mean": clip.frames.mean(axis=(1, 2)) * scale.by}, repairs=("apex made up: 3",)
    )


class ByStep(MeanOfFrames):
    """The same, as a step."""

    prepare = None

    @property
    def step(self):
        return Step("mean", 1, Scale(), mean_of_frames, ("mean",), faces=False)


SEEN: list[float] = []


def mean_against_those_before(clip, scale):
    SEEN.append(float(clip.frames.mean()))
    return replace(clip, features={"mean": clip.frames.mean(axis=(1, 2)) - SEEN[0]})


class Drifts(ByStep):
    @property
    def step(self):
        return replace(super().step, compute=mean_against_those_before)


class DriftsByAnAttribute(ByStep):
    step = replace(ByStep().step, compute=mean_against_those_before)


def path_of_clip(clip, scale):
    return replace(clip, features={"mean": np.ones(len(clip.source.files))})


class AsksForThePath(ByStep):
    @property
    def step(self):
        return replace(super().step, compute=path_of_clip)


@pytest.fixture
def computed(monkeypatch):
    """Filled with the clips of which something is computed."""
    seen: list[str] = []
    compute = Step.of

    def counted(self, clip, hide):
        seen.append(clip.id)
        return compute(self, clip, hide)

    monkeypatch.setattr(Step, "of", counted)
    return seen


def test_the_second_run_computes_nothing_and_gives_the_same_bytes(tables, tmp_path, computed):
    def run(name, method=ByStep, engine="serial", **how):
        evaluate(method, tables, "smic-hs-3class", engine=engine, workers=2, out=tmp_path / name, **how)
        return [(tmp_path / name / file).read_text() for file in ("predictions.csv", "metrics.json")]

    without = run("without")
    assert len(computed) == 18
    assert run("first", cache=ClipCache(tmp_path / "cache")) == without
    assert len(computed) == 36
    assert run("second", cache=ClipCache(tmp_path / "cache")) == without
    # Workers read it themselves.
    assert run("third", engine="processes", cache=ClipCache(tmp_path / "cache")) == without
    assert len(computed) == 36
    # Not by the step, but of the same.
    assert [text.replace("MeanOfFrames", "ByStep") for text in run("prepare", MeanOfFrames)] == without


def test_what_a_step_notes_is_told_whether_it_is_computed_or_found(tables, tmp_path):
    for _ in range(2):
        cache = ClipCache(tmp_path / "cache")
        result = evaluate(ByStep, tables, "smic-hs-3class", engine="serial", cache=cache)
        assert "apex made up: 18 of 18 clips" in result.run["warnings"]


def test_a_damaged_file_is_told_and_made_anew(tables, tmp_path, computed):
    cache = ClipCache(tmp_path / "cache")
    first = evaluate(ByStep, tables, "smic-hs-3class", engine="serial", cache=cache)
    cache.folder.entries()[0].path.write_bytes(b"")
    computed.clear()
    cache = ClipCache(tmp_path / "cache")
    second = evaluate(ByStep, tables, "smic-hs-3class", engine="serial", cache=cache)
    assert len(computed) == 1
    assert sum("is damaged" in line for line in second.run["warnings"]) == 1
    assert second.metrics == first.metrics


@pytest.mark.parametrize("method", [Drifts, DriftsByAnAttribute])
def test_what_depends_on_other_clips_is_refused_before_it_is_kept(method, tables, tmp_path):
    SEEN.clear()
    cache = ClipCache(tmp_path / "cache")
    with pytest.raises(LeakageError, match="changed global SEEN, which outlives"):
        evaluate(method, tables, "smic-hs-3class", engine="serial", cache=cache)
    assert cache.folder.entries() == []


def test_a_step_may_not_ask_where_a_clip_comes_from(tables, tmp_path):
    with pytest.raises(LeakageError, match=r"source\.files"):
        evaluate(AsksForThePath, tables, "smic-hs-3class", engine="serial", cache=ClipCache(tmp_path))


class LeavesLabels(ByStep):
    """Puts what it learns of its training clips where the next fold finds it."""

    where: ClassVar[str] = "MERKIT_TEST_CACHE"

    def fit(self, clips, labels, groups, *, context=None):
        self.leave(Path(os.environ[self.where]), labels)
        return super().fit(clips, labels, groups, context=context)

    def leave(self, folder, labels):
        CacheFolder(folder).write("mean", "ab" * 32, pack({"labels": np.array(labels, dtype="U")}, {}))


class RenamesLabels(LeavesLabels):
    def leave(self, folder, labels):
        draft = folder.parent / "draft"
        draft.write_text(str(labels))
        place = folder / "mean" / "ab" / f"{'ab' * 32}.npy"
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.rename(place)


class LooksAround(LeavesLabels):
    def leave(self, folder, labels):
        next(iter(folder.rglob("*.npy"))).read_bytes()


@pytest.mark.parametrize(
    ("method", "words", "engine"),
    [
        (LeavesLabels, "writes .* among the data", "serial"),
        (LeavesLabels, "writes .* among the data", "processes"),
        (RenamesLabels, "writes .* among the data", "serial"),
        (LooksAround, "by itself", "serial"),
    ],
)
def test_the_cache_is_no_way_from_fold_to_fold(method, words, engine, tables, tmp_path, monkeypatch):
    cache = ClipCache(tmp_path / "cache")
    monkeypatch.setenv("MERKIT_TEST_CACHE", str(tmp_path / "cache"))
    with pytest.raises(LeakageError, match=words):
        evaluate(method, tables, "smic-hs-3class", engine=engine, workers=1, cache=cache)


class ReadsByTheCache(LeavesLabels):
    """Lets the reader of the cache open what is none of the cache."""

    def leave(self, folder, labels):
        _ = StoredArrays(folder / "labels.csv", ("labels",), "")["labels"]


def test_the_reader_of_the_cache_opens_nothing_else(tables, tmp_path, monkeypatch):
    (tmp_path / "labels.csv").write_text("id,label")
    monkeypatch.setenv("MERKIT_TEST_CACHE", str(tmp_path))
    with pytest.raises(LeakageError, match=r"labels\.csv by itself"):
        evaluate(ReadsByTheCache, tables, "smic-hs-3class", engine="serial", closed=[tmp_path])


def test_every_registered_method_that_prepares_says_by_a_step_what_it_computes():
    # What has no step cannot be kept, so `merkit prepare` could not serve it.
    methods = [create_recognizer(name) for name in list_methods()]
    assert {method.name for method in methods if hasattr(method, "prepare")} == set()
    steps = [method.step for method in methods if hasattr(method, "step")]
    assert all(isinstance(step, Step) for step in steps)
    assert steps


def test_a_method_that_computes_nothing_beforehand_cannot_be_prepared(tables, tmp_path):
    with pytest.raises(ConfigError, match="mean-of-frames computes nothing of a clip beforehand"):
        fill_cache(Method("mean-of-frames", {}, MeanOfFrames), tables["smic-hs"], ClipCache(tmp_path))
