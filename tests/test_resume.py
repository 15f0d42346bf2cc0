"""A run can be killed at any moment and ends with the bytes of an undisturbed one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from evaluation_kit import BySubject, ByThirds, toy_table

from merkit.clips import ClipTable
from merkit.errors import ConfigError, DataError
from merkit.evaluation import evaluate
from merkit.methods.network_config import NetworkConfig

FILES = ("predictions.csv", "metrics.json")
TABLE = toy_table(subjects=6)
SEEDS = 2
FOLDS = 6 * SEEDS


class Slow(ByThirds):
    """Takes as long as it takes to lose a race against being killed, in one thread."""

    def fit(self, clips, labels, groups, *, context=None):
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10_000)
        return super().fit(clips, labels, groups, context=context)


def run(out: Path, **how):
    return evaluate(Slow, {"toy": TABLE}, BySubject(), seeds=SEEDS, out=out, engine="serial", **how)


def contents(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[list[bytes], float]:
    folder = tmp_path_factory.mktemp("undisturbed")
    began = time.perf_counter()
    run(folder)
    return contents(folder), time.perf_counter() - began


def test_equal_runs_give_equal_bytes(undisturbed, tmp_path):
    run(tmp_path)
    assert contents(tmp_path) == undisturbed[0]


@pytest.mark.parametrize("moment", np.random.default_rng(7).uniform(0.02, 1.1, 10).round(3))
def test_killed_at_a_random_moment_it_ends_with_the_same_bytes(moment, undisturbed, tmp_path):
    expected, takes = undisturbed
    # Forked, so that no time goes into importing: the moment falls into the run itself.
    child = multiprocessing.get_context("fork").Process(target=run, args=(tmp_path,))
    child.start()
    child.join(moment * takes)
    child.kill()
    child.join()
    assert child.exitcode in (-9, 0)
    result = run(tmp_path)
    assert contents(tmp_path) == expected
    assert list(tmp_path.rglob(".*")) == []
    assert result.run["folds_resumed"] == FOLDS or child.exitcode == -9


@pytest.mark.parametrize("nth", [1, 2, 5, FOLDS + 1, FOLDS + 2, FOLDS + 3, FOLDS + 4])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_a_write_it_ends_with_the_same_bytes(nth, when, undisturbed, tmp_path):
    """Right before and right after a file gets its name: plan, folds, and the three files of the end."""

    def child() -> None:
        rename, count = os.replace, 0

        def die(source, target):
            nonlocal count
            count += 1
            if when == "after":
                rename(source, target)
            if count == nth:
                os.kill(os.getpid(), 9)
            if when == "before":
                rename(source, target)

        os.replace = die
        run(tmp_path)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == -9
    run(tmp_path)
    assert contents(tmp_path) == undisturbed[0]
    assert list(tmp_path.rglob(".*")) == []


def test_finished_folds_are_not_trained_again(tmp_path, undisturbed):
    run(tmp_path)
    (tmp_path / "folds" / "seed-1" / "fold-0003.json").unlink()
    (tmp_path / "folds" / "seed-0" / "fold-0004.json").write_text("")  # power was lost while writing
    (tmp_path / "folds" / "seed-0" / "fold-0005.json").write_text("[1]")
    assert run(tmp_path).run["folds_resumed"] == FOLDS - 3
    assert contents(tmp_path) == undisturbed[0]


def test_more_seeds_go_on_from_fewer(tmp_path, undisturbed):
    evaluate(Slow, {"toy": TABLE}, BySubject(), seeds=1, out=tmp_path, engine="serial")
    assert run(tmp_path).run["folds_resumed"] == FOLDS // SEEDS
    assert contents(tmp_path) == undisturbed[0]


def test_the_folder_of_another_run_is_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(ConfigError, match="holds a run with epochs null, this one has 1; choose another"):
        run(tmp_path, overrides={"epochs": 1})
    with pytest.raises(ConfigError, match="holds a run with audit false, this one has true"):
        run(tmp_path, audit=True)
    with pytest.raises(ConfigError, match="holds a run of other clips, labels or annotations"):
        evaluate(Slow, {"toy": toy_table(6, seed=1)}, BySubject(), seeds=SEEDS, out=tmp_path, engine="serial")


@pytest.mark.parametrize("change", [{"apex": 1}, {"aus": ("4",)}, {"fps": 50.0}])
def test_folds_of_other_annotations_are_not_taken_over(change, tmp_path):
    def evaluated(table):
        evaluate(ByThirds, {"toy": table}, BySubject(), out=tmp_path, engine="serial")

    evaluated(TABLE)
    first, *others = TABLE
    evaluated(ClipTable.from_clips([replace(first), *others]))
    with pytest.raises(ConfigError, match="holds a run of other clips, labels or annotations"):
        evaluated(ClipTable.from_clips([replace(first, **change), *others]))


class FromWeights(ByThirds):
    config: object


def test_folds_that_started_from_other_weights_are_not_taken_over(tmp_path):
    start, out = tmp_path / "start", tmp_path / "run"
    start.mkdir()
    (start / "model.safetensors").write_bytes(b"one")

    def method():
        made = FromWeights()
        made.config = NetworkConfig(pretrained=str(start))
        return made

    def again():
        evaluate(method, {"toy": TABLE}, BySubject(), out=out, engine="serial")

    def knows(*people):
        (start / "card.json").write_text(json.dumps({"about": {"trained_subjects": people}}))

    knows()
    again()
    again()
    knows("toy/s01")
    with pytest.raises(ConfigError, match="holds a run that started from other weights"):
        again()
    knows()
    (start / "model.safetensors").write_bytes(b"another")
    with pytest.raises(ConfigError, match="holds a run that started from other weights"):
        again()
    (start / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"pretrained: .* cannot be read"):
        again()


@pytest.mark.parametrize("anything", [True, 3, "imagenet"])
def test_what_another_method_calls_pretrained_is_its_own_business(anything):
    def method():
        made = FromWeights()
        made.config = SimpleNamespace(pretrained=anything)
        return made

    evaluate(method, {"toy": TABLE}, BySubject(), engine="serial")


def test_two_runs_do_not_work_in_one_folder(tmp_path, undisturbed):
    said: list[str] = []

    def also(done, total, stage):
        if stage == "folds" and not said:
            said.append("")
            with pytest.raises(ConfigError, match="a run is at work there"):
                run(tmp_path)

    run(tmp_path, on_progress=also)
    assert said
    assert contents(tmp_path) == undisturbed[0]
    # It is given back at the end, and by a run that was stopped.
    assert run(tmp_path).run["folds_resumed"] == FOLDS


def test_processes_give_the_bytes_of_one_process(tmp_path, undisturbed):
    evaluate(Slow, {"toy": TABLE}, BySubject(), seeds=SEEDS, out=tmp_path, engine="processes", workers=2)
    assert contents(tmp_path) == undisturbed[0]


class Endless(ByThirds):
    """Ends only with its process, whose number it tells."""

    def fit(self, clips, labels, groups, *, context=None):
        (Path(os.environ["MERKIT_TEST_PID"]) / f"{os.getpid()}-{os.getppid()}").touch()
        while True:
            time.perf_counter()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_when_the_runner_is_stopped(number, tmp_path, monkeypatch):
    monkeypatch.setenv("MERKIT_TEST_PID", str(tmp_path))

    def parent() -> None:
        # Started in the background, the tests may ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(KeyboardInterrupt):
            evaluate(Endless, {"toy": TABLE}, BySubject(), out=tmp_path / "out", workers=2)

    process = multiprocessing.get_context("fork").Process(target=parent)
    process.start()
    # Each fold has a process of its own, a copy of its worker.
    told = wait_until(lambda: [p.name.split("-") for p in tmp_path.iterdir() if "-" in p.name])
    os.kill(process.pid, number)
    process.join()
    pids = [int(pid) for pair in told for pid in pair]
    assert wait_until(lambda: not any(alive(pid) for pid in pids))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition):
    """Poll, as there is nothing to wait on: the processes belong to somebody else."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if found := condition():
            return found
        os.sched_yield()
    return None
