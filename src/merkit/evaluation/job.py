"""One fold with one seed: what goes to a worker, and what comes back.  Test labels do neither."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip
from merkit.errors import DataError, LeakageError
from merkit.evaluation.guard import GuardedContext, Outside, check_artifacts, check_unfitted
from merkit.evaluation.people import people
from merkit.evaluation.sealed import SealedClip
from merkit.evaluation.watch import Watch, watched
from merkit.methods.recognizer import Recognizer
from merkit.methods.registry import PUBLISHED, create_recognizer

DECIMALS = 6
"""Digits of a probability that are kept: what differs beyond them is the arithmetic of one processor."""

_APART = 0.01  # probability by which a prediction may change when the clip is looked at alone
_SUM = 1e-3
_THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Method:
    """How to make a new recognizer: a registered name with settings, or a function.

    Parameters
    ----------
    name : str
    overrides : mapping
        Settings that differ from the method's defaults.
    factory : callable, optional
        Makes a recognizer; for methods that are not registered.
    config : str
        Named configuration from which the settings differ.
    """

    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    factory: Callable[..., Recognizer] | None = None
    config: str = PUBLISHED

    def make(self) -> Recognizer:
        """A new, unfitted recognizer."""
        if self.factory is not None:
            return self.factory(**self.overrides)
        return create_recognizer(self.name, config=self.config, **self.overrides)


@dataclass(frozen=True)
class Job:
    """The work of one fold: training clips with labels, test clips without.

    Parameters
    ----------
    method : Method
    train : sequence of Clip
    labels : array, shape (N,) of str, or (N, K) of 0 and 1
        Of the training clips; the second form for action units.
    groups : array, shape (N,)
        Persons of the training clips.
    test : sequence of SealedClip
    classes : tuple of str
        All classes of the protocol, or all units.
    seed : int
    device : str
    artifacts : mapping
        Shared between folds.
    follow : bool
        Keep the predictions of every epoch, for the audit.
    closed : sequence of path
        Folders in which a recognizer may open nothing by itself.
    since : float
        When the run began, see :class:`merkit.evaluation.watch.Watch`.
    """

    method: Method
    train: Sequence[Clip]
    labels: NDArray[Any]
    groups: NDArray[Any]
    test: Sequence[SealedClip]
    test_groups: Sequence[str]
    classes: tuple[str, ...]
    seed: int
    device: str = "cpu"
    artifacts: Mapping[str, Any] = field(default_factory=dict)
    follow: bool = False
    closed: Sequence[str | Path] = ()
    since: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """Predictions of one fold.

    Parameters
    ----------
    probabilities : float array, shape (M, K)
        Rounded; columns in the order of the job's classes.
    epochs : list of float array, each (M, K)
        The same after every epoch, in an audit of a method that has epochs.
    selected_on : list of str
        Persons on whom something was chosen or calibrated.
    notes : list of str
        What the recognizer says of the training clips, from its card.
    seconds : float
    """

    probabilities: NDArray[np.float64]
    epochs: list[NDArray[np.float64]]
    selected_on: list[str]
    notes: list[str]
    seconds: float


def work(job: Job) -> Outcome:
    """Train on the training clips, predict the test clips.

    Raises
    ------
    LeakageError
        If the recognizer knows something it cannot know honestly, or looks for it.
    DataError
        If what it predicts is no table of probabilities.
    """
    began = time.perf_counter()
    tested = people(job.test_groups)
    watch = Watch(job.method.name, job.closed, tested, job.since)
    with _one_thread(), watched(watch):
        _seed(job.seed)
        recognizer = _make(job)
        check_artifacts(job.artifacts, tested)
        check_unfitted(recognizer, tested)
        before = Outside(job.method.name, recognizer)
        epochs: list[NDArray[np.float64]] = []

        def on_epoch(epoch: int, predict_proba: Callable[..., NDArray[np.float64]]) -> None:
            with _chance_kept():
                epochs.append(_in_order(predict_proba(list(job.test)), recognizer, job))

        context = GuardedContext(
            seed=job.seed,
            device=job.device,
            on_epoch=on_epoch if job.follow else None,
            artifacts=job.artifacts,
            allowed=people(job.groups),
        )
        recognizer.fit(list(job.train), job.labels, job.groups, context=context)
        table = _predicted(recognizer, job)
        before.check(recognizer)
        notes = [str(note) for note in dict(getattr(recognizer, "card", None) or {}).get("notes", ())]
    return Outcome(table, epochs, sorted(context.selected), notes, time.perf_counter() - began)


def _make(job: Job) -> Any:
    """A new recognizer, of classes or of units."""
    if job.labels.ndim == 1:
        return job.method.make()
    from merkit.evaluation.units import OneRecognizerPerUnit

    return OneRecognizerPerUnit(job.method.make, job.classes)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: sums over several come out differently from run to run.

    Torch, which may be loaded only inside, takes no notice of the general limit.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    named = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    torch = sys.modules.get("torch")
    before = 0 if torch is None else torch.get_num_threads()
    if torch is not None:
        torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        if named is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = named
        if torch is not None:
            torch.set_num_threads(before)


@contextmanager
def _chance_kept() -> Iterator[None]:
    """Draw random numbers inside without changing those that come after it.

    An audit looks at every epoch; the training that it looks at must be the one without an audit.
    """
    torch = sys.modules.get("torch")
    devices = [torch.cuda.current_device()] if torch is not None and torch.cuda.is_initialized() else []
    ours = random.getstate(), np.random.get_state()  # noqa: NPY002
    with nullcontext() if torch is None else torch.random.fork_rng(devices):
        yield
    random.setstate(ours[0])
    np.random.set_state(ours[1])  # noqa: NPY002


def _seed(seed: int) -> None:
    random.seed(seed)
    # Also for methods that use numpy's global generator.
    np.random.seed(seed)  # noqa: NPY002


def _in_order(table: Any, recognizer: Any, job: Job) -> NDArray[np.float64]:
    """Check a table of probabilities and put its columns in the order of the protocol's classes."""
    values = np.asarray(table, dtype=np.float64)
    known = [str(label) for label in recognizer.classes_]
    name = job.method.name
    foreign = sorted(set(known) - set(job.classes))
    if foreign:
        raise DataError(f"{name} knows a class {foreign[0]!r}; the protocol has {', '.join(job.classes)}")
    if values.shape != (len(job.test), len(known)):
        raise DataError(
            f"{name} gave probabilities of shape {values.shape} for {len(job.test)} clips and {len(known)} "
            "classes; give one row a clip and one column a class"
        )
    if not np.isfinite(values).all() or values.min(initial=0) < -_SUM or values.max(initial=0) > 1 + _SUM:
        raise DataError(f"{name} gave probabilities outside 0 to 1; see its predict_proba")
    if job.labels.ndim == 1 and not np.allclose(values.sum(axis=1), 1.0, atol=_SUM):
        raise DataError(f"{name} gave probabilities that do not sum to 1; see its predict_proba")
    out = np.zeros((len(values), len(job.classes)))
    out[:, [job.classes.index(label) for label in known]] = values
    # Adding zero turns the -0.0 that rounding can leave into 0.0, which prints without a sign.
    return np.asarray(np.round(np.clip(out, 0.0, 1.0), DECIMALS) + 0.0, dtype=np.float64)


def _predicted(recognizer: Any, job: Job) -> NDArray[np.float64]:
    """Probabilities of the test clips, if each is predicted the same when it comes alone.

    The first is asked for before the others and the last after them: a recognizer that scales, chooses or
    adapts by the test clips differs in one of the two.

    Raises
    ------
    LeakageError
        If predictions depend on the other test clips.
    """
    last = len(job.test) - 1
    alone = {0: recognizer.predict_proba([job.test[0]])}
    table = _in_order(recognizer.predict_proba(list(job.test)), recognizer, job)
    alone |= {row: recognizer.predict_proba([job.test[row]]) for row in {last // 2, last} - {0}}
    there = [job.classes.index(str(label)) for label in recognizer.classes_]
    for row, chances in alone.items():
        values = np.asarray(chances, dtype=np.float64)
        if values.shape != (1, len(there)) or np.abs(values[0] - table[row, there]).max() > _APART:
            raise LeakageError(
                f"{job.method.name} predicts a test clip differently when it comes alone: it scales or "
                "chooses by the other test clips; use what was learnt in fit"
            )
    return table
