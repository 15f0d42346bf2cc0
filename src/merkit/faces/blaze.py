"""Face finding as merkit uses it: the detector proposes, the mesh confirms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merkit.faces.detect import SMALLEST_SHARE, BlazeFace
from merkit.faces.face import Face, Mesh
from merkit.faces.mesh import FaceMesh, Roi, roi_of_face, roi_of_points

PRESENCE = 0.5
"""Least presence score of the mesh."""
CONFIRM = 0.9
"""Least presence score for a detection to count as a face, where the mesh is placed on it and where it
is placed again on its own points.  Found on the test videos: people 0.99 and more, small faces pasted
into a large picture 0.91, textures of a cartoon that the detector takes for faces at most 0.85."""


class BlazeFaceModels:
    """Detector and mesh together; see :class:`merkit.faces.face.FaceModels`.

    Parameters
    ----------
    detector, mesh : bytes
        Contents of the two model files, from :func:`merkit.faces.models.read_models`.
    jitter : int
        How many slightly shifted looks each mesh is averaged over.
    """

    name = "blazeface+mesh"
    warning = ""

    def __init__(self, detector: bytes, mesh: bytes, jitter: int = 1) -> None:
        self._detector = BlazeFace(detector)
        self._mesh = FaceMesh(mesh, jitter)
        self._confirm = FaceMesh(mesh)

    def detect(self, rgb: NDArray[np.uint8], min_size: float = 40.0) -> list[Face]:
        """Faces of at least `min_size` pixels width in an RGB picture (H, W, 3), largest first.

        The picture is seen as a whole; only when nothing is found so, and smaller faces are asked
        for, in parts of down to half its shorter side.
        """
        found = self._confirmed(rgb, self._detector.in_view(rgb), min_size)
        long, short = max(rgb.shape[:2]), min(rgb.shape[:2])
        if found or short < min_size or long * SMALLEST_SHARE <= min_size:
            return found
        side = min(max(round(min_size / SMALLEST_SHARE), short // 2), short)
        return self._confirmed(rgb, self._detector.in_parts(rgb, side), min_size)

    def mesh(self, rgb: NDArray[np.uint8], face: Face) -> Mesh | None:
        """Mesh of a found face, or ``None`` where there is no face."""
        return self._placed(rgb, roi_of_face(face))

    def mesh_from_points(self, rgb: NDArray[np.uint8], points: NDArray[np.floating]) -> Mesh | None:
        """Mesh of a face whose 468 points are roughly known, for example from the frame before."""
        return self._placed(rgb, roi_of_points(points)) if np.isfinite(points).all() else None

    def _placed(self, rgb: NDArray[np.uint8], roi: Roi) -> Mesh | None:
        if not _inside(rgb, roi):
            return None
        mesh = self._mesh(rgb, roi)
        return mesh if mesh.score >= PRESENCE else None

    def _confirmed(self, rgb: NDArray[np.uint8], faces: list[Face], min_size: float) -> list[Face]:
        sure = [face for face in faces if face.box[2] >= min_size and self._is_face(rgb, face)]
        return sorted(sure, key=lambda face: -face.box[2] * face.box[3])

    def _is_face(self, rgb: NDArray[np.uint8], face: Face) -> bool:
        first = self._confirm(rgb, roi_of_face(face))
        return first.score >= CONFIRM and self._confirm(rgb, roi_of_points(first.points)).score >= CONFIRM


def _inside(rgb: NDArray[np.uint8], roi: Roi) -> bool:
    """Whether the region is a sensible one whose centre lies in the picture."""
    if not np.isfinite([roi.x, roi.y, roi.side, roi.angle]).all() or roi.side < 4.0:
        return False
    return -0.5 <= roi.x < rgb.shape[1] and -0.5 <= roi.y < rgb.shape[0]
