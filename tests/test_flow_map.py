"""The flow map input: what it must not change, and what must not change it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkit.errors import ConfigError, DataError
from merkit.inputs.flow_map import (
    ASPECT,
    LANDMARKS,
    decode_phase_map,
    flow_features,
    flow_to_map,
    map_p95,
    mirror_map,
    pooling_matrix,
)


def some_maps(n: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 28, 28, 2))


def test_pooling_shares_a_straddling_sample_between_its_neighbours():
    # 28 samples on 10 cells: 2.8 samples a cell, so cell 0 takes samples 0, 1 and 0.8 of sample 2.
    weights = pooling_matrix(28, 10)
    np.testing.assert_allclose(weights[0, :4] * 2.8, [1.0, 1.0, 0.8, 0.0], atol=1e-12)
    np.testing.assert_allclose(weights[1, 2:6] * 2.8, [0.2, 1.0, 1.0, 0.6], atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)


@given(st.integers(1, 60), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_pooling_keeps_the_mean_for_any_sizes(size: int, cells: int):
    values = np.random.default_rng(size * 61 + cells).normal(size=size)
    assert np.mean(pooling_matrix(size, cells) @ values) == pytest.approx(np.mean(values), abs=1e-9)


def test_pooling_equals_a_slow_plain_version():
    # Every sample repeated 10 times falls whole into one of 10 cells of 28 copies.
    values = np.random.default_rng(1).normal(size=28)
    slow = np.repeat(values, 10).reshape(10, 28).mean(axis=1)
    np.testing.assert_allclose(pooling_matrix(28, 10) @ values, slow, atol=1e-12)


@pytest.mark.parametrize("grid", [7, 10])
def test_features_do_not_depend_on_gain_or_constant_motion(grid: int):
    maps = some_maps()
    expected = flow_features(maps, grid)
    np.testing.assert_allclose(flow_features(3.7 * maps, grid), expected, atol=1e-9)
    np.testing.assert_allclose(flow_features(maps + np.array([5.0, -2.0]), grid), expected, atol=1e-9)


def test_features_of_a_known_map():
    # Rows 0-3 of 28 move by (3, 4), length 5, which is also the 95th percentile; the rest stands still.
    still = np.zeros((1, 28, 28, 2))
    still[:, :4] = (3.0, 4.0)
    seen = flow_features(still, 7).reshape(7, 7, 2)
    np.testing.assert_allclose(seen[0], np.tile([0.6, 0.8], (7, 1)))
    np.testing.assert_allclose(seen[1:], 0.0)
    assert map_p95(still)[0] == pytest.approx(5.0)


def test_mirroring_swaps_columns_and_negates_u():
    maps = some_maps()
    plain = flow_features(maps, 10).reshape(-1, 10, 10, 2)
    mirrored = flow_features(mirror_map(maps), 10).reshape(-1, 10, 10, 2)
    np.testing.assert_allclose(mirrored[..., 0], -plain[:, :, ::-1, 0], atol=1e-9)
    np.testing.assert_allclose(mirrored[..., 1], plain[:, :, ::-1, 1], atol=1e-9)


def test_a_map_without_motion_gives_zeros_not_nan():
    maps = np.full((2, 28, 28, 2), 7.0)
    maps[1, 0, 0] = 9.0  # one moving cell of 784 is not motion of a face
    np.testing.assert_array_equal(flow_features(maps), 0.0)
    np.testing.assert_array_equal(map_p95(maps), 0.0)


def test_strain_is_not_used():
    maps = some_maps()
    with_strain = np.concatenate([maps, np.full((*maps.shape[:3], 1), 99.0)], axis=-1)
    np.testing.assert_array_equal(flow_features(with_strain), flow_features(maps))
    np.testing.assert_array_equal(map_p95(with_strain), map_p95(maps))


def test_stored_maps_get_their_median_as_zero():
    stored = np.full((2, 28, 28, 3), 100, np.uint8)
    stored[0, :5, :, 0] = 150
    stored[1, :5, :, 1] = 30
    flow = decode_phase_map(stored)
    assert flow.dtype == np.float32
    assert flow[0, 0, 0].tolist() == [50.0, 0.0]
    assert flow[1, 0, 0].tolist() == [0.0, -70.0]
    np.testing.assert_allclose(flow_features(stored), flow_features(flow), atol=1e-6)
    with pytest.raises(DataError, match="uint8"):
        decode_phase_map(flow)


@pytest.mark.parametrize("width", [56, 128, 160])
def test_flow_of_any_crop_width_is_averaged_as_opencv_does(width: int):
    # OpenCV's INTER_AREA is an independent area average, exact to float32.
    flow = np.random.default_rng(width).normal(size=(round(ASPECT * width), width, 2)).astype(np.float32)
    expected = cv2.resize(flow, (28, 28), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(flow_to_map(flow), expected, atol=1e-5)


def test_flow_keeps_its_pixels_and_its_place():
    flow = np.zeros((226, 160, 2), np.float32)
    flow[: 226 // 4, 120:] = (1.5, -2.5)
    seen = flow_to_map(flow)
    assert seen.shape == (28, 28, 2)
    np.testing.assert_allclose(seen[0, -1], [1.5, -2.5])
    np.testing.assert_allclose(seen[-1], 0.0)
    np.testing.assert_allclose(seen[:, 0], 0.0)


def test_the_geometry_is_upright_and_symmetric():
    left, right = LANDMARKS["eye, image left"], LANDMARKS["eye, image right"]
    assert left[0] + right[0] == pytest.approx(1.0)
    heights = [LANDMARKS[k][1] for k in ("brow, image left", "eye, image left", "nose base", "chin")]
    assert heights == sorted(heights)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: flow_features(np.zeros((28, 28, 2))), DataError, "expected"),
        (lambda: flow_features(np.zeros((1, 28, 28, 4))), DataError, "2 or 3"),
        (lambda: flow_features(np.full((1, 28, 28, 2), np.nan)), DataError, "not finite"),
        (lambda: flow_features(np.zeros((1, 28, 28, 2)), 29), ConfigError, "grid=29"),
        (lambda: flow_to_map(np.zeros((20, 100, 2))), DataError, "smaller"),
        (lambda: flow_to_map(np.zeros((100, 100))), DataError, "shape"),
        (lambda: pooling_matrix(0, 3), ConfigError, "1 or more"),
    ],
)
def test_wrong_input_is_refused_in_one_line(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
