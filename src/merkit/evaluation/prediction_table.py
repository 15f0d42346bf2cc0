"""Anybody's table of predictions, brought into the form of merkit's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from merkit.errors import ConfigError, DataError, did_you_mean


@dataclass(frozen=True)
class PredictionTable:
    """Predictions of one or more seeds.

    Attributes
    ----------
    frame : DataFrame
        Columns ``sample_id``, ``dataset``, ``subject``, ``fold``, ``seed`` and ``y_true``, ``y_pred``, or
        for action units ``true_AU<n>``; and ``p_<class>`` or ``p_AU<n>`` where the file has them.
    classes : tuple of str
        Classes in order, or units.
    has_datasets, has_subjects : bool
        Whether the file said so; where it did not, the columns hold placeholders.
    """

    frame: pd.DataFrame
    classes: tuple[str, ...]
    has_datasets: bool
    has_subjects: bool

    @property
    def of_units(self) -> bool:
        """Whether it is of action units."""
        return "y_true" not in self.frame


def read_prediction_table(
    path: Path, truth_column: str = "y_true", pred_column: str = "y_pred", classes: str = ""
) -> PredictionTable:
    """Read a CSV file with one prediction a row.

    Parameters
    ----------
    path : Path
    truth_column, pred_column : str
        Columns with the true and the predicted class.
    classes : str
        Their names in order, separated by commas: labels 0, 1, … of the file get these names; or
        ``label=name`` pairs.  By default the order of the ``p_<class>`` columns, or of the labels.

    Raises
    ------
    DataError
        If the file cannot be read, a column or value is missing or is no number or probability, a label has
        no column of probabilities where others have, or a clip stands there twice with one seed.
    ConfigError
        If `classes` does not fit the labels.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; give a CSV file of predictions") from error
    except pd.errors.EmptyDataError as error:
        raise DataError(f"{path}: is empty; give a CSV file with one prediction a row") from error
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise DataError(f"{path}: not a readable CSV file ({why}); give one of predictions") from error
    frame = frame.rename(columns=lambda name: str(name).strip()).map(str.strip)
    if not len(frame):
        raise DataError(f"{path}: has no rows; give one prediction a row")
    units = tuple(name[2:] for name in frame.columns if re.fullmatch(r"p_AU\d+", name))
    needed = [f"true_{unit}" for unit in units] if units else [truth_column, pred_column]
    for name in ["sample_id", *needed]:
        if name not in frame:
            hint = did_you_mean(name, frame.columns) or f": there are {', '.join(frame.columns)}"
            rename = "" if units or name == "sample_id" else "; name it with --truth-column or --pred-column"
            raise DataError(f"{path}: has no column {name!r}{hint}{rename}")
    has_datasets, has_subjects = (
        name in frame and bool((frame[name] != "").any()) for name in ("dataset", "subject")
    )
    for name, said in (("dataset", has_datasets), ("subject", has_subjects)):
        if said and (frame[name] == "").any():
            row = int((frame[name] == "").to_numpy().argmax())
            raise DataError(f"{path}, row {row}: has no {name}, others have; fill it in or drop the column")
    out = pd.DataFrame(
        {
            "sample_id": frame["sample_id"],
            "dataset": frame["dataset"] if has_datasets else "all",
            "subject": frame["subject"] if has_subjects else "",
            "fold": frame.get("fold", ""),
            "seed": _numbers(frame["seed"], path, whole=True) if "seed" in frame else 0,
        }
    )
    if units:
        for unit in units:
            out[f"true_{unit}"] = _numbers(frame[f"true_{unit}"], path, whole=True)
            out[f"p_{unit}"] = _chances(frame[f"p_{unit}"], path)
        if not out[[f"true_{unit}" for unit in units]].isin([0, 1]).all(axis=None):
            raise DataError(f"{path}: a true_AU column holds other values than 0 and 1; correct it")
        names = units
    else:
        order = [name[2:] for name in frame.columns if name.startswith("p_")]
        truth, guess = frame[truth_column].tolist(), frame[pred_column].tolist()
        out["y_true"], out["y_pred"], names = _classes(truth, guess, classes, order, path)
        if set(names) <= set(order):
            for name in names:
                out[f"p_{name}"] = _chances(frame[f"p_{name}"], path)
    _check_rows(out, path)
    return PredictionTable(out, names, has_datasets, has_subjects)


def _classes(
    truth: list[str], guess: list[str], wanted: str, order: Sequence[str], path: Path
) -> tuple[list[str], list[str], tuple[str, ...]]:
    """True and predicted classes by name, and the names in order."""
    for row, pair in enumerate(zip(truth, guess, strict=True)):
        if "" in pair:
            raise DataError(
                f"{path}, row {row}: has no true or no predicted class; fill it in or drop the row"
            )
    labels = set(truth) | set(guess)
    if all(re.fullmatch(r"-?\d+(\.0+)?", label) for label in labels):
        # Tables of numbers often come with 1 as 1.0.
        truth, guess = ([str(int(float(label))) for label in column] for column in (truth, guess))
        labels = set(truth) | set(guess)
    if not wanted:
        strange = sorted(labels - set(order))
        if strange and labels & set(order):
            raise DataError(
                f"{path}: has a label {strange[0]!r}{did_you_mean(strange[0], order)}, but no column "
                f"p_{strange[0]}; there are {', '.join(f'p_{name}' for name in order)}"
            )
        found = sorted(labels, key=lambda label: (len(label), label) if label.isdigit() else (0, label))
        return truth, guess, tuple(found if strange else order)
    words = [word.strip() for word in wanted.split(",")]
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    if pairs and len(pairs) < len(words):
        raise ConfigError(f"--classes {wanted}: give names, or label=name everywhere")
    if not pairs:
        by_number = {str(number): name for number, name in enumerate(words)}
        pairs = {name: name for name in words} if labels <= set(words) else by_number
    unknown = sorted(labels - set(pairs))
    if unknown:
        raise ConfigError(
            f"--classes {wanted}: {path} has a label {unknown[0]!r}{did_you_mean(unknown[0], pairs)}; "
            "name every class, or write label=name"
        )
    names = tuple(dict.fromkeys(pairs.values()))
    return [pairs[label] for label in truth], [pairs[label] for label in guess], names


def _numbers(column: pd.Series, path: Path, whole: bool = False) -> pd.Series:
    values = pd.to_numeric(column, errors="coerce")
    bad = values.isna() | (values % 1 != 0 if whole else False)
    if bad.any():
        row = int(bad.to_numpy().argmax())
        kind = "whole number" if whole else "number"
        raise DataError(
            f"{path}, row {row}: column {column.name!r} holds {column.iloc[row]!r}; give a {kind}"
        )
    return values.astype(int) if whole else values.astype(float)


def _chances(column: pd.Series, path: Path) -> pd.Series:
    values = _numbers(column, path)
    if not values.between(0, 1).all():
        row = int((~values.between(0, 1)).to_numpy().argmax())
        raise DataError(f"{path}, row {row}: column {column.name!r} holds {column.iloc[row]!r}; give 0 to 1")
    return values


def _check_rows(frame: pd.DataFrame, path: Path) -> None:
    """Refuse tables in which a clip counts twice or seeds have other clips or truths."""
    key = ["dataset", "sample_id"]
    twice = frame.duplicated([*key, "seed"])
    if twice.any():
        row = frame[twice].iloc[0]
        raise DataError(
            f"{path}: sample {row['sample_id']!r} stands there twice with seed {row['seed']}; keep one row"
        )
    truth = [name for name in frame if str(name).startswith("true_") or name == "y_true"]
    changed = frame.groupby(key, sort=False)[truth].nunique().gt(1).any(axis=1).to_numpy()
    if changed.any():
        sample = frame.drop_duplicates(key)["sample_id"].iloc[int(changed.argmax())]
        raise DataError(f"{path}: sample {sample!r} has another truth with another seed; correct it")
    sizes = dict(frame["seed"].value_counts())
    few = min(sizes, key=lambda seed: sizes[seed])
    if sizes[few] < max(sizes.values()):
        raise DataError(
            f"{path}: seed {few} has {sizes[few]} clips, another {max(sizes.values())}; "
            "score complete runs only"
        )
