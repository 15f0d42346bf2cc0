"""``merkit demo``: simulate a video with known micro-expressions, analyse it, compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from merkit.simulate import Comparison


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the video and all results.")] = Path(
        "merkit-demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed: other times, order, head motion, noise.")] = 0,
    peak: Annotated[float, typer.Option(help="Largest displacement in pixels; the face is 200 wide.")] = 1.5,
    noise: Annotated[float, typer.Option(help="Camera noise in grey levels.")] = 2.0,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 60.0,
    blinks: Annotated[int, typer.Option(help="How many blinks.")] = 1,
    face_picture: Annotated[
        Path | None, typer.Option(help="Portrait to animate; the astronaut of scikit-image by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print comparison.json.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Simulate a video with three known micro-expressions, find them, compare.

    Writes video.mp4, truth.json, comparison.json, report.html, events.json,
    events.csv and curves.csv into a folder. The exit status is 3 when an
    expression was missed or not surely called right, or when something was
    found that was not there.

    \b
    [bold]Examples[/bold]
    merkit demo
    merkit demo --seed 7 --peak 0.75
    merkit demo --face-picture portrait.jpg -o mine
    merkit demo --json --quiet > comparison.json
    """
    import json

    from merkit.analysis import analyze
    from merkit.cli.batch import removed_if_empty
    from merkit.cli.failure import FAILED_CHECK
    from merkit.cli.first_use import fetch_missing_models
    from merkit.cli.progress import Talk
    from merkit.report import save
    from merkit.saving import write_whole
    from merkit.simulate import match_events, simulate_demo

    talk = Talk(quiet=quiet, answers=not as_json)
    fetch_missing_models(talk.say)
    with removed_if_empty(out), talk.progress("demo") as progress:
        truth = simulate_demo(
            out,
            seed=seed,
            peak_px=peak,
            noise=noise,
            fps=fps,
            face=face_picture,
            n_blinks=blinks,
            on_progress=lambda done, total: progress(done, total, "simulating"),
        )
        analysis = analyze(out / truth.video, on_progress=progress)
        progress(0, None, "report")
        written = save(analysis, out)
    comparison = match_events(analysis.events, truth.performance.events, truth.performance.of_kind("blink"))
    text = json.dumps(comparison.to_json(), indent=2) + "\n"
    write_whole(out / "comparison.json", text)
    for warning in analysis.warnings:
        talk.say(f"note: {warning}")
    if as_json:
        typer.echo(text, nl=False)
    else:
        talk.answer(in_words(comparison))
        talk.answer(f"report: {written['report']}")
    if not comparison.passed:
        raise typer.Exit(FAILED_CHECK)


def in_words(comparison: Comparison) -> str:
    """The table of planted against found, and the outcome in a line."""
    from rich.console import Console

    console = Console()
    with console.capture() as captured:
        console.print(comparison_table(comparison))
    n = len(comparison.matches)
    right = sum(match.right and not match.abstained for match in comparison.matches)
    stray = [f"frames {a} to {b}" for a, b in comparison.false_events]
    return (
        f"{captured.get().rstrip()}\n\n{right} of {n} micro-expressions found and called right; "
        f"{len(stray) or 'no'} false event{'' if len(stray) == 1 else 's'}"
        + (f" ({', '.join(stray)})" if stray else "")
    )


def comparison_table(comparison: Comparison) -> Table:
    """Planted against found, one row an expression; it fits into 80 columns."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("planted", "frames", "found", "overlap", "called", "verdict"):
        table.add_column(name, justify="right" if name == "overlap" else "left")
    for match in comparison.matches:
        sure = match.right and not match.abstained
        overlaps = match.found_onset_frame is not None
        table.add_row(
            f"{match.action_units} {match.label}",
            f"{match.onset_frame}-{match.offset_frame}",
            f"{match.found_onset_frame}-{match.found_offset_frame}" if overlaps else "",
            f"{match.iou:.2f}" if overlaps else "",
            f"{match.found_label} {match.found_probability:.0%}" if match.found_label else "",
            match.verdict,
            style="green" if sure else "red",
        )
    return table
