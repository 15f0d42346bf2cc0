"""``merkit train``: one model to use, trained on all clips of a protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merkit.cli.data import DATA_HELP, Device, FolderFps, NoCache, NoRepair, ProtocolName, read_tables
from merkit.cli.settings import ConfigName, SettingWords, Workers

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("train")(train)


def train(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A registered method.")],
    data: Annotated[list[str], typer.Option("--data", metavar="NAME=ROOT", help=DATA_HELP)],
    protocol: ProtocolName,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="MODEL", help="Folder of the model.")],
    config: ConfigName = "published",
    settings: SettingWords = None,
    seed: Annotated[int, typer.Option(min=0, help="Of every random choice.")] = 0,
    device: Device = "cpu",
    workers: Workers = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores", metavar="RUN", help="A finished merkit evaluate, whose scores go into the card."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a model that is there, or begin anew.")
    ] = False,
    no_cache: NoCache = False,
    fps: FolderFps = None,
    no_repair: NoRepair = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the card.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Train one model on all clips of a protocol, to use on other people.

    Its own score is unknown, as no clip is left to test it on: --scores
    puts those of a cross-validation of the same method into its card. A
    stopped training goes on when typed again.

    \b
    [bold]Examples[/bold]
    merkit train flow-svm --data casme2=data/CASME2 --protocol casme2-3class -o models/mine
    merkit train flow-svm --data manifest=clips.csv --protocol manifest-4class -o models/mine
    merkit train flow-svm --data casme2=data/CASME2 --protocol casme2-3class -o models/mine --scores runs/svm
    merkit predict models/mine clip.mp4
    merkit analyze interview.mp4 --recognizer models/mine
    """
    from merkit.cache import ClipCache
    from merkit.cli.progress import Talk
    from merkit.cli.settings import parse_data, parse_settings
    from merkit.evaluation import train_model
    from merkit.evaluation.train import CARD, check_recipe

    talk = Talk(quiet=quiet, answers=not as_json)
    overrides = parse_settings(settings or [])
    roots = parse_data(data)
    # What is misspelt or taken is refused before anything long is read.
    check_recipe(method, protocol, out, config=config, overrides=overrides, device=device, force=force)
    tables = read_tables(roots, fps=fps, repair=not no_repair)
    with talk.progress(method) as progress:
        model = train_model(
            method, tables, protocol, out, config=config, overrides=overrides, seed=seed, device=device,
            workers=workers, closed=list(roots.values()), cache=None if no_cache else ClipCache(),
            scores=scores, force=force, on_progress=progress,
        )  # fmt: skip
    for line in in_words(model.card, out):
        talk.answer(line)
    if as_json:
        typer.echo((out / CARD).read_text("utf-8"), nl=False)


def in_words(card: Mapping[str, Any], out: Path) -> list[str]:
    """What was trained on what, for a reader."""
    counts = ", ".join(f"{name} {count}" for name, count in card["clips"].items())
    datasets = ", ".join(
        f"{name} ({part['clips']} clips, {part['subjects']} subjects)"
        for name, part in card["datasets"].items()
    )
    lines = [
        f"{card['method']} trained on {sum(card['clips'].values())} clips of {datasets}: {counts}",
        *(f"left out: {count} clips, {why}" for why, count in card.get("left_out", {}).items()),
        *(f"note: {note}" for note in card["notes"]),
        f"score of this model: {card['score']}",
    ]
    if "cross_validated" in card:
        from merkit.evaluation import scores
        from merkit.evaluation.comparison import TITLES

        known = card["cross_validated"]
        told = "  ".join(f"{TITLES[name]} {scores.in_words(known, name)}" for name in scores.MAIN[False])
        lines.append(f"cross-validated, the method and not this model: {told}")
    return [*lines, f"model: {out}"]
