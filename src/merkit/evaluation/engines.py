"""Where the folds are trained: here one after the other, or in processes of their own."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from merkit.errors import ConfigError
from merkit.evaluation.job import Job, Outcome, work
from merkit.processes import cores, in_processes

ENGINES = ("auto", "serial", "processes")

Key = TypeVar("Key")


def run_jobs(
    keys: Sequence[Key], make_job: Callable[[Key], Job], *, engine: str = "auto", workers: int | None = None
) -> Iterator[tuple[Key, Outcome]]:
    """Do the job of every key, in any order.

    Parameters
    ----------
    keys : sequence
    make_job : callable
        Makes the job of a key when its turn comes, so that not all of them are in memory.
    engine : {"auto", "serial", "processes"}
        "auto" takes processes where there are several jobs and processors.
    workers : int, optional
        Number of processes; as many as processors by default.

    Raises
    ------
    ConfigError
        For an unknown engine, or a method that cannot be sent to another process.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine={engine!r}: allowed are {', '.join(ENGINES)}")
    if workers is not None and workers < 1:
        raise ConfigError(f"workers={workers}: give 1 or more")
    count = min(workers or cores(), len(keys))
    if engine == "serial" or (engine == "auto" and count < 2):
        return ((key, work(make_job(key))) for key in keys)
    return _in_processes(keys, make_job, max(count, 1))


def _in_processes(
    keys: Sequence[Key], make_job: Callable[[Key], Job], workers: int
) -> Iterator[tuple[Key, Outcome]]:
    def make_sendable(key: Key) -> Job:
        job = make_job(key)
        _check_sendable(job)
        return job

    # Started afresh: a worker has no memory of the runner, and so no test labels.
    return in_processes(keys, make_sendable, work, workers, caller="evaluate")


def _check_sendable(job: Job) -> None:
    try:
        pickle.dumps(job.method)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"{job.method.name} cannot be sent to another process ({error}); define it at the top of a "
            "module, or use engine='serial'"
        ) from error
