"""What all people share: the mean head, its surface, and how each place of it takes the light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head3d.anatomy import build_anatomy
from merkit.simulate.head3d.exposure import open_to_room
from merkit.simulate.head3d.model import HeadModel
from merkit.simulate.head3d.paint import paint_texture
from merkit.simulate.head3d.paint.prefilter import prefilter
from merkit.simulate.head3d.paint.texels import find_texels
from merkit.simulate.head3d.person import Person
from merkit.simulate.head3d.topology import POUCH, TEETH, Surface, build_surface
from merkit.simulate.state import FaceState

Floats = NDArray[np.float64]

_TEXELS_PER_PX = 2.3
"""How finely the skin is painted; smooth as it then is, it is enlarged for the look-up."""
_FINER = 2
_TEXELS_PER_UNIT = 0.033
"""Of the face, as a share of the side of its square: measured on the model."""
_SMALLEST_SIDE, _LARGEST_SIDE = 256, 1024


@dataclass(frozen=True, eq=False)
class MeanHead:
    """The neutral head of the model.

    Attributes
    ----------
    surface : Surface
    points, normals : arrays (P, 3)
        Of the whole surface.
    marks : array (68, 3)
        Landmarks.
    """

    surface: Surface
    points: Floats
    normals: Floats
    marks: Floats


@dataclass(frozen=True, eq=False)
class Finish:
    """How each point of the surface takes the light, each an array (P,).

    Attributes
    ----------
    open_to_room : array
        Share of the light of the room that reaches it.
    under_lid : array
        What the upper lid and its lashes leave of all light.
    shine, sharpness : arrays
        Strength of its highlight, and the exponent of it.
    """

    open_to_room: Floats
    under_lid: Floats
    shine: Floats
    sharpness: Floats


@lru_cache(maxsize=2)
def mean_head(model: HeadModel) -> MeanHead:
    """The neutral head of a model."""
    surface = build_surface(model)
    anatomy = build_anatomy(model, surface, np.zeros(0))
    points = anatomy.points(FaceState())
    normals = anatomy.normals(points, FaceState())
    return MeanHead(surface, points, normals, points[model.landmark68])


@lru_cache(maxsize=2)
def finish(mean: MeanHead) -> Finish:
    """How the points of the mean head, and so of every head, take the light."""
    surface = mean.surface
    room = open_to_room(surface, mean.points, mean.normals)
    under_lid, shine = np.ones(len(mean.points)), np.zeros(len(mean.points))
    sharpness = np.full(len(mean.points), 14.0)
    x, y, z = mean.points[: surface.n_skin].T
    oily = np.exp(-((x / 2.2) ** 2) - ((y - 1) / 8) ** 2) + 0.5
    # Neither hair nor clothes shine like skin.
    shine[: surface.n_skin] = oily * np.clip((z - 2) / 4, 0.1, 1) * np.clip((9.5 - y) / 1.5, 0.1, 1)
    for kind, light in ((POUCH, 0.35), (TEETH, 0.75)):
        # The mouth is shut on the mean head: this is for when it opens.
        room[surface.point[surface.triangles[surface.kind == kind]]] = light
    # The mean head has no long hair; the head and the strands shade it.
    room[surface.hair_points] = 0.75
    for where in surface.eye_points:
        # What is behind the lids now may be seen when the eye turns.
        room[where] = np.maximum(room[where], 0.6)
        shine[where], sharpness[where] = 6.0, 700.0
        eyeball = mean.points[where]
        height = eyeball[:, 1] - eyeball[:, 1].mean()
        under_lid[where] = 1 - 0.5 * np.clip((height + 0.05) / 0.45, 0, 1) ** 1.5
    return Finish(room, under_lid, shine, sharpness)


def picture_of(mean: MeanHead, person: Person, unit_px: float) -> NDArray[np.float32]:
    """The texture of a person, as linear light, for frames with so many pixels to a unit.

    Nothing in it is too fine for such frames, and it is large enough for linear interpolation.
    """
    side = unit_px * _TEXELS_PER_PX / _TEXELS_PER_UNIT
    side = int(np.clip(np.ceil(side / 64) * 64, _SMALLEST_SIDE, _LARGEST_SIDE))
    # In larger frames the skin is as fine as the texture allows.
    unit_px = min(unit_px, side * _TEXELS_PER_UNIT / _TEXELS_PER_PX)
    texels = find_texels(mean.surface, mean.points.tobytes(), side)
    left, right = (mean.points[lid] for lid in mean.surface.lids)
    picture = paint_texture(texels, mean.marks, (left, right), person, unit_px) ** 2
    dense = texels.spread(texels.per_unit)
    skin = np.zeros(texels.shape[0] * texels.shape[1], bool)
    skin[texels.place] = True
    dense = np.where(skin.reshape(texels.shape), dense, np.float32(_TEXELS_PER_UNIT * side))
    smooth = prefilter(picture, dense / np.float32(unit_px))
    height, width = texels.shape
    large = cv2.resize(smooth, (_FINER * width, _FINER * height), interpolation=cv2.INTER_CUBIC)
    return np.maximum(large, 0)
