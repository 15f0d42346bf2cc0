"""Steadying a flow field: what the pictures do not show for certain is drawn towards no motion.

Between two pictures with noise an estimator finds motion everywhere, most of all where there is nothing to
see: on smooth skin and plain walls.  Where there is texture it is right on average, and wrong at random from
pixel to pixel.  So neighbours are averaged, each by how much its texture tells (weighted least squares), and
what comes is shrunk by the share of it that noise alone would make (Stein's rule).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError

BLUR = 0.7
"""Standard deviation in pixels of the smoothing of the pictures before their gradients are taken."""
NEAR = 2.0
"""Standard deviation in pixels of the neighbourhood in which gradients are compared with those of noise."""
TEXTURE = 3.0
"""Times the energy that noise has in a gradient, from which on there is texture."""
WIDEST = 0.4
"""Standard deviation in pixels of the motion that is expected before anything is seen."""
REACH = 1.6
"""Neighbourhood in which motion is compared with noise, in windows."""
_ROUNDING = 0.05  # variance in grey levels, so that pictures without any noise have some
_MAD = 1.4826  # standard deviation of a Gaussian over its median absolute deviation


def steady(
    first: NDArray[np.uint8], second: NDArray[np.uint8], flow: NDArray[np.floating], window: float = 5.0
) -> NDArray[np.float32]:
    """Average a flow field by what its pixels tell, and shrink it where that is no more than noise.

    Parameters
    ----------
    first, second : uint8 array, shape (H, W)
        The grey pictures between which the flow was measured.
    flow : float array, shape (H, W, 2)
        ``(u right, v down)`` in pixels; a shift of the whole picture should be taken out before.
    window : float
        Standard deviation in pixels of the neighbourhood that is averaged.

    Returns
    -------
    float32 array, shape (H, W, 2)

    Raises
    ------
    DataError
        If the sizes differ.
    ConfigError
        If `window` is not above 0.

    Notes
    -----
    With g the gradient and G its outer product averaged by a Gaussian window of area A = 4 pi window^2, the
    flow w becomes ``(G + (n / s^2) I)^-1 <g g^T w>``, ``n = sigma^2 / A``, with sigma^2 the variance of the
    difference of the pictures, laid on each other, and s is :data:`WIDEST`: the posterior mean under a normal
    prior.  A component of it has the noise ``n tr(G + (n / s^2) I)^-1 / 2``; with E the mean energy of a
    component around, w is then multiplied by ``max(0, 1 - noise / E)``.

    Examples
    --------
    >>> plain = np.full((64, 64), 128, np.uint8)
    >>> float(np.abs(steady(plain, plain, np.ones((64, 64, 2)))).max())
    0.0
    """
    if not window > 0:
        raise ConfigError(f"steady: window={window}; give pixels above 0")
    if first.shape != second.shape or flow.shape != (*first.shape, 2):
        raise DataError(
            f"steady: pictures of {first.shape} and {second.shape} and flow of {flow.shape}; give a flow of "
            "the size of both pictures"
        )
    field = np.asarray(flow, dtype=np.float32)
    a, b = first.astype(np.float32), second.astype(np.float32)
    variance = noise_variance(a, b, field)
    tensor = _tensor(0.5 * a + 0.5 * b, variance)
    xx, xy, yy = tensor
    u, v = field[..., 0], field[..., 1]
    along_x, along_y = _mean(xx * u + xy * v, window), _mean(xy * u + yy * v, window)
    xx, xy, yy = (_mean(part, window) for part in tensor)
    noise = (variance + _ROUNDING) / (4 * np.pi * window**2)
    xx, yy = xx + noise / WIDEST**2, yy + noise / WIDEST**2
    determinant = xx * yy - xy * xy
    steadied = np.dstack([yy * along_x - xy * along_y, xx * along_y - xy * along_x]) / determinant[..., None]
    by_noise = _mean(noise * (xx + yy) / (2 * determinant), REACH * window)
    energy = _mean((steadied**2).sum(axis=2) / 2, REACH * window)
    kept = np.maximum(0.0, 1.0 - by_noise / np.maximum(energy, 1e-12))
    return np.asarray(steadied * kept[..., None], dtype=np.float32)


def noise_variance(
    first: NDArray[np.float32], second: NDArray[np.float32], flow: NDArray[np.float32]
) -> float:
    """Variance in grey levels of the difference of two pictures that a flow lays on each other."""
    height, width = first.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    back = cv2.remap(
        second, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
    )
    difference = back - first
    # Exposure may have changed between them.
    difference = difference - np.median(difference)
    return float((_MAD * np.median(np.abs(difference))) ** 2)


def _tensor(picture: NDArray[np.float32], variance: float) -> tuple[NDArray[np.float32], ...]:
    """Outer product of the gradient at every pixel (xx, xy, yy), less where it may be noise."""
    x, y = _gradient(picture)
    xx, xy, yy = x * x, x * y, y * y
    energy = _mean(xx + yy, NEAR)
    # A mean of two pictures has a quarter of the variance of their difference; x and y add up.
    by_noise = TEXTURE * 2 * _power() * variance / 4
    certain = np.maximum(energy - by_noise, 0.0) / np.maximum(energy, 1e-6)
    return xx * certain, xy * certain, yy * certain


def _gradient(picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    smooth = cv2.GaussianBlur(picture, (0, 0), BLUR)
    return tuple(cv2.Scharr(smooth, cv2.CV_32F, *axis, scale=1 / 32) for axis in ((1, 0), (0, 1)))


def _mean(values: NDArray[Any], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(np.asarray(values, np.float32), (0, 0), sigma), dtype=np.float32)


@cache
def _power() -> float:
    """Energy that white noise of variance 1 has in a component of the gradient."""
    point = np.zeros((33, 33), np.float32)
    point[16, 16] = 1.0
    return float((_gradient(point)[0] ** 2).sum())
