"""The audit on a method that trains in epochs: what an epoch chosen on the test subject would have told."""

from __future__ import annotations

import json

import numpy as np
import pytest
from evaluation_kit import CLASSES, BySubject, ByThirds, Selection, toy_table

from merkit.cli.evaluate import in_words
from merkit.clips import ClipTable
from merkit.evaluation import compare, evaluate
from merkit.evaluation.audit import best_epoch

TABLE = toy_table(subjects=6, per_subject=9, signal=0.8)
SEEDS, EPOCHS = (0, 1), 8


class SoftmaxRegression:
    """Softmax regression on the flow map in 7x7 cells by stochastic gradient descent."""

    name = "softmax"
    requires: tuple[str, ...] = ("flow_map",)
    settings_seen_on = ()

    def __init__(self, epochs: int = EPOCHS, rate: float = 0.3, dropout: float = 0.0) -> None:
        self.epochs, self.rate, self.dropout = epochs, rate, dropout

    def fit(self, clips, labels, groups, *, context=None):
        rng = np.random.default_rng(context.seed)
        self.classes_, truth = np.unique(labels, return_inverse=True)
        pixels = self.pixels(clips)
        self.weights = np.zeros((len(self.classes_), pixels.shape[1]))
        for epoch in range(self.epochs):
            for row in rng.permutation(len(pixels)):
                kept = pixels[row] * self.mask(pixels.shape[1])
                self.weights -= self.rate * np.outer(
                    self.chances(kept) - np.eye(len(self.classes_))[truth[row]], kept
                )
            if context.on_epoch is not None:
                assert context.on_epoch(epoch, self.predict_proba) is None
        return self

    def mask(self, n):
        """From numpy's global generator, as networks draw theirs."""
        return 1.0 if not self.dropout else np.random.random(n) >= self.dropout  # noqa: NPY002

    @staticmethod
    def pixels(clips):
        flows = np.stack([clip.features["flow_map"] for clip in clips])
        return flows.reshape(len(flows), 7, 4, 7, 4, 2).mean(axis=(2, 4)).reshape(len(flows), -1)

    def chances(self, pixels):
        powers = np.exp(self.weights @ pixels - (self.weights @ pixels).max())
        return powers / powers.sum()

    def predict_proba(self, clips):
        # A careless network draws in prediction too.
        self.mask(1)
        return np.stack([self.chances(row) for row in self.pixels(clips)])


def run(**how):
    how = {"engine": "serial", "seeds": SEEDS, **how}
    return evaluate(SoftmaxRegression, {"toy": TABLE}, BySubject(), **how)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    return run(audit=True, out=tmp_path_factory.mktemp("audit") / "run")


def plain_guesses() -> dict[tuple[int, str, int], dict[str, str]]:
    """Label of every clip by seed, held-out subject and number of epochs, each trained from the beginning."""
    from merkit.methods import FitContext

    clips = list(TABLE)
    out = {}
    for seed in SEEDS:
        for who in sorted({clip.subject for clip in clips}):
            train = [clip for clip in clips if clip.subject != who]
            test = [clip for clip in clips if clip.subject == who]
            for epochs in range(1, EPOCHS + 1):
                model = SoftmaxRegression(epochs=epochs).fit(
                    train, np.array([clip.emotion for clip in train]), None, context=FitContext(seed=seed)
                )
                table = model.predict_proba(test)
                out[seed, who, epochs] = {
                    clip.id: str(model.classes_[k]) for clip, k in zip(test, table.argmax(1), strict=True)
                }
    return out


def plain_scores(guess: dict[str, str]) -> dict[str, float]:
    truth = {clip.id: clip.emotion for clip in TABLE}
    f1, recall = [], []
    for name in CLASSES:
        right = sum(guess[clip] == name == truth[clip] for clip in truth)
        said, there = list(guess.values()).count(name), list(truth.values()).count(name)
        f1.append(2 * right / (said + there))
        recall.append(right / there)
    hits = sum(guess[clip] == truth[clip] for clip in truth)
    return {"uf1": sum(f1) / 3, "uar": sum(recall) / 3, "accuracy": hits / len(truth)}


def test_the_audit_equals_a_slow_plain_recomputation(audited):
    truth = {clip.id: clip.emotion for clip in TABLE}
    guesses = plain_guesses()
    honest, dishonest, chosen = [], [], []
    for seed in SEEDS:
        last, best = {}, {}
        for who in sorted(set(TABLE.frame["subject"])):
            by_epoch = [guesses[seed, who, epochs] for epochs in range(1, EPOCHS + 1)]
            right = [sum(truth[clip] == label for clip, label in said.items()) for said in by_epoch]
            last |= by_epoch[-1]
            best |= by_epoch[right.index(max(right))]
            chosen.append(right.index(max(right)))
        honest.append(plain_scores(last))
        dishonest.append(plain_scores(best))
    assert len(set(chosen)) > 2, "all subjects like the same epoch: the test would not see a wrong choice"
    audit = audited.metrics["audit"]
    assert audit["epochs"] == EPOCHS
    for name in ("uf1", "uar", "accuracy"):
        mean, lie = (np.mean([scores[name] for scores in both]) for both in (honest, dishonest))
        # Files keep ten decimals.
        assert audit["honest"][name] == round(mean, 10) == audited[name]
        assert audit["best_epoch_on_test_subject"][name] == round(lie, 10)
        assert audit["gap"][name] == pytest.approx(lie - mean, abs=2e-10)
    assert audit["gap"]["uf1"] > 0.03


def test_the_second_score_is_marked_as_no_result(audited):
    kept = json.loads((audited.folder / "metrics.json").read_text())
    assert kept["leak_free"] is False
    assert "best_epoch_on_test_subject is not a result" in kept["audit"]["note"]
    (line,) = [line for line in in_words(audited) if line.startswith("audit")]
    gap = kept["audit"]["gap"]["uf1"]
    assert line.startswith("audit, NOT A RESULT: best epoch on each test subject gives UF1")
    assert f"({gap:+.3f})" in line
    assert "(not a result)" in compare([audited]).to_markdown()
    # What is to be compared and published is the honest score, in an audit too.
    assert kept["overall"]["uf1"] == kept["audit"]["honest"]["uf1"]


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_an_audit_watches_the_training_that_there_is_without_it(dropout):
    # Looking at an epoch draws random numbers; those of the training must stay what they were.
    how = {"overrides": {"epochs": 3, "dropout": dropout}, "seeds": 1}
    plain, watched = run(**how), run(**how, audit=True)
    assert plain.predictions.equals(watched.predictions)


def test_the_first_of_equal_epochs_is_taken():
    tables = [np.array([[0.1, 0.9], [0.9, 0.1]]), np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2)[[0, 1]]]
    assert best_epoch(tables, np.array(["a", "b"]), ["a", "b"]) == 1


def test_an_audit_of_action_units_says_why_there_is_none():
    class Units(BySubject):
        def select(self, tables):
            clips = ClipTable.concat(tables.values())
            y = np.stack([clips.labels() == name for name in CLASSES], axis=1)
            return Selection(clips, y.astype(int), clips.groups(), classes=("AU4", "AU12", "AU1"))

    result = evaluate(
        ByThirds, {"toy": TABLE}, Units(), engine="serial", audit=True, overrides={"epochs": 2}
    )  # fmt: skip
    assert "is scored by action units" in result.metrics["audit"]["note"]
