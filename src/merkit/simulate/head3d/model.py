"""The file of the parametric head: where it is, and whether it is what it should be.

merkit does not ship it.  ``merkit head import`` makes it from the public meshes of ICT-FaceKit
(MIT licence, Copyright (c) 2020 USC Institute for Creative Technologies).
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.faces.models import cache_dir
from merkit.saving import refusal
from merkit.simulate.head3d.shapes import needed_shapes, nostril_shapes

FACE, HEAD, LEFT_EYE, RIGHT_EYE = range(4)
"""Values of :attr:`HeadModel.part`."""
FILE_NAME = "face3d_ict.npz"
LICENCE = "MIT licence, Copyright (c) 2020 USC Institute for Creative Technologies"
ADVICE = (
    "get the meshes of github.com/ICT-VGL/ICT-FaceKit and type 'merkit head import ICT-FaceKit/FaceXModel', "
    "or name the file in MERKIT_HEAD"
)
N_LANDMARKS = 68
# Name, kind of number, and shape; letters stand for lengths that must agree.
_LAYOUT: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "neutral": ("f", ("V", 3)),
    "quads": ("iu", ("Q", 4)),
    "uv": ("f", ("U", 2)),
    "uv_quads": ("iu", ("Q", 4)),
    "part": ("iu", ("V",)),
    "expression_names": ("U", ("E",)),
    "expression_deltas": ("f", ("E", "V", 3)),
    "identity_deltas": ("f", ("I", "V", 3)),
    "landmark68": ("iu", (N_LANDMARKS,)),
}


@dataclass(frozen=True, eq=False)
class HeadModel:
    """A head whose points are sums: neutral + expressions + identity.

    Attributes
    ----------
    neutral : float32 array (V, 3)
        Points: x to the person's left, y up, z to the front; in units of about 1 cm.
    quads : int32 array (Q, 4)
        Faces; the fourth point is -1 in triangles.
    uv, uv_quads : float32 array (U, 2), int32 array (Q, 4)
        Texture coordinates, and which of them each corner of a face has.
    part : uint8 array (V,)
        :data:`FACE`, :data:`HEAD` (and neck), :data:`LEFT_EYE` or :data:`RIGHT_EYE`.
    expressions : dict of str to float16 array (V, 3)
        Displacement from neutral at weight 1, by the name of the shape; two more than the file has, see
        :func:`merkit.simulate.head3d.shapes.nostril_shapes`.
    identities : float16 array (I, V, 3)
        Displacement of each mode at one standard deviation.
    landmark68 : int32 array (68,)
        Points of the 68 iBUG landmarks.
    sha256 : str
        Of the file.
    """

    neutral: NDArray[np.float32] = field(repr=False)
    quads: NDArray[np.int32] = field(repr=False)
    uv: NDArray[np.float32] = field(repr=False)
    uv_quads: NDArray[np.int32] = field(repr=False)
    part: NDArray[np.uint8] = field(repr=False)
    expressions: dict[str, NDArray[np.float16]] = field(repr=False)
    identities: NDArray[np.float16] = field(repr=False)
    landmark68: NDArray[np.int32] = field(repr=False)
    sha256: str = ""


def head_file(path: str | Path | None = None) -> Path:
    """Which head file merkit uses: `path`, else ``MERKIT_HEAD``, else the one in the cache.

    Raises
    ------
    DataError
        If there is no such file.
    """
    named = path if path is not None else os.environ.get("MERKIT_HEAD") or None
    place = Path(named).expanduser() if named is not None else cached_file()
    if place.is_file():
        return place
    if named is None:
        raise DataError(f"the 3D head is not on this machine; {ADVICE}")
    where = "" if path is not None else " (named in MERKIT_HEAD)"
    raise DataError(f"{place}{where}: there is no such head file; {ADVICE}")


def cached_file() -> Path:
    """Where ``merkit head import`` puts the file."""
    return cache_dir() / "models" / FILE_NAME


def load_head_model(path: str | Path | None = None) -> HeadModel:
    """Read and check the parametric head.

    Parameters
    ----------
    path : str or Path, optional
        The npz file.  Without it, the environment variable ``MERKIT_HEAD`` names it, or it is taken
        from merkit's cache.

    Raises
    ------
    DataError
        If there is no file, or it is damaged or not a head.
    """
    place = head_file(path)
    try:
        content = place.read_bytes()
    except OSError as error:
        raise DataError(f"{place}: cannot be read ({refusal(error)})") from error
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, KeyError, AttributeError) as error:
        raise DataError(f"{place}: not a head file or a damaged one; {ADVICE}") from error
    fault = _fault(arrays)
    if fault:
        raise DataError(f"{place}: not a head file, {fault}; {ADVICE}")
    neutral, marks = arrays["neutral"].astype(np.float32), arrays["landmark68"].astype(np.int32)
    shapes = zip(
        arrays["expression_names"].tolist(),
        arrays["expression_deltas"].astype(np.float16),
        strict=True,
    )
    return HeadModel(
        neutral=neutral,
        quads=arrays["quads"].astype(np.int32),
        uv=arrays["uv"].astype(np.float32),
        uv_quads=arrays["uv_quads"].astype(np.int32),
        part=arrays["part"].astype(np.uint8),
        expressions={**dict(shapes), **nostril_shapes(neutral, marks)},
        identities=arrays["identity_deltas"].astype(np.float16),
        landmark68=marks,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _fault(arrays: dict[str, NDArray]) -> str:
    """What is wrong with the arrays of a file; empty when nothing is."""
    lengths: dict[str, int] = {}
    for name, (kinds, shape) in _LAYOUT.items():
        if name not in arrays:
            return f"it has no array {name!r}"
        array = arrays[name]
        if array.dtype.kind not in kinds:
            return f"{name} holds {array.dtype} numbers"
        wanted = tuple(
            lengths.setdefault(n, array.shape[i]) if isinstance(n, str) else n
            for i, n in enumerate(shape)
            if i < array.ndim
        )
        if array.ndim != len(shape) or array.shape != wanted:
            return f"{name} has the shape {array.shape}"
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"{name} holds numbers that are not finite"
    for name, count, least in (
        ("quads", lengths["V"], -1),
        ("uv_quads", lengths["U"], -1),
        ("landmark68", lengths["V"], 0),
        ("part", 4, 0),
    ):
        array = arrays[name]
        if array.size == 0 or array.min() < least or array.max() >= count:
            return f"{name} points outside the arrays"
    if (arrays["quads"][:, :3] < 0).any() or ((arrays["quads"] < 0) != (arrays["uv_quads"] < 0)).any():
        return "quads and uv_quads do not agree"
    names = arrays["expression_names"].tolist()
    if len(set(names)) != len(names):
        return "two expressions have the same name"
    lacking = sorted(set(needed_shapes()) - set(names))
    return f"the expressions {', '.join(lacking)} are missing" if lacking else ""
