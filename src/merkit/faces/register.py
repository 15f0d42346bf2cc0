"""Rigid motion of the head out of a dense flow field, by a robust fit.

Masked ECC errs by a pixel on real expressions and per-frame landmarks are noisier than the signal;
an iteratively reweighted fit to the dense flow, with little weight where expressions happen, stays
within a tenth of a pixel (measured in ``benchmarks/registration.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError

SIMILARITY = 4
ITERATIONS = 20
"""At most; it ends when the rigid flow changes by less than `SETTLED` pixels."""
SETTLED = 5e-4
TUNING = 1.8
"""Residuals beyond this many deviations have no weight."""
SMOOTH = 2.0
"""Standard deviation, in samples, of the smoothing of residuals before they are judged."""
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
    def size(self) -> float:
        """How far the similarity part moves a point half a crop width from the centre, at most, in pixels."""
        tx, ty, s, r = self.params[:SIMILARITY]
        return float(np.hypot(tx, ty) + np.hypot(s, r))

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
        Sample positions ``(x, y)`` in pixels: a whole raster, row by row.
    weights : float array, shape (N,)
        Prior weight of every sample, 0 to 1.
    depth : float array, shape (N,), optional
        Depth of the face in pixels, larger = nearer to the camera.  With it, two terms for the
        parallax of small turns and nods are fitted as well.
    scale_floor : float
        Smallest residual in pixels that is told from noise.

    Notes
    -----
    Tukey's biweight on the length of the residual; scale from its 40 % quantile.  Residuals are smoothed
    before they are judged: an expression moves whole patches of skin alike and noise does not, so half a
    pixel of expression is told from noise that hides it in every single sample.  The cut is sharper than in
    statistics of independent errors, because the soft edge of an expression is not noise.
    """

    def __init__(
        self,
        grid: NDArray[np.floating],
        weights: NDArray[np.floating],
        depth: NDArray[np.floating] | None = None,
        scale_floor: float = 0.03,
    ) -> None:
        self.grid = np.asarray(grid, dtype=np.float64)
        self._columns, self._rows = (_every(positions) for positions in self.grid.T)
        y, x = np.mgrid[self._rows, self._columns]
        if not np.array_equal(self.grid, np.column_stack([x.ravel(), y.ravel()])):
            raise DataError(f"RigidFit: {len(grid)} samples are no whole raster; take those of grid_points")
        self.shape = x.shape
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
        # Samples without weight cost time and nothing else.
        self._on = np.flatnonzero(self.weights > 0)
        u_on, v_on = self.u[self._on], self.v[self._on]
        n = self.u.shape[1]
        # w @ products gives the normal matrix for any weights in one product.
        products = u_on[:, :, None] * u_on[:, None, :] + v_on[:, :, None] * v_on[:, None, :]
        self._products = products.reshape(len(u_on), n * n)
        self._u, self._v = u_on, v_on
        self._ridge = 1e-9 * np.eye(n) * total
        self._smooth_u, self._smooth_v = self._smoothed_model(self.weights[self._on])

    def __call__(
        self,
        flow: NDArray[np.floating],
        seen: NDArray[np.bool_] | None = None,
        iterations: int = ITERATIONS,
    ) -> RigidMotion:
        """Fit to a flow (N, 2) in pixels, to the samples that are `seen` (N,) if that is given.

        Without any sample to go by there is no motion.
        """
        fu, fv = flow[self._on].astype(np.float64).T
        n = self.u.shape[1]
        prior = self.weights[self._on] if seen is None else (self.weights * seen)[self._on]
        weights = prior
        used = prior > 0.2 * prior.max(initial=0.0)
        params = np.zeros(n)
        if not used.any():
            return RigidMotion(params, (self.centre[0], self.centre[1]), self.half)
        smooth_u, smooth_v = self._smooth_u, self._smooth_v
        if seen is not None and not seen[self._on].all():
            smooth_u, smooth_v = self._smoothed_model(prior)
        # Smoothing is linear, so of the residual flow and model are smoothed once and not in every round.
        smooth_fu, smooth_fv = self._smoothed(np.stack([fu, fv], axis=1), prior).T
        kth = int(0.4 * np.count_nonzero(used))
        for _ in range(iterations):
            before = params
            normal = (weights @ self._products).reshape(n, n) + self._ridge
            params = np.linalg.solve(normal, self._u.T @ (weights * fu) + self._v.T @ (weights * fv))
            if np.abs(params - before).max() < SETTLED:
                break
            residual2 = (smooth_fu - smooth_u @ params) ** 2 + (smooth_fv - smooth_v @ params) ** 2
            level = float(np.partition(residual2[used], kth)[kth])
            scale = max(self.scale_floor, QUANTILE_SCALE * np.sqrt(level))
            weights = prior * np.clip(1.0 - residual2 / (TUNING * scale) ** 2, 0.0, None) ** 2
        return RigidMotion(params, (self.centre[0], self.centre[1]), self.half)

    def _smoothed_model(self, prior: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._smoothed(self._u, prior), self._smoothed(self._v, prior)

    def _smoothed(self, values: NDArray[np.float64], prior: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values (n, k) on the samples with weight, as means around each of them by that weight."""
        raster = np.zeros((*self.shape, values.shape[1] + 1), dtype=np.float32)
        raster.reshape(-1, raster.shape[2])[self._on] = np.column_stack([values * prior[:, None], prior])
        blurred = cv2.GaussianBlur(raster, (0, 0), SMOOTH, borderType=cv2.BORDER_CONSTANT)
        sums = blurred.reshape(-1, raster.shape[2])[self._on].astype(np.float64)
        return np.asarray(sums[:, :-1] / (sums[:, -1:] + 1e-6))

    def sampled(self, dense: NDArray[np.floating]) -> NDArray[np.floating]:
        """A field (H, W, 2) at the samples, (N, 2)."""
        return dense[self._rows, self._columns].reshape(len(self.grid), -1)

    def field(self, motion: RigidMotion) -> NDArray[np.float64]:
        """The rigid flow (N, 2) on the grid."""
        return np.stack([self.u @ motion.params, self.v @ motion.params], axis=1)


def _every(positions: NDArray[np.float64]) -> slice:
    """The evenly spaced whole numbers that occur, as a slice."""
    at = np.unique(positions).astype(int)
    return slice(int(at[0]), int(at[-1]) + 1, int(at[1] - at[0]) if len(at) > 1 else 1)
