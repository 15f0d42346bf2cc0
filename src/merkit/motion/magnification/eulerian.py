"""Motion magnification of clips and of videos of any length.

Small movements are made ``1 + alpha`` times as large, relative to the first frame, which should be the
onset.  That holds for what the band over time lets through, and as far as waves can be moved; the
documentation has what was measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError, did_you_mean
from merkit.motion.frames import numeric_frames
from merkit.motion.interpolate import round_to_uint8
from merkit.motion.magnification.linear import LinearMagnifier
from merkit.motion.magnification.octaves import MIN_SIDE
from merkit.motion.magnification.phase import PhaseMagnifier
from merkit.motion.magnification.temporal import temporal_filter

Floats = NDArray[np.float32]
METHODS = ("phase", "linear")
_CHROMA = {"phase": 1.0, "linear": 0.1}
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BLOCK_PIXELS = 1 << 18
"""Of so many pixels in all are the frames that are worked on at a time, one at least."""


def magnify(
    frames: NDArray[Any],
    alpha: float | Sequence[float] = 8.0,
    *,
    fps: float | None = None,
    method: str = "phase",
    filter: str = "fft",
    band: tuple[float, float] | None = None,
    rates: tuple[float, float] | None = None,
    smooth: float = 3.0,
    cutoff: float = 16.0,
    chroma: float | None = None,
    at: Sequence[int] | None = None,
) -> NDArray[Any]:
    """Magnify the motion of a clip relative to its first frame.

    Parameters
    ----------
    frames : uint8 or float array, shape (T, H, W) or (T, H, W, 3)
        Grey, or RGB; the face at rest comes first.
    alpha : float or sequence of float
        What is added to the motion, in multiples of it: movements become ``1 + alpha`` times as large.
        0 changes nothing, -1 stops the motion.  Several factors cost little more than one.
    fps : float
        Frames a second, of these very frames: magnify before frames are dropped.
    method : {"phase", "linear"}
        Phase-based magnification moves waves on; linear magnification multiplies changes of grey levels,
        and noise with them.
    filter : {"fft", "iir"}
        Which frequencies of the motion are magnified: an ideal band, without lag, or the difference of
        two first-order low-passes, as :func:`magnify_stream` has it.
    band : (low, high), optional
        Hertz; (0.1, 25) by default.
    rates : (fast, slow), optional
        Of the filter ``"iir"``, per frame, in place of `band` and `fps`; (0.4, 0.05) is common.
    smooth : float
        Of ``"phase"``: standard deviation in pixels with which phases are smoothed.
    cutoff : float
        Of ``"linear"``: finer waves than this, in pixels, get a smaller factor; 0 for none.
    chroma : float, optional
        What colour differences get of the factor, 0 to 1.  By default all in ``"phase"``, where colour goes
        where light goes, and 0.1 in ``"linear"``, where colour is mostly noise.
    at : sequence of int, optional
        Which frames are wanted, all by default.

    Returns
    -------
    array of the type of `frames`, shape (T, H, W[, 3]); of several factors (A, T, H, W[, 3])
        Float frames are not clipped.

    Raises
    ------
    DataError
        If `frames` are no such clip.
    ConfigError
        For a value that is not allowed.

    References
    ----------
    Wu et al., SIGGRAPH 2012 (linear); Wadhwa et al., SIGGRAPH 2013 (phase-based).

    Examples
    --------
    >>> x = np.arange(128)
    >>> clip = np.stack([np.tile(np.sin((x - d) / 4), (64, 1)) for d in (0.0, 0.1, 0.2, 0.1, 0.0)])
    >>> larger = magnify(clip, 4, fps=30)  # the wave goes 0.2 px, and is to go 1 px
    >>> bool(np.abs(larger[2] - np.sin((x - 1.0) / 4))[:, 32:-32].max() < 0.02)
    True
    """
    alphas, several = _factors(alpha)
    given = _clip(frames)
    magnifier = _Magnifier(
        fps=fps, method=method, filter=filter, band=band, rates=rates, smooth=smooth, cutoff=cutoff,
        chroma=chroma,
    )  # fmt: skip
    positions = _positions(at, len(given))
    wanted = np.unique(positions)
    # The ideal filter needs all frames at once.
    length = len(given) if filter == "fft" else _block_length(given[0])
    parts = []
    for start in range(0, len(given), length):
        block = given[start : start + length]
        inside = wanted[(wanted >= start) & (wanted < start + length)] - start
        parts.append(magnifier(block, alphas, inside))
    result = np.concatenate(parts, axis=1)[:, np.searchsorted(wanted, positions)]
    return np.asarray(result if several else result[0])


def magnify_stream(
    frames: Iterable[NDArray[Any]],
    alpha: float = 8.0,
    *,
    fps: float | None = None,
    method: str = "phase",
    band: tuple[float, float] | None = None,
    rates: tuple[float, float] | None = None,
    smooth: float = 3.0,
    cutoff: float = 16.0,
    chroma: float | None = None,
) -> Iterator[NDArray[Any]]:
    """Magnify the motion of a video of any length; memory does not grow with it.

    The same as :func:`magnify` with the filter ``"iir"``.

    Parameters
    ----------
    frames : iterable of uint8 or float arrays, (H, W) or (H, W, 3)
        All of one size and type.
    alpha : float
        What is added to the motion, in multiples of it.
    fps : float
        Frames a second.
    method : {"phase", "linear"}
        See :func:`magnify`, as for all that follows.
    band : (low, high), optional
        Hertz.
    rates : (fast, slow), optional
        Per frame, in place of `band` and `fps`.
    smooth : float
        Pixels.
    cutoff : float
        Pixels.
    chroma : float, optional
        0 to 1.

    Yields
    ------
    array of the type of the frames, (H, W) or (H, W, 3)
        One a frame, some frames late.

    Raises
    ------
    DataError
        If a frame is no picture or unlike the first.
    ConfigError
        For a value that is not allowed, at the call.

    Examples
    --------
    >>> video = (np.full((32, 32), 90, np.uint8) for _ in range(100))
    >>> sum(int(frame.max()) == 90 for frame in magnify_stream(video, 10, fps=25))
    100
    """
    alphas, several = _factors(alpha)
    if several:
        raise ConfigError("magnify_stream: alpha is one number; several factors are for magnify")
    magnifier = _Magnifier(
        fps=fps, method=method, filter="iir", band=band, rates=rates, smooth=smooth, cutoff=cutoff,
        chroma=chroma,
    )  # fmt: skip
    return _streamed(frames, alphas, magnifier)


def _streamed(
    frames: Iterable[NDArray[Any]], alphas: list[float], magnifier: _Magnifier
) -> Iterator[NDArray[Any]]:
    waiting: list[NDArray[Any]] = []
    length = 0
    for n, frame in enumerate(frames):
        picture = np.asarray(frame)
        if n == 0:
            first = _clip(picture[None])[0]
            length = _block_length(first)
        elif picture.shape != first.shape or picture.dtype != first.dtype:
            raise DataError(
                f"magnify_stream: frame {n} is {picture.dtype} {picture.shape} and frame 0 {first.dtype} "
                f"{first.shape}; bring them to one size and type"
            )
        waiting.append(picture)
        if len(waiting) == length:
            yield from magnifier(_clip(np.stack(waiting)), alphas, np.arange(length))[0]
            waiting = []
    if waiting:
        yield from magnifier(_clip(np.stack(waiting)), alphas, np.arange(len(waiting)))[0]


class _Magnifier:
    """Checks what is asked for and magnifies blocks of frames in their own type."""

    def __init__(
        self,
        fps: float | None,
        method: str,
        filter: str,
        band: tuple[float, float] | None,
        rates: tuple[float, float] | None,
        smooth: float,
        cutoff: float,
        chroma: float | None,
    ) -> None:
        if method not in METHODS:
            raise ConfigError(
                f"magnify: method {method!r}{did_you_mean(str(method), METHODS)}; there is "
                f"{' and '.join(METHODS)}"
            )
        share = _CHROMA[method] if chroma is None else chroma
        for name, value, most in (("smooth", smooth, 1e3), ("cutoff", cutoff, 1e6), ("chroma", share, 1.0)):
            if not _is_within(value, 0.0, most):
                raise ConfigError(f"magnify: {name} {value!r}; give a number from 0 to {most:g}")
        new_filter = temporal_filter(filter, band, fps, rates)
        self._chroma = float(share)
        self._added: PhaseMagnifier | LinearMagnifier
        if method == "phase":
            self._added = PhaseMagnifier(new_filter, float(smooth), self._chroma)
        else:
            self._added = LinearMagnifier(new_filter, float(cutoff), self._chroma)

    def __call__(self, block: NDArray[Any], alphas: list[float], at: NDArray[np.intp]) -> NDArray[Any]:
        """Some frames of the next block, for each factor: (A, len(at), H, W[, 3])."""
        still = block[at]
        result = np.empty((len(alphas), *still.shape), block.dtype)
        for out, added in zip(result, self._added(self._channels(block), alphas, at), strict=True):
            magnified = still + (_rgb(added) if block.ndim == 4 else added[..., 0])
            out[:] = round_to_uint8(magnified) if block.dtype == np.uint8 else magnified
        return result

    def _channels(self, block: NDArray[Any]) -> Floats:
        """Light, and the differences of red and blue to it if they are to change: (T, H, W, 1 or 3)."""
        values = np.asarray(block, np.float32)
        if block.ndim == 3:
            return values[..., None]
        light = values @ _LUMA
        differences = [values[..., k] - light for k in (0, 2)] if self._chroma else []
        return np.stack([light, *differences], axis=-1)


def _rgb(changes: Floats) -> Floats:
    """Changes of red, green and blue out of those of light, or of light and the differences to it."""
    light = changes[..., :1]
    if changes.shape[-1] == 1:
        return light
    red, blue = changes[..., 1], changes[..., 2]
    # The weighted differences sum to 0.
    green = -(_LUMA[0] * red + _LUMA[2] * blue) / _LUMA[1]
    return light + np.stack([red, green, blue], axis=-1)


def _clip(frames: NDArray[Any]) -> NDArray[Any]:
    given = numeric_frames(frames, "magnify")
    if (given.dtype != np.uint8 and given.dtype.kind != "f") or not (
        given.ndim == 3 or (given.ndim == 4 and given.shape[3] == 3)
    ):
        raise DataError(
            f"magnify: frames of shape {given.shape} and type {given.dtype}; give uint8 or float, "
            "(T, H, W) or (T, H, W, 3)"
        )
    if min(given.shape[1:3]) < MIN_SIDE:
        raise DataError(
            f"magnify: pictures of {given.shape[1]}×{given.shape[2]}; {MIN_SIDE} px a side is the least"
        )
    return given


def _factors(alpha: float | Sequence[float]) -> tuple[list[float], bool]:
    several = np.ndim(alpha) == 1
    values = list(np.atleast_1d(np.asarray(alpha, dtype=object)).ravel())
    if np.ndim(alpha) > 1 or not values or not all(_is_within(value, -1.0, 1e3) for value in values):
        raise ConfigError(f"magnify: alpha {alpha!r}; give a number from -1 to 1000, or several")
    return [float(value) for value in values], several


def _positions(at: Sequence[int] | None, n_frames: int) -> NDArray[np.intp]:
    if at is None:
        return np.arange(n_frames)
    wanted = np.asarray(at)
    if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu":
        raise ConfigError(f"magnify: at={at!r}; give the positions of frames, such as [0, 12]")
    if wanted.min() < -n_frames or wanted.max() >= n_frames:
        raise ConfigError(f"magnify: at={at!r} in a clip of {n_frames} frames; the last is {n_frames - 1}")
    return wanted.astype(np.intp) % n_frames


def _block_length(frame: NDArray[Any]) -> int:
    return max(1, _BLOCK_PIXELS // (frame.shape[0] * frame.shape[1]))


def _is_within(value: Any, least: float, most: float) -> bool:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return bool(number and least <= value <= most)
