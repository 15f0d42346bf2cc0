"""Key regions of STRCN-A: the pixels in which training clips change most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.methods.strcn.resize import resize

MASK_SHAPE = (64, 48)
"""Rows and columns."""
MIN_PIXELS = 64
"""Fewer leave no row after the pools of the network."""
INTERVAL = 10
"""Frames between two that are compared, in the other variant of the code."""
_PERCENTILE = 75.0


def shrink_frames(frames: NDArray[Any], shape: tuple[int, int] = MASK_SHAPE) -> NDArray[np.float64]:
    """Grey frames (K, H, W) at the size of the mask, (K, rows, columns), 0 to 255 up to overshoot.

    Raises
    ------
    DataError
        If they are no grey frames.
    """
    if frames.ndim != 3 or not len(frames):
        raise DataError(f"frames of shape {frames.shape}: STRCN-A needs grey frames (K, H, W), one or more")
    return resize(frames, shape)


def motion_energy(frames: NDArray[np.floating], interval: int | None = None) -> NDArray[np.float64]:
    """How much each pixel of a clip changes: Σ |I_k − I_1|, or Σ |I_k − I_(k+interval) mod K|.

    Parameters
    ----------
    frames : float array, shape (K, rows, columns)
    interval : int, optional
        Compare frames this far apart, from the end on with those at the beginning, instead of all with the
        first; :data:`INTERVAL` in the code.

    Returns
    -------
    float64 array, shape (rows, columns)

    Examples
    --------
    >>> motion_energy(np.array([[[1.0, 5.0]], [[2.0, 5.0]], [[0.0, 5.0]]])).tolist()
    [[2.0, 0.0]]
    """
    values = np.asarray(frames, dtype=np.float64)
    others = values[:1] if interval is None else np.roll(values, -interval, axis=0)
    return np.asarray(np.abs(values - others).sum(axis=0))


def key_regions(energies: Sequence[NDArray[np.floating]]) -> NDArray[np.bool_]:
    """The mask of the pixels that change most in training clips.

    Every clip's energy is divided by its maximum and averaged over the clips; the upper quarter of the
    pixels is kept, opened with a disk of radius 1 (3 from 100 rows on, 5 from 200).  Give it clips of
    training subjects alone: it is a statistic of the data.

    Parameters
    ----------
    energies : sequence of float array, each (rows, columns)
        One a clip, see :func:`motion_energy`.

    Returns
    -------
    bool array, shape (rows, columns)

    Raises
    ------
    DataError
        If there is no clip, one in which nothing moves, or fewer than :data:`MIN_PIXELS` pixels are left.
    """
    if not len(energies):
        raise DataError("key regions of no clip: give one motion energy a clip")
    mask = open_mask(upper_quarter(energies))
    if mask.sum() < MIN_PIXELS:
        raise DataError(
            f"key regions of {int(mask.sum())} pixels: STRCN-A needs {MIN_PIXELS}; the clips move too "
            "little, or in scattered pixels alone"
        )
    return mask


def upper_quarter(energies: Sequence[NDArray[np.floating]]) -> NDArray[np.bool_]:
    """The mask before the opening: pixels at or above the 75th percentile of the mean relative energy."""
    peaks = [float(energy.max()) for energy in energies]
    if not min(peaks) > 0:
        raise DataError(
            f"key regions: nothing moves in clip {int(np.argmin(peaks))} of those given; leave it out"
        )
    mean = np.mean([energy / peak for energy, peak in zip(energies, peaks, strict=True)], axis=0)
    return np.asarray(mean >= np.percentile(mean, _PERCENTILE))


def open_mask(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Remove what a disk does not fit into; the radius follows from the number of rows."""
    # Here, not above: it takes longer to load than all the rest.
    from skimage.morphology import disk, opening

    rows = mask.shape[0]
    radius = 1 if rows < 100 else 3 if rows < 200 else 5
    return np.asarray(opening(mask, disk(radius))).astype(bool)
