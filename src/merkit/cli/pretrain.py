"""``merkit pretrain``: weights to start from, learnt on pictures of expressions or on simulated clips."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from merkit.cli.settings import ConfigName

_FOR_PICTURES = ("names", "per_class", "face", "subjects", "epochs")
_FOR_SIMULATED = ("clips", "level", "size", "force")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("pretrain")(pretrain)


def pretrain(
    context: typer.Context,
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            help="With IMAGES akmnet, fal-convlstm or sma-stn; with --simulated any network.",
        ),
    ],
    images: Annotated[
        Path | None, typer.Argument(metavar="IMAGES", help="A folder of pictures for each expression.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Where weights and card go.")],
    simulated: Annotated[
        int | None,
        typer.Option(metavar="PEOPLE", help="Simulated clips of so many people (2 to 24) instead.", min=2),
    ] = None,
    clips: Annotated[int, typer.Option(min=3, help="How many of each of them.")] = 12,
    level: Annotated[str, typer.Option(help="How hard these are: easy, medium or hard.")] = "medium",
    size: Annotated[int, typer.Option(help="Width of their frames in pixels: 128 or 64.")] = 128,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="NAME=CLASS",
            help="What a folder means: positive, negative, surprise, others or skip; repeat, or with commas.",
        ),
    ] = None,
    per_class: Annotated[
        int, typer.Option(min=2, help="Pictures of a class at most, drawn by the seed.")
    ] = 1000,
    face: Annotated[str, typer.Option(help="whole: pictures are faces; detect: find the face.")] = "whole",
    subjects: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET/SUBJECT",
            help="Somebody in the pictures who is also in an evaluated dataset; repeat, or with commas.",
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the pictures.")] = 30,
    config: ConfigName = "published",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting of the method, with IMAGES of its network; repeat."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw, the weights and the training.")] = 0,
    device: Annotated[str, typer.Option(help="Where the network runs: cpu, cuda or cuda:1, …")] = "cpu",
    force: Annotated[
        bool, typer.Option("--force", help="With --simulated: replace a model that is there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print card.json.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Train the part of a network that sees single pictures, or any network on simulated clips.

    Folders have the usual names of expressions (happy, sadness, …), at any
    depth, or are named by --map. A tenth of the pictures is held out for the
    accuracy that is reported. A stopped training goes on when typed again.

    \b
    [bold]Examples[/bold]
    merkit pretrain akmnet expressions/ -o starts/akmnet
    merkit pretrain akmnet rated/ -o starts/rated --map 1=positive,2=negative
    merkit pretrain akmnet photos/ -o starts/photos --face detect
    merkit pretrain sma-stn --simulated 24 -o starts/sma-stn --set epochs=40
    merkit evaluate akmnet … --set pretrained=starts/akmnet
    """
    import json

    from merkit.cli.progress import Talk
    from merkit.cli.settings import parse_settings
    from merkit.errors import ConfigError

    if (images is None) == (simulated is None):
        raise ConfigError("give IMAGES, or --simulated PEOPLE; see merkit pretrain --help")
    _refuse_options_of(context, _FOR_SIMULATED if simulated is None else _FOR_PICTURES)
    if simulated is not None:
        _on_simulated(
            method, out, simulated, clips, level, size, config=config, words=settings or [], seed=seed,
            device=device, force=force, as_json=as_json, quiet=quiet,
        )  # fmt: skip
        return
    assert images is not None
    talk = Talk(quiet=quiet, answers=not as_json)
    overrides = parse_settings(settings or [], example="size=64")
    meant = _meant(names or [])
    from merkit.pretraining.expressions import Pretraining, pretrain_on_pictures

    with talk.progress(method) as progress:
        found = pretrain_on_pictures(
            method, images, out, config=config, overrides=overrides,
            how=Pretraining(per_class, face, epochs), names=meant,
            subjects=[who for word in subjects or [] for who in word.split(",")], seed=seed, device=device,
            on_note=lambda line: talk.say(f"left out {line}"), on_progress=progress,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(found.card, indent=2, ensure_ascii=False))
        return
    for line in in_words(found.card):
        talk.answer(line)
    talk.answer(f"weights: {out}; start from them with --set pretrained={out}")


def _refuse_options_of(context: typer.Context, others: tuple[str, ...]) -> None:
    """Refuse options of the other way of pre-training, which would have no effect."""
    from merkit.errors import ConfigError

    for name in others:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            way = "a folder of pictures" if others is _FOR_PICTURES else "--simulated"
            option = {"names": "map", "per_class": "per-class"}.get(name, name)
            instead = "; use --set epochs=…" if name == "epochs" else ""
            raise ConfigError(f"--{option} is for {way}{instead}")


def _on_simulated(
    method: str, out: Path, people: int, clips: int, level: str, size: int, *, config: str, words: list[str],
    seed: int, device: str, force: bool, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Train a recognizer on simulated clips."""
    from merkit.cache import ClipCache
    from merkit.cli.progress import Talk
    from merkit.cli.settings import parse_settings
    from merkit.cli.train import in_words as trained_in_words
    from merkit.evaluation.train import CARD
    from merkit.pretraining.simulated import pretrain_on_simulated

    talk = Talk(quiet=quiet, answers=not as_json)
    with talk.progress(method) as progress:
        model = pretrain_on_simulated(
            method, out, people=people, clips=clips, level=level, size=size, config=config,
            overrides=parse_settings(words), seed=seed, device=device, cache=ClipCache(),
            force=force, on_progress=progress,
        )  # fmt: skip
    if as_json:
        typer.echo((out / CARD).read_text("utf-8"), nl=False)
    for line in trained_in_words(model.card, out):
        talk.answer(line)
    talk.answer(f"start from it with --set pretrained={out}")


def in_words(card: Mapping[str, Any]) -> list[str]:
    """What a card says, for a reader."""
    counts = card["pictures"]
    learnt = ", ".join(f"{name} {count['trained']}" for name, count in counts.items())
    tested = sum(count["held_out"] for count in counts.values())
    most = max(count["held_out"] for count in counts.values()) / tested
    trained = card["about"]["trained_subjects"]
    people = f"people of evaluated datasets in the pictures: {', '.join(trained)}"
    return [
        f"pictures: {learnt}",
        f"accuracy {card['accuracy']:.3f} on {tested} others ({most:.3f} for always the same class)",
        people
        if trained
        else "note: taken to show nobody who will be evaluated; --subjects names who is in them",
    ]


def _meant(words: list[str]) -> dict[str, str]:
    from merkit.cli.settings import parse_settings
    from merkit.pretraining.pictures import meanings

    parts = [part for word in words for part in word.split(",")]
    meant = {name: str(value) for name, value in parse_settings(parts, "--map", "6=negative").items()}
    # Misspelt classes are refused before torch is loaded.
    meanings(meant)
    return meant
