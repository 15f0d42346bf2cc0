"""How far probabilities can be trusted: calibration error, Brier score, and what abstaining buys."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import DataError


def balanced_weights(truth: NDArray[np.integer]) -> NDArray[np.float64]:
    """Weights that give every class present the same total; they sum to one."""
    counts = np.bincount(truth)
    weights = 1.0 / counts[truth]
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def expected_calibration_error(
    truth: ArrayLike, probabilities: ArrayLike, *, bins: int = 10, weights: ArrayLike | None = None
) -> float:
    """Mean gap between the top probability and how often it is right, over equal-width bins.

    Parameters
    ----------
    truth : int array, shape (N,)
        Column of the true class.
    probabilities : float array, shape (N, K)
    bins : int
    weights : float array, shape (N,), optional
        One weight a clip; equal by default.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    >>> round(expected_calibration_error([0, 0, 0, 1], p), 3)  # (0.1 + 0.1) / 2
    0.1
    """
    labels, table, share = _checked(truth, probabilities, weights)
    top = table.max(axis=1)
    right = table.argmax(axis=1) == labels
    bin_of = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [abs(float(np.sum((share * (top - right))[bin_of == b]))) for b in range(bins)]
    return float(sum(gaps))


def brier_score(truth: ArrayLike, probabilities: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Mean squared distance to the one-hot truth, summed over classes: 0 best, 2 worst.

    Examples
    --------
    >>> round(brier_score([0], [[0.8, 0.2]]), 3)
    0.08
    """
    labels, table, share = _checked(truth, probabilities, weights)
    distance = ((table - np.eye(table.shape[1])[labels]) ** 2).sum(axis=1)
    return float(np.sum(share * distance))


def selective_accuracy(truth: ArrayLike, probabilities: ArrayLike, threshold: float) -> tuple[float, float]:
    """Coverage and accuracy when clips whose top probability is below `threshold` are left out.

    Returns
    -------
    coverage, accuracy : float
        Share of clips kept, and of those the share that is right (NaN when none is kept).
    """
    labels, table, _ = _checked(truth, probabilities, None)
    kept = table.max(axis=1) >= threshold
    right = table.argmax(axis=1) == labels
    return float(kept.mean()), float(right[kept].mean()) if kept.any() else float("nan")


def _checked(
    truth: ArrayLike, probabilities: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    labels = np.asarray(truth, dtype=np.intp)
    table = np.asarray(probabilities, dtype=np.float64)
    if table.ndim != 2 or labels.shape != table.shape[:1] or not len(labels):
        raise DataError(
            f"truth has shape {labels.shape} and probabilities {table.shape}: need (N,) and (N, K)"
        )
    if labels.min() < 0 or labels.max() >= table.shape[1]:
        raise DataError(f"truth must hold columns 0 to {table.shape[1] - 1} of the probabilities")
    share = np.full(len(labels), 1.0) if weights is None else np.asarray(weights, dtype=np.float64)
    return labels, table, share / share.sum()
