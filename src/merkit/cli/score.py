"""``merkit score``: metrics of anybody's predictions, and whether a reported figure can be true."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from merkit.evaluation.prediction_table import PredictionTable
    from merkit.metrics.granularity import Reported

_TITLES = {
    "uf1": "UF1",
    "uar": "UAR",
    "accuracy": "accuracy",
    "weighted_f1": "weighted F1",
    "precision_macro": "macro precision",
    "f1_binary": "binary F1",
    "f1_macro": "macro F1",
}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("score")(score)


def score(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="CSV: sample_id, y_true, y_pred and more.")
    ] = None,
    truth_column: Annotated[str, typer.Option(help="Column of the true class.")] = "y_true",
    pred_column: Annotated[str, typer.Option(help="Column of the predicted class.")] = "y_pred",
    classes: Annotated[
        str, typer.Option(help="Names in order, for labels 0, 1, …; or label=name pairs; with commas.")
    ] = "",
    dataset: Annotated[str, typer.Option(help="Score the clips of this dataset alone.")] = "",
    subjects: Annotated[bool, typer.Option("--subjects", help="Show every subject too.")] = False,
    reported: Annotated[
        list[str] | None,
        typer.Option(
            "--check-reported",
            metavar="METRIC=VALUE",
            help="Can this UAR or accuracy arise from these class sizes? Repeat.",
        ),
    ] = None,
    sizes: Annotated[str, typer.Option(help="Clips of each class, as 88,32,25, instead of FILE.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score predictions from any source, pooled over all folds.

    Columns dataset, subject and seed are used where they are there: for
    parts, for intervals over subjects, for the spread over seeds. Exit
    status 3 when a figure of --check-reported cannot arise.

    \b
    [bold]Examples[/bold]
    merkit score predictions.csv
    merkit score theirs.csv --truth-column label --pred-column guess
    merkit score theirs.csv --classes negative,positive,surprise
    merkit score predictions.csv --check-reported UAR=0.7605
    merkit score --sizes 88,32,25 --check-reported UAR=0.8763
    """
    import json

    from merkit.cli.failure import FAILED_CHECK
    from merkit.errors import ConfigError
    from merkit.evaluation.prediction_table import read_prediction_table
    from merkit.metrics.granularity import Reported, check_reported

    figures = [Reported.parse(text) for text in reported or []]
    if (file is None) == (not sizes):
        raise ConfigError("give a FILE of predictions, or --sizes with --check-reported; see --help")
    if sizes and not figures:
        raise ConfigError("--sizes needs --check-reported, as in --check-reported UAR=0.8763")
    result: dict[str, Any] = {}
    if file is not None:
        table = read_prediction_table(file, truth_column, pred_column, classes)
        if figures and table.of_units:
            raise ConfigError(f"{file}: --check-reported is for classes; the file holds action units")
        table = _part(table, dataset, file)
        result = _scores(table)
        counts = list(result["class_counts"].values())
    else:
        counts = _sizes(sizes)
    findings = check_reported(figures, counts) if figures else []
    notes = [note for figure in figures if (note := _against(figure, result.get("overall", {})))]
    if figures:
        result["reported"] = [vars(finding) for finding in findings]
        result["notes"] = notes
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        if file is not None:
            _print(result, subjects)
        for finding in findings:
            verdict = "can arise" if finding.possible else "CANNOT arise"
            typer.echo(f"{finding.what}: {verdict} from {' + '.join(map(str, counts))} clips: {finding.why}")
        for note in notes:
            typer.echo(note)
    if not all(finding.possible for finding in findings):
        raise typer.Exit(FAILED_CHECK)


def _part(table: PredictionTable, dataset: str, file: Path) -> PredictionTable:
    import dataclasses

    from merkit.errors import ConfigError, did_you_mean

    if not dataset:
        return table
    there = sorted(set(table.frame["dataset"])) if table.has_datasets else []
    if dataset not in there:
        known = f"there are {', '.join(there)}" if there else "the file has no column dataset"
        raise ConfigError(f"{file}: no clips of dataset {dataset!r}{did_you_mean(dataset, there)}: {known}")
    chosen = table.frame[table.frame["dataset"] == dataset].reset_index(drop=True)
    return dataclasses.replace(table, frame=chosen)


def _scores(table: PredictionTable) -> dict[str, Any]:
    """What ``metrics.json`` of a run holds, as far as the file says it."""
    from merkit.evaluation.scores import scores_of

    found = scores_of(table.frame, table.classes)
    one = table.frame[table.frame["seed"] == table.frame["seed"].iloc[0]]
    if table.of_units:
        counts = {unit: int(one[f"true_{unit}"].sum()) for unit in table.classes}
    else:
        counts = {name: int((one["y_true"] == name).sum()) for name in table.classes}
    if not table.has_datasets:
        found["by_dataset"] = {}
        for scores in found["per_seed"]:
            scores.pop("by_dataset", None)
    if not table.has_subjects:
        # An interval over clips would take those of one person for independent.
        found["by_subject"] = {}
        for block in (found["overall"], *found["by_dataset"].values()):
            block.pop("ci95")
            block.pop("subjects")
    return {"classes": list(table.classes), "class_counts": counts, **found}


def _against(figure: Reported, overall: dict[str, Any]) -> str:
    """What the predictions say about a reported figure: nothing where they give it."""
    if figure.metric not in overall:
        return ""

    def equal(value: float) -> bool:
        return abs(value - float(figure.value)) <= float(figure.half) + 1e-9

    if equal(overall[figure.metric]):
        return ""
    same = [_TITLES[name] for name in _TITLES if name in overall and equal(overall[name])]
    what = f"; {figure.text} is their {' and '.join(same)}" if same else ""
    title = _TITLES[figure.metric]
    return f"reported {title} {figure.text}: these predictions give {overall[figure.metric]:.4f}{what}"


def _sizes(text: str) -> list[int]:
    from merkit.errors import ConfigError

    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--sizes {text}: give whole numbers with commas, as in 88,32,25") from error


def _print(result: dict[str, Any], subjects: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    overall = result["overall"]
    names = [name for name in _TITLES if name in overall]
    shares = ", ".join(f"{name} {n}" for name, n in result["class_counts"].items())
    seeds = len(result["per_seed"])
    people = f", {overall['subjects']} subjects" if "subjects" in overall else ""
    console.print(
        Text(f"{overall['n']} clips{people}, {seeds} seed{'s' * (seeds > 1)}: {shares}"), soft_wrap=True
    )
    # Without lines between the columns it fits into 80 characters.
    scores = Table(box=box.SIMPLE_HEAD)
    scores.add_column("")
    for title in ("clips", *(_TITLES[name] for name in names)):
        scores.add_column(title, justify="right")
    parts = {"all": overall, **(result["by_dataset"] if len(result["by_dataset"]) > 1 else {})}
    for name, block in parts.items():
        scores.add_row(Text(name), str(block["n"]), *(_value(block, score) for score in names))
    console.print(scores)
    if "ci95" in overall:
        typer.echo("below each score: spread over seeds, if several; 95 % interval over subjects")
    if "by_unit" in overall:
        units = Table("unit", "clips", "binary F1", "macro F1", box=box.SIMPLE_HEAD)
        for unit, block in overall["by_unit"].items():
            units.add_row(unit, str(block["n"]), f"{block['f1_binary']:.4f}", f"{block['f1_macro']:.4f}")
        console.print(units)
    else:
        confusion = Table(title="true by row, predicted by column", title_justify="left", box=box.SIMPLE_HEAD)
        confusion.add_column("")
        for name in result["classes"]:
            confusion.add_column(Text(name), justify="right")
        for name, row in zip(result["classes"], overall["confusion"], strict=True):
            confusion.add_row(Text(name), *(f"{n:g}" for n in row))
        console.print(confusion)
    if subjects:
        everyone = Table("subject", "clips", "accuracy", box=box.SIMPLE_HEAD)
        for name, block in result["by_subject"].items():
            everyone.add_row(Text(name), str(block["n"]), f"{block['accuracy']:.3f}")
        console.print(everyone)
    for name, n in result["class_counts"].items():
        if n == 0 and "uar" in overall:
            typer.echo(f"note: no clip is {name}; it counts as 0 in UF1 and UAR")


def _value(block: dict[str, Any], name: str) -> str:
    spread = "" if block["sd"][name] is None else f"\n± {block['sd'][name]:.3f}"
    interval = ""
    if block.get("ci95", {}).get(name):
        low, high = block["ci95"][name]
        interval = f"\n{low:.2f}–{high:.2f}"
    return f"{block[name]:.4f}{spread}{interval}"
