"""Ways to make the classes of a training set count alike, or nearly so; use one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError


def balanced_weights(counts: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float32]:
    """Weights N / (C · N_c) of the loss, under which all classes of a training set count the same.

    Parameters
    ----------
    counts : sequence of int, shape (C,)
        Training clips of each class.

    Returns
    -------
    float32 array, shape (C,)
        Their mean over the clips is 1.

    Raises
    ------
    DataError
        If a class has no clip.

    Examples
    --------
    >>> balanced_weights([6, 2, 4]).tolist()
    [0.6666666865348816, 2.0, 1.0]
    """
    values = np.asarray(counts)
    if not values.size or values.min() < 1:
        raise DataError(f"class counts {values.tolist()}: a class without training clips cannot be weighted")
    return (values.sum() / (len(values) * values)).astype(np.float32)


def softened_weights(counts: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float32]:
    """Weights of the loss that make up for half of the imbalance: in proportion to 1 / √N_c, their mean 1.

    Parameters
    ----------
    counts : sequence of int, shape (C,)
        Training clips of each class.

    Returns
    -------
    float32 array, shape (C,)

    Raises
    ------
    DataError
        If a class has no clip.

    Examples
    --------
    >>> softened_weights([9, 1]).tolist()
    [0.5, 1.5]
    """
    weights = np.sqrt(balanced_weights(counts).astype(np.float64))
    return (weights / weights.mean()).astype(np.float32)


def oversampled(labels: NDArray[Any], rng: np.random.Generator) -> NDArray[np.intp]:
    """Rows of an epoch in which every class comes as often as the largest, in random order.

    Every clip comes as often as any other of its class, or once more; which ones is drawn.

    Parameters
    ----------
    labels : array, shape (N,)
    rng : numpy.random.Generator

    Returns
    -------
    int array, shape (C · largest,)

    Examples
    --------
    >>> rows = oversampled(np.array([0, 0, 0, 0, 0, 1, 1]), np.random.default_rng(0))
    >>> np.bincount(rows).tolist()
    [1, 1, 1, 1, 1, 2, 3]
    """
    classes, counts = np.unique(labels, return_counts=True)
    rows = []
    for name, count in zip(classes, counts, strict=True):
        own = np.flatnonzero(labels == name)
        times, rest = divmod(int(counts.max()), int(count))
        rows += [np.tile(own, times), rng.choice(own, rest, replace=False)]
    return rng.permutation(np.concatenate(rows))
