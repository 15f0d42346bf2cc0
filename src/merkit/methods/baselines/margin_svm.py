"""What both linear baselines do with margins once they are trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import ConfigError
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM

if TYPE_CHECKING:
    from merkit.clips import Clip


class MarginSVM(ABC):
    """A recognizer whose ``svm_`` is there once it is trained.

    Attributes
    ----------
    name : str
    classes_ : array, shape (K,)
        Labels in sorted order, the order of the probabilities.
    abstain_below : float
        Top probability below which it abstains.
    svm_ : PairwiseSVM
    """

    name: str
    classes_: NDArray[Any]
    abstain_below: float
    svm_: PairwiseSVM

    @abstractmethod
    def predict_proba(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Class probabilities, shape (N, K), for a world where each class is equally frequent."""

    def predict(self, clips: Sequence[Clip]) -> NDArray[Any]:
        """The most probable class of each clip, shape (N,)."""
        best = self.predict_proba(clips).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def abstains(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Whether each row of probabilities (N, K) is too unsure to rely on, shape (N,)."""
        self._fitted()
        return np.asarray(np.asarray(probabilities).max(axis=1) < self.abstain_below)

    def _fitted(self) -> PairwiseSVM:
        if not hasattr(self, "svm_"):
            raise ConfigError(f"this {self.name} has not been trained: call fit first, or load a trained one")
        return self.svm_
