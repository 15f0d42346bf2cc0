"""``merkit demo``: simulate a video with known micro-expressions, analyse it, compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from merkit.simulate import Comparison, Truth


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("demo")(demo)


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the video and all results.")] = Path(
        "merkit-demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed gives other times, order, head motion, noise.")] = 0,
    peak: Annotated[float, typer.Option(help="Largest displacement in pixels; the face is 200 wide.")] = 1.5,
    noise: Annotated[float, typer.Option(help="Camera noise in grey levels.")] = 2.0,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 60.0,
    blinks: Annotated[int, typer.Option(help="How many blinks.")] = 1,
    face_picture: Annotated[
        Path | None, typer.Option(help="Portrait to animate instead of the astronaut of scikit-image.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Simulate a video with three known micro-expressions, find them, and compare.

    Writes the video, the truth, the report and the comparison into a folder.  Exit status 3 when an
    expression was missed or misjudged, or something was found that was not there.
    """
    import json

    from rich.console import Console

    from merkit.analysis import analyze
    from merkit.report.files import save, write_text
    from merkit.simulate import match_events, simulate_demo

    talk = Console(stderr=True, quiet=quiet)
    with _Progress(talk) as progress:
        truth = simulate_demo(
            out,
            seed,
            peak,
            noise,
            fps,
            face_picture,
            blinks,
            on_progress=lambda done, total: progress.show("Simulating", done, total),
        )
        video = out / truth.video
        analysis = analyze(
            video, on_progress=lambda done, total, stage: progress.show(_STAGES[stage], done, total)
        )
    comparison = match_events(analysis.events, truth.events, truth.blinks)
    text = json.dumps(comparison.to_json(), indent=2) + "\n"
    written = save(analysis, out)
    write_text(out / "comparison.json", text)
    if as_json:
        typer.echo(text, nl=False)
    elif not quiet:
        answer = Console()
        answer.print(comparison_table(comparison, truth))
        answer.print(summary(comparison), highlight=False)
        answer.print(f"Report: {written['report']}", highlight=False, soft_wrap=True)
    if not comparison.passed:
        raise typer.Exit(3)


def comparison_table(comparison: Comparison, truth: Truth) -> Table:
    """Planted against found, one row an expression."""
    from rich.table import Table

    table = Table(title=f"Planted and found ({truth.n_frames / truth.fps:.0f} s at {truth.fps:g} fps)")
    for name in ("planted", "class", "peak px", "frames", "found frames", "overlap", "called", "verdict"):
        table.add_column(name, justify="right" if name in ("peak px", "overlap") else "left")
    for match, event in zip(comparison.matches, truth.events, strict=True):
        good = match.right and not match.abstained
        found = match.found_onset_frame is not None
        table.add_row(
            match.action_units,
            match.label,
            f"{event.peak_px:g}",
            f"{match.onset_frame} to {match.offset_frame}",
            f"{match.found_onset_frame} to {match.found_offset_frame}" if found else "-",
            f"{match.iou:.2f}" if found else "-",
            f"{match.found_label} ({match.found_probability:.0%})" if match.found_label else "-",
            f"[{'green' if good else 'red'}]{match.verdict}[/]",
        )
    return table


def summary(comparison: Comparison) -> str:
    """The outcome in one line or two."""
    n = len(comparison.matches)
    right = sum(m.right and not m.abstained for m in comparison.matches)
    stray = len(comparison.false_events)
    lines = [f"{right} of {n} found with the right class; {stray} false event{'' if stray == 1 else 's'}."]
    lines += [f"False event: frames {a} to {b}." for a, b in comparison.false_events]
    return "\n".join(lines)


_STAGES = {"scan": "Looking", "measure": "Measuring"}


class _Progress:
    """One progress bar a stage, on the error stream."""

    def __init__(self, console: object) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        assert isinstance(console, Console)
        self._bar = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=console,
            disable=console.quiet,
        )
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, stage: str, done: int, total: int | None) -> None:
        """Move the bar of a stage."""
        from rich.progress import TaskID

        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=total)
        self._bar.update(TaskID(self._tasks[stage]), completed=done, total=total)
