"""``merkit prepare``: fill the clip cache with what a method computes of each clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merkit.cli.settings import ConfigName, SettingWords, Workers

if TYPE_CHECKING:
    from merkit.cache import ClipCache
    from merkit.cli.progress import Talk
    from merkit.evaluation.filling import Filled

_SHOWN = 10
"""Clips that failed which are listed unless all are asked for."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("prepare")(prepare)


def prepare(
    name: Annotated[str, typer.Argument(help="Dataset; 'merkit datasets list' shows them.")],
    root: Annotated[Path, typer.Argument(help="Folder into which it was unpacked.")],
    method: Annotated[str, typer.Option("--for", metavar="METHOD", help="A registered method.")],
    config: ConfigName = "published",
    settings: SettingWords = None,
    workers: Workers = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second, for image folders.")] = None,
    no_repair: Annotated[
        bool, typer.Option("--no-repair", help="Leave known faults of the annotation in.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="List every clip that failed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Compute what a method computes of each clip beforehand, and keep it.

    'merkit evaluate' then finds it. What was stopped goes on when typed
    again. Exit status 3 when clips failed; the others are kept.

    \b
    [bold]Examples[/bold]
    merkit prepare casme2 data/CASME2 --for flow-svm
    merkit prepare casme2 data/CASME2 --for flow-svm --set apex=estimated
    merkit prepare samm data/SAMM --for flow-svm --workers 4
    merkit cache                                       what there is now
    """
    import json

    from merkit.cache import ClipCache
    from merkit.cli.failure import BUG, FAILED_CHECK
    from merkit.cli.progress import Talk
    from merkit.cli.settings import parse_settings
    from merkit.datasets import read_dataset
    from merkit.evaluation.filling import fill_cache
    from merkit.evaluation.job import Method

    talk = Talk(quiet=quiet, answers=not as_json)
    chosen = Method(method, parse_settings(settings or []), config=config)
    # Misspelt names are refused before anything long is read.
    chosen.make()
    options: dict[str, Any] = {"fps": fps} if fps is not None else {}
    clips = read_dataset(name, root, repair=not no_repair, **options)
    cache = ClipCache()
    with talk.progress(name) as progress:
        filled = fill_cache(chosen, clips, cache, workers=workers, closed=[root], on_progress=progress)
    if as_json:
        typer.echo(json.dumps(_as_plain(name, method, filled, cache), indent=2, ensure_ascii=False))
    else:
        _tell(talk, filled, cache, None if everything else _SHOWN)
    if filled.failed:
        bugs = any(failure.bug for failure in filled.failed)
        raise typer.Exit(BUG if bugs else FAILED_CHECK)


def _tell(talk: Talk, filled: Filled, cache: ClipCache, most: int | None) -> None:
    for remark in filled.remarks:
        talk.say(f"note: {remark}")
    if not filled.made and not filled.failed:
        talk.answer(f"{filled.step}: all {filled.there} clips were there; nothing was computed")
    else:
        counts = f"{filled.made} made, {filled.there} were there, {len(filled.failed)} failed"
        talk.answer(f"{filled.step}: {counts}")
    for failure in filled.failed[:most]:
        talk.answer(f"  {failure.clip}: {'this is a bug in merkit: ' * failure.bug}{failure.why}")
    if most is not None and len(filled.failed) > most:
        talk.answer(f"  and {len(filled.failed) - most} more; --all lists them")
    talk.answer(f"cache: {cache.folder.path}")


def _as_plain(dataset: str, method: str, filled: Filled, cache: ClipCache) -> dict[str, Any]:
    from dataclasses import asdict

    return {"dataset": dataset, "method": method, "cache": str(cache.folder.path), **asdict(filled)}
