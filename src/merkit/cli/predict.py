"""``merkit predict``: what a trained model says of clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from merkit.cli.data import NoCache, NoRepair, read_tables
from merkit.cli.failure import BUG, WRONG_INPUT, explain

if TYPE_CHECKING:
    from merkit.cache import ClipCache
    from merkit.clips import Clip

MOST_S = 10.0
"""A file that lasts longer is no clip of one expression, and all of its frames would be held in memory."""
_DIGITS = 6


@dataclass(frozen=True)
class Judged:
    """What a model says of one clip.

    Attributes
    ----------
    clip, dataset, subject : str
    label : str
        The most probable class.
    abstained : bool
        Whether it should not be relied on.
    probabilities : dict of str to float
    explanation : dict
        Plain values; empty where it was not asked for.
    """

    clip: str
    dataset: str
    subject: str
    label: str
    abstained: bool
    probabilities: dict[str, float]
    explanation: dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("predict")(predict)


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that merkit train wrote.")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CLIP", help="Video files or folders of frames, from onset to offset."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="NAME=ROOT", help="All clips of a dataset instead; repeat."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write CSV; - for the output.")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second; folders of frames need it.")] = None,
    no_cache: NoCache = False,
    no_repair: NoRepair = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with what each prediction rests on.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Class probabilities of clips, by a model that was trained before.

    A clip is taken whole, from its first frame (onset) to its last
    (offset); for longer videos see 'merkit analyze --recognizer'. A clip
    that fails does not stop the others; the exit status is then 2.

    \b
    [bold]Examples[/bold]
    merkit predict models/mine smile.mp4 frown.mp4
    merkit predict models/mine frames/ --fps 200 --json
    merkit predict models/mine --data casme2=data/CASME2 -o predictions.csv
    """
    from merkit.cache import ClipCache
    from merkit.cli.first_use import fetch_missing_models
    from merkit.cli.progress import Talk
    from merkit.cli.settings import parse_data
    from merkit.errors import ConfigError
    from merkit.methods import load_recognizer
    from merkit.saving import write_whole

    if bool(paths) == bool(data):
        raise ConfigError("give CLIPs, or --data NAME=ROOT; see merkit predict --help")
    to_output = str(out) == "-"
    if to_output and as_json:
        raise ConfigError("-o - and --json both want the output: choose one")
    talk = Talk(quiet=quiet, answers=not (as_json or to_output))
    recognizer = load_recognizer(model)
    cache = None
    if data:
        tables = read_tables(parse_data(data), fps=fps, repair=not no_repair)
        clips: Sequence[Clip | Path] = [clip for table in tables.values() for clip in table]
        cache = None if no_cache else ClipCache()
    else:
        # Of a film of somebody nothing is kept.
        clips = list(dict.fromkeys(paths or []))
        fetch_missing_models(talk.say)
    judged: list[Judged] = []
    status = 0
    with talk.progress(model.name) as progress:
        for done, found in enumerate(_judge_all(recognizer, clips, fps, cache, explained=as_json), 1):
            progress(done, len(clips), "judging")
            if isinstance(found, Judged):
                judged.append(found)
            else:
                status = BUG if BUG in (status, found) else WRONG_INPUT
    if out is not None:
        text = _csv(judged, [str(name) for name in recognizer.classes_])
        if to_output:
            typer.echo(text, nl=False)
        else:
            write_whole(out, text)
            talk.answer(f"{len(judged)} of {len(clips)} clips judged: {out}")
    if as_json:
        typer.echo(_json(recognizer, judged), nl=False)
    elif out is None and judged and not quiet:
        _print(judged)
    if status:
        raise typer.Exit(status)


def clip_of(path: Path, fps: float | None = None) -> Clip:
    """A clip of all frames of a video file, or of a folder of them, onset to offset.

    Parameters
    ----------
    path : Path
    fps : float, optional
        Frames a second; needed for a folder.

    Raises
    ------
    DataError
        If it cannot be read, or is far too long for one expression.
    """
    from merkit.clips import Clip
    from merkit.errors import DataError
    from merkit.video import open_video

    with open_video(path, fps=fps) as reader:
        rate = float(reader.fps)
    make = Clip.from_folder if path.is_dir() else Clip.from_video
    clip = make(path, fps=rate, id=str(path))
    if len(clip.source) < 2:
        raise DataError(f"{path}: has a single frame, in which nothing moves; give all frames of a clip")
    lasts = len(clip.source) / rate
    if lasts > MOST_S:
        raise DataError(
            f"{path}: lasts {lasts:.0f} s, a clip of one expression is below {MOST_S:.0f} s; find the "
            "expressions in it with merkit analyze --recognizer"
        )
    return clip


def _judge_all(
    recognizer: Any,
    clips: Sequence[Clip | Path],
    fps: float | None,
    cache: ClipCache | None,
    *,
    explained: bool,
) -> Iterator[Judged | int]:
    """What is said of each clip; of one that fails the exit status, when its line is printed."""
    import sys

    from merkit.cli.streams import speak
    from merkit.errors import ConfigError

    for each in clips:
        name = str(each) if isinstance(each, Path) else each.id
        try:
            clip = clip_of(each, fps) if isinstance(each, Path) else each
            yield _judge(recognizer, clip, cache, explained=explained)
        except ConfigError:
            raise
        except Exception as error:
            line, status = explain(error)
            said = line.removeprefix("error: ")
            speak(f"error: {said if name in said else f'{name}: {said}'}", sys.stderr)
            yield status


def _judge(recognizer: Any, clip: Clip, cache: ClipCache | None, *, explained: bool) -> Judged:
    from merkit.report.export import plain

    # What somebody annotated is not the recognizer's business.
    blank = replace(clip, emotion=None, aus=(), objective_class=None)
    step = getattr(recognizer, "step", None)
    if cache is not None and step is not None:
        blank = cache(step, blank)
    chances = [float(chance) for chance in recognizer.predict_proba([blank])[0]]
    classes = [str(name) for name in recognizer.classes_]
    best = max(range(len(classes)), key=chances.__getitem__)
    # Of a clip in which nothing moves any class is a guess.
    abstained = chances[best] < getattr(recognizer, "abstain_below", 0.0) or _is_still(clip)
    told = plain(recognizer.explain([blank])[0]) if explained else {}
    return Judged(
        clip=clip.id,
        dataset=clip.dataset,
        subject=clip.subject,
        label=classes[best],
        abstained=abstained,
        probabilities={name: round(chance, _DIGITS) for name, chance in zip(classes, chances, strict=True)},
        explanation={**told, "abstained": abstained} if "abstained" in told else told,
    )


def _is_still(clip: Clip) -> bool:
    """Whether all frames of a clip are the same to the last bit."""
    from merkit.video.sources import MissingFrames

    if isinstance(clip.source, MissingFrames):
        return False
    first, last = clip.ends
    onset = clip.source[first]
    # One by one: mostly the second differs.
    return all(bool((clip.source[at] == onset).all()) for at in range(first + 1, last + 1))


def _csv(judged: Sequence[Judged], classes: Sequence[str]) -> str:
    import csv
    import io

    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        ["sample_id", "dataset", "subject", "label", "abstained", *(f"p_{name}" for name in classes)]
    )
    for one in judged:
        rows.writerow(
            [one.clip, one.dataset, one.subject, one.label, one.abstained, *one.probabilities.values()]
        )
    return text.getvalue()


def _json(recognizer: Any, judged: Sequence[Judged]) -> str:
    import json

    head = {"method": recognizer.name, "classes": [str(name) for name in recognizer.classes_]}
    clips = [
        {
            "sample_id": one.clip, "dataset": one.dataset, "subject": one.subject, "label": one.label,
            "abstained": one.abstained, "probabilities": one.probabilities,
            "explanation": one.explanation,
        }
        for one in judged
    ]  # fmt: skip

    def line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    # A clip a line: explanations hold long lists of numbers.
    listed = ",\n".join(map(line, clips))
    return f'{line(head)[:-1]}, "clips": [\n{listed}\n]}}\n'


def _print(judged: Sequence[Judged]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("clip", "looks like", *judged[0].probabilities, box=None, pad_edge=False)
    for one in judged:
        called = Text(f"not sure ({one.label})", style="dim") if one.abstained else Text(one.label)
        table.add_row(
            Text(one.clip, overflow="fold"), called, *(f"{p:.2f}" for p in one.probabilities.values())
        )
    Console().print(table)
