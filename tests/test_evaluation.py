"""The runner: what it writes, what it hands out, what it refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from evaluation_kit import CLASSES, BySubject, ByThirds, Given, Selection, toy_table

from merkit.clips import Clip, ClipTable
from merkit.errors import ConfigError, DataError
from merkit.evaluation import compare, evaluate, load_result
from merkit.evaluation.fingerprint import fingerprint
from merkit.evaluation.people import person
from merkit.evaluation.provenance import NESTED, SEEN, UNKNOWN, UNSEEN, settings_are
from merkit.methods import create_recognizer

TABLE = toy_table()


def run(method=ByThirds, **how):
    return evaluate(method, {"toy": TABLE}, BySubject(), **{"engine": "serial", **how})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    run(seeds=2, overrides={"epochs": 4}, out=path)
    return path


def test_predictions_have_the_columns_of_the_contract(folder):
    frame = pd.read_csv(folder / "predictions.csv")
    assert list(frame) == [
        "sample_id", "dataset", "subject", "fold", "seed", "y_true", "y_pred",
        "p_negative", "p_positive", "p_surprise",
    ]  # fmt: skip
    assert len(frame) == 2 * len(TABLE)
    first = frame[frame["seed"] == 0]
    assert first["sample_id"].tolist() == TABLE.frame["id"].tolist()
    assert first["y_true"].tolist() == TABLE.labels().tolist()
    assert (first["fold"] == "toy/" + first["subject"]).all()


def test_labels_can_be_found_again_from_the_probabilities(folder):
    frame = pd.read_csv(folder / "predictions.csv")
    chances = frame[[f"p_{name}" for name in CLASSES]].to_numpy()
    assert [CLASSES[k] for k in chances.argmax(axis=1)] == frame["y_pred"].tolist()
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=2e-6)


def test_each_prediction_is_of_the_clip_whose_name_it_bears(folder):
    # Clips reach the recognizer under other names and in another order; a slip would shuffle them.
    frame = pd.read_csv(folder / "predictions.csv").query("seed == 1").reset_index(drop=True)
    for who in sorted(set(frame["subject"])):
        train, test = (TABLE[(TABLE.frame["subject"] == who).to_numpy() ^ other] for other in (True, False))
        from merkit.methods import FitContext

        model = ByThirds(epochs=4).fit(
            list(train), train.labels(), train.groups(), context=FitContext(seed=1)
        )
        found = frame[frame["subject"] == who][[f"p_{name}" for name in CLASSES]].to_numpy()
        np.testing.assert_allclose(found, model.predict_proba(list(test)), atol=1e-6)


def test_metrics_have_the_keys_of_the_contract(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"overall", "by_dataset", "per_seed", "protocol", "leak_free"} <= metrics.keys()
    block = {
        "n", "uf1", "uar", "accuracy", "weighted_f1", "precision_macro", "confusion", "ci95"
    }  # fmt: skip
    assert block <= metrics["overall"].keys()
    assert block <= metrics["by_dataset"]["toy"].keys()
    assert metrics["class_counts"] == {"negative": 12, "positive": 12, "surprise": 12}
    assert [row["seed"] for row in metrics["per_seed"]] == [0, 1]
    assert metrics["overall"]["sd"]["uf1"] > 0


def test_times_and_machine_are_in_run_json_alone(folder):
    made = json.loads((folder / "run.json").read_text())
    assert {"config", "libraries", "commit", "data", "seconds", "fold_seconds", "guard"} <= made.keys()
    assert made["config"] == {"epochs": 4}
    assert "seconds" not in (folder / "metrics.json").read_text()


def test_a_result_read_again_says_the_same(folder):
    again = load_result(folder)
    fresh = run(seeds=2, overrides={"epochs": 4})
    assert again["uf1"] == fresh["uf1"]
    assert again.metrics == fresh.metrics
    pd.testing.assert_frame_equal(again.predictions, fresh.predictions, check_dtype=False, rtol=1e-9)


def test_nothing_is_kept_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run().folder is None
    assert list(tmp_path.iterdir()) == []


def test_progress_reaches_the_end():
    told: list[tuple[int, int | None, str]] = []
    run(on_progress=lambda *words: told.append(words))
    assert told[-1] == (6, 6, "folds")
    assert (36, 36, "reading") in told


def test_a_class_missing_from_training_gets_no_probability():
    rows = np.arange(len(TABLE))
    train = [i for i in rows[6:] if TABLE.frame["emotion"][i] != "surprise"]
    result = evaluate(ByThirds, {"toy": TABLE}, Given(splits=[(train, rows[:6])]), engine="serial")
    assert (result.predictions["p_surprise"] == 0).all()
    assert result.classes == CLASSES


# --- audit ---------------------------------------------------------------------------------------------


def test_an_audit_shows_the_gap_and_is_no_result():
    result = run(seeds=3, overrides={"epochs": 8}, audit=True)
    audit = result.metrics["audit"]
    assert audit["best_epoch_on_test_subject"]["accuracy"] > audit["honest"]["accuracy"]
    assert audit["gap"]["uf1"] == pytest.approx(
        audit["best_epoch_on_test_subject"]["uf1"] - audit["honest"]["uf1"]
    )
    assert "not a result" in audit["note"]
    assert result.metrics["leak_free"] is False


def test_an_audit_does_not_change_the_honest_score():
    plain, audited = (run(overrides={"epochs": 5}, audit=audit) for audit in (False, True))
    pd.testing.assert_frame_equal(plain.predictions, audited.predictions)
    assert audited.metrics["audit"]["honest"]["uf1"] == plain["uf1"]


def test_an_audit_of_a_method_without_epochs_says_so():
    audit = run(audit=True).metrics["audit"]
    assert audit["note"].startswith("by-thirds does not train in epochs")
    assert "gap" not in audit


# --- settings ------------------------------------------------------------------------------------------


def test_settings_seen_on_the_benchmark_are_labelled():
    assert settings_are(create_recognizer("flow-svm"), {"casme2", "smic-hs"}) == SEEN
    assert settings_are(create_recognizer("flow-svm"), {"dfme"}) == UNSEEN
    assert settings_are(create_recognizer("flow-svm", select="nested"), {"samm"}) == NESTED
    assert settings_are(object(), {"samm"}) == UNKNOWN
    assert run().metrics["settings"] == SEEN


def test_nested_selection_chooses_by_the_training_subjects_alone():
    # Two outer folds with different training clips may choose differently; each choice equals that of
    # a fit by hand on the same clips.
    model = create_recognizer("flow-svm", select="nested", inner_folds=2)
    labels, groups = TABLE.labels().astype(str), TABLE.groups().astype(str)
    train = np.flatnonzero(groups != "toy/s00")
    model.fit([TABLE[int(i)] for i in train], labels[train], groups[train])
    result = evaluate(
        "flow-svm", {"toy": TABLE}, BySubject(), engine="serial",
        overrides={"select": "nested", "inner_folds": 2},
    )  # fmt: skip
    mine = model.predict_proba([TABLE[i] for i in range(6)])
    found = result.predictions[[f"p_{name}" for name in CLASSES]].to_numpy()[:6]
    np.testing.assert_allclose(found, mine, atol=1e-6)
    assert result.run["guard"]["chose_inside_folds"] is True


# --- action units --------------------------------------------------------------------------------------


@dataclass
class Units(BySubject):
    name: str = "toy-au"
    kind: str = "au"

    def select(self, tables):
        clips = ClipTable.concat(tables.values())
        emotion = clips.labels()
        y = np.stack([emotion == "positive", emotion != "negative", np.zeros(len(clips), bool)], axis=1)
        return Selection(clips, y.astype(int), clips.groups(), classes=("AU12", "AU1", "AU9"))


def test_action_units_are_learnt_one_by_one(tmp_path):
    class Binary(ByThirds):
        """The nearer of two means."""

    result = evaluate(Binary, {"toy": TABLE}, Units(), engine="serial", out=tmp_path)
    assert list(result.predictions)[5:] == ["true_AU12", "true_AU1", "true_AU9", "p_AU12", "p_AU1", "p_AU9"]
    assert result.metrics["overall"]["by_unit"]["AU12"]["f1_binary"] > 0.6
    assert result.metrics["class_counts"] == {"AU12": 12, "AU1": 24, "AU9": 0}
    # A unit that no training clip has is never predicted, and the other two still count.
    assert (result.predictions["p_AU9"] == 0).all()
    assert load_result(tmp_path)["f1_macro"] == result["f1_macro"]
    assert compare([result, result]).rows[1]["p"]["f1_binary"] == 1.0


# --- refusals ------------------------------------------------------------------------------------------


class Bad(ByThirds):
    name = "bad"

    def __init__(self, change=None):
        super().__init__()
        self.change = change

    def predict_proba(self, clips):
        return self.change(super().predict_proba(clips))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[:, :2], r"bad gave probabilities of shape \(6, 2\) for 6 clips and 3 classes"),
        (lambda p: p * np.nan, "outside 0 to 1"),
        (lambda p: p - 0.5, "outside 0 to 1"),
        (lambda p: p / 2, "do not sum to 1"),
    ],
)
def test_what_is_no_table_of_probabilities_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        run(Bad, overrides={"change": change})


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"seeds": 0}, "seeds=0"),
        ({"seeds": [1, 1]}, "seeds="),
        ({"engine": "warp"}, "allowed are auto, serial, processes"),
        ({"workers": 0}, "workers=0"),
        ({"method": "flow-swm"}, "did you mean 'flow-svm'"),
        ({"method": "flow-svm", "overrides": {"gird": 7}}, "did you mean 'grid'"),
        ({"method": ByThirds()}, "makes a new recognizer for every fold"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(how, message):
    with pytest.raises(ConfigError, match=message) as caught:
        run(**how)
    assert "\n" not in str(caught.value)


def test_a_method_that_cannot_be_sent_is_refused():
    with pytest.raises(ConfigError, match="engine='serial'"):
        run(lambda: ByThirds(), engine="processes")


def test_a_fold_without_training_clips_is_refused():
    with pytest.raises(DataError, match="nothing to train on"):
        evaluate(ByThirds, {"toy": TABLE}, Given(splits=[([], range(6))]), engine="serial")


def test_a_damaged_folder_is_refused(tmp_path):
    (tmp_path / "plan.json").write_text("{")
    with pytest.raises(DataError, match="choose another output folder"):
        run(out=tmp_path)
    with pytest.raises(DataError, match=r"no predictions.csv here"):
        load_result(tmp_path)


# --- small parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("casme2/sub01", "casme2/1", True),
        ("casme3-a/spNO.12", "casme3-a/12", True),
        ("smic-hs/s3", "smic-nir/s03", True),
        ("casme3-a/spNO.1", "casme3-c/1", False),
        ("x/a1", "x/b1", False),
        ("x/1", "y/1", False),
        ("x/1", "x/11", False),
        ("x/0", "x/00", True),
    ],
)
def test_who_is_the_same_person(one, other, same):
    assert (person(one) == person(other)) is same


def test_fingerprints_see_content_and_nothing_else():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (5, 8, 8), dtype=np.uint8)
    one = Clip.from_array(pixels, id="a", subject="s1", emotion="fear", fps=200)
    other = Clip.from_array(pixels.copy(), id="b", subject="s2", numbers=[3, 4, 5, 6, 7])
    assert fingerprint(one) == fingerprint(other) is not None
    changed = pixels.copy()
    changed[2, 0, 0] ^= 1
    assert fingerprint(Clip.from_array(changed)) != fingerprint(one)
    assert fingerprint(Clip.from_array(np.zeros((5, 8, 8), np.uint8))) is None


def test_ctrl_c_ends_the_workers_and_keeps_what_is_finished(tmp_path):
    import multiprocessing
    from multiprocessing.connection import wait

    before = set(multiprocessing.active_children())
    workers = []

    def stop(done, total, stage):
        if stage == "folds" and done:
            workers.extend(set(multiprocessing.active_children()) - before)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(out=tmp_path, engine="processes", workers=2, on_progress=stop)
    assert workers
    # A sentinel is ready when its process is gone; `is_alive` may lag while another thread reads the status.
    assert all(wait([worker.sentinel], timeout=0) for worker in workers)
    assert run(out=tmp_path).run["folds_resumed"] >= 1
