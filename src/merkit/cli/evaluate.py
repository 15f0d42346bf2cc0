"""``merkit evaluate``: a method under a protocol, honestly."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merkit.cli.data import DATA_HELP, Device, FolderFps, NoCache, NoRepair, ProtocolName, read_tables
from merkit.cli.settings import ConfigName, SettingWords, Workers

if TYPE_CHECKING:
    from merkit.cli.progress import Talk
    from merkit.clips import ClipTable
    from merkit.evaluation import Result
    from merkit.protocols import Protocol

_LONGEST = 50
"""Characters of settings in the name of a folder; of longer ones a digest stands there."""
_SHOWN = 10
"""Differences from the organisers' list that are printed."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("evaluate")(evaluate)


def evaluate(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A registered method.")],
    data: Annotated[list[str], typer.Option("--data", metavar="NAME=ROOT", help=DATA_HELP)],
    protocol: ProtocolName,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds: 0, 1, …")] = 1,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder of the run; by default one in merkit-out.")
    ] = None,
    config: ConfigName = "published",
    settings: SettingWords = None,
    engine: Annotated[str, typer.Option(help="processes, serial, or auto.")] = "auto",
    workers: Workers = None,
    device: Device = "cpu",
    no_cache: NoCache = False,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Also score the best epoch on each test subject, to show the gap."),
    ] = False,
    organisers: Annotated[
        Path | None,
        typer.Option(
            "--check-list", metavar="FILE", help="The organisers' list of MEGC2019, to compare with."
        ),
    ] = None,
    fps: FolderFps = None,
    no_repair: NoRepair = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print metrics.json.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Cross-validate a method so that a reviewer can trust the score.

    The method never sees labels of test clips, and a guard refuses
    overlap of people or content (exit status 3). Writes predictions.csv,
    metrics.json and run.json; a stopped run goes on when typed again.

    \b
    [bold]Examples[/bold]
    merkit evaluate flow-svm --data megc2019-flow=flow/ --protocol megc2019
    merkit evaluate flow-svm --data megc2019-flow=flow/ --protocol megc2019 --set select=nested
    merkit evaluate flow-svm --data megc2019-flow=flow/ --protocol megc2019 --seeds 5 -o runs/svm
    merkit compare runs/svm runs/other
    """
    from merkit.cache import ClipCache
    from merkit.cli.progress import Talk
    from merkit.cli.settings import parse_data, parse_settings
    from merkit.evaluation import evaluate as run
    from merkit.methods.registry import PUBLISHED, create_recognizer
    from merkit.protocols import get_protocol

    talk = Talk(quiet=quiet, answers=not as_json)
    overrides = parse_settings(settings or [])
    roots = parse_data(data)
    # Misspelt names are refused before anything long is read.
    create_recognizer(method, config=config, **overrides)
    chosen = get_protocol(protocol)
    tables = read_tables(roots, fps=fps, repair=not no_repair)
    if organisers is not None:
        _check_list(chosen, tables, organisers, talk)
    parts = (method, "" if config == PUBLISHED else config, _changed(overrides), protocol, "audit" * audit)
    folder = out or Path("merkit-out") / "-".join(filter(None, parts))
    with talk.progress(method) as progress:
        result = run(
            method, tables, chosen, seeds=seeds, out=folder, config=config, overrides=overrides,
            engine=engine, workers=workers, audit=audit, device=device, closed=list(roots.values()),
            cache=None if no_cache else ClipCache(), on_progress=progress,
        )  # fmt: skip
    for line in in_words(result):
        talk.answer(line)
    if as_json:
        typer.echo((folder / "metrics.json").read_text("utf-8"), nl=False)


def _changed(overrides: Mapping[str, Any]) -> str:
    """Settings as a part of the name of a folder, so that runs with other settings lie apart."""
    text = ",".join(f"{name}={value}" for name, value in sorted(overrides.items()))
    if len(text) <= _LONGEST and re.fullmatch(r"[\w=,.]*", text):
        return text
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _check_list(protocol: Protocol, tables: dict[str, ClipTable], path: Path, talk: Talk) -> None:
    """Stop with status 3 where clips or labels differ from the list of the organisers."""
    from merkit.cli.failure import FAILED_CHECK
    from merkit.errors import ConfigError
    from merkit.protocols import differences_from_list

    if protocol.kind != "composite":
        raise ConfigError(f"--check-list is for megc2019, not for {protocol.name}; leave it out")
    selection = protocol.select(tables)
    different = differences_from_list(selection, path)
    if not different:
        talk.answer(f"clips and labels: all {len(selection.y)} as in {path.name}")
        return
    for line in different[:_SHOWN]:
        talk.answer(line)
    if len(different) > _SHOWN:
        talk.answer(f"and {len(different) - _SHOWN} more")
    talk.answer(f"{len(different)} differences from {path}; nothing was trained")
    raise typer.Exit(FAILED_CHECK)


def in_words(result: Result) -> list[str]:
    """The outcome of a run, for a reader."""
    from merkit.evaluation import scores
    from merkit.evaluation.comparison import TITLES

    metrics, run = result.metrics, result.run
    overall, names = metrics["overall"], result.score_names
    counts = ", ".join(f"{name} {count}" for name, count in metrics["class_counts"].items())
    lines = [
        f"{result.name} on {metrics['protocol']}: {_many(overall['n'], 'clip')}, "
        f"{_many(overall['subjects'], 'subject')}, {_many(run['guard']['folds'], 'fold')}, "
        f"{_many(len(metrics['seeds']), 'seed')}",
        f"classes: {counts}",
    ]
    lines += [f"left out: {count} clips, {why}" for why, count in run["dropped"].items()]
    blocks = {"all": overall, **(metrics["by_dataset"] if len(metrics["by_dataset"]) > 1 else {})}
    width = max(map(len, blocks))
    lines += [
        f"{name:<{width}}  "
        + "  ".join(f"{TITLES[score]} {scores.in_words(block, score)}" for score in names)
        + f"  ({block['n']} clips: {' / '.join(f'{n:g}' for n in _sizes(block))})"
        for name, block in blocks.items()
    ]
    if "mean_of_datasets" in metrics and run["guard"]["folds"] == len(metrics["by_dataset"]):
        mean = metrics["mean_of_datasets"]
        lines.append("mean of the datasets: " + "  ".join(f"{TITLES[s]} {mean[s]:.3f}" for s in names))
    lines += [f"note: {metrics['settings']}", *(f"note: {warning}" for warning in run["warnings"])]
    lines += _audit_lines(metrics.get("audit"), names)
    return [*lines, f"run: {result.folder}"]


def _many(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


def _sizes(block: dict[str, Any]) -> list[float]:
    """Clips of each class, or with each unit."""
    if "by_unit" in block:
        return [unit["n"] for unit in block["by_unit"].values()]
    return [sum(row) for row in block["confusion"]]


def _audit_lines(audit: dict[str, Any] | None, names: tuple[str, ...]) -> list[str]:
    if audit is None:
        return []
    if "gap" not in audit:
        return [f"audit: {audit['note']}"]
    from merkit.evaluation.comparison import TITLES

    wrong, gap = audit["best_epoch_on_test_subject"], audit["gap"]
    told = "  ".join(f"{TITLES[name]} {wrong[name]:.3f} ({gap[name]:+.3f})" for name in names)
    return [f"audit, NOT A RESULT: best epoch on each test subject gives {told}"]
