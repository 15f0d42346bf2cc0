"""The card of a trained model: how it came about, on whom, and which score is known of what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from merkit.errors import ConfigError, DataError
from merkit.evaluation.job import Method
from merkit.evaluation.provenance import provenance
from merkit.evaluation.result import load_result
from merkit.evaluation.scores import MAIN
from merkit.evaluation.store import differing
from merkit.evaluation.trial import Trial

UNKNOWN_SCORE = (
    "not known: this very model was trained on all clips of its protocol, so none is left to test it on"
)
_SAME = ("method", "protocol", "classes", "config", "starts_from", "data")
"""What a run must have in common with a training, so that its scores say something of the model."""
_KEPT = ("n", "subjects", *MAIN[False])


def card_of(
    trial: Trial, recipe: Method, *, seed: int, device: str, scores: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What a card says beside the settings, and whom the recognizer itself says that it has seen.

    Parameters
    ----------
    trial : Trial
        All of its clips were trained on.
    recipe : Method
    seed : int
    device : str
    scores : mapping, optional
        Of :func:`scores_for_card`.

    Returns
    -------
    dict
        In plain values.
    """
    where = trial.clips.frame["dataset"].to_numpy()
    made = provenance(device)
    return {
        "merkit": made["merkit"],
        "commit": made["commit"],
        "libraries": made["libraries"],
        "trained": datetime.now(UTC).date().isoformat(),
        "method": recipe.name,
        "configuration": recipe.config,
        "seed": seed,
        "device": device,
        "protocol": trial.protocol,
        "clips": {name: int((trial.truth == name).sum()) for name in trial.classes},
        "datasets": {
            str(name): {
                "clips": int((where == name).sum()),
                "subjects": len(np.unique(trial.groups[where == name])),
            }
            for name in dict.fromkeys(where.tolist())
        },
        "left_out": trial.left_out(),
        "notes": trial.warnings(),
        "score": UNKNOWN_SCORE,
        **({} if scores is None else {"cross_validated": dict(scores)}),
    }


def scores_for_card(folder: str | Path, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The cross-validated scores of a run that was of the same method, settings, protocol and clips.

    Parameters
    ----------
    folder : path
        Of a finished run.
    plan : mapping
        Of the training, with ``method``, ``config``, ``protocol``, ``classes``, ``data`` and, if it starts
        from weights, ``starts_from``.

    Raises
    ------
    ConfigError
        If the run was of something else, or an audit.
    DataError
        If it is not there or not finished.
    """
    found = load_result(folder)
    if not found.run or "leak_free" not in found.metrics:
        raise DataError(f"{folder}: not a finished run; give the folder of a finished merkit evaluate")
    for key in _SAME:
        if found.run.get(key) != plan.get(key):
            raise ConfigError(
                f"{folder}: {_difference(key, found.run.get(key), plan.get(key))}, so its scores are not "
                "those of this model; give a run of the same method, settings, start, protocol and clips"
            )
    if not found.metrics["leak_free"]:
        raise ConfigError(f"{folder}: was an audit, whose scores are no result; give a run without --audit")
    overall = found.metrics["overall"]
    return {
        "of": "the method, trained in every fold without the people that were tested; not this very model",
        "run": Path(folder).resolve().name,
        "seeds": found.metrics["seeds"],
        "settings": found.metrics["settings"],
        **{key: overall[key] for key in _KEPT},
        **{part: {key: overall[part][key] for key in MAIN[False]} for part in ("sd", "ci95")},
    }


def _difference(key: str, there: Any, here: Any) -> str:
    if key == "data":
        return "the run is of other clips, labels or annotations"
    if key == "starts_from":
        return "the run started from other weights"
    name, there, here = differing(key, there, here)
    return f"the run has {name} {there!r}, this training {here!r}"
