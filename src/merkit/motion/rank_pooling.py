"""Exact rank pooling: the direction along which the running means of a clip come in their order.

The problem is a support vector machine on pairs of times.  In its dual the pictures appear only in
their inner products, so after one pass over the pixels the cost depends on the number of frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError

_STEPS = 200
_CENTRING = 0.1
"""How much of the gap a step of the solver leaves; small is bold."""


@dataclass(frozen=True)
class RankPooling:
    """The solution of :func:`solve_rank_pooling`.

    Attributes
    ----------
    coefficients : float64 array, shape (T,)
        ``d = sum_t coefficients[t] V_t``; they sum to 0.
    objective : float
        Value of the primal objective at d.
    gap : float
        How far the objective can lie above its least value, as a share of it: the duality gap.
    steps : int
        Newton steps taken.
    """

    coefficients: NDArray[np.float64]
    objective: float
    gap: float
    steps: int


def solve_rank_pooling(
    gram: NDArray[np.floating], regularisation: float = 1.0, tolerance: float = 1e-6
) -> RankPooling:
    """Find ``d = argmin L/2 |d|^2 + 2/(T(T-1)) sum_{q>t} max(0, 1 - <d, V_q - V_t>)``.

    A primal-dual interior point method with one multiplier for each pair of times.  The matrix of a
    Newton step is that of a graph whose edges are the pairs, so a step costs T^3 operations and the
    T(T-1)/2 pairs themselves next to nothing.  It stops at a relative duality gap, which bounds the
    error whatever the solver did.

    Parameters
    ----------
    gram : float array, shape (T, T)
        Inner products ``<V_t, V_q>``, or those of V less any one vector.
    regularisation : float
        L, above 0, in the unit of the inverse of `gram`.
    tolerance : float
        Greatest relative duality gap, above 0.

    Returns
    -------
    RankPooling
        All zeros when no vector differs from another.

    Raises
    ------
    ConfigError
        If `regularisation` or `tolerance` is not above 0.
    DataError
        If `gram` is not square and finite, or the tolerance is beyond what its numbers allow.

    References
    ----------
    Fernando, Gavves, Oramas, Ghodrati, Tuytelaars, Rank pooling for action recognition, TPAMI 2017.

    Examples
    --------
    Two vectors a distance of 2 apart: the margin of 1 is met by half their difference divided by 2.

    >>> solve_rank_pooling(np.array([[0.0, 0.0], [0.0, 4.0]]), 1e-3).coefficients.round(3).tolist()
    [-0.25, 0.25]
    """
    for name, value in (("regularisation", regularisation), ("tolerance", tolerance)):
        if not value > 0:
            raise ConfigError(f"solve_rank_pooling: {name} {value}; give a number above 0")
    products = np.asarray(gram, dtype=np.float64)
    if products.ndim != 2 or products.shape[0] != products.shape[1] or not np.isfinite(products).all():
        raise DataError(f"solve_rank_pooling: gram of shape {products.shape}; give a finite square matrix")
    length = len(products)
    points, scale = _factor(products)
    if not points.size:
        return RankPooling(np.zeros(length), float(length > 1), 0.0, 0)
    pairs = _Pairs(length)
    # In units in which the points are about 1, so that no clip is too bright or too dark to solve.
    multipliers, objective, gap, steps = _interior_point(points, pairs, regularisation / scale, tolerance)
    return RankPooling(pairs.scatter(multipliers) / regularisation, objective, gap, steps)


class _Pairs:
    """All pairs t < q of T times, and the two ways between pairs and times."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.first, self.second = np.triu_indices(length, 1)

    def differences(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score of the later time less that of the earlier, for each pair."""
        return scores[self.second] - scores[self.first]

    def scatter(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """For each time, the sum over pairs that end there less that over those that begin there."""
        ends = np.bincount(self.second, weights=values, minlength=self.length)
        begins = np.bincount(self.first, weights=values, minlength=self.length)
        return np.asarray(ends - begins, dtype=np.float64)

    def laplacian(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """``sum_p w_p (e_q - e_t)(e_q - e_t)^T``, shape (T, T)."""
        between = np.zeros((self.length, self.length))
        between[self.first, self.second] = weights
        between += between.T
        return np.diag(between.sum(axis=1)) - between


def _factor(products: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Points (T, r) with these inner products about their mean, divided by a scale, and its square."""
    centred = products - products.mean(axis=0)
    centred = centred - centred.mean(axis=1, keepdims=True)
    scale = float(np.trace(centred)) / len(centred)
    if not scale > 0 or scale < 1e-14 * float(np.abs(products).max()):
        return np.empty((len(products), 0)), 1.0
    values, vectors = np.linalg.eigh((centred + centred.T) / (2 * scale))
    kept = values > 1e-12 * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept]), scale


def _interior_point(
    points: NDArray[np.float64], pairs: _Pairs, weight: float, tolerance: float
) -> tuple[NDArray[np.float64], float, float, int]:
    """Multipliers of the pairs, the objective, its relative gap and the steps taken.

    Primal: weight/2 |z|^2 + c sum(loss), with margin = X z + loss - 1 >= 0 and loss >= 0, where a row of
    X is the difference of two points; dual: 0 <= a <= c.  At the optimum a * margin and (c - a) * loss
    vanish; a step aims at a tenth of what they are.
    """
    n_pairs = len(pairs.first)
    most = 1.0 / n_pairs
    # Begin where the multipliers are equal and z is what they stand for, about as long as it should be.
    z = points.T @ pairs.scatter(np.full(n_pairs, most)) / weight
    equal = min(0.5, 2.0 / float(pairs.differences(points @ z).mean()))
    z, a = equal * z, np.full(n_pairs, equal * most)
    loss = np.clip(1.0 - pairs.differences(points @ z), 0.0, None) + 1.0
    objective = gap = np.inf
    for step in range(_STEPS):
        pulled = points.T @ pairs.scatter(a)
        # Judged at the point that the multipliers stand for, since that is what is returned.
        length = float(pulled @ pulled) / (2 * weight)
        lost = np.clip(1.0 - pairs.differences(points @ pulled) / weight, 0.0, None).mean()
        objective = length + float(lost)
        gap = (objective - (float(a.sum()) - length)) / objective
        if gap <= tolerance:
            return a, objective, gap, step
        margin, room = pairs.differences(points @ z) + loss - 1.0, most - a
        target = _CENTRING * float(a @ margin + room @ loss) / (2 * n_pairs)
        stiffness = 1.0 / (margin / a + loss / room)
        push = stiffness * (target / a - margin - (target / room - loss))
        matrix = points.T @ pairs.laplacian(stiffness) @ points
        matrix[np.diag_indices_from(matrix)] += weight
        dz = np.linalg.solve(matrix, pulled - weight * z + points.T @ pairs.scatter(push))
        dscores = pairs.differences(points @ dz)
        da = push - stiffness * dscores
        dloss = target / room - loss + loss / room * da
        furthest = min(_reach(margin, dscores + dloss), _reach(loss, dloss), _reach(a, da), _reach(room, -da))
        share = min(1.0, 0.99 * furthest)
        z, loss, a = z + share * dz, loss + share * dloss, a + share * da
    raise DataError(
        f"solve_rank_pooling: the gap is {gap:.1e} after {_STEPS} steps, asked for {tolerance:g}; "
        "ask for a greater tolerance or more regularisation"
    )


def _reach(value: NDArray[np.float64], change: NDArray[np.float64]) -> float:
    """How far one can go along `change` until a value is no longer above 0."""
    falling = change < 0
    return float((value[falling] / -change[falling]).min()) if falling.any() else np.inf
