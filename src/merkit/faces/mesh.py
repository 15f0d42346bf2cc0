"""Placing the 468-point face mesh with the face-landmark network, run by OpenCV.

The network looks at 192×192 pixels around an upright face and returns 468 points with depth, and
how likely a face is there (Kartynnik et al. 2019, Real-time facial surface geometry from monocular
video on mobile GPUs).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.faces.face import Face, Mesh
from merkit.faces.landmarks import N_POINTS, eye_centres, face_width

__all__ = ["FaceMesh", "Roi", "eye_centres", "face_width", "roi_of_face", "roi_of_points"]

SIDE = 192
"""Width and height of the network's input in pixels."""
MARGIN = 1.5
"""Side of the region over the longer side of the face's box."""


@dataclass(frozen=True)
class Roi:
    """A turned square of a picture.

    Attributes
    ----------
    x, y : float
        Centre in pixels of the picture; the centre of the first pixel is (0, 0).
    side : float
        In pixels.
    angle : float
        How far the face is turned clockwise in the picture, in radians.
    """

    x: float
    y: float
    side: float
    angle: float

    @property
    def linear(self) -> NDArray[np.float64]:
        """Turn and scale from network pixels to picture pixels, shape (2, 2)."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]]) * (self.side / SIDE)

    def to_picture(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points of the network's view, measured from its corner, in picture pixels; shape (N, 2)."""
        return (np.asarray(points, dtype=np.float64) - SIDE / 2) @ self.linear.T + (self.x, self.y)


def roi_of_face(face: Face) -> Roi:
    """Where the mesh network should look for a found face."""
    x, y, w, h = face.box
    angle = 0.0 if face.keypoints is None else _angle(face.keypoints[0], face.keypoints[1])
    return Roi(x + w / 2 - 0.5, y + h / 2 - 0.5, MARGIN * max(w, h), angle)


def roi_of_points(points: NDArray[np.floating]) -> Roi:
    """Where the mesh network should look for a face whose mesh (468, 2) is roughly known."""
    known = np.asarray(points, dtype=np.float64)
    right, left = eye_centres(known)
    angle = _angle(right, left)
    c, s = np.cos(angle), np.sin(angle)
    upright = known @ np.array([[c, -s], [s, c]])
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = np.array([[c, -s], [s, c]]) @ ((low + high) / 2)
    return Roi(float(x), float(y), MARGIN * float((high - low).max()), angle)


def _angle(right: NDArray[np.floating], left: NDArray[np.floating]) -> float:
    return float(np.arctan2(left[1] - right[1], left[0] - right[0]))


class FaceMesh:
    """The mesh network.

    Parameters
    ----------
    model : bytes
        Contents of ``face_landmark.tflite``.
    jitter : int
        How many slightly shifted looks are averaged; each takes as long as the first.
    """

    def __init__(self, model: bytes, jitter: int = 1) -> None:
        if jitter < 1:
            raise ConfigError(f"jitter {jitter}: the number of looks that are averaged is 1 or more")
        self._net = cv2.dnn.readNetFromTFLite(np.frombuffer(model, dtype=np.uint8))
        self._names = self._net.getUnconnectedOutLayersNames()
        self.jitter = jitter

    def __call__(self, rgb: NDArray[np.uint8], roi: Roi) -> Mesh:
        """Mesh of the face in a region of an RGB picture (H, W, 3)."""
        looks = [self._look(rgb, shifted) for shifted in _shifted(roi, self.jitter)]
        points = np.mean([look[0] for look in looks], axis=0)
        depth = np.mean([look[1] for look in looks], axis=0)
        score = float(np.mean([look[2] for look in looks]))
        return Mesh(points.astype(np.float32), depth.astype(np.float32), score)

    def _look(
        self, rgb: NDArray[np.uint8], roi: Roi
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        self._net.setInput(cv2.dnn.blobFromImage(view(rgb, roi), 1 / 255.0))
        outputs = [np.asarray(output, dtype=np.float64).ravel() for output in self._net.forward(self._names)]
        outputs.sort(key=len)
        logit, raw = outputs[0], outputs[-1].reshape(N_POINTS, 3)
        score = 1.0 / (1.0 + np.exp(-np.clip(float(logit[0]), -100.0, 100.0)))
        return roi.to_picture(raw[:, :2]), raw[:, 2] * (roi.side / SIDE), float(score)


def view(rgb: NDArray[np.uint8], roi: Roi) -> NDArray[np.uint8]:
    """What the network sees of a picture (H, W, 3): RGB (192, 192, 3), black outside the picture.

    Where the picture is finer than half a pixel of the view, it is averaged down first, so that fine
    texture does not alias.
    """
    linear = roi.linear
    origin = np.array([roi.x, roi.y]) + linear @ np.full(2, 0.5 - SIDE / 2)
    factor = int(roi.side / SIDE)
    if factor >= 2:
        reach = int(np.ceil(roi.side * 0.75)) + factor
        left, top = max(0, int(roi.x) - reach), max(0, int(roi.y) - reach)
        part = rgb[top : int(roi.y) + reach, left : int(roi.x) + reach]
        size = (part.shape[1] // factor, part.shape[0] // factor)
        if min(size) >= 1:
            part = part[: size[1] * factor, : size[0] * factor]
            rgb = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            # The centre of a coarse pixel lies (factor - 1) / 2 fine pixels after its first one.
            origin = (origin - (left, top) - (factor - 1) / 2) / factor
            linear = linear / factor
    matrix, flags = np.column_stack([linear, origin]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgb, matrix, (SIDE, SIDE), flags=flags), dtype=np.uint8)


def _shifted(roi: Roi, n: int) -> list[Roi]:
    """The region itself and `n` - 1 others around it, spread evenly on a circle of two view pixels."""
    around = [roi]
    for i in range(n - 1):
        turn = 2 * np.pi * i / (n - 1)
        step = 2.0 * roi.side / SIDE
        zoom = 1.0 + 0.02 * (-1) ** i
        around.append(
            replace(roi, x=roi.x + step * np.cos(turn), y=roi.y + step * np.sin(turn), side=roi.side * zoom)
        )
    return around
