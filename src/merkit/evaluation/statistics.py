"""Intervals and paired tests in which the subject, not the clip, is the unit that was drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from merkit.errors import DataError
from merkit.evaluation.people import person
from merkit.metrics.recognition import interval_edges

Counts = NDArray[np.float64]
Formula = Callable[[Counts], Mapping[str, NDArray[np.float64]]]

REPEATS = 2000
"""Bootstrap samples."""

PERMUTATIONS = 10000
_CHUNK = 500  # resamples at a time; memory stays small with hundreds of subjects


@dataclass(frozen=True)
class SubjectCounts:
    """Confusions of each subject and seed.

    Parameters
    ----------
    subjects : list of str
        The persons, see :func:`merkit.evaluation.people.person`.
    seeds : list of int
    counts : array, shape (S, G, K, K) for K classes, (S, G, K, 2, 2) for K units
        Clips by seed, subject, truth and prediction.
    """

    subjects: list[str]
    seeds: list[int]
    counts: Counts


def class_counts(frame: pd.DataFrame, classes: Sequence[str]) -> SubjectCounts:
    """Confusion of every subject from a table of predictions with ``y_true`` and ``y_pred``."""
    subjects, seeds, who, when = _keys(frame)
    code = {name: k for k, name in enumerate(classes)}
    truth = np.array([code[str(label)] for label in frame["y_true"]])
    guess = np.array([code[str(label)] for label in frame["y_pred"]])
    counts = np.zeros((len(seeds), len(subjects), len(classes), len(classes)))
    np.add.at(counts, (when, who, truth, guess), 1)
    return SubjectCounts(subjects, seeds, counts)


def unit_counts(frame: pd.DataFrame, units: Sequence[str], threshold: float = 0.5) -> SubjectCounts:
    """Confusion of every subject and unit from columns ``true_<unit>`` and ``p_<unit>``."""
    subjects, seeds, who, when = _keys(frame)
    counts = np.zeros((len(seeds), len(subjects), len(units), 2, 2))
    for k, unit in enumerate(units):
        truth = frame[f"true_{unit}"].to_numpy(dtype=int)
        guess = (frame[f"p_{unit}"].to_numpy(dtype=float) >= threshold).astype(int)
        np.add.at(counts, (when, who, np.full(len(truth), k), truth, guess), 1)
    return SubjectCounts(subjects, seeds, counts)


def class_scores(counts: Counts) -> dict[str, NDArray[np.float64]]:
    """Scores of confusions (..., K, K), rows true; a score without anything to count is 0.

    Examples
    --------
    >>> {name: round(float(value), 3) for name, value in class_scores(np.array([[1.0, 1], [0, 2]])).items()}
    {'uf1': 0.733, 'uar': 0.75, 'accuracy': 0.75, 'weighted_f1': 0.733, 'precision_macro': 0.833}
    """
    hit = np.diagonal(counts, axis1=-2, axis2=-1)
    true, said = counts.sum(axis=-1), counts.sum(axis=-2)
    f1 = _ratio(2 * hit, true + said)
    n = true.sum(axis=-1)
    return {
        "uf1": f1.mean(axis=-1),
        "uar": _ratio(hit, true).mean(axis=-1),
        "accuracy": _ratio(hit.sum(axis=-1), n),
        "weighted_f1": _ratio((f1 * true).sum(axis=-1), n),
        "precision_macro": _ratio(hit, said).mean(axis=-1),
    }


def unit_scores(counts: Counts) -> dict[str, NDArray[np.float64]]:
    """Mean over units of binary F1 (of presence) and macro F1, from confusions (..., K, 2, 2)."""
    hit = np.diagonal(counts, axis1=-2, axis2=-1)
    f1 = _ratio(2 * hit, counts.sum(axis=-1) + counts.sum(axis=-2))
    return {"f1_binary": f1[..., 1].mean(axis=-1), "f1_macro": f1.mean(axis=(-1, -2))}


def bootstrap(
    sample: SubjectCounts, formula: Formula, *, level: float = 0.95, repeats: int = REPEATS, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Interval of the mean over seeds of each score, whole subjects drawn with replacement.

    The interval speaks of new people; drawing clips instead would pretend that the clips of one person
    are independent, and be too narrow.

    See :func:`merkit.metrics.recognition.interval_edges` for the kind of interval.

    Returns
    -------
    dict of str to (low, high)
        Not numbers where there is one subject: nothing is known of a second.
    """
    rng = np.random.default_rng(seed)
    n = len(sample.subjects)
    if n < 2:
        return dict.fromkeys(formula(sample.counts.sum(axis=1)), (float("nan"), float("nan")))
    drawn: list[dict[str, NDArray[np.float64]]] = []
    for start in range(0, repeats, _CHUNK):
        weights = rng.multinomial(n, np.full(n, 1 / n), size=min(_CHUNK, repeats - start)).astype(float)
        drawn.append(_mean_over_seeds(formula(np.einsum("rg,sg...->rs...", weights, sample.counts))))
    edges = interval_edges(n, level)
    found = {name: np.quantile(np.concatenate([d[name] for d in drawn]), edges) for name in drawn[0]}
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def bootstrap_difference(
    first: SubjectCounts,
    second: SubjectCounts,
    formula: Formula,
    *,
    level: float = 0.95,
    repeats: int = REPEATS,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Interval of each score of the second run minus that of the first, on the same clips.

    A subject is drawn with what both runs said of them: what makes a person easy or hard for both cancels,
    so the interval is narrower than the two intervals of :func:`bootstrap` side by side suggest.

    Returns
    -------
    dict of str to (low, high)
        Not numbers where there is one subject.

    Raises
    ------
    DataError
        If the runs do not have the same subjects and number of seeds.
    """
    _check_paired(first, second)
    both = SubjectCounts(first.subjects, first.seeds, np.stack([first.counts, second.counts], axis=2))
    return bootstrap(
        both,
        lambda counts: {name: value[..., 1] - value[..., 0] for name, value in formula(counts).items()},
        level=level,
        repeats=repeats,
        seed=seed,
    )


def permutation_test(
    first: SubjectCounts,
    second: SubjectCounts,
    formula: Formula,
    *,
    repeats: int = PERMUTATIONS,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Is the difference of two runs on the same clips more than the luck of who was in them?

    If the two methods were the same, the predictions of a subject could be exchanged between them
    without a trace.  Two-sided; subjects are exchanged whole, in all seeds together.

    Returns
    -------
    dict
        For each score ``difference`` (second minus first, mean over seeds) and ``p``.

    Raises
    ------
    DataError
        If the runs do not have the same subjects and number of seeds.
    """
    _check_paired(first, second)
    a, b = first.counts, second.counts
    rng = np.random.default_rng(seed)
    whole_a, whole_b = (_mean_over_seeds(formula(x.sum(axis=1))) for x in (a, b))
    observed = {name: float(whole_b[name] - whole_a[name]) for name in whole_a}
    extreme = dict.fromkeys(observed, 0)
    for start in range(0, repeats, _CHUNK):
        swap = rng.integers(0, 2, size=(min(_CHUNK, repeats - start), a.shape[1])).astype(float)
        moved = np.einsum("rg,sg...->rs...", swap, b - a)
        left = _mean_over_seeds(formula(a.sum(axis=1) + moved))
        right = _mean_over_seeds(formula(b.sum(axis=1) - moved))
        for name, value in observed.items():
            # A hair below: equal differences must count as equal whatever the rounding of sums.
            extreme[name] += int((np.abs(right[name] - left[name]) >= abs(value) - 1e-12).sum())
    return {
        name: {"difference": value, "p": (1 + extreme[name]) / (1 + repeats)}
        for name, value in observed.items()
    }


def mcnemar(first_right: ArrayLike, second_right: ArrayLike) -> dict[str, float]:
    """Exact test on the clips that only one of two methods gets right.

    It takes clips for independent, which those of one person are not: read it beside
    :func:`permutation_test`.

    Examples
    --------
    >>> mcnemar([1, 1, 1, 0, 0], [1, 0, 0, 1, 0])
    {'only_first': 2, 'only_second': 1, 'p': 1.0}
    """
    from scipy.stats import binomtest

    a, b = np.asarray(first_right, dtype=bool), np.asarray(second_right, dtype=bool)
    if a.shape != b.shape:
        raise DataError(f"{a.size} and {b.size} predictions: give both methods the same clips")
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return {"only_first": only_a, "only_second": only_b, "p": p}


def holm(p_values: Sequence[float]) -> list[float]:
    """P values of several comparisons, each made larger for there being several (Holm's method).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    adjusted = [0.0] * len(p_values)
    worst = 0.0
    for rank, place in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = worst
    return adjusted


def _check_paired(first: SubjectCounts, second: SubjectCounts) -> None:
    if first.subjects != second.subjects or first.counts.shape != second.counts.shape:
        raise DataError("the two runs do not have the same subjects, classes and number of seeds")


def _mean_over_seeds(scores: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    return {name: value.mean(axis=-1) for name, value in scores.items()}


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def _keys(frame: pd.DataFrame) -> tuple[list[str], list[int], NDArray[Any], NDArray[Any]]:
    """Persons and seeds, and which of them each row has."""
    names, row_name = np.unique(subject_names(frame), return_inverse=True)
    # One volunteer in two releases, or spelled in two ways, is drawn as one; in the order of the names.
    persons = [person(name) for name in names]
    number = {who: place for place, who in enumerate(dict.fromkeys(persons))}
    who = np.array([number[name] for name in persons], dtype=np.intp)[row_name]
    when_of = frame["seed"].to_numpy() if "seed" in frame else np.zeros(len(frame), dtype=int)
    seeds, when = np.unique(when_of, return_inverse=True)
    return list(number), seeds.tolist(), who, when


def subject_names(frame: pd.DataFrame) -> NDArray[np.str_]:
    """``dataset/subject`` of every row of a table of predictions."""
    return np.array([f"{d}/{s}" for d, s in zip(frame["dataset"], frame["subject"], strict=True)], dtype=str)
