"""Where the folds are trained: here one after the other, or in processes of their own."""

from __future__ import annotations

import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait as wait_for_end
from multiprocessing.process import BaseProcess
from typing import TypeVar

from merkit.errors import ConfigError
from merkit.evaluation.job import Job, Outcome, work

ENGINES = ("auto", "serial", "processes")

Key = TypeVar("Key")
_PATIENCE_S = 5.0
"""How long a worker may take to end before it is killed."""


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    # Started afresh and not forked: a worker has no memory of the runner, and so no test labels.
    before = set(active_children())
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent)
    waiting: dict[Future[Outcome], Key] = {}
    left = list(reversed(keys))
    try:
        while left or waiting:
            while left and len(waiting) < 2 * workers:
                key = left.pop()
                job = make_job(key)
                _check_sendable(job)
                waiting[pool.submit(work, job)] = key
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield waiting.pop(future), future.result()
    except BrokenProcessPool as error:
        raise ConfigError(
            "a worker process ended before its work: out of memory, or a script that calls evaluate outside "
            "of `if __name__ == '__main__':`; try fewer workers, or engine='serial'"
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        if waiting or left:
            # Stopped early: nobody waits for the folds that are being trained.
            _end(set(active_children()) - before)


def _end(processes: Iterable[BaseProcess]) -> None:
    """End processes, and return when none of them runs any more."""
    listed = list(processes)
    for process in listed:
        process.terminate()
    for process in listed:
        # Not `join`: the pool's own thread collects the exit codes too, and who comes second learns nothing.
        if not wait_for_end([process.sentinel], _PATIENCE_S):
            process.kill()


def _check_sendable(job: Job) -> None:
    try:
        pickle.dumps(job.method)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"{job.method.name} cannot be sent to another process ({error}); define it at the top of a "
            "module, or use engine='serial'"
        ) from error


def _end_with_parent() -> None:
    """Let a worker end when the runner is killed, or at Ctrl-C; it would wait for work for ever otherwise."""
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait_for_end([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
