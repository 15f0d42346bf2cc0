"""Rigid motion of the head out of a dense flow field, by a robust fit.

Masked ECC errs by a pixel on real expressions and per-frame landmarks are noisier than the signal;
an iteratively reweighted fit to the dense flow, with little weight where expressions happen, stays
within a tenth of a pixel (measured in ``benchmarks/registration.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIMILARITY = 4
TUNING = 2.2
"""Residuals beyond this many deviations have no weight."""
QUANTILE_SCALE = float(1.0 / np.sqrt(-2.0 * np.log(0.6)))
"""Deviation of a 2-D Gaussian from the 40 % quantile of its length."""


@dataclass(frozen=True)
class RigidMotion:
    """A fitted rigid motion: ``(tx, ty, scale, rotation[, yaw, pitch])``.

    The first two are pixels.  Scale and rotation are the displacement in pixels that they cause at
    half a crop width from the centre; yaw and pitch the displacement at unit depth.
    """

    params: NDArray[np.float64]
    centre: tuple[float, float]
    half: float

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The similarity part as a 2×3 matrix that moves points of the first picture to the second."""
        tx, ty, s, r = self.params[:SIMILARITY]
        linear = np.array([[1.0 + s / self.half, -r / self.half], [r / self.half, 1.0 + s / self.half]])
        shift = np.array([tx, ty]) + np.asarray(self.centre) - linear @ np.asarray(self.centre)
        return np.column_stack([linear, shift])


class RigidFit:
    """Robust fit of a rigid motion to a flow field sampled on a fixed grid.

    Parameters
    ----------
    grid : float array, shape (N, 2)
        Sample positions ``(x, y)`` in pixels.
    weights : float array, shape (N,)
        Prior weight of every sample, 0 to 1.
    depth : float array, shape (N,), optional
        Depth of the face in pixels, larger = nearer to the camera.  With it, two terms for the
        parallax of small turns and nods are fitted as well.
    scale_floor : float
        Smallest residual in pixels that is told from noise.

    Notes
    -----
    Tukey's biweight on the length of the residual; scale from its 40 % quantile.  The cut is sharper
    than in statistics of independent errors, because the soft edge of an expression is not noise.
    """

    def __init__(
        self,
        grid: NDArray[np.floating],
        weights: NDArray[np.floating],
        depth: NDArray[np.floating] | None = None,
        scale_floor: float = 0.03,
    ) -> None:
        total = max(float(weights.sum()), 1e-9)
        self.centre = tuple(float(c) for c in (weights @ grid) / total)
        self.half = float(np.ptp(grid[:, 0]) / 2) or 1.0
        x, y = ((grid - self.centre) / self.half).T
        one, zero = np.ones_like(x), np.zeros_like(x)
        u, v = [one, zero, x, -y], [zero, one, y, x]
        if depth is not None:
            # Without its mean the parallax does not compete with the shift.
            z = (depth - (weights @ depth) / total) / self.half
            u += [z, zero]
            v += [zero, z]
        self.u = np.stack(u, axis=1)
        self.v = np.stack(v, axis=1)
        self.weights = np.asarray(weights, dtype=np.float64)
        self.scale_floor = scale_floor
        n = self.u.shape[1]
        # w @ products gives the normal matrix for any weights in one product.
        products = self.u[:, :, None] * self.u[:, None, :] + self.v[:, :, None] * self.v[:, None, :]
        self._products = products.reshape(len(grid), n * n)
        self._ridge = 1e-9 * np.eye(n) * total

    def __call__(
        self, flow: NDArray[np.floating], seen: NDArray[np.bool_] | None = None, iterations: int = 10
    ) -> RigidMotion:
        """Fit to a flow (N, 2) in pixels, to the samples that are `seen` (N,) if that is given.

        Without any sample to go by there is no motion.
        """
        fu, fv = flow[:, 0].astype(np.float64), flow[:, 1].astype(np.float64)
        n = self.u.shape[1]
        prior = self.weights if seen is None else self.weights * seen
        weights = prior
        used = prior > 0.2 * prior.max()
        if not used.any():
            return RigidMotion(np.zeros(n), (self.centre[0], self.centre[1]), self.half)
        kth = int(0.4 * np.count_nonzero(used))
        params = np.zeros(n)
        for _ in range(iterations):
            normal = (weights @ self._products).reshape(n, n) + self._ridge
            params = np.linalg.solve(normal, self.u.T @ (weights * fu) + self.v.T @ (weights * fv))
            residual2 = (fu - self.u @ params) ** 2 + (fv - self.v @ params) ** 2
            level = float(np.partition(residual2[used], kth)[kth])
            scale = max(self.scale_floor, QUANTILE_SCALE * np.sqrt(level))
            weights = prior * np.clip(1.0 - residual2 / (TUNING * scale) ** 2, 0.0, None) ** 2
        return RigidMotion(params, (self.centre[0], self.centre[1]), self.half)

    def field(self, motion: RigidMotion) -> NDArray[np.float64]:
        """The rigid flow (N, 2) on the grid."""
        return np.stack([self.u @ motion.params, self.v @ motion.params], axis=1)
