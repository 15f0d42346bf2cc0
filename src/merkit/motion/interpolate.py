"""Temporal normalisation: a clip of any length brought to another.

Three ways under three names, because they differ in what they invent.  :func:`resample_nearest` picks
frames and invents nothing; :func:`resample_linear` mixes two neighbours; :func:`resample_tim` is the
temporal interpolation model, a smooth curve through all frames.  Much public code calls the first of
them "TIM"; index subsampling is not TIM, and a score with one says little about the other.

The first frame and the last are kept, and the frames asked for are spread evenly between them; a single
one is the middle of the clip.  Optical flow between frames that were made up is made-up motion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from merkit.errors import ConfigError, DataError, did_you_mean
from merkit.motion.frames import numeric_frames, pixel_chunks


def frame_positions(n_frames: int, length: int) -> NDArray[np.float64]:
    """Where the frames of a resampled clip lie in the clip, counted in frames from 0.

    Parameters
    ----------
    n_frames : int
        Frames there are.
    length : int
        Frames asked for.

    Returns
    -------
    float64 array, shape (length,)
        From 0 to ``n_frames - 1``.

    Raises
    ------
    ConfigError
        If ``length`` is less than 1.
    DataError
        If there is no frame.

    Examples
    --------
    >>> frame_positions(5, 3).tolist(), frame_positions(5, 1).tolist()
    ([0.0, 2.0, 4.0], [2.0])
    """
    if n_frames < 1:
        raise DataError("resampling: the clip has no frames; give one or more")
    if length < 1:
        raise ConfigError(f"resampling: a length of {length} frames; ask for 1 or more")
    return np.array([(n_frames - 1) / 2]) if length == 1 else np.linspace(0.0, n_frames - 1.0, length)


def tim_weights(n_frames: int, length: int) -> NDArray[np.float64]:
    """The matrix of the temporal interpolation model: ``resampled = weights @ frames``.

    Frames are taken for the nodes of a path graph.  The eigenvectors of its Laplacian are sampled
    cosines, which lie on a curve F(t) of N - 1 dimensions; the frames, less their mean, are a linear map
    of the N points on the curve, and the map is applied to other points of it.  The rows of
    A = [F(1/N) ... F(1)] are orthogonal with norm N/2, so its pseudo-inverse is 2/N times its transpose,
    and what a frame weighs depends on N and the position alone.  The singular value decomposition of the
    pixels, by which the paper makes the map small, is therefore not needed, and frames that depend on
    each other linearly, a still clip among them, do no harm.

    Parameters
    ----------
    n_frames : int
        N, frames there are.
    length : int
        T, frames asked for.

    Returns
    -------
    float64 array, shape (length, n_frames)
        Rows sum to 1; entries may be negative.  Two frames are mixed linearly, one is repeated.

    References
    ----------
    Zhou, Zhao, Pietikäinen, Towards a practical lipreading system, CVPR 2011, section 3.

    Examples
    --------
    >>> tim_weights(3, 5).round(3).tolist()[1]
    [0.455, 0.667, -0.122]
    """
    positions = frame_positions(n_frames, length)
    if n_frames <= 2:
        return linear_weights(n_frames, length)

    def curve(at: NDArray[np.float64]) -> NDArray[np.float64]:
        # sin(pi k t + pi (N - k) / (2N)) of the paper, with t = (at + 1) / N.
        return np.cos(np.pi / n_frames * np.outer(at + 0.5, np.arange(1, n_frames)))

    return 1.0 / n_frames + 2.0 / n_frames * curve(positions) @ curve(np.arange(float(n_frames))).T


def linear_weights(n_frames: int, length: int) -> NDArray[np.float64]:
    """The matrix of linear resampling: ``resampled = weights @ frames``.

    Parameters
    ----------
    n_frames : int
        N, frames there are.
    length : int
        T, frames asked for.

    Returns
    -------
    float64 array, shape (length, n_frames)
        At most two entries of a row are not zero; rows sum to 1.

    Examples
    --------
    >>> linear_weights(2, 3).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    distance = np.abs(frame_positions(n_frames, length)[:, None] - np.arange(n_frames))
    return np.clip(1.0 - distance, 0.0, None)


def nearest_indices(n_frames: int, length: int) -> NDArray[np.intp]:
    """Which frames index subsampling picks: the nearest, of two equally near the earlier.

    Parameters
    ----------
    n_frames : int
        Frames there are.
    length : int
        Frames asked for; if there are fewer, some come again.

    Returns
    -------
    int array, shape (length,)

    Examples
    --------
    >>> nearest_indices(7, 4).tolist(), nearest_indices(2, 3).tolist()
    ([0, 2, 4, 6], [0, 0, 1])
    """
    # Less a little, as a half may be off by rounding.
    return np.ceil(frame_positions(n_frames, length) - 0.5 - 1e-9).astype(np.intp)


def resample_tim(frames: NDArray[Any], length: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Bring a clip to a length by the temporal interpolation model, see :func:`tim_weights`.

    A smooth curve may leave the range of the given frames; :func:`round_to_uint8` clips it.

    Parameters
    ----------
    frames : array of numbers, shape (N, ...)
        Time first: (N, H, W), (N, H, W, C) and anything else.
    length : int
        Frames asked for.
    dtype : {float64, float32}
        Of the result and the arithmetic.

    Returns
    -------
    array of `dtype`, shape (length, ...)
        Equal to the given frames where it meets them, to 1e-10 of their range in float64.

    Raises
    ------
    DataError
        If there is no frame, or what is in it is no finite number.
    ConfigError
        For a length less than 1, or another type.

    Examples
    --------
    >>> clip = np.array([[2.0], [3.0], [6.0], [11.0]])
    >>> resample_tim(clip, 7).round(2).ravel().tolist()
    [2.0, 2.39, 3.0, 4.09, 6.0, 8.61, 11.0]
    """
    given, kind = numeric_frames(frames, "resample_tim"), _float_type(dtype, "resample_tim")
    weights = tim_weights(len(given), length).astype(kind)
    result = np.empty((length, int(np.prod(given.shape[1:]))), kind)
    for where, part in pixel_chunks(given, kind):
        first = part[0].copy()
        # Differences from the first frame, so that what stands still does so to the last bit.
        result[:, where] = weights @ (part - first) + first
    return result.reshape(length, *given.shape[1:])


def resample_linear(frames: NDArray[Any], length: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Bring a clip to a length by mixing the two frames around each position.

    Parameters
    ----------
    frames : array of numbers, shape (N, ...)
        Time first.
    length : int
        Frames asked for.
    dtype : {float64, float32}
        Of the result and the arithmetic.

    Returns
    -------
    array of `dtype`, shape (length, ...)

    Raises
    ------
    DataError
        If there is no frame, or what is in it is no finite number.
    ConfigError
        For a length less than 1, or another type.

    Examples
    --------
    >>> resample_linear(np.array([[0], [1], [4], [9]]), 7).ravel().tolist()
    [0.0, 0.5, 1.0, 2.5, 4.0, 6.5, 9.0]
    """
    given, kind = numeric_frames(frames, "resample_linear"), _float_type(dtype, "resample_linear")
    positions = frame_positions(len(given), length)
    before = positions.astype(np.intp)
    after = np.minimum(before + 1, len(given) - 1)
    result = np.empty((length, *given.shape[1:]), kind)
    for k, (i, j) in enumerate(zip(before, after, strict=True)):
        first = given[i].astype(kind)
        result[k] = first + kind.type(positions[k] - i) * (given[j].astype(kind) - first)
    return result


def resample_nearest(frames: NDArray[Any], length: int) -> NDArray[Any]:
    """Bring a clip to a length by picking frames: index subsampling, **not** TIM.

    Parameters
    ----------
    frames : array of numbers, shape (N, ...)
        Time first.
    length : int
        Frames asked for.

    Returns
    -------
    array, shape (length, ...)
        Frames as they are, in their own type.

    Raises
    ------
    DataError
        If there is no frame, or what is in it is no finite number.
    ConfigError
        For a length less than 1.

    Examples
    --------
    >>> resample_nearest(np.array([[0], [1], [4], [9]]), 7).ravel().tolist()
    [0, 0, 1, 1, 4, 4, 9]
    """
    given = numeric_frames(frames, "resample_nearest")
    return given[nearest_indices(len(given), length)]


RESAMPLERS: Mapping[str, Callable[[NDArray[Any], int], NDArray[Any]]] = {
    "tim": resample_tim,
    "linear": resample_linear,
    "nearest": resample_nearest,
}


def resample(frames: NDArray[Any], length: int, method: str = "tim") -> NDArray[Any]:
    """Bring a clip to a length in one of the ways of :data:`RESAMPLERS`.

    Parameters
    ----------
    frames : array of numbers, shape (N, ...)
        Time first: (N, H, W), (N, H, W, C) and anything else.
    length : int
        Frames asked for, more or fewer than there are.
    method : {"tim", "linear", "nearest"}
        What lies between the frames.

    Returns
    -------
    array, shape (length, ...)
        float64; from ``"nearest"``, which picks frames and is not TIM, in the type of the frames.

    Raises
    ------
    DataError
        If there is no frame, or what is in it is no finite number.
    ConfigError
        For a length less than 1 or an unknown method.

    Examples
    --------
    >>> clip = np.zeros((64, 8, 8), np.uint8)
    >>> resample(clip, 10).shape, resample(clip, 10, "nearest").dtype
    ((10, 8, 8), dtype('uint8'))
    """
    if method not in RESAMPLERS:
        raise ConfigError(
            f"resample: method {method!r}{did_you_mean(str(method), RESAMPLERS)}; "
            f"there is {', '.join(RESAMPLERS)}"
        )
    return RESAMPLERS[method](frames, length)


def round_to_uint8(frames: NDArray[Any]) -> NDArray[np.uint8]:
    """Make frames of whole grey levels, 0 to 255, out of what a resampler gives.

    Parameters
    ----------
    frames : array of numbers
        Grey levels, 0 to 255.

    Returns
    -------
    uint8 array of the same shape
        Rounded, halves to the even number; what lies outside is clipped.

    Examples
    --------
    >>> round_to_uint8(np.array([-3.0, 1.7, 300.0])).tolist()
    [0, 2, 255]
    """
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def _float_type(dtype: DTypeLike, who: str) -> np.dtype[Any]:
    wanted = np.dtype(dtype)
    if wanted not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ConfigError(f"{who}: dtype {wanted}; there is float64 and float32")
    return wanted
