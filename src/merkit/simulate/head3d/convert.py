"""Make the head file out of the public meshes of ICT-FaceKit.

The meshes (github.com/ICT-VGL/ICT-FaceKit, folder ``FaceXModel``) all have the same 26 719 points; an
expression or an identity is the difference between its mesh and the neutral one.  What is kept and
what is not is said at :data:`KEPT`.  This was tried on meshes in their format, made from a head file,
not on the 417 MB themselves.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.saving import refusal, whole_file
from merkit.simulate.head3d.model import FACE, HEAD, LEFT_EYE, N_LANDMARKS, RIGHT_EYE, load_head_model
from merkit.simulate.head3d.shapes import needed_shapes
from merkit.simulate.head3d.topology import build_surface

N_POINTS = 26_719
KEPT = ((0, 9409, FACE), (9409, 11_248, HEAD), (21_451, 23_021, LEFT_EYE), (23_021, 24_591, RIGHT_EYE))
"""First point, point after the last, and part: of the meshes' README.  Sockets, gums, tongue, teeth,
tear fluid and lashes, which lie between and after, are left out."""
NEUTRAL, INDICES = "generic_neutral_mesh.obj", "vertex_indices.json"
MOST_IDENTITIES = 50
FEWEST_IDENTITIES = 10
_IDENTITY = re.compile(r"identity(\d+)")
NOTICE = """MIT License

Copyright (c) 2020 USC Institute for Creative Technologies

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and \
associated documentation files (the "Software"), to deal in the Software without restriction, including \
without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell \
copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the \
following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial \
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT \
LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO \
EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER \
IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE \
USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
"""Of the meshes; it goes into every file that is made from them."""


def import_head(
    folder: str | Path, target: str | Path, on_progress: Callable[[int, int], None] | None = None
) -> Path:
    """Convert the meshes into one head file.

    Parameters
    ----------
    folder : str or Path
        The folder ``FaceXModel``: the neutral mesh, expressions, identities and the indices.
    target : str or Path
        The npz file to write, whole or not at all.
    on_progress : callable, optional
        Is told how many meshes of how many are read.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If a mesh is missing or is not what it should be, or the file cannot be written.
    """
    folder = Path(folder)
    files = _find(folder)
    neutral, faces, uv, uv_faces = read_obj(files.pop(NEUTRAL))
    if len(neutral) != N_POINTS:
        raise DataError(
            f"{folder / NEUTRAL}: has {len(neutral)} points instead of {N_POINTS}; is this of ICT-FaceKit?"
        )
    kept, part, number = _numbering()
    inside = (number[faces] >= 0) | (faces < 0)
    whole = inside.all(axis=1)
    if (inside.any(axis=1) & ~whole & (inside & (faces >= 0)).any(axis=1)).any():
        raise DataError(
            f"{folder / NEUTRAL}: a face joins parts that should be apart; is this of ICT-FaceKit?"
        )
    faces, uv_faces = faces[whole], uv_faces[whole]
    used, compact = np.unique(uv_faces[uv_faces >= 0], return_inverse=True)
    uv_quads = np.full(uv_faces.shape, -1, np.int32)
    uv_quads[uv_faces >= 0] = compact

    marks = _landmarks(folder / INDICES, number)
    deltas = {}
    for count, (name, file) in enumerate(sorted(files.items())):
        if on_progress is not None:
            on_progress(count, len(files))
        points = read_obj(file, points_only=True)[0]
        if len(points) != N_POINTS:
            raise DataError(f"{file}: has {len(points)} points instead of {N_POINTS}; is the file complete?")
        deltas[name] = (points[kept] - neutral[kept]).astype(np.float16)
    identities = [name for name in deltas if _IDENTITY.fullmatch(name)]
    expressions = [name for name in deltas if name not in identities]
    content = io.BytesIO()
    np.savez_compressed(
        content,
        neutral=neutral[kept].astype(np.float32),
        quads=np.where(faces >= 0, number[faces], -1).astype(np.int32),
        uv=uv[used].astype(np.float32),
        uv_quads=uv_quads,
        part=part,
        expression_names=np.array(expressions),
        expression_deltas=np.array([deltas[name] for name in expressions]),
        identity_deltas=np.array([deltas[name] for name in identities]),
        landmark68=marks,
        source_vertex=kept.astype(np.int32),
        licence=np.array(NOTICE),
    )
    target = Path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{target.parent}: cannot be made ({refusal(error)}); choose another file with -o"
        ) from error
    with whole_file(target) as part_file:
        part_file.write_bytes(content.getvalue())
        build_surface(load_head_model(part_file))
    return target


def read_obj(
    file: Path, points_only: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Read the points of a Wavefront OBJ file, and its faces of three or four corners.

    Returns
    -------
    points : float64 array (P, 3)
    faces : int array (F, 4)
        0-based; -1 where there is no fourth corner.
    uv : float64 array (U, 2)
    uv_faces : int array (F, 4)

    Raises
    ------
    DataError
        If the file cannot be read or holds something else.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({refusal(error)})") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not an OBJ file; get it again") from error
    points = _numbers(file, [line[2:] for line in lines if line.startswith("v ")], 3)
    none = np.zeros((0, 4), np.intp)
    if points_only:
        return points, none, np.zeros((0, 2)), none
    uv = _numbers(file, [line[3:] for line in lines if line.startswith("vt ")], 2)
    faces, uv_faces = [], []
    for line in lines:
        if not line.startswith("f "):
            continue
        corners = [corner.split("/") for corner in line[2:].split()]
        try:
            face = [int(corner[0]) - 1 for corner in corners]
            uv_face = [int(corner[1]) - 1 for corner in corners]
        except (ValueError, IndexError) as error:
            raise DataError(f"{file}: the face {line!r} has no texture coordinates; get it again") from error
        if len(face) not in (3, 4) or not (min(face) >= 0 and max(face) < len(points)):
            raise DataError(f"{file}: the face {line!r} is not one of three or four points; get it again")
        if not (min(uv_face) >= 0 and max(uv_face) < len(uv)):
            raise DataError(f"{file}: the face {line!r} points outside the texture coordinates; get it again")
        faces.append(([*face, -1])[:4])
        uv_faces.append(([*uv_face, -1])[:4])
    return points, np.array(faces, np.intp).reshape(-1, 4), uv, np.array(uv_faces, np.intp).reshape(-1, 4)


def _numbers(file: Path, rows: list[str], columns: int) -> NDArray[np.float64]:
    try:
        found = np.array(" ".join(rows).split(), dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{file}: {error}; get it again") from error
    if not len(rows) or len(found) != columns * len(rows) or not np.isfinite(found).all():
        raise DataError(f"{file}: does not hold {columns} numbers a point; get it again")
    return found.reshape(-1, columns)


def _find(folder: Path) -> dict[str, Path]:
    """The meshes to read: the neutral one by its file name, the others by their names."""
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder; name the FaceXModel folder of ICT-FaceKit")
    meshes = {file.stem: file for file in sorted(folder.glob("*.obj")) if file.name != NEUTRAL}
    for name in (NEUTRAL, INDICES):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: has no {name}; name the FaceXModel folder of ICT-FaceKit")
    identities = sorted((name for name in meshes if _IDENTITY.fullmatch(name)), key=_mode)
    numbers = [_mode(name) for name in identities[:MOST_IDENTITIES]]
    if len(numbers) < FEWEST_IDENTITIES or numbers != list(range(len(numbers))):
        raise DataError(
            f"{folder}: identity000.obj, identity001.obj and so on are not all there; at least the first "
            f"{FEWEST_IDENTITIES} are needed"
        )
    lacking = sorted(set(needed_shapes()) - set(meshes))
    if lacking:
        raise DataError(f"{folder}: the expressions {', '.join(lacking)} are missing; get the folder again")
    left_out = set(identities[MOST_IDENTITIES:])
    kept = {name: file for name, file in meshes.items() if name not in left_out}
    return {NEUTRAL: folder / NEUTRAL, **kept}


def _mode(name: str) -> int:
    found = _IDENTITY.fullmatch(name)
    return int(found[1]) if found else -1


def _numbering() -> tuple[NDArray[np.intp], NDArray[np.uint8], NDArray[np.intp]]:
    """Points that are kept, their parts, and their new numbers (-1 for the others)."""
    kept = np.concatenate([np.arange(first, end) for first, end, _ in KEPT])
    part = np.concatenate([np.full(end - first, number, np.uint8) for first, end, number in KEPT])
    new = np.full(N_POINTS, -1)
    new[kept] = np.arange(len(kept))
    return kept, part, new


def _landmarks(file: Path, number: NDArray[np.intp]) -> NDArray[np.int32]:
    try:
        marks = json.loads(file.read_text(encoding="utf-8"))["idx_to_landmark_verts"]
        found = number[np.array(marks, dtype=np.intp)]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{file}: does not name the points of the landmarks; get it again") from error
    if found.shape != (N_LANDMARKS,) or (found < 0).any():
        raise DataError(f"{file}: does not name {N_LANDMARKS} points of the skin; get it again")
    return found.astype(np.int32)
