"""Small, slow, smooth movements of a head."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError


@dataclass(frozen=True)
class HeadPose:
    """Where a head is: a similarity about the middle of the face, and two turns out of the picture.

    Parameters
    ----------
    shift_x, shift_y : float
        Pixels, right and down.
    angle_deg : float
        Positive angles turn the picture clockwise (x right, y down).
    scale : float
        Factor of size.
    yaw_deg, pitch_deg : float
        Turn to the person's left, and upwards.
    """

    shift_x: float = 0.0
    shift_y: float = 0.0
    angle_deg: float = 0.0
    scale: float = 1.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0

    def matrix(self, centre: NDArray[np.float64]) -> NDArray[np.float64]:
        """The 2 × 3 matrix of the similarity, from neutral coordinates to the posed ones; no yaw or pitch."""
        angle = np.deg2rad(self.angle_deg)
        turn = self.scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        shift = centre + np.array([self.shift_x, self.shift_y]) - turn @ centre
        return np.hstack([turn, shift[:, None]])


@dataclass(frozen=True)
class HeadMotion:
    """How far a head strays: largest shift (pixels), turn (degrees) and relative change of size.

    ``slowest_hz`` and ``fastest_hz`` bound the frequencies that the movement is made of; slow ones
    are larger, as in the sway of a sitting person.
    """

    shift_px: float = 1.5
    angle_deg: float = 0.3
    scale: float = 0.004
    slowest_hz: float = 0.06
    fastest_hz: float = 0.5

    def __post_init__(self) -> None:
        if min(self.shift_px, self.angle_deg, self.scale) < 0 or self.scale > 0.2:
            raise ConfigError("head motion: shift, angle and scale must be at least 0, scale at most 0.2")
        if not 0 < self.slowest_hz <= self.fastest_hz:
            raise ConfigError("head motion: slowest_hz must be above 0 and at most fastest_hz")

    def enlarged(self, factor: float) -> HeadMotion:
        """The same sway in a picture that is larger by a factor."""
        return replace(self, shift_px=self.shift_px * factor)

    def path(self, n_frames: int, fps: float, rng: np.random.Generator) -> list[HeadPose]:
        """A random path, one pose a frame, whose largest deviations are the ones stated."""
        times = np.arange(n_frames) / fps
        shift_x, shift_y, angle, scale = (
            amplitude * self._wander(times, rng)
            for amplitude in (self.shift_px, self.shift_px, self.angle_deg, self.scale)
        )
        return [
            HeadPose(float(x), float(y), float(a), float(np.exp(s)))
            for x, y, a, s in zip(shift_x, shift_y, angle, scale, strict=True)
        ]

    def _wander(self, times: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """A sum of five sines, strongest where slow, whose largest absolute value is 1."""
        hertz = np.exp(rng.uniform(np.log(self.slowest_hz), np.log(self.fastest_hz), 5))
        phases = rng.uniform(0, 2 * np.pi, 5)
        waves = np.sin(2 * np.pi * hertz[:, None] * times + phases[:, None]) / hertz[:, None]
        total = waves.sum(axis=0)
        return total / np.abs(total).max()
