"""``merkit doctor``: is this installation sound, what is missing, what to type."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("doctor")(doctor)


def doctor(
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the face models first (36 MB, once).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check this installation and say what to type where something is missing.

    Exit status 3 when something that merkit needs is missing.

    \b
    [bold]Examples[/bold]
    merkit doctor             what is there, what is not
    merkit doctor --fetch     put the face models into the cache, then check
    merkit doctor --json      for scripts
    """
    import json
    import sys
    from dataclasses import asdict

    from rich.console import Console

    from merkit.cli.checks import check_installation
    from merkit.cli.failure import FAILED_CHECK, report
    from merkit.errors import DataError
    from merkit.faces.models import fetch_models

    if fetch:
        console = Console(stderr=True)
        try:
            with console.status("Looking for the face models") as status:
                fetch_models(status.update)
        except DataError as error:
            # The table below is what helps now.
            report(error)
    checks = check_installation()
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        from rich.table import Table
        from rich.text import Text

        table = Table(title="merkit doctor", title_justify="left")
        for column in ("", "what", "found", "what to do"):
            table.add_column(column, overflow="fold")
        marks = {"ok": ("ok", "green"), "warning": ("note", "yellow"), "missing": ("missing", "bold red")}
        for check in checks:
            row = (check.name, check.found, check.advice)
            table.add_row(Text(*marks[check.status]), *(Text(cell) for cell in row))
        Console().print(table)
    missing = [check.name for check in checks if check.status == "missing"]
    if missing:
        print(f"Missing: {', '.join(missing)}.", file=sys.stderr)
        raise typer.Exit(FAILED_CHECK)
    if not as_json:
        typer.echo("All that merkit needs is there.")
