"""Eyeballs that turn, and lids that slide over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from merkit.simulate.head3d.projection import rotation
from merkit.simulate.head3d.shapes import BLINK, LOOKS

Floats = NDArray[np.float64]

_FULL_LOOK = {"eyeLookUp": 30.0, "eyeLookDown": 35.0, "eyeLookIn": 40.0, "eyeLookOut": 40.0}
"""Degrees of gaze at which the lids take the whole shape; the model does not say, these look right."""
_LID_THICKNESS = 0.14
_REACH = 1.5
"""Skin within so many radii of an eyeball's middle may touch it."""


@dataclass(frozen=True, eq=False)
class Eye:
    """One eyeball in a head, and the skin around it.

    Attributes
    ----------
    points : array (E, 3)
        Of the eyeball, looking straight ahead.
    centre : array (3,)
    angles, radii : arrays (K,)
        Its profile: how far the surface is from the centre, by the angle from the pupil.
    near : int array (N,)
        Points of the skin that may touch it.
    gap : array (N,)
        How far each of them stays above the surface.
    blink : array (N, 3)
        How they move when the eye closes.
    looks : dict of str to array (N, 3)
        How they follow the gaze, by the name of the shape.
    """

    points: Floats
    centre: Floats
    angles: Floats
    radii: Floats
    near: NDArray[np.intp]
    gap: Floats
    blink: Floats
    looks: Mapping[str, Floats]

    def turned(self, gaze: tuple[float, float]) -> Floats:
        """Points of the eyeball when it looks so far to the person's left and up, in degrees."""
        if gaze == (0.0, 0.0):
            return self.points
        return self.centre + (self.points - self.centre) @ rotation(*gaze).T

    def cover(self, skin: Floats, closure: float, gaze: tuple[float, float], outwards: float) -> None:
        """Move the lids, in place, to where closure and gaze put them, and out of the eyeball.

        Parameters
        ----------
        skin : array (n_skin, 3)
        closure : float
            0 to 1.
        gaze : (yaw, pitch)
            Degrees to the person's left, and up.
        outwards : float
            1 for the left eye, for which left is away from the nose; -1 for the right one.
        """
        lids = skin[self.near]
        if closure:
            lids += closure * self.blink
        yaw, pitch = gaze[0] * outwards, gaze[1]
        for name, angle in (
            ("eyeLookUp", pitch),
            ("eyeLookDown", -pitch),
            ("eyeLookOut", yaw),
            ("eyeLookIn", -yaw),
        ):
            if angle > 0:
                # A closed lid has no pupil to follow.
                lids += (1 - closure) * angle / _FULL_LOOK[name] * self.looks[name]
        skin[self.near] = self.pushed_out(lids, gaze)

    def pushed_out(self, lids: Floats, gaze: tuple[float, float]) -> Floats:
        """The points of the skin near the eye, none of them nearer to the eyeball than it may be."""
        away = lids - self.centre
        distance = np.linalg.norm(away, axis=1)
        least = self.surface(away / distance[:, None], gaze) + self.gap
        return self.centre + away * (np.maximum(distance, least) / distance)[:, None]

    def surface(self, direction: Floats, gaze: tuple[float, float]) -> Floats:
        """How far the eyeball reaches in some directions (N, 3) from its centre."""
        axis = rotation(*gaze) @ np.array([0.0, 0.0, 1.0])
        return np.interp(np.arccos(np.clip(direction @ axis, -1, 1)), self.angles, self.radii)


def build_eye(
    skin: Floats,
    points: Floats,
    expressions: Mapping[str, NDArray[np.float16]],
    suffix: str,
) -> Eye:
    """Fit an eyeball, and find how the lids must move to close over it.

    Parameters
    ----------
    skin : array (n_skin, 3)
        Neutral skin of the person.
    points : array (E, 3)
        The eyeball.
    expressions : dict of str to array (V, 3)
    suffix : {"_L", "_R"}
    """
    centre = _sphere_centre(points)
    points = _straight(points, centre)
    offset = points - centre
    radius = np.linalg.norm(offset, axis=1)
    angle = np.arccos(np.clip(offset[:, 2] / radius, -1, 1))
    order = np.argsort(angle)
    angles = np.linspace(0, np.pi, 91)
    radii = np.interp(angles, angle[order], gaussian_filter1d(radius[order], 8, mode="nearest"))
    distance = np.linalg.norm(skin - centre, axis=1)
    near = np.flatnonzero(distance < _REACH * np.median(radius))
    eye = Eye(
        points,
        centre,
        angles,
        radii,
        near,
        np.zeros(len(near)),
        expressions[BLINK + suffix][near].astype(np.float64),
        {name: expressions[name + suffix][near].astype(np.float64) for name in LOOKS},
    )
    away = skin[near] - centre
    gap = distance[near] - eye.surface(away / distance[near][:, None], (0.0, 0.0))
    return replace(eye, gap=np.minimum(gap, _LID_THICKNESS))


def _sphere_centre(points: Floats) -> Floats:
    """Centre of the sphere through the white of an eyeball, by least squares."""
    middle = points.mean(axis=0)
    offset = points - middle
    # The cornea bulges.
    white = offset[:, 2] < 0.6 * np.linalg.norm(offset, axis=1)
    system = np.column_stack([2 * offset[white], np.ones(int(white.sum()))])
    found = np.linalg.lstsq(system, (offset[white] ** 2).sum(axis=1), rcond=None)[0]
    return middle + found[:3]


def _straight(points: Floats, centre: Floats) -> Floats:
    """The eyeball turned so that its cornea, which in the model looks outwards, looks ahead."""
    offset = points - centre
    radius = np.linalg.norm(offset, axis=1)
    bulge = offset[radius > np.median(radius) + 0.5 * (radius.max() - np.median(radius))].mean(axis=0)
    x, y, z = bulge / np.linalg.norm(bulge)
    gaze = (float(np.rad2deg(np.arctan2(x, z))), float(np.rad2deg(np.arcsin(y))))
    return centre + offset @ rotation(*gaze)
