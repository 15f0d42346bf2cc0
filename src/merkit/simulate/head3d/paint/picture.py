"""The whole texture: skin with all that grows on it, eyeballs, the inside of the mouth, clothes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head3d.paint.eyeball import eyeball
from merkit.simulate.head3d.paint.features import brows, lashes, lip_lines, lips
from merkit.simulate.head3d.paint.hair import curtain_strands, hair_cover, strands
from merkit.simulate.head3d.paint.noise import SolidNoise
from merkit.simulate.head3d.paint.skin import skin_colour, skin_tone, stubble
from merkit.simulate.head3d.paint.texels import Texels
from merkit.simulate.head3d.person import Person
from merkit.simulate.head3d.topology import (
    EYE_PATCH,
    INNER_HAIR_PATCH,
    LONG_HAIR_PATCH,
    POUCH_PATCH,
    RIM_PATCH,
    TEETH_PATCH,
)

Floats = NDArray[np.float32]

_N_TEETH = 8
_COLLAR = (-11.2, -0.28)
"""Height of the collar at z = 0, and how it changes with z."""


def paint_texture(
    texels: Texels,
    marks: NDArray[np.floating],
    lids: tuple[NDArray[np.floating], NDArray[np.floating]],
    person: Person,
    unit_px: float,
) -> Floats:
    """Paint a person, as finely as the texels are.

    Parameters
    ----------
    texels : Texels
    marks : array (68, 3)
        Landmarks of the mean head.
    lids : (left, right), arrays (L, 3)
        Edges of its lids.
    person : Person
    unit_px : float
        Pixels of the frame to a unit of the head.

    Returns
    -------
    float32 array (height, width, 3)
        sRGB, 0 to 1.
    """
    rng = np.random.default_rng([person.seed, 2])
    noise = SolidNoise(rng)
    colour = skin_colour(texels, person, unit_px, noise, rng)
    tone, hair = skin_tone(person), np.array(person.hair_colour, np.float32)

    mouth = lips(texels, marks)
    red = tone * (1 - person.lips * np.array([0.10, 0.42, 0.36], np.float32)) * 0.94
    lined = red * (1 + 0.05 * lip_lines(texels, unit_px, noise))[:, None]
    # Some of the skin's grain stays.
    lined = lined * (0.5 + 0.5 * colour / tone)
    colour = _over(colour, lined, 0.9 * mouth)

    beard = stubble(texels, person, unit_px, noise) * (1 - mouth)
    colour = _over(colour, 0.7 * hair + 0.12 * tone, beard)
    colour = _over(colour, 0.8 * hair, brows(texels, marks, person.brows, unit_px, noise))
    colour = _over(colour, np.array([0.06, 0.045, 0.04], np.float32), lashes(texels, lids, unit_px))
    grown = hair_cover(texels, person, unit_px, noise)
    shaded = hair * strands(texels, person, unit_px, noise)[:, None]
    colour = _over(colour, shaded, grown)
    _dress(colour, texels, person, unit_px, noise)
    picture = texels.spread(np.clip(colour, 0.01, 1))
    side = texels.shape[0]
    _put(picture, EYE_PATCH, side, lambda w, h: eyeball(w, person, rng)[:h])
    rim = tone * np.array([0.92, 0.72, 0.68], np.float32)
    _put(picture, RIM_PATCH, side, lambda w, h: _shade(rim, np.linspace(1.0, 0.75, h), w))
    flesh = np.array([0.52, 0.22, 0.20], np.float32)
    _put(picture, POUCH_PATCH, side, lambda w, h: _shade(flesh, np.linspace(1.0, 0.3, h) ** 1.5, w))
    _put(picture, TEETH_PATCH, side, _teeth)
    if person.hair == "long":
        width, height = (round(v * side) for v in LONG_HAIR_PATCH[2:])
        outside = np.clip(curtain_strands(width, height, person, rng), 0.01, 1)
        # Within the hair it is dark.
        _put(picture, LONG_HAIR_PATCH, side, lambda w, h: outside)
        _put(picture, INNER_HAIR_PATCH, side, lambda w, h: np.float32(0.6) * outside)
    return picture


def _teeth(width: int, height: int) -> Floats:
    """A row of teeth with dark gaps between them."""
    x = (np.arange(width) + 0.5) / width * _N_TEETH
    gap = np.exp(-(((x - np.rint(x)) / 0.07) ** 2))
    end = np.abs(np.linspace(-1, 1, width))
    shade = (1 - 0.35 * gap) * (1 - 0.45 * end**2)
    gum = np.linspace(0.9, 1.0, height)[:, None, None]
    return (gum * shade[None, :, None] * np.array([0.80, 0.76, 0.68])).astype(np.float32)


def _over(below: Floats, above: Floats, cover: Floats) -> Floats:
    return below + (above - below) * cover[:, None]


def _dress(colour: Floats, texels: Texels, person: Person, unit_px: float, noise: SolidNoise) -> None:
    """Put clothes over the shoulders, in place."""
    below = _COLLAR[0] + _COLLAR[1] * texels.z - texels.y
    covered = np.flatnonzero(below > -0.6)
    cloth = np.array(person.clothes_colour, np.float32)
    where = texels.x[covered], texels.y[covered], texels.z[covered]
    weave = 1 + 0.05 * noise(where, max(0.3, 3.0 / unit_px)) + 0.05 * noise(where, 2.5)
    edge = np.clip(below[covered] / 0.25 + 0.5, 0, 1)
    shadow = 1 - 0.35 * np.exp(-np.maximum(-below[covered], 0) / 0.35)
    seam = 1 - 0.25 * np.exp(-(((below[covered] - 0.9) / 0.12) ** 2))
    dressed = cloth * (weave * seam)[:, None]
    colour[covered] = colour[covered] * (shadow * (1 - edge))[:, None] + dressed * edge[:, None]


def _shade(colour: Floats, brightness: NDArray[np.floating], width: int) -> Floats:
    rows = brightness.astype(np.float32)[:, None, None] * colour
    return np.repeat(rows, width, axis=1)


def _put(picture: Floats, patch: tuple[float, float, float, float], side: int, draw) -> None:  # type: ignore[no-untyped-def]
    """Draw a patch, and continue it a little beyond its edges."""
    left, top, width, height = (round(v * side) for v in patch)
    drawn = draw(width, height)
    border = side // 64
    grown = cv2.copyMakeBorder(drawn, border, border, border, border, cv2.BORDER_REPLICATE)
    picture[top - border : top + height + border, left - border : left + width + border] = grown
