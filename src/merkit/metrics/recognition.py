"""Scores of a classifier of micro-expressions: UF1, UAR, accuracy, and more; intervals by subject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import DataError


def uf1(y_true: ArrayLike, y_pred: ArrayLike, classes: Sequence[Any]) -> float:
    """Unweighted F1: the mean over classes of 2TP / (2TP + FP + FN), from pooled predictions.

    Every class of `classes` counts the same, however rare; one that is neither true nor predicted
    anywhere scores 0.

    Examples
    --------
    >>> uf1(["a", "a", "b", "b"], ["a", "b", "b", "b"], ["a", "b"])  # (2/3 + 4/5) / 2
    0.7333333333333334
    """
    from sklearn.metrics import f1_score

    truth, guess = _paired(y_true, y_pred, classes)
    return float(f1_score(truth, guess, labels=list(classes), average="macro", zero_division=0))


def uar(y_true: ArrayLike, y_pred: ArrayLike, classes: Sequence[Any]) -> float:
    """Unweighted average recall over `classes`; a class without a true clip scores 0.

    Examples
    --------
    >>> uar(["a", "a", "b", "b"], ["a", "b", "b", "b"], ["a", "b"])
    0.75
    """
    from sklearn.metrics import recall_score

    truth, guess = _paired(y_true, y_pred, classes)
    return float(recall_score(truth, guess, labels=list(classes), average="macro", zero_division=0))


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Share of right predictions, 0 to 1."""
    truth, guess = _paired(y_true, y_pred)
    return float(np.mean(truth == guess))


def weighted_f1(y_true: ArrayLike, y_pred: ArrayLike, classes: Sequence[Any]) -> float:
    """F1 of each class, weighted with its number of true clips; some papers call this one F1.

    Examples
    --------
    >>> weighted_f1(["a", "b", "b", "b"], ["a", "a", "b", "b"], ["a", "b"])  # (2/3 + 3 * 4/5) / 4
    0.7666666666666667
    """
    from sklearn.metrics import f1_score

    truth, guess = _paired(y_true, y_pred, classes)
    return float(f1_score(truth, guess, labels=list(classes), average="weighted", zero_division=0))


def precision_macro(y_true: ArrayLike, y_pred: ArrayLike, classes: Sequence[Any]) -> float:
    """Mean precision over `classes`; a class that is never predicted scores 0.

    Examples
    --------
    >>> precision_macro(["a", "b", "b", "b"], ["a", "a", "b", "b"], ["a", "b"])  # (1/2 + 1) / 2
    0.75
    """
    from sklearn.metrics import precision_score

    truth, guess = _paired(y_true, y_pred, classes)
    return float(precision_score(truth, guess, labels=list(classes), average="macro", zero_division=0))


def recognition_scores(y_true: ArrayLike, y_pred: ArrayLike, classes: Sequence[Any]) -> dict[str, Any]:
    """All scores of one set of pooled predictions.

    Returns
    -------
    dict
        ``n``, ``uf1``, ``uar``, ``accuracy``, ``weighted_f1``, ``precision_macro`` and ``confusion``
        (rows true, columns predicted, in the order of `classes`).
    """
    from sklearn.metrics import confusion_matrix

    truth, guess = _paired(y_true, y_pred, classes)
    return {
        "n": len(truth),
        "uf1": uf1(truth, guess, classes),
        "uar": uar(truth, guess, classes),
        "accuracy": accuracy(truth, guess),
        "weighted_f1": weighted_f1(truth, guess, classes),
        "precision_macro": precision_macro(truth, guess, classes),
        "confusion": confusion_matrix(truth, guess, labels=list(classes)).tolist(),
    }


def scores_by(
    y_true: ArrayLike, y_pred: ArrayLike, classes: Sequence[Any], parts: ArrayLike
) -> dict[str, dict[str, Any]]:
    """Scores of each dataset, or of each subject, from the same pooled predictions.

    Most subjects show one or two classes only, so that their UF1 and UAR say little; their accuracy and
    confusion say who is hard.

    Parameters
    ----------
    parts : array, shape (N,)
        What each clip belongs to.

    Returns
    -------
    dict
        :func:`recognition_scores` by part, in the order of their names.

    Examples
    --------
    >>> parts = scores_by(["a", "b", "b"], ["a", "b", "a"], ["a", "b"], ["x", "x", "y"])
    >>> {name: scores["accuracy"] for name, scores in parts.items()}
    {'x': 1.0, 'y': 0.0}
    """
    truth, guess = _paired(y_true, y_pred, classes)
    names = np.asarray(parts)
    if names.shape != truth.shape:
        raise DataError(f"parts has shape {names.shape} for {len(truth)} clips: give one name a clip")
    return {
        str(name): recognition_scores(truth[names == name], guess[names == name], classes)
        for name in np.unique(names)
    }


def interval_edges(n: int, level: float = 0.95) -> tuple[float, float]:
    """Which quantiles of a bootstrap over `n` subjects make an interval of a level: the expanded percentile.

    Plain percentiles, 2.5 and 97.5 %, are too narrow for few subjects, as resamples spread less than
    studies do, by (n - 1) / n in variance, and the spread itself is only estimated.

    Source: T. C. Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 69(4),
    2015, the expanded percentile interval.

    Examples
    --------
    >>> [round(edge, 4) for n in (16, 68) for edge in interval_edges(n)]
    [0.0139, 0.9861, 0.0222, 0.9778]
    """
    from scipy.stats import norm, t

    low = float(norm.cdf(np.sqrt(n / (n - 1)) * t.ppf((1 - level) / 2, n - 1)))
    return low, 1 - low


def cluster_interval(
    score: Callable[[NDArray[np.intp]], float],
    groups: ArrayLike,
    *,
    level: float = 0.95,
    repeats: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Bootstrap interval of a score when clips of one subject are not independent.

    Whole subjects are drawn with replacement, so the interval speaks of new people, not of new clips
    of the same people.

    Parameters
    ----------
    score : callable
        Takes the row numbers of one bootstrap sample (a row can appear more than once).
    groups : array, shape (N,)
        Subject of each row; two or more.
    level : float
        Coverage of the interval, 0 to 1.
    repeats, seed : int

    Returns
    -------
    low, high : float
    """
    names = np.asarray(groups)
    rows = [np.flatnonzero(names == name) for name in np.unique(names)]
    if len(rows) < 2:
        raise DataError(f"{len(rows)} subjects: an interval needs two or more")
    rng = np.random.default_rng(seed)
    values = [
        score(np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))]))
        for _ in range(repeats)
    ]
    low, high = np.quantile(values, interval_edges(len(rows), level))
    return float(low), float(high)


def _paired(
    y_true: ArrayLike, y_pred: ArrayLike, classes: Sequence[Any] | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    truth, guess = np.asarray(y_true), np.asarray(y_pred)
    if truth.shape != guess.shape or truth.ndim != 1:
        raise DataError(f"y_true has shape {truth.shape} and y_pred {guess.shape}: expected one label a clip")
    if not len(truth):
        raise DataError("no predictions to score: y_true is empty")
    if classes is not None:
        unknown = sorted({str(label) for label in (*truth, *guess) if label not in set(classes)})
        if unknown:
            raise DataError(f"unknown label {unknown[0]!r}: allowed are {', '.join(map(str, classes))}")
    return truth, guess
