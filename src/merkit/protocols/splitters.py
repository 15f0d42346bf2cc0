"""Splits in which nobody is on both sides, in the manner of scikit-learn; usable without protocols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import ConfigError, DataError

Rows = NDArray[np.intp]


class LeaveOneSubjectOut:
    """Every subject is the test once, in the order of their names.

    Examples
    --------
    >>> groups = ["a/2", "a/1", "a/2", "a/10"]
    >>> [test.tolist() for _, test in LeaveOneSubjectOut().split(groups, groups=groups)]
    [[1], [0, 2], [3]]
    """

    def split(
        self, X: ArrayLike | Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[Rows, Rows]]:
        """Yield row numbers of training and test.

        Parameters
        ----------
        X : anything with a length
        y : ignored
        groups : array, shape (N,)
            Subject of each row, with its dataset where there are several.
        """
        names = _group_names(X, groups)
        for name in self._tests(names):
            yield np.flatnonzero(names != name), np.flatnonzero(names == name)

    def get_n_splits(
        self, X: ArrayLike | Any = None, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> int:
        """Return the number of subjects."""
        return len(self._tests(_group_names(groups if X is None else X, groups)))

    @staticmethod
    def _tests(names: NDArray[np.str_]) -> list[str]:
        found = _in_order(names)
        if len(found) < 2:
            raise DataError(f"all {len(names)} clips are of {found[0]}: give clips of two subjects or more")
        return found


class SubjectKFold:
    """K folds of whole subjects, with about the same share of every class.

    Parameters
    ----------
    n_splits : int
    seed : int
        Of the order in which subjects are dealt out.

    Examples
    --------
    >>> groups = ["1", "1", "2", "3", "3", "4"]
    >>> folds = list(SubjectKFold(2).split(groups, ["a", "b"] * 3, groups))
    >>> sorted(row for _, test in folds for row in test.tolist())
    [0, 1, 2, 3, 4, 5]
    """

    def __init__(self, n_splits: int = 5, seed: int = 0) -> None:
        if n_splits < 2:
            raise ConfigError(f"n_splits={n_splits}: give 2 folds or more")
        self.n_splits, self.seed = n_splits, seed

    def split(
        self, X: ArrayLike | Any, y: ArrayLike, groups: ArrayLike | None = None
    ) -> Iterator[tuple[Rows, Rows]]:
        """Yield row numbers of training and test; see :meth:`LeaveOneSubjectOut.split`.

        `y` are classes, shape (N,), or units, shape (N, K), which are not balanced.
        """
        import warnings

        from sklearn.model_selection import StratifiedGroupKFold

        names = _group_names(X, groups)
        subjects = len(np.unique(names))
        if subjects < self.n_splits:
            raise DataError(
                f"{subjects} subjects cannot be dealt out to {self.n_splits} folds: give fewer folds"
            )
        codes = np.zeros(len(names), dtype=int)
        if np.asarray(y).ndim == 1:
            codes = np.unique(np.asarray(y).astype(str), return_inverse=True)[1]
        if np.bincount(codes).max() < self.n_splits:
            # No class has enough clips to be balanced: only the sizes of the folds are.
            codes = np.zeros(len(names), dtype=int)
        stratified = StratifiedGroupKFold(self.n_splits, shuffle=True, random_state=self.seed)
        with warnings.catch_warnings():
            # It warns of rare classes, which these datasets all have.
            warnings.simplefilter("ignore", UserWarning)
            folds = list(stratified.split(names, codes, names))
        for train, test in folds:
            if not len(test):
                raise DataError(
                    f"{subjects} subjects cannot be dealt out to {self.n_splits} folds without leaving one "
                    "empty: give fewer folds"
                )
            yield train, test

    def get_n_splits(
        self, X: ArrayLike | Any = None, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> int:
        """Return K."""
        return self.n_splits


class LeaveOneDatasetOut(LeaveOneSubjectOut):
    """Every dataset is the test once; `groups` are ``dataset/subject``, or datasets.

    Releases that show the same volunteers stay together as one dataset.

    Examples
    --------
    >>> groups = ["smic-hs/s1", "smic-vis/s1", "samm/006"]
    >>> [test.tolist() for _, test in LeaveOneDatasetOut().split(groups, groups=groups)]
    [[2], [0, 1]]
    """

    def split(
        self, X: ArrayLike | Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[Rows, Rows]]:
        """Yield row numbers of training and test; see :meth:`LeaveOneSubjectOut.split`."""
        yield from super().split(X, y, _families(X, groups))

    def get_n_splits(
        self, X: ArrayLike | Any = None, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> int:
        """Return the number of datasets, or of families of datasets."""
        return super().get_n_splits(X, y, _families(groups if X is None else X, groups))


def family(dataset: str) -> str:
    """Return the name that all releases of the same recordings share.

    Examples
    --------
    >>> family("smic-nir"), family("samm-lv"), family("casme2"), family("casme3-c")
    ('smic', 'samm', 'casme2', 'casme3')
    """
    name = dataset.casefold()
    if name == "smic" or name.startswith("smic-"):
        return "smic"
    return {"samm-lv": "samm", "casme3-a": "casme3", "casme3-c": "casme3"}.get(name, name)


def _families(X: Any, groups: ArrayLike | None) -> NDArray[np.str_]:
    return np.array([family(name.split("/", 1)[0]) for name in _group_names(X, groups)], dtype=str)


def _group_names(X: Any, groups: ArrayLike | None) -> NDArray[np.str_]:
    if groups is None:
        raise ConfigError("split() needs groups: the subject of every clip, as ClipTable.groups() gives them")
    names = np.asarray(groups).astype(str)
    if names.ndim != 1 or len(names) != len(X):
        raise DataError(f"groups has shape {names.shape} for {len(X)} clips: give one subject a clip")
    if not len(names):
        raise DataError("groups is empty: give the clips of two subjects or more")
    return names


def _in_order(names: NDArray[np.str_]) -> list[str]:
    """Distinct names, s2 before s10."""
    from re import split

    return sorted(
        set(names.tolist()),
        key=lambda name: [(len(p), p) if p.isdigit() else (0, p) for p in split(r"(\d+)", name)],
    )
