"""The course of an expression in time, fitted to the motion of a face.

A micro-expression rises from rest, turns and falls back to rest.  What moves is not known, when it moves has
few unknowns: so every course that can be is tried, the motion that goes best with it is fitted, and what is
left over says how likely the course is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EASE: tuple[tuple[float, float], ...] = ((0.7, 1.0), (0.7, 1.5), (1.0, 1.0), (1.0, 1.5))
"""Exponents of the time of rise and of fall that are tried: rises start fast, falls trail off."""
USUAL_APEX, APEX_SPREAD = 0.48, 0.16
"""Mean and standard deviation of the apex's place from onset to offset: between those in the codings of
CASME II and SAMM, whose medians are .51 and .44 and whose middle nine tenths go from .23 to .76."""
INDEPENDENT = 0.15
"""Share of the values of a frame, the mean flows of parts of a face, that count as independent, because
neighbours err alike."""
DRIFT = 0.75
"""Share of a steady drift that is not counted, because a head that slowly turns makes one too."""
# Both were chosen on simulated clips that are in no benchmark; .07 to .18 and .5 to .75 do about as well.


def courses(
    length: int, onset: NDArray[Any], apex: NDArray[Any], offset: NDArray[Any],
    ease: tuple[float, float] = (1.0, 1.0),
) -> NDArray[np.float64]:  # fmt: skip
    """Expressions that rise from 0 at the onset to 1 at the apex and fall to 0 at the offset.

    Parameters
    ----------
    length : int
        Frames, T.
    onset, apex, offset : array of numbers, shape (K,)
        Positions, rising.
    ease : (float, float)
        Exponents of the time since the onset and of that left before the offset.

    Returns
    -------
    float64 array, shape (K, T)
        Raised cosines, 0 outside.

    Examples
    --------
    >>> courses(6, np.array([0]), np.array([2]), np.array([4])).round(2).tolist()
    [[0.0, 0.5, 1.0, 0.5, 0.0, 0.0]]
    """
    first, top, last = (np.asarray(mark, dtype=np.float64)[:, None] for mark in (onset, apex, offset))
    time = np.arange(float(length))[None]
    risen = np.clip((time - first) / np.maximum(top - first, 1e-9), 0.0, 1.0) ** ease[0]
    left = np.clip((last - time) / np.maximum(last - top, 1e-9), 0.0, 1.0) ** ease[1]
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.where(time <= top, risen, left)), dtype=np.float64)


@dataclass(frozen=True)
class CourseFit:
    """What the motion of a clip says about courses.

    Flow against the first frame is 0 there, and elsewhere has the noise of that frame in common; so the first
    frame is left out and what is common to the others is not counted, nor is most of a steady drift.

    Attributes
    ----------
    gram : float64 array, shape (T - 1, T - 1)
        Inner products of the frames from the second on, without what they have in common.
    count : float
        Independent values that the fit of one course has left over.
    """

    gram: NDArray[np.float64]
    count: float

    @classmethod
    def to(cls, motion: NDArray[np.float64]) -> CourseFit:
        """Fit to motion (T, N) against the first frame, such as mean flows of parts of the face."""
        moved = _without_drift(motion[1:].T).T
        values = int(np.count_nonzero(np.abs(motion).sum(axis=0)))
        return cls(moved @ moved.T, INDEPENDENT * values * max(len(motion) - 2, 0))

    @property
    def still(self) -> bool:
        """Whether nothing moves at all."""
        return not float(np.trace(self.gram)) > 0

    def log_likelihood(self, tried: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log likelihood (K,) of courses (K, T), up to a constant, whatever moves and however far."""
        shapes = _without_drift(tried[:, 1:])
        along = ((shapes @ self.gram) * shapes).sum(axis=1)
        share = along / np.maximum((shapes**2).sum(axis=1), 1e-12) / float(np.trace(self.gram))
        # Even an exact fit leaves the last of a million parts.
        return np.asarray(-0.5 * self.count * np.log(np.maximum(1.0 - share, 1e-6)), dtype=np.float64)


def _without_drift(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows over time without their mean and without most of their trend."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    time = np.arange(rows.shape[1]) - (rows.shape[1] - 1) / 2.0
    time /= max(float(np.linalg.norm(time)), 1e-12)
    trend = (centred @ time)[:, None] * time
    return np.asarray(centred - (1.0 - np.sqrt(1.0 - DRIFT)) * trend, dtype=np.float64)


def log_prior(
    onset: NDArray[np.intp], apex: NDArray[np.intp], offset: NDArray[np.intp]
) -> NDArray[np.float64]:
    """How usual a place of the apex is, (K,), up to a constant."""
    place = (apex - onset) / np.maximum(offset - onset, 1)
    return np.asarray(-0.5 * ((place - USUAL_APEX) / APEX_SPREAD) ** 2, dtype=np.float64)


def apex_by_course(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log probability, up to a constant, that each frame of a clip from onset to offset is the apex.

    Parameters
    ----------
    motion : float64 array, shape (T, N)
        Against the first frame.

    Returns
    -------
    float64 array, shape (T,)
        Minus infinity for the first and the last frame; 0 everywhere if nothing moves or T is 2.
    """
    length = len(motion)
    fit = CourseFit.to(motion)
    if length < 3 or fit.still:
        return np.zeros(length)
    apex = np.arange(1, length - 1)
    onset, offset = np.zeros_like(apex), np.full_like(apex, length - 1)
    each = [fit.log_likelihood(courses(length, onset, apex, offset, ease)) for ease in EASE]
    found = np.full(length, -np.inf)
    found[1:-1] = np.logaddexp.reduce(each, axis=0) + log_prior(onset, apex, offset)
    return found
