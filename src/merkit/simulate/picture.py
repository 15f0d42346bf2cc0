"""The face picture that a simulation starts from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from merkit.errors import DataError
from merkit.faces import load_face_models
from merkit.simulate.portrait import SMALLEST_FACE_PX, Portrait

DEFAULT_FACE = "skimage.data.astronaut"


def load_portrait(
    face: str | Path | None = None, face_px: float = 200.0, size: tuple[int, int] = (400, 440)
) -> Portrait:
    """Read a face picture, find its landmarks and make it movable.

    Parameters
    ----------
    face : path, optional
        A picture file.  Without one, the portrait of Eileen Collins that scikit-image ships (NASA,
        public domain).
    face_px : float
        Width of the face in the frames.
    size : (width, height)
        Size of the frames; smaller where the picture ends.

    Raises
    ------
    DataError
        When the file cannot be read, or shows no face or too small a one, or when the face mesh
        model is not there.
    """
    rgb, name = read_face(face)
    return Portrait.from_picture(rgb, face_landmarks(rgb, name), face_px, size)


def face_name(face: str | Path | None) -> str:
    """How a truth file names the picture: without folders."""
    return DEFAULT_FACE if face is None else Path(face).name


def read_face(face: str | Path | None = None) -> tuple[NDArray[np.uint8], str]:
    """Read a face picture, or the default one: (H, W, 3) RGB, and its name."""
    if face is None:
        from skimage.data import astronaut

        return astronaut(), DEFAULT_FACE
    path = Path(face)
    if not path.is_file():
        raise DataError(f"face picture {path}: there is no such file; give a PNG or JPEG picture of a face")
    try:
        with Image.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB")), path.name
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as problem:
        reason = "not a picture" if isinstance(problem, UnidentifiedImageError) else str(problem)
        raise DataError(
            f"face picture {path.name}: cannot be read ({reason}); give a PNG or JPEG picture of a face"
        ) from problem


def face_landmarks(rgb: NDArray[np.uint8], name: str) -> NDArray[np.float32]:
    """Find the 468 mesh landmarks of a picture (H, W, 3); ``name`` is for what an error says.

    Returns
    -------
    array (468, 3) float32
        ``(x, y, depth)`` in pixels; a more negative depth is nearer to the camera.
    """
    models = load_face_models()
    if models.name == "haar":
        raise DataError(
            "face mesh model: not in the cache, and the simulator cannot place movements without it; "
            "run `merkit doctor --fetch`"
        )
    faces = models.detect(rgb)
    if not faces:
        raise DataError(
            f"face picture {name}: no face was found; give a frontal portrait whose face is at least "
            f"{SMALLEST_FACE_PX:.0f} px wide"
        )
    mesh = models.mesh(rgb, faces[0])
    if mesh is None:
        raise DataError(f"face picture {name}: no landmarks were found on the face; give a frontal portrait")
    return np.column_stack([mesh.points, mesh.depth])
