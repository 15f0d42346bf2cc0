"""Where in a longer clip an expression begins, is strongest, and ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from merkit.errors import ConfigError
from merkit.inputs.apex_finders import SMOOTHING_S, USUAL_S, apex_curve
from merkit.inputs.course import CourseFit, courses, log_prior
from merkit.inputs.face_motion import FaceMotion, Seen

__all__ = ["Interval", "find_interval"]

DURATION_S = (0.04, 0.8)
"""Shortest and longest expression that is looked for: a micro-expression lasts up to half a second by
definition and was coded with up to .7."""
LEVEL = 0.1
"""Share of the way from rest to the peak at which a curve counts as risen."""
REST = 10.0
"""Percentile of a curve that is taken for rest."""
_EASE = (0.8, 1.2)  # the middle of those that are tried for an apex alone
_MARKS = 48  # places that each mark is tried at, evenly over the clip; then those between


@dataclass(frozen=True)
class Interval:
    """Positions of the first frame of the rise, of the apex, and of the last frame of the fall."""

    onset: int
    apex: int
    offset: int


def find_interval(
    seen: Seen, method: str = "course", *, fps: float | None = None, level: float = LEVEL
) -> Interval | None:
    """Find the one expression of a clip that also shows the face at rest before or behind it.

    Parameters
    ----------
    seen : AlignedFace, FaceMotion, uint8 array (T, H, W[, 3]), or float array (T, H, W, 2)
        As for :func:`~merkit.inputs.apex_finders.find_apex`; the first frame is to show the face at rest.
    method : str
        ``"course"`` tries all courses of rise and fall within :data:`DURATION_S`, as the finder of that name
        does for the apex, and takes the median of each mark over their probabilities.  Any other finder's
        curve is smoothed and followed from its peak down to either side until it is below `level`.
    fps : float, optional
        Frames a second; without it expressions of any length are tried.
    level : float
        Share of the way from rest, the tenth percentile of the curve, to the peak; 0 to 1.  Not used by
        ``"course"``.

    Returns
    -------
    Interval or None
        Positions, onset < apex <= offset or onset <= apex < offset; ``None`` where nothing moves at all.

    Raises
    ------
    DataError
        If there are fewer than two frames, or the array is neither frames nor flow.
    ConfigError
        For an unknown method, a rate that is no number above 0, or a level outside 0 to 1.

    Examples
    --------
    >>> strength = np.array([0, 0, 0, 0.1, 0.5, 0.9, 1, 0.9, 0.6, 0.3, 0.1, 0, 0, 0])
    >>> find_interval(strength[:, None, None, None] * np.ones((14, 16, 16, 2)), fps=25)
    Interval(onset=3, apex=6, offset=11)
    """
    if not 0 < level < 1:
        raise ConfigError(f"find_interval: level={level}; give a share between 0 and 1")
    if fps is not None and not 0 < fps < np.inf:
        raise ConfigError(f"find_interval: fps={fps}; give the frames a second, above 0")
    if method != "course":
        return _above(apex_curve(seen, method), SMOOTHING_S * fps if fps else None, level)
    motion = FaceMotion.of(seen)
    curve = apex_curve(motion, method)
    fit = CourseFit.to(motion.of_parts().reshape(len(curve), -1))
    if len(curve) < 4 or fit.still:
        return None if fit.still else Interval(0, int(np.argmax(curve[1:])) + 1, len(curve) - 1)
    return _likeliest(fit, len(curve), fps)


def _above(curve: NDArray[np.float64], sigma: float | None, level: float) -> Interval | None:
    """From the peak down to either side."""
    if np.ptp(curve) == 0:
        return None
    smooth = gaussian_filter1d(
        curve, SMOOTHING_S * len(curve) / USUAL_S if sigma is None else sigma, mode="nearest"
    )
    apex = int(np.argmax(smooth))
    rest = float(np.percentile(smooth, REST))
    below = np.flatnonzero(smooth <= rest + level * (smooth[apex] - rest))
    before, behind = below[below < apex], below[below > apex]
    onset = int(before[-1]) if len(before) else 0
    offset = int(behind[0]) if len(behind) else len(curve) - 1
    return Interval(onset, apex, offset)


def _likeliest(fit: CourseFit, length: int, fps: float | None) -> Interval:
    """Medians of the marks over all courses, first on every few frames, then on each near those."""
    shortest, longest = (2.0, float(length)) if fps is None else tuple(max(2.0, s * fps) for s in DURATION_S)
    step = -(-length // _MARKS)
    places = np.unique(np.append(np.arange(0, length, step), length - 1))
    onset, apex, offset = _medians(fit, length, (places, places, places), shortest, longest)
    if step > 1:
        near = [
            np.arange(max(0, mark - step), min(length, mark + step + 1)) for mark in (onset, apex, offset)
        ]
        onset, apex, offset = _medians(fit, length, (near[0], near[1], near[2]), shortest, longest)
    return Interval(onset, apex, offset)


def _medians(
    fit: CourseFit, length: int, places: tuple[NDArray[np.intp], ...], shortest: float, longest: float
) -> tuple[int, int, int]:
    first, top, last = (mark.ravel() for mark in np.meshgrid(*places, indexing="ij"))
    can_be = (first < top) & (top < last) & (last - first >= shortest) & (last - first <= longest)
    if not can_be.any():
        # A clip that is shorter than the shortest, or marks that lie as far apart as they may.
        can_be = (first < top) & (top < last)
    first, top, last = first[can_be], top[can_be], last[can_be]
    score = fit.log_likelihood(courses(length, first, top, last, _EASE)) + log_prior(first, top, last)
    chance = np.exp(score - score.max())
    marks = []
    for mark in (first, top, last):
        below = np.cumsum(np.bincount(mark, chance, length))
        marks.append(int(np.searchsorted(below, 0.5 * below[-1])))
    return marks[0], marks[1], marks[2]
