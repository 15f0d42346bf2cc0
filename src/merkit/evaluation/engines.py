"""Where the folds are trained: each in a process of its own, or here one after the other."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from merkit.checks import one_of
from merkit.errors import ConfigError
from merkit.evaluation.isolation import work_apart
from merkit.evaluation.job import Job, Method, Outcome, work
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
        "processes" trains every fold in a process of its own, which holds no test label and ends with the
        fold; "serial" all of them here, one after the other, for a debugger or a method that cannot be
        sent.  "auto" takes processes.
    workers : int, optional
        Number of processes; as many as processors by default.

    Raises
    ------
    ConfigError
        For a number of processes below 1.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers={workers}: give 1 or more")
    count = min(workers or cores(), len(keys))
    if engine == "serial":
        return ((key, work(_handed_over(make_job(key)))) for key in keys)
    # Started afresh: a worker has no memory of the runner, and so no test labels.
    return in_processes(keys, make_job, work_apart, max(count, 1), caller="evaluate")


def check_engine(engine: str, method: Method) -> None:
    """Refuse what :func:`run_jobs` could not do.

    Raises
    ------
    ConfigError
        For an unknown engine, or a method that cannot be sent to another process.
    """
    one_of("engine", engine, ENGINES)
    if engine == "serial":
        return
    try:
        pickle.dumps(method)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"{method.name} cannot be sent to another process ({error}); define it at the top of a module, "
            "or use engine='serial'"
        ) from error


def _handed_over(job: Job) -> Job:
    """The job with copies of its clips, as a process would get: what is done to them ends with the fold."""
    train, test = pickle.loads(pickle.dumps((job.train, job.test)))
    return replace(job, train=train, test=test)
