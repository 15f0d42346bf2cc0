"""A linear one-against-one support vector machine as plain arrays, equal to scikit-learn's decision."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PairwiseSVM:
    """Standardisation and one linear decision for every pair of classes.

    Parameters
    ----------
    mean, scale : float array, shape (F,)
        Of the training features.
    coef : float array, shape (P, F)
        One row for each pair (0, 1), (0, 2), …, (1, 2), …: positive speaks for the first class.
    intercept : float array, shape (P,)
    n_classes : int
        K; P is K (K - 1) / 2.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    n_classes: int

    @classmethod
    def fit(cls, features: NDArray[np.float64], truth: NDArray[np.intp], c: float) -> PairwiseSVM:
        """Train on features (N, F) and class columns (N,), all of 0 to K-1 present, classes balanced."""
        from sklearn.svm import SVC

        mean = features.mean(axis=0)
        scale = features.std(axis=0)
        # A feature that never changes tells nothing; dividing by one keeps it at zero.
        scale = np.where(scale > 10 * np.finfo(np.float64).eps * np.maximum(np.abs(mean), 1e-300), scale, 1.0)
        standard = (features - mean) / scale
        # The linear kernel, as one product of matrices two to five times as fast as inside of libsvm.
        svc = SVC(kernel="precomputed", C=c, class_weight="balanced").fit(standard @ standard.T, truth)
        n_classes = len(svc.classes_)
        ends = np.concatenate([[0], np.cumsum(svc.n_support_)])
        vectors = [standard[svc.support_[a:b]] for a, b in pairwise(ends)]
        weights = [svc.dual_coef_[:, a:b] for a, b in pairwise(ends)]
        # Weights against the other classes come in their order, a class itself left out.
        coef = np.stack(
            [
                weights[i][j - 1] @ vectors[i] + weights[j][i] @ vectors[j]
                for i, j in combinations(range(n_classes), 2)
            ]
        )
        # With two classes scikit-learn turns the sign round: there positive speaks for the second.
        sign = -1.0 if n_classes == 2 else 1.0
        return cls(mean, scale, sign * coef, sign * svc.intercept_, n_classes)

    def standardise(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Features (N, F) with the mean and scale of training."""
        return np.asarray((features - self.mean) / self.scale, dtype=np.float64)

    def pair_decisions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signed distance for each pair, shape (N, P): scikit-learn's ``decision_function`` "ovo"."""
        return np.asarray(self.standardise(features) @ self.coef.T + self.intercept, dtype=np.float64)

    def margins(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of the pair decisions for and against each class, shape (N, K)."""
        return np.asarray(self.pair_decisions(features) @ self.pair_signs, dtype=np.float64)

    def votes(self, features: NDArray[np.float64]) -> NDArray[np.intp]:
        """Column of the class that wins most pairs, the first of equals: scikit-learn's ``predict``."""
        # +1 for the class that wins a pair and -1 for the other orders classes as counting wins does.
        won = np.where(self.pair_decisions(features) > 0, 1.0, -1.0)
        return np.asarray((won @ self.pair_signs).argmax(axis=1), dtype=np.intp)

    @property
    def pair_signs(self) -> NDArray[np.float64]:
        """Shape (P, K): +1 where a pair's positive side speaks for a class, -1 where against it."""
        signs = np.zeros((len(self.coef), self.n_classes))
        for row, (first, second) in enumerate(combinations(range(self.n_classes), 2)):
            signs[row, first], signs[row, second] = 1.0, -1.0
        return signs
