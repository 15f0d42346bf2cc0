"""Scores against numbers worked out by hand and against a plain re-derivation."""

from __future__ import annotations

import numpy as np
import pytest

from merkit.errors import DataError
from merkit.metrics.calibration import (
    balanced_weights,
    brier_score,
    expected_calibration_error,
    selective_accuracy,
)
from merkit.metrics.recognition import (
    accuracy,
    cluster_interval,
    precision_macro,
    recognition_scores,
    scores_by,
    uar,
    uf1,
    weighted_f1,
)

CLASSES = ["negative", "positive", "surprise"]
# confusion, true by row: negative 3 1 0, positive 1 1 0, surprise 0 1 1
TRUE = ["negative"] * 4 + ["positive"] * 2 + ["surprise"] * 2
SAID = ["negative"] * 3 + ["positive"] + ["negative", "positive"] + ["positive", "surprise"]


def test_scores_worked_out_by_hand():
    # F1: negative 6/8, positive 2/5, surprise 2/3; recall 3/4, 1/2, 1/2.
    assert uf1(TRUE, SAID, CLASSES) == pytest.approx((6 / 8 + 2 / 5 + 2 / 3) / 3)
    assert uar(TRUE, SAID, CLASSES) == pytest.approx((3 / 4 + 1 / 2 + 1 / 2) / 3)
    assert accuracy(TRUE, SAID) == pytest.approx(5 / 8)
    # Precision: negative 3/4, positive 1/3, surprise 1/1; 4, 2 and 2 true clips weigh the F1.
    assert precision_macro(TRUE, SAID, CLASSES) == pytest.approx((3 / 4 + 1 / 3 + 1) / 3)
    assert weighted_f1(TRUE, SAID, CLASSES) == pytest.approx((4 * 6 / 8 + 2 * 2 / 5 + 2 * 2 / 3) / 8)
    assert recognition_scores(TRUE, SAID, CLASSES)["confusion"] == [[3, 1, 0], [1, 1, 0], [0, 1, 1]]


def test_parts_are_scored_from_the_same_predictions():
    parts = scores_by(TRUE, SAID, CLASSES, ["x"] * 4 + ["y"] * 4)
    assert {name: part["n"] for name, part in parts.items()} == {"x": 4, "y": 4}
    assert parts["x"]["confusion"] == [[3, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert (
        np.sum([part["confusion"] for part in parts.values()], axis=0).tolist()
        == (recognition_scores(TRUE, SAID, CLASSES)["confusion"])
    )
    with pytest.raises(DataError, match="parts has shape"):
        scores_by(TRUE, SAID, CLASSES, ["x"])


def test_always_saying_the_majority_of_megc2019_scores_its_known_chance_level():
    truth = ["negative"] * 250 + ["positive"] * 109 + ["surprise"] * 83
    said = ["negative"] * 442
    assert uf1(truth, said, CLASSES) == pytest.approx(2 * 250 / (2 * 250 + 192) / 3)  # 0.241
    assert uar(truth, said, CLASSES) == pytest.approx(1 / 3)


def test_a_class_that_never_occurs_counts_as_zero():
    assert uf1(["negative"], ["negative"], CLASSES) == pytest.approx(1 / 3)
    assert uar(["negative"], ["negative"], CLASSES) == pytest.approx(1 / 3)


def test_labels_outside_the_classes_and_uneven_lengths_are_refused():
    with pytest.raises(DataError, match="'sad'"):
        uf1(["sad"], ["negative"], CLASSES)
    with pytest.raises(DataError, match="shape"):
        accuracy(["negative"], ["negative", "negative"])
    with pytest.raises(DataError, match="empty"):
        accuracy([], [])


def test_interval_counts_subjects_not_clips():
    # Ten subjects, each all right or all wrong: 100 clips a subject tell no more than one.
    right = np.repeat([1, 0] * 5, 100).astype(float)
    groups = np.repeat(np.arange(10), 100)
    low, high = cluster_interval(lambda rows: float(right[rows].mean()), groups, repeats=500)
    # Mean of ten fair coins: standard error 0.158, times 2.38 for ten subjects: about 0.12 to 0.88.
    assert low == pytest.approx(0.12, abs=0.1)
    assert high == pytest.approx(0.88, abs=0.1)
    alone = cluster_interval(lambda rows: float(right[rows].mean()), np.arange(1000), repeats=500)
    assert alone[1] - alone[0] < 0.1


def test_interval_is_the_same_for_the_same_seed():
    values = np.arange(20.0)

    def mean(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    first = cluster_interval(mean, np.arange(20) // 2, repeats=50, seed=3)
    assert first == cluster_interval(mean, np.arange(20) // 2, repeats=50, seed=3)
    assert first != cluster_interval(mean, np.arange(20) // 2, repeats=50, seed=4)


def test_calibration_error_sees_overconfidence_and_underconfidence():
    sure = np.tile([0.95, 0.05], (10, 1))
    assert expected_calibration_error([0] * 5 + [1] * 5, sure) == pytest.approx(0.45)
    assert expected_calibration_error([0] * 10, sure) == pytest.approx(0.05)


def test_brier_score_by_hand():
    assert brier_score([0, 1], [[1.0, 0.0], [1.0, 0.0]]) == pytest.approx((0 + 2) / 2)


def test_balanced_weights_give_each_class_the_same_say():
    truth = np.array([0, 0, 0, 1])
    weights = balanced_weights(truth)
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_abstaining_trades_coverage_for_accuracy():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])
    assert selective_accuracy([0, 0, 0, 1], p, 0.0) == (1.0, 0.75)
    assert selective_accuracy([0, 0, 0, 1], p, 0.6) == (0.75, 1.0)
    coverage, kept = selective_accuracy([0, 0, 0, 1], p, 0.99)
    assert coverage == 0.0
    assert np.isnan(kept)


def test_probabilities_of_the_wrong_shape_are_refused():
    with pytest.raises(DataError, match="shape"):
        brier_score([0, 1], [[1.0, 0.0]])
    with pytest.raises(DataError, match="columns 0 to 1"):
        brier_score([2], [[1.0, 0.0]])
