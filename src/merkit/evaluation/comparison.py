"""Several runs side by side, with intervals and paired tests."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from merkit.errors import ConfigError, DataError
from merkit.evaluation.predictions import is_units
from merkit.evaluation.result import Result, load_result
from merkit.evaluation.scores import counted, in_words, plain_interval
from merkit.evaluation.statistics import bootstrap_difference, holm, mcnemar, permutation_test

TITLES = {
    "uf1": "UF1",
    "uar": "UAR",
    "accuracy": "accuracy",
    "f1_binary": "F1 (present)",
    "f1_macro": "F1 (both)",
}
_LATEX = {letter: f"\\{letter}" for letter in "&%_#${}"}
_LATEX |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_LATEX |= {"±": r"$\pm$", "Δ": r"$\Delta$", "<": r"$<$", ">": r"$>$"}


@dataclass(frozen=True)
class Comparison:
    """Runs on the same clips, the first as the reference of the tests.

    Parameters
    ----------
    rows : list of dict
        One a run: ``name``, ``n``, ``seeds``, ``scores``, ``sd``, ``ci95``, ``by_dataset``,
        ``leak_free``; but for the first also ``difference`` and ``difference_ci95`` (paired bootstrap over
        subjects; ``None`` for one subject alone), ``p`` (permutation over subjects), ``p_holm`` and
        ``mcnemar``.
    score_names : tuple of str
    notes : list of str
        What a reader must know.
    """

    rows: list[dict[str, Any]]
    score_names: tuple[str, ...]
    notes: list[str]

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows as text, for any kind of table."""
        main = self.score_names[0]
        head = ["method", "clips", "seeds", *(f"{TITLES[name]} [95 % CI]" for name in self.score_names)]
        datasets = list(self.rows[0]["by_dataset"])
        head += [f"{TITLES[main]} {name}" for name in datasets] if len(datasets) > 1 else []
        head += [f"Δ {TITLES[main]} [95 % CI]", "p", "p McNemar"] if len(self.rows) > 1 else []
        body = []
        for row in self.rows:
            cells = [row["name"] + ("" if row["leak_free"] else " (not a result)"), str(row["n"])]
            cells.append(str(row["seeds"]))
            cells += [in_words({**row, **row["scores"]}, name) for name in self.score_names]
            cells += [f"{row['by_dataset'][d][main]:.3f}" for d in datasets] if len(datasets) > 1 else []
            if len(self.rows) > 1:
                cells += _test_cells(row, main)
            body.append(cells)
        return head, body

    def to_markdown(self) -> str:
        """A table in Markdown, with the notes below it."""
        head, body = self.cells()
        lines = [head, ["---"] + ["---:"] * (len(head) - 1), *body]
        text = "\n".join(
            "| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines
        )
        return text + "\n\n" + "\n".join(f"- {note}" for note in self.notes) + "\n"

    def to_latex(self) -> str:
        """A tabular in LaTeX (needs booktabs), with the notes as comments."""
        head, body = self.cells()
        lines = [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule"]
        lines += [" & ".join(map(_latex, head)) + r" \\", r"\midrule"]
        lines += [" & ".join(map(_latex, row)) + r" \\" for row in body]
        lines += [r"\bottomrule", r"\end{tabular}", *(f"% {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def to_json(self) -> str:
        """Everything, as JSON."""
        return json.dumps({"runs": self.rows, "notes": self.notes}, indent=1, ensure_ascii=False) + "\n"


def compare(runs: Sequence[str | Path | Result]) -> Comparison:
    """Put runs side by side; the others are tested against the first.

    Parameters
    ----------
    runs : sequence of path or Result
        Folders of finished runs, tables of predictions, or results.

    Raises
    ------
    DataError
        If the runs are not of the same clips, classes and true labels.
    """
    results = [run if isinstance(run, Result) else load_result(run) for run in runs]
    if not results:
        raise ConfigError("nothing to compare: give one run or more")
    first = results[0]
    for other in results[1:]:
        _check_same(first, other)
    seeds = min(result.predictions["seed"].nunique() for result in results)
    rows = [_row(result, name) for result, name in zip(results, _names(results), strict=True)]
    for row, result in zip(rows[1:], results[1:], strict=True):
        row |= _tests(first, result, seeds)
    main = first.score_names[0]
    for row, adjusted in zip(rows[1:], holm([row["p"][main] for row in rows[1:]]), strict=True):
        row["p_holm"] = adjusted
    return Comparison(rows, first.score_names, _notes(rows, results, seeds))


def _row(result: Result, name: str) -> dict[str, Any]:
    block = result.metrics["overall"]
    names = result.score_names
    return {
        "name": name,
        "n": block["n"],
        "subjects": block["subjects"],
        "seeds": int(result.predictions["seed"].nunique()),
        "scores": {score: block[score] for score in names},
        "sd": {score: block["sd"][score] for score in names},
        "ci95": {score: block["ci95"][score] for score in names},
        "by_dataset": {
            name: {score: part[score] for score in names}
            for name, part in result.metrics["by_dataset"].items()
        },
        "settings": result.metrics.get("settings"),
        # Tables from elsewhere were not watched by the guard; only an audit is known to be none.
        "leak_free": result.metrics.get("leak_free", True),
    }


def _tests(first: Result, other: Result, seeds: int) -> dict[str, Any]:
    a, b = _aligned(first, seeds), _aligned(other, seeds)
    (counts_a, formula), (counts_b, _) = counted(a, first.classes), counted(b, first.classes)
    found = permutation_test(counts_a, counts_b, formula)
    intervals = bootstrap_difference(counts_a, counts_b, formula)
    tests: dict[str, Any] = {
        "difference": {name: found[name]["difference"] for name in first.score_names},
        "difference_ci95": {name: plain_interval(intervals[name]) for name in first.score_names},
        "p": {name: found[name]["p"] for name in first.score_names},
        "mcnemar": None,
    }
    if not is_units(a):
        right_a, right_b = (frame["y_true"] == frame["y_pred"] for frame in (a, b))
        by_seed = [
            mcnemar(right_a[a["seed"] == seed], right_b[b["seed"] == seed]) for seed in sorted(set(a["seed"]))
        ]
        # Seeds repeat the same clips and must not be pooled: the middle one of them is shown.
        tests["mcnemar"] = sorted(by_seed, key=lambda test: test["p"])[len(by_seed) // 2]
    return tests


def _aligned(result: Result, seeds: int) -> pd.DataFrame:
    """The first seeds, numbered from 0, in an order that is the same for all runs."""
    frame = result.predictions
    kept = sorted(set(frame["seed"]))[:seeds]
    frame = frame[frame["seed"].isin(kept)]
    frame = frame.assign(seed=np.searchsorted(kept, frame["seed"]))
    return frame.sort_values(["seed", "dataset", "sample_id"]).reset_index(drop=True)


def _check_same(first: Result, other: Result) -> None:
    a, b = _aligned(first, 1), _aligned(other, 1)
    if first.classes != other.classes:
        theirs, ours = ", ".join(other.classes), ", ".join(first.classes)
        raise DataError(
            f"{_place(other)} has the classes {theirs}, {_place(first)} {ours}; compare runs of one protocol"
        )
    keys = ["dataset", "sample_id"]
    if a[keys].values.tolist() != b[keys].values.tolist():
        only = set(map(tuple, a[keys].values)) ^ set(map(tuple, b[keys].values))
        example = "/".join(min(only)) if only else "one of them twice"
        raise DataError(
            f"{_place(other)} and {_place(first)} do not test the same clips ({example}); "
            "compare runs of one protocol on the same data"
        )
    truth = [name for name in a if str(name) == "y_true" or str(name).startswith("true_")]
    different = np.flatnonzero((a[truth].astype(str).values != b[truth].astype(str).values).any(axis=1))
    if len(different):
        raise DataError(
            f"{_place(other)} and {_place(first)} give clip {a['sample_id'][different[0]]!r} different true "
            "labels; compare runs of one protocol"
        )


def _names(results: Sequence[Result]) -> list[str]:
    names = [result.name for result in results]
    places = [_place(result) for result in results]
    # Folders of one name, such as a/run and b/run, are told apart as they were given.
    told = [
        str(result.folder) if places.count(place) > 1 else place
        for place, result in zip(places, results, strict=True)
    ]
    return [
        f"{name} ({place})" if names.count(name) > 1 and result.folder else name
        for name, place, result in zip(names, told, results, strict=True)
    ]


def _notes(rows: Sequence[dict[str, Any]], results: Sequence[Result], seeds: int) -> list[str]:
    subjects = rows[0]["subjects"]
    notes = [
        f"{subjects} subject{'s' * (subjects != 1)}; intervals are bootstraps over subjects; ± is the "
        "standard deviation over seeds."
    ]
    if len(rows) > 1:
        notes.append(
            f"Δ and p against {rows[0]['name']}: a bootstrap in which a subject is drawn with what both "
            "runs said of them, and a two-sided permutation over subjects, Holm-adjusted in brackets where "
            "there are several; McNemar's exact test takes clips for independent, which those of one subject "
            "are not."
        )
        if len({result.predictions["seed"].nunique() for result in results}) > 1:
            notes.append(
                f"the runs differ in their number of seeds; the tests use the first {seeds} of each."
            )
    notes += [f"{row['name']}: {row['settings']}." for row in rows if row["settings"]]
    notes += [
        f"{row['name']} is an audit and no result: leave it out of a paper."
        for row in rows
        if not row["leak_free"]
    ]
    return notes


def _test_cells(row: dict[str, Any], main: str) -> list[str]:
    if "p" not in row:
        return ["", "", ""]
    chance = f"{row['p'][main]:.4f}"
    if row["p_holm"] != row["p"][main]:
        chance += f" ({row['p_holm']:.4f})"
    clips = row["mcnemar"]
    change, interval = row["difference"][main], row["difference_ci95"][main]
    edges = " [{:+.3f}, {:+.3f}]".format(*interval) if interval else ""
    return [f"{change:+.3f}{edges}", chance, "" if clips is None else f"{clips['p']:.4f}"]


def _latex(text: str) -> str:
    if re.fullmatch(r"[+-][\d.]+( \[.*\])?", text):
        # Outside of formulas a minus is a hyphen.
        return re.sub(r"[+-][\d.]+", r"$\g<0>$", text)
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _place(result: Result) -> str:
    return result.folder.name if result.folder else result.name
