"""``merkit datasets doctor``: is this copy of a dataset complete and sound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from merkit.datasets.doctor import Examination
    from merkit.datasets.frame_checks import Finding

_SHOWN = 5
"""Findings of a kind that are listed unless all are asked for."""
_STYLES = {"missing": "bold red", "fault": "yellow", "note": "dim"}
_ORDER = tuple(_STYLES)


def doctor(
    name: Annotated[str, typer.Argument(help="Dataset; 'merkit datasets list' shows them.")],
    root: Annotated[Path, typer.Argument(help="Folder into which it was unpacked.")],
    table: Annotated[
        Path | None, typer.Option("--table", help="Annotation table, if it has another name.")
    ] = None,
    cropped: Annotated[
        bool | None, typer.Option("--cropped/--raw", help="Which frames, where there are both.")
    ] = None,
    fps: Annotated[float | None, typer.Option("--fps", help="Frames a second, for image folders.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another option of the reader; repeat."),
    ] = None,
    no_repair: Annotated[
        bool, typer.Option("--no-repair", help="Leave known faults of the annotation as they are.")
    ] = False,
    pixels: Annotated[
        bool,
        typer.Option("--pixels", help="Open every frame from onset to offset: damage, sizes, exchanges."),
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="List every finding.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare a copy of a dataset with its annotation, and its counts with those of a complete copy.

    Exit status 3 when clips are missing.

    \b
    [bold]Examples[/bold]
    merkit datasets doctor casme2 data/CASME2
    merkit datasets doctor casme2 data/CASME2 --table old/CASME2-coding-20140508.xlsx
    merkit datasets doctor samm data/SAMM --pixels --all
    merkit datasets doctor casme3-a data/CASME3 --set stream=depth
    merkit datasets doctor samm data/SAMM --json      for scripts
    """
    import json
    import sys

    from merkit.cli.failure import FAILED_CHECK
    from merkit.cli.progress import Talk
    from merkit.cli.settings import parse_settings
    from merkit.datasets.doctor import examine
    from merkit.protocols.label_counts import label_counts

    given: dict[str, Any] = {"table": table, "cropped": cropped, "fps": fps}
    options = {key: value for key, value in given.items() if value is not None}
    options |= parse_settings(settings or [])
    with Talk().progress(name) as on_progress:
        found = examine(
            name,
            root,
            repair=not no_repair,
            pixels=pixels,
            label_counts=label_counts,
            on_progress=lambda done, total: on_progress(done, total, "looking"),
            **options,
        )
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        _show(found, root, everything, pixels)
    if found.n_missing:
        print(_verdict(found), file=sys.stderr)
        raise typer.Exit(FAILED_CHECK)


def _show(found: Examination, root: Path, everything: bool, pixels: bool) -> None:
    from rich.console import Console

    console = Console()
    console.print(_summary(found, root))
    console.print(_counts(found))
    most = len(found.findings) + len(found.repairs) if everything else _SHOWN
    for line, style in _lines(found, most):
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    if not pixels and found.images:
        console.print("Frames were not opened; --pixels looks for damaged and exchanged ones.", style="dim")


def _verdict(found: Examination) -> str:
    lacking = len(found.missing)
    if found.n_missing == lacking:
        return f"{lacking} of {found.clips} clips are missing."
    return f"{found.n_missing} of {found.expected['total']['clips']} clips are missing."


def _summary(found: Examination, root: Path) -> Table:
    from rich.table import Table

    expected = found.expected.get("total", {})
    table = Table(title=f"{found.dataset}, table {found.table_version or 'unknown'}", title_justify="left")
    for heading in ("", "here", "expected"):
        table.add_column(heading, overflow="fold")
    short = f", {len(found.short)} short" if found.short else ""
    table.add_row("clips", f"{found.clips}, {found.n_missing} missing{short}", _number(expected.get("clips")))
    table.add_row("subjects", str(found.subjects), _number(expected.get("subjects")))
    for path in found.table_files:
        table.add_row("annotation", _below(path, root), "")
    if found.frames:
        table.add_row("frames in", _below(found.frames, root), "")
    table.add_row("frames a second", _listed(found.fps), "")
    if found.images:
        table.add_row("pixels", _listed(found.sizes), "")
        table.add_row("images", f"{found.images}, {found.bytes / 1e6:.1f} MB", "")
    table.add_row("repairs made", str(len(found.repairs)), "")
    return table


def _counts(found: Examination) -> Table:
    """One row a label map; where a count differs from that of a complete copy, ``25 of 28``."""
    from rich.table import Table

    table = Table(title="Clips by label", title_justify="left")
    for heading in ("labels", "clips here", "complete"):
        table.add_column(heading, overflow="fold")
    for what, counts in found.counts.items():
        if what == "total":
            continue
        expected = found.expected.get(what, {})
        parts = []
        for label in dict.fromkeys((*counts, *expected)):
            here, wanted = counts.get(label, 0), expected.get(label, 0)
            parts.append(f"{label} {here}" + (f" of {wanted}" if expected and here != wanted else ""))
        differs = any(" of " in part for part in parts)
        verdict = "" if not expected else "no" if differs else "yes"
        table.add_row(what, ", ".join(parts), verdict, style="yellow" if differs else None)
    return table


def _lines(found: Examination, most: int) -> Iterator[tuple[str, str]]:
    """Findings by kind, the worst first, then repairs; each a line and its style."""
    from merkit.datasets.doctor import COUNT_OF

    kinds: dict[tuple[str, str], list[Finding]] = {}
    for finding in found.findings:
        # The table of counts has these.
        if not finding.kind.startswith(COUNT_OF):
            kinds.setdefault((finding.severity, finding.kind), []).append(finding)
    for severity, kind in sorted(kinds, key=lambda key: _ORDER.index(key[0])):
        group = kinds[severity, kind]
        if len(group) == 1 and not group[0].clip:
            yield f"{kind}: {group[0].text}", _STYLES[severity]
            continue
        yield f"{kind}: {len(group)}", _STYLES[severity]
        for finding in group[:most]:
            row = "" if finding.row is None else f" (row {finding.row})"
            yield f"  {finding.clip}{row}{': ' if finding.clip else ''}{finding.text}", ""
        if len(group) > most:
            yield f"  and {len(group) - most} more; --all lists them", "dim"
    if found.repairs:
        yield f"repaired: {len(found.repairs)}", _STYLES["note"]
        for clip, number, text in found.repairs[:most]:
            yield f"  {clip}{'' if number is None else f' (row {number})'}: {text}", ""
        if len(found.repairs) > most:
            yield f"  and {len(found.repairs) - most} more; --all lists them", "dim"
    if not found.findings and not found.repairs:
        yield "Nothing is missing and nothing is wrong.", "green"


def _below(path: str, root: Path) -> str:
    """A path from the root on, where it lies below it."""
    whole = Path(path)
    return str(whole.relative_to(root)) if whole.is_relative_to(root) else path


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _listed(counts: dict[str, int]) -> str:
    """``200`` where there is one, ``500 (695 clips), 300 (605 clips)`` where there are several."""
    if len(counts) < 2:
        return "".join(counts)
    return ", ".join(f"{value} ({count} clips)" for value, count in counts.items())
