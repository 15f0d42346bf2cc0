"""The runner: a recognizer under a protocol, with several seeds, honestly and to be continued at any time."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from merkit import __version__
from merkit.cache import ClipCache
from merkit.clips import ClipTable
from merkit.errors import ConfigError, DataError
from merkit.evaluation.audit import audit_of
from merkit.evaluation.engines import check_engine, run_jobs
from merkit.evaluation.filling import prepared_by_all
from merkit.evaluation.job import Job, Method
from merkit.evaluation.predictions import text_of
from merkit.evaluation.provenance import provenance, settings_are
from merkit.evaluation.result import Result, json_text
from merkit.evaluation.scores import scores_of
from merkit.evaluation.store import RunFolder
from merkit.evaluation.trial import Key, OnProgress, Trial
from merkit.methods.network_config import NetworkConfig
from merkit.methods.recognizer import Recognizer
from merkit.methods.registry import PUBLISHED
from merkit.saving import refusal, write_whole

_DEVICE = re.compile(r"cpu|cuda(:\d+)?")


def evaluate(
    method: str | Callable[..., Recognizer],
    tables: Mapping[str, ClipTable],
    protocol: Any,
    *,
    seeds: int | Sequence[int] = 1,
    out: str | Path | None = None,
    config: str = PUBLISHED,
    overrides: Mapping[str, Any] | None = None,
    engine: str = "auto",
    workers: int | None = None,
    audit: bool = False,
    device: str = "cpu",
    artifacts: Mapping[str, Any] | Callable[[str], Mapping[str, Any]] | None = None,
    closed: Sequence[str | Path] = (),
    cache: ClipCache | None = None,
    on_progress: OnProgress | None = None,
) -> Result:
    """Cross-validate a recognizer so that a reviewer can trust the score.

    The recognizer gets the labels of training clips only; of the test clips it sees frames and features
    under opaque ids.  The guard refuses overlap of persons or content between training and test, a
    recognizer or artifact that knows a test subject, and predictions that depend on the other test clips.
    Finished folds are kept in `out`, so that a stopped run goes on where it was and ends with the same
    bytes.

    Parameters
    ----------
    method : str or callable
        Registered name, or a function that makes an unfitted recognizer.
    tables : mapping of name to ClipTable
        Datasets by the name of their reader.
    protocol : str or Protocol
    seeds : int or sequence of int
        How many (0, 1, …), or which.
    out : path, optional
        Folder of the run; nothing is kept without it.
    config : str
        Named configuration of a registered method.
    overrides : mapping, optional
        Settings that differ from it.
    engine, workers
        See :func:`merkit.evaluation.engines.run_jobs`.
    audit : bool
        Also score the epoch that does best on each test subject, to show how much that would lie.
    device : str
        Where networks run: ``cpu``, ``cuda``, or ``cuda:1`` and so on.
    artifacts : mapping, or callable from the name of a fold to a mapping
        Things shared between folds, each with ``trained_subjects``.
    closed : sequence of path
        Folders, such as those of the data, in which the method may open no file by itself.
    cache : ClipCache, optional
        Where what the method computes of each clip beforehand is looked up and kept.  It changes no byte of
        the result.
    on_progress : callable, optional
        ``on_progress(done, total, stage)``.

    Returns
    -------
    Result

    Raises
    ------
    LeakageError
        If test data would reach training, selection or scaling.
    ConfigError
        For an unknown name or value, or a folder that holds another run.
    DataError
        If the clips cannot be used.
    """
    began, started = time.perf_counter(), datetime.now(UTC)
    tell = on_progress or (lambda done, total, stage: None)
    seed_list = _seeds(seeds)
    recipe = _recipe(method, config, overrides or {})
    check_device(device)
    check_engine(engine, recipe)
    if isinstance(protocol, str):
        from merkit.protocols import get_protocol

        protocol = get_protocol(protocol)
    example = recipe.make()
    start = start_of(example)
    trial = Trial.prepare(protocol, tables, tell)
    plan = {
        "merkit": __version__,
        "method": recipe.name,
        "config": settings_in_use(example, recipe),
        **start,
        "device": device,
        "audit": audit,
        **trial.plan(),
    }
    with _folder(out) as path, RunFolder(path, plan) as store:
        keys = [(seed, index) for seed in seed_list for index in range(len(trial.folds))]
        shut = (path, *closed, *((cache.folder.path,) if cache is not None else ()))
        records = {key: record for key in keys if (record := store.fold(*key)) is not None}
        resumed = len(records)

        def make_job(key: Key) -> Job:
            name = trial.folds[key[1]].name
            shared = artifacts(name) if callable(artifacts) else artifacts or {}
            return trial.job(
                key, recipe, device=device, artifacts=shared, follow=audit, closed=shut, since=store.began,
            )  # fmt: skip

        tell(resumed, len(keys), "folds")
        todo = [key for key in keys if key not in records]
        if todo:
            at_once = 1 if engine == "serial" else workers
            trial = prepared_by_all(trial, recipe, tell, shut, store.began, cache, at_once)
            tell(resumed, len(keys), "folds")
        for key, outcome in run_jobs(todo, make_job, engine=engine, workers=workers):
            records[key] = trial.record(key, outcome)
            store.keep(*key, records[key])
            tell(len(records), len(keys), "folds")
        frame = trial.pooled(seed_list, records)
        metrics: dict[str, Any] = {
            "method": recipe.name,
            "config": recipe.config if recipe.factory is None else None,
            "protocol": trial.protocol,
            "classes": list(trial.classes),
            "class_counts": trial.class_counts(),
            "seeds": seed_list,
            "settings": settings_are(example, set(trial.clips.frame["dataset"])),
            "leak_free": not audit,
            **scores_of(frame, trial.classes),
        }
        if audit:
            metrics["audit"] = audit_of(recipe.name, trial, seed_list, records, metrics["overall"])
        run = {
            **plan,
            "seeds": seed_list,
            "engine": engine,
            "workers": workers,
            "n": len(trial.clips),
            "subjects": len(np.unique(trial.sample.persons)),
            "dropped": trial.left_out(),
            "guard": {
                "leak_free": not audit,
                "folds": len(trial.folds),
                "test_labels_in_process": engine == "serial",
                "chose_inside_folds": any(record["guard"]["select"] for record in records.values()),
            },
            "warnings": [*trial.warnings(), *_notes_of(records)],
            "folds_resumed": resumed,
            "fold_seconds": {f"{s}/{trial.folds[i].name}": records[s, i]["seconds"] for s, i in keys},
            "started": started.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - began, 2),
            **provenance(device),
        }
        write_whole(path / "predictions.csv", text_of(frame))
        write_whole(path / "metrics.json", json_text(metrics))
        write_whole(path / "run.json", json_text(run))
    return Result(None if out is None else Path(out), frame, metrics, run)


def _notes_of(records: Mapping[Key, Mapping[str, Any]]) -> list[str]:
    """What recognizers said of their training clips, and in how many of the trainings."""
    notes = Counter(note for record in records.values() for note in record.get("notes", ()))
    return [f"{note} (in {count} of {len(records)} trainings)" for note, count in notes.items()]


def check_device(device: str) -> None:
    """Refuse what is no place for a network.

    Raises
    ------
    ConfigError
        If it is neither ``cpu`` nor ``cuda`` with or without a number, or this machine has none such.
    """
    if not _DEVICE.fullmatch(device):
        raise ConfigError(f"device={device!r}: allowed are cpu, cuda, and cuda:0, cuda:1, …")
    if device == "cpu":
        return
    import torch

    count = torch.cuda.device_count()
    if int(device.partition(":")[2] or 0) >= count:
        raise ConfigError(
            f"device={device!r}: PyTorch finds {count or 'no'} CUDA device{'s' * (count != 1)} here; "
            "give cpu, or install a build of PyTorch for your card"
        )


def settings_in_use(recognizer: Any, recipe: Method) -> dict[str, Any]:
    """All settings of an unfitted recognizer, as far as it tells, in plain values."""
    config = getattr(recognizer, "config", None)
    if is_dataclass(config) and not isinstance(config, type):
        return {name: _plain(value) for name, value in asdict(config).items()}
    return {name: _plain(value) for name, value in recipe.overrides.items()}


def start_of(recognizer: Any) -> dict[str, str]:
    """A digest of the weights that an unfitted network will start from, and of whom they know; or nothing."""
    config = getattr(recognizer, "config", None)
    if not isinstance(config, NetworkConfig) or config.pretrained is None:
        return {}
    from merkit.training.pretrained import CARD, WEIGHTS

    named = Path(config.pretrained)
    path = named / WEIGHTS if named.is_dir() else named
    try:
        with path.open("rb") as file:
            sha = hashlib.file_digest(file, "sha256")
        # A card that tells nobody is refused by who reads the weights.
        with suppress(ValueError, KeyError, TypeError, FileNotFoundError, NotADirectoryError):
            about = json.loads((named / CARD).read_text("utf-8"))["about"]
            sha.update(repr(sorted(map(str, about["trained_subjects"]))).encode())
        return {"starts_from": sha.hexdigest()}
    except OSError as error:
        raise DataError(
            f"pretrained: {path} cannot be read ({refusal(error)}); give a folder that merkit pretrain or "
            "merkit train made"
        ) from error


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    chosen = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not chosen or len(set(chosen)) < len(chosen) or min(chosen) < 0:
        raise ConfigError(f"seeds={seeds!r}: give how many (1 or more), or different numbers of 0 or more")
    return chosen


def _recipe(method: str | Callable[..., Recognizer], config: str, overrides: Mapping[str, Any]) -> Method:
    if isinstance(method, str):
        return Method(method, dict(overrides), config=config)
    if not callable(method):
        raise ConfigError(
            f"method={type(method).__name__} object: give a registered name, or a function that makes a new "
            "recognizer for every fold"
        )
    behind = getattr(method, "func", method)  # of functools.partial
    name = str(getattr(behind, "name", None) or getattr(behind, "__name__", type(behind).__name__))
    if config != PUBLISHED:
        raise ConfigError(f"config={config!r}: {name} is not registered, so it has no named configurations")
    return Method(name, dict(overrides), method)


def _plain(value: Any) -> Any:
    """A setting as JSON can hold it, the same in every run: objects by their name, not their address."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return str(getattr(value, "__qualname__", None) or type(value).__qualname__)


def _folder(out: str | Path | None) -> AbstractContextManager[Path]:
    """The folder of the run, or one that is gone afterwards."""
    return nullcontext(Path(out)) if out is not None else _temporary()


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
