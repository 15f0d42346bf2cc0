"""Finding the apex in frames: the one in which the face has moved furthest from the first.

A finder turns a face into a curve, one value a frame, and picks the apex on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from merkit.errors import ConfigError, DataError, did_you_mean
from merkit.inputs import apex_curves
from merkit.inputs.aligned import AlignedFace
from merkit.inputs.face_motion import FaceMotion, Seen

__all__ = [
    "APEX_FINDER", "FINDERS", "Finder", "apex_curve", "divide_and_conquer", "find_apex", "highest",
    "highest_in_window", "smoothed_peak",
]  # fmt: skip

APEX_FINDER = "course"
"""The finder that errs least on simulated clips, see docs/apex.md."""
SMOOTHING_S = 0.025
"""Standard deviation in seconds of the smoothing of a curve before its peak is taken."""
USUAL_S = 0.4
"""How long a clip is taken to last where its rate is not known."""
WINDOW = (0.2, 0.7)
"""Share of the clip in which STRCN looks for the apex."""

Curve = NDArray[np.float64]


def highest(curve: Curve, sigma: float) -> int:
    """Index of the highest value but the first."""
    return 1 + int(np.argmax(curve[1:]))


def smoothed_peak(curve: Curve, sigma: float) -> int:
    """Index of the highest value but the first, after smoothing by `sigma` frames.

    Examples
    --------
    >>> smoothed_peak(np.array([0, 1, 2, 9, 2, 6, 7, 6, 5.0]), 0.1)
    3
    >>> smoothed_peak(np.array([0, 1, 2, 9, 2, 6, 7, 6, 5.0]), 1.5)
    6
    """
    return highest(gaussian_filter1d(curve, sigma, mode="nearest"), sigma)


def highest_in_window(curve: Curve, sigma: float) -> int:
    """Index of the highest value between .2 and .7 of the clip, where STRCN's code looks.

    There the index within the window is taken for one within the clip, a fifth too early; here it is not.

    Examples
    --------
    >>> highest_in_window(np.array([0, 1, 1, 2, 3, 4, 3, 2, 1, 9.0]), 0.0)
    5
    """
    length = len(curve)
    # Frames floor(.2 K) to ceil(.7 K) in counting from 1.
    first = max(1, int(np.floor(WINDOW[0] * length)) - 1)
    stop = max(first + 1, int(np.ceil(WINDOW[1] * length)))
    return first + int(np.argmax(curve[first:stop]))


def divide_and_conquer(curve: Curve, sigma: float) -> int:
    """Index of the peak that is left when the half with the lower peaks is thrown away again and again.

    Peaks are frames that are higher than that before them and not lower than that behind; the half whose
    peaks sum up to more is kept.  Without any peak the highest frame is taken.

    Examples
    --------
    >>> divide_and_conquer(np.array([0, 5, 0, 0, 0, 3, 1, 4, 0.0]), 0.0)
    7
    """
    before, here, behind = curve[:-2], curve[1:-1], curve[2:]
    peaks = 1 + np.flatnonzero((here > before) & (here >= behind))
    if not len(peaks):
        return highest(curve, sigma)
    first, stop = 0, len(curve)
    while len(peaks) > 1:
        middle = (first + stop) // 2
        early, late = peaks[peaks < middle], peaks[peaks >= middle]
        if curve[early].sum() >= curve[late].sum():
            peaks, stop = early, middle
        else:
            peaks, first = late, middle
    return int(peaks[0])


@dataclass(frozen=True)
class Finder:
    """A way to find the apex.

    Attributes
    ----------
    curve : callable
        ``curve(seen) -> (T,)``.
    pick : callable
        ``pick(curve, sigma) -> index``, 1 to T - 1; `sigma` is :data:`SMOOTHING_S` in frames.
    source : str
        Who published it, or what it is.
    """

    curve: Callable[[Seen], Curve]
    pick: Callable[[Curve, float], int]
    source: str


FINDERS: Mapping[str, Finder] = MappingProxyType(
    {
        "course": Finder(apex_curves.course, highest, "flow; likeliest course of rise and fall; merkit"),
        "flow": Finder(apex_curves.along_mean_flow, smoothed_peak, "flow along its own mean; merkit"),
        "flow-regions": Finder(
            apex_curves.flow_by_region, smoothed_peak, "length of the flow by region; common practice"
        ),
        "difference": Finder(
            apex_curves.frame_difference, smoothed_peak, "frame difference; common practice"
        ),
        "lbp": Finder(apex_curves.texture_change, smoothed_peak, "change of LBP; common practice"),
        "strcn": Finder(apex_curves.deviation, highest_in_window, "code of STRCN (Xia et al., TMM 2020)"),
        "divide-and-conquer": Finder(
            apex_curves.texture_change, divide_and_conquer, "LBP; Liong et al., ACPR 2015"
        ),
    }
)
"""How the apex can be found, by name."""


def find_apex(seen: Seen, method: str = APEX_FINDER, *, fps: float | None = None) -> int:
    """Index of the frame in which a face has moved furthest from the first frame.

    Parameters
    ----------
    seen : AlignedFace, FaceMotion, uint8 array (T, H, W[, 3]), or float array (T, H, W, 2)
        A face from its onset to its offset.  Crops alone count alike everywhere, lids and background too.
        Flow is that of every frame against the first, in any unit, the head's motion removed.
    method : str
        One of :data:`FINDERS`.  Flow will do for the methods that measure flow.
    fps : float, optional
        Frames a second; without it a clip is taken to last :data:`USUAL_S`.

    Returns
    -------
    int
        1 to T - 1; the middle, T // 2, where nothing changes.

    Raises
    ------
    DataError
        If there are fewer than two frames, or the array is neither frames nor flow.
    ConfigError
        For an unknown method, or a rate that is no number above 0.

    Examples
    --------
    >>> strength = np.array([0.0, 0.3, 0.9, 1.0, 0.8, 0.2])
    >>> find_apex(strength[:, None, None, None] * np.ones((6, 16, 16, 2)), "flow", fps=30)
    3
    """
    curve = apex_curve(seen, method)
    if fps is not None and not 0 < fps < np.inf:
        raise ConfigError(f"find_apex: fps={fps}; give the frames a second, above 0")
    if np.array_equal(curve[1:], np.full(len(curve) - 1, curve[-1])):
        return len(curve) // 2
    return FINDERS[method].pick(curve, SMOOTHING_S * (fps or len(curve) / USUAL_S))


def apex_curve(seen: Seen, method: str = APEX_FINDER) -> Curve:
    """The curve (T,) on which a finder picks the apex; parameters and errors as in :func:`find_apex`."""
    if method not in FINDERS:
        raise ConfigError(
            f"apex finder {method!r}{did_you_mean(method, FINDERS)}: there is {', '.join(FINDERS)}"
        )
    length = len(seen if isinstance(seen, np.ndarray) else _frames(seen))
    if length < 2:
        raise DataError(f"find_apex: {length} frame; give two or more, the first of them the onset")
    return FINDERS[method].curve(seen)


def _frames(seen: AlignedFace | FaceMotion) -> NDArray[np.generic]:
    return seen.flow if isinstance(seen, FaceMotion) else seen.frames
