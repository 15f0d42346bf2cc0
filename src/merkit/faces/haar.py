"""Face finding without model files: OpenCV's Haar cascades and a mean face placed on the eyes.

This is the fallback when the networks' files are missing.  The points of its mesh follow position,
size and tilt of the face, not its shape, so everything measured around them is approximate.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.faces.face import Face, Mesh
from merkit.faces.landmarks import eye_centres
from merkit.faces.models import ADVICE

EYES_IN_BOX = np.array([[0.311, 0.412], [0.680, 0.412]])
"""Where the eyes lie in a box of the cascade, as fractions of width and height (medians over the two
people of the test videos)."""
EYE_WINDOWS = ((0.08, 0.20), (0.50, 0.20))
EYE_WINDOW_SIZE = (0.42, 0.36)
"""Where in the box either eye is searched."""
EYES_APART = (0.25, 0.55)
"""Least and largest distance between found eyes, as fractions of the width of the box."""
LARGEST_TILT = 25.0
"""Degrees."""
STILL = 0.15
"""A face whose eyes are found within this many eye distances of where they were has not been lost: the
eyes that the cascade finds scatter by a third of that on a face at rest."""
NEIGHBOURS = 4
LONGEST = 960.0
"""Larger pictures are searched at this length in pixels."""


class HaarModels:
    """Cascades and mean face; see :class:`merkit.faces.face.FaceModels`.

    Parameters
    ----------
    because : str
        Why the networks are not used and what to do; becomes part of the warning.
    """

    name = "haar"

    def __init__(self, because: str = "") -> None:
        self.warning = (
            "Faces were found with OpenCV's simple cascades: regions are placed only approximately, and "
            f"turned or small faces are missed. {because or f'For exact placement {ADVICE}'}."
        )
        self._face = _cascade("haarcascade_frontalface_alt2.xml")
        self._eye = _cascade("haarcascade_eye_tree_eyeglasses.xml")

    def detect(self, rgb: NDArray[np.uint8], min_size: float = 40.0) -> list[Face]:
        """Faces of at least `min_size` pixels width in an RGB picture (H, W, 3), largest first."""
        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        # The cascade takes seconds for a large picture.
        scale = min(1.0, LONGEST / max(gray.shape))
        if scale < 1.0:
            gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        least = max(20, round(min_size * scale))
        if min(gray.shape) < least:
            return []
        boxes, votes = self._face.detectMultiScale2(
            gray, scaleFactor=1.1, minNeighbors=NEIGHBOURS, minSize=(least, least)
        )
        found = []
        for box, n in zip(np.asarray(boxes, dtype=float).reshape(-1, 4) / scale, votes, strict=True):
            x, y, w, h = (float(v) for v in box)
            found.append(Face((x, y, w, h), float(n / (n + NEIGHBOURS))))
        return sorted(found, key=lambda face: -face.box[2] * face.box[3])

    def mesh(self, rgb: NDArray[np.uint8], face: Face) -> Mesh | None:
        """The mean face, placed on the eyes found in the box or, failing that, on where they mostly lie."""
        x, y, w, h = face.box
        if w < 1 or h < 1 or not (-w / 2 < x < rgb.shape[1] and -h / 2 < y < rgb.shape[0]):
            return None
        eyes = self._eyes(rgb, face.box)
        return _placed(eyes if eyes is not None else (x, y) + EYES_IN_BOX * (w, h), face.score)

    def mesh_from_points(self, rgb: NDArray[np.uint8], points: NDArray[np.floating]) -> Mesh | None:
        """The mean face where it was, if a face is still there; placed anew if it has moved."""
        known = eye_centres(points)
        distance = float(np.hypot(*(known[1] - known[0])))
        side = distance / float(EYES_IN_BOX[1, 0] - EYES_IN_BOX[0, 0])
        centre = known.mean(axis=0) + np.array([0.0, (0.5 - EYES_IN_BOX[0, 1]) * side])
        if not np.isfinite([*centre, side]).all():
            return None
        left, top = (max(0, int(v)) for v in centre - 0.9 * side)
        right, bottom = (max(0, int(v)) for v in centre + 0.9 * side)
        part = rgb[top:bottom, left:right]
        faces = self.detect(part, min_size=max(20.0, 0.6 * side)) if min(part.shape[:2]) >= 20 else []
        if not faces:
            return None
        mesh = self.mesh(part, faces[0])
        if mesh is None:
            return None
        moved = eye_centres(mesh.points + np.array([left, top], dtype=np.float32))
        if np.hypot(*(moved - known).T).max() < STILL * distance:
            moved = known
        return _placed(moved, mesh.score)

    def _eyes(
        self, rgb: NDArray[np.uint8], box: tuple[float, float, float, float]
    ) -> NDArray[np.float64] | None:
        """Centres of both eyes (2, 2), or ``None`` unless both are found and make a plausible pair."""
        x, y, w, h = box
        found = []
        for (fx, fy), expected in zip(EYE_WINDOWS, EYES_IN_BOX, strict=True):
            left, top = max(0, int(x + fx * w)), max(0, int(y + fy * h))
            part = rgb[top : int(top + EYE_WINDOW_SIZE[1] * h), left : int(left + EYE_WINDOW_SIZE[0] * w)]
            if min(part.shape[:2]) < 8:
                return None
            # Half of what the cascade needs for an eye would be seen in a small face.
            zoom = max(1.0, 80.0 / part.shape[1])
            gray = cv2.resize(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), None, fx=zoom, fy=zoom)
            boxes = np.asarray(
                self._eye.detectMultiScale(gray, scaleFactor=1.05, minNeighbors=3), dtype=float
            )
            if len(boxes) == 0:
                return None
            centres = (boxes[:, :2] + boxes[:, 2:] / 2.0) / zoom + (left, top) - 0.5
            nearest = np.hypot(*(centres - ((x, y) + expected * (w, h))).T).argmin()
            found.append(centres[nearest])
        eyes = np.asarray(found, dtype=np.float64)
        across, down = eyes[1] - eyes[0]
        apart = float(np.hypot(across, down)) / w
        tilt = abs(float(np.degrees(np.arctan2(down, across))))
        return eyes if EYES_APART[0] <= apart <= EYES_APART[1] and tilt <= LARGEST_TILT else None


def _placed(eyes: NDArray[np.floating], score: float) -> Mesh:
    points, depth = _mean_face()
    across, down = eyes[1] - eyes[0]
    turn = np.array([[across, -down], [down, across]])
    placed = points @ turn.T + eyes.mean(axis=0)
    return Mesh(placed.astype(np.float32), (depth * np.hypot(across, down)).astype(np.float32), score)


@cache
def _mean_face() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (468, 2) and depth (468,) of a mean face with its eyes at (-0.5, 0) and (0.5, 0)."""
    with (files("merkit") / "weights" / "face_template.npz").open("rb") as stream, np.load(stream) as data:
        return data["points"].astype(np.float64), data["depth"].astype(np.float64)


def _cascade(name: str) -> cv2.CascadeClassifier:
    path = Path(cv2.__file__).parent / "data" / name
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise DataError(
            f"{path}: cannot be loaded; OpenCV 5 ships no cascades, so type "
            "'pip install \"opencv-contrib-python-headless<5\"'"
        )
    return cascade
