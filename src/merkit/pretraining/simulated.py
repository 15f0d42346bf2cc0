"""Weights to start from into which no licensed data went: any recognizer, learnt on simulated clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from merkit.cache import ClipCache
from merkit.clips import ClipTable
from merkit.errors import ConfigError
from merkit.evaluation.train import check_recipe, train_model
from merkit.evaluation.trial import OnProgress
from merkit.methods.networks import get_network
from merkit.methods.recognizer import Recognizer
from merkit.methods.registry import PUBLISHED
from merkit.protocols.own_data import own_data
from merkit.simulate import simulate_table
from merkit.simulate.synthme import synthme_settings

DATASET = "simulated"
PEOPLE = 24
"""As many as SynthME-1 has, and other ones."""
_CLASSES = 3
_SEED = 50_000
"""Far from the seed of the benchmark, none of whose people may be learnt from."""


def pretrain_on_simulated(
    method: str,
    out: str | Path,
    *,
    people: int = PEOPLE,
    clips: int = 12,
    level: str = "medium",
    size: int = 128,
    config: str = PUBLISHED,
    overrides: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "cpu",
    workers: int | None = None,
    cache: ClipCache | None = None,
    head: str | Path | None = None,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> Recognizer:
    """Train a recognizer on clips like those of SynthME-1, of other people, and save it to start from.

    Start from it with ``pretrained=out``; what fits by name
    and shape is taken over, so the classes may be others.

    Parameters
    ----------
    method : str
        A registered network method.
    out : path
        Folder of the model.
    people : int
        2 to 24.
    clips : int
        Of each of them, in three classes.
    level : {"easy", "medium", "hard"}
    size : {128, 64}
        Width and height of the frames.
    config, overrides, device, workers, cache, force, on_progress
        See :func:`merkit.evaluation.train.train_model`.
    seed : int
        Of the people, their clips and the training.
    head : path, optional
        File of the parametric head, if it is not in its usual place.

    Returns
    -------
    Recognizer

    Raises
    ------
    ConfigError
        For an unknown name or value, or a folder that is taken.
    DataError
        If there is no head file.
    """
    get_network(method)
    protocol = own_data("manifest", _CLASSES)
    # Filming takes minutes: what is misspelt or taken is refused before.
    check_recipe(method, protocol, out, config=config, overrides=overrides, device=device, force=force)
    if people < 2:
        raise ConfigError(f"people={people}: expected 2 to {PEOPLE}, as nobody is learnt from alone")
    table = other_people(people, clips, level, size, seed, head=head, workers=workers)
    return train_model(
        method, {"manifest": table}, protocol, out,
        config=config, overrides=overrides, seed=seed, device=device, workers=workers, cache=cache,
        force=force, on_progress=on_progress,
    )  # fmt: skip


def other_people(
    people: int = PEOPLE,
    clips: int = 12,
    level: str = "medium",
    size: int = 128,
    seed: int = 0,
    *,
    head: str | Path | None = None,
    workers: int | None = None,
) -> ClipTable:
    """The clips that `pretrain_on_simulated` learns from, their frames in memory; parameters as there."""
    settings = synthme_settings(level, size, _CLASSES, subjects=people, seed=_SEED + seed, head=head)
    # Filmed once, and not whenever they are looked at.
    table = simulate_table(replace(settings, clips=clips), lazy=False, workers=workers)
    return ClipTable.from_clips([replace(clip, dataset=DATASET) for clip in table])
