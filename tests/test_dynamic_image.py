"""Rank pooling, exact and approximate, and the scaling of dynamic images."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, shift

from merkit.errors import ConfigError, DataError
from merkit.motion.dynamic_image import (
    POOLINGS,
    approximate_rank_pooling,
    dynamic_images,
    exact_rank_pooling,
    rank_pooling_coefficients,
)
from merkit.motion.image_scale import scale_min_max, scale_symmetric, symmetric_limit
from merkit.motion.rank_pooling import solve_rank_pooling

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
# Computed by hand from 2 (T - t + 1) - (T + 1) (H_T - H_{t-1}).
TABLE = {
    2: [-0.5, 0.5],
    3: [-1.3333, 0.6667, 0.6667],
    4: [-2.4167, 0.5833, 1.0833, 0.75],
    5: [-3.7, 0.3, 1.3, 1.3, 0.8],
    6: [-5.15, -0.15, 1.35, 1.6833, 1.4333, 0.8333],
    8: [-8.4607, -1.4607, 1.0393, 2.0393, 2.2893, 2.0893, 1.5893, 0.875],
    10: [-12.2187, -3.2187, 0.2813, 1.948, 2.698, 2.898, 2.7313, 2.3028, 1.6778, 0.9],
}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Rank pooling as the papers write it, with scikit-learn's solver for the exact one."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("plain.temporal")


def smooth(seed: int, sigma: float, size: int = 24) -> np.ndarray:
    """A soft texture of standard deviation 1."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), sigma)
    return (field - field.mean()) / field.std()


def moving(kind: str, n: int, noise: float = 0.0) -> np.ndarray:
    """A clip in which every pixel, or a whole picture, goes one way only; in whole grey levels."""
    face, part = 120 + 40 * smooth(1, 2), smooth(2, 3)
    progress = np.linspace(0, 1, n) ** 1.5
    if kind == "brightening":
        frames = np.stack([face + 10 * g * part for g in progress])
    elif kind == "shifting":
        frames = np.stack([shift(face, (0.5 * g, 2 * g), order=3, mode="nearest") for g in progress])
    else:
        # Every pixel in its own time.
        frames = np.stack([face + 10 * part * g ** np.exp(smooth(3, 3) / 2) for g in progress])
    return np.rint(frames + noise * np.random.default_rng(4).normal(size=frames.shape))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("n", sorted(TABLE))
def test_coefficients_are_those_of_the_table(n: int) -> None:
    assert np.abs(rank_pooling_coefficients(n) - TABLE[n]).max() < 5.1e-5


@given(st.integers(1, 400))
def test_coefficients_sum_to_zero(n: int) -> None:
    for means in (True, False):
        coefficients = rank_pooling_coefficients(n, means)
        assert abs(coefficients.sum()) < 1e-11 * max(1.0, np.abs(coefficients).sum())


def test_without_running_means_coefficients_are_a_line() -> None:
    assert rank_pooling_coefficients(5, running_means=False).tolist() == [-4, -2, 0, 2, 4]


@pytest.mark.parametrize("n", [1, 2, 7, 20])
def test_approximate_pooling_is_the_sum_over_all_pairs(n: int, plain: ModuleType) -> None:
    frames = np.random.default_rng(n).integers(0, 256, (n, 6, 5, 3)).astype(np.uint8)
    assert np.allclose(approximate_rank_pooling(frames), plain.approximate_rank_pooling(frames), atol=1e-9)


@pytest.mark.parametrize("method", sorted(POOLINGS))
@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_a_still_clip_is_exactly_zero(method: str, n: int) -> None:
    for frame in (np.full((4, 4), 77, np.uint8), np.random.default_rng(0).random((4, 4))):
        assert (POOLINGS[method](np.repeat(frame[None], n, axis=0)) == 0).all()


def test_a_constant_adds_nothing_and_contrast_scales() -> None:
    frames = moving("spreading", 9)
    d = approximate_rank_pooling(frames)
    assert np.allclose(approximate_rank_pooling(frames + 31), d, atol=1e-9)
    assert np.allclose(approximate_rank_pooling(3 * frames), 3 * d, atol=1e-9)


@pytest.mark.parametrize("method", sorted(POOLINGS))
def test_two_frames_the_other_way_round_are_negated(method: str) -> None:
    frames = moving("spreading", 2)
    assert np.allclose(POOLINGS[method](frames[::-1]), -POOLINGS[method](frames))


@pytest.mark.parametrize("method", sorted(POOLINGS))
def test_a_mirrored_clip_mirrors(method: str) -> None:
    frames = moving("spreading", 8, noise=2)
    assert np.allclose(POOLINGS[method](frames[:, :, ::-1])[:, ::-1], POOLINGS[method](frames), atol=1e-7)


@pytest.mark.parametrize("n", [3, 10, 40])
@pytest.mark.parametrize("noise", [0, 2])
@pytest.mark.parametrize("kind", ["brightening", "shifting", "spreading"])
def test_exact_and_approximate_agree_where_all_goes_one_way(kind: str, n: int, noise: float) -> None:
    frames = moving(kind, n, noise)
    assert cosine(exact_rank_pooling(frames), approximate_rank_pooling(frames)) >= 0.9


def spread(frames: np.ndarray, plain: ModuleType) -> float:
    """Mean squared distance of the running means of two times."""
    means = plain.running_means(frames)
    earlier, later = np.triu_indices(len(means), 1)
    return float(((means[later] - means[earlier]) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize("regularisation", [0.001, 0.03, 0.1, 1.0])
@pytest.mark.parametrize(("kind", "n"), [("shifting", 6), ("spreading", 15)])
def test_exact_pooling_reaches_the_least_objective(
    kind: str, n: int, regularisation: float, plain: ModuleType
) -> None:
    frames = moving(kind, n, noise=2)
    weight = regularisation * spread(frames, plain)
    found = plain.ranking_objective(exact_rank_pooling(frames, regularisation), frames, weight)
    other = plain.ranking_objective(plain.exact_rank_pooling(frames, weight), frames, weight)
    assert found == pytest.approx(other, rel=1e-3)
    assert found <= other * (1 + 2e-6)


def test_no_picture_nearby_has_a_smaller_objective(plain: ModuleType) -> None:
    frames = moving("spreading", 12, noise=3)
    weight = 0.05 * spread(frames, plain)
    d = exact_rank_pooling(frames, 0.05, tolerance=1e-9)
    least = plain.ranking_objective(d, frames, weight)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.3):
        for _ in range(10):
            aside = rng.normal(size=d.shape)
            nearby = d + size * np.linalg.norm(d) * aside / np.linalg.norm(aside)
            assert plain.ranking_objective(nearby, frames, weight) >= least
        assert plain.ranking_objective(d * (1 + size), frames, weight) >= least
        assert plain.ranking_objective(d * (1 - size), frames, weight) >= least


@pytest.mark.parametrize("running_means", [True, False])
def test_exact_pooling_ranks_the_frames(running_means: bool, plain: ModuleType) -> None:
    frames = moving("shifting", 10)
    d = exact_rank_pooling(frames, 1e-4, running_means)
    ranked = plain.running_means(frames) if running_means else frames.reshape(10, -1)
    assert (np.diff(ranked @ d.ravel()) > 0).all()


def test_contrast_and_size_change_the_length_of_an_exact_image_only() -> None:
    frames = moving("spreading", 10, noise=1)
    d = exact_rank_pooling(frames, tolerance=1e-10)
    assert np.allclose(exact_rank_pooling(5 * frames, tolerance=1e-10), d / 5, rtol=1e-3, atol=1e-7)
    tiled = exact_rank_pooling(np.tile(frames, (1, 2, 2)), tolerance=1e-10)
    assert cosine(tiled[:24, :24], d) > 0.99999


def test_much_regularisation_gives_the_approximate_image() -> None:
    frames = moving("spreading", 12, noise=3)
    assert cosine(exact_rank_pooling(frames, 50.0), approximate_rank_pooling(frames)) > 0.99999


@pytest.mark.parametrize("weight", [1e-8, 1.0, 1e8])
def test_the_solver_says_how_close_it_came(weight: float) -> None:
    points = np.random.default_rng(0).normal(size=(20, 400)).cumsum(axis=0)
    solution = solve_rank_pooling(points @ points.T, weight, 1e-8)
    assert 0 <= solution.gap <= 1e-8
    assert solution.coefficients.sum() == pytest.approx(0, abs=1e-9 * np.abs(solution.coefficients).sum())
    d = solution.coefficients @ points
    earlier, later = np.triu_indices(20, 1)
    losses = np.clip(1 - (points[later] - points[earlier]) @ d, 0, None)
    assert solution.objective == pytest.approx(weight / 2 * d @ d + losses.mean(), rel=1e-6)


def solve_all(several: np.ndarray, tolerance: float) -> None:
    # Where a processor's rounding happens to close the gap of one, it does not close that of all.
    for points in several:
        solve_rank_pooling(points @ points.T, tolerance=tolerance)


def test_the_solver_refuses_what_it_cannot_solve() -> None:
    with pytest.raises(ConfigError, match="regularisation 0"):
        solve_rank_pooling(np.eye(3), 0)
    with pytest.raises(ConfigError, match="tolerance -1"):
        solve_rank_pooling(np.eye(3), tolerance=-1)
    with pytest.raises(DataError, match="square"):
        solve_rank_pooling(np.ones((3, 4)))
    with pytest.raises(DataError, match="ask for a greater tolerance"):
        solve_all(np.random.default_rng(0).normal(size=(20, 12, 5)), 1e-30)


def test_segments_are_pooled_one_by_one() -> None:
    frames = moving("spreading", 11)
    images = dynamic_images(frames, 3)
    for image, (a, b) in zip(images, [(0, 4), (4, 7), (7, 11)], strict=True):
        assert (image == approximate_rank_pooling(frames[a:b])).all()
    given_bounds = dynamic_images(frames, [0, 5, 9], "exact")
    assert given_bounds.shape == (2, 24, 24)
    assert (given_bounds[1] == exact_rank_pooling(frames[5:9])).all()
    assert (dynamic_images(frames)[0] == approximate_rank_pooling(frames)).all()


def test_bad_segments_are_refused() -> None:
    frames = moving("spreading", 4)
    with pytest.raises(DataError, match="cannot be cut"):
        dynamic_images(frames, 5)
    with pytest.raises(ConfigError, match="bounds that rise"):
        dynamic_images(frames, [0, 9])
    with pytest.raises(DataError, match="without frames"):
        dynamic_images(frames, [0, 2, 2])
    with pytest.raises(ConfigError, match="did you mean 'exact'"):
        dynamic_images(frames, 1, "exakt")
    with pytest.raises(DataError, match="not finite"):
        approximate_rank_pooling(np.array([0.0, np.inf]))
    with pytest.raises(ConfigError, match="regularisation 0"):
        exact_rank_pooling(frames, 0)
    with pytest.raises(ConfigError, match="1 or more"):
        rank_pooling_coefficients(0)


def test_symmetric_scaling_keeps_zero_and_compares_amplitudes() -> None:
    weak, strong = np.array([-1.0, 0.0, 0.5]), np.array([-9.0, 0.0, 2.0])
    assert scale_symmetric(weak, 4).tolist() == [-0.25, 0, 0.125]
    assert scale_symmetric(strong, 4).tolist() == [-1, 0, 0.5]
    assert scale_symmetric(strong, 4, clip=3).tolist() == [-2.25, 0, 0.5]


def test_min_max_scaling_fills_the_range_and_loses_the_amplitude() -> None:
    image = np.random.default_rng(0).normal(size=(5, 5))
    stretched = scale_min_max(image)
    assert (stretched.min(), stretched.max()) == (0, 255)
    assert np.allclose(scale_min_max(0.01 * image), stretched)
    assert (scale_min_max(np.zeros((3, 3))) == 127.5).all()


def test_the_limit_is_a_percentile_of_sizes() -> None:
    assert symmetric_limit(np.arange(-100, 101.0), 50) == 50
    with pytest.raises(DataError, match="something moves"):
        symmetric_limit(np.zeros(10))
    with pytest.raises(DataError, match="0 values"):
        symmetric_limit(np.zeros(0))
    with pytest.raises(ConfigError, match="percentile 0"):
        symmetric_limit(np.ones(3), 0)
    with pytest.raises(ConfigError, match="limit 0"):
        scale_symmetric(np.ones(3), 0)
