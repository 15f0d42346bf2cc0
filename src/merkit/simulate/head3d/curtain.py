"""Long hair: a curtain around the head, from the crown to the shoulders, open at the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Floats = NDArray[np.float64]

ROWS, COLUMNS = 20, 41
"""Points from above to below, and from the person's right side round the back to the left."""
_TOP, _LENGTH = 9.5, (17.0, 28.0)
"""Height of its upper edge, which the hair of the head hides, and how long it is, in units."""
_OPEN_DEG = (117.0, 127.0)
"""How far it reaches round from the back to the face, on each side."""
_AXIS_Z = -0.5
_SMALLEST_PART = 0.02


def shares() -> Floats:
    """Where the columns lie from right to left, -1 to 1: close together at the face, where they show."""
    even = np.linspace(-1, 1, COLUMNS)
    return np.sign(even) * np.abs(even) ** 0.6


def hang(skin: Floats, rng: np.random.Generator) -> Floats:
    """Points (ROWS * COLUMNS, 3) of a curtain around a head.

    Parameters
    ----------
    skin : array (n_skin, 3)
        Neutral skin with the hair of the head.
    rng : numpy.random.Generator
        Draws length, width and waves.
    """
    length, opening = rng.uniform(*_LENGTH), np.deg2rad(rng.uniform(*_OPEN_DEG))
    height = _TOP - np.linspace(0, 1, ROWS) * length
    # Around head and ears; below them it hangs straight down.
    half, depth = (np.array([_reach(skin, y, axis) for y in np.maximum(height, -1.0)]) for axis in (0, 2))
    loose = np.clip((_TOP - height) / 7, 0, 1)
    half, depth = (gaussian_filter1d(r, 2.0, mode="nearest") + 0.85 * loose - 0.30 for r in (half, depth))
    below = np.clip((-2 - height) / 10, 0, 1)
    half -= 0.9 * np.sin(np.pi * below)
    angle = shares() * opening
    waves = np.cumsum(rng.normal(0, 0.06, (ROWS, COLUMNS)), axis=0)
    x = (half[:, None] + waves) * np.sin(angle)
    z = _AXIS_Z - (depth[:, None] + waves) * np.cos(angle)
    ragged = rng.normal(0, 0.35, COLUMNS) * np.linspace(0, 1, ROWS)[:, None] ** 4
    y = height[:, None] + ragged
    return np.stack([x, y, z], -1).reshape(-1, 3)


def hidden() -> Floats:
    """The curtain of who has no long hair: all its points in one place, so that it has no faces."""
    return np.zeros((ROWS * COLUMNS, 3))


def normals(curtain: Floats) -> Floats:
    """Unit normals (ROWS * COLUMNS, 3), outwards from the axis of the head."""
    away = (curtain - [0.0, 0.0, _AXIS_Z]) * [1.0, 0.0, 1.0]
    length = np.linalg.norm(away, axis=1, keepdims=True)
    return np.where(length > _SMALLEST_PART, away / np.maximum(length, _SMALLEST_PART), [0.0, 0.0, 1.0])


def _reach(skin: Floats, y: float, axis: int) -> float:
    """How far the head reaches sideways, or backwards from its axis, at a height."""
    near = skin[(np.abs(skin[:, 1] - y) < 1.2) & (skin[:, 2] < 4)]
    if not len(near):
        return 8.0
    return float(np.abs(near[:, 0]).max() if axis == 0 else _AXIS_Z - near[:, 2].min())
