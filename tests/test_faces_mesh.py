"""Placing the mesh: on the face, exactly to the pixel, the same whatever the picture's pose or size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from merkit.errors import ConfigError
from merkit.faces import Face, FaceModels, Mesh, landmarks, load_face_models
from merkit.faces.landmarks import eye_centres, face_width
from merkit.faces.mesh import SIDE, Roi, roi_of_face, roi_of_points, view


@pytest.fixture(scope="module")
def models() -> FaceModels:
    return load_face_models("blazeface")


def settled(models: FaceModels, rgb: NDArray[np.uint8]) -> Mesh:
    """The mesh placed on the face, then again on its own points."""
    (face,) = models.detect(rgb)
    mesh = models.mesh(rgb, face)
    assert mesh is not None
    again = models.mesh_from_points(rgb, mesh.points)
    assert again is not None
    return again


@pytest.fixture(scope="module")
def mesh(models: FaceModels) -> Mesh:
    return settled(models, astronaut())


def warped(matrix: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.uint8]:
    return cv2.warpAffine(astronaut(), matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)


def test_roi_and_picture_are_inverse() -> None:
    """The centre of the view is the centre of the region, its right edge half a side to the right."""
    roi = Roi(100.0, 50.0, 96.0, np.pi / 2)
    found = roi.to_picture(np.array([[SIDE / 2, SIDE / 2], [SIDE, SIDE / 2]]))
    np.testing.assert_allclose(found, [[100, 50], [100, 98]], atol=1e-9)


@pytest.mark.parametrize("side", [100.0, 192.0, 500.0, 1500.0])
@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_view_shows_what_lies_there(side: float, angle: float) -> None:
    """A bright dot in the picture is where `to_picture` says, at every scale (also when averaged down)."""
    roi = Roi(900.3, 800.7, side, angle)
    at = np.array([130.0, 80.0])
    x, y = roi.to_picture(at[None])[0]
    yy, xx = np.mgrid[:1600, :1800]
    spread = max(2.0, 2.0 * side / SIDE)
    dot = 255 * np.exp(-0.5 * ((xx - x) ** 2 + (yy - y) ** 2) / spread**2)
    seen = view(np.repeat(dot.astype(np.uint8)[..., None], 3, axis=2), roi)[..., 0].astype(float)
    vv, uu = np.mgrid[:SIDE, :SIDE] + 0.5
    found = np.array([(seen * uu).sum(), (seen * vv).sum()]) / seen.sum()
    np.testing.assert_allclose(found, at, atol=0.05)


def test_view_outside_of_the_picture_is_black() -> None:
    assert view(np.full((50, 50, 3), 200, np.uint8), Roi(-500.0, -500.0, 100.0, 0.3)).max() == 0


def test_roi_follows_the_tilt_of_the_eyes() -> None:
    eyes = np.zeros((6, 2), dtype=np.float32)
    eyes[1] = (10, 10)
    assert roi_of_face(Face((0, 0, 100, 80), 1.0, eyes)).angle == pytest.approx(np.pi / 4)
    assert roi_of_face(Face((0, 0, 100, 80), 1.0)).side == pytest.approx(150)


def test_roi_of_points_turns_with_them(mesh: Mesh) -> None:
    c, s = np.cos(0.4), np.sin(0.4)
    turn = np.array([[c, -s], [s, c]])
    before, after = roi_of_points(mesh.points), roi_of_points(mesh.points @ turn.T)
    assert after.angle - before.angle == pytest.approx(0.4)
    assert after.side == pytest.approx(before.side)
    np.testing.assert_allclose((after.x, after.y), turn @ (before.x, before.y), rtol=1e-5)


def test_mesh_lies_on_the_face(mesh: Mesh) -> None:
    """Eyes, brows, lips and chin of the astronaut, marked by hand in the picture."""
    points = mesh.points
    assert mesh.score > 0.99
    assert points.dtype == np.float32
    np.testing.assert_allclose(eye_centres(points), [(203.5, 102), (246.5, 104)], atol=3)
    np.testing.assert_allclose(points[landmarks.RIGHT_LIP_CORNER], (199, 142), atol=6)
    np.testing.assert_allclose(points[landmarks.LEFT_LIP_CORNER], (242, 145), atol=6)
    assert 85 < face_width(points) < 100
    for brow, lid in (
        (landmarks.RIGHT_BROW_LOWER, landmarks.RIGHT_UPPER_LID),
        (landmarks.LEFT_BROW_LOWER, landmarks.LEFT_UPPER_LID),
    ):
        assert points[list(brow), 1].max() < points[list(lid), 1].min() + 2


def test_the_nose_is_nearest_and_the_ears_are_far(mesh: Mesh) -> None:
    assert mesh.depth[landmarks.NOSE_TIP] < mesh.depth[landmarks.NOSE_BRIDGE[0]] < mesh.depth[152] + 20
    assert mesh.depth[list(landmarks.WIDTH_POINTS)].min() > 0


def test_groups_are_on_the_right_sides(mesh: Mesh) -> None:
    x = mesh.points[:, 0]
    for name in ("EYE", "BROW", "INNER_BROW", "OUTER_BROW", "NOSE_WING", "UPPER_LID", "LOWER_LID"):
        right, left = getattr(landmarks, f"RIGHT_{name}"), getattr(landmarks, f"LEFT_{name}")
        assert x[list(right)].max() < x[list(left)].min(), name
        assert len(right) == len(left)
        assert len(set(right)) == len(right)
    assert x[list(landmarks.RIGHT_OUTER_BROW)].mean() < x[list(landmarks.RIGHT_INNER_BROW)].mean()


@pytest.mark.parametrize(
    "name", ["RIGHT_EYE", "LEFT_EYE", "OUTER_LIPS", "INNER_LIPS", "FACE_OVAL", "LEFT_BROW"]
)
def test_contours_are_closed_and_do_not_cross_themselves(mesh: Mesh, name: str) -> None:
    """A wrong order of points would make a contour with far less area than its hull (a brow is bent)."""
    contour = mesh.points[list(getattr(landmarks, name))]
    area = cv2.contourArea(contour)
    assert area > 0.5 * cv2.contourArea(cv2.convexHull(contour))


def test_opencv_s_eye_cascade_agrees(mesh: Mesh) -> None:
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_eye_tree_eyeglasses.xml")
    found = cascade.detectMultiScale(cv2.cvtColor(astronaut()[80:130, 170:280], cv2.COLOR_RGB2GRAY), 1.05, 3)
    centres = found[:, :2] + found[:, 2:] / 2 + (170, 80)
    for eye in eye_centres(mesh.points):
        assert np.hypot(*(centres - eye).T).min() < 6


@pytest.mark.parametrize("degrees", [-20, 15])
def test_mesh_turns_with_the_picture(models: FaceModels, mesh: Mesh, degrees: float) -> None:
    matrix = cv2.getRotationMatrix2D((225, 120), degrees, 1.0)
    turned = settled(models, warped(matrix, (512, 512)))
    expected = mesh.points @ matrix[:, :2].T + matrix[:, 2]
    assert np.hypot(*(turned.points - expected).T).mean() < 0.02 * face_width(mesh.points)


def test_mesh_of_the_mirrored_picture_is_mirrored(models: FaceModels, mesh: Mesh) -> None:
    mirrored = settled(models, np.ascontiguousarray(astronaut()[:, ::-1]))
    expected = 511 - eye_centres(mesh.points)[::-1, 0]
    np.testing.assert_allclose(eye_centres(mirrored.points)[:, 0], expected, atol=1.0)
    assert face_width(mirrored.points) == pytest.approx(face_width(mesh.points), rel=0.02)


def test_mesh_grows_with_the_picture(models: FaceModels, mesh: Mesh) -> None:
    """Six times larger, so that the averaging down of fine pictures is at work."""
    large = settled(models, cv2.resize(astronaut(), None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC))
    # Pixel centres: x_large + 0.5 = 6 (x + 0.5).
    expected = (mesh.points + 0.5) * 6 - 0.5
    assert np.hypot(*(large.points - expected).T).mean() < 6 * 0.012 * face_width(mesh.points)


def test_more_looks_are_steadier_against_noise(models: FaceModels, mesh: Mesh) -> None:
    picture = cv2.resize(astronaut()[20:220, 120:330], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    known = (mesh.points - (120, 20) + 0.5) * 2 - 0.5
    rng = np.random.default_rng(1)
    noisy = [np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8) for _ in range(8)]
    spread = []
    for looks in (1, 8):
        averaging = load_face_models("blazeface", jitter=looks)
        points = [averaging.mesh_from_points(p, known).points for p in noisy]
        spread.append(float(np.std(points, axis=0).mean()))
    assert spread[1] < 0.75 * spread[0]


def test_no_mesh_where_there_is_no_face(models: FaceModels, mesh: Mesh) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    assert models.mesh(noise, Face((50, 50, 150, 150), 0.9)) is None
    assert models.mesh_from_points(noise, mesh.points) is None


@pytest.mark.parametrize("offset", [1e6, -1e6, np.nan, np.inf])
def test_points_that_left_the_picture_give_no_mesh(models: FaceModels, mesh: Mesh, offset: float) -> None:
    assert models.mesh_from_points(astronaut(), mesh.points + offset) is None


def test_points_in_one_place_give_no_mesh(models: FaceModels) -> None:
    assert models.mesh_from_points(astronaut(), np.full((468, 2), 100.0)) is None


def test_a_look_or_more_is_needed() -> None:
    with pytest.raises(ConfigError, match="jitter 0"):
        load_face_models("blazeface", jitter=0)
