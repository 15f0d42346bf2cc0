"""What is known of a face in one picture, and what finds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Face:
    """A found face.

    Attributes
    ----------
    box : tuple of float
        ``(x, y, width, height)`` in pixels of the picture; parts of it may lie outside.
    score : float
        Confidence of the detector, 0 to 1.
    keypoints : float32 array, shape (6, 2), or None
        ``(x, y)`` in pixels of the person's right eye, left eye, nose tip, mouth, right ear and left
        ear; ``None`` where the detector does not give them.
    """

    box: tuple[float, float, float, float]
    score: float
    keypoints: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Mesh:
    """The 468 points of a face mesh; :mod:`merkit.faces.landmarks` names them.

    Attributes
    ----------
    points : float32 array, shape (468, 2)
        ``(x, y)`` in pixels; the centre of the first pixel of the picture is (0, 0).
    depth : float32 array, shape (468,)
        In pixels; more negative is nearer to the camera.
    score : float
        How surely this is a face, 0 to 1.
    """

    points: NDArray[np.float32] = field(repr=False)
    depth: NDArray[np.float32] = field(repr=False)
    score: float


class FaceModels(Protocol):
    """Finds faces and places the mesh on them; from :func:`merkit.faces.load_face_models`."""

    name: str
    """``"blazeface+mesh"`` or ``"haar"``."""
    warning: str
    """What the user must be told about the quality; empty when there is nothing to say."""

    def detect(self, rgb: NDArray[np.uint8], min_size: float = 40.0) -> list[Face]:
        """Faces of at least `min_size` pixels width in an RGB picture (H, W, 3), largest first."""

    def mesh(self, rgb: NDArray[np.uint8], face: Face) -> Mesh | None:
        """Mesh of a found face, or ``None`` where there is no face."""

    def mesh_from_points(self, rgb: NDArray[np.uint8], points: NDArray[np.floating]) -> Mesh | None:
        """Mesh of a face whose 468 points are roughly known, for example from the frame before."""
