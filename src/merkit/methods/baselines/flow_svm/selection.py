"""Choosing grid, normalisation and cost inside a training set, by subject."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merkit.inputs.flow_map import flow_features
from merkit.methods.baselines.flow_svm.config import FlowSVMConfig
from merkit.methods.baselines.inner_folds import Candidate, InnerFolds

GRIDS = (7, 10)
COSTS = (0.003, 0.01, 0.03)
NORMALISE = (True, False)


class Chosen(NamedTuple):
    """Settings, with the features (N, F) and out-of-fold margins (N, K) of the training clips under them.

    Margins are not a number for clips that no split holds out.
    """

    settings: FlowSVMConfig
    features: NDArray[np.float64]
    margins: NDArray[np.float64]


def choose(config: FlowSVMConfig, maps: NDArray[np.generic], folds: InnerFolds) -> Chosen:
    """Settings for a training set, with its features and out-of-fold margins under them.

    Parameters
    ----------
    config : FlowSVMConfig
        With ``select="fixed"`` it is taken as it is; with "nested", the settings with the best UF1 over
        the pooled inner folds, the first of equals.
    maps : array, shape (N, 28, 28, 2 or 3)
    folds : InnerFolds
        Of the same clips.
    """
    if config.select == "fixed":
        settings = [config]
    else:
        settings = [
            replace(config, grid=grid, normalise=normalise, c=c)
            for grid, normalise, c in product(GRIDS, NORMALISE, COSTS)
        ]
    tables: dict[tuple[int, bool], NDArray[np.float64]] = {}

    def candidate(one: FlowSVMConfig) -> Candidate:
        key = (one.grid, one.normalise)
        if key not in tables:
            tables[key] = flow_features(maps, one.grid, normalise=one.normalise)
        return Candidate(one, tables[key], one.c)

    best, margins = folds.best(map(candidate, settings))
    return Chosen(best.settings, best.features, margins)
