"""Time courses of planted movements: neutral, rise, plateau, fall, neutral."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import ConfigError


@dataclass(frozen=True)
class TimeCourse:
    """A movement that is zero up to ``onset``, full from ``apex`` to ``release``, zero from ``offset``.

    All are frame numbers, 0-based.  Rise and fall are raised cosines of their own lengths, so the
    speed is zero at both ends of each and the last still frame is exactly ``onset``.
    """

    onset: int
    apex: int
    release: int
    offset: int

    def __post_init__(self) -> None:
        if not 0 <= self.onset < self.apex <= self.release < self.offset:
            raise ConfigError(
                f"time course: onset {self.onset}, apex {self.apex}, release {self.release}, offset "
                f"{self.offset} must satisfy 0 <= onset < apex <= release < offset"
            )

    def intensity(self, frame: ArrayLike) -> NDArray[np.float64]:
        """Share of the full movement, 0 to 1, at the given frame numbers.

        >>> TimeCourse(10, 14, 16, 22).intensity([10, 12, 14, 16, 19, 22]).round(3)
        array([0. , 0.5, 1. , 1. , 0.5, 0. ])
        """
        t = np.asarray(frame, dtype=np.float64)
        rise = np.clip((t - self.onset) / (self.apex - self.onset), 0, 1)
        fall = np.clip((self.offset - t) / (self.offset - self.release), 0, 1)
        return 0.5 - 0.5 * np.cos(np.pi * np.minimum(rise, fall))
