"""A trained linear baseline on the disk: plain arrays in ``model.npz``, everything else in ``card.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from merkit.errors import DataError
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM

_ARRAYS = ("mean", "scale", "coef", "intercept")


def write_model(folder: str | Path, svm: PairwiseSVM, card: Mapping[str, Any]) -> None:
    """Write both files into a folder, which is made; equal models give equal bytes.

    Parameters
    ----------
    folder : path
    svm : PairwiseSVM
    card : mapping
        Plain values, ``method``, ``format`` and ``classes`` among them.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    np.savez(target / "model.npz", **{name: getattr(svm, name) for name in _ARRAYS})
    (target / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_model(folder: str | Path, method: str, form: int) -> tuple[PairwiseSVM, dict[str, Any]]:
    """Read what `write_model` wrote of this method, in this format.

    Raises
    ------
    DataError
        If a file is missing, or they do not hold such a model.
    """
    source = Path(folder)
    try:
        card = json.loads((source / "card.json").read_text("utf-8"))
        if (card["method"], card["format"]) != (method, form):
            raise DataError(
                f"{source / 'card.json'} is of method {card['method']}, format {card['format']}: "
                f"expected {method}, format {form}"
            )
        with np.load(source / "model.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in _ARRAYS}
        return PairwiseSVM(**arrays, n_classes=len(card["classes"])), card
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise no_model(source, method, error) from error


def no_model(folder: str | Path, method: str, why: Exception) -> DataError:
    """What to raise where a folder does not hold a model."""
    return DataError(f"{folder} does not hold a saved {method} ({why}): save one there")
