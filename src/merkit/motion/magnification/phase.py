"""Phase-based Eulerian magnification: waves are moved on, so that noise is moved and not multiplied."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.motion.magnification.octaves import backward, forward
from merkit.motion.magnification.steerable import DIRECTIONS, Wave, add_to, levels, waves
from merkit.motion.magnification.temporal import TemporalFilter

Floats = NDArray[np.float32]
_FAINT = 1e-6
"""Added to amplitudes, so that empty pictures have a phase, of 0."""
_TURN = 2 * np.pi
_LEAST_SIGMA = 0.2
"""Narrower Gaussians, in points of the grid, leave a picture as it is."""


class PhaseMagnifier:
    """What phase-based magnification adds to grey frames, one block of them after another.

    In each band of a complex steerable pyramid the local phase relative to the first frame is filtered in
    time and smoothed over the neighbourhood with the amplitudes as weights, and the wave is moved on by
    `alpha` times the result.  To add up the differences between neighbouring frames instead gives the
    same without noise and more error with it, since faint waves lose count of their turns.

    Parameters
    ----------
    new_filter : callable
        Gives a filter over time, see :func:`merkit.motion.magnification.temporal.temporal_filter`.
    smooth : float
        Standard deviation of the smoothing, in pixels of the frame.

    References
    ----------
    Wadhwa et al., Phase-based video motion processing, SIGGRAPH 2013.
    """

    def __init__(self, new_filter: Callable[[float], TemporalFilter], smooth: float) -> None:
        self._new_filter, self._smooth = new_filter, smooth
        self._bands: list[list[_PhaseFollower]] = []
        self._light: np.float32 | None = None

    def __call__(self, block: Floats, alphas: Sequence[float], at: NDArray[np.intp]) -> list[Floats]:
        """What is added to some frames of the next block, for each factor.

        Parameters
        ----------
        block : float32 array (T, H, W, 1)
        alphas : sequence of float
        at : int array
            Positions in the block that are wanted.

        Returns
        -------
        list of float32 arrays (len(at), H, W, 1), one a factor
        """
        shape = block.shape[1], block.shape[2]
        filters = levels(shape)
        if not self._bands:
            self._bands = [
                [_PhaseFollower(self._new_filter(_TURN)) for _ in range(DIRECTIONS)] for _ in filters
            ]
        if self._light is None:
            self._light = block[0].mean()
        # Mean light has no phase, and takes digits from what has one.
        coefficients = forward(block[..., 0] - self._light)
        totals = [np.zeros((len(at), *shape), np.float32) for _ in alphas]
        for level, followers in zip(filters, self._bands, strict=True):
            # The points of the grid need not be equally far apart along both axes.
            down, across = (
                self._smooth * n / side for n, side in zip(level.octave.mask.shape, shape, strict=True)
            )
            added = [np.zeros((len(at), *level.octave.mask.shape), np.float32) for _ in alphas]
            for wave, follower in zip(waves(coefficients, level), followers, strict=True):
                phase = follower(wave)[at]
                wanted = Wave(wave.real[at], wave.imaginary[at])
                if max(down, across) >= _LEAST_SIGMA:
                    phase = _smoothed(phase, wanted, (across, down))
                for alpha, change in zip(alphas, added, strict=True):
                    change += _moved_on(wanted, np.float32(alpha) * phase)
            for total, change in zip(totals, added, strict=True):
                add_to(total, change, level)
        return [backward(total)[..., None] for total in totals]


class _PhaseFollower:
    """The phase of one band relative to the first frame, and what of it passes the filter."""

    def __init__(self, temporal: TemporalFilter) -> None:
        self._temporal = temporal
        self._first: Wave | None = None

    def __call__(self, wave: Wave) -> Floats:
        if self._first is None:
            self._first = Wave(wave.real[0].copy(), wave.imaginary[0].copy())
        real, imaginary = self._first
        return self._temporal(
            np.arctan2(
                wave.imaginary * real - wave.real * imaginary, wave.real * real + wave.imaginary * imaginary
            )
        )


def _smoothed(phase: Floats, wave: Wave, sigma: tuple[float, float]) -> Floats:
    """Mean of the phase around each point, weighted with the amplitude and a Gaussian."""
    amplitude = np.hypot(wave.real, wave.imaginary) + np.float32(_FAINT)
    result = np.empty_like(phase)
    for weight, value, out in zip(amplitude, phase, result, strict=True):
        np.divide(_blurred(weight * value, sigma), _blurred(weight, sigma), out=out)
    return result


def _blurred(picture: Floats, sigma: tuple[float, float]) -> Floats:
    across, down = sigma
    blurred = cv2.GaussianBlur(picture, (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)


def _moved_on(wave: Wave, phase: Floats) -> Floats:
    """What the real part of a wave gains when it is moved on by a phase."""
    return wave.real * (np.cos(phase) - 1) - wave.imaginary * np.sin(phase)
