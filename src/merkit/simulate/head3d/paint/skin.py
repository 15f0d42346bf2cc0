"""Skin: its tone, red and dark places, mottling, pores, freckles and moles, and stubble."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head3d.paint.noise import SolidNoise
from merkit.simulate.head3d.paint.texels import Texels
from merkit.simulate.head3d.person import Person

Floats = NDArray[np.float32]

# sRGB, from the lightest to the darkest skin.
_TONES = (
    (0.95, 0.83, 0.76),
    (0.90, 0.75, 0.66),
    (0.83, 0.65, 0.53),
    (0.72, 0.53, 0.41),
    (0.56, 0.39, 0.29),
    (0.40, 0.27, 0.20),
    (0.33, 0.23, 0.18),
)
# Middle (x of the left side, y, z), radius and strength of what is redder, and of what is darker.
_RED = (
    ((4.2, -0.2, 9.3), 2.0, 0.8),
    ((0.0, 0.2, 12.9), 1.3, 0.6),
    ((1.2, -0.4, 11.4), 0.8, 0.6),
    ((0.0, -6.2, 11.0), 1.4, 0.4),
    ((8.4, 1.5, 0.0), 2.4, 0.9),
)
_DARK = (
    ((3.0, 2.3, 9.4), 0.9, 0.7),
    ((3.1, 4.5, 9.6), 0.8, 0.6),
    ((1.6, 3.3, 9.6), 0.6, 0.6),
    ((2.9, -3.6, 10.2), 0.7, 0.35),
)
_FINEST_PX = 2.6
"""Shortest waves of the skin's grain, in pixels: shorter ones cannot be shown."""


def skin_colour(
    texels: Texels, person: Person, unit_px: float, noise: SolidNoise, rng: np.random.Generator
) -> Floats:
    """Colour of bare skin at the texels, sRGB (N, 3).

    Parameters
    ----------
    texels : Texels
    person : Person
    unit_px : float
        Pixels of the frame to a unit of the head.
    noise : SolidNoise
    rng : numpy.random.Generator
    """
    where = texels.x, texels.y, texels.z
    tone = skin_tone(person)
    colour = np.broadcast_to(tone, (len(texels.x), 3)).copy()
    red = _blobs(texels, _RED)
    dark = _blobs(texels, _DARK)
    blotches = noise(where, 3.2)
    mottling = noise(where, 1.1)
    red = np.float32(person.redness) * np.maximum(red + 0.25 * blotches + 0.12, 0)
    colour *= 1 + red[:, None] * np.array([0.03, -0.10, -0.09], np.float32)
    colour *= 1 - dark[:, None] * np.array([0.10, 0.14, 0.12], np.float32)
    uneven = 0.010 * blotches + 0.010 * mottling
    # Grain down to what a pixel can show.  Real skin has it at all scales; the finest carries flow.
    finest = _FINEST_PX / unit_px
    for wavelength, strength in (
        (2.4 * finest, 0.011),
        (1.5 * finest, 0.013),
        (finest, 0.012),
    ):
        uneven += strength * noise(where, wavelength)
    # Dark skin reflects less; its grain must not fade with it.
    grain = (0.6 + 0.8 * person.unevenness) * (0.7 / float(tone.mean())) ** 0.5
    colour *= 1 + grain * uneven[:, None]
    _freckle(colour, texels, person, noise)
    _add_moles(colour, texels, person, unit_px, rng)
    return colour


def skin_tone(person: Person) -> Floats:
    """Mean colour of a person's skin, sRGB."""
    at = person.skin_tone * (len(_TONES) - 1)
    tones = np.array(_TONES, np.float32)
    mixed = [np.interp(at, np.arange(len(tones)), tones[:, k]) for k in range(3)]
    return np.array(mixed, np.float32)


def stubble(texels: Texels, person: Person, unit_px: float, noise: SolidNoise) -> Floats:
    """How much beard covers each texel, 0 to 1."""
    if not person.stubble:
        return np.zeros_like(texels.x)
    x, y, z = np.abs(texels.x), texels.y, texels.z
    # Lower edge of the cheeks: from the corner of the moustache up to the sideburns.
    edge = np.interp(x, (0.0, 1.6, 2.6, 3.6, 5.6, 7.0, 7.6), (-1.3, -1.5, -2.3, -3.4, -2.6, 0.2, 1.5))
    cheek = _step((edge - y) / 0.9)
    throat = _step((y + 9.4) / 1.5) * _step((z - 2.2) / 2.0)
    bare = np.exp(-((x / 0.55) ** 2) - ((y + 4.9) / 0.28) ** 2)
    grain = 0.75 + 0.35 * noise((texels.x, texels.y, texels.z), 3.2 / unit_px)
    patches = 0.9 + 0.15 * noise((texels.x, texels.y, texels.z), 1.6)
    cover = person.stubble * cheek * throat * (1 - 0.7 * bare) * grain * patches
    return np.asarray(np.clip(0.62 * cover, 0, 0.8), np.float32)


def _blobs(texels: Texels, blobs: tuple[tuple[tuple[float, float, float], float, float], ...]) -> Floats:
    x = np.abs(texels.x)
    total = np.zeros_like(x)
    for (bx, by, bz), radius, strength in blobs:
        far = (x - bx) ** 2 + (texels.y - by) ** 2 + (texels.z - bz) ** 2
        total += np.float32(strength) * np.exp(far * np.float32(-0.5 / (0.6 * radius) ** 2))
    return total


def _freckle(colour: Floats, texels: Texels, person: Person, noise: SolidNoise) -> None:
    if not person.freckles:
        return
    where = texels.x, texels.y, texels.z
    dense = 0.25 + _blobs(texels, (((2.6, 0.6, 10.3), 2.6, 1.0), ((0.0, 1.2, 12.2), 1.6, 0.7)))
    spots = _step((noise(where, 0.42) - 2.4 + 0.8 * dense) / 0.6)
    colour *= 1 - (0.45 * person.freckles * spots)[:, None] * np.array([0.35, 0.5, 0.6], np.float32)


def _add_moles(
    colour: Floats, texels: Texels, person: Person, unit_px: float, rng: np.random.Generator
) -> None:
    front = np.flatnonzero((texels.z > 6) & (texels.y > -7) & (texels.y < 9))
    for _ in range(person.moles):
        centre = front[int(rng.integers(len(front)))]
        radius = float(rng.uniform(0.04, 0.10)) + 0.3 / unit_px
        strength = float(rng.uniform(0.2, 0.5))
        near = np.flatnonzero(
            (np.abs(texels.x - texels.x[centre]) < 4 * radius)
            & (np.abs(texels.y - texels.y[centre]) < 4 * radius)
        )
        far = sum((p[near] - p[centre]) ** 2 for p in (texels.x, texels.y, texels.z))
        spot = strength * np.exp(far / np.float32(-2 * radius**2))
        colour[near] *= 1 - spot[:, None] * np.array([0.7, 0.8, 0.85], np.float32)


def _step(t: NDArray[np.floating]) -> Floats:
    """From 0 at 0 to 1 at 1, smoothly."""
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
