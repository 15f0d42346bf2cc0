"""``merkit simulate``: a labelled dataset with exact ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from merkit.cli.progress import Talk
    from merkit.simulate.dataset import Settings, Written

_OF_BENCHMARK = ("level", "size", "classes", "subjects", "head", "truth")
"""Options that choose among the clips of a benchmark; everything else is fixed there."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("simulate")(simulate)


def simulate(
    out: Annotated[Path | None, typer.Argument(metavar="OUT", help="Folder for the dataset.")] = None,
    like: Annotated[
        str | None, typer.Option(help="Imitate casme2, smic-hs, samm, casme-sq or samm-lv.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--as", help="native: in the form of that dataset; or manifest.")
    ] = None,
    subjects: Annotated[int | None, typer.Option(help="How many people; 20 by default.")] = None,
    clips: Annotated[
        int | None, typer.Option(help="Clips of each, 12 by default; or long videos, 2 by default.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames a second; 200, or those of the imitated dataset.")
    ] = None,
    size: Annotated[str, typer.Option(help="Of the frames: 256, or 320x240.")] = "",
    engine: Annotated[str | None, typer.Option(help="head (parametric 3D heads) or portrait.")] = None,
    face: Annotated[Path | None, typer.Option(help="Portrait to animate; a picture.")] = None,
    faces: Annotated[Path | None, typer.Option(help="Folder of portraits to animate.")] = None,
    head: Annotated[Path | None, typer.Option(help="File of the 3D head, if not in its usual place.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed: other people, other clips.")] = None,
    difficulty: Annotated[
        str | None, typer.Option(help="easy, medium or hard: how far faces move, how noisy the camera is.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Only these emotions, with commas; of a benchmark 3 or 5.")
    ] = None,
    noise: Annotated[float | None, typer.Option(help="Camera noise in grey levels.")] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="blur=0.8, mains_depth=0.02, grey=true, …; repeat."),
    ] = None,
    videos: Annotated[
        bool, typer.Option("--videos", help="Long videos with several expressions and with distractors.")
    ] = False,
    duration: Annotated[float | None, typer.Option(help="Seconds of a long video; 30 by default.")] = None,
    micro: Annotated[int | None, typer.Option(help="Micro-expressions in each long video.")] = None,
    macro: Annotated[int | None, typer.Option(help="Macro-expressions in each long video.")] = None,
    quality: Annotated[int | None, typer.Option(help="JPEG frames of this quality, 1 to 100.")] = None,
    crf: Annotated[int | None, typer.Option(help="Quality of video files: 0 best, 51 worst.")] = None,
    truth: Annotated[
        str | None, typer.Option(help="basic, or flow: keep the true flow of every frame.")
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Make a fixed benchmark: synthme-1.")] = None,
    level: Annotated[str | None, typer.Option(help="Of the benchmark: easy, medium or hard.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that this machine makes the benchmark as committed.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Processes; as many as processors by default. Changes no byte.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Make a labelled dataset of faces that nobody has, with exact ground truth.

    Writes frames, an annotation table, and truth/: all that was planted, the
    true flow, landmarks. Typed again, a stopped run goes on and ends with the
    same bytes. Exit status 3 when --verify finds a difference.

    \b
    [bold]Examples[/bold]
    merkit simulate toy --subjects 4 --clips 6
    merkit simulate casme2 --like casme2 --subjects 26 --clips 10
    merkit simulate mine --engine portrait --face me.jpg --noise 1
    merkit simulate films --like samm-lv --subjects 2 --duration 60
    merkit simulate synthme --benchmark synthme-1 --level medium
    merkit simulate --benchmark synthme-1 --verify
    """
    from merkit.cli.progress import Talk
    from merkit.errors import ConfigError

    talk = Talk(quiet=quiet, answers=not as_json)
    given = {
        "like": like, "form": form, "subjects": subjects, "clips": clips, "fps": fps,
        "size": _size(size), "engine": engine, "faces": _faces(face, faces), "head": head, "seed": seed,
        "difficulty": difficulty, "classes": classes, "noise": noise, "camera": _camera(camera),
        "videos": videos or None, "duration_s": duration, "micro": micro, "macro": macro,
        "quality": quality, "crf": crf, "truth": truth, "level": level,
    }  # fmt: skip
    options = {name: value for name, value in given.items() if value is not None}
    if verify:
        _verify(benchmark, options, out, as_json, talk)
        return
    if out is None:
        raise ConfigError("OUT: give a folder for the dataset, as in 'merkit simulate toy'")
    settings = _settings(benchmark, options)
    written, note = _make(out, settings, workers, talk)
    if note:
        talk.say(f"note: {note}")
    reader = settings.layout_name
    if as_json:
        import json

        about = {
            "path": str(written.path), "form": reader, "clips": written.clips, "frames": written.frames,
            "subjects": written.subjects, "resumed": written.resumed, "counts": written.counts, "note": note,
        }  # fmt: skip
        typer.echo(json.dumps(about, indent=2))
        return
    for line in in_words(written, settings):
        talk.answer(line)


def in_words(written: Written, settings: Settings) -> list[str]:
    """What was made and how to go on, for a reader."""
    what = "events" if settings.long else "clips"
    emotions = ", ".join(f"{name} {count}" for name, count in written.counts["emotion"].items())
    kinds = ", ".join(f"{name} {count}" for name, count in written.counts["kind"].items())
    lines = [
        f"{written.path}: {written.clips} {what} of {written.subjects} subjects, {written.frames} frames"
        + (f"; {written.resumed} were there already" if written.resumed else ""),
        f"{emotions or 'no emotions are labelled'}" + (f" ({kinds})" if settings.long else ""),
        f"read it:  merkit.datasets.read_dataset({settings.layout_name!r}, {str(written.path)!r})",
        f"check it: merkit datasets doctor {settings.layout_name} {written.path}",
    ]
    return [line for line in lines if line]


def _make(out: Path, settings: Settings, workers: int | None, talk: Talk) -> tuple[Written, str]:
    from merkit.cli.first_use import fetch_missing_models
    from merkit.simulate import simulate_dataset
    from merkit.simulate.dataset.studio import note

    if settings.engine == "portrait":
        fetch_missing_models(talk.say)
    with talk.progress(out.name or str(out)) as progress:
        return simulate_dataset(out, settings, workers=workers, on_progress=progress), note(settings)


def _settings(benchmark: str | None, options: dict[str, Any]) -> Settings:
    from merkit.errors import ConfigError
    from merkit.simulate import settings_like, synthme_settings

    if benchmark is None:
        if "level" in options:
            raise ConfigError("--level is of a benchmark; without one, give --difficulty")
        if "classes" in options:
            options["classes"] = [name.strip() for name in options["classes"].split(",") if name.strip()]
        return settings_like(**options)
    for name in options:
        if name not in _OF_BENCHMARK:
            raise ConfigError(
                f"--{name.replace('_s', '')}: {benchmark} is fixed; leave it out, or --benchmark"
            )
    chosen = dict(options)
    if "size" in chosen:
        width, height = chosen["size"]
        chosen["size"] = width if width == height else f"{width}x{height}"
    if "classes" in chosen:
        chosen["classes"] = int(chosen["classes"]) if chosen["classes"].isdigit() else chosen["classes"]
    return synthme_settings(benchmark=benchmark, **chosen)


def _verify(
    benchmark: str | None, options: Mapping[str, Any], out: Path | None, as_json: bool, talk: Any
) -> None:
    import json

    from merkit.cli.failure import FAILED_CHECK
    from merkit.errors import ConfigError
    from merkit.simulate.synthme_sample import verify_synthme

    wrong = [name for name in options if name != "head"]
    if benchmark is None or wrong or out is not None:
        raise ConfigError("--verify: give it with --benchmark synthme-1, and --head if need be, alone")
    with talk.progress(benchmark) as progress:
        found = verify_synthme(benchmark, head=options.get("head"), on_progress=progress)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        talk.answer(found.in_words())
    if not found.passed:
        raise typer.Exit(FAILED_CHECK)


def _size(text: str) -> tuple[int, int] | None:
    from merkit.errors import ConfigError

    if not text:
        return None
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.strip().isdigit() for side in sides):
        raise ConfigError(f"--size {text}: give 256, or a width and a height as 320x240")
    return int(sides[0]), int(sides[-1])


def _faces(face: Path | None, folder: Path | None) -> tuple[Path, ...] | None:
    from merkit.errors import ConfigError

    if face is not None and folder is not None:
        raise ConfigError("--face and --faces: give one picture or a folder of them, not both")
    if folder is None:
        return None if face is None else (face,)
    from merkit.video.images import list_images

    return tuple(list_images(folder))


def _camera(words: list[str] | None) -> dict[str, Any] | None:
    if not words:
        return None
    from merkit.cli.settings import parse_settings

    return parse_settings(words, option="--camera", example="blur=0.8")
