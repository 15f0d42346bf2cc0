"""The outcome of a run, from memory or from its folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from merkit.errors import DataError
from merkit.evaluation.prediction_table import read_prediction_table
from merkit.evaluation.predictions import classes_of, is_units
from merkit.evaluation.scores import MAIN, scores_of
from merkit.methods.registry import PUBLISHED


@dataclass(frozen=True)
class Result:
    """Predictions and scores of a run.

    Parameters
    ----------
    folder : Path or None
        Where it is kept.
    predictions : DataFrame
        One row a clip and seed, as in ``predictions.csv``.
    metrics, run : dict
        As in ``metrics.json`` and ``run.json``.
    """

    folder: Path | None
    predictions: pd.DataFrame
    metrics: dict[str, Any]
    run: dict[str, Any]

    @property
    def name(self) -> str:
        """The method with its configuration unless published, or the folder where that is not known."""
        config = self.metrics.get("config") or PUBLISHED
        method = self.metrics.get("method") or (self.folder.name if self.folder else "run")
        return str(method) if config == PUBLISHED else f"{method} ({config})"

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes, or units, in protocol order."""
        return classes_of(self.predictions) or tuple(self.metrics["classes"])

    @property
    def score_names(self) -> tuple[str, ...]:
        """The scores that matter most."""
        return MAIN[is_units(self.predictions)]

    def __getitem__(self, score: str) -> float:
        """An overall score by name, such as ``result["uf1"]``."""
        return float(self.metrics["overall"][score])


def load_result(path: str | Path) -> Result:
    """Read the folder of a run, or one table of predictions.

    The scores are computed from the predictions again; only what else the run says is taken from its
    files.

    Raises
    ------
    DataError
        If there are no predictions, or a file cannot be read.
    """
    place = Path(path)
    file = place / "predictions.csv" if place.is_dir() else place
    if not file.is_file():
        raise DataError(f"{place}: no predictions.csv here; give the folder of a finished merkit evaluate")
    table = read_prediction_table(file)
    if not table.has_subjects:
        raise DataError(f"{file}: has no column 'subject'; say who is seen in each clip")
    about = _json(place / "metrics.json") if place.is_dir() else {}
    metrics = {**about, "classes": list(table.classes), **scores_of(table.frame, table.classes)}
    return Result(place, table.frame, metrics, _json(place / "run.json") if place.is_dir() else {})


def json_text(value: Any) -> str:
    """A document as JSON text, the same for equal documents."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable ({error}); run merkit evaluate again") from error
    return found
