"""Choosing grid, normalisation and cost inside a training set, by subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from merkit.inputs.flow_map import flow_features
from merkit.methods.baselines.flow_svm.config import FlowSVMConfig
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM
from merkit.metrics.recognition import uf1

GRIDS = (7, 10)
COSTS = (0.003, 0.01, 0.03)
NORMALISE = (True, False)

Splits = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]


def choose(
    config: FlowSVMConfig, maps: NDArray[np.generic], truth: NDArray[np.intp], splits: Splits
) -> tuple[FlowSVMConfig, NDArray[np.float64], NDArray[np.float64]]:
    """Settings for a training set, with its features and out-of-fold margins under them.

    Parameters
    ----------
    config : FlowSVMConfig
        With ``select="fixed"`` it is taken as it is; with "nested", the settings with the best UF1 over
        the pooled inner folds, the first of equals.
    maps : array, shape (N, 28, 28, 2 or 3)
    truth : int array, shape (N,)
        Class columns 0 to K-1.
    splits : sequence of (train, held_out) row numbers
        By subject; every class is in every training part.

    Returns
    -------
    settings : FlowSVMConfig
    features : float array, shape (N, F)
    margins : float array, shape (N, K)
        Not a number for clips that no split holds out.
    """
    if config.select == "fixed":
        candidates = [config]
    else:
        candidates = [
            replace(config, grid=grid, normalise=normalise, c=c)
            for grid, normalise, c in product(GRIDS, NORMALISE, COSTS)
        ]
    best: tuple[float, FlowSVMConfig, NDArray[np.float64], NDArray[np.float64]] | None = None
    tables: dict[tuple[int, bool], NDArray[np.float64]] = {}
    for settings in candidates:
        key = (settings.grid, settings.normalise)
        if key not in tables:
            tables[key] = flow_features(maps, settings.grid, normalise=settings.normalise)
        margins = _held_out(tables[key], truth, splits, settings.c)
        seen = np.isfinite(margins).all(axis=1)
        score = uf1(truth[seen], margins[seen].argmax(axis=1), range(margins.shape[1]))
        if best is None or score > best[0]:
            best = (score, settings, tables[key], margins)
    assert best is not None  # there is at least one candidate
    return best[1:]


def _held_out(
    features: NDArray[np.float64], truth: NDArray[np.intp], splits: Splits, c: float
) -> NDArray[np.float64]:
    margins = np.full((len(truth), int(truth.max()) + 1), np.nan)
    for train, held_out in splits:
        margins[held_out] = PairwiseSVM.fit(features[train], truth[train], c).margins(features[held_out])
    return margins
