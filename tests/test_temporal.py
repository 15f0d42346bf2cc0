"""Temporal normalisation: the temporal interpolation model, linear, and picking frames."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.errors import ConfigError, DataError
from merkit.motion.interpolate import (
    RESAMPLERS,
    frame_positions,
    linear_weights,
    nearest_indices,
    resample,
    resample_linear,
    resample_nearest,
    resample_tim,
    round_to_uint8,
    tim_weights,
)
from merkit.motion.segments import segment_bounds

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def clip(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Random grey levels, uint8."""
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


@given(st.integers(1, 60), st.integers(0, 1000))
def test_tim_of_the_same_length_is_the_clip(n: int, seed: int) -> None:
    frames = clip(n, 5, 4, seed=seed)
    assert np.abs(resample_tim(frames, n) - frames).max() <= 1e-10


@given(st.integers(2, 25), st.integers(1, 5))
def test_tim_goes_through_the_frames_it_is_given(n: int, finer: int) -> None:
    frames = clip(n, 3, 3)
    resampled = resample_tim(frames, (n - 1) * finer + 1)
    assert np.abs(resampled[::finer] - frames).max() <= 1e-10


@pytest.mark.parametrize(("n", "length"), [(3, 10), (11, 10), (30, 10), (64, 64), (64, 7), (9, 100)])
def test_tim_is_the_published_algorithm(n: int, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Graph Laplacian, its eigenvectors, singular value decomposition of the pixels, pseudo-inverse.
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    plain = importlib.import_module("plain.temporal")
    frames = clip(n, 12, 11)
    assert np.abs(resample_tim(frames, length) - plain.tim(frames, length)).max() < 1e-10


def test_tim_weights_are_the_curve_of_the_paper() -> None:
    # Equation by equation for three frames: f_k(t) = sin(pi k t + pi (N - k) / (2N)), t from 1/N to 1.
    n, t = 3, np.array([1 / 3, 1 / 2, 2 / 3, 5 / 6, 1.0])
    k = np.array([[1], [2]])
    at_frames = np.sin(np.pi * k * np.array([1, 2, 3]) / n + np.pi * (n - k) / (2 * n))
    at_times = np.sin(np.pi * k * t + np.pi * (n - k) / (2 * n))
    expected = (np.eye(n) - 1 / n) @ np.linalg.pinv(at_frames) @ at_times + 1 / n
    assert np.abs(tim_weights(3, 5) - expected.T).max() < 1e-14


@given(st.integers(1, 40), st.integers(1, 40))
def test_weights_of_a_frame_sum_to_one(n: int, length: int) -> None:
    for weights in (tim_weights(n, length), linear_weights(n, length)):
        assert weights.shape == (length, n)
        assert np.abs(weights.sum(axis=1) - 1).max() < 1e-12


@pytest.mark.parametrize("method", sorted(RESAMPLERS))
@pytest.mark.parametrize("n", [1, 2, 3, 17])
def test_a_still_clip_stays_still_to_the_last_bit(method: str, n: int) -> None:
    still = np.repeat(np.random.default_rng(1).random((1, 6, 5, 3)), n, axis=0)
    assert (resample(still, 10, method) == still[0]).all()


@pytest.mark.parametrize("method", sorted(RESAMPLERS))
def test_one_frame_is_repeated(method: str) -> None:
    frames = clip(1, 4, 4)
    assert (resample(frames, 5, method) == np.repeat(frames, 5, axis=0)).all()


def test_two_frames_are_mixed_linearly() -> None:
    frames = clip(2, 4, 4).astype(float)
    expected = [frames[0] * (1 - share) + frames[1] * share for share in (0, 0.25, 0.5, 0.75, 1)]
    assert np.allclose(resample_tim(frames, 5), expected, atol=1e-12)
    assert np.allclose(resample_linear(frames, 5), expected, atol=1e-12)


@given(st.integers(1, 30), st.integers(1, 40))
def test_linear_is_that_of_numpy(n: int, length: int) -> None:
    frames = clip(n, 3, 2)
    at = frame_positions(n, length)
    expected = np.stack([np.interp(at, np.arange(n), c) for c in frames.reshape(n, -1).T], axis=1)
    found = resample_linear(frames, length)
    assert np.abs(found.reshape(length, -1) - expected).max() < 1e-10
    assert np.abs(found - np.tensordot(linear_weights(n, length), frames, 1)).max() < 1e-10


@given(st.integers(1, 30), st.integers(1, 40))
def test_nearest_picks_a_frame_that_none_is_nearer_than(n: int, length: int) -> None:
    index, at = nearest_indices(n, length), frame_positions(n, length)
    assert (np.abs(index - at) <= 0.5 + 1e-9).all()
    assert (np.diff(index) >= 0).all()
    picked = resample_nearest(clip(n, 2, 2), length)
    assert picked.dtype == np.uint8
    assert (picked == clip(n, 2, 2)[index]).all()


def test_the_nearest_frame_is_that_of_whole_numbers():
    for n in (2, 3, 7, 8, 30):
        for length in (2, 4, 5, 11, 51, 60):
            # Position k (n - 1) / (length - 1); of a half the earlier.
            exact = [-((length - 1 - 2 * k * (n - 1)) // (2 * (length - 1))) for k in range(length)]
            assert nearest_indices(n, length).tolist() == exact, (n, length)


def test_index_subsampling_is_not_tim() -> None:
    frames = clip(25, 8, 8)
    assert np.abs(resample_tim(frames, 10) - resample_nearest(frames, 10)).max() > 10


@pytest.mark.parametrize("method", ["tim", "linear"])
def test_a_clip_played_backwards_comes_out_backwards(method: str) -> None:
    frames = clip(13, 6, 6)
    assert np.allclose(resample(frames[::-1], 8, method)[::-1], resample(frames, 8, method), atol=1e-10)


@pytest.mark.parametrize("method", sorted(RESAMPLERS))
@pytest.mark.parametrize("shape", [(), (7,), (6, 5), (6, 5, 3), (90, 101, 2)])
def test_any_array_over_time_is_a_clip(method: str, shape: tuple[int, ...]) -> None:
    frames = clip(6, *shape)
    assert resample(frames, 9, method).shape == (9, *shape)
    # Nothing mixes pixels, so pixels taken alone come out the same.
    flat = resample(frames.reshape(6, -1), 9, method)
    assert np.allclose(resample(frames, 9, method).reshape(9, -1), flat, atol=1e-10)


def test_single_precision_is_close() -> None:
    frames = clip(40, 20, 20)
    single = resample_tim(frames, 10, np.float32)
    assert single.dtype == np.float32
    assert np.abs(single - resample_tim(frames, 10)).max() < 1e-3
    assert resample_linear(frames, 10, "float32").dtype == np.float32


def test_one_frame_asked_for_is_the_middle() -> None:
    assert resample_linear(np.array([0, 1, 5]), 1).tolist() == [1.0]
    assert resample_nearest(np.array([0, 1, 5]), 1).tolist() == [1]
    assert resample_tim(np.array([0, 1, 5]), 1) == pytest.approx([1.0])


def test_levels_beyond_the_range_are_clipped_and_halves_go_to_the_even() -> None:
    assert round_to_uint8(np.array([-0.7, 0.5, 1.5, 254.6, 255.4, 900.0])).tolist() == [
        0,
        0,
        2,
        255,
        255,
        255,
    ]


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'linear'"):
        resample(clip(3, 2, 2), 5, "linaer")
    with pytest.raises(ConfigError, match="length of 0 frames"):
        resample_tim(clip(3, 2, 2), 0)
    with pytest.raises(ConfigError, match="float64 and float32"):
        resample_tim(clip(3, 2, 2), 4, np.int64)
    with pytest.raises(DataError, match="one frame or more"):
        resample_linear(clip(0, 2, 2), 5)
    with pytest.raises(DataError, match="numbers"):
        resample_nearest(np.array(["a", "b"]), 5)
    with pytest.raises(DataError, match="not finite"):
        resample_tim(np.array([0.0, np.nan]), 5)


@given(st.integers(1, 200), st.integers(1, 40))
def test_segments_cover_the_length_and_are_nearly_equal(length: int, segments: int) -> None:
    if length < segments:
        with pytest.raises(DataError, match="cannot be cut"):
            segment_bounds(length, segments)
        return
    bounds = segment_bounds(length, segments)
    sizes = np.diff(bounds)
    assert (bounds[0], bounds[-1], len(sizes)) == (0, length, segments)
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1 + (length % segments > 0)


def test_no_segment_is_no_request() -> None:
    with pytest.raises(ConfigError, match="1 or more"):
        segment_bounds(5, 0)
