"""``merkit analyze``: the main job, on one video or many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("analyze")(analyze)


def analyze(
    videos: Annotated[
        list[Path], typer.Argument(metavar="VIDEO", help="Video files, or folders of pictures.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")] = Path("merkit-out"),
    fps: Annotated[float | None, typer.Option(help="Frames a second; a folder of pictures needs it.")] = None,
    face: Annotated[int, typer.Option(help="Which face to follow; 0 is the largest.")] = 0,
    flow: Annotated[str, typer.Option(help="Optical flow: dis (fast), dis-fine, tvl1, farneback.")] = "dis",
    sensitivity: Annotated[
        float, typer.Option(help="Above 1 finds smaller movements, and more false ones.")
    ] = 1.0,
    detector: Annotated[str, typer.Option(help="Face detector: auto, blazeface, haar.")] = "auto",
    recognizer: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Folder of a model of yours, which then names the classes."),
    ] = None,
    overlay: Annotated[
        bool, typer.Option("--overlay", help="Also write the video with the findings drawn in.")
    ] = False,
    no_faces: Annotated[
        bool, typer.Option("--no-faces", help="Keep pictures of the person out of the report.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events.json; of several videos a list.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Find the micro-expressions in videos and write a report for each.

    Writes report.html, events.json, events.csv and curves.csv into a folder
    named after the video; of several videos also summary.csv. A video that
    cannot be read does not stop the others; the exit status is then 2.

    \b
    [bold]Examples[/bold]
    merkit analyze interview.mp4
    merkit analyze *.mp4 -o results --overlay
    merkit analyze frames/ --fps 200
    merkit analyze talk.mp4 --face 1 --no-faces
    merkit analyze talk.mp4 --recognizer models/mine
    merkit analyze clip.mp4 --json --quiet > events.json
    """
    from merkit.cli.batch import Batch, removed_if_empty
    from merkit.cli.first_use import fetch_missing_models
    from merkit.cli.progress import Talk
    from merkit.errors import ConfigError

    if overlay and no_faces:
        raise ConfigError("--overlay shows the person and --no-faces keeps the person out: choose one")
    talk = Talk(quiet=quiet, answers=not as_json)
    model = None
    if recognizer is not None:
        from merkit.methods import load_recognizer

        model = load_recognizer(recognizer)
    batch = Batch(videos, out)
    batch.check_writable()

    def one(video: Path, folder: Path) -> None:
        from merkit.analysis import analyze as run
        from merkit.report import save
        from merkit.report.words import one_line

        with talk.progress(video.name) as progress:
            analysis = run(
                video, fps=fps, face=face, flow=flow, sensitivity=sensitivity, detector=detector,
                recognizer=model, on_progress=progress,
            )  # fmt: skip
            progress(0, None, "report")
            written = save(analysis, folder, no_faces=no_faces, overlay_from=video if overlay else None)
        batch.finished(video, analysis)
        for warning in analysis.warnings:
            talk.say(f"note: {video.name}: {warning}")
        talk.answer(f"{video.name}: {one_line(analysis)}; report: {written['report']}")

    with removed_if_empty(out):
        if detector in ("auto", "blazeface"):
            fetch_missing_models(talk.say, needed=detector == "blazeface")
        status = batch.run(one)
    if as_json:
        typer.echo(batch.json(), nl=False)
    if status:
        raise typer.Exit(status)
