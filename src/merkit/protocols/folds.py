"""How a protocol makes named folds of a selection."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from merkit.protocols.protocol import Fold, Selection, Splits
from merkit.protocols.splitters import LeaveOneDatasetOut, LeaveOneSubjectOut, SubjectKFold


def by_subject(selection: Selection) -> Iterator[Fold]:
    """Yield a fold a subject, named ``dataset/subject``."""
    groups = selection.groups
    for train, test in LeaveOneSubjectOut().split(groups, selection.y, groups):
        yield Fold(str(groups[test[0]]), train, test)


def by_dataset(selection: Selection) -> Iterator[Fold]:
    """Yield a fold a dataset, named by it; releases of the same people are one."""
    groups = selection.groups
    for train, test in LeaveOneDatasetOut().split(groups, selection.y, groups):
        yield Fold("+".join(dict.fromkeys(selection.datasets[test].tolist())), train, test)


def k_folds(k: int, seed: int = 0) -> Splits:
    """Return what makes `k` folds of whole subjects."""

    def splits(selection: Selection) -> Iterator[Fold]:
        parts = SubjectKFold(k, seed).split(selection.groups, selection.y, selection.groups)
        for number, (train, test) in enumerate(parts, 1):
            yield Fold(f"{number} of {k}", train, test)

    return splits


def across(train_on: tuple[str, ...], test_on: tuple[str, ...]) -> Splits:
    """Return what makes one fold that trains on some datasets and tests on others."""

    def splits(selection: Selection) -> Iterator[Fold]:
        train = np.flatnonzero(np.isin(selection.datasets.astype(str), train_on))
        test = np.flatnonzero(np.isin(selection.datasets.astype(str), test_on))
        yield Fold("+".join(test_on), train, test)

    return splits
