"""A complex steerable pyramid: octave bands in four directions, each with its quadrature.

The real parts of all bands, and the slow shading that no band holds, sum up to the picture.  A band is a
wave with a local amplitude and a local phase, and when the picture moves by d across the wave, the phase
changes by 2 pi d / wavelength.

Filters with direction turn cosines into sines along one axis or both, so a band is a sum of cosine and
sine transforms of the same coefficients.  The two diagonals share theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import idct, idst

from merkit.motion.magnification.octaves import Octave, forward, octaves

Floats = NDArray[np.float32]
DIRECTIONS = 4
"""0, 45, 90 and 135 degrees."""


class Wave(NamedTuple):
    """A band of pictures: two arrays (T, h, w) in quadrature, the real and the imaginary part."""

    real: Floats
    imaginary: Floats


class Level(NamedTuple):
    """One octave with the shares that its coefficients have in each transform.

    Attributes
    ----------
    octave : Octave
    straight : pair of arrays (h, w)
        Of the waves along x and along y.
    even, both, across, down : arrays (h, w)
        Of the diagonals: cosines along both axes, sines along both, sines along x or y alone.
    """

    octave: Octave
    straight: tuple[Floats, Floats]
    even: Floats
    both: Floats
    across: Floats
    down: Floats


def window(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of a wave at an angle to a direction belongs to it; over four directions the sum is 1."""
    return np.cos(angle) ** 6 / 1.25


@lru_cache(maxsize=8)
def levels(shape: tuple[int, int]) -> tuple[Level, ...]:
    """The filters for pictures of a shape, finest octave first."""
    return tuple(_level(octave, shape) for octave in octaves(shape))


def waves(coefficients: Floats, level: Level) -> Iterator[Wave]:
    """The four waves of one octave on the coarse grid of the level.

    Parameters
    ----------
    coefficients : float32 array (T, H, W)
        Of the pictures, from :func:`merkit.motion.magnification.octaves.forward`.
    level : Level

    Yields
    ------
    Wave of (T, h, w)
        At 0, 45, 90 and 135 degrees, counted from right to down.  One after another, since four of a long
        clip take much memory.
    """
    height, width = level.octave.mask.shape
    scale = np.float32(np.sqrt(height * width / np.prod(coefficients.shape[1:])))
    part = coefficients[:, :height, :width] * scale
    along_x, along_y = level.straight
    yield Wave(_seen(part * along_x), _seen(part * along_x, across=True))
    even, both = _seen(part * level.even), _seen(part * level.both, down=True, across=True)
    across, down = _seen(part * level.across, across=True), _seen(part * level.down, down=True)
    yield Wave(even - both, across + down)
    yield Wave(_seen(part * along_y), _seen(part * along_y, down=True))
    yield Wave(even + both, down - across)


def add_to(total: Floats, pictures: Floats, level: Level) -> None:
    """Add pictures (T, h, w) on the coarse grid of a level to coefficients (T, H, W)."""
    height, width = level.octave.mask.shape
    scale = np.float32(np.sqrt(np.prod(total.shape[1:]) / (height * width)))
    total[:, :height, :width] += forward(pictures) * scale


def _level(octave: Octave, shape: tuple[int, int]) -> Level:
    height, width = octave.mask.shape
    down, across = (np.pi * np.arange(side) / side for side in shape)
    angle = np.arctan2(down[:height, None], across[:width])
    # A wave towards (x, -y) comes with that towards (x, y).
    here, there = (window(a - np.pi / 4) for a in (angle, -angle))
    here_odd = here * np.sign(np.cos(angle - np.pi / 4))
    there_odd = there * np.sign(np.cos(-angle - np.pi / 4))

    def share(of: NDArray[np.float64]) -> Floats:
        return np.asarray(of * octave.mask, np.float32)

    return Level(
        octave,
        (share(window(angle)), share(window(angle - np.pi / 2))),
        share((here + there) / 2),
        share((here - there) / 2),
        share((here_odd + there_odd) / 2),
        share((here_odd - there_odd) / 2),
    )


def _seen(part: Floats, down: bool = False, across: bool = False) -> Floats:
    """The pictures of coefficients of cosines, or of sines along one axis or both."""
    result = part
    for axis, sine in ((1, down), (2, across)):
        if not sine:
            result = idct(result, axis=axis, norm="ortho")
            continue
        # Sines are counted from the first frequency on, and the highest is none of the picture's.
        moved = np.zeros_like(result)
        if axis == 1:
            moved[:, :-1] = result[:, 1:]
        else:
            moved[..., :-1] = result[..., 1:]
        result = idst(moved, axis=axis, norm="ortho")
    return np.asarray(result, np.float32)
