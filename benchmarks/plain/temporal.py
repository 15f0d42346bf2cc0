"""Temporal normalisation and rank pooling as their papers write them down.

What `merkit.motion` is timed against, and held to in the tests.
"""

from __future__ import annotations

import numpy as np
from sklearn.svm import LinearSVC


def tim(frames: np.ndarray, length: int) -> np.ndarray:
    """Zhou et al. 2011: embed the path graph, fit the linear map on reduced pixels, walk along the curve."""
    n = len(frames)
    pixels = frames.reshape(n, -1).astype(float).T
    mean = pixels.mean(axis=1, keepdims=True)
    basis, values, right = np.linalg.svd(pixels - mean, full_matrices=False)
    reduced = values[:, None] * right
    ring = np.diag(np.ones(n - 1), 1)
    adjacency = ring + ring.T
    _, vectors = np.linalg.eigh(np.diag(adjacency.sum(axis=1)) - adjacency)
    k = np.arange(1, n)[:, None]

    def curve(t: np.ndarray) -> np.ndarray:
        return np.sin(np.pi * k * t + np.pi * (n - k) / (2 * n))

    # Eigenvectors are the sampled curve up to sign and length.
    sampled = vectors[:, 1:].T
    sizes = (curve(np.arange(1, n + 1) / n) * sampled).sum(axis=1, keepdims=True)
    mapping = reduced @ np.linalg.pinv(sampled * sizes)
    places = 1 / n + np.arange(length) * (1 - 1 / n) / (length - 1)
    return (basis @ (mapping @ curve(places)) + mean).T.reshape(length, *frames.shape[1:])


def linear(frames: np.ndarray, length: int) -> np.ndarray:
    given = frames.reshape(len(frames), -1).astype(float)
    at = np.linspace(0, len(frames) - 1, length)
    columns = [np.interp(at, np.arange(len(frames)), column) for column in given.T]
    return np.stack(columns, axis=1).reshape(length, *frames.shape[1:])


def running_means(frames: np.ndarray) -> np.ndarray:
    """V_t, the mean of frames 1 to t, one row each."""
    pixels = frames.reshape(len(frames), -1).astype(float)
    return np.stack([pixels[: t + 1].mean(axis=0) for t in range(len(frames))])


def approximate_rank_pooling(frames: np.ndarray) -> np.ndarray:
    """The sum over all pairs of times of the later mean less the earlier."""
    means = running_means(frames)
    d = np.zeros(means.shape[1])
    for q in range(len(means)):
        for t in range(q):
            d += means[q] - means[t]
    return d.reshape(frames.shape[1:])


def ranking_objective(d: np.ndarray, frames: np.ndarray, weight: float) -> float:
    """``weight/2 |d|^2 + 2/(T(T-1)) sum of losses``, from the pixels."""
    scores = running_means(frames) @ d.ravel()
    earlier, later = np.triu_indices(len(scores), 1)
    losses = np.clip(1 - scores[later] + scores[earlier], 0, None)
    return float(weight / 2 * (d**2).sum() + losses.mean())


def exact_rank_pooling(frames: np.ndarray, weight: float, tolerance: float = 1e-6) -> np.ndarray:
    """The same problem as a classifier without intercept between differences and their negatives."""
    means = running_means(frames)
    earlier, later = np.triu_indices(len(means), 1)
    # All solutions are combinations of the means, so nothing is lost in coordinates along them.
    basis, coordinates = np.linalg.qr((means - means[0]).T)
    size = np.sqrt((coordinates**2).mean()) or 1.0
    points = (coordinates / size).T
    differences = points[later] - points[earlier]
    machine = LinearSVC(
        C=size**2 / weight / (2 * len(earlier)),
        loss="hinge",
        fit_intercept=False,
        tol=tolerance,
        max_iter=200_000,
        random_state=0,
    )
    labels = np.repeat([1, -1], len(earlier))
    machine.fit(np.concatenate([differences, -differences]), labels)
    return (basis @ machine.coef_[0] / size).reshape(frames.shape[1:])
