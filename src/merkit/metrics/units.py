"""Scores of action units, which do not exclude each other: binary and macro F1 of each, and their means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from merkit.errors import DataError


def unit_scores(y_true: ArrayLike, y_pred: ArrayLike, units: Sequence[str]) -> dict[str, Any]:
    """Scores of pooled predictions of K units.

    Parameters
    ----------
    y_true, y_pred : array of 0 and 1, shape (N, K)
    units : sequence of str, length K

    Returns
    -------
    dict
        ``n``, ``f1_binary`` (F1 of presence, mean over units), ``f1_macro`` (mean of the F1 of presence
        and of absence, mean over units) and ``by_unit`` with the same and ``n``, the clips that have it.
        A unit that no clip has and none is said to have scores 0.

    Raises
    ------
    DataError
        If shapes differ or a value is neither 0 nor 1.

    Examples
    --------
    >>> scores = unit_scores([[1, 0], [1, 1], [0, 0]], [[1, 0], [0, 1], [0, 1]], ["AU1", "AU4"])
    >>> round(scores["by_unit"]["AU1"]["f1_binary"], 4), round(scores["f1_binary"], 4)
    (0.6667, 0.6667)
    """
    from sklearn.metrics import f1_score

    truth, guess = np.asarray(y_true), np.asarray(y_pred)
    if truth.shape != guess.shape or truth.ndim != 2 or truth.shape[1] != len(units) or not len(truth):
        raise DataError(
            f"y_true has shape {truth.shape}, y_pred {guess.shape}: expected one row a clip and "
            f"{len(units)} columns, one a unit"
        )
    if not (np.isin(truth, (0, 1)).all() and np.isin(guess, (0, 1)).all()):
        raise DataError("y_true or y_pred of action units holds other values than 0 and 1")
    by_unit: dict[str, dict[str, Any]] = {}
    for column, unit in enumerate(units):
        pair = (truth[:, column].astype(int), guess[:, column].astype(int))
        by_unit[unit] = {
            "n": int(pair[0].sum()),
            "f1_binary": float(f1_score(*pair, pos_label=1, zero_division=0)),
            "f1_macro": float(f1_score(*pair, labels=[0, 1], average="macro", zero_division=0)),
        }
    return {
        "n": len(truth),
        **{
            name: float(np.mean([scores[name] for scores in by_unit.values()]))
            for name in ("f1_binary", "f1_macro")
        },
        "by_unit": by_unit,
    }
