"""``merkit compare``: runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FORMATS = ("table", "markdown", "latex", "json")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("compare")(compare)


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Folders of merkit evaluate, or predictions.csv files."),
    ],
    form: Annotated[
        str, typer.Option("--format", "-f", help="table, markdown, latex (booktabs), or json.")
    ] = "table",
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write to a file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Put runs on the same clips side by side, with intervals and paired tests.

    The other runs are tested against the first: a permutation over
    subjects, and McNemar's test. Runs on other clips are refused.

    \b
    [bold]Examples[/bold]
    merkit compare runs/svm runs/other
    merkit compare runs/svm runs/other --format latex -o table.tex
    merkit compare runs/svm --format markdown
    """
    from merkit.errors import ConfigError
    from merkit.evaluation import compare as side_by_side

    if form not in FORMATS:
        raise ConfigError(f"--format {form}: allowed are {', '.join(FORMATS)}")
    found = side_by_side(runs)
    form = "json" if as_json else form
    if form == "table" and out is None:
        _print(found.cells(), found.notes)
        return
    text = {"markdown": found.to_markdown, "table": found.to_markdown, "latex": found.to_latex}.get(
        form, found.to_json
    )()
    if out is None:
        typer.echo(text, nl=False)
    else:
        from merkit.saving import write_whole

        write_whole(out, text)


def _print(cells: tuple[list[str], list[list[str]]], notes: list[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    head, body = cells
    console = Console()
    if not console.is_terminal:
        # Into a file or a pipe, rows must not be cut off.
        console = Console(width=1000)
    # A column a run: two or three runs fit into 80 characters, a dozen columns of scores would not.
    table = Table(box=box.SIMPLE_HEAD)
    for place, name in enumerate([head[0], *(row[0] for row in body)]):
        table.add_column(escape(name), justify="right" if place else "left")
    for name, *values in zip(head[1:], *(row[1:] for row in body), strict=True):
        table.add_row(escape(name), *map(escape, values))
    console.print(table)
    for note in notes:
        console.print(escape(note), style="dim", soft_wrap=True)
