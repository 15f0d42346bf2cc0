"""Finders of apex, onset and offset: the published rules by hand, and what must not change what is found."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from merkit.errors import ConfigError, DataError
from merkit.inputs.aligned import FLOW_CROP
from merkit.inputs.apex_finders import (
    APEX_FINDER,
    FINDERS,
    apex_curve,
    divide_and_conquer,
    find_apex,
    highest_in_window,
    smoothed_peak,
)
from merkit.inputs.course import CourseFit, apex_by_course, courses
from merkit.inputs.face_motion import FaceMotion
from merkit.inputs.interval import Interval, find_interval

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
OF_FLOW = ("course", "flow", "flow-regions")
OF_PICTURES = tuple(name for name in FINDERS if name not in OF_FLOW)
FPS = 50


def strength(length: int, onset: int, apex: int, offset: int) -> np.ndarray:
    return courses(length, np.array([onset]), np.array([apex]), np.array([offset]))[0]


def flow_of(course: np.ndarray, noise: float = 0.0, common: float = 0.0, seed: int = 0) -> np.ndarray:
    """Flow against the first frame, whose noise is in all the others."""
    rng = np.random.default_rng(seed)
    pattern = cv2.GaussianBlur(rng.normal(size=(28, 20, 2)).astype(np.float32), (0, 0), 3) * 5
    flow = course[:, None, None, None] * pattern + noise * rng.normal(size=(len(course), 28, 20, 2))
    flow += common * cv2.GaussianBlur(rng.normal(size=(28, 20, 2)).astype(np.float32), (0, 0), 2) * 5
    flow[0] = 0.0
    return flow


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """A texture in which a patch moves down and back, furthest in frame 6 of 15."""
    rng = np.random.default_rng(3)
    picture = cv2.GaussianBlur(rng.normal(size=(70, 61)).astype(np.float32), (0, 0), 1.5)
    picture = 128 + 40 * picture / picture.std()
    row, column = np.mgrid[:70, :61].astype(np.float32)
    bump = np.exp(-((row - 45) ** 2 + (column - 20) ** 2) / (2 * 9.0**2)).astype(np.float32)
    frames = [
        cv2.remap(
            picture, column, row - 2.5 * np.float32(s) * bump, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        for s in strength(15, 0, 6, 14)
    ]
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", FINDERS)
def test_every_finder_finds_a_clear_apex(name, crops):
    assert abs(find_apex(crops, name, fps=FPS) - 6) <= 1


@pytest.mark.parametrize("name", FINDERS)
def test_a_still_clip_gives_the_middle(name, crops):
    still = np.repeat(crops[:1], 9, axis=0)
    assert find_apex(still, name) == 4
    assert find_apex(still[:2], name) == 1


@pytest.mark.parametrize("name", FINDERS)
def test_a_mirrored_clip_gives_the_same(name, crops):
    noisy = np.clip(crops + np.random.default_rng(1).normal(scale=2, size=crops.shape), 0, 255).astype(
        np.uint8
    )
    assert find_apex(noisy[:, :, ::-1], name, fps=FPS) == find_apex(noisy, name, fps=FPS)


@pytest.mark.parametrize("name", FINDERS)
def test_colour_counts_for_nothing(name, crops):
    assert find_apex(np.repeat(crops[..., None], 3, axis=3), name, fps=FPS) == find_apex(crops, name, fps=FPS)


@pytest.mark.parametrize("name", FINDERS)
def test_a_curve_has_a_value_a_frame(name, crops):
    curve = apex_curve(crops, name)
    assert curve.shape == (len(crops),)
    assert not np.isnan(curve).any()


@pytest.mark.parametrize("name", OF_PICTURES)
def test_finders_of_pictures_refuse_flow(name):
    with pytest.raises(DataError, match="looks at pictures, not at flow"):
        find_apex(np.zeros((5, 16, 16, 2)), name)


@pytest.mark.parametrize("apex", range(4, 17))
def test_the_likeliest_course_has_its_apex_where_it_was_planted(apex):
    motion = flow_of(strength(21, 0, apex, 20)).reshape(21, -1)
    assert int(np.argmax(apex_by_course(motion))) == apex


@pytest.mark.parametrize("seed", range(5))
def test_noise_of_the_onset_frame_does_not_pull_the_apex(seed):
    # It is in every flow against that frame, and several times what moves.
    flow = flow_of(strength(31, 0, 13, 30), noise=0.5, common=4.0, seed=seed)
    assert abs(find_apex(flow, "course", fps=FPS) - 13) <= 1


def test_length_sign_and_order_of_motion_count_for_nothing():
    motion = flow_of(strength(25, 0, 11, 24), noise=0.3).reshape(25, -1)
    found = apex_by_course(motion)
    shuffled = np.random.default_rng(0).permutation(motion.shape[1])
    for same in (-motion, 1000.0 * motion, motion[:, shuffled]):
        np.testing.assert_allclose(apex_by_course(same), found, rtol=1e-6)


def test_nothing_but_noise_leaves_the_usual_place():
    # .48 of the way from onset to offset, as coders have it.
    rng = np.random.default_rng(0)
    found = [find_apex(rng.normal(size=(26, 16, 16, 2)), fps=FPS) for _ in range(20)]
    assert abs(np.mean(found) - 12) < 4


def test_a_course_explains_all_of_itself():
    course = strength(20, 0, 8, 19)
    fit = CourseFit.to(course[:, None] * np.ones((1, 50)))
    own, other = fit.log_likelihood(np.stack([course, strength(20, 0, 14, 19)]))
    # -count / 2 log(1e-6), the most that there is.
    assert own == pytest.approx(0.5 * fit.count * np.log(1e6))
    assert other < own


def test_strcn_looks_between_a_fifth_and_seven_tenths():
    # Frames floor(.2 x 20) = 4 to ceil(.7 x 20) = 14 in counting from 1: positions 3 to 13.
    for highest, expected in ((3, 3), (13, 13)):
        curve = np.zeros(20)
        curve[[2, 14]] = 9.0
        curve[highest] = 1.0
        assert highest_in_window(curve, 0.0) == expected


def test_strcn_measures_the_deviation_of_a_thumbnail():
    frames = np.zeros((3, 20, 16), np.uint8)
    frames[1, :, :8] = 100  # half of the thumbnail's columns
    frames[2] = 100  # all of it: lighter, but alike everywhere
    np.testing.assert_allclose(apex_curve(frames, "strcn"), [0.0, 50.0, 0.0])


def test_divide_and_conquer_by_hand():
    # Peaks at 1 (5), 5 (3), 7 (4).  At 4: 5 against 7, so the late half; at 6: 3 against 4, late again.
    curve = np.array([0, 5, 0, 0, 0, 3, 1, 4, 0.0])
    assert divide_and_conquer(curve, 0.0) == 7
    # A plateau is one peak, at its first frame; without a peak the highest frame is taken.
    assert divide_and_conquer(np.array([0, 1, 3, 3, 1, 0.0]), 0.0) == 2
    assert divide_and_conquer(np.arange(5.0), 0.0) == 4


def test_smoothing_passes_over_a_single_frame():
    curve = np.array([0, 1, 2, 9, 2, 6, 7, 6, 5.0])
    assert (smoothed_peak(curve, 0.1), smoothed_peak(curve, 1.5)) == (3, 6)


def test_change_of_texture_does_not_see_light(crops):
    dim = crops // 2
    curve = apex_curve(np.stack([dim[0], dim[0] + 20, dim[6]]), "lbp")
    assert curve[1] == 0.0
    assert curve[2] > 0.001


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: find_apex(np.zeros((1, 16, 16), np.uint8)), DataError, "1 frame"),
        (lambda: find_apex(np.full((3, 16, 16, 2), np.nan)), DataError, "not finite"),
        (lambda: find_apex(np.zeros((3, 16, 16, 2)), fps=0), ConfigError, "fps=0"),
        (lambda: find_apex(np.zeros((3, 16, 16, 2)), "corse"), ConfigError, "did you mean 'course'"),
        (lambda: find_interval(np.zeros((3, 16, 16, 2)), level=1.0), ConfigError, "level=1.0"),
        (lambda: find_interval(np.zeros((3, 16, 16, 2)), fps=-1), ConfigError, "fps=-1"),
        (lambda: find_interval(np.zeros((3, 16, 16, 2)), "corse"), ConfigError, "did you mean 'course'"),
        (lambda: find_interval(np.zeros((1, 16, 16, 2))), DataError, "1 frame"),
    ],
)
def test_wrong_input_is_refused_in_one_line(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("marks", [(5, 11, 24), (12, 18, 29), (3, 14, 20), (1, 5, 12)])
@pytest.mark.parametrize("method", ["course", "flow"])
def test_onset_and_offset_are_found(marks, method):
    found = find_interval(flow_of(strength(36, *marks), noise=0.1), method, fps=FPS)
    # A raised cosine is below a tenth for a fifth of its way.
    slack = 1 if method == "course" else 3
    assert abs(found.onset - marks[0]) <= slack
    assert abs(found.apex - marks[1]) <= 1
    assert abs(found.offset - marks[2]) <= slack


def test_a_long_clip_is_searched_finely_in_the_end():
    marks = (97, 111, 131)
    found = find_interval(flow_of(strength(150, *marks), noise=0.1), fps=FPS)
    assert np.abs(np.array([found.onset, found.apex, found.offset]) - marks).max() <= 1


def test_the_level_says_how_far_up_the_onset_is():
    # A cosine of 10 frames is .095 up after 2 and a half up after 5; at so low a rate nothing is smoothed.
    flow = flow_of(strength(61, 20, 30, 40))
    low, half = (find_interval(flow, "flow-regions", fps=2, level=level) for level in (0.1, 0.5))
    assert low == Interval(22, 30, 38)
    assert half == Interval(25, 30, 35)


@pytest.mark.parametrize("method", FINDERS)
def test_a_still_clip_has_no_interval(method, crops):
    assert find_interval(np.repeat(crops[:1], 9, axis=0), method, fps=FPS) is None


def test_a_mirrored_face_gives_the_same_interval():
    flow = flow_of(strength(40, 8, 17, 30), noise=0.4)
    mirrored = flow[:, :, ::-1] * np.array([-1.0, 1.0])
    assert find_interval(mirrored, fps=FPS) == find_interval(flow, fps=FPS)


def test_motion_that_was_measured_once_will_do(crops):
    motion = FaceMotion.of(crops)
    assert motion.flow.shape[0] == len(crops)
    np.testing.assert_allclose(motion.parts.sum(axis=1), 1.0, rtol=1e-5)
    assert find_apex(motion, fps=FPS) == find_apex(crops, fps=FPS)


def test_the_crop_is_that_of_the_flow_maps():
    # The finders' settings were chosen in it; another would want others.
    assert FLOW_CROP.shape == (226, 160)


def test_the_default_errs_least_of_all_that_were_measured():
    newest = sorted(RESULTS.glob("apex_error-????-??-??.json"))[-1]
    rows = json.loads(newest.read_text(encoding="utf-8"))["result"]["apex"]
    assert set(FINDERS) < {row["finder"] for row in rows}
    mean = {
        name: np.mean([row["mean_frames"] for row in rows if row["finder"] == name])
        for name in {row["finder"] for row in rows}
    }
    assert min(mean, key=mean.__getitem__) == APEX_FINDER
