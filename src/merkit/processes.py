"""Work in several processes: started afresh, stopped together, and gone when they are left."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait as wait_for_end
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from merkit.errors import ConfigError

__all__ = ["cores", "in_processes"]

Key = TypeVar("Key")
Task = TypeVar("Task")
Result = TypeVar("Result")
_TICK_S = 0.25
_PATIENCE_S = 5.0
"""How long a worker may take to end before it is killed."""


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_processes(
    keys: Sequence[Key],
    make_task: Callable[[Key], Task],
    do: Callable[[Task], Result],
    workers: int,
    *,
    caller: str,
    prepare: Callable[..., None] | None = None,
    prepare_with: tuple[Any, ...] = (),
    on_tick: Callable[[], None] | None = None,
) -> Iterator[tuple[Key, Result]]:
    """Do the task of every key, in any order.

    Left early, by an error or by Ctrl-C, it returns when none of its processes runs any more.

    Parameters
    ----------
    keys : sequence
    make_task : callable
        Makes the task of a key when its turn comes, so that not all of them are in memory.
    do : callable
        A function at the top of a module; it and the tasks are sent to the workers.
    workers : int
    caller : str
        What a script called, for the message when the workers cannot start.
    prepare, prepare_with
        Called in every worker before its first task.
    on_tick : callable, optional
        Called here a few times a second while the work goes on.

    Raises
    ------
    ConfigError
        If a worker ends before its work.
    """
    # Started afresh and not forked: a worker knows what its task holds, and nothing else.
    context = get_context("spawn")
    before = set(active_children())
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(prepare, prepare_with)
    )
    waiting: dict[Future[Result], Key] = {}
    left = list(reversed(keys))
    finished = False
    with _noted_interrupts() as stop_if_interrupted:
        try:
            while left or waiting:
                stop_if_interrupted()
                while left and len(waiting) < 2 * workers:
                    key = left.pop()
                    task = make_task(key)
                    with _holding_back_interrupts():
                        waiting[pool.submit(do, task)] = key
                done, _ = wait(waiting, _TICK_S, return_when=FIRST_COMPLETED)
                stop_if_interrupted()
                if on_tick is not None:
                    on_tick()
                for future in done:
                    yield waiting.pop(future), future.result()
            finished = True
        except BrokenProcessPool as error:
            # At Ctrl-C the workers end too.
            stop_if_interrupted()
            raise ConfigError(
                f"a worker process ended before its work: out of memory, or a script that calls {caller} "
                "outside of `if __name__ == '__main__':`; try fewer workers"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            if not finished:
                # Nobody waits for what is being done.
                _end(set(active_children()) - before)


@contextmanager
def _noted_interrupts() -> Iterator[Callable[[], None]]:
    """Give a function that raises KeyboardInterrupt if there was one, and let it be raised nowhere else.

    An exception in the midst of the executor could leave one of its locks closed, and the program would
    wait for it for ever at its end.
    """
    noted = False

    def note(number: int, frame: object) -> None:
        nonlocal noted
        noted = True

    def stop_if_interrupted() -> None:
        if noted:
            raise KeyboardInterrupt

    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield stop_if_interrupted
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield stop_if_interrupted
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _holding_back_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from processes that are being started, until they can end without a traceback.

    They inherit what is held back; here it is only late by a moment.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(processes: Iterable[BaseProcess]) -> None:
    """End processes, and return when none of them runs any more."""
    listed = list(processes)
    for process in listed:
        process.terminate()
    for process in listed:
        # Not `join`: the pool's own thread collects the exit codes too, and who comes second learns nothing.
        if not wait_for_end([process.sentinel], _PATIENCE_S):
            process.kill()


def _begin(prepare: Callable[..., None] | None, prepare_with: tuple[Any, ...]) -> None:
    """Let a worker end when the runner is killed, or at Ctrl-C; it would wait for work for ever otherwise."""
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    if prepare is not None:
        prepare(*prepare_with)


def _end_with(sentinel: int) -> None:
    wait_for_end([sentinel])
    os._exit(1)
