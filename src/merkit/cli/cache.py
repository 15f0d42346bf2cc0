"""``merkit cache``: what the clip cache holds, whether it is sound, and how to be rid of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from merkit.cache.folder import CacheFolder, Entry

_DAY_S = 86400.0

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(name="cache")
    group.callback(invoke_without_command=True)(cache)
    group.command("clear")(clear)
    group.command("verify")(verify)
    app.add_typer(group)


def cache(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the clip cache: what methods have computed of clips, to be found again.

    What was used longest ago makes room for what is new.

    \b
    [bold]Examples[/bold]
    merkit cache                                    where, how many, how large
    merkit cache clear                              remove all of it
    merkit cache clear --older 30                   what was not used for 30 days
    merkit cache verify                             is every file what was written
    MERKIT_CLIP_CACHE=/big/disk merkit cache        another place
    MERKIT_CLIP_CACHE_SIZE=100GB merkit prepare …   another limit, 20GB by default
    """
    if context.invoked_subcommand is not None:
        return
    import json

    from merkit.cache.folder import CacheFolder

    folder = CacheFolder()
    steps = _by_step(folder.entries())
    if as_json:
        size = sum(step["bytes"] for step in steps.values())
        there = {"folder": str(folder.path), "limit": folder.limit, "bytes": size, "steps": steps}
        typer.echo(json.dumps(there, indent=2))
    else:
        _show(folder, steps)


def clear(
    step: Annotated[str | None, typer.Option("--step", help="Only of this step.")] = None,
    older: Annotated[
        float | None,
        typer.Option("--older", min=0, metavar="DAYS", help="Only what was not used so long."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove files from the clip cache; they are computed anew when they are needed.

    Only files that merkit has put there are removed.

    \b
    [bold]Examples[/bold]
    merkit cache clear                            all
    merkit cache clear --step onset-apex-flow     of one step
    merkit cache clear --older 30                 not used for 30 days
    """
    import json

    from merkit.cache.folder import CacheFolder, in_words
    from merkit.errors import ConfigError, DataError, did_you_mean

    folder = CacheFolder()
    if step is not None:
        known = sorted({entry.step for entry in folder.entries()})
        if step not in known:
            listed = f"there is {', '.join(known)}" if known else "it is empty"
            raise ConfigError(f"--step {step}: not in the clip cache{did_you_mean(step, known)}; {listed}")
    gone, left = folder.clear(step, (older or 0.0) * _DAY_S)
    size = sum(entry.size for entry in gone)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder.path), "removed": len(gone), "bytes": size}))
    else:
        typer.echo(f"removed {_files(len(gone))}, {in_words(size)}, from {folder.path}")
    if left:
        raise DataError(f"{left[0].path}: cannot be removed ({_files(len(left))}); check who may write there")


def verify(as_json: AsJson = False) -> None:
    """Read every file of the clip cache and compare it with its checksum.

    Damaged ones are removed and computed anew when they are needed. Exit
    status 3 when there were any.

    \b
    [bold]Examples[/bold]
    merkit cache verify
    merkit cache verify --json      for scripts
    """
    import json

    from merkit.cache import ClipCache
    from merkit.cli.failure import FAILED_CHECK

    kept = ClipCache()
    sound, damaged = kept.verify()
    if as_json:
        typer.echo(json.dumps({"sound": sound, "damaged": [str(entry.path) for entry in damaged]}, indent=2))
    else:
        for entry in damaged:
            typer.echo(f"damaged, removed: {entry.path}")
        typer.echo(f"{_files(sound)} sound, {len(damaged)} damaged")
    if damaged:
        raise typer.Exit(FAILED_CHECK)


def _by_step(entries: list[Entry]) -> dict[str, dict[str, Any]]:
    steps: dict[str, dict[str, Any]] = {}
    for entry in entries:
        step = steps.setdefault(entry.step, {"clips": 0, "bytes": 0, "last_used": 0.0})
        step["clips"] += 1
        step["bytes"] += entry.size
        step["last_used"] = max(step["last_used"], round(entry.used, 3))
    return dict(sorted(steps.items()))


def _show(folder: CacheFolder, steps: dict[str, dict[str, Any]]) -> None:
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

    from merkit.cache.folder import in_words

    # One line, whatever the width, so that the path can be copied.
    typer.echo(f"clip cache: {folder.path}")
    if not steps:
        typer.echo("It is empty; 'merkit prepare' and 'merkit evaluate' fill it.")
        return
    table = Table()
    for heading in ("step", "clips", "size", "last used"):
        table.add_column(heading, justify="left" if heading in ("step", "last used") else "right")
    for name, step in steps.items():
        when = datetime.fromtimestamp(step["last_used"]).isoformat(" ", "minutes")
        table.add_row(name, str(step["clips"]), in_words(step["bytes"]), when)
    Console().print(table)
    size = sum(step["bytes"] for step in steps.values())
    typer.echo(f"{in_words(size)} of {in_words(folder.limit)}")


def _files(n: int) -> str:
    return f"{n} file{'s' * (n != 1)}"
