"""Phase-based Eulerian magnification: waves are moved on, so that noise is moved and not multiplied."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.motion.magnification.octaves import backward, forward
from merkit.motion.magnification.steerable import DIRECTIONS, Level, Wave, add_to, levels, waves
from merkit.motion.magnification.temporal import TemporalFilter

Floats = NDArray[np.float32]
_FAINT = 1e-6
"""Added to amplitudes, so that empty pictures have a phase, of 0."""
_TURN = 2 * np.pi
_LEAST_SIGMA = 0.2
"""Narrower Gaussians, in points of the grid, leave a picture as it is."""


class PhaseMagnifier:
    """What phase-based magnification adds to frames, one block of them after another.

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
    chroma : float
        What channels after the first get of the factor; they go where the first one goes.

    References
    ----------
    Wadhwa et al., Phase-based video motion processing, SIGGRAPH 2013.
    """

    def __init__(
        self, new_filter: Callable[[float], TemporalFilter], smooth: float, chroma: float = 1.0
    ) -> None:
        self._new_filter, self._smooth, self._chroma = new_filter, smooth, chroma
        self._bands: list[list[_PhaseFollower]] = []
        self._light = np.float32(0)

    def __call__(self, block: Floats, alphas: Sequence[float], at: NDArray[np.intp]) -> list[Floats]:
        """What is added to some frames of the next block, for each factor.

        Parameters
        ----------
        block : float32 array (T, H, W, C)
            The first channel is light, in which the motion is looked for.
        alphas : sequence of float
        at : int array
            Positions in the block that are wanted.

        Returns
        -------
        list of float32 arrays (len(at), H, W, C), one a factor
        """
        shape = block.shape[1], block.shape[2]
        filters = levels(shape)
        if not self._bands:
            self._bands = [
                [_PhaseFollower(self._new_filter(_TURN)) for _ in range(DIRECTIONS)] for _ in filters
            ]
            self._light = block[0, ..., 0].mean()
        # Mean light has no phase, and takes digits from what has one.
        light = forward(block[..., 0] - self._light)
        colours = [forward(block[at, ..., k]) for k in range(1, block.shape[3]) if len(at)]
        totals = np.zeros((len(alphas), block.shape[3], len(at), *shape), np.float32)
        for level, followers in zip(filters, self._bands, strict=True):
            added = np.zeros((*totals.shape[:3], *level.octave.mask.shape), np.float32)
            every = zip(followers, waves(light, level), *(waves(c, level) for c in colours), strict=True)
            for follower, wave, *coloured in every:
                phase = follower(wave)
                if not len(at):
                    # Only the filters have to see every frame.
                    continue
                shown = Wave(wave.real[at], wave.imaginary[at])
                phase = self._smoothed(phase[at], shown, level, shape)
                for alpha, change in zip(alphas, added, strict=True):
                    change[0] += _moved_on([shown], alpha * phase)[0]
                    if coloured:
                        change[1:] += _moved_on(coloured, self._chroma * alpha * phase)
            if not len(at):
                continue
            for total, change in zip(totals, added, strict=True):
                for channel, pictures in zip(total, change, strict=True):
                    add_to(channel, pictures, level)
        return [
            np.stack([backward(channel) if len(at) else channel for channel in total], axis=-1)
            for total in totals
        ]

    def _smoothed(self, phase: Floats, wave: Wave, level: Level, shape: tuple[int, int]) -> Floats:
        """Mean of the phase around each point, weighted with the amplitude and a Gaussian."""
        # The points of the grid need not be equally far apart along both axes.
        down, across = (
            self._smooth * n / side for n, side in zip(level.octave.mask.shape, shape, strict=True)
        )
        if max(down, across) < _LEAST_SIGMA:
            return phase
        # Much faster than hypot, which guards against overflow.
        amplitude = np.sqrt(wave.real**2 + wave.imaginary**2) + np.float32(_FAINT)
        result = np.empty_like(phase)
        for weight, value, out in zip(amplitude, phase, result, strict=True):
            np.divide(_blurred(weight * value, down, across), _blurred(weight, down, across), out=out)
        return result


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


def _blurred(picture: Floats, down: float, across: float) -> Floats:
    blurred = cv2.GaussianBlur(picture, (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)


def _moved_on(waves: Sequence[Wave], phase: Floats) -> list[Floats]:
    """What the real parts of waves gain when they are moved on by a phase."""
    cosine, sine = np.cos(phase) - 1, np.sin(phase)
    return [wave.real * cosine - wave.imaginary * sine for wave in waves]
