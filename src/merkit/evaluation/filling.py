"""Filling the clip cache: what a method computes of each clip, computed in several processes and kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Literal, NoReturn

from merkit.cache import ClipCache
from merkit.cache.key import check_unchanged, key_of
from merkit.clips import Clip, ClipTable
from merkit.errors import ConfigError, DataError, LeakageError
from merkit.evaluation.job import Method
from merkit.evaluation.people import people
from merkit.evaluation.prepared import Preparation, prepared
from merkit.evaluation.trial import OnProgress, Trial
from merkit.processes import cores, in_processes


@dataclass(frozen=True)
class Failure:
    """A clip of which nothing could be computed.

    Attributes
    ----------
    clip : str
        Its id.
    why : str
        One line.
    bug : bool
        Whether that is a fault of merkit or of the method, and not of the clip.
    """

    clip: str
    why: str
    bug: bool = False


@dataclass(frozen=True)
class Filled:
    """What became of the clips.

    Attributes
    ----------
    step : str
        Name of what was computed.
    made, there : int
        Clips of which it was computed now, and of which it was there already.
    failed : list of Failure
    remarks : list of str
        What somebody should know of the cache.
    """

    step: str
    made: int
    there: int
    failed: list[Failure]
    remarks: list[str]


def fill_cache(
    method: Method,
    clips: ClipTable,
    cache: ClipCache,
    *,
    workers: int | None = None,
    closed: Sequence[str | Path] = (),
    on_progress: OnProgress | None = None,
) -> Filled:
    """Compute and keep what a method computes of each clip beforehand, where the cache has it not yet.

    Every result is kept at once, so what was stopped goes on where it was.  A clip that fails does not stop
    the others.

    Parameters
    ----------
    method : Method
    clips : ClipTable
    cache : ClipCache
    workers : int, optional
        Number of processes; as many as processors by default.  One works here.
    closed : sequence of path
        Folders, such as that of the data, in which the method may open no file by itself.
    on_progress : callable, optional
        ``on_progress(done, total, stage)``.

    Raises
    ------
    ConfigError
        If the method computes nothing beforehand.
    DataError
        If the cache cannot be written or is full.
    LeakageError
        If the method looks for what it must not know of a clip.
    """
    tell = on_progress or (lambda done, total, stage: None)
    listed = list(clips)
    everybody = people(f"{clip.dataset}/{clip.subject}" for clip in listed)
    folders = (cache.folder.path, *closed)
    step = Preparation(method, everybody, folders).step
    if step is None:
        raise ConfigError(
            f"{method.name} computes nothing of a clip beforehand, so there is nothing to prepare"
        )
    there, todo, failed = 0, [], []
    for place, clip in enumerate(listed):
        try:
            if step.is_done(clip) or cache.find(step, clip, key_of(step, clip)) is not None:
                there += 1
            else:
                todo.append(place)
        except (DataError, OSError) as error:
            failed.append(Failure(clip.id, _one_line(error)))
        tell(place + 1, len(listed), "looking")
    if todo:
        cache.folder.check_writable()
    made = 0
    where = (cache.folder.path, cache.folder.limit, cache.folder.since)
    tasks = [_Task(method, everybody, folders, where, listed[place]) for place in todo]
    for outcome in _work(tasks, min(workers or cores(), len(todo))):
        if isinstance(outcome, Failure):
            failed.append(outcome)
        elif outcome == "made":
            made += 1
        else:
            there += 1
        tell(there + made + len(failed), len(listed), "measuring")
    cache.folder.trim()
    order = {clip.id: place for place, clip in enumerate(listed)}
    failed.sort(key=lambda failure: order[failure.clip])
    return Filled(step.name, made, there, failed, cache.remarks)


def prepared_by_all(
    trial: Trial,
    method: Method,
    tell: OnProgress,
    closed: Sequence[str | Path] = (),
    since: float = 0.0,
    cache: ClipCache | None = None,
    workers: int | None = None,
) -> Trial:
    """The same as :func:`merkit.evaluation.prepared.prepared`, with a cache in several processes.

    Raises
    ------
    DataError
        If it cannot be computed of a clip; the first is named.
    LeakageError
        If the recognizer knows a subject of the trial, or looks for what it must not know.
    """
    if cache is not None and (workers or cores()) > 1:
        preparation = Preparation(method, people(trial.groups.tolist()), closed, since)
        if preparation.step is not None:
            try:
                filled = fill_cache(
                    method, trial.clips, cache, workers=workers, closed=closed, on_progress=tell
                )
            except DataError:
                # The cache cannot be written: below the work is done without it, and that is said.
                filled = None
            if filled is not None and filled.failed:
                _refuse(filled.failed)
    return prepared(trial, method, tell, closed, since, cache)


def _refuse(failed: Sequence[Failure]) -> NoReturn:
    first = failed[0]
    more = f" ({len(failed) - 1} more clips failed)" if len(failed) > 1 else ""
    if first.bug:
        raise RuntimeError(f"clip {first.clip!r}: {first.why}{more}")
    named = "" if first.clip in first.why else f"clip {first.clip!r}: "
    raise DataError(f"{named}{first.why}{more}")


@dataclass(frozen=True)
class _Task:
    method: Method
    everybody: frozenset[str]
    closed: tuple[str | Path, ...]
    cache: tuple[Path, int, float]
    clip: Clip


_Outcome = Failure | Literal["made", "there"]


def _work(tasks: Sequence[_Task], workers: int) -> Iterator[_Outcome]:
    if workers < 2:
        yield from map(_make, tasks)
        return
    done: Iterable[tuple[int, _Outcome]] = in_processes(
        range(len(tasks)), tasks.__getitem__, _make, workers, caller="fill_cache", prepare=_one_thread
    )
    for _, outcome in done:
        yield outcome


def _one_thread() -> None:
    """Leave the other processors to the other workers."""
    import cv2

    cv2.setNumThreads(1)


def _make(task: _Task) -> _Outcome:
    """Compute what is missing of one clip, and keep it."""
    clip, cache = task.clip, _opened(*task.cache)
    preparation = Preparation(task.method, task.everybody, task.closed, task.cache[2])
    step = preparation.step
    assert step is not None
    try:
        key = key_of(step, clip)
        # Another run may be at the same work.
        if cache.find(step, clip, key) is not None:
            return "there"
        done = preparation.compute(step, clip)
        check_unchanged(step, clip, key)
    except (LeakageError, ConfigError):
        raise
    except Exception as error:
        return Failure(clip.id, _one_line(error), bug=not isinstance(error, DataError | OSError))
    cache.put(step, clip, key, done)
    return "made"


@once
def _opened(folder: Path, limit: int, since: float) -> ClipCache:
    """The cache, opened once in a process: it remembers how full it is."""
    return ClipCache(folder, limit, since)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, DataError) else f"{type(error).__name__}: {text}"
