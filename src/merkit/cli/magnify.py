"""``merkit magnify``: a video in which small movements are large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from merkit.cli.progress import OnProgress
    from merkit.video import VideoReader

_MOST_PIXELS = 1 << 24
"""Of a video that is taken into memory whole; it takes some 3 GB then."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("magnify")(magnify)


def magnify(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="Video file, or folder of pictures.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Video to write; VIDEO-magnified.mp4 by default.")
    ] = None,
    alpha: Annotated[float, typer.Option(help="Movements become 1 + alpha times as large.")] = 8.0,
    method: Annotated[str, typer.Option(help="phase, or linear (faster, much more noise).")] = "phase",
    filter: Annotated[
        str, typer.Option(help="iir for any length; fft for a clip of one expression: more exact.")
    ] = "iir",
    band: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Frequencies of the movement in Hz; 0.1 25 by default."),
    ] = None,
    rates: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="FAST SLOW", help="Of the iir filter per frame, for a band: 0.4 0.05."),
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second; a folder of pictures needs it.")] = None,
    smooth: Annotated[float, typer.Option(help="Of phase: px over which movement is alike.")] = 3.0,
    cutoff: Annotated[float, typer.Option(help="Of linear: finer waves, in px, get less; 0: none.")] = 16.0,
    chroma: Annotated[
        float | None, typer.Option(help="Share of alpha for colour: 1 in phase, 0.1 in linear by default.")
    ] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Keep every pixel; a large file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Write a video in which the small movements of another are large.

    Movements are magnified relative to the first frame, where the face should
    be at rest. The file appears when it is complete. Align the face first: the
    sway of a head is magnified as well.

    \b
    [bold]Examples[/bold]
    merkit magnify clip.mp4
    merkit magnify frames/ --fps 200 --filter fft -o larger.mp4
    merkit magnify talk.mp4 --alpha 4 --band 0.5 10
    merkit magnify clip.mp4 --method linear --rates 0.4 0.05
    """
    from merkit.cli.progress import Talk
    from merkit.errors import ConfigError
    from merkit.video import VideoWriter, open_video

    talk = Talk(quiet=quiet)
    target = out or Path(f"{video.resolve().stem}-magnified.mp4")
    if target.exists() and video.exists() and target.samefile(video):
        raise ConfigError(f"--out {target}: is the video itself; choose another name")
    options: dict[str, Any] = {
        "method": method, "band": band, "rates": rates, "smooth": smooth, "cutoff": cutoff, "chroma": chroma,
    }  # fmt: skip
    n = 0
    with open_video(video, fps) as reader, talk.progress(video.name) as progress:
        # A wrong option is told before a file is begun.
        frames = magnified(reader, alpha, filter, {**options, "fps": reader.fps}, progress)
        with VideoWriter(target, reader.fps, lossless=lossless) as writer:
            for frame, time in frames:
                writer.write(frame, time)
                n += 1
    for warning in reader.warnings:
        talk.say(f"note: {video.name}: {warning}")
    talk.answer(f"{video.name}: {n} frames, movements times {1 + alpha:g} ({method}); written: {target}")


def magnified(
    reader: VideoReader, alpha: float, filter: str, options: dict[str, Any], progress: OnProgress
) -> Iterator[tuple[Any, float]]:
    """The frames of a video with their motion magnified, and their times in seconds."""
    import numpy as np

    from merkit import motion
    from merkit.errors import ConfigError

    times: list[float] = []

    def read() -> Iterator[Any]:
        for frame in reader:
            times.append(frame.time)
            progress(len(times), reader.n_frames, "magnifying")
            yield frame.rgb

    if filter == "iir":
        # The list of times grows as frames are read, and is always ahead.
        return zip(motion.magnify_stream(read(), alpha, **options), times, strict=False)
    # Also to refuse what is wrong before a long reading.
    motion.magnify(np.zeros((1, 16, 16), np.uint8), alpha, filter=filter, **options)
    frames = []
    for frame in read():
        frames.append(frame)
        if frame.shape[0] * frame.shape[1] * len(frames) > _MOST_PIXELS:
            raise ConfigError(
                f"{reader.path}: too long for --filter {filter}, which holds all frames in memory; take "
                "--filter iir, or cut the video"
            )
    return zip(motion.magnify(np.stack(frames), alpha, filter=filter, **options), times, strict=True)
