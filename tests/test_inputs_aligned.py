"""From raw frames to an aligned face: in its place, its motion kept, and never a face that was not found."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from filmed import photograph, portrait

from merkit.clips import Clip
from merkit.errors import ConfigError, DataError
from merkit.faces import load_face_models
from merkit.faces.geometry import CropGeometry, transform
from merkit.faces.landmarks import eye_centres
from merkit.inputs.aligned import FLOW_CROP, RECIPE, AlignedFace, aligned_face
from merkit.inputs.placement import place_face
from merkit.simulate import FaceState, HeadPose, Movement
from merkit.video.images import gray_of

POSES = [HeadPose(), HeadPose(1.7, -0.9, 0.8, 1.006), HeadPose(-2.3, 1.2, -1.1, 0.993)]


@pytest.fixture(scope="module")
def swaying() -> np.ndarray:
    """Three frames of a face that only moves with its head."""
    return np.stack(photograph([FaceState(head=pose) for pose in POSES], noise=1.0))


def clip_of(frames: np.ndarray, **about) -> Clip:
    return Clip.from_array(frames, **{"fps": 100, "id": "s1_a", **about})


@pytest.mark.parametrize("geometry", [RECIPE, FLOW_CROP, CropGeometry(64, aspect=1.0)], ids=str)
def test_eyes_come_to_lie_where_the_geometry_says(swaying, geometry):
    face = aligned_face(clip_of(swaying), geometry)
    assert face.frames.shape == (3, *geometry.shape, 3)
    eyes = transform(face.matrices[0], eye_centres(portrait().points))
    apart = geometry.eyes[1, 0] - geometry.eyes[0, 0]
    np.testing.assert_allclose(eyes, geometry.eyes, atol=0.03 * apart)
    np.testing.assert_allclose(
        eye_centres(face.landmarks).mean(axis=0), geometry.eyes.mean(axis=0), atol=1e-3
    )


def test_the_recipe_is_the_one_of_the_reconstructions():
    # Background recipe: eyes at (.34 W, .33 H) and (.66 W, .33 H) of a square; brows near .21, mouth near
    # .70, chin near .89 of the height; this face smiles.
    assert RECIPE.shape == (128, 128)
    np.testing.assert_allclose(RECIPE.eyes / 128, [[0.34, 0.33], [0.66, 0.33]])
    face = aligned_face(clip_of(np.stack(photograph([FaceState()]))))
    heights = {name: face.landmarks[points, 1].mean() / 128 for name, points in {
        "brows": [105, 334], "mouth": [61, 291], "chin": [152],
    }.items()}  # fmt: skip
    assert heights["brows"] == pytest.approx(0.21, abs=0.05)
    assert heights["mouth"] == pytest.approx(0.70, abs=0.10)
    assert heights["chin"] == pytest.approx(0.89, abs=0.12)


def test_all_frames_share_one_matrix_so_that_motion_stays(swaying):
    face = aligned_face(clip_of(swaying))
    assert (face.matrices == face.matrices[0]).all()


def test_the_motion_of_the_head_can_be_undone(swaying):
    kept, undone = (aligned_face(clip_of(swaying), FLOW_CROP, head=head) for head in ("keep", "remove"))
    still = portrait().points[[10, 33, 133, 263, 362, 4, 234, 454, 152]]

    def strays(face: AlignedFace) -> np.ndarray:
        moved = [transform(pose.matrix(portrait().centre), still) for pose in POSES]
        where = np.stack([transform(m, points) for m, points in zip(face.matrices, moved, strict=True)])
        return np.sqrt(((where - where[0]) ** 2).sum(axis=2).mean(axis=1))[1:] * FLOW_CROP.px200

    assert strays(kept).min() > 1.5
    assert strays(undone).max() < 0.12  # px at a face width of 200


def test_undoing_the_head_leaves_the_expression(swaying):
    smile = Movement(portrait().field("AU12"), 2.0)
    frames = np.stack(photograph([FaceState(), FaceState((smile,), head=POSES[1])]))
    matrices = aligned_face(clip_of(frames), FLOW_CROP, head="remove").matrices
    rigid = portrait().points[[10, 168, 6]]
    moved = transform(matrices[1], transform(POSES[1].matrix(portrait().centre), rigid))
    assert np.hypot(*(moved - transform(matrices[0], rigid)).T).max() * FLOW_CROP.px200 < 0.25
    assert np.hypot(*(moved - transform(matrices[0], rigid)).T).max() > 0  # measured, not copied


@pytest.mark.parametrize("zoom", [0.4, 0.8, 1.6])
def test_a_crop_lies_where_its_matrix_says(zoom):
    # A smooth texture that is known everywhere, looked at whole; its crop against the texture itself.
    side = round(120 / zoom)

    def texture(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        k = 2 * np.pi / side
        return 128 + 60 * np.sin(5 * k * x + 0.3) * np.cos(4 * k * y) + 40 * np.cos(3 * k * (x - y))

    y, x = np.mgrid[:side, :side].astype(float)
    frames = np.rint(texture(x, y)).astype(np.uint8)[None]
    face = aligned_face(clip_of(frames), CropGeometry(120, aspect=1.0), face="whole", dtype="float32")
    row, column = np.mgrid[:120, :120].astype(float)
    back = np.linalg.inv(np.vstack([face.matrices[0], [0, 0, 1]]))
    true = texture(back[0, 0] * column + back[0, 2], back[1, 1] * row + back[1, 2])
    inner = np.s_[8:-8, 8:-8]
    slope_y, slope_x = np.gradient(true)
    error = (face.frames[0] - true)[inner].ravel()
    shift, *_ = np.linalg.lstsq(np.stack([slope_x[inner].ravel(), slope_y[inner].ravel()], axis=1), error)
    assert np.hypot(*shift) < 1 / 64 * max(zoom, 1.0)
    assert np.abs(error).mean() < 2.0


def test_whole_frames_are_only_resized():
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 30), np.uint8)
    face = aligned_face(clip_of(frames), CropGeometry(30, aspect=40 / 30), face="whole")
    np.testing.assert_array_equal(face.frames, frames)
    assert face.landmarks is None
    assert face.placement.how == "whole"
    # In the middle, at any size: turned around, the crop is turned around.
    smooth = cv2.GaussianBlur(frames[0], (0, 0), 3)[None]
    there, back = (
        aligned_face(clip_of(np.ascontiguousarray(f)), face="whole", dtype="float32").frames[0]
        for f in (smooth, smooth[:, ::-1, ::-1])
    )
    np.testing.assert_allclose(back[::-1, ::-1], there, atol=0.2)


def test_grey_and_colour_give_the_same(swaying):
    grey = np.stack([gray_of(frame) for frame in swaying])
    in_colour = aligned_face(clip_of(swaying), colour="grey")
    in_grey = aligned_face(clip_of(grey))
    np.testing.assert_array_equal(in_colour.matrices, in_grey.matrices)
    np.testing.assert_array_equal(in_colour.frames, in_grey.frames)
    assert aligned_face(clip_of(grey), colour="rgb").frames.shape == (3, 128, 128, 3)


def test_unrounded_frames_are_the_same_frames(swaying):
    rounded, exact = (aligned_face(clip_of(swaying), dtype=dtype).frames for dtype in ("uint8", "float32"))
    assert exact.dtype == np.float32
    assert np.abs(exact - rounded).max() <= 1.0
    assert np.abs(exact - np.rint(exact)).max() > 0.2


def test_frames_around_the_clip_change_nothing_in_it(swaying):
    frames = np.concatenate([swaying[::-1], swaying, swaying])
    marked = clip_of(frames, onset=103, offset=105, numbers=range(100, 109))
    short = aligned_face(clip_of(swaying))
    face = aligned_face(marked, context=2)
    assert face.numbers == (101, 102, 103, 104, 105, 106, 107)
    np.testing.assert_array_equal(face.frames[2:5], short.frames)
    assert aligned_face(marked, context=99).numbers == tuple(range(100, 109))


@pytest.mark.parametrize("width", [64, 96, 160])
def test_faces_that_fill_the_frame_are_found(width):
    # As in cropped databases: from the ears to the ears, from the brow to the chin.
    picture = photograph([FaceState()])[0]
    low, high = portrait().points.min(axis=0), portrait().points.max(axis=0)
    x0, y0, x1, y1 = *low.astype(int), *high.astype(int)
    zoom = width / (x1 - x0)
    tight = cv2.resize(picture[y0:y1, x0:x1], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    found = eye_centres(place_face(tight).mesh.points)
    true = (eye_centres(portrait().points) - [x0, y0] + 0.5) * zoom - 0.5
    assert np.hypot(*(found - true).T).max() < 0.04 * np.hypot(*(true[1] - true[0]))


def test_a_clip_without_a_face_is_named_and_refused():
    noise = np.random.default_rng(0).integers(0, 256, (2, 96, 96), np.uint8)
    with pytest.raises(DataError, match=r"clip 's1_a': no face was found .* 96x96 .* face='whole'") as caught:
        aligned_face(clip_of(noise))
    assert "\n" not in str(caught.value)
    assert aligned_face(clip_of(noise), face="whole").frames.shape == (2, 128, 128)


def test_the_simple_cascades_are_used_with_a_warning(swaying):
    haar = load_face_models("haar")
    with pytest.warns(UserWarning, match="simple cascades"):
        face = aligned_face(clip_of(swaying), models=haar)
    assert face.placement.how == "haar"
    assert face.placement.warning == haar.warning
    eyes = transform(face.matrices[0], eye_centres(portrait().points))
    assert np.abs(eyes - RECIPE.eyes).max() < 0.15 * 0.32 * 128


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"face": "hole"}, r"face='hole' \(did you mean 'whole'\?\)"),
        ({"head": "removed"}, r"head='removed' \(did you mean 'remove'\?\)"),
        ({"colour": "gray"}, r"colour='gray' \(did you mean 'grey'\?\)"),
        ({"dtype": "float64"}, "dtype='float64'"),
        ({"context": -1}, "context=-1"),
    ],
)
def test_values_that_are_not_allowed_are_refused(swaying, options, words):
    with pytest.raises(ConfigError, match=words):
        aligned_face(clip_of(swaying), **options)
