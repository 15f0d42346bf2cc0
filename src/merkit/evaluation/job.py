"""One fold with one seed: what goes to a worker, and what comes back.  Test labels do neither."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip
from merkit.errors import DataError, LeakageError
from merkit.evaluation.guard import GuardedContext, check_artifacts, check_unfitted
from merkit.evaluation.people import people
from merkit.evaluation.sealed import SealedClip
from merkit.methods.recognizer import Recognizer
from merkit.methods.registry import create_recognizer

DECIMALS = 6
"""Digits of a probability that are kept: what differs beyond them is the arithmetic of one processor."""

_APART = 0.01  # probability by which a prediction may change when the clip is looked at alone
_SUM = 1e-3


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
    """

    name: str
    overrides: Mapping[str, Any] = field(default_factory=dict)
    factory: Callable[..., Recognizer] | None = None

    def make(self) -> Recognizer:
        """A new, unfitted recognizer."""
        if self.factory is not None:
            return self.factory(**self.overrides)
        return create_recognizer(self.name, **self.overrides)


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
    seconds : float
    """

    probabilities: NDArray[np.float64]
    epochs: list[NDArray[np.float64]]
    selected_on: list[str]
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
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    began = time.perf_counter()
    # One thread: sums over several come out differently from run to run.
    with threadpool_limits(1):
        _seed(job.seed)
        if job.labels.ndim == 2:
            from merkit.evaluation.units import OneRecognizerPerUnit

            recognizer: Any = OneRecognizerPerUnit(job.method.make, job.classes)
        else:
            recognizer = job.method.make()
        tested = people(job.test_groups)
        check_artifacts(job.artifacts, tested)
        check_unfitted(recognizer, tested)
        epochs: list[NDArray[np.float64]] = []

        def on_epoch(epoch: int, predict_proba: Callable[..., NDArray[np.float64]]) -> None:
            epochs.append(_in_order(predict_proba(job.test), recognizer, job))

        context = GuardedContext(
            seed=job.seed,
            device=job.device,
            on_epoch=on_epoch if job.follow else None,
            artifacts=job.artifacts,
            allowed=people(job.groups),
        )
        recognizer.fit(list(job.train), job.labels, job.groups, context=context)
        table = _in_order(recognizer.predict_proba(list(job.test)), recognizer, job)
        _check_alone(recognizer, job, table)
    return Outcome(table, epochs, sorted(context.selected), time.perf_counter() - began)


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


def _check_alone(recognizer: Any, job: Job, table: NDArray[np.float64]) -> None:
    """Refuse predictions that depend on which other clips are tested with them."""
    if len(job.test) < 2:
        return
    alone = np.asarray(recognizer.predict_proba([job.test[0]]), dtype=np.float64)
    there = [job.classes.index(str(label)) for label in recognizer.classes_]
    if alone.shape != (1, len(there)) or np.abs(alone[0] - table[0, there]).max() > _APART:
        raise LeakageError(
            f"{job.method.name} predicts a test clip differently when it comes alone: it scales or chooses "
            "by the other test clips; use what was learnt in fit"
        )
