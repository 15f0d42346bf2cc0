"""Worker processes: everything is done, and whatever ends the work leaves no process and no lock."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing import active_children
from multiprocessing.connection import wait
from pathlib import Path

import pytest

from merkit.errors import ConfigError
from merkit.processes import in_processes

_made_ready = ""


def running() -> list[int]:
    """Child processes that have not ended; who has is not always collected yet."""
    return [child.pid or 0 for child in active_children() if not wait([child.sentinel], 0)]


def make_ready(word: str) -> None:
    global _made_ready
    _made_ready = word


def square(number: int) -> tuple[int, str, int]:
    return number**2, _made_ready, os.getpid()


def vanish(number: int) -> int:
    if number == 1:
        # Late, so that the other worker has nothing to do any more.
        time.sleep(0.3)
        os._exit(9)
    return number


def endless(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    while True:
        pass


def test_every_key_is_done_by_workers_that_were_made_ready() -> None:
    done = dict(
        in_processes(
            range(7), lambda key: key + 1, square, 2, caller="f", prepare=make_ready, prepare_with=("x",)
        )
    )
    assert {key: value[:2] for key, value in done.items()} == {key: ((key + 1) ** 2, "x") for key in range(7)}
    assert os.getpid() not in {value[2] for value in done.values()}


def test_a_worker_that_ends_before_its_work_is_said_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"a worker process ended .* calls make_all outside") as said:
        list(in_processes(range(4), int, vanish, 2, caller="make_all"))
    assert "\n" not in str(said.value)
    assert not running()


def test_an_interrupt_ends_the_workers_and_is_raised_once(tmp_path: Path) -> None:
    def interrupt() -> None:
        # As soon as a worker works, Ctrl-C; the handler only notes it.
        if any(tmp_path.iterdir()):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        list(in_processes([tmp_path], lambda key: key, endless, 1, caller="f", on_tick=interrupt))
    assert not running()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    work = in_processes([0, 1, 2, 3], lambda key: tmp_path if key else 3, quick_or_endless, 2, caller="f")
    assert next(work) == (0, 9)
    work.close()  # type: ignore[attr-defined]
    assert not running()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def quick_or_endless(task: int | Path) -> int:
    if isinstance(task, int):
        return task**2
    endless(task)
    return 0
