"""The flow map of a clip: what must not change it, and that it is the motion that was planted."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from filmed import photograph, portrait

import merkit.inputs.onset_apex_flow as step
from merkit.clips import Clip
from merkit.errors import AnnotationError, ConfigError, DataError
from merkit.faces.geometry import grid_points, invert
from merkit.faces.reference import STEP
from merkit.faces.register import RigidFit
from merkit.inputs.aligned import FLOW_CROP
from merkit.inputs.flow_map import flow_to_map, mirror_map
from merkit.inputs.onset_apex_flow import FlowSettings, flow_map_of, onset_apex_flow, rise
from merkit.methods import load_shipped
from merkit.simulate import FaceState, HeadPose, Movement
from merkit.video.images import gray_of

CLASS_OF = {"AU12": "positive", "AU4": "negative", "AU1+2": "surprise"}
STRENGTH = (0.0, 0.01, 0.1, 0.4, 0.8, 0.97, 1.0, 0.97, 0.7, 0.2, 0.0)
APEX, LAST = 6, 10


def frames_of(
    action_units: str, px: float, noise: float = 0.0, seed: int = 0, sway: float = 1.0
) -> np.ndarray:
    field = portrait().field(action_units)
    states = [
        FaceState(
            (Movement(field, px * part),) if part * px else (),
            head=HeadPose(0.15 * sway * t, -0.1 * sway * t, 0.03 * sway * t),
        )
        for t, part in enumerate(STRENGTH)
    ]
    return np.stack(photograph(states, noise=noise, seed=seed))


def clip_of(frames: np.ndarray, **about) -> Clip:
    marks = {"onset": 0, "apex": APEX, "offset": LAST, "fps": 100, "id": "c"}
    return Clip.from_array(np.ascontiguousarray(frames), **{**marks, **about})


def length(values: np.ndarray) -> float:
    return float(np.percentile(np.hypot(values[..., 0], values[..., 1]), 95))


@pytest.fixture(scope="module")
def smile() -> np.ndarray:
    return frames_of("AU12", 2.0)


def test_a_still_clip_gives_a_zero_map():
    frames = np.repeat(photograph([FaceState()], noise=2.0)[0][None], len(STRENGTH), axis=0)
    seen = flow_map_of(clip_of(frames))
    np.testing.assert_array_equal(seen.values, np.zeros((28, 28, 2), np.float32))
    assert seen.px200 == 0.0


@pytest.mark.parametrize("action_units", list(CLASS_OF))
def test_the_map_is_the_motion_that_was_planted(action_units):
    seen = onset_apex_flow(clip_of(frames_of(action_units, 2.0, noise=1.0)))
    true, _ = portrait().flow(FaceState(), FaceState((Movement(portrait().field(action_units), 2.0),)))
    # The engine's own flow, brought into the crop: places by the matrix, lengths by its zoom.
    matrix = seen.placement.matrix(FLOW_CROP)
    row, column = np.mgrid[: FLOW_CROP.height, : FLOW_CROP.width].astype(np.float32)
    back = invert(matrix)
    x, y = (back[k, 0] * column + back[k, 1] * row + back[k, 2] for k in (0, 1))
    there = cv2.remap(true, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR) @ matrix[:, :2].T
    expected = flow_to_map(there)
    assert np.corrcoef(seen.flow_map.values.ravel(), expected.ravel())[0, 1] > 0.9
    gain = (seen.flow_map.values * expected).sum() / (expected**2).sum()
    assert 0.6 < gain < 1.1


@pytest.mark.parametrize("action_units", list(CLASS_OF))
def test_the_shipped_recognizer_knows_what_was_planted(action_units):
    # Trained on published maps of real faces only, never on frames.
    model = load_shipped("flow-svm")
    clips = [clip_of(frames_of(action_units, 1.0, noise=2.0, seed=seed)) for seed in range(3)]
    assert model.predict(clips).tolist() == [CLASS_OF[action_units]] * 3


def test_a_mirrored_clip_gives_the_mirrored_map(smile):
    seen, turned = (flow_map_of(clip_of(frames)).values for frames in (smile, smile[:, :, ::-1]))
    off = mirror_map(turned) - seen
    # Neither the face mesh nor the flow is exactly symmetric.
    assert np.sqrt((off**2).sum(axis=-1).mean()) < 0.15 * length(seen)
    assert np.corrcoef(mirror_map(turned).ravel(), seen.ravel())[0, 1] > 0.95


def test_frames_around_the_clip_change_nothing(smile):
    wide = np.concatenate([smile[5:2:-1], smile, smile[3:8]])
    marked = clip_of(wide, numbers=range(97, 116), onset=100, apex=100 + APEX, offset=100 + LAST)
    np.testing.assert_array_equal(flow_map_of(marked).values, flow_map_of(clip_of(smile)).values)


def test_grey_and_colour_give_the_same(smile):
    grey = np.stack([gray_of(frame) for frame in smile])
    np.testing.assert_array_equal(flow_map_of(clip_of(grey)).values, flow_map_of(clip_of(smile)).values)


def test_the_order_of_clips_changes_nothing(smile):
    model = load_shipped("flow-svm")
    clips = [clip_of(smile), clip_of(frames_of("AU4", 2.0)), clip_of(smile[:, :, ::-1])]
    forwards = model.predict_proba(clips)
    again = [replace(clip) for clip in clips[::-1]]  # new objects, so that nothing is remembered
    np.testing.assert_array_equal(model.predict_proba(again)[::-1], forwards)


def test_position_size_and_sway_of_the_head_change_little(smile):
    still = frames_of("AU12", 2.0, sway=0.0)
    moved = np.stack(
        [cv2.warpAffine(f, np.array([[0.9, 0.05, 12.0], [-0.05, 0.9, 25.0]]), (320, 352)) for f in still]
    )
    seen = flow_map_of(clip_of(still)).values
    for other in (smile, moved):
        assert np.corrcoef(flow_map_of(clip_of(other)).values.ravel(), seen.ravel())[0, 1] > 0.93


def test_averaging_frames_lowers_the_noise():
    quiet = flow_map_of(clip_of(frames_of("AU12", 0.5))).values
    off = []
    for average_s in (0.0, 0.022):
        maps = [
            flow_map_of(
                clip_of(frames_of("AU12", 0.5, noise=3.0, seed=seed)), FlowSettings(average_s=average_s)
            ).values
            for seed in range(2)
        ]
        off.append(np.mean([np.sqrt(((m - quiet) ** 2).sum(axis=-1).mean()) for m in maps]))
    assert off[1] < 0.85 * off[0]


def test_the_rise_is_less_half_of_what_is_left_at_the_offset():
    # A texture that shifts by (1, 0) to the apex and stays at (.5, 0): 1 - .25 is left to see.
    rng = np.random.default_rng(0)
    fine = cv2.GaussianBlur(rng.normal(size=(300, 240)).astype(np.float32), (0, 0), 3)
    fine = 128 + 40 * fine / fine.std()

    def shown(shift: float) -> np.ndarray:
        matrix = np.array([[1, 0, shift], [0, 1, 0]], dtype=float)
        return np.clip(np.rint(cv2.warpAffine(fine, matrix, (160, 226))), 0, 255).astype(np.uint8)

    grid = grid_points(FLOW_CROP.shape, STEP)
    nothing = RigidFit(grid, np.zeros(len(grid)))
    still = np.eye(2, 3)
    alone = rise(shown(0), shown(1), None, still, FLOW_CROP, nothing, "dis")
    less = rise(shown(0), shown(1), shown(0.5), still, FLOW_CROP, nothing, "dis")
    inner = np.s_[20:-20, 20:-20, 0]
    assert alone[inner].mean() == pytest.approx(1.0, abs=0.05)
    assert less[inner].mean() == pytest.approx(0.75, abs=0.05)


def test_a_missing_apex_is_estimated_and_said(smile):
    seen = flow_map_of(clip_of(smile, apex=None))
    assert seen.apex.origin == "estimated"
    assert abs(seen.apex.number - APEX) <= 1
    with pytest.raises(AnnotationError, match="none is annotated"):
        flow_map_of(clip_of(smile, apex=None), FlowSettings(apex="annotated"))


def test_a_clip_is_measured_once(smile, monkeypatch):
    looked = []
    real = step.onset_apex_flow
    monkeypatch.setattr(step, "onset_apex_flow", lambda clip, how: looked.append(how) or real(clip, how))
    clip = clip_of(smile)
    first = flow_map_of(clip)
    assert flow_map_of(clip) is first
    flow_map_of(clip, FlowSettings(average_s=0.0))
    flow_map_of(replace(clip))  # another object may hold other frames
    assert len(looked) == 3


def test_small_frames_give_a_map_too():
    tiny = np.stack(
        [
            cv2.resize(f[60:320, 70:250], (64, 92), interpolation=cv2.INTER_AREA)
            for f in frames_of("AU12", 2.0)
        ]
    )
    assert load_shipped("flow-svm").predict([clip_of(tiny)]).tolist() == ["positive"]
    noise = np.random.default_rng(0).integers(0, 256, (11, 40, 40), np.uint8)
    assert flow_map_of(clip_of(noise), FlowSettings(face="whole")).values.shape == (28, 28, 2)
    with pytest.raises(DataError, match="clip 'c': no face was found"):
        flow_map_of(clip_of(noise))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"face": "hole"}, "face='hole'"),
        ({"average_s": -1}, "average_s=-1"),
        ({"backend": "diss"}, "unknown flow backend"),
        ({"apex": "guess"}, "apex='guess'"),
    ],
)
def test_values_that_are_not_allowed_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        FlowSettings(**options)
