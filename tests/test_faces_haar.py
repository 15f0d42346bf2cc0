"""The fallback without model files: same interface, approximate, and saying so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut, brick

from merkit.errors import DataError
from merkit.faces import FaceModels, load_face_models
from merkit.faces.landmarks import eye_centres, face_width


@pytest.fixture(scope="module")
def haar() -> FaceModels:
    return load_face_models("haar")


def test_missing_files_lead_to_the_fallback_with_a_warning(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path))
    monkeypatch.delenv("MERKIT_FACE_MODELS", raising=False)
    models = load_face_models("auto")
    assert models.name == "haar"
    assert "approximate" in models.warning
    assert "merkit doctor --fetch" in models.warning
    assert "\n" not in models.warning
    with pytest.raises(DataError, match="merkit doctor --fetch"):
        load_face_models("blazeface")


def test_a_spoilt_file_is_named_in_the_warning(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "face_detection_short_range.tflite").write_bytes(b"not a model")
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path / "nothing"))
    monkeypatch.setenv("MERKIT_FACE_MODELS", str(tmp_path))
    warning = load_face_models("auto").warning
    assert "wrong SHA-256" in warning
    assert str(tmp_path) in warning


def test_its_mesh_lies_near_that_of_the_network(haar: FaceModels) -> None:
    exact = load_face_models("blazeface")
    good = exact.mesh(astronaut(), exact.detect(astronaut())[0])
    rough = haar.mesh(astronaut(), haar.detect(astronaut())[0])
    assert good is not None
    assert rough is not None
    eyes = eye_centres(good.points)
    distance = np.hypot(*(eyes[1] - eyes[0]))
    assert np.hypot(*(eye_centres(rough.points) - eyes).T).max() < 0.12 * distance
    assert np.hypot(*(rough.points - good.points).T).mean() < 0.2 * distance
    assert face_width(rough.points) == pytest.approx(face_width(good.points), rel=0.15)
    assert np.corrcoef(rough.depth, good.depth)[0, 1] > 0.9


def test_a_face_at_rest_keeps_its_points(haar: FaceModels) -> None:
    """The cascade's eyes scatter; a mesh that jumped with them would renew the reference all the time."""
    mesh = haar.mesh(astronaut(), haar.detect(astronaut())[0])
    assert mesh is not None
    again = haar.mesh_from_points(astronaut(), mesh.points + 1.0)
    assert again is not None
    np.testing.assert_allclose(again.points, mesh.points + 1.0, atol=1e-2)


def test_a_face_that_moved_is_placed_anew(haar: FaceModels) -> None:
    mesh = haar.mesh(astronaut(), haar.detect(astronaut())[0])
    assert mesh is not None
    again = haar.mesh_from_points(astronaut(), mesh.points + np.array([14.0, 0.0], dtype=np.float32))
    assert again is not None
    assert np.hypot(*(eye_centres(again.points) - eye_centres(mesh.points)).T).max() < 6


def test_no_face_no_mesh(haar: FaceModels) -> None:
    wall = np.repeat(brick()[..., None], 3, axis=2)
    assert haar.detect(wall) == []
    assert haar.detect(wall[:10, :10]) == []
    mesh = haar.mesh(astronaut(), haar.detect(astronaut())[0])
    assert mesh is not None
    assert haar.mesh_from_points(wall, mesh.points) is None
    assert haar.mesh_from_points(astronaut(), mesh.points + 1e6) is None
    assert haar.mesh_from_points(astronaut(), mesh.points * np.nan) is None


def test_the_mean_face_is_symmetric(haar: FaceModels) -> None:
    from merkit.faces.haar import _mean_face

    points, depth = _mean_face()
    np.testing.assert_allclose(eye_centres(points), [(-0.5, 0), (0.5, 0)], atol=1e-3)
    for right, left in ((61, 291), (70, 300), (234, 454), (129, 358), (159, 386)):
        np.testing.assert_allclose(points[right] * (-1, 1), points[left], atol=1e-4)
        assert depth[right] == pytest.approx(depth[left], abs=1e-4)
    # 96 px between the eyes of a face 200 px wide.
    assert 200 / face_width(points) == pytest.approx(96, abs=3)
