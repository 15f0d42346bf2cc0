"""From the raw frames of a clip to one face crop: the same similarity for every frame.

Landmarks are taken on the onset frame alone, because their noise from frame to frame is of the order of
a micro-expression; so all motion stays, and only position, size and tilt of the person's face go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merkit.checks import one_of
from merkit.clips import Clip
from merkit.errors import ConfigError
from merkit.faces import FaceModels
from merkit.faces.crop import in_picture, warp
from merkit.faces.geometry import CropGeometry, compose, grid_points, invert, transform
from merkit.inputs.placement import Placement, place_face
from merkit.inputs.registration import Anchor, anchor_on
from merkit.video.frame import Pixels
from merkit.video.images import gray_of, rgb_of

RECIPE = CropGeometry(128, aspect=1.0, eyes_at=((0.34, 0.33), (0.66, 0.33)))
"""The square crop of the networks: brows near .21 of the height, mouth near .70, chin near .89."""
FLOW_CROP = CropGeometry(160)
"""The crop of the published flow maps, in which motion is measured."""
HEADS = ("keep", "remove")
COLOURS = ("as given", "grey", "rgb")
DTYPES = ("uint8", "float32")
_PIECE = 16  # frames that are in memory uncropped at a time


@dataclass(frozen=True)
class AlignedFace:
    """The face of a clip, cut out.

    Attributes
    ----------
    frames : uint8 or float32 array, shape (T, H, W) or (T, H, W, 3)
        Grey levels 0 to 255; grey or RGB.
    numbers : tuple of int
        The annotated number of every frame.
    matrices : float array, shape (T, 2, 3)
        From pixels of the clip's frames to pixels of the crop; all equal unless the head's motion was undone.
    geometry : CropGeometry
    placement : Placement
        Where the face was found, and by what.
    """

    frames: NDArray[np.uint8] | NDArray[np.float32]
    numbers: tuple[int, ...]
    matrices: NDArray[np.float64]
    geometry: CropGeometry
    placement: Placement

    @property
    def landmarks(self) -> NDArray[np.float64] | None:
        """The 468 mesh points of the onset in the crop, (468, 2) pixels; ``None`` for whole frames."""
        mesh = self.placement.mesh
        return None if mesh is None else transform(self.placement.matrix(self.geometry), mesh.points)

    @property
    def cover(self) -> NDArray[np.bool_]:
        """Which pixels of the crop show the first frame and not what stands in for it beyond its edge."""
        points = grid_points(self.geometry.shape, 1)
        return in_picture(points, self.matrices[0], self.placement.shape).reshape(self.geometry.shape)


def aligned_face(
    clip: Clip, geometry: CropGeometry = RECIPE, *, face: str = "detect", head: str = "keep",
    colour: str = "as given", dtype: str = "uint8", context: int = 0, models: FaceModels | None = None,
) -> AlignedFace:  # fmt: skip
    """Cut the face out of the frames of a clip.

    Parameters
    ----------
    clip : Clip
    geometry : CropGeometry
        Size, shape and where the eyes come to lie: :data:`RECIPE` for the networks (background recipe of
        the reconstructions: eyes at .34 and .66 of the width, .33 of the height), :data:`FLOW_CROP` for flow.
    face : {"detect", "whole"}
        ``"whole"`` resizes whole frames to the crop; for pictures that are one face and nothing else.
    head : {"keep", "remove"}
        ``"remove"`` undoes shift, turn in the plane and change of size of the head against the onset, in
        every frame, by a robust fit to the flow.  Turns out of the plane stay.
    colour : {"as given", "grey", "rgb"}
    dtype : {"uint8", "float32"}
        ``"float32"`` does not round the levels, which then still go from 0 to 255.
    context : int
        How many frames before the onset and behind the offset to take as well, as far as there are any.
    models : FaceModels, optional
        The best ones on this machine by default.

    Returns
    -------
    AlignedFace

    Raises
    ------
    DataError
        If no face is found in the onset frame; the clip is named.
    ConfigError
        If a value is not allowed.

    Notes
    -----
    Positions are interpolated linearly and rounded to 1/32 of a pixel of the frames, so a crop lies up to
    1/64 of such a pixel from where its matrix says.  With one matrix for all frames that error is the same
    in all, and motion is not touched by it.  Frames more than 1.5 times finer than the crop are averaged
    down first, so that fine texture does not alias.
    """
    one_of("head", head, HEADS)
    one_of("colour", colour, COLOURS)
    one_of("dtype", dtype, DTYPES)
    if context < 0:
        raise ConfigError(f"context={context}: give 0 or more neighbours")
    first, last = clip.ends
    onset = clip.source[first]
    placement = place_face(onset, face=face, models=models, who=f"clip {clip.id!r}")
    matrix = placement.matrix(geometry)
    anchor = None
    if head == "remove":
        anchor = anchor_on(gray_of(onset), placement, FLOW_CROP, f"clip {clip.id!r}")
    start, stop = max(0, first - context), min(len(clip.source), last + context + 1)
    crops, matrices = [], []
    for picture in _pictures(clip, start, stop):
        own = matrix if anchor is None else _follow(anchor, picture, matrix)
        matrices.append(own)
        crops.append(warp(_painted(picture, colour, dtype), own, geometry))
    return AlignedFace(
        np.stack(crops), clip.source.numbers[start:stop], np.stack(matrices), geometry, placement
    )


def _pictures(clip: Clip, start: int, stop: int) -> Iterator[Pixels]:
    for position in range(start, stop, _PIECE):
        yield from clip.source.read(position, min(position + _PIECE, stop))


def _follow(anchor: Anchor, picture: Pixels, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix for a picture whose head has moved."""
    back_to_onset = compose(invert(anchor.matrix), anchor.head_to(gray_of(picture)))
    return compose(matrix, back_to_onset)


def _painted(picture: Pixels, colour: str, dtype: str) -> NDArray[np.uint8]:
    painted = {"grey": gray_of, "rgb": rgb_of}.get(colour, np.asarray)(picture)
    # `warp` computes in the type that it is given.
    return painted.astype(dtype, copy=False)
