"""People of the 3D head are people to a face detector, and its landmarks lie where they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from head3d_kit import model_of

from merkit.faces import load_face_models
from merkit.faces.landmarks import LEFT_LIP_CORNER, RIGHT_LIP_CORNER, eye_centres, face_width
from merkit.simulate import FaceState
from merkit.simulate.head3d import Head


@pytest.mark.parametrize(("seed", "side"), [(0, 128), (3, 128), (8, 256), (11, 128)])
def test_a_detector_finds_the_face_and_the_mesh_fits(real_data: Path, seed: int, side: int) -> None:
    models = load_face_models("blazeface")
    head = Head.from_seed(model_of(real_data), seed, face_px=0.55 * side, size=(side, side))
    frame = np.rint(head.render(FaceState())).astype(np.uint8)
    faces = models.detect(frame)
    assert len(faces) == 1
    mesh = models.mesh(frame, faces[0])
    assert mesh is not None
    marks = head.landmarks(FaceState())
    eyes = np.array([marks[[36, 39]].mean(axis=0), marks[[42, 45]].mean(axis=0)])
    off = np.linalg.norm(eye_centres(mesh.points) - eyes, axis=1) / head.face_px
    assert off.max() < 0.045
    corners = mesh.points[[RIGHT_LIP_CORNER, LEFT_LIP_CORNER]]
    off = np.linalg.norm(corners - marks[[48, 54]], axis=1) / head.face_px
    assert off.max() < 0.06
    assert 0.87 < face_width(mesh.points) / head.face_px < 1.08
