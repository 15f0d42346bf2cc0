"""``merkit flow``: raw frames to the u, v, strain picture of optical flow networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from merkit.cli.flow_set import Made, Wanted
    from merkit.cli.progress import Talk
    from merkit.clips import Clip
    from merkit.inputs.flow_strain import FlowStrain


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("flow")(flow)


def flow(
    clips: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CLIP", help="Folders of frames, or videos, of one clip each."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="NAME=ROOT", help="A whole dataset instead; repeat."),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the results.")] = Path("merkit-out"),
    onset: Annotated[
        int | None, typer.Option(help="Number of the onset frame; the first by default.")
    ] = None,
    apex: Annotated[int | None, typer.Option(help="Number of the apex frame; estimated by default.")] = None,
    offset: Annotated[
        int | None, typer.Option(help="Number of the offset frame; the last by default.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames a second of a folder; without it no frames are averaged.")
    ] = None,
    face: Annotated[
        str, typer.Option(help="detect, or whole: each frame is a face and nothing else.")
    ] = "detect",
    size: Annotated[int, typer.Option(help="Height and width of the maps, 8 to 160.")] = 28,
    backend: Annotated[str, typer.Option("--flow", help="dis-fine, dis, tvl1, farneback.")] = "dis-fine",
    window: Annotated[float, typer.Option(help="Pixels in which flow is steadied; 0 for not at all.")] = 5.0,
    scaling: Annotated[
        str,
        typer.Option(help="stretched, as published: each channel onto 0 to 255; or symmetric: zero is 128."),
    ] = "stretched",
    order: Annotated[
        str, typer.Option(help="Of PNG channels: rgb, as published, is u, v, strain; or bgr.")
    ] = "rgb",
    png: Annotated[bool, typer.Option("--png", help="With --data: a PNG for every clip as well.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; as many as processors by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Make the u, v, strain input from raw frames: flow from onset to apex.

    The face is found, cut out, and the head's motion removed. Of a clip it
    writes CLIP.npz (float: u, v in pixels of a 160 px wide crop, strain) and
    CLIP.png (8 bits). Of a dataset it writes maps.npz, and of the clips of
    MEGC2019 flow.npz and samples.csv, which --data megc2019-flow=OUT reads;
    typed again, a stopped run goes on.

    \b
    [bold]Examples[/bold]
    merkit flow sub01/EP02_01f --onset 46 --apex 59 --offset 86 --fps 200
    merkit flow smile.mp4 -o maps --scaling symmetric
    merkit flow face_crops/ --face whole --order bgr
    merkit flow --data casme2=CASME2 --data smic-hs=SMIC --data samm=SAMM -o maps
    merkit evaluate flow-svm --data megc2019-flow=maps --protocol megc2019
    """
    from dataclasses import replace

    from merkit.cli.first_use import fetch_missing_models
    from merkit.cli.flow_set import Wanted
    from merkit.cli.progress import Talk
    from merkit.errors import ConfigError
    from merkit.inputs.flow_strain import LIMITS, MAP_FLOW, ORDERS, SCALINGS

    if bool(clips) == bool(data):
        raise ConfigError("give clips, or datasets with --data NAME=ROOT; see merkit flow --help")
    for option, value, allowed in (("--scaling", scaling, SCALINGS), ("--order", order, ORDERS)):
        if value not in allowed:
            raise ConfigError(f"{option} {value}: there is {' and '.join(allowed)}")
    if not 8 <= size <= 160:
        raise ConfigError(f"--size {size}: give 8 to 160")
    talk = Talk(quiet=quiet, answers=not as_json)
    settings = replace(MAP_FLOW, face=face, backend=backend, window=window)
    wanted = Wanted(settings, size, scaling, order, png)
    marks = {"onset": onset, "apex": apex, "offset": offset}
    if face == "detect":
        fetch_missing_models(talk.say)
    if clips:
        if len(clips) > 1 and any(mark is not None for mark in marks.values()):
            raise ConfigError("--onset, --apex and --offset are of one clip; give one, or leave them out")
        _of_clips(clips, out, wanted, marks, fps, as_json, talk)
        return
    for name, mark in marks.items():
        if mark is not None:
            raise ConfigError(f"--{name}: datasets have their own; leave it out")
    made = _of_data(data or [], out, wanted, fps, workers, talk)
    for line in made.failed:
        talk.say(f"left out: {line}")
    if as_json:
        import json
        from dataclasses import asdict

        typer.echo(
            json.dumps({"out": str(out), "scaling": scaling, "limits": LIMITS, **asdict(made)}, indent=2)
        )
        return
    for line in in_words(made, out):
        talk.answer(line)


def in_words(made: Made, out: Path) -> list[str]:
    """What was made of datasets, and how to go on."""
    lines = [
        f"{out / 'maps.npz'}: {made.maps} maps"
        + (f", {made.kept} were there already" if made.kept else "")
        + (f", {made.estimated} with an estimated apex" if made.estimated else "")
        + (f"; {len(made.failed)} clips have none" if made.failed else "")
    ]
    if made.released:
        lines += [
            f"{out / 'flow.npz'}: {made.released} of them are clips of MEGC2019, in its form",
            f"check it: merkit datasets doctor megc2019-flow {out}",
            f"use it:   merkit evaluate flow-svm --data megc2019-flow={out} --protocol megc2019",
        ]
    return lines


def _of_data(
    data: list[str], out: Path, wanted: Wanted, fps: float | None, workers: int | None, talk: Talk
) -> Made:
    from merkit.cli.flow_set import make_release
    from merkit.cli.settings import parse_data
    from merkit.datasets import read_dataset
    from merkit.processes import cores

    tables = {}
    for name, root in parse_data(data).items():
        options: dict[str, Any] = {"fps": fps} if name == "folders" and fps else {}
        tables[name] = read_dataset(name, root, **options)
    with talk.progress(out.name or str(out)) as progress:
        return make_release(tables, out, wanted, workers or cores(), progress)


def _of_clips(
    paths: list[Path], out: Path, wanted: Wanted, marks: dict[str, int | None], fps: float | None,
    as_json: bool, talk: Talk,
) -> None:  # fmt: skip
    """One npz and one PNG a clip; a clip that cannot be read does not stop the others."""
    import json

    from merkit.cli.batch import removed_if_empty, result_folders
    from merkit.cli.failure import report
    from merkit.errors import MerkitError
    from merkit.inputs.flow_strain import flow_strain
    from merkit.saving import plain_refusals

    status, about = 0, []
    with plain_refusals(out):
        out.mkdir(parents=True, exist_ok=True)
    with removed_if_empty(out), talk.progress("flow") as progress:
        for done, (path, target) in enumerate(result_folders(paths, out).items()):
            progress(done, len(paths), "measuring flow")
            try:
                clip = _clip(path, marks, fps)
                seen = flow_strain(clip, wanted.settings, size=wanted.size)
                _write(target, clip, seen, wanted)
            except MerkitError as error:
                status = report(error)
                continue
            if clip.fps is None:
                talk.say(f"note: {path}: without --fps single frames are compared, none are averaged")
            if seen.apex.note:
                talk.say(f"note: {path}: {seen.apex.note}")
            files = {kind: f"{target}.{kind}" for kind in ("npz", "png")}
            found = {"apex": seen.apex.number, "apex_is": seen.apex.origin, "px200": round(seen.px200, 4)}
            about.append({"clip": str(path), **files, **found})
            moved = f"apex {seen.apex.number}, {seen.px200:.2f} px of a 200 px face"
            talk.answer(f"{path}: {target}.npz and .png; {moved}")
    if as_json:
        typer.echo(json.dumps(about, indent=2))
    if status:
        raise typer.Exit(status)


def _clip(path: Path, marks: dict[str, int | None], fps: float | None) -> Clip:
    from merkit.clips import Clip
    from merkit.errors import DataError
    from merkit.video.open import open_video

    if not path.exists():
        raise DataError(f"{path}: no such file or folder; give the frames of a clip")
    given: dict[str, Any] = {name: value for name, value in marks.items() if value is not None}
    if path.is_dir():
        return Clip.from_folder(path, fps=fps, **given)
    with open_video(path, fps=fps) as video:
        rate = video.fps
    return Clip.from_video(path, fps=rate, **given)


def _write(target: Path, clip: Clip, seen: FlowStrain, wanted: Wanted) -> None:
    import numpy as np

    from merkit.inputs.flow_strain import to_picture, write_picture
    from merkit.saving import whole_file

    first = clip.source.numbers[0] if clip.onset is None else clip.onset
    # A stem may have dots of its own.
    with whole_file(target.with_name(f"{target.name}.npz")) as part, part.open("wb") as file:
        np.savez_compressed(file, values=seen.values, onset=first, apex=seen.apex.number, px200=seen.px200)
    write_picture(
        target.with_name(f"{target.name}.png"), to_picture(seen.values, wanted.scaling), wanted.order
    )
