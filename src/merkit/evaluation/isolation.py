"""A process for every fold: nothing that one fold leaves in memory is there for the next."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import pickle
import sys
import threading
import traceback
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from merkit.errors import ConfigError
from merkit.evaluation.job import Job, Outcome, work
from merkit.evaluation.reach import is_library

# Elsewhere a process that has loaded the libraries of the system cannot be forked safely.
_FORKS = sys.platform.startswith("linux") and "fork" in multiprocessing.get_all_start_methods()


def work_apart(job: Job) -> Outcome:
    """Do the work of one fold in a process that ends with it.

    It is a copy of the worker that calls this, which has loaded the libraries and trained nothing, so that
    it is there at once.  Where processes cannot be copied, the worker does the work itself.
    """
    if not _FORKS:
        return work(job)
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, job, frozenset(sys.modules)))
    process.start()
    theirs.close()
    try:
        done, found, late = ours.recv()
    except EOFError:
        process.join()
        raise ConfigError(
            f"the process of a fold of {job.method.name} ended before its work (status {process.exitcode}), "
            "perhaps for want of memory; try fewer workers"
        ) from None
    finally:
        ours.close()
    process.join()
    for name in late:
        # Libraries that the method loads late; the next fold finds them loaded.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if not done:
        raise found
    outcome: Outcome = found
    return outcome


def _send(connection: Connection, job: Job, loaded: frozenset[str]) -> None:
    """Do the work, and send the outcome or the error, with the libraries that were loaded on the way."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    message: tuple[bool, Any]
    try:
        message = True, work(job)
    except BaseException as error:
        message = False, _sendable(error)
    late = [
        name
        for name, module in list(sys.modules.items())
        if name not in loaded and getattr(module, "__file__", None) and is_library(module.__file__)
    ]
    connection.send((*message, late))
    connection.close()


def _sendable(error: BaseException) -> BaseException:
    """The error with its traceback, or its words where it cannot be sent."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
