"""From predictions to ``metrics.json``: pooled scores, their spread over seeds, intervals over subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from merkit.evaluation.predictions import is_units
from merkit.evaluation.statistics import (
    Formula,
    SubjectCounts,
    bootstrap,
    class_counts,
    class_scores,
    subject_names,
    unit_counts,
    unit_scores,
)

MAIN = {False: ("uf1", "uar", "accuracy"), True: ("f1_binary", "f1_macro")}
"""The scores to print, of classes and of units."""


def scores_of(frame: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    """Scores of a table of predictions.

    Every score is computed from the predictions of all folds of one seed together, then averaged over
    seeds; folds hold too few clips of too few classes to average over them.

    Returns
    -------
    dict
        ``overall`` and ``by_dataset`` with ``n`` (clips), ``subjects``, the scores, ``confusion`` (mean
        over seeds, rows true), ``sd`` over seeds, and ``ci95`` over subjects (``None`` for one subject
        alone); ``mean_of_datasets`` where there are several; ``by_subject``; ``per_seed``.
    """
    datasets = sorted(set(frame["dataset"]))
    whole = _block(frame, classes)
    parts = {name: _block(frame[frame["dataset"] == name], classes) for name in datasets}
    found: dict[str, Any] = {"overall": whole, "by_dataset": parts}
    if len(parts) > 1:
        found["mean_of_datasets"] = {
            name: _plain(np.mean([part[name] for part in parts.values()])) for name in whole["sd"]
        }
    return found | {
        "by_subject": _by_subject(frame),
        "per_seed": [
            {
                "seed": int(seed),
                **{key: _plain(value) for key, value in _values(rows, classes).items()},
                "by_dataset": {
                    name: {
                        key: _plain(value)
                        for key, value in _values(rows[rows["dataset"] == name], classes).items()
                    }
                    for name in datasets
                },
            }
            for seed in sorted(set(frame["seed"]))
            for rows in (frame[frame["seed"] == seed],)
        ],
    }


def in_words(block: Mapping[str, Any], name: str) -> str:
    """A score of a block with its spread over seeds and its interval, as far as there are any.

    Examples
    --------
    >>> in_words({"uf1": 0.7215, "sd": {"uf1": None}, "ci95": {"uf1": [0.653, 0.792]}}, "uf1")
    '0.722 [0.653, 0.792]'
    """
    sd, interval = block["sd"][name], block["ci95"][name]
    spread = "" if sd is None else f" ± {sd:.3f}"
    return f"{block[name]:.3f}{spread}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def counted(frame: pd.DataFrame, classes: Sequence[str]) -> tuple[SubjectCounts, Formula]:
    """Confusions by subject, and the scores that belong to them."""
    if is_units(frame):
        return unit_counts(frame, classes), unit_scores
    return class_counts(frame, classes), class_scores


def plain_interval(interval: tuple[float, float]) -> list[float] | None:
    """An interval for JSON; ``None`` where nothing is known."""
    low, high = interval
    return [_plain(low), _plain(high)] if np.isfinite(low) else None


def _values(frame: pd.DataFrame, classes: Sequence[str]) -> dict[str, float]:
    sample, formula = counted(frame, classes)
    return {name: float(value) for name, value in formula(sample.counts.sum(axis=(0, 1))).items()}


def _block(frame: pd.DataFrame, classes: Sequence[str]) -> dict[str, Any]:
    sample, formula = counted(frame, classes)
    by_seed = formula(sample.counts.sum(axis=1))
    seeds = len(sample.seeds)
    intervals = bootstrap(sample, formula)
    confusion = sample.counts.sum(axis=(0, 1)) / seeds
    block: dict[str, Any] = {"n": len(frame) // seeds, "subjects": len(sample.subjects)}
    block |= {name: _plain(value.mean()) for name, value in by_seed.items()}
    if is_units(frame):
        each = {unit: unit_scores(confusion[k : k + 1]) for k, unit in enumerate(classes)}
        block["by_unit"] = {
            unit: {"n": _count(confusion[k, 1].sum())} | {name: _plain(v) for name, v in each[unit].items()}
            for k, unit in enumerate(classes)
        }
    block["confusion"] = np.vectorize(_count, otypes=[object])(confusion).tolist()
    block["sd"] = {name: _plain(v.std(ddof=1)) if seeds > 1 else None for name, v in by_seed.items()}
    block["ci95"] = {name: plain_interval(interval) for name, interval in intervals.items()}
    return block


def _by_subject(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    if is_units(frame):
        return {}
    right = (frame["y_true"] == frame["y_pred"]).groupby(subject_names(frame)).agg(["size", "mean"])
    seeds = frame["seed"].nunique()
    return {
        str(name): {"n": int(row["size"]) // seeds, "accuracy": _plain(row["mean"])}
        for name, row in right.iterrows()
    }


def _plain(value: Any) -> float:
    """A score for JSON, to ten digits."""
    return round(float(value), 10)


def _count(value: Any) -> int | float:
    """A number of clips: whole, but for a mean over seeds."""
    number = _plain(value)
    return int(number) if number.is_integer() else number
