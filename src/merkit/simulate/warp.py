"""Smooth displacements between pixels, and their inverse.

A displacement says where each pixel of the neutral face goes; a picture is drawn the other way round,
from where each pixel of the frame has come.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from merkit.errors import ConfigError

Map = NDArray[np.float32]
_FULL_STEPS, _ROUNDS = 20, 120
"""Rounds in which the inverse of a displacement is sought: by full steps, and in all."""
_STEEP, _EXACT_STEPS = 0.5, 6
"""Change of a displacement a pixel at which rounded positions would cost a hundredth of a pixel, and
how many steps without rounding follow then."""


def shift_at(total: Map, x: Map, y: Map) -> Map:
    """How far neutral points move under a displacement (height, width, 2); shape of ``x`` and 2."""
    return _exactly(total, x, y) if _slope(total) > _STEEP else between(total, x, y)


def came_from(total: Map, x: Map, y: Map) -> tuple[Map, Map]:
    """Which neutral points a displacement (height, width, 2) brings to ``x, y``.

    Found by fixed-point iteration.

    Raises
    ------
    ConfigError
        If it brings several points to one place.
    """
    # `between` rounds positions to 1/32 px, hence shifts: finer than this the steps cannot become.
    slope = _slope(total)
    enough = max(2e-3 * max(1.0, float(np.abs(total).max())), slope / 24)
    from_x, from_y = x, y
    step = np.float32(1.0)
    for n in range(_ROUNDS):
        if n == _FULL_STEPS:
            if _folds(total):
                break
            # Where skin stretches to more than twice its length, full steps swing ever wider.
            step = np.float32(0.5)
        before_x, before_y = from_x, from_y
        shift = between(total, from_x, from_y)
        from_x, from_y = x - shift[..., 0], y - shift[..., 1]
        if step < 1:
            from_x, from_y = before_x + step * (from_x - before_x), before_y + step * (from_y - before_y)
        change = max(np.abs(from_x - before_x).max(), np.abs(from_y - before_y).max())
        if change < enough:
            break
    if not change < enough:
        raise ConfigError("movement: the displacement is too strong, the skin would fold over itself")
    for _ in range(_EXACT_STEPS if slope > _STEEP else 0):
        shift = _exactly(total, from_x, from_y)
        from_x = from_x + step * (x - shift[..., 0] - from_x)
        from_y = from_y + step * (y - shift[..., 1] - from_y)
    return from_x, from_y


def between(values: Map, x: Map, y: Map) -> Map:
    """Smooth values at fractional pixels; rounding to 1/32 px changes them by a thousandth."""
    looked_up = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(looked_up, np.float32)


def _exactly(values: Map, x: Map, y: Map) -> Map:
    """Values at fractional pixels without rounding the position; ten times slower than `between`."""
    parts = [map_coordinates(part, [y, x], order=1, mode="nearest") for part in np.moveaxis(values, -1, 0)]
    return np.stack(parts, axis=-1).astype(np.float32)


def _slope(total: Map) -> float:
    """How fast a displacement changes from pixel to pixel at most."""
    return float(sum(np.abs(np.diff(total, axis=axis)).max() for axis in (0, 1)))


def _folds(total: Map) -> bool:
    """Whether a displacement (height, width, 2) brings points that were apart to one place."""
    (right_x, right_y), (below_x, below_y) = (
        (np.gradient(total[..., 0], axis=axis), np.gradient(total[..., 1], axis=axis)) for axis in (1, 0)
    )
    return bool(((1 + right_x) * (1 + below_y) - right_y * below_x).min() <= 0)
