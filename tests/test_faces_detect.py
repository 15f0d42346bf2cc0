"""Finding faces: anchors, decoding, merging, small faces, and no faces where there are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut, brick, coffee

from merkit.errors import ConfigError
from merkit.faces import FaceModels, load_face_models
from merkit.faces.detect import anchors, decode, merge
from merkit.video import open_video


@pytest.fixture(scope="module")
def models() -> FaceModels:
    return load_face_models("blazeface")


def pasted(width: int, height: int, face_px: float, x: float, y: float) -> NDArray[np.uint8]:
    """The astronaut's head on a wall of bricks; her face box of 94 px is made `face_px` wide."""
    head = np.ascontiguousarray(astronaut()[40:200, 140:300])
    scale = face_px / 94.0
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    head = cv2.resize(head, None, fx=scale, fy=scale, interpolation=how)
    wall = np.repeat(cv2.resize(brick(), (width, height))[..., None], 3, axis=2)
    left, top = int(x), int(y)
    wall[top : top + head.shape[0], left : left + head.shape[1]] = head
    return np.ascontiguousarray(wall)


def test_anchors_are_two_a_cell_then_six_a_cell() -> None:
    slow = [((x + 0.5) / n, (y + 0.5) / n) for n, k in ((16, 2), (8, 6)) for y in range(n) for x in range(n)
            for _ in range(k)]  # fmt: skip
    np.testing.assert_allclose(anchors(), slow)


def test_decode_adds_the_anchor_to_centre_and_points_but_not_to_the_size() -> None:
    raw = np.zeros((896, 16), dtype=np.float32)
    logits = np.full(896, -200.0, dtype=np.float32)
    raw[512, :4] = (12.8, -6.4, 64.0, 32.0)  # 0.1, -0.05, 0.5 and 0.25 of 128
    raw[512, 4:6] = (12.8, 25.6)
    logits[512] = np.log(3.0)  # a score of 3/4
    shapes, scores = decode(raw, logits)
    assert scores == pytest.approx([0.75])
    # The anchor is (0.0625, 0.0625), so the centre is (0.1625, 0.0125).
    np.testing.assert_allclose(shapes[0, 0], (0.1625 - 0.25, 0.0125 - 0.125), atol=1e-6)
    np.testing.assert_allclose(shapes[0, 1], (0.1625 + 0.25, 0.0125 + 0.125), atol=1e-6)
    np.testing.assert_allclose(shapes[0, 2], (0.1625, 0.2625), atol=1e-6)
    np.testing.assert_allclose(shapes[0, 3], (0.0625, 0.0625), atol=1e-6)


def test_extreme_logits_overflow_nothing() -> None:
    logits = np.array([-1e30, 1e30] + [0.0] * 894, dtype=np.float32)
    with np.errstate(all="raise"):
        _, scores = decode(np.zeros((896, 16), dtype=np.float32), logits, min_score=0.9)
    assert scores == pytest.approx([1.0])


def box(x: float, y: float, w: float, h: float) -> NDArray[np.float32]:
    return np.array([[x, y], [x + w, y + h]] + [[x, y]] * 6, dtype=np.float32)


def test_merge_takes_the_mean_weighted_by_score_and_keeps_the_best_score() -> None:
    # Intersection over union of the first two: 8 * 10 / (200 - 80) = 2/3; the third is apart.
    shapes = np.stack([box(0, 0, 10, 10), box(2, 0, 10, 10), box(50, 50, 10, 10)])
    merged, scores = merge(shapes, np.array([0.9, 0.6, 0.7], dtype=np.float32))
    assert scores == pytest.approx([0.9, 0.7])
    assert merged[0, 0] == pytest.approx((2 * 0.6 / 1.5, 0.0))
    assert merged[1, 0] == pytest.approx((50, 50))


def test_merge_keeps_the_faces_that_opencv_keeps() -> None:
    rng = np.random.default_rng(3)
    boxes = np.column_stack([rng.uniform(0, 200, (60, 2)), rng.uniform(20, 60, (60, 2))]).astype(np.float32)
    scores = rng.uniform(0.5, 1.0, 60).astype(np.float32)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), 0.5, 0.3)
    _, best = merge(np.stack([box(*b) for b in boxes]), scores, iou=0.3)
    np.testing.assert_allclose(np.sort(best), np.sort(scores[np.ravel(kept)]))


def test_nothing_to_merge_is_no_face() -> None:
    shapes, scores = merge(np.zeros((0, 8, 2), dtype=np.float32), np.zeros(0, dtype=np.float32))
    assert shapes.shape == (0, 8, 2)
    assert len(scores) == 0


def test_the_astronaut_is_found_where_opencv_finds_her(models: FaceModels) -> None:
    (face,) = models.detect(astronaut())
    (other,) = load_face_models("haar").detect(astronaut())
    ours, theirs = (np.array([f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2]) for f in (face, other))
    assert np.hypot(*(ours - theirs)) < 0.2 * face.box[2]
    assert face.keypoints is not None
    right_eye, left_eye, nose, mouth = face.keypoints[:4]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1]


def test_the_box_moves_and_grows_with_the_picture(models: FaceModels) -> None:
    (small,) = models.detect(astronaut())
    (large,) = models.detect(cv2.resize(astronaut(), None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC))
    np.testing.assert_allclose(np.array(large.box) / 3, small.box, atol=0.03 * small.box[2])


@pytest.mark.parametrize("size", [(1600, 400), (400, 1600), (640, 640)])
def test_wide_and_tall_pictures_keep_the_shape_of_the_face(models: FaceModels, size: tuple[int, int]) -> None:
    (face,) = models.detect(pasted(*size, face_px=150, x=size[0] // 3, y=size[1] // 3))
    expected = (size[0] // 3 + 38 * 150 / 94, size[1] // 3 + 41 * 150 / 94)
    assert face.box[:2] == pytest.approx(expected, abs=15)
    assert face.box[2] == pytest.approx(face.box[3], rel=0.05)


@pytest.mark.parametrize("place", [(0, 0), (1000, 700), (3200, 1500)])
def test_a_small_face_in_4k_is_found(models: FaceModels, place: tuple[int, int]) -> None:
    (face,) = models.detect(pasted(3840, 2160, 300, *place))
    scale = 300 / 94
    assert face.box[:2] == pytest.approx((place[0] + 38 * scale, place[1] + 41 * scale), abs=30)
    assert face.box[2] == pytest.approx(300, rel=0.15)


def test_two_faces_come_largest_first(models: FaceModels) -> None:
    picture = pasted(900, 500, 110, 20, 120)
    picture[60:480, 450:870] = cv2.resize(astronaut()[40:200, 140:300], (420, 420))
    first, second = models.detect(picture)
    assert first.box[2] > 1.5 * second.box[2]
    assert second.box[0] < 450 < first.box[0]


def test_faces_smaller_than_asked_for_are_left_out(models: FaceModels) -> None:
    assert models.detect(astronaut(), min_size=60)
    assert models.detect(astronaut(), min_size=120) == []


@pytest.mark.parametrize("shape", [(16, 16), (1, 1), (1, 500), (40, 3000), (720, 1280)])
def test_pictures_without_a_face_give_none(models: FaceModels, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    assert models.detect(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)) == []
    assert models.detect(np.zeros((*shape, 3), dtype=np.uint8)) == []


def test_a_cup_of_coffee_is_no_face(models: FaceModels) -> None:
    assert models.detect(coffee()) == []


@pytest.mark.parametrize(
    ("name", "every"), [("woman_expressions_640x360.mp4", 10), ("webcam_man_talking_400x300.mp4", 20)]
)
def test_real_people_are_found_once_in_every_frame(models, real_data, name: str, every: int) -> None:
    with open_video(real_data / "videos" / name) as video:
        counts = [len(models.detect(f.rgb)) for f in video.frames() if f.index % every == 0]
    assert counts == [1] * len(counts)


def test_the_film_without_a_face_has_none(models, real_data) -> None:
    with open_video(real_data / "videos" / "no_face_960x540.mp4") as video:
        assert not any(models.detect(f.rgb) for f in video.frames() if f.index % 2 == 0)


def test_an_unknown_detector_gets_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'blazeface'"):
        load_face_models("blazefase")
