"""Where the light comes from, and how brightly it makes each point of the skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Light:
    """A lamp, and the light of the room around it.

    Parameters
    ----------
    azimuth_deg, elevation_deg : float
        Where the lamp is as seen from the face: to the person's left, and above.
    key : float
        Its strength: what a surface that faces it reflects of it, as a share of white.
    ambient : float
        The light that comes from everywhere.
    softness : float
        From 0, a lamp that leaves a sharp shadow on round surfaces, to 1, a very large one.
    gloss : float
        How much the skin shines, as a share of white.
    """

    azimuth_deg: float = 25.0
    elevation_deg: float = 35.0
    key: float = 0.75
    ambient: float = 0.4
    softness: float = 0.4
    gloss: float = 0.06

    def __post_init__(self) -> None:
        for name, low, high in (
            ("azimuth_deg", -90, 90),
            ("elevation_deg", -60, 90),
            ("key", 0, 3),
            ("ambient", 0, 3),
            ("softness", 0, 1),
            ("gloss", 0, 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"light {name}: {value} is outside {low} to {high}")

    @classmethod
    def from_seed(cls, seed: int) -> Light:
        """Indoor light of any kind, from a frontal soft box to a lamp at the side."""
        rng = np.random.default_rng([seed, 3])
        key = float(rng.uniform(0.45, 0.85))
        return cls(
            azimuth_deg=round(float(rng.uniform(-55, 55)), 1),
            elevation_deg=round(float(rng.uniform(5, 55)), 1),
            key=round(key, 3),
            ambient=round(float(rng.uniform(1.0, 1.2)) - key, 3),
            softness=round(float(rng.uniform(0.15, 0.7)), 3),
            gloss=round(float(rng.uniform(0.02, 0.09)), 3),
        )

    @property
    def direction(self) -> Floats:
        """Unit vector towards the lamp: x to the person's left, y up, z to the front."""
        azimuth, elevation = np.deg2rad(self.azimuth_deg), np.deg2rad(self.elevation_deg)
        return np.array(
            [
                np.sin(azimuth) * np.cos(elevation),
                np.sin(elevation),
                np.cos(azimuth) * np.cos(elevation),
            ]
        )

    def on(
        self, normals: Floats, open_to_room: Floats, open_to_lamp: Floats, sharpness: Floats
    ) -> tuple[Floats, Floats]:
        """Light that points reflect as matt surfaces, and what they mirror.

        Parameters
        ----------
        normals : array (P, 3)
        open_to_room, open_to_lamp : arrays (P,)
            Shares of the room and of the lamp that each point sees.
        sharpness : array (P,)
            Exponent of the highlight; larger ones are smaller and sharper.

        Returns
        -------
        matt : array (P,)
            To multiply the colour with.
        mirrored : array (P,)
            To add, as a share of white.
        """
        towards = normals @ self.direction
        lit = np.maximum(towards + self.softness, 0) / (1 + self.softness)
        sky = 0.8 + 0.2 * normals[:, 1]
        matt = self.ambient * sky * open_to_room + self.key * lit * open_to_lamp
        half = self.direction + np.array([0.0, 0.0, 1.0])
        half /= np.linalg.norm(half)
        shine = np.maximum(normals @ half, 0) ** sharpness
        return matt, self.gloss * self.key * open_to_lamp * shine
