"""Where the face of a clip is: looked for once, in the frame of the onset."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.checks import one_of
from merkit.errors import DataError
from merkit.faces import FaceModels, Mesh
from merkit.faces.geometry import CropGeometry
from merkit.faces.landmarks import eye_centres
from merkit.faces.load import default_models
from merkit.video.images import gray_of, rgb_of

FACES = ("detect", "whole")
MARGIN = 0.5
"""Width of the plain margin that is put around a tight picture, in lengths of its longer side."""
TIGHT = 0.75
"""Share of the picture's width from which on a found face counts as cut out tightly: the cascades then
place the eyes a fifth of their distance off, with a margin a twentieth (measured on four faces)."""
SMALLEST_FACE = 20.0
"""Width in pixels of the smallest face that is looked for."""


@dataclass(frozen=True)
class Placement:
    """Where a face is in a picture.

    Attributes
    ----------
    mesh : Mesh or None
        In pixels of the picture; ``None`` where the whole picture is taken for the face.
    shape : tuple of int
        ``(height, width)`` of the picture.
    how : str
        What found it: the name of the face models, or ``"whole"``.
    warning : str
        What the user must be told about the quality; empty when there is nothing to say.
    """

    mesh: Mesh | None
    shape: tuple[int, int]
    how: str
    warning: str = ""

    def matrix(self, geometry: CropGeometry) -> NDArray[np.float64]:
        """Matrix (2, 3) from picture to crop pixels.

        A similarity that puts the eye centres in place; for a whole frame the stretch that makes it the crop.
        """
        if self.mesh is not None:
            return geometry.matrix(eye_centres(self.mesh.points))
        across, down = geometry.width / self.shape[1], geometry.height / self.shape[0]
        return np.array([[across, 0.0, (across - 1.0) / 2], [0.0, down, (down - 1.0) / 2]])


def place_face(
    picture: NDArray[np.uint8],
    *,
    face: str = "detect",
    models: FaceModels | None = None,
    who: str = "picture",
) -> Placement:
    """Find the face in a picture, the largest if there are several.

    A face that fills the picture, as in cropped databases, is looked for again on a plain margin.  Colour is
    not used, so that a clip gives the same in colour and in grey; landmarks are as steady without.

    Parameters
    ----------
    picture : uint8 array, shape (H, W) or (H, W, 3)
        Grey or RGB.
    face : {"detect", "whole"}
        ``"whole"`` takes the whole picture for the face without looking.
    models : FaceModels, optional
        The best ones on this machine by default.
    who : str
        What to call the picture in an error.

    Raises
    ------
    DataError
        If there is no face.
    ConfigError
        If `face` is not allowed.
    """
    one_of("face", face, FACES)
    shape = (picture.shape[0], picture.shape[1])
    if face == "whole":
        return Placement(None, shape, "whole")
    finder = models or default_models()
    mesh = _find(np.ascontiguousarray(rgb_of(gray_of(picture))), finder)
    if mesh is None:
        raise DataError(
            f"{who}: no face was found in its onset frame of {shape[1]}x{shape[0]} pixels, {finder.name} "
            "looked; leave the clip out, or take whole frames as they are, by face='whole', in training too"
        )
    if finder.warning:
        warnings.warn(finder.warning, stacklevel=2)
    return Placement(mesh, shape, finder.name, finder.warning)


def _find(rgb: NDArray[np.uint8], models: FaceModels) -> Mesh | None:
    faces = models.detect(rgb, SMALLEST_FACE)
    if faces and faces[0].box[2] < TIGHT * rgb.shape[1]:
        return models.mesh(rgb, faces[0])
    plain = [float(level) for level in np.median(rgb.reshape(-1, 3), axis=0)]
    edge = round(MARGIN * max(rgb.shape[:2]))
    wide = cv2.copyMakeBorder(rgb, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=plain)
    again = models.detect(wide, SMALLEST_FACE)
    mesh = models.mesh(wide, again[0]) if again else None
    if mesh is not None:
        return Mesh(mesh.points - np.float32(edge), mesh.depth, mesh.score)
    return models.mesh(rgb, faces[0]) if faces else None
