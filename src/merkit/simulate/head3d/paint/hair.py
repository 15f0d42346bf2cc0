"""Hair on the head: where it grows, how far it stands off, and how its strands look."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head3d.paint.noise import SolidNoise
from merkit.simulate.head3d.paint.texels import Texels
from merkit.simulate.head3d.person import Person

Floats = NDArray[np.float32]

# Height of the hairline from the nape, round the ear and over the temple to the forehead, by z.
_LINE_Z = (-9.0, -6.0, -3.5, -2.0, -0.8, 1.8, 2.8, 3.5, 4.2, 5.4, 6.8, 8.4, 9.6, 10.5)
_LINE_Y = (-5.5, -5.5, -4.0, -1.5, 2.0, 2.5, 0.6, 0.6, 2.4, 6.0, 8.1, 9.2, 9.6, 9.7)
_STAND_OFF = {"shaved": 0.0, "cropped": 0.18, "short": 0.55, "full": 1.15, "long": 0.85}
"""Of the hair on top of the head, in units."""


def above_hairline(x: Floats, y: Floats, z: Floats, person: Person) -> Floats:
    """How far points of the mean head are above the hairline, in units; negative below it."""
    height = np.interp(z, _LINE_Z, _LINE_Y)
    forehead = np.clip((z - 5.0) / 3.0, 0, 1)
    # A receding line is highest at the temples.
    temples = np.exp(-(((np.abs(x) - 3.6) / 1.6) ** 2))
    height = height + forehead * (0.2 + 1.5 * person.receding * (0.4 + 0.6 * temples))
    # Ears are bare, and so is a rim around them.
    off_ear = np.hypot((y - 0.6 - 0.3 * (0.4 - z)) / 3.4, (z - 0.5) / 2.5) - 1
    above = np.where(np.abs(x) > 6.4, np.minimum(y - height, 2.5 * off_ear), y - height)
    return np.asarray(above, np.float32)


def stand_off(points: NDArray[np.floating], person: Person) -> NDArray[np.float64]:
    """How far the hair lifts the surface at points (P, 3) of the mean head, in units."""
    x, y, z = points.astype(np.float32).T
    above = above_hairline(x, y, z, person)
    grown = np.clip(above / 2.2, 0, 1)
    grown = grown * grown * (3 - 2 * grown)
    top = np.clip((y - 3) / 9, 0, 1)
    noise = SolidNoise(np.random.default_rng([person.seed, 5]))
    tufts = 1 + 0.16 * noise((x, y, z), 4.0)
    return np.asarray(_STAND_OFF[person.hair] * grown * (0.45 + 0.55 * top) * tufts, np.float64)


def hair_cover(texels: Texels, person: Person, unit_px: float, noise: SolidNoise) -> Floats:
    """How much hair of the head covers each texel, 0 to 1."""
    where = texels.x, texels.y, texels.z
    above = above_hairline(*where, person) + 0.22 * noise(where, max(0.5, 3.0 / unit_px))
    soft = 0.9 if person.hair in ("shaved", "cropped") else 0.6
    t = np.clip(above / soft + 0.3, 0, 1)
    most = {"shaved": 0.42, "cropped": 0.82}.get(person.hair, 0.97)
    return np.asarray(most * t * t * (3 - 2 * t), np.float32)


def strands(texels: Texels, person: Person, unit_px: float, noise: SolidNoise) -> Floats:
    """Brightness of the hair around 1: strands that run backwards over the head."""
    fine = np.float32(max(0.16, 2.6 / unit_px))
    x, y, z = texels.x, texels.y, texels.z
    # On top strands run over the head from front to back, at the sides downwards.
    long = np.float32(2.0 if person.hair in ("shaved", "cropped") else 5.0)
    over = np.arctan2(y - 3, z) * np.float32(11)
    side = np.clip((np.abs(x) - 4.5) / 3, 0, 1)
    run = over * (1 - side) + y * side
    cross = x * (1 - side) + (z + np.sign(x) * 6) * side
    still = np.zeros_like(run)
    fine_strands = noise((cross / fine, run / (fine * long), still), 1.0)
    locks = noise((cross, run / long, still), 0.9)
    broad = noise((x, y, z), 3.0)
    # Bright hair shows its shadows less.
    contrast = np.float32(1.1 - 0.7 * max(person.hair_colour))
    return np.asarray(1 + contrast * (0.16 * fine_strands + 0.10 * locks + 0.06 * broad), np.float32)


def curtain_strands(width: int, height: int, person: Person, rng: np.random.Generator) -> Floats:
    """Picture (height, width, 3) of long hair, sRGB: strands that hang down, darker between the locks."""
    bright = np.zeros((height, width), np.float32)
    for across, along, strength in ((1.0, 30.0, 0.10), (2.5, 50.0, 0.10), (7.0, 90.0, 0.08)):
        waves = cv2.GaussianBlur(
            rng.standard_normal((height, width)).astype(np.float32), (0, 0), across, sigmaY=along
        )
        bright += np.float32(strength) * waves / max(float(waves.std()), 1e-9)
    contrast = np.float32(1.2 - 0.7 * max(person.hair_colour))
    return (1 + contrast * bright)[..., None] * np.array(person.hair_colour, np.float32)
