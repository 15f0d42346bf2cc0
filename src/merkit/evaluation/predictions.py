"""The table of predictions: one row a clip and seed, the same text for the same predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merkit.evaluation.job import DECIMALS


def rows_of(
    about: pd.DataFrame,
    truth: NDArray[Any],
    classes: Sequence[str],
    folds: Mapping[int, str],
    probabilities: Mapping[int, NDArray[np.float64]],
    seed: int,
) -> pd.DataFrame:
    """Predictions of one seed, in the order of the table of clips.

    Parameters
    ----------
    about : DataFrame
        Columns ``id``, ``dataset`` and ``subject`` of every clip.
    truth : array, shape (N,) of str, or (N, K) of 0 and 1
    classes : sequence of str
        Classes, or units.
    folds : mapping of row to name of the fold that tested it
    probabilities : mapping of row to array, shape (K,)
    seed : int
    """
    rows = sorted(probabilities)
    table = np.array([probabilities[row] for row in rows]).reshape(len(rows), len(classes))
    chosen = about.iloc[rows]
    out: dict[str, Any] = {
        "sample_id": chosen["id"].tolist(),
        "dataset": chosen["dataset"].tolist(),
        "subject": chosen["subject"].tolist(),
        "fold": [folds[row] for row in rows],
        "seed": seed,
    }
    if truth.ndim == 2:
        out |= {f"true_{unit}": truth[rows, k].astype(int) for k, unit in enumerate(classes)}
    else:
        out["y_true"] = [str(label) for label in truth[rows]]
        # The first of equals, so that the label can be found again from the columns.
        out["y_pred"] = [classes[k] for k in table.argmax(axis=1)]
    out |= {f"p_{name}": table[:, k] for k, name in enumerate(classes)}
    return pd.DataFrame(out)


def text_of(frame: pd.DataFrame) -> str:
    """The table as CSV text, probabilities with six decimals."""
    return frame.to_csv(index=False, lineterminator="\n", float_format=f"%.{DECIMALS}f")


def classes_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """Classes, or units, of a table of predictions, in order."""
    return tuple(str(name)[2:] for name in frame.columns if str(name).startswith("p_"))


def is_units(frame: pd.DataFrame) -> bool:
    """Whether the table is of action units."""
    return "y_true" not in frame
