"""``merkit datasets``: which datasets can be read, and whether a copy of one is sound."""

from __future__ import annotations

from typing import Annotated

import typer

from merkit.cli.datasets_doctor import doctor


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = typer.Typer(name="datasets")
    group.callback(invoke_without_command=True)(datasets)
    group.command("list")(list_datasets)
    group.command("doctor")(doctor)
    app.add_typer(group)


def datasets(context: typer.Context) -> None:
    """Show what merkit can read, and check a copy of a dataset.

    \b
    [bold]Examples[/bold]
    merkit datasets                           what can be read
    merkit datasets list "casme*"             some of it
    merkit datasets doctor samm data/SAMM     is this copy complete and sound
    """
    if context.invoked_subcommand is None:
        list_datasets()


def list_datasets(
    pattern: Annotated[str, typer.Argument(help="Names to show, with wildcards.")] = "*",
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """Show the datasets that merkit reads, as their owners hand them out.

    \b
    [bold]Examples[/bold]
    merkit datasets list               all of them
    merkit datasets list "casme*"      some of them
    merkit datasets list --json        for scripts
    """
    import json

    from merkit.datasets import get_dataset
    from merkit.datasets import list_datasets as names
    from merkit.errors import ConfigError, did_you_mean

    known = [get_dataset(name) for name in names(pattern)]
    if not known:
        raise ConfigError(f"no dataset is named like {pattern!r}{did_you_mean(pattern, names())}")
    if as_json:
        keys = ("name", "summary", "fps", "page", "needs_frames")
        typer.echo(json.dumps([{key: getattr(item, key) for key in keys} for item in known], indent=2))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Datasets", title_justify="left")
    table.add_column("name", no_wrap=True)
    table.add_column("what, and from whom", overflow="fold")
    for item in known:
        page = Text(f"\n{item.page}" if item.page else "", style="dim")
        table.add_row(item.name, Text(item.summary) + page)
    Console().print(table)
    typer.echo(
        "Check a copy: merkit datasets doctor NAME FOLDER.  From Python: merkit.read_dataset(name, folder)."
    )
    typer.echo("How each one lies on the disk, and what is repaired: docs/datasets.md.")
