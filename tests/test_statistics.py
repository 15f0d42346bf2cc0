"""Intervals and tests: against scikit-learn, against slow plain versions, and by their promises."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from merkit.errors import DataError
from merkit.evaluation.scores import scores_of
from merkit.evaluation.statistics import (
    SubjectCounts,
    bootstrap,
    bootstrap_difference,
    class_counts,
    class_scores,
    holm,
    mcnemar,
    permutation_test,
    unit_counts,
    unit_scores,
)
from merkit.metrics.recognition import cluster_interval, interval_edges, uf1

CLASSES = ("a", "b", "c")


def table(seed: int, n: int = 90, subjects: int = 9, skill: float = 0.6, seeds: int = 1) -> pd.DataFrame:
    """Predictions that are right with a probability of `skill`; truth and subjects are always the same."""
    fixed = np.random.default_rng(0)
    truth = fixed.choice(CLASSES, n, p=(0.6, 0.3, 0.1))
    who = fixed.integers(0, subjects, n)
    rng = np.random.default_rng(seed + 1)
    parts = []
    for s in range(seeds):
        guess = np.where(rng.random(n) < skill, truth, rng.choice(CLASSES, n))
        parts.append(
            pd.DataFrame(
                {
                    "sample_id": [f"c{i}" for i in range(n)],
                    "dataset": np.where(who < 4, "x", "y"),
                    "subject": [f"s{w}" for w in who],
                    "fold": "f",
                    "seed": s,
                    "y_true": truth,
                    "y_pred": guess,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_those_of_scikit_learn(seed: int):
    frame = table(seed, n=25)
    truth, guess = frame["y_true"], frame["y_pred"]
    how = {"labels": list(CLASSES), "zero_division": 0}
    expected = {
        "uf1": f1_score(truth, guess, average="macro", **how),
        "uar": recall_score(truth, guess, average="macro", **how),
        "accuracy": accuracy_score(truth, guess),
        "weighted_f1": f1_score(truth, guess, average="weighted", **how),
        "precision_macro": precision_score(truth, guess, average="macro", **how),
    }
    found = scores_of(frame, CLASSES)["overall"]
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_scores_are_means_over_seeds_of_pooled_scores():
    frame = table(3, seeds=3)
    found = scores_of(frame, CLASSES)
    each = [f1_score(rows["y_true"], rows["y_pred"], average="macro") for _, rows in frame.groupby("seed")]
    assert found["overall"]["uf1"] == pytest.approx(np.mean(each))
    assert found["overall"]["sd"]["uf1"] == pytest.approx(np.std(each, ddof=1))
    assert [row["uf1"] for row in found["per_seed"]] == pytest.approx(each)
    assert found["overall"]["n"] == 90
    assert np.sum(found["overall"]["confusion"]) == pytest.approx(90)


def test_parts_by_dataset_and_subject_add_up():
    found = scores_of(table(1), CLASSES)
    assert sum(part["n"] for part in found["by_dataset"].values()) == 90
    right = sum(row["n"] * row["accuracy"] for row in found["by_subject"].values())
    assert right / 90 == pytest.approx(found["overall"]["accuracy"])
    x = table(1).query("dataset == 'x'")
    assert found["by_dataset"]["x"]["uf1"] == pytest.approx(uf1(x["y_true"], x["y_pred"], CLASSES))


def test_the_bootstrap_agrees_with_a_plain_one():
    frame = table(2, n=200, subjects=20)
    sample = class_counts(frame, CLASSES)
    low, high = bootstrap(sample, class_scores, repeats=4000)["uf1"]
    truth, guess = frame["y_true"].to_numpy(), frame["y_pred"].to_numpy()
    names = (frame["dataset"] + frame["subject"]).to_numpy()
    plain = cluster_interval(lambda rows: uf1(truth[rows], guess[rows], CLASSES), names, repeats=400, seed=5)
    assert (low, high) == pytest.approx(plain, abs=0.02)


def test_the_bootstrap_of_a_difference_agrees_with_a_plain_one():
    first, second = table(2, n=200, subjects=20), table(3, n=200, subjects=20, skill=0.6)
    # The same clips, judged by another.
    second[["dataset", "subject", "y_true"]] = first[["dataset", "subject", "y_true"]]
    found = bootstrap_difference(
        class_counts(first, CLASSES), class_counts(second, CLASSES), class_scores, repeats=4000
    )
    truth, a, b = (x.to_numpy() for x in (first["y_true"], first["y_pred"], second["y_pred"]))
    names = (first["dataset"] + first["subject"]).to_numpy()
    plain = cluster_interval(
        lambda rows: uf1(truth[rows], b[rows], CLASSES) - uf1(truth[rows], a[rows], CLASSES),
        names, repeats=400, seed=5,
    )  # fmt: skip
    assert found["uf1"] == pytest.approx(plain, abs=0.025)


def test_the_bootstrap_of_a_difference_is_paired():
    # People differ much, the second run is better on each by one clip of ten: that is not in doubt.
    hits = [2, 3, 4, 5, 6, 7, 8]
    first, second = (by_subject(*((h + more, 10 - h - more) for h in hits)) for more in (0, 1))
    assert bootstrap_difference(first, second, class_scores)["accuracy"] == pytest.approx((0.1, 0.1))
    low, high = bootstrap(first, class_scores)["accuracy"]
    assert high - low > 0.2
    there, back = (
        bootstrap_difference(*pair, class_scores)["uf1"] for pair in ((first, second), (second, first))
    )
    assert there == pytest.approx((-back[1], -back[0]))
    assert bootstrap_difference(first, first, class_scores)["uf1"] == (0.0, 0.0)
    assert np.isnan(bootstrap_difference(by_subject((2, 1)), by_subject((1, 2)), class_scores)["uf1"]).all()
    with pytest.raises(DataError, match="same subjects"):
        bootstrap_difference(first, by_subject((1, 1)), class_scores)


def test_the_bootstrap_draws_subjects_and_not_clips():
    # Ten subjects of 30 equal clips each: 300 clips, but only ten independent facts.
    right = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    counts = np.zeros((1, 10, 2, 2))
    counts[0, :, 0, 0], counts[0, :, 0, 1] = 30 * right, 30 * (1 - right)
    low, high = bootstrap(SubjectCounts([str(i) for i in range(10)], [0], counts), class_scores)["accuracy"]
    assert (low, high) == pytest.approx((0.4, 1.0), abs=0.101)


def test_the_permutation_test_equals_going_through_all_exchanges():
    first, second = (class_counts(table(seed, n=40, subjects=7), CLASSES) for seed in (0, 9))
    a, b = first.counts[0], second.counts[0]
    differences = []
    for swap in product([0, 1], repeat=len(a)):
        s = np.array(swap)[:, None, None]
        left, right = (a * (1 - s) + b * s).sum(0), (b * (1 - s) + a * s).sum(0)
        differences.append(class_scores(right)["uf1"] - class_scores(left)["uf1"])
    exact = np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12)
    found = permutation_test(first, second, class_scores)["uf1"]
    assert found["difference"] == pytest.approx(differences[0])
    assert found["p"] == pytest.approx(exact, abs=0.02)


def test_the_permutation_test_is_symmetric_and_sees_no_difference_in_a_copy():
    first, second = (class_counts(table(seed), CLASSES) for seed in (0, 9))
    there, back = permutation_test(first, second, class_scores), permutation_test(second, first, class_scores)
    assert there["uar"]["difference"] == -back["uar"]["difference"]
    assert there["uar"]["p"] == pytest.approx(back["uar"]["p"], abs=0.02)
    assert permutation_test(first, first, class_scores)["uf1"] == {"difference": 0.0, "p": 1.0}


def test_the_permutation_test_finds_a_difference_that_is_there():
    weak, strong = (class_counts(table(4, n=300, subjects=30, skill=s), CLASSES) for s in (0.3, 0.8))
    # The exchange that took place is one of all; without it p would be 0.
    assert permutation_test(weak, strong, class_scores, repeats=99)["uf1"]["p"] == 1 / 100
    assert permutation_test(weak, strong, class_scores)["uf1"]["p"] < 0.001


def test_under_no_difference_p_values_are_not_too_small():
    # Two methods of equal skill: p below 0.1 in about a tenth of the cases.
    small = sum(
        permutation_test(
            class_counts(table(2 * k, seeds=1), CLASSES),
            class_counts(table(2 * k + 1), CLASSES),
            class_scores,
            repeats=300,
        )["uf1"]["p"]
        <= 0.1
        for k in range(100)
    )
    assert small <= 18  # above it with a probability of 0.5 %


def by_subject(*right: tuple[int, int]) -> SubjectCounts:
    """Subjects of two classes with as many clips right, and wrong, of each."""
    counts = np.zeros((1, len(right), 2, 2))
    for who, (hit, miss) in enumerate(right):
        counts[0, who, 0], counts[0, who, 1] = (hit, miss), (miss, hit)
    return SubjectCounts([f"s{who}" for who in range(len(right))], [0], counts)


def test_the_permutation_test_by_hand():
    # Three subjects, each a clip a class better: of the 8 exchanges two differ as much, so p is 1/4.
    # Of five, 2 of 32. With one that is worse and three better by one: 10 of 16 differ by 2 or more.
    cases = [([3, 3, 3], [4, 4, 4], 2 / 8), ([3] * 5, [4] * 5, 2 / 32), ([3, 3, 3, 4], [4, 4, 4, 3], 10 / 16)]
    for first, second, p in cases:
        a, b = (by_subject(*((hit, 5 - hit) for hit in row)) for row in (first, second))
        found = permutation_test(a, b, class_scores)["accuracy"]
        assert found["difference"] == pytest.approx((sum(second) - sum(first)) / (5 * len(first)))
        # 10000 random exchanges: four standard errors.
        assert found["p"] == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 10000) + 1e-4)


def test_the_bootstrap_by_hand():
    # Two subjects, one all right and one all wrong: both drawn twice in a quarter of the cases each.
    low, high = bootstrap(by_subject((2, 0), (0, 2)), class_scores)["accuracy"]
    assert (low, high) == (0.0, 1.0)
    # At a level of 20 % the edges, 0.32 and 0.68, fall on the half of the cases with one of each.
    assert bootstrap(by_subject((2, 0), (0, 2)), class_scores, level=0.2)["accuracy"] == (0.5, 0.5)
    # A mean of n subjects of equal size: about 1.96 standard errors of the mean.
    rng = np.random.default_rng(1)
    hits = rng.integers(0, 11, 200)
    low, high = bootstrap(by_subject(*((h, 10 - h) for h in hits)), class_scores)["accuracy"]
    assert (high - low) / 2 == pytest.approx(1.96 * (hits / 10).std() / np.sqrt(200), rel=0.06)


def test_edges_of_intervals_by_hand():
    # t of 9 degrees of freedom at 97.5 % is 2.262, times sqrt(10 / 9) 2.385; below -2.385 lie 0.0085.
    assert interval_edges(10) == pytest.approx((0.00855, 0.99145), abs=2e-5)
    # Of very many subjects the plain percentiles are left.
    assert interval_edges(10**7) == pytest.approx((0.025, 0.975), abs=1e-6)


@pytest.mark.parametrize("subjects", [26, 68])
def test_intervals_hold_the_truth_of_a_known_population(subjects, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    from interval_coverage import coverage

    hits = coverage(subjects, studies=400, repeats=400, seed=3)
    # Of the 95 % that are aimed at, 93 to 94 % are reached; 91 % is two standard errors below.
    assert all(0.91 <= n / 400 <= 0.98 for of in hits.values() for n in of.values()), hits


def test_intervals_over_clips_would_be_too_narrow(monkeypatch):
    # The same studies with every clip as a subject of its own: what merkit does not do.
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    from interval_coverage import coverage, draw_people

    rng = np.random.default_rng(0)
    true = class_scores(draw_people(100_000, rng)[0].sum(axis=0))["accuracy"]
    hits = 0
    for study in range(100):
        whole = draw_people(26, rng)[0].sum(axis=0)
        clips = np.repeat(np.eye(9), whole.ravel().astype(int), axis=0).reshape(1, -1, 3, 3)
        sample = SubjectCounts([str(k) for k in range(clips.shape[1])], [0], clips)
        low, high = bootstrap(sample, class_scores, repeats=200, seed=study)["accuracy"]
        hits += low <= true <= high
    assert hits / 100 < coverage(26, studies=100, repeats=200, seed=3)["score"]["accuracy"] / 100 - 0.05


def test_one_subject_has_no_interval():
    assert np.isnan(bootstrap(by_subject((2, 1)), class_scores)["uf1"]).all()


def test_a_volunteer_of_two_releases_is_drawn_as_one():
    frame = table(1)
    twice = pd.concat([frame.assign(dataset="smic-hs"), frame.assign(dataset="smic-nir")])
    assert len(class_counts(twice, CLASSES).subjects) == len(class_counts(frame, CLASSES).subjects)
    found = scores_of(twice, CLASSES)
    once = scores_of(frame.assign(dataset="smic-hs"), CLASSES)
    # Showing the same people once more makes nothing surer.
    assert found["overall"]["ci95"] == once["overall"]["ci95"]
    assert found["overall"]["subjects"] == once["overall"]["subjects"] == 9
    assert found["mean_of_datasets"]["uf1"] == pytest.approx(once["overall"]["uf1"])


def test_mcnemar_by_hand():
    # 10 clips only the first gets right, 2 only the second: 2 (1 + 12 + 66) / 2^12.
    first = [1] * 10 + [0] * 2 + [1] * 5 + [0] * 3
    second = [0] * 10 + [1] * 2 + [1] * 5 + [0] * 3
    assert mcnemar(first, second) == {"only_first": 10, "only_second": 2, "p": pytest.approx(158 / 4096)}


def test_mcnemar_equals_the_binomial_test_of_the_clips_in_dispute():
    rng = np.random.default_rng(0)
    a, b = rng.random(80) < 0.7, rng.random(80) < 0.5
    found = mcnemar(a, b)
    only_a, only_b = np.sum(a & ~b), np.sum(~a & b)
    assert found == {
        "only_first": only_a,
        "only_second": only_b,
        "p": pytest.approx(binomtest(int(only_a), int(only_a + only_b)).pvalue),
    }
    assert mcnemar([1, 0], [1, 0])["p"] == 1.0
    with pytest.raises(DataError, match="same clips"):
        mcnemar([1], [1, 0])


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.022, 0.04 times 4, 3, 2, 1, each at least the one before.
    assert holm([0.04, 0.01, 0.022, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_holm_never_orders_p_values_anew():
    assert holm([0.2, 0.001, 0.5]) == pytest.approx([0.4, 0.003, 0.5])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_scores_of_units_equal_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    truth, chance = rng.integers(0, 2, (60, 2)), rng.random((60, 2))
    frame = pd.DataFrame(
        {
            "sample_id": [f"c{i}" for i in range(60)],
            "dataset": "x",
            "subject": [f"s{i % 6}" for i in range(60)],
            "fold": "f",
            "seed": 0,
            "true_AU1": truth[:, 0],
            "true_AU12": truth[:, 1],
            "p_AU1": chance[:, 0],
            "p_AU12": chance[:, 1],
        }
    )
    guess = (chance >= 0.5).astype(int)
    binary = [f1_score(truth[:, k], guess[:, k]) for k in range(2)]
    macro = [f1_score(truth[:, k], guess[:, k], average="macro") for k in range(2)]
    found = scores_of(frame, ("AU1", "AU12"))["overall"]
    assert found["f1_binary"] == pytest.approx(np.mean(binary))
    assert found["f1_macro"] == pytest.approx(np.mean(macro))
    assert [found["by_unit"][u]["f1_binary"] for u in ("AU1", "AU12")] == pytest.approx(binary)
    assert found["by_unit"]["AU1"]["n"] == truth[:, 0].sum()
    counts = unit_counts(frame, ("AU1", "AU12"))
    assert float(unit_scores(counts.counts.sum(axis=(0, 1)))["f1_macro"]) == pytest.approx(np.mean(macro))
