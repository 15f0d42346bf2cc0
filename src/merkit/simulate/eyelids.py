"""Blinks: the upper lid slides down over the eye.

A blink cannot be a smooth displacement field, for the lid hides the eye.  Here the skin between the
brow and the lashes is pulled down: the lashes travel with the margin of the lid, the skin above is
stretched more and more towards its middle, and the brow stays.  Below the margin the eye is seen
unchanged until the lid has covered it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

Floats = NDArray[np.floating]

RIGHT_EYE = {
    "upper": (33, 246, 161, 160, 159, 158, 157, 173, 133),
    "lower": (33, 7, 163, 144, 145, 153, 154, 155, 133),
    "brow": (46, 53, 52, 65, 55),
}
LEFT_EYE = {
    "upper": (263, 466, 388, 387, 386, 385, 384, 398, 362),
    "lower": (263, 249, 390, 373, 374, 380, 381, 382, 362),
    "brow": (276, 283, 282, 295, 285),
}
_FIXED_SKIN = 0.75
"""Where the stretching ends, as a share of the way from the lashes to the brow."""
_OVERLAP = 0.07
"""How far the closed margin passes the mesh's lower lid, in eye widths: the rim must be covered."""


@dataclass(frozen=True)
class LidSource:
    """What is seen at some pixels around an eye.

    ``x, y`` are the neutral coordinates of the lid skin that may cover the pixel, ``cover`` (0 to 1)
    is how much of the pixel it covers; the rest shows the neutral picture at the pixel itself.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    cover: NDArray[np.float32]


class Eyelid:
    """The upper lid of one eye of a neutral face.

    Parameters
    ----------
    points : array (468, 2)
        Mesh landmarks in pixels.
    eye : mapping
        :data:`RIGHT_EYE` or :data:`LEFT_EYE`.
    """

    def __init__(self, points: Floats, eye: dict[str, tuple[int, ...]]) -> None:
        corners = np.asarray(points[[eye["upper"][0], eye["upper"][-1]]], dtype=np.float64)
        corners = corners[np.argsort(corners[:, 0])]
        self._origin = corners[0]
        across = corners[1] - corners[0]
        self.width = float(np.hypot(*across))
        self._across = across / self.width
        self._down = np.array([-self._across[1], self._across[0]])
        self._upper = self._curve(points[list(eye["upper"])])
        self._lower = self._curve(points[list(eye["lower"])])
        brow = self._local(points[list(eye["brow"])])
        self._brow = np.polynomial.Polynomial.fit(brow[:, 0], brow[:, 1], 2)

    def opening(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Where points are in the open eye: from corner to corner and from lid to lid, both 0 to 1."""
        along, below = self._to_local(x, y)
        inside = np.clip(along, 0, self.width)
        upper, lower = self._upper(inside), self._lower(inside)
        return along / self.width, (below - upper) / np.maximum(lower - upper, 1e-3)

    @property
    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Unit vectors from the corner on the left of the picture to the other, and downwards."""
        return self._across, self._down

    def box(self, margin: float) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of everything the lid can change, in neutral pixels."""
        along = np.linspace(0, self.width, 9)
        top, bottom = self._skin_top(along), self._margin(along, 1.0)
        local = np.concatenate([np.stack([along, top], 1), np.stack([along, bottom], 1)])
        xy = self._origin + local[:, :1] * self._across + local[:, 1:] * self._down
        left, upper = xy.min(axis=0) - margin
        right, lower = xy.max(axis=0) + margin
        return float(left), float(upper), float(right), float(lower)

    def source(self, x: Floats, y: Floats, closure: float) -> LidSource:
        """Where the lid skin at pixels ``x, y`` comes from when the eye is closed by ``closure``."""
        along, below = self._to_local(x, y)
        inside = (along > 0) & (along < self.width)
        along = np.clip(along, 0, self.width)
        upper, margin = self._upper(along), self._margin(along, closure)
        top = self._skin_top(along)
        pulled = margin - upper
        reach = np.maximum(margin - top, 1e-3)
        height = np.clip((margin - below) / reach, 0, 1)
        came_from = below - pulled * (1 - _ease(height))
        cover = np.where(inside & (pulled > 0), np.clip(margin - below + 0.5, 0, 1), 0.0)
        source_x = self._origin[0] + along * self._across[0] + came_from * self._down[0]
        source_y = self._origin[1] + along * self._across[1] + came_from * self._down[1]
        covered = (cover > 0) & (below > top)
        return LidSource(
            np.where(covered, source_x, x).astype(np.float32),
            np.where(covered, source_y, y).astype(np.float32),
            np.where(covered, cover, 0.0).astype(np.float32),
        )

    def moved(self, x: Floats, y: Floats, closure: float) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Where neutral points ``x, y`` go, and which of them the lid hides."""
        along, below = self._to_local(x, y)
        inside = (along > 0) & (along < self.width)
        along = np.clip(along, 0, self.width)
        upper, margin = self._upper(along), self._margin(along, closure)
        top = self._skin_top(along)
        pulled = np.maximum(margin - upper, 0)
        hidden = inside & (below > upper) & (below < margin)
        skin = inside & (below > top) & (below <= upper)
        goes_to = np.array(below, dtype=np.float64)
        # Invert `source` on the skin: its slope is positive, so bisection cannot fail.
        low, high = goes_to.copy(), goes_to + pulled
        for _ in range(24):
            middle = 0.5 * (low + high)
            height = np.clip((margin - middle) / np.maximum(margin - top, 1e-3), 0, 1)
            too_high = middle - pulled * (1 - _ease(height)) < below
            low, high = np.where(too_high, middle, low), np.where(too_high, high, middle)
        shift = np.where(skin, 0.5 * (low + high) - below, 0.0)
        return x + shift * self._down[0], y + shift * self._down[1], hidden

    def _local(self, xy: Floats) -> NDArray[np.float64]:
        return (np.asarray(xy, np.float64) - self._origin) @ np.stack([self._across, self._down], 1)

    def _to_local(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        dx, dy = x - self._origin[0], y - self._origin[1]
        return (
            dx * self._across[0] + dy * self._across[1],
            dx * self._down[0] + dy * self._down[1],
        )

    def _curve(self, xy: Floats) -> PchipInterpolator:
        local = self._local(xy)
        local = local[np.argsort(local[:, 0])]
        # Landmarks of a half-turned face may fold over each other: keep the first of each column.
        keep = np.concatenate([[True], np.diff(np.maximum.accumulate(local[:, 0])) > 1e-3])
        return PchipInterpolator(local[keep, 0], local[keep, 1], extrapolate=True)

    def _skin_top(self, along: Floats) -> Floats:
        upper = self._upper(along)
        return upper - _FIXED_SKIN * np.maximum(upper - self._brow(along), 0.1 * self.width)

    def _margin(self, along: Floats, closure: float) -> Floats:
        upper, lower = self._upper(along), self._lower(along)
        rim = _OVERLAP * self.width * np.sin(np.pi * np.clip(along / self.width, 0, 1))
        return upper + closure * np.maximum(lower + rim - upper, 0)


def _ease(height: Floats) -> Floats:
    """Smooth step from 0 at the lashes to 1 where the skin is fixed, flat at both ends."""
    return height * height * (3 - 2 * height)
