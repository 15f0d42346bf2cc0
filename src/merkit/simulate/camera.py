"""What a camera makes of the light: blur, flicker, exposure drift, noise and eight bits."""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, did_you_mean

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_RANGES: dict[str, tuple[float, float]] = {
    "noise": (0, 50),
    "shot_share": (0, 1),
    "drift": (0, 0.5),
    "drift_period_s": (0.1, 1e6),
    "flicker": (0, 0.2),
    "blur": (0, 20),
    "mains_hz": (10, 1000),
    "mains_depth": (0, 1),
    "shutter_s": (0, 1),
}


@dataclass(frozen=True)
class Camera:
    """A simple camera.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise in grey levels, at mid-grey (128).  The same noise is added
        to the three channels, so that it is also the noise of the grey picture.
    shot_share : float
        Share of the noise's variance that grows with the light (0 to 1): photons are counted.  The
        rest, the noise of the sensor, is constant.
    drift : float
        Slow change of exposure: amplitude as a share of the brightness.
    drift_period_s : float
        Period of the drift in seconds.
    flicker : float
        Change of exposure from frame to frame: standard deviation as a share of the brightness.
    blur : float
        Blur of the optics: standard deviation of a Gaussian in pixels.
    mains_hz : float
        Frequency of the mains; lamps flicker at twice that.
    mains_depth : float
        Amplitude of that flicker as a share of the brightness, before the shutter averages it.
    shutter_s : float
        How long the shutter is open, in seconds.  It averages the flicker of lamps; movement is not
        blurred.
    grey : bool
        One channel instead of three.

    Raises
    ------
    ConfigError
        If a value is outside its range.

    Examples
    --------
    >>> camera = Camera(noise=0.0, drift=0.0, grey=True)
    >>> camera.expose(np.full((2, 2, 3), 100.4, np.float32), 0.0, np.random.default_rng(0)).tolist()
    [[100, 100], [100, 100]]
    """

    noise: float = 2.0
    shot_share: float = 0.5
    drift: float = 0.01
    drift_period_s: float = 7.0
    flicker: float = 0.0
    blur: float = 0.0
    mains_hz: float = 50.0
    mains_depth: float = 0.0
    shutter_s: float = 0.0
    grey: bool = False

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low <= value <= high:
                raise ConfigError(f"camera {name}: {value} is outside {low:g} to {high:g}")
        if not isinstance(self.grey, bool):
            raise ConfigError(f"camera grey: {self.grey!r} is neither true nor false")

    @classmethod
    def from_settings(cls, settings: dict[str, object]) -> Camera:
        """Make a camera of named settings.

        Raises
        ------
        ConfigError
            For a name that there is not, with the nearest one.
        """
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                hint = did_you_mean(name, known)
                raise ConfigError(f"camera {name}: there is no such setting{hint}: {', '.join(known)}")
        return cls(**settings)  # type: ignore[arg-type]

    def gain(self, time_s: float) -> float:
        """Exposure at a time as a share of the mean: drift and mains, without what is random."""
        gain = 1 + self.drift * np.sin(2 * np.pi * time_s / self.drift_period_s)
        if self.mains_depth:
            hertz = 2 * self.mains_hz
            # The mean of a sine over the time that the shutter is open.
            seen = self.mains_depth * np.sinc(hertz * self.shutter_s)
            gain *= 1 + seen * np.sin(2 * np.pi * hertz * time_s)
        return float(gain)

    def sigma(self, level: float) -> float:
        """Standard deviation of the noise at a grey level, before rounding to whole levels."""
        return float(self.noise * np.sqrt(self.shot_share * max(level, 0.0) / 128 + 1 - self.shot_share))

    def expose(
        self, light: NDArray[np.float32], time_s: float, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """The picture that the camera takes.

        Parameters
        ----------
        light : array (height, width, 3) float32
            The scene in grey levels, 0 to 255.
        time_s : float
            Seconds on the clock of the camera, for drift and mains.
        rng : numpy.random.Generator
            Source of the noise of this frame.

        Returns
        -------
        array (height, width, 3) uint8, or (height, width) of a grey camera
        """
        gain = self.gain(time_s)
        if self.flicker:
            gain += self.flicker * rng.standard_normal()
        if self.grey:
            light = light @ _LUMA
        if self.blur:
            light = cv2.GaussianBlur(light, (0, 0), self.blur, borderType=cv2.BORDER_REFLECT)
        exposed = light * np.float32(gain)
        if self.noise:
            seen = exposed if self.grey else exposed[..., 1]
            shot = np.maximum(seen, 0) * np.float32(self.shot_share / 128)
            sigma = np.float32(self.noise) * np.sqrt(shot + np.float32(1 - self.shot_share))
            sigma *= rng.standard_normal(sigma.shape, dtype=np.float32)
            exposed += sigma if self.grey else sigma[..., None]
        return np.clip(np.rint(exposed, out=exposed), 0, 255, out=exposed).astype(np.uint8)
