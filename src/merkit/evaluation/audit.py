"""The leakage audit: what the same training would have scored, had the test subject chosen the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.evaluation.scores import scores_of
from merkit.evaluation.trial import Key, Trial


def best_epoch(epochs: Sequence[NDArray[np.float64]], truth: NDArray[np.str_], classes: Sequence[str]) -> int:
    """The epoch with most test clips right, the first of equals: what must not be done.

    Parameters
    ----------
    epochs : sequence of array, each (M, K)
        Predictions of the test clips of one fold after every epoch.
    truth : array, shape (M,)
    classes : sequence of str

    Examples
    --------
    >>> early, late = np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]])
    >>> best_epoch([early, late, late], np.array(["b"]), ["a", "b"])
    1
    """
    names = np.asarray(classes)
    right = [int((names[table.argmax(axis=1)] == truth).sum()) for table in epochs]
    return int(np.argmax(right))


def audit_of(
    method: str,
    trial: Trial,
    seeds: Sequence[int],
    records: Mapping[Key, Mapping[str, Any]],
    honest: Mapping[str, Any],
) -> dict[str, Any]:
    """What an audit adds to ``metrics.json``: the same training, scored honestly and otherwise.

    Parameters
    ----------
    method : str
    trial : Trial
    seeds : sequence of int
    records : mapping of (seed, fold) to what is kept of it
    honest : mapping
        The ``overall`` block of the run.
    """
    n_epochs = min(len(record["epochs"]) for record in records.values())
    if not n_epochs or trial.truth.ndim == 2:
        why = "is scored by action units" if trial.truth.ndim == 2 else "does not train in epochs"
        return {"epochs": n_epochs, "note": f"{method} {why}: there is no epoch to choose on a test subject"}
    epoch_of = {
        key: best_epoch(
            [np.asarray(table) for table in record["epochs"]],
            trial.truth[trial.folds[key[1]].test],
            trial.classes,
        )
        for key, record in records.items()
    }
    dishonest = scores_of(trial.pooled(seeds, records, epoch_of), trial.classes)["overall"]
    names = list(honest["ci95"])
    return {
        "epochs": n_epochs,
        "note": "best_epoch_on_test_subject is not a result: the test labels chose the epoch",
        "honest": {name: honest[name] for name in names},
        "best_epoch_on_test_subject": {name: dishonest[name] for name in names},
        "gap": {name: round(dishonest[name] - honest[name], 10) for name in names},
    }
