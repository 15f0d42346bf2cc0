"""``merkit doctor``: is this installation sound, what is missing, what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from merkit.cli.checks import Check


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
    from merkit.cli.streams import speak
    from merkit.errors import DataError
    from merkit.faces.models import fetch_models

    if fetch:
        console = Console(stderr=True)
        try:
            with console.status("Looking for the face models") as status:
                fetch_models(status.update)
        except DataError as error:
            # The list below is what helps now.
            report(error)
    checks = check_installation()
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        print_checks(checks)
    missing = [check.name for check in checks if check.status == "missing"]
    if missing:
        speak(f"Missing: {', '.join(missing)}.", sys.stderr)
        raise typer.Exit(FAILED_CHECK)
    if not as_json:
        typer.echo("All that merkit needs is there.")


def print_checks(checks: list[Check]) -> None:
    """One line a finding, whatever the width, so that paths can be copied; below it what to do."""
    from rich.console import Console
    from rich.text import Text

    marks = {"ok": ("ok", "green"), "warning": ("note", "yellow"), "missing": ("missing", "bold red")}
    width = max(len(check.name) for check in checks)
    console = Console(highlight=False)
    for check in checks:
        word, style = marks[check.status]
        console.print(
            Text(f"{word:8}", style),
            f"{check.name:{width}}  {check.found}",
            sep="",
            markup=False,
            soft_wrap=True,
        )
        if check.advice:
            console.print(f"{'':8}to do: {check.advice}", markup=False, soft_wrap=True)
