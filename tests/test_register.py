"""The face crop and the robust fit of head motion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.errors import DataError
from merkit.faces.geometry import PARTS, CropGeometry, compose, grid_points, invert, part_weights, transform
from merkit.faces.register import RigidFit

floats = st.floats(-1.0, 1.0)


@given(st.lists(st.floats(0, 500), min_size=2, max_size=2), st.floats(20, 300), st.floats(-60, 60))
def test_crop_puts_the_eyes_in_place(corner: list[float], distance: float, angle: float) -> None:
    geometry = CropGeometry(160)
    turn = np.deg2rad(angle)
    eyes = np.array([corner, np.add(corner, distance * np.array([np.cos(turn), np.sin(turn)]))])
    matrix = geometry.matrix(eyes)
    assert np.allclose(transform(matrix, eyes), geometry.eyes, atol=1e-6)
    assert np.allclose(geometry.eyes, [[0.278 * 160, 0.401 * 226], [0.722 * 160, 0.401 * 226]])
    # A similarity: no shear, no mirror.
    assert matrix[0, 0] == pytest.approx(matrix[1, 1])
    assert matrix[0, 1] == pytest.approx(-matrix[1, 0])


def test_matrices_compose_and_invert() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2, 3))
    points = rng.normal(size=(5, 2))
    assert np.allclose(transform(compose(a, b), points), transform(a, transform(b, points)))
    assert np.allclose(transform(invert(a), transform(a, points)), points)


def grid_and_weights() -> tuple[np.ndarray, np.ndarray]:
    grid = grid_points((226, 160), 4)
    weights = np.ones(len(grid))
    weights[np.hypot(*(grid - (80, 165)).T) < 30] = 0.03  # mouth
    return grid, weights


@given(st.tuples(floats, floats, floats, floats))
def test_fit_recovers_any_similarity(params: tuple[float, ...]) -> None:
    grid, weights = grid_and_weights()
    fit = RigidFit(grid, weights)
    u, v = fit.u @ params, fit.v @ params
    motion = fit(np.stack([u, v], axis=1))
    assert np.allclose(motion.params, params, atol=1e-6)
    # The matrix form moves points as the flow says.
    assert np.allclose(transform(motion.matrix, grid), grid + np.stack([u, v], axis=1), atol=1e-6)


def test_fit_ignores_an_expression_and_noise() -> None:
    """A third of the face moves by 2 px: the rest must still say where the head is."""
    rng = np.random.default_rng(1)
    grid, weights = grid_and_weights()
    fit = RigidFit(grid, weights)
    params = np.array([0.8, -0.4, 0.2, -0.5])
    rigid = np.stack([fit.u @ params, fit.v @ params], axis=1)
    smile = 2.0 * np.exp(-0.5 * (np.hypot(*(grid - (80, 150)).T) / 24) ** 2)[:, None] * (0.3, -0.95)
    flow = rigid + smile + rng.normal(0, 0.1, rigid.shape)
    error = fit.field(fit(flow)) - rigid
    assert np.sqrt((error**2).sum(axis=1).mean()) < 0.08
    # Plain least squares does not do it, so the robustness is what is tested here.
    design = np.vstack([fit.u, fit.v])
    plain, *_ = np.linalg.lstsq(design, np.concatenate([flow[:, 0], flow[:, 1]]), rcond=None)
    worse = np.stack([fit.u @ plain, fit.v @ plain], axis=1) - rigid
    assert np.sqrt((worse**2).sum(axis=1).mean()) > 0.2


def test_half_a_pixel_of_expression_is_told_from_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which no single sample shows: judged one by one, they drag the head along."""
    grid = grid_points((226, 160), 4)
    fit = RigidFit(grid, np.ones(len(grid)))
    frown = 0.35 * np.exp(-0.5 * (np.hypot(*((grid - (80, 60)) / (40, 24)).T)) ** 2)[:, None] * (0.0, 1.0)

    def error(seed: int) -> float:
        motion = fit(frown + np.random.default_rng(seed).normal(0, 0.12, frown.shape))
        return float(np.sqrt((fit.field(motion) ** 2).sum(axis=1).mean()))

    smoothed = np.mean([error(seed) for seed in range(5)])
    monkeypatch.setattr("merkit.faces.register.SMOOTH", 1e-3)
    one_by_one = np.mean([error(seed) for seed in range(5)])
    assert smoothed < 0.03
    assert smoothed < 0.6 * one_by_one


def test_samples_that_are_no_raster_are_refused() -> None:
    grid = grid_points((226, 160), 4)
    with pytest.raises(DataError, match="no whole raster"):
        RigidFit(grid[:-1], np.ones(len(grid) - 1))


def test_parallax_terms_take_up_a_nod() -> None:
    grid, weights = grid_and_weights()
    depth = 30.0 * np.exp(-0.5 * (np.hypot(*(grid - (80, 120)).T) / 25) ** 2)
    flow = np.stack([np.zeros(len(grid)), 0.03 * depth], axis=1)
    left = flow - RigidFit(grid, weights, depth).field(RigidFit(grid, weights, depth)(flow))
    assert np.abs(left).max() < 1e-3


def test_part_weights_average_to_the_local_motion() -> None:
    rng = np.random.default_rng(2)
    points = rng.uniform((40, 60), (120, 200), (468, 2))
    grid = grid_points((226, 160), 4)
    weights = part_weights(points, grid, 5.0)
    assert weights.shape == (len(PARTS), len(grid))
    assert np.allclose(weights.sum(axis=1), 1.0, atol=1e-5)
    assert np.allclose(weights @ np.ones((len(grid), 2)), 1.0, atol=1e-5)
