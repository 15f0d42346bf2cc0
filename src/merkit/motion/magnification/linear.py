"""Linear Eulerian magnification: changes of grey levels, by octave bands, are multiplied and added."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from merkit.motion.magnification.octaves import backward, forward, octaves
from merkit.motion.magnification.temporal import TemporalFilter

Floats = NDArray[np.float32]


class LinearMagnifier:
    """What linear magnification adds to frames, one block of them after another.

    Filtering in time and filtering in space are both linear, so their order does not matter: time comes
    first, once for all bands and all factors.

    Parameters
    ----------
    new_filter : callable
        Gives a filter over time, see :func:`merkit.motion.magnification.temporal.temporal_filter`.
    cutoff : float
        Wavelength in pixels from which on the factor is whole, see :func:`factors`.
    chroma : float
        What channels after the first get of the factor.

    References
    ----------
    Wu et al., Eulerian video magnification for revealing subtle changes in the world, SIGGRAPH 2012.
    """

    def __init__(
        self, new_filter: Callable[[float], TemporalFilter], cutoff: float, chroma: float = 1.0
    ) -> None:
        self._filter, self._cutoff, self._chroma = new_filter(0.0), cutoff, chroma

    def __call__(self, block: Floats, alphas: Sequence[float], at: NDArray[np.intp]) -> list[Floats]:
        """What is added to some frames of the next block, for each factor.

        Parameters
        ----------
        block : float32 array (T, H, W, C)
        alphas : sequence of float
        at : int array
            Positions in the block that are wanted.

        Returns
        -------
        list of float32 arrays (len(at), H, W, C), one a factor
        """
        passed = self._filter(block)[at]
        passed[..., 1:] *= np.float32(self._chroma)
        n, height, width, channels = passed.shape
        if not n:
            return [passed for _ in alphas]
        planes = np.moveaxis(passed, 3, 1).reshape(n * channels, height, width)
        coefficients = forward(planes)
        added = []
        for alpha in alphas:
            planes = backward(coefficients * gain((height, width), alpha, self._cutoff))
            added.append(np.moveaxis(planes.reshape(n, channels, height, width), 1, 3))
        return added


def factors(shape: tuple[int, int], alpha: float, cutoff: float) -> list[float]:
    """The factor of each octave band, finest first.

    The first-order expansion holds while ``(1 + alpha) d < wavelength / 8``.  A cutoff names the
    wavelength for which the movement d is taken to be just within that bound; finer bands get what the
    bound leaves them, ``(1 + alpha) wavelength / cutoff - 1``, and at least 0.

    Parameters
    ----------
    shape : (height, width)
    alpha : float
    cutoff : float
        Pixels; 0 leaves every band the whole factor.

    Returns
    -------
    list of float

    References
    ----------
    Wu et al. 2012, section 3.3 and figure 6.

    Examples
    --------
    >>> factors((64, 64), 8.0, 16.0)
    [1.25, 3.5, 8.0, 8.0, 8.0]
    """
    if not cutoff or alpha <= 0:
        return [alpha for _ in octaves(shape)]
    return [min(max((1 + alpha) * band.wavelength / cutoff - 1, 0), alpha) for band in octaves(shape)]


def gain(shape: tuple[int, int], alpha: float, cutoff: float) -> Floats:
    """What each coefficient is multiplied by; slow shading, which is in no band, gets the whole factor."""
    total = np.full(shape, alpha, np.float32)
    for band, factor in zip(octaves(shape), factors(shape, alpha, cutoff), strict=True):
        height, width = band.mask.shape
        total[:height, :width] += np.float32(factor - alpha) * band.mask
    return total
