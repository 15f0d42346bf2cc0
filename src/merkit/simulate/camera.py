"""What a camera adds to the light: noise, exposure drift, flicker and eight bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError


@dataclass(frozen=True)
class Camera:
    """A simple camera.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise in grey levels, at mid-grey (128).  The same noise is added
        to the three channels, so that it is also the noise of the grey picture.
    shot_share : float
        Share of the noise's variance that grows with the light (0 to 1); the rest is constant.
    drift : float
        Slow change of exposure: amplitude as a share of the brightness.
    drift_period_s : float
        Period of the drift in seconds.
    flicker : float
        Change of exposure from frame to frame: standard deviation as a share of the brightness.
    """

    noise: float = 2.0
    shot_share: float = 0.5
    drift: float = 0.01
    drift_period_s: float = 7.0
    flicker: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("noise", 0, 50),
            ("shot_share", 0, 1),
            ("drift", 0, 0.5),
            ("drift_period_s", 0.1, 1e6),
            ("flicker", 0, 0.2),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"camera {name}: {value} is outside {low} to {high}")

    def expose(
        self, light: NDArray[np.float32], time_s: float, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """The picture that the camera takes.

        Parameters
        ----------
        light : array (height, width, 3) float32
            The scene in grey levels, 0 to 255.
        time_s : float
            Seconds since the first frame, for the drift.
        rng : numpy.random.Generator
            Source of the noise of this frame.

        Returns
        -------
        array (height, width, 3) uint8
        """
        gain = 1 + self.drift * np.sin(2 * np.pi * time_s / self.drift_period_s)
        if self.flicker:
            gain += self.flicker * rng.standard_normal()
        exposed = light * np.float32(gain)
        if self.noise:
            shot = np.maximum(exposed[..., 1], 0) * np.float32(self.shot_share / 128)
            sigma = np.float32(self.noise) * np.sqrt(shot + np.float32(1 - self.shot_share))
            sigma *= rng.standard_normal(sigma.shape, dtype=np.float32)
            exposed += sigma[..., None]
        return np.clip(np.rint(exposed, out=exposed), 0, 255, out=exposed).astype(np.uint8)
