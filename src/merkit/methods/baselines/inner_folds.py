"""What the linear baselines learn beside their weights: settings, sharpness and threshold, by inner folds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import DataError
from merkit.methods.baselines.flow_svm.calibration import choose_threshold, fit_sharpness, softmax
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM
from merkit.methods.context import FitContext
from merkit.methods.training_set import TrainingSet
from merkit.metrics.recognition import uf1

_S = TypeVar("_S")


class Candidate(NamedTuple):
    """Settings to be tried, with the features (N, F) of all training clips and the cost under them."""

    settings: Any
    features: NDArray[np.float64]
    c: float


class Calibration(NamedTuple):
    """Factor on the margins before the softmax, and the top probability below which to abstain."""

    sharpness: float
    abstain_below: float


@dataclass(frozen=True)
class InnerFolds:
    """A training set, and splits of it in which no subject is on both sides.

    Attributes
    ----------
    classes : array, shape (K,)
        Sorted labels.
    truth : int array, shape (N,)
        Column of each clip's class.
    trained_subjects : list of str
        Everybody whose clips are in it, for the card.
    splits : list of (train, held_out) row numbers
        Every class is in every training part.
    """

    classes: NDArray[Any]
    truth: NDArray[np.intp]
    trained_subjects: list[str]
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]]

    @classmethod
    def of(
        cls, method: str, n: int, labels: ArrayLike, groups: ArrayLike, folds: int, context: FitContext | None
    ) -> InnerFolds:
        """Look at labels (N,) and subjects (N,) of `n` clips, and split them.

        Raises
        ------
        DataError
            If lengths differ, there are fewer than two classes or subjects, or a class comes from so
            few subjects that an inner fold has none of it.
        LeakageError
            If the context's inner splits have a subject on both sides.
        """
        classes, truth, subjects = found = TrainingSet.of(method, n, labels, groups)
        splits = (context or FitContext()).subject_splits(truth, subjects, folds)
        for train, _ in splits:
            missing = np.setdiff1d(np.arange(len(classes)), truth[train])
            if len(missing):
                raise DataError(
                    f"class {classes[missing[0]]} comes from too few subjects to calibrate: add subjects, "
                    "lower inner_folds or leave the class out"
                )
        return cls(classes, truth, found.people, splits)

    def best(self, candidates: Iterable[Candidate]) -> tuple[Candidate, NDArray[np.float64]]:
        """The candidate with the best UF1 over the pooled inner folds, the first of equals.

        Returns
        -------
        candidate : Candidate
        margins : float array, shape (N, K)
            Its out-of-fold margins; not a number for clips that no split holds out.
        """
        found: tuple[float, Candidate, NDArray[np.float64]] | None = None
        for candidate in candidates:
            margins = self.held_out(candidate.features, candidate.c)
            seen = np.isfinite(margins).all(axis=1)
            score = uf1(self.truth[seen], margins[seen].argmax(axis=1), range(margins.shape[1]))
            if found is None or score > found[0]:
                found = score, candidate, margins
        if found is None:
            raise ValueError("there is no candidate to choose from")
        return found[1:]

    def held_out(self, features: NDArray[np.float64], c: float) -> NDArray[np.float64]:
        """Out-of-fold margins (N, K); not a number for clips that no split holds out."""
        margins = np.full((len(self.truth), len(self.classes)), np.nan)
        for train, out in self.splits:
            margins[out] = PairwiseSVM.fit(features[train], self.truth[train], c).margins(features[out])
        return margins

    def calibrate(self, margins: NDArray[np.float64], target_accuracy: float) -> Calibration:
        """Sharpness and threshold from out-of-fold margins (N, K)."""
        seen = np.isfinite(margins).all(axis=1)
        sharpness = fit_sharpness(margins[seen], self.truth[seen])
        chances = softmax(sharpness * margins[seen])
        return Calibration(sharpness, choose_threshold(chances, self.truth[seen], target_accuracy))
