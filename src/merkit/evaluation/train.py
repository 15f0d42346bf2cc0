"""One deployable model: a recognizer trained on all clips of a protocol, with a card that says what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from merkit import __version__
from merkit.cache import ClipCache
from merkit.clips import ClipTable
from merkit.errors import ConfigError
from merkit.evaluation.card import card_of, scores_for_card
from merkit.evaluation.filling import prepared_by_all
from merkit.evaluation.job import Method
from merkit.evaluation.run import check_device, settings_in_use, start_of
from merkit.evaluation.store import PLAN, PlanFolder
from merkit.evaluation.trial import OnProgress, Trial
from merkit.methods.context import FitContext
from merkit.methods.recognizer import Recognizer
from merkit.methods.registry import PUBLISHED
from merkit.saving import plain_refusals, whole_folder

CARD, CHECKPOINTS = "card.json", "checkpoints"


def train_model(
    method: str,
    tables: Mapping[str, ClipTable],
    protocol: Any,
    out: str | Path,
    *,
    config: str = PUBLISHED,
    overrides: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "cpu",
    workers: int | None = None,
    closed: Sequence[str | Path] = (),
    cache: ClipCache | None = None,
    scores: str | Path | None = None,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> Recognizer:
    """Train a recognizer on all clips of a protocol, and save it with a card.

    A fit that was stopped goes on from what it kept in ``checkpoints`` of the folder.  The model appears
    there whole at the end, or not at all.

    Parameters
    ----------
    method : str
        Registered name.
    tables : mapping of name to ClipTable
        Datasets by the name of their reader.
    protocol : str or Protocol
        Says which clips, and their classes.
    out : path
        Folder of the model.
    config : str
        Named configuration of the method.
    overrides : mapping, optional
        Settings that differ from it.
    seed : int
    device : str
        Where networks run: ``cpu``, ``cuda``, or ``cuda:1`` and so on.
    workers : int, optional
        Processes that compute what the method computes of each clip beforehand; as many as processors by
        default, and one without a cache.
    closed : sequence of path
        Folders, such as those of the data, in which the method may open no file by itself meanwhile.
    cache : ClipCache, optional
        Where that is looked up and kept; it changes nothing of the model.
    scores : path, optional
        Folder of a finished run of the same method, settings and clips, whose scores go into the card.
    force : bool
        Replace a model that is there, and the state of another training.
    on_progress : callable, optional
        ``on_progress(done, total, stage)``.

    Returns
    -------
    Recognizer

    Raises
    ------
    ConfigError
        For an unknown name or value, a protocol of action units, a folder that is taken, or a run that is
        of something else.
    DataError
        If the clips cannot be used; the one is named.
    LeakageError
        If the guard refuses the clips, as it would in an evaluation.
    """
    tell = on_progress or (lambda done, total, stage: None)
    protocol = check_recipe(
        method, protocol, out, config=config, overrides=overrides, device=device, force=force
    )
    recipe, place = Method(method, dict(overrides or {}), config=config), Path(out)
    with _room_for_checkpoints(place) as checkpoints:
        trial = Trial.prepare(protocol, tables, tell)
        example = recipe.make()
        plan = {
            "merkit": __version__,
            "method": method,
            "config": settings_in_use(example, recipe),
            **start_of(example),
            "seed": seed,
            "device": device,
            **trial.plan(),
        }
        known = None if scores is None else scores_for_card(scores, plan)
        with _Training(checkpoints, plan, anew=force) as work:
            shut = (place, *closed, *((cache.folder.path,) if cache is not None else ()))
            ready = prepared_by_all(trial, recipe, tell, shut, work.began, cache, workers)
            recognizer = recipe.make()
            context = FitContext(
                seed=seed, device=device, checkpoint_dir=checkpoints, on_progress=on_progress
            )
            recognizer.fit(ready.listed, trial.truth, trial.groups, context=context)
            about = card_of(ready, recipe, seed=seed, device=device, scores=known)
            notes = [*about["notes"], *recognizer.card.get("notes", ())]
            recognizer.card = {**about, **recognizer.card, "notes": notes}
            with whole_folder(place) as draft:
                recognizer.save(draft)
    return recognizer


def check_recipe(
    method: str,
    protocol: Any,
    out: str | Path,
    *,
    config: str = PUBLISHED,
    overrides: Mapping[str, Any] | None = None,
    device: str = "cpu",
    force: bool = False,
) -> Any:
    """Refuse what :func:`train_model` would refuse before it looks at the clips; returns the protocol.

    Raises
    ------
    ConfigError
        For an unknown name or value, a protocol of action units, or a folder that is taken.
    """
    start_of(Method(method, dict(overrides or {}), config=config).make())
    check_device(device)
    if isinstance(protocol, str):
        from merkit.protocols import get_protocol

        protocol = get_protocol(protocol)
    if protocol.kind == "au":
        raise ConfigError(
            f"protocol {protocol.name} has action units, and a model knows classes: choose a protocol of "
            "classes, such as casme2-3class"
        )
    _check_free(Path(out), force)
    return protocol


class _Training(PlanFolder):
    """What a stopped fit goes on from."""

    kind = "training"
    instead = "choose another output folder, or begin anew with --force (force=True)"

    def __exit__(self, *done: object) -> None:
        """Leave the folder, and in it only what can be gone on from."""
        with suppress(OSError):
            if [item.name for item in self.path.iterdir()] == [PLAN]:
                (self.path / PLAN).unlink()
        super().__exit__(*done)


def _check_free(place: Path, force: bool) -> None:
    """Refuse a folder that holds something else, before the long work.

    Raises
    ------
    ConfigError
        If there is a model and it may not be replaced, or there is something that is none.
    """
    if not place.is_dir():
        return
    others = sorted(item.name for item in place.iterdir() if item.name != CHECKPOINTS)
    if CARD in others and not force:
        raise ConfigError(
            f"{place}: there is a model already; give --force (force=True) to replace it, or another folder"
        )
    strange = [name for name in others if CARD not in others or (place / name).is_dir()]
    if strange:
        raise ConfigError(f"{place}: holds {strange[0]}, which is no model; choose another output folder")


@contextmanager
def _room_for_checkpoints(place: Path) -> Iterator[Path]:
    """The folder where a fit keeps its state; it stays only with something in it."""
    folder = place / CHECKPOINTS
    with plain_refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        with suppress(OSError):
            folder.rmdir()
            place.rmdir()
