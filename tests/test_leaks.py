"""Every way to a better score than is deserved must end in a LeakageError."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pytest
from evaluation_kit import CLASSES, BySubject, ByThirds, Given, one_hot, toy_table
from sklearn.preprocessing import StandardScaler

from merkit.clips import Clip, ClipTable
from merkit.errors import DataError, LeakageError
from merkit.evaluation import evaluate
from merkit.evaluation.guard import GuardedContext, check_unfitted
from merkit.evaluation.job import Method
from merkit.evaluation.people import people
from merkit.evaluation.sealed import seal
from merkit.evaluation.trial import Trial
from merkit.methods import create_recognizer

TABLE = toy_table(subjects=3)
CLIPS = list(TABLE)
LABELS, GROUPS = TABLE.labels(), TABLE.groups()
BY_ID = {clip.id: clip.emotion for clip in TABLE}
BY_BLIND_ID = {name: clip.emotion for clip in TABLE for name in (clip.blind().id, seal(clip).id)}


def run(method: Callable[..., Any], table: ClipTable = TABLE, protocol: BySubject | None = None, **how: Any):
    return evaluate(method, {"toy": table}, protocol or BySubject(), engine="serial", **how)


def with_clip(clip: Clip, **changes: Any) -> ClipTable:
    from dataclasses import replace

    return ClipTable.from_clips([*TABLE, replace(clip, **changes)])


def test_an_honest_method_passes():
    result = run(ByThirds)
    assert result.metrics["leak_free"] is True
    assert result["uf1"] > 0.6


# --- folds ---------------------------------------------------------------------------------------------


def test_a_subject_in_training_and_test_is_caught():
    rows = np.arange(len(TABLE))
    with pytest.raises(LeakageError, match=r"subject toy/0 is in training and in test"):
        run(ByThirds, protocol=Given(splits=[(rows[1:], rows[:1])]))


def test_a_clip_in_training_and_test_is_caught():
    rows = np.arange(len(TABLE))
    with pytest.raises(LeakageError, match="clip 's00_negative_0' is in training and in test"):
        run(ByThirds, protocol=Given(splits=[(rows, rows[:6])]))


def test_a_clip_tested_in_two_folds_is_caught():
    with pytest.raises(LeakageError, match="tested in two folds"):
        run(ByThirds, protocol=Given(splits=[(range(6, 18), range(6)), (range(12, 18), range(6))]))


def test_a_subject_spelled_in_two_ways_is_one_person():
    # Half of the clips of s01 come from a table that writes the subject without the zero.
    table = toy_table(subjects=3)
    table.frame.loc[6:8, "subject"] = "1"
    with pytest.raises(LeakageError, match="subject toy/1 is in training"):
        run(ByThirds, table)


def test_one_volunteer_in_two_releases_is_one_person():
    micro, long = toy_table(2, seed=1, dataset="samm"), toy_table(2, seed=2, dataset="samm-lv")
    tables = {"samm": micro, "samm-lv": long}
    with pytest.raises(LeakageError, match="subject samm/0 is in training"):
        evaluate(ByThirds, tables, BySubject(), engine="serial")


# --- content -------------------------------------------------------------------------------------------


def test_the_same_clip_under_two_names_is_caught():
    table = with_clip(CLIPS[0], id="copy", subject="s99")
    with pytest.raises(LeakageError, match=r"'s00_negative_0'.*same content.*'copy'"):
        run(ByThirds, table)


def test_the_same_frames_under_other_numbers_are_caught():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (9, 8, 8), dtype=np.uint8)
    other = rng.integers(0, 255, (5, 8, 8), dtype=np.uint8)
    clips = [
        Clip.from_array(pixels, id="a", subject="s1", dataset="toy", emotion="positive", onset=2, offset=6),
        Clip.from_array(pixels[2:7], id="b", subject="s2", dataset="toy", emotion="positive"),
        Clip.from_array(other, id="c", subject="s3", dataset="toy", emotion="negative"),
    ]
    with pytest.raises(LeakageError, match="same content"):
        run(ByThirds, ClipTable.from_clips(clips))


def test_a_copy_within_one_subject_is_no_leak_but_is_told():
    table = with_clip(CLIPS[0], id="copy")
    result = run(ByThirds, table)
    assert result.run["warnings"] == [
        "clips s00_negative_0 and copy of toy/s00 have the same content and both count"
    ]


def test_clips_without_motion_are_not_taken_for_copies():
    still = np.zeros((28, 28, 2))
    table = toy_table(subjects=3)
    features = [dict(clip.features) for clip in table]
    features[0] = features[17] = {"flow_map": still}
    run(ByThirds, ClipTable(table.frame, table._sources, features))


# --- the test clips ------------------------------------------------------------------------------------


class ReadsEmotion(ByThirds):
    def predict_proba(self, clips):
        return one_hot([clip.emotion for clip in clips])


class ReadsUnits(ByThirds):
    def predict_proba(self, clips):
        return one_hot(["positive" if "12" in clip.aus else "negative" for clip in clips])


class ParsesId(ByThirds):
    def predict_proba(self, clips):
        return one_hot([clip.id.split("_")[1] for clip in clips])


class ParsesPath(ByThirds):
    def predict_proba(self, clips):
        return one_hot([clip.paths[0].split("/")[-2] for clip in clips])


class ParsesSourcePath(ByThirds):
    def predict_proba(self, clips):
        return one_hot([clip.source.path.parent.name for clip in clips])


class LooksUpTheTable(ByThirds):
    """Finds the labels of test clips in a table that it kept, by their ids."""

    def predict_proba(self, clips):
        return one_hot([BY_ID[clip.id] for clip in clips])


class LooksUpBlindIds(ByThirds):
    """The same by the ids that anybody can give to clips whose names are known."""

    def predict_proba(self, clips):
        return one_hot([BY_BLIND_ID[clip.id] for clip in clips])


@pytest.mark.parametrize("method", [ReadsEmotion, ReadsUnits])
def test_a_recognizer_that_reads_labels_of_test_clips_is_caught(method):
    with pytest.raises(LeakageError, match="asked a test clip for its"):
        run(method)


@pytest.mark.parametrize("method", [ParsesPath, ParsesSourcePath])
def test_a_recognizer_that_parses_the_class_out_of_a_path_is_caught(method):
    with pytest.raises(LeakageError, match="asked a test clip for"):
        run(method)


@pytest.mark.parametrize("method", [ParsesId, LooksUpTheTable, LooksUpBlindIds])
def test_ids_of_test_clips_say_nothing(method):
    # Opaque ids hold no class to parse, and are in no table.
    with pytest.raises((IndexError, KeyError)):
        run(method)


def test_labels_do_not_reach_a_worker_with_the_test_clips():
    clip = Clip.from_array(
        np.zeros((2, 8, 8), np.uint8),
        id="s1_EMOTION", emotion="EMOTION", aus=("UNIT",), objective_class="CLASS", repairs=("REPAIR",),
    )  # fmt: skip
    sent = pickle.dumps(seal(clip))
    assert not [word for word in (b"EMOTION", b"UNIT", b"CLASS", b"REPAIR") if word in sent]
    with pytest.raises(LeakageError):
        _ = pickle.loads(sent).emotion


def test_sealed_clips_can_be_copied_with_features_and_shown():
    from dataclasses import replace

    clip = seal(CLIPS[0])
    richer = replace(clip, features={"x": np.ones(1)})
    assert richer.features.keys() == {"x"}
    assert "emotion" not in repr(richer)
    with pytest.raises(LeakageError):
        _ = richer.emotion


def test_test_clips_come_in_an_order_that_says_nothing():
    # The classes of the table take turns; an order by place or name would give them away.
    trial = Trial.prepare(BySubject(), {"toy": TABLE}, lambda *_: None)
    for fold in range(3):
        ids = [clip.id for clip in trial.job((0, fold), Method("by-thirds")).test]
        assert ids == sorted(ids) != [trial.sealed[row].id for row in trial.folds[fold].test]


# --- what was learnt before the split ------------------------------------------------------------------

EVERYTHING = ByThirds.motion(CLIPS)
GLOBAL_SCALER = StandardScaler().fit(EVERYTHING)


class HoldsFittedScaler(ByThirds):
    def __init__(self):
        super().__init__()
        self.steps = [("scale", StandardScaler().fit(EVERYTHING))]


class ClassHoldsFittedScaler(ByThirds):
    scaler = StandardScaler().fit(EVERYTHING)


class UsesGlobalScaler(ByThirds):
    def predict_proba(self, clips):
        GLOBAL_SCALER.transform(self.motion(clips))
        return super().predict_proba(clips)


@pytest.mark.parametrize("method", [HoldsFittedScaler, ClassHoldsFittedScaler, UsesGlobalScaler])
def test_a_scaler_fitted_before_the_split_is_caught(method):
    with pytest.raises(LeakageError, match=r"StandardScaler\) was fitted before the split"):
        run(method)


def test_a_scaler_that_outlives_its_fold_is_caught():
    # Fitted honestly in the first fold, on clips that the second fold tests.
    shared = StandardScaler()

    class KeepsIt(ByThirds):
        def __init__(self):
            super().__init__()
            self.scaler = shared

        def fit(self, clips, labels, groups, *, context=None):
            self.scaler.fit(self.motion(clips))
            return super().fit(clips, labels, groups, context=context)

    with pytest.raises(LeakageError, match="changed shared around __init__, which outlives the fold"):
        run(KeepsIt)


def test_an_unfitted_scaler_is_fine():
    class Scales(ByThirds):
        def __init__(self):
            super().__init__()
            self.scaler = StandardScaler()

        def fit(self, clips, labels, groups, *, context=None):
            self.scaler.fit(self.motion(clips))
            return super().fit(clips, labels, groups, context=context)

    assert run(Scales).metrics["leak_free"]


def test_a_recognizer_that_is_already_trained_is_caught():
    trained = ByThirds().fit(CLIPS, LABELS, GROUPS)
    with pytest.raises(LeakageError, match="was fitted before the split"):
        run(lambda: trained)


class ScalesTestClipsTogether(ByThirds):
    def predict_proba(self, clips):
        rank = self.motion(clips).argsort(axis=0).argsort(axis=0)
        powers = np.exp(rank)
        return powers / powers.sum(axis=1, keepdims=True)


def test_a_scaler_fitted_on_the_test_clips_is_caught():
    with pytest.raises(LeakageError, match="differently when it comes alone"):
        run(ScalesTestClipsTogether)


# --- selection -----------------------------------------------------------------------------------------


class SelectsByEmotion(ByThirds):
    """Keeps the epoch that does best on the clips it is asked about."""

    def predict_proba(self, clips):
        tables = [super(SelectsByEmotion, self).predict_proba(clips) for _ in range(3)]
        return max(tables, key=lambda t: (self.classes_[t.argmax(1)] == [c.emotion for c in clips]).sum())


class SelectsOnStrangers(ByThirds):
    """Splits all clips that it knows of, the held-out subject among them."""

    def fit(self, clips, labels, groups, *, context=None):
        context.subject_splits(LABELS, GROUPS, 2)
        return super().fit(clips, labels, groups, context=context)


def test_selection_on_the_test_fold_is_caught():
    with pytest.raises(LeakageError, match="asked a test clip for its emotion"):
        run(SelectsByEmotion)
    with pytest.raises(LeakageError, match="selection on subject toy/0"):
        run(SelectsOnStrangers)


def test_epochs_are_not_watched_outside_an_audit_and_the_watcher_says_nothing():
    # The assertion that on_epoch returns None is in ByThirds.fit.
    assert run(ByThirds, overrides={"epochs": 3}).metrics["leak_free"] is True
    assert run(ByThirds, overrides={"epochs": 3}, audit=True).metrics["leak_free"] is False


def test_inner_splits_with_a_subject_on_both_sides_are_caught():
    groups = np.array(["toy/s1", "toy/s1", "toy/s2"])
    context = GuardedContext(inner_splits=[([0, 2], [1])], allowed=people(groups))
    with pytest.raises(LeakageError, match="on both sides"):
        context.subject_splits(np.array([0, 1, 0]), groups, 2)


def test_of_several_splits_the_guard_keeps_the_one_that_is_used():
    groups = np.array(["toy/s1", "toy/s2", "toy/s3"] * 2)
    labels = np.array([0, 0, 1, 1, 1, 0])
    context = GuardedContext(allowed=people(groups))
    _, held_out = context.held_out_split(labels, groups, 3)
    assert context.selected == people(groups[held_out])
    assert len(context.selected) == 1
    context.subject_splits(labels, groups, 3)
    assert context.selected == people(groups)
    with pytest.raises(LeakageError, match="selection on subject toy/4"):
        context.held_out_split(labels, np.array(["toy/s1", "toy/s4", "toy/s3"] * 2), 3)
    with pytest.raises(DataError, match="of one subject"):
        context.held_out_split(labels, groups[[0] * 6], 3)


def test_the_guard_keeps_who_was_used_for_what(tmp_path):
    import json

    evaluate(
        "flow-svm", {"toy": toy_table(4)}, BySubject(), engine="serial", out=tmp_path,
        overrides={"inner_folds": 2},
    )  # fmt: skip
    kept = json.loads((tmp_path / "folds" / "seed-0" / "fold-0000.json").read_text())["guard"]
    assert kept["test"] == ["toy/0"]
    assert kept["fit"] == kept["select"] == ["toy/1", "toy/2", "toy/3"]
    assert kept["test_clips"][0] == "s00_negative_0"


# --- pretrained ----------------------------------------------------------------------------------------


class Bundle:
    """Weights from somewhere, which say on whom they were trained."""

    def __init__(self, *trained_subjects: str) -> None:
        self.trained_subjects = trained_subjects


class Pretrained(ByThirds):
    def __init__(self, *subjects: str) -> None:
        super().__init__()
        self.encoder = Bundle(*subjects)


def test_a_pretrained_bundle_that_knows_a_test_subject_is_caught():
    with pytest.raises(LeakageError, match=r"encoder of the recognizer was trained on subject toy/2"):
        run(lambda: Pretrained("other/s2", "toy/S2"))
    assert run(lambda: Pretrained("other/s2", "toy/s77")).metrics["leak_free"]


def test_a_shared_artifact_that_knows_a_test_subject_is_caught():
    with pytest.raises(LeakageError, match="artifact 'interpolation' was trained on subject toy/1"):
        run(ByThirds, artifacts={"interpolation": Bundle("toy/s01")})
    with pytest.raises(LeakageError, match="was trained on subject toy/1"):
        run(ByThirds, artifacts={"interpolation": {"trained_subjects": "toy/s01"}})
    with pytest.raises(LeakageError, match="does not say on whom it was trained"):
        run(ByThirds, artifacts={"interpolation": object()})


def test_a_mapping_that_refuses_text_as_a_key_states_no_subjects():
    recognizer = ByThirds()
    recognizer.known = WeakKeyDictionary()
    check_unfitted(recognizer, people(["toy/s0"]))


def test_an_artifact_made_for_each_fold_is_fine():
    others = {f"toy/s{i:02}" for i in range(3)}
    run(ByThirds, artifacts=lambda fold: {"encoder": {"trained_subjects": sorted(others - {fold})}})


def test_shipped_weights_say_on_whom_they_were_trained_by_being_refused():
    from merkit.methods import load_shipped

    with pytest.raises(LeakageError):
        check_unfitted(load_shipped("flow-svm"), people(["casme2/sub01"]))
    check_unfitted(create_recognizer("flow-svm"), people(["casme2/sub01"]))


def test_classes_are_those_of_the_kit():
    assert set(TABLE.labels()) == set(CLASSES)
