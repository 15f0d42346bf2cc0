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
from scipy.linalg.lapack import dposv

from merkit.errors import DataError

SIMILARITY = 4
ITERATIONS = 20
"""At most; it ends when the rigid flow changes by less than `SETTLED` pixels."""
SETTLED = 5e-4
TUNING = 1.8
"""Residuals beyond this many deviations have no weight."""
CELL = 2
"""Samples along the side of a cell: the fit is made to the means of cells."""
SMOOTH = 1.0
"""Standard deviation, in cells, of the smoothing of residuals before they are judged."""
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
    pixel of expression is told from noise that hides it in every single sample.  Since they are smoothed,
    means of 2 × 2 samples do as well, and take half the time.  The cut is sharper than in statistics of
    independent errors, because the soft edge of an expression is not noise.
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
        row, column = np.divmod(np.arange(len(grid)), self.shape[1])
        self._raster = -(-self.shape[0] // CELL), -(-self.shape[1] // CELL)
        self._cell = row // CELL * self._raster[1] + column // CELL
        self._ridge = 1e-9 * np.eye(self.u.shape[1]) * total
        self._whole = self._cells(self.weights)

    def __call__(
        self,
        flow: NDArray[np.floating],
        seen: NDArray[np.bool_] | None = None,
        iterations: int = ITERATIONS,
    ) -> RigidMotion:
        """Fit to a flow (N, 2) in pixels, to the samples that are `seen` (N,) if that is given.

        Without any sample to go by there is no motion.
        """
        n = self.u.shape[1]
        params = np.zeros(n)
        cells = self._whole
        if seen is not None and not seen[self.weights > 0].all():
            cells = self._cells(self.weights * seen)
        prior = cells.mass
        used = prior > 0.2 * prior.max(initial=0.0)
        if not used.any():
            return RigidMotion(params, (self.centre[0], self.centre[1]), self.half)
        means = cells.means(flow)
        smooth = cells.smoothed(means).T.ravel()
        moments = cells.u * means[:, :1] + cells.v * means[:, 1:]
        judged = np.flatnonzero(used)
        kth = int(0.4 * len(judged))
        weights = prior
        for _ in range(iterations):
            before = params
            # Both sides of the normal equations are sums over cells, for any weights one product each.
            normal = (weights @ cells.products).reshape(n, n) + self._ridge
            _, found, failed = dposv(normal, weights @ moments)
            if failed:
                # So little weight is left that it is rounding.
                break
            params = found
            if np.abs(params - before).max() < SETTLED:
                break
            # Smoothing is linear: flow and model were smoothed once, so their difference is smooth.
            squares = (smooth - cells.smooth @ params) ** 2
            residual2 = squares[: len(prior)] + squares[len(prior) :]
            level = float(np.partition(residual2[judged], kth)[kth])
            scale = max(self.scale_floor, QUANTILE_SCALE * np.sqrt(level))
            weights = prior * np.maximum(1.0 - residual2 / (TUNING * scale) ** 2, 0.0) ** 2
        return RigidMotion(params, (self.centre[0], self.centre[1]), self.half)

    def _cells(self, weights: NDArray[np.float64]) -> _Cells:
        return _Cells(self.u, self.v, weights, self._cell, self._raster)

    def sampled(self, dense: NDArray[np.floating]) -> NDArray[np.floating]:
        """A field (H, W, 2) at the samples, (N, 2)."""
        return dense[self._rows, self._columns].reshape(len(self.grid), -1)

    def field(self, motion: RigidMotion) -> NDArray[np.float64]:
        """The rigid flow (N, 2) on the grid."""
        return np.stack([self.u @ motion.params, self.v @ motion.params], axis=1)


class _Cells:
    """The model of a fit in means of cells, for given weights of the samples.

    Attributes
    ----------
    mass : float array, shape (C,)
        Weight of every cell that has any.
    u, v : float array, shape (C, n)
        Means of the model's rows over cells.
    smooth : float array, shape (2 * C, n)
        The same smoothed, those of u before those of v.
    products : float array, shape (C, n * n)
    """

    def __init__(
        self, u: NDArray[np.float64], v: NDArray[np.float64], weights: NDArray[np.float64],
        cell: NDArray[np.intp], raster: tuple[int, int],
    ) -> None:  # fmt: skip
        self._on = np.flatnonzero(weights > 0)
        self._raster = raster
        self._at, self._of = np.unique(cell[self._on], return_inverse=True)
        self._weights = weights[self._on]
        self.mass = np.bincount(self._of, self._weights).astype(np.float64)
        self._around = self._blurred(self.mass[:, None]) + 1e-6
        self.u, self.v = self.means(u), self.means(v)
        self.smooth = np.vstack([self.smoothed(self.u), self.smoothed(self.v)])
        products = self.u[:, :, None] * self.u[:, None, :] + self.v[:, :, None] * self.v[:, None, :]
        self.products = products.reshape(len(products), u.shape[1] ** 2)

    def means(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Weighted means over cells, (C, k), of values (N, k) on the samples."""
        weighted = values[self._on].T * self._weights
        sums = np.stack([np.bincount(self._of, column) for column in weighted], axis=1)
        return np.asarray(sums / self.mass[:, None], dtype=np.float64)

    def smoothed(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Means around every cell, (C, k), of values (C, k) on the cells."""
        return self._blurred(means * self.mass[:, None]) / self._around

    def _blurred(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        k = values.shape[1]
        cells = np.zeros((self._raster[0] * self._raster[1], k), dtype=np.float32)
        cells[self._at] = values
        picture = cells.reshape(*self._raster, k)
        blurred = cv2.GaussianBlur(picture, (0, 0), SMOOTH, borderType=cv2.BORDER_CONSTANT)
        return blurred.reshape(-1, k)[self._at].astype(np.float64)


def _every(positions: NDArray[np.float64]) -> slice:
    """The evenly spaced whole numbers that occur, as a slice."""
    at = np.unique(positions).astype(int)
    return slice(int(at[0]), int(at[-1]) + 1, int(at[1] - at[0]) if len(at) > 1 else 1)
