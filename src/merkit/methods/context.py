"""What a run hands to a recognizer beside the training clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import DataError, LeakageError

Split = tuple[ArrayLike, ArrayLike]
Rows = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class FitContext:
    """Circumstances of one fit; every field has a default that suits a call by hand.

    Parameters
    ----------
    seed : int
        Of every random choice made while fitting.
    device : str
        Where networks run: ``"cpu"`` or ``"cuda"``.
    inner_splits : sequence of (train, held_out) row numbers, optional
        Splits of the *training* clips for choosing and calibrating.  Without them a recognizer splits
        by subject itself.
    checkpoint_dir : Path, optional
        Where a long fit may keep its state.
    on_epoch : callable, optional
        ``on_epoch(epoch, predict_proba)``; belongs to the runner and returns nothing, so nothing of
        what it sees can reach the recognizer.
    on_progress : callable, optional
        ``on_progress(done, total, stage)``, for a bar; nothing of the training depends on it.
    artifacts : mapping
        Things shared between folds; each carries ``trained_subjects``, which the guard checks.
    """

    seed: int = 0
    device: str = "cpu"
    inner_splits: Sequence[Split] | None = None
    checkpoint_dir: Path | None = None
    on_epoch: Callable[[int, Callable[..., NDArray[np.float64]]], None] | None = None
    on_progress: Callable[[int, int | None, str], None] | None = None
    artifacts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def subject_splits(self, labels: NDArray[Any], groups: NDArray[Any], n_splits: int) -> list[Rows]:
        """The given inner splits, or `n_splits` (at most one a subject) in which no subject is on both sides.

        Raises
        ------
        DataError
            If there is one subject alone, or no split was given.
        LeakageError
            If a given split has a subject on both sides.
        """
        splits = self._splits(labels, groups, n_splits)
        self._choosing_on(groups, splits)
        return splits

    def held_out_split(self, labels: NDArray[Any], groups: NDArray[Any], n_splits: int) -> Rows:
        """The first of these splits that holds out something, and no class whole.

        Raises
        ------
        DataError
            If there is none.
        LeakageError
            If a given split has a subject on both sides.
        """
        for train, held_out in self._splits(labels, groups, n_splits):
            if len(held_out) and len(np.unique(labels[train])) == len(np.unique(labels)):
                self._choosing_on(groups, [(train, held_out)])
                return train, held_out
        raise DataError(
            "every split by subject holds out no clip, or all clips of a class: add subjects, leave out the "
            "class that has fewest, or choose nothing (select=last)"
        )

    def _choosing_on(self, groups: NDArray[Any], splits: Sequence[Rows]) -> None:
        """Told of the splits on whose held-out clips something is chosen."""

    def _splits(self, labels: NDArray[Any], groups: NDArray[Any], n_splits: int) -> list[Rows]:
        if self.inner_splits is None:
            from sklearn.model_selection import GroupKFold

            people = len(np.unique(groups))
            if people < 2:
                raise DataError("all clips to choose on are of one subject: add clips of others")
            folds = GroupKFold(min(n_splits, people))
            return list(folds.split(np.zeros(len(labels)), labels, groups))
        if not len(self.inner_splits):
            raise DataError("no inner splits: give one or more, or None to split by subject")
        splits = [
            (np.asarray(train, dtype=np.intp), np.asarray(held_out, dtype=np.intp))
            for train, held_out in self.inner_splits
        ]
        for number, (train, held_out) in enumerate(splits):
            shared = np.intersect1d(groups[train], groups[held_out])
            if len(shared):
                raise LeakageError(
                    f"inner split {number} has subject {shared[0]} on both sides: split by subject instead"
                )
        return splits
