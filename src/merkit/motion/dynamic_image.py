"""Dynamic images: a clip as one signed picture that says which way each pixel changed over time.

Rank pooling looks for the picture d on which the running means V_t of the frames project in the order
of time.  :func:`exact_rank_pooling` solves for it; :func:`approximate_rank_pooling` is the first step of
the solution, a fixed weighted sum of the frames.  Both are differences: a still clip gives exactly 0, and
a constant added to all frames changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError, did_you_mean
from merkit.motion.frames import numeric_frames, pixel_chunks
from merkit.motion.rank_pooling import solve_rank_pooling
from merkit.motion.segments import segment_bounds

_DOUBLE = np.dtype(np.float64)


def rank_pooling_coefficients(n_frames: int, running_means: bool = True) -> NDArray[np.float64]:
    """What each frame weighs in approximate rank pooling.

    With running means ``2 (T - t + 1) - (T + 1) (H_T - H_{t-1})``, where H are the harmonic numbers;
    without, ``2 t - T - 1``; t = 1 ... T.

    Parameters
    ----------
    n_frames : int
        T, 1 or more.
    running_means : bool
        Whether frames are averaged from the first to each before they are ranked.

    Returns
    -------
    float64 array, shape (n_frames,)
        They sum to 0.

    Raises
    ------
    ConfigError
        If `n_frames` is less than 1.

    References
    ----------
    Bilen, Fernando, Gavves, Vedaldi, Gould, Dynamic image networks for action recognition, CVPR 2016.

    Examples
    --------
    >>> rank_pooling_coefficients(4).round(4).tolist()
    [-2.4167, 0.5833, 1.0833, 0.75]
    >>> rank_pooling_coefficients(4, running_means=False).tolist()
    [-3.0, -1.0, 1.0, 3.0]
    """
    if n_frames < 1:
        raise ConfigError(f"rank_pooling_coefficients: {n_frames} frames; give 1 or more")
    time = np.arange(1.0, n_frames + 1.0)
    if not running_means:
        return 2.0 * time - n_frames - 1.0
    # H_T - H_{t-1} is the sum of 1/i from i = t on.
    return 2.0 * (n_frames - time + 1.0) - (n_frames + 1.0) * np.cumsum(1.0 / time[::-1])[::-1]


def approximate_rank_pooling(frames: NDArray[Any], running_means: bool = True) -> NDArray[np.float64]:
    """Pool a clip into one picture by fixed weights, see :func:`rank_pooling_coefficients`.

    Parameters
    ----------
    frames : array of numbers, shape (T, ...)
        Time first: (T, H, W), (T, H, W, C) and anything else.
    running_means : bool
        Whether frames are averaged from the first to each before they are ranked.

    Returns
    -------
    float64 array, shape (...)
        Signed, in the unit of the frames times a number that grows with T: 0 where nothing changed.

    Raises
    ------
    DataError
        If there is no frame, or what is in it is no finite number.

    Examples
    --------
    >>> approximate_rank_pooling(np.array([[10, 10], [10, 12], [10, 14]], np.uint8)).round(3).tolist()
    [0.0, 4.0]
    """
    given = numeric_frames(frames, "approximate_rank_pooling")
    return _combined(rank_pooling_coefficients(len(given), running_means), given)


def exact_rank_pooling(
    frames: NDArray[Any],
    regularisation: float = 0.1,
    running_means: bool = True,
    tolerance: float = 1e-6,
) -> NDArray[np.float64]:
    """Pool a clip into the picture that ranks its frames, by solving the ranking problem.

    ``d = argmin L/2 |d|^2 + 2/(T(T-1)) sum_{q>t} max(0, 1 - <d, V_q - V_t>)``, solved by
    :func:`~merkit.motion.rank_pooling.solve_rank_pooling` from the inner products of the frames.  d is as
    short as the margin of 1 allows: the more a clip moves, the shorter.  Its direction is what counts;
    for an amplitude that grows with the motion take :func:`approximate_rank_pooling`.

    Parameters
    ----------
    frames : array of numbers, shape (T, ...)
        Time first.
    regularisation : float
        L over the mean squared distance of two V, so that neither contrast nor the number of pixels
        changes the direction.  At 1 and above d is nearly the approximate one, since all pairs pull
        alike; far below 0.01 a few pairs that are hard to rank decide.
    running_means : bool
        Whether V_t is the mean of frames 1 to t, or frame t itself.
    tolerance : float
        Greatest relative duality gap at which the solver stops.

    Returns
    -------
    float64 array, shape (...)
        Signed; 0 everywhere for a still clip and for a single frame.

    Raises
    ------
    DataError
        If there is no frame, or what is in it is no finite number.
    ConfigError
        If `regularisation` or `tolerance` is not above 0.

    References
    ----------
    Fernando, Gavves, Oramas, Ghodrati, Tuytelaars, Rank pooling for action recognition, TPAMI 2017.

    Examples
    --------
    >>> exact_rank_pooling(np.array([[10, 10], [10, 12]], np.uint8)).round(3).tolist()
    [0.0, 1.0]
    """
    given = numeric_frames(frames, "exact_rank_pooling")
    length = len(given)
    if not regularisation > 0:
        raise ConfigError(f"exact_rank_pooling: regularisation {regularisation}; give a number above 0")
    gram = np.zeros((length, length))
    for _, part in pixel_chunks(given, _DOUBLE):
        moved = part - part[0]
        gram += moved @ moved.T
    means = np.tril(np.ones((length, length))) / np.arange(1.0, length + 1.0)[:, None]
    mixing = means if running_means else np.eye(length)
    gram = mixing @ gram @ mixing.T
    # Of all pairs of two, the diagonal has none.
    squares = 2.0 * (length * np.trace(gram) - gram.sum()) / max(1, length * (length - 1))
    if not squares > 0:
        return np.zeros(given.shape[1:])
    solution = solve_rank_pooling(gram, regularisation * squares, tolerance)
    return _combined(mixing.T @ solution.coefficients, given)


POOLINGS: Mapping[str, Callable[[NDArray[Any]], NDArray[np.float64]]] = {
    "approximate": approximate_rank_pooling,
    "exact": exact_rank_pooling,
}


def dynamic_images(
    frames: NDArray[Any], segments: int | Sequence[int] = 1, method: str = "approximate"
) -> NDArray[np.float64]:
    """Pool each segment of a clip into a dynamic image.

    Parameters
    ----------
    frames : array of numbers, shape (T, ...)
        Time first.
    segments : int or sequence of int
        How many near-equal segments, or where they begin and end: ``[0, 12, 30]`` is frames 0 to 11 and
        12 to 29.
    method : {"approximate", "exact"}
        Which of :data:`POOLINGS`, with its defaults.

    Returns
    -------
    float64 array, shape (K, ...)
        One signed picture a segment.  A segment of one frame is 0.

    Raises
    ------
    DataError
        If there are no frames, they are not finite, or a segment would be empty.
    ConfigError
        For an unknown method or bounds that do not rise within the clip.

    Examples
    --------
    >>> clip = np.array([0, 1, 2, 3, 3, 3])[:, None, None] * np.ones((6, 2, 2))
    >>> dynamic_images(clip, 2).round(2)[:, 0, 0].tolist()
    [2.0, 0.0]
    """
    given = numeric_frames(frames, "dynamic_images")
    if method not in POOLINGS:
        raise ConfigError(
            f"dynamic_images: method {method!r}{did_you_mean(str(method), POOLINGS)}; "
            f"there is {', '.join(POOLINGS)}"
        )
    bounds = np.asarray(segments, dtype=np.intp)
    if bounds.ndim == 0:
        bounds = segment_bounds(len(given), int(bounds))
    if bounds.ndim != 1 or len(bounds) < 2 or bounds[0] < 0 or bounds[-1] > len(given):
        raise ConfigError(
            f"dynamic_images: segments {segments} in a clip of {len(given)} frames; "
            "give a number, or bounds that rise from 0 to at most that many"
        )
    if (np.diff(bounds) < 1).any():
        raise DataError(f"dynamic_images: segments {segments} leave one without frames; let the bounds rise")
    return np.stack([POOLINGS[method](given[a:b]) for a, b in pairwise(bounds)])


def _combined(weights: NDArray[np.float64], frames: NDArray[Any]) -> NDArray[np.float64]:
    """``sum_t weights[t] frames[t]`` for weights that sum to 0."""
    result = np.empty(int(np.prod(frames.shape[1:])))
    for where, part in pixel_chunks(frames, _DOUBLE):
        # Differences from the first frame change nothing but rounding, which must not move a still clip.
        result[where] = weights @ (part - part[0])
    return result.reshape(frames.shape[1:])
