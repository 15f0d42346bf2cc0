"""The points of one person's head in any state, before the head turns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head3d import curtain
from merkit.simulate.head3d.eyes import Eye, build_eye
from merkit.simulate.head3d.model import HeadModel
from merkit.simulate.head3d.raster import draw
from merkit.simulate.head3d.topology import EYE, Surface
from merkit.simulate.state import FaceState

Floats = NDArray[np.float64]

_CHIN = (7, 8, 9)
_SHUT = (1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4)
"""The shape of a blink shuts the mean face; other faces need more of it."""
_LOOK_CLOSELY = 40.0
"""Samples to a unit when looking whether an eye is shut."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The shape of one person.

    Attributes
    ----------
    surface : Surface
    skin : array (n_skin, 3)
        Neutral skin, with hair.
    eyes : (left, right)
    teeth : array (2, T, 3)
        Upper and lower row.
    jaw : int array
        Points of the skin at the tip of the chin.
    long_hair : array (H, 3)
        The curtain around the head.
    """

    surface: Surface
    skin: Floats
    eyes: tuple[Eye, Eye]
    teeth: Floats
    jaw: NDArray[np.intp]
    long_hair: Floats

    def points(self, state: FaceState) -> Floats:
        """All points of the surface in a state, as if the head did not turn, (P, 3).

        The fields of the movements are displacements of the skin in units of the model.
        """
        skin = self.skin.copy()
        for movement in state.movements:
            skin += movement.peak_px * movement.field
        right, left = state.closure
        for eye, closure, outwards in zip(self.eyes, (left, right), (1.0, -1.0), strict=True):
            eye.cover(skin, closure, state.gaze, outwards)
        eyeballs = [eye.turned(state.gaze) for eye in self.eyes]
        centres = np.array([eye.centre for eye in self.eyes])
        # The chin takes the lower teeth along downwards; upwards it slides over them.
        drop = (skin[self.jaw] - self.skin[self.jaw]).mean(axis=0)
        teeth = self.teeth + np.array([np.zeros(3), drop if drop[1] < 0 else np.zeros(3)])[:, None]
        added = self.surface.added(skin, centres, teeth, self.long_hair)
        return np.concatenate([skin, *eyeballs, added])

    def normals(self, points: Floats, state: FaceState) -> Floats:
        """Unit normals of all points; of added ones, which lie in the dark, that of the front."""
        result = np.zeros_like(points)
        result[:, 2] = 1
        n = self.surface.n_skin
        result[:n] = self.surface.normals(points[:n])
        for eye, where in zip(self.eyes, self.surface.eye_points, strict=True):
            away = points[where] - eye.centre
            result[where] = away / np.linalg.norm(away, axis=1, keepdims=True)
        result[self.surface.hair_points] = curtain.normals(self.long_hair)
        return result


def build_anatomy(
    model: HeadModel,
    surface: Surface,
    identity: Floats,
    hair: Floats | None = None,
    long_hair: np.random.Generator | None = None,
) -> Anatomy:
    """Shape a person.

    Parameters
    ----------
    model : HeadModel
    surface : Surface
    identity : array (I,)
        Weights of the first modes, in standard deviations; those of modes that the file lacks are left
        out.
    hair : array (n_skin,), optional
        How far the hair stands off the skin, in units.
    long_hair : numpy.random.Generator, optional
        Draws long hair, if the person has it.
    """
    n_modes = min(len(identity), len(model.identities))
    modes = model.identities[:n_modes].astype(np.float64)
    points = model.neutral + np.tensordot(identity[:n_modes], modes, 1)
    skin = points[: surface.n_skin]
    if hair is not None:
        skin = skin + hair[:, None] * surface.normals(skin)
    left, right = (
        build_eye(skin, points[eye], model.expressions, suffix)
        for eye, suffix in zip(surface.eyes, ("_L", "_R"), strict=True)
    )
    jaw = model.landmark68[list(_CHIN)].astype(np.intp)
    hanging = curtain.hidden() if long_hair is None else curtain.hang(skin, long_hair)
    return _with_shutting_eyes(Anatomy(surface, skin, (left, right), surface.teeth(skin), jaw, hanging))


def _with_shutting_eyes(anatomy: Anatomy) -> Anatomy:
    """The same person, whose eyes are shut at a closure of 1."""
    for number in (0, 1):
        eyes = list(anatomy.eyes)
        plain = eyes[number]
        for factor in _SHUT:
            eyes[number] = replace(plain, blink=plain.blink * factor)
            anatomy = replace(anatomy, eyes=(eyes[0], eyes[1]))
            if not _shows(anatomy, number):
                break
    return anatomy


def _shows(anatomy: Anatomy, number: int) -> bool:
    """Whether any of an eyeball can be seen from the front when the eyes are closed."""
    eye, surface = anatomy.eyes[number], anatomy.surface
    points = anatomy.points(FaceState(closure=(1.0, 1.0)))[surface.point]
    side = int(3.2 * _LOOK_CLOSELY)
    x, y, z = ((points - eye.centre) * _LOOK_CLOSELY).T
    inside = (np.abs(x) < side / 2) & (np.abs(y) < side / 2)
    local = np.flatnonzero(inside[surface.triangles].any(axis=1))
    seen = draw(x + side / 2, side / 2 - y, surface.triangles[local], z[None], (side, side))
    return bool((surface.kind[local][seen.triangle] == EYE).any())
