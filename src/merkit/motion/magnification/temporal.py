"""Filters over time that pick the motion to be magnified: a causal one and an ideal one.

Both take the first frame, the onset of a clip, for the face at rest: what they give is 0 there, so that
the onset stays as it is and the motion *relative to it* is magnified.  Both are linear and give exactly 0
where nothing changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError

Floats = NDArray[np.float32]
DEFAULT_BAND = (0.1, 25.0)
"""Hertz.  The shortest micro-expression comes and goes within 1/25 s; slower are posture and light."""


class TemporalFilter(Protocol):
    """Takes the frames that come next, (T, ...) float32, and gives what passes of each, same shape."""

    def __call__(self, block: Floats) -> Floats: ...


class IirBand:
    """The difference of two first-order low-passes that start at rest on the first frame.

    ``y <- y + r (x - y)`` for each of the two rates, and the output is the fast one less the slow one.
    It looks at the past alone: what it gives lags, and a movement that stays is forgotten.

    Parameters
    ----------
    fast, slow : float
        Rates a frame, ``0 <= slow < fast <= 1``.  A fast rate of 1 keeps every frame as it is, a slow
        one of 0 never forgets the first frame.
    turn : float
        Of angles: a whole turn.  Of all angles that are the same, the one nearest to the slow low-pass is
        taken, so that what drifts away can be followed without a jump.  0 for values that are no angles.

    References
    ----------
    Wu et al., Eulerian video magnification for revealing subtle changes in the world, SIGGRAPH 2012.

    Examples
    --------
    >>> IirBand(0.5, 0.0)(np.array([5, 6, 6, 6], np.float32)).tolist()
    [0.0, 0.5, 0.75, 0.875]
    """

    def __init__(self, fast: float, slow: float, turn: float = 0.0) -> None:
        self._rates, self._turn = (np.float32(fast), np.float32(slow)), np.float32(turn)
        self._state: tuple[Floats, Floats] | None = None

    def __call__(self, block: Floats) -> Floats:
        """What passes of the next frames; the filter remembers where it was."""
        if self._state is None:
            self._state = block[0].copy(), block[0].copy()
        quick, slack = self._state
        result = np.empty_like(block)
        for n, x in enumerate(block):
            if self._turn:
                x = x - self._turn * np.rint((x - slack) / self._turn)
            quick += self._rates[0] * (x - quick)
            slack += self._rates[1] * (x - slack)
            result[n] = quick - slack
        self._state = quick, slack
        return result


class IdealBand:
    """All frequencies of a band and no others, without lag, of a whole clip.

    The clip is continued by its mirror image, so that one that ends elsewhere than it began, at the apex
    say, has no jump there; the frequencies of T frames are then multiples of ``fps / (2 T)``.  From the
    result its value at the first frame is subtracted.

    Parameters
    ----------
    low, high : float
        Hertz; both ends belong to the band.
    fps : float
        Frames a second.

    Examples
    --------
    >>> IdealBand(0, 100, fps=200)(np.array([5, 6, 8, 8], np.float32)).round(3).tolist()
    [0.0, 1.0, 3.0, 3.0]
    """

    def __init__(self, low: float, high: float, fps: float) -> None:
        self._band, self._fps = (low, high), fps

    def __call__(self, block: Floats) -> Floats:
        """What passes of a clip."""
        flat = (block - block[0]).reshape(len(block), -1)
        return np.asarray(self.matrix(len(block)).astype(np.float32) @ flat, np.float32).reshape(block.shape)

    def matrix(self, n_frames: int) -> NDArray[np.float64]:
        """The filter of so many frames as a matrix (T, T): what passes is ``matrix @ frames``."""
        k = np.arange(n_frames)
        cosines = np.cos(np.pi / n_frames * np.outer(k, k + 0.5)) * np.sqrt(2 / n_frames)
        cosines[0] /= np.sqrt(2)
        hertz = k * self._fps / (2 * n_frames)
        kept = cosines[(hertz >= self._band[0]) & (hertz <= self._band[1])]
        passes: NDArray[np.float64] = kept.T @ kept
        return passes - passes[0]


def temporal_filter(
    name: str,
    band: tuple[float, float] | None,
    fps: float | None,
    rates: tuple[float, float] | None,
) -> Callable[[float], TemporalFilter]:
    """What makes the filters that are asked for, each with a memory of its own.

    It is called with a whole turn where angles are filtered, with 0 where they are not; see `IirBand`.

    Parameters
    ----------
    name : {"fft", "iir"}
    band : (low, high), optional
        Hertz; :data:`DEFAULT_BAND` by default.  A high end above half the frame rate cuts nothing.
    fps : float
        Frames a second; not needed with `rates`.
    rates : (fast, slow), optional
        Of the low-passes of ``"iir"``, per frame, in place of a band.

    Raises
    ------
    ConfigError
        If the parameters do not fit together.
    """
    if name not in ("fft", "iir"):
        raise ConfigError(f"magnify: filter {name!r}; there is fft, for whole clips, and iir")
    if rates is not None:
        if name != "iir" or band is not None:
            raise ConfigError("magnify: rates belong to filter 'iir' and replace the band; give either")
        fast, slow = _pair(rates, "rates", "two numbers a frame, such as (0.4, 0.05)")
        if not 0 <= slow < fast <= 1:
            raise ConfigError(f"magnify: rates {fast:g}, {slow:g}; the fast one first, both from 0 to 1")
        return lambda turn: IirBand(fast, slow, turn)
    if fps is None or not _is_number(fps) or fps <= 0:
        raise ConfigError(
            f"magnify: fps is {fps}; give the frames a second of these very frames, such as fps=200"
        )
    low, high = _pair(DEFAULT_BAND if band is None else band, "band", "two frequencies, such as (0.1, 25)")
    if not 0 <= low < high:
        raise ConfigError(f"magnify: band {low:g} to {high:g} Hz; the low end first, from 0 on")
    if low >= fps / 2:
        raise ConfigError(
            f"magnify: band {low:g} to {high:g} Hz at {fps:g} frames a second, which hold frequencies below "
            f"{fps / 2:g} Hz alone; choose a lower band"
        )
    if name == "fft":
        return lambda turn: IdealBand(low, high, fps)
    return lambda turn: IirBand(rate_of(high, fps), rate_of(low, fps), turn)


def rate_of(hertz: float, fps: float) -> float:
    """The rate a frame of the first-order low-pass that lets half the power of a frequency through.

    What it is in continuous time: ``1 - exp(-2 pi hertz / fps)``, and 1 from half the frame rate on.

    Examples
    --------
    >>> round(rate_of(15, 200), 3), rate_of(0, 200), rate_of(15, 25)
    (0.376, 0.0, 1.0)
    """
    return 1.0 if hertz >= fps / 2 else 1.0 - math.exp(-2 * math.pi * hertz / fps)


def _pair(given: Any, name: str, wanted: str) -> tuple[float, float]:
    try:
        first, second = given
    except (TypeError, ValueError):
        raise ConfigError(f"magnify: {name} {given!r}; give {wanted}") from None
    if not (_is_number(first) and _is_number(second)):
        raise ConfigError(f"magnify: {name} {given!r}; give {wanted}")
    return float(first), float(second)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return number and math.isfinite(value)
