"""How long expressions last and when they peak, as annotated in each imitated dataset.

Quantiles counted in the coding tables; lengths drawn through them have the dataset's minimum, median
and maximum.  Length and place of the apex hardly depend on each other (correlations -0.05 to -0.4),
and are drawn apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from merkit.simulate.performance import EventKind
from merkit.simulate.timing import SecondPeak, TimeCourse

_LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True)
class DurationStatistics:
    """Durations of one kind of expression in one dataset.

    Attributes
    ----------
    fps : float
        Of the dataset.
    frames : tuple of float
        Onset to offset, both included: minimum, quantiles 5, 25, 50, 75 and 95 %, maximum.
    apex : tuple of float
        Way from onset to offset at which the apex lies: the same quantiles.
    """

    fps: float
    frames: tuple[float, ...]
    apex: tuple[float, ...]

    def draw_seconds(self, rng: np.random.Generator) -> float:
        """Time from onset to offset."""
        frames = round(float(np.interp(rng.random(), _LEVELS, self.frames)))
        return (frames - 1) / self.fps

    def draw_apex(self, rng: np.random.Generator) -> float:
        """Where the apex lies, as a share of the time from onset to offset."""
        return float(np.interp(rng.random(), _LEVELS, self.apex))


_CASME2 = DurationStatistics(
    200, (24, 36, 51, 61, 86, 100, 141), (0.067, 0.257, 0.414, 0.508, 0.6, 0.757, 0.978)
)
_SAMM = DurationStatistics(
    200, (30, 40, 59.5, 78, 89.5, 100, 101), (0.012, 0.226, 0.342, 0.438, 0.557, 0.743, 0.97)
)
# SMIC states no apex; its long version circulates with apex frames that others found.
_SMIC_HS = DurationStatistics(
    100, (11, 20, 26.75, 33, 41, 50, 58), (0.075, 0.252, 0.409, 0.486, 0.59, 0.873, 0.974)
)
_CASME_SQ = DurationStatistics(
    30, (9, 9, 13, 14, 15, 16, 17), (0.214, 0.282, 0.385, 0.429, 0.5, 0.625, 0.692)
)
_CASME_SQ_MACRO = DurationStatistics(
    30, (4, 19, 24, 35.5, 52, 75.25, 118), (0.082, 0.169, 0.277, 0.368, 0.456, 0.625, 0.853)
)
# The slowest twentieth is left out: some of these last for 20 s.
_SAMM_LV_MACRO = DurationStatistics(
    200, (102, 113, 152, 216, 370, 951, 951), (0.049, 0.207, 0.325, 0.435, 0.542, 0.769, 0.989)
)
_CASME2_AND_SAMM = DurationStatistics(
    200, (24, 36, 53, 70.5, 87, 100, 141), (0.012, 0.25, 0.375, 0.5, 0.585, 0.757, 0.978)
)
DURATIONS: Mapping[tuple[str, EventKind], DurationStatistics] = {
    ("casme2", "micro"): _CASME2,
    ("smic-hs", "micro"): _SMIC_HS,
    ("samm", "micro"): _SAMM,
    ("casme-sq", "micro"): _CASME_SQ,
    ("samm-lv", "micro"): _SAMM,
    ("default", "micro"): _CASME2_AND_SAMM,
    ("casme2", "macro"): _CASME_SQ_MACRO,
    ("smic-hs", "macro"): _CASME_SQ_MACRO,
    ("samm", "macro"): _SAMM_LV_MACRO,
    ("casme-sq", "macro"): _CASME_SQ_MACRO,
    ("samm-lv", "macro"): _SAMM_LV_MACRO,
    ("default", "macro"): _CASME_SQ_MACRO,
}
"""Of each imitated dataset and kind; where a dataset has no macro-expressions, those of a long one."""

_RISE, _FALL = (0.6, 1.0), (1.0, 1.8)
_PLATEAU, _PLATEAU_SHARE, _SAG = 0.5, (0.05, 0.3), (0.02, 0.12)
_SECOND, _SECOND_FRAMES = 0.12, 8
"""How often a fall has a second peak, and how many frames it takes at least."""


def draw_course(
    statistics: DurationStatistics,
    fps: float,
    onset: int,
    rng: np.random.Generator,
    n_frames: int | None = None,
) -> TimeCourse:
    """The time course of one expression.

    It rises fast and eases into the apex, drops fast and trails off; half have a plateau that sags,
    one in eight a subtle second peak.

    Parameters
    ----------
    statistics : DurationStatistics
    fps : float
        Of the video to make.
    onset : int
        First frame.
    n_frames : int, optional
        From onset to offset, both included, instead of a drawn duration.
    """
    seconds, at = statistics.draw_seconds(rng), statistics.draw_apex(rng)
    steps = max(round(seconds * fps) if n_frames is None else n_frames - 1, 2)
    rise = min(max(round(at * steps), 1), steps - 1)
    fall = steps - rise
    held = round(fall * rng.uniform(*_PLATEAU_SHARE)) if rng.random() < _PLATEAU else 0
    held = min(held, fall - 1)
    sag = round(rng.uniform(*_SAG), 3) if held else 0.0
    apex, offset = onset + rise, onset + steps
    release = apex + held
    shape = {"rise": round(rng.uniform(*_RISE), 3), "fall": round(rng.uniform(*_FALL), 3)}
    second = None
    if rng.random() < _SECOND and offset - release >= _SECOND_FRAMES:
        second = _draw_second(release, offset, rng)
    return TimeCourse(onset, apex, release, offset, sag=sag, second=second, **shape)


def _draw_second(release: int, offset: int, rng: np.random.Generator) -> SecondPeak:
    fall = offset - release
    dip_frame = release + round(fall * rng.uniform(0.35, 0.5))
    frame = dip_frame + max(round(fall * rng.uniform(0.15, 0.25)), 1)
    dip = round(rng.uniform(0.15, 0.35), 3)
    return SecondPeak(dip_frame, frame, dip, round(dip + rng.uniform(0.08, 0.2), 3))
