"""Time courses of planted movements: neutral, rise, plateau, fall, neutral."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import ConfigError

_STEEPEST, _FLATTEST = 0.5, 3.0
"""Exponents of time: below a half a rise would start with a jump of speed."""


@dataclass(frozen=True)
class SecondPeak:
    """A fall that stops at ``dip`` of the full movement, rises once more to ``height``, then goes on."""

    dip_frame: int
    frame: int
    dip: float
    height: float


@dataclass(frozen=True)
class TimeCourse:
    """A movement that is zero up to ``onset``, full at ``apex``, and zero again from ``offset`` on.

    It falls from ``release`` on.  All are frame numbers, 0-based.  Between its marks it is made of
    raised cosines, so the speed is zero at all of them and the last still frame is exactly ``onset``.

    Parameters
    ----------
    rise, fall : float
        Exponents of the time since the onset, and of the time left before the offset: a rise below 1
        starts fast and eases into the apex, a fall above 1 drops fast and trails off.
    sag : float
        Share of the movement that is lost between apex and release.  With any, or without a plateau,
        the apex is the only frame of full movement.
    second : SecondPeak, optional
        Lies between release and offset and stays below the level at the release.
    """

    onset: int
    apex: int
    release: int
    offset: int
    rise: float = 1.0
    fall: float = 1.0
    sag: float = 0.0
    second: SecondPeak | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.onset < self.apex <= self.release < self.offset:
            raise ConfigError(
                f"time course: onset {self.onset}, apex {self.apex}, release {self.release}, offset "
                f"{self.offset} must satisfy 0 <= onset < apex <= release < offset"
            )
        for name in ("rise", "fall"):
            if not _STEEPEST <= getattr(self, name) <= _FLATTEST:
                raise ConfigError(
                    f"time course {name}: {getattr(self, name)} is outside {_STEEPEST} to {_FLATTEST}"
                )
        if not 0 <= self.sag < 1 or (self.sag and self.release == self.apex):
            raise ConfigError(
                f"time course sag: {self.sag} must lie from 0 to below 1, and needs a release after the apex"
            )
        if (second := self.second) is None:
            return
        if not self.release < second.dip_frame < second.frame < self.offset:
            raise ConfigError(
                f"time course second peak: frames {second.dip_frame} and {second.frame} must follow each "
                f"other between release {self.release} and offset {self.offset}"
            )
        if not 0 < second.dip < second.height < 1 - self.sag:
            raise ConfigError(
                f"time course second peak: dip {second.dip} and height {second.height} must satisfy "
                f"0 < dip < height < {1 - self.sag:g}, the level at the release"
            )

    def later(self, frames: int) -> TimeCourse:
        """The same course, so many frames later."""
        marks = {name: getattr(self, name) + frames for name in ("onset", "apex", "release", "offset")}
        second = self.second
        if second is not None:
            second = replace(second, dip_frame=second.dip_frame + frames, frame=second.frame + frames)
        return replace(self, **marks, second=second)

    def intensity(self, frame: ArrayLike) -> NDArray[np.float64]:
        """Share of the full movement, 0 to 1, at the given frame numbers.

        >>> TimeCourse(10, 14, 16, 22).intensity([10, 12, 14, 16, 19, 22]).round(3)
        array([0. , 0.5, 1. , 1. , 0.5, 0. ])
        """
        t = np.asarray(frame, dtype=np.float64)
        level = np.zeros(t.shape)
        held = 1.0 - self.sag
        slopes = [(self.onset, self.apex, 0.0, 1.0, self.rise), (self.apex, self.release, 1.0, held, 1.0)]
        if self.second is None:
            slopes.append((self.release, self.offset, held, 0.0, self.fall))
        else:
            two = self.second
            slopes += [
                (self.release, two.dip_frame, held, two.dip, 1.0),
                (two.dip_frame, two.frame, two.dip, two.height, 1.0),
                (two.frame, self.offset, two.height, 0.0, self.fall),
            ]
        for start, stop, before, after, exponent in slopes:
            inside = (t >= start) & (t <= stop)
            # Time is counted from the lower end, so that levels there are exact.
            passed = t[inside] - start if after > before else stop - t[inside]
            progress = (passed / max(stop - start, 1)) ** exponent
            low, high = min(before, after), max(before, after)
            level[inside] = low + (high - low) * (0.5 - 0.5 * np.cos(np.pi * progress))
        return level
