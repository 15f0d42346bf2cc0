"""The front of an eyeball: white, iris and pupil."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from merkit.simulate.head3d.person import Person
from merkit.simulate.head3d.topology import EYE_REACH

Floats = NDArray[np.float32]

_IRIS, _PUPIL = 0.40, 0.135
"""Radii as angles from the eye's middle, in radians."""


def eyeball(side: int, person: Person, rng: np.random.Generator) -> Floats:
    """Picture (side, side, 3) of an eyeball, sRGB, with the pupil in the middle and the nose at the left."""
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    x, y = ((v + 0.5 - side / 2) * (2 * EYE_REACH / side) for v in (across, down))
    angle, turn = np.hypot(x, y), np.arctan2(y, x)
    texel = 2 * EYE_REACH / side

    white = (1 - 0.12 * person.skin_tone) * np.array([0.76, 0.735, 0.705]) * np.ones((side, side, 1))
    pink = np.clip((angle - 0.48) / 0.5, 0, 1) * (0.7 + 0.3 * (x < 0))
    veins = _veins(angle, turn, rng) * np.clip((angle - 0.42) / 0.3, 0, 1)
    white *= 1 - (0.16 * pink + 0.10 * veins)[..., None] * np.array([0.25, 1.0, 0.9])

    ring = _wave(turn, 46, rng)
    fine = 1 + 0.22 * ring * np.clip((angle - _PUPIL) / 0.06, 0, 1) + 0.10 * _wave(turn + 3 * angle, 20, rng)
    colour = np.array(person.iris_colour) * fine[..., None]
    collarette = np.exp(-(((angle - 0.21) / 0.04) ** 2))
    colour *= 1 + 0.25 * collarette[..., None]
    limbus = np.clip((angle - (_IRIS - 0.10)) / 0.10, 0, 1)
    colour *= 1 - 0.62 * limbus[..., None] ** 1.5
    pupil = _PUPIL * float(rng.uniform(0.85, 1.2))
    inside = _edge(angle, pupil, max(0.02, texel))
    colour = colour * (1 - inside[..., None]) + 0.025 * inside[..., None]
    iris = _edge(angle, _IRIS, max(0.035, texel))[..., None]
    return np.clip(white * (1 - iris) + colour * iris, 0.01, 1).astype(np.float32)


def _edge(angle: NDArray[np.floating], radius: float, soft: float) -> NDArray[np.floating]:
    """1 inside a circle, 0 outside."""
    t = np.clip((radius - angle) / soft + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _wave(turn: NDArray[np.floating], n: int, rng: np.random.Generator) -> NDArray[np.floating]:
    """A random wave around the circle with about n crests: mean 0, standard deviation 1."""
    steps = 720
    wave = gaussian_filter1d(rng.standard_normal(steps), steps / n / 4, mode="wrap")
    wave = (wave - wave.mean()) / wave.std()
    at = np.mod(turn / (2 * np.pi), 1) * steps
    return np.interp(at, np.arange(steps + 1), np.append(wave, wave[0]))


def _veins(
    angle: NDArray[np.floating], turn: NDArray[np.floating], rng: np.random.Generator
) -> NDArray[np.floating]:
    """Thin winding lines that run towards the iris, 0 to 1."""
    bend = 0.10 * _wave(4 * angle, 9, rng)
    return np.clip(_wave(turn + bend, 60, rng) - 0.9, 0, 1)
