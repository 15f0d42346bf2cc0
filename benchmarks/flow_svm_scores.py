"""Honest scores of flow-svm on the published flow maps: every prediction is of a subject not trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from phase_maps import CLASSES, PhaseMaps
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from merkit.inputs.flow_map import flow_features
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM
from merkit.methods.baselines.flow_svm.recognizer import FlowSVM, FlowSVMConfig
from merkit.metrics.calibration import (
    balanced_weights,
    brier_score,
    expected_calibration_error,
    selective_accuracy,
)
from merkit.metrics.recognition import cluster_interval, recognition_scores, uf1

NESTED_GRIDS = (7, 10)
NESTED_COSTS = (0.003, 0.01, 0.03)
NESTED_NORMALISE = (True, False)
NESTED_FOLDS = 5
REPEATS = 2000


def folds(subjects: NDArray[np.str_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Leave one subject out: rows to train on, rows to test on."""
    for subject in np.unique(subjects):
        yield np.flatnonzero(subjects != subject), np.flatnonzero(subjects == subject)


def leave_one_subject_out(data: PhaseMaps, config: FlowSVMConfig) -> dict[str, NDArray[Any]]:
    """Predictions of every clip by a flow-svm that never saw its subject.

    Returns
    -------
    dict
        ``probabilities`` (N, 3), ``abstained`` (N,) by each fold's own threshold, ``threshold`` (N,),
        and ``votes`` (N,), the label that scikit-learn's ``SVC.predict`` gives.
    """
    n = len(data.labels)
    out: dict[str, NDArray[Any]] = {
        "probabilities": np.zeros((n, len(CLASSES))),
        "abstained": np.zeros(n, bool),
        "threshold": np.zeros(n),
        "votes": np.zeros(n, dtype=np.intp),
    }
    for train, test in folds(data.subjects):
        model = FlowSVM(config).fit_maps(data.maps[train], data.labels[train], data.subjects[train])
        out["probabilities"][test] = model.predict_maps(data.maps[test])
        out["abstained"][test] = model.abstains(out["probabilities"][test])
        out["threshold"][test] = model.abstain_below
        features = flow_features(data.maps[test], config.grid, normalise=config.normalise)
        out["votes"][test] = model.svm_.votes(features)
    return out


def scores_with_intervals(data: PhaseMaps, guess: NDArray[np.str_]) -> dict[str, Any]:
    """Pooled scores, overall and by dataset, each with its 95 % bootstrap interval over subjects."""

    def scored(rows: NDArray[np.intp]) -> dict[str, Any]:
        truth, said, who = data.labels[rows], guess[rows], data.subjects[rows]
        result = recognition_scores(truth, said, CLASSES)
        # One pass over the same resamples for each score; confusion counts keep it quick.
        codes = np.searchsorted(CLASSES, truth) * len(CLASSES) + np.searchsorted(CLASSES, said)

        def table(sample: NDArray[np.intp]) -> NDArray[np.int64]:
            return np.bincount(codes[sample], minlength=len(CLASSES) ** 2).reshape(len(CLASSES), -1)

        formulas = {
            "uf1": lambda t: np.mean(2 * np.diag(t) / np.maximum(t.sum(0) + t.sum(1), 1)),
            "uar": lambda t: np.mean(np.diag(t) / np.maximum(t.sum(1), 1)),
            "accuracy": lambda t: np.trace(t) / t.sum(),
        }
        result["ci95"] = {}
        for name, formula in formulas.items():
            whole = float(formula(table(np.arange(len(rows)))))
            assert abs(whole - result[name]) < 1e-9, name
            result["ci95"][name] = list(
                cluster_interval(lambda sample, f=formula: float(f(table(sample))), who, repeats=REPEATS)
            )
        result["subjects"] = len(np.unique(who))
        return result

    parts = {str(name): scored(np.flatnonzero(data.datasets == name)) for name in np.unique(data.datasets)}
    return {"overall": scored(np.arange(len(guess))), "by_dataset": parts}


def nested(data: PhaseMaps) -> tuple[NDArray[np.str_], dict[str, int]]:
    """Predictions when grid, cost and normalisation are chosen anew inside every training fold.

    Returns
    -------
    labels : array, shape (N,)
    chosen : dict
        How many of the folds chose each setting.
    """
    truth = np.searchsorted(CLASSES, data.labels)
    tables = {
        (grid, norm): flow_features(data.maps, grid, normalise=norm)
        for grid, norm in product(NESTED_GRIDS, NESTED_NORMALISE)
    }
    said = np.zeros(len(truth), dtype=np.intp)
    chosen: dict[str, int] = {}

    def predicted(key: tuple[int, bool], cost: float, train: Any, test: Any) -> NDArray[np.intp]:
        table = tables[key]
        return PairwiseSVM.fit(table[train], truth[train], cost).margins(table[test]).argmax(axis=1)

    for train, test in folds(data.subjects):
        best: tuple[float, tuple[int, bool], float] | None = None
        inner = list(GroupKFold(NESTED_FOLDS).split(train, truth[train], data.subjects[train]))
        for key, cost in product(tables, NESTED_COSTS):
            inside = np.zeros(len(train), dtype=np.intp)
            for a, b in inner:
                inside[b] = predicted(key, cost, train[a], train[b])
            score = uf1(truth[train], inside, range(len(CLASSES)))
            if best is None or score > best[0]:
                best = (score, key, cost)
        assert best is not None
        _, key, cost = best
        said[test] = predicted(key, cost, train, test)
        name = f"grid {key[0]}, {'p95' if key[1] else 'raw'}, C {cost:g}"
        chosen[name] = chosen.get(name, 0) + 1
    return np.asarray(CLASSES)[said], dict(sorted(chosen.items(), key=lambda item: -item[1]))


def other_settings(data: PhaseMaps, costs: Iterable[float]) -> dict[str, float]:
    """LOSO UF1 of neighbouring settings, to show how much the choice matters."""
    truth = np.searchsorted(CLASSES, data.labels)
    found = {}
    for grid, norm, cost in product(NESTED_GRIDS, NESTED_NORMALISE, costs):
        table = flow_features(data.maps, grid, normalise=norm)
        said = np.zeros(len(truth), dtype=np.intp)
        for train, test in folds(data.subjects):
            said[test] = PairwiseSVM.fit(table[train], truth[train], cost).margins(table[test]).argmax(axis=1)
        found[f"grid {grid}, {'p95' if norm else 'raw'}, C {cost:g}"] = uf1(truth, said, range(len(CLASSES)))
    return found


def baselines(data: PhaseMaps, config: FlowSVMConfig) -> dict[str, dict[str, Any]]:
    """The majority class, the same SVM on raw pixels, and other ways to get a label, all by LOSO."""
    truth = np.searchsorted(CLASSES, data.labels)
    pixels = data.maps.reshape(len(truth), -1) / 255.0
    features = flow_features(data.maps, config.grid, normalise=config.normalise)
    said = {name: np.zeros(len(truth), dtype=np.intp) for name in ("majority class", "raw pixels, same SVM")}
    said["logistic regression, same features"] = np.zeros(len(truth), dtype=np.intp)
    for train, test in folds(data.subjects):
        said["majority class"][test] = np.bincount(truth[train]).argmax()
        raw = PairwiseSVM.fit(pixels[train], truth[train], config.c)
        said["raw pixels, same SVM"][test] = raw.votes(pixels[test])
        mean, scale = features[train].mean(0), features[train].std(0)
        logistic = LogisticRegression(C=config.c, class_weight="balanced", max_iter=500)
        logistic.fit((features[train] - mean) / scale, truth[train])
        said["logistic regression, same features"][test] = logistic.predict((features[test] - mean) / scale)
    names = np.asarray(CLASSES)
    return {name: recognition_scores(data.labels, names[k], CLASSES) for name, k in said.items()}


def calibration(data: PhaseMaps, probabilities: NDArray[np.float64]) -> dict[str, Any]:
    """Calibration of LOSO probabilities, with clips and with classes weighing the same."""
    truth = np.searchsorted(CLASSES, data.labels)
    top, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    result: dict[str, Any] = {}
    for name, weights in (("clips_equal", None), ("classes_equal", balanced_weights(truth))):
        share = np.full(len(truth), 1 / len(truth)) if weights is None else weights
        result[name] = {
            "ece": expected_calibration_error(truth, probabilities, weights=weights),
            "brier": brier_score(truth, probabilities, weights=weights),
            "mean_top_probability": float(np.sum(share * top)),
            "accuracy": float(np.sum(share * right)),
        }
    edges = np.array([0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0001])
    result["reliability"] = [
        {
            "from": float(low),
            "to": float(min(high, 1.0)),
            "n": int(inside.sum()),
            "mean_top_probability": float(top[inside].mean()),
            "accuracy": float(right[inside].mean()),
        }
        for low, high in pairwise(edges)
        if (inside := (top >= low) & (top < high)).any()
    ]
    return result


def abstention(data: PhaseMaps, loso: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """What abstaining by each fold's own threshold keeps, and the whole trade-off."""
    names = np.asarray(CLASSES)
    guess = names[loso["probabilities"].argmax(axis=1)]
    kept = ~loso["abstained"]
    truth = np.searchsorted(CLASSES, data.labels)

    def both(rows: NDArray[np.bool_]) -> dict[str, Any]:
        return recognition_scores(data.labels[rows], guess[rows], CLASSES)

    curve = []
    for level in np.arange(0.35, 0.95, 0.05):
        coverage, accurate = selective_accuracy(truth, loso["probabilities"], float(level))
        curve.append({"threshold": round(float(level), 2), "coverage": coverage, "accuracy": accurate})
    return {
        "threshold_of_folds": {
            "least": float(loso["threshold"].min()),
            "median": float(np.median(loso["threshold"])),
            "most": float(loso["threshold"].max()),
        },
        "coverage": float(kept.mean()),
        "kept": both(kept),
        "abstained": both(~kept),
        "coverage_by_dataset": {
            str(name): float(kept[data.datasets == name].mean()) for name in np.unique(data.datasets)
        },
        "curve": curve,
    }
