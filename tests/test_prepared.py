"""What is measured of a clip before the folds: once, of that clip alone, without its label."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_kit import toy_table

from merkit.datasets import read_dataset
from merkit.errors import DataError, LeakageError
from merkit.evaluation import evaluate
from merkit.methods import create_recognizer
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
    assert "apex estimated from motion (flow; none is annotated): 9 of 9 clips" in result.run["warnings"]
