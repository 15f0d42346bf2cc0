"""From SVM margins to probabilities, and from probabilities to the decision to abstain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merkit.metrics.calibration import balanced_weights


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities in proportion to the exponentials of scores, along the last axis.

    Examples
    --------
    >>> softmax(np.log([[1.0, 3.0]]))
    array([[0.25, 0.75]])
    """
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), dtype=np.float64)


def fit_sharpness(margins: NDArray[np.float64], truth: NDArray[np.intp]) -> float:
    """The factor (inverse temperature) on out-of-fold margins that makes their softmax most likely.

    Classes weigh the same, so the probabilities speak for a world in which each class is equally
    frequent, and not for the mix of one dataset.  One number cannot change which class is the most
    probable.

    Parameters
    ----------
    margins : float array, shape (N, K)
    truth : int array, shape (N,)
        Column of the true class.

    Source: temperature scaling, Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    from scipy.optimize import minimize_scalar

    weights = balanced_weights(truth)
    rows = np.arange(len(truth))

    def loss(log_factor: float) -> float:
        likelihood = softmax(margins * np.exp(log_factor))[rows, truth]
        return float(-np.sum(weights * np.log(np.maximum(likelihood, 1e-12))))

    found = minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def choose_threshold(probabilities: NDArray[np.float64], truth: NDArray[np.intp], target: float) -> float:
    """The lowest top probability from which on predictions are right often enough.

    Going from everything kept to fewer clips, the first threshold at which the kept out-of-fold clips
    are right with a share of at least `target`.  Where no threshold reaches it, the most confident
    prediction is the threshold: practically everything is then abstained from.

    Parameters
    ----------
    probabilities : float array, shape (N, K)
        Out-of-fold.
    truth : int array, shape (N,)
    target : float
        Wanted accuracy of the kept, 0 to 1.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    >>> choose_threshold(p, np.array([0, 0, 0, 1]), 0.9)
    0.7
    >>> choose_threshold(p, np.array([0, 0, 0, 1]), 0.7)
    0.6
    """
    top = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    levels = np.unique(top)
    for level in levels:
        if right[top >= level].mean() >= target:
            return float(level)
    return float(levels[-1])
