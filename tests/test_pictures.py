"""Pictures of an event and the colours of flow."""

from __future__ import annotations

import colorsys
import io

import numpy as np
import pytest
from fake_analysis import face_crop, pictures_of, planted_flow
from PIL import Image

from merkit.analysis.pictures import FLOW_SCALE_KEY, event_pictures
from merkit.faces.geometry import CropGeometry
from merkit.motion import optical_flow
from merkit.motion.colors import flow_to_rgb, flow_to_rgba, wheel_legend


def _frames(webp: bytes) -> list[np.ndarray]:
    picture = Image.open(io.BytesIO(webp))
    out = []
    for i in range(picture.n_frames):
        picture.seek(i)
        out.append(np.asarray(picture.convert("RGB")))
    return out


def test_flow_colours_match_the_hsv_model():
    rng = np.random.default_rng(0)
    flow = rng.normal(0, 2, (5, 7, 2))
    got = flow_to_rgb(flow, max_px=3.0)
    for (u, v), rgb in zip(flow.reshape(-1, 2), got.reshape(-1, 3), strict=True):
        hue = np.arctan2(v, u) / (2 * np.pi) % 1.0
        expected = colorsys.hsv_to_rgb(hue, min(1.0, np.hypot(u, v) / 3.0), 1.0)
        np.testing.assert_allclose(rgb / 255.0, expected, atol=1 / 255)


def test_flow_colours_are_white_at_rest_and_where_flow_is_unknown():
    flow = np.array([[[0.0, 0.0], [np.nan, 1.0], [np.inf, 0.0]]])
    assert (flow_to_rgb(flow, 1.0) == 255).all()


def test_transparent_colours_over_white_are_the_opaque_ones():
    flow = np.random.default_rng(1).normal(0, 1, (6, 6, 2))
    rgba = flow_to_rgba(flow, 2.0).astype(float)
    alpha = rgba[..., 3:] / 255.0
    over_white = rgba[..., :3] * alpha + 255.0 * (1 - alpha)
    np.testing.assert_allclose(over_white, flow_to_rgb(flow, 2.0), atol=1.5)


def test_wheel_shows_at_each_place_the_colour_of_a_motion_to_there():
    wheel = wheel_legend(41)
    assert wheel[20, 40, :3].tolist() == [255, 0, 0]  # right is red
    assert wheel[20, 0, :3].tolist() == [0, 255, 255]  # left is cyan
    assert wheel[20, 20].tolist() == [255, 255, 255, 255]
    assert wheel[0, 0, 3] == 0  # nothing outside the disc


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: flow_to_rgb(np.zeros((3, 3)), 1.0), "shape"),
        (lambda: flow_to_rgb(np.zeros((3, 3, 2)), 0.0), "max_px"),
        (lambda: flow_to_rgba(np.zeros((3, 3, 2)), 1.0, 1.5), "opacity"),
        (lambda: wheel_legend(2), "size"),
    ],
)
def test_wrong_arguments_of_colours_are_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()


def test_stills_are_the_given_crops():
    onset = np.asarray(Image.open(io.BytesIO(pictures_of("positive").onset)).convert("RGB"), dtype=float)
    assert onset.shape == face_crop().shape
    assert np.abs(onset - face_crop()).mean() < 4.0  # camera noise of 3 and JPEG


def test_large_crops_are_shrunk_and_small_ones_are_not_blown_up():
    flow = planted_flow("positive")[None]
    for width, expected in ((500, 320), (100, 100)):
        pictures = event_pictures(face_crop(width), face_crop(width), flow)
        assert Image.open(io.BytesIO(pictures.onset)).width == expected


def test_loop_goes_out_and_comes_back_and_moves_by_gain_times_flow():
    crop = face_crop(240)
    flow = planted_flow("positive", 240)
    frames = _frames(event_pictures(crop, crop, np.stack([flow * a for a in (0, 0.5, 1.0)]), gain=3.0).loop)
    assert 3 <= len(frames) <= 16
    assert np.abs(frames[0].astype(int) - crop).mean() < 4.0
    # The farthest frame is the middle one, and the way back mirrors the way out.
    away = [np.abs(f.astype(int) - frames[0]).mean() for f in frames]
    middle = len(frames) // 2
    assert int(np.argmax(away)) == middle
    assert away[1] == pytest.approx(away[-1], abs=0.5)
    rest, far = (np.asarray(Image.fromarray(frames[i]).convert("L")) for i in (0, middle))
    seen = optical_flow(rest, far)
    y, x = round(0.70 * crop.shape[0]), round(0.31 * 240)
    around = seen[y - 8 : y + 8, x - 8 : x + 8].reshape(-1, 2).mean(axis=0)
    expected = 3.0 * flow[y - 8 : y + 8, x - 8 : x + 8].reshape(-1, 2).mean(axis=0)
    np.testing.assert_allclose(around, expected, rtol=0.35)


def test_gain_makes_faint_motion_visible_and_leaves_strong_motion_alone():
    crop = face_crop()
    gains = {
        amplitude: event_pictures(crop, crop, planted_flow("surprise", amplitude=amplitude)[None]).gain
        for amplitude in (0.05, 1.0, 12.0)
    }
    assert gains[0.05] == 12.0
    assert gains[12.0] == 1.0
    # 5 % of a face of 148 px in the 160 px grid is 7.4 px, at a peak of 1.4 px (less by smoothing).
    assert gains[1.0] == pytest.approx(0.05 * 200 / CropGeometry(160).px200 / 1.4, rel=0.15)


def test_flow_picture_states_its_scale_whatever_the_grid():
    crop = face_crop()
    scales = []
    for width in (80, 160, 320):
        flow = planted_flow("surprise", width, amplitude=width / 160)
        picture = Image.open(io.BytesIO(event_pictures(crop, crop, flow[None]).flow))
        assert picture.mode == "RGBA"
        scales.append(float(picture.info[FLOW_SCALE_KEY]))
    # 1.4 px of a 160 px crop are 1.4 × 1.351 px200; the 99th percentile after smoothing is a little less.
    assert scales == pytest.approx([1.75] * 3, abs=0.15)


def test_flow_picture_is_transparent_where_nothing_moves():
    rgba = np.asarray(Image.open(io.BytesIO(pictures_of("positive").flow)))
    assert (rgba[: len(rgba) // 4, :, 3] < 40).all()
    assert rgba[round(0.70 * len(rgba)), round(0.31 * rgba.shape[1]), 3] > 150


def test_no_motion_at_all_and_single_frames_work():
    crop = face_crop(64)
    pictures = event_pictures(crop, crop, np.zeros((1, 90, 64, 2), np.float32))
    assert pictures.gain == 1.0
    nan = event_pictures(crop, crop, np.full((3, 90, 64, 2), np.nan, np.float32))
    assert np.isfinite(nan.gain)


def test_an_event_stays_below_its_budget_even_when_everything_is_noise():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (451, 320, 3), dtype=np.uint8)
    p = event_pictures(noise, noise, rng.normal(0, 2, (20, 226, 160, 2)).astype(np.float32))
    assert sum(map(len, (p.onset, p.apex, p.flow, p.loop))) < 250_000
    p = pictures_of("negative")
    assert sum(map(len, (p.onset, p.apex, p.flow, p.loop))) < 150_000


def test_same_input_gives_same_bytes():
    crop, flow = face_crop(120), planted_flow("negative")[None]
    assert event_pictures(crop, crop, flow) == event_pictures(crop, crop, flow)


@pytest.mark.parametrize(
    ("onset", "apex", "flows", "gain", "word"),
    [
        ((9, 9), (9, 9), (1, 9, 9, 2), None, "onset_rgb"),
        ((9, 9, 3), (8, 9, 3), (1, 9, 9, 2), None, "one shape"),
        ((9, 9, 3), (9, 9, 3), (0, 9, 9, 2), None, "flows"),
        ((9, 9, 3), (9, 9, 3), (1, 9, 9, 2), -1.0, "gain"),
    ],
)
def test_wrong_arguments_of_pictures_are_named(onset, apex, flows, gain, word):
    with pytest.raises(ValueError, match=word):
        event_pictures(np.zeros(onset, np.uint8), np.zeros(apex, np.uint8), np.zeros(flows), gain)
