"""Optical flow backends and optical strain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, map_coordinates

from merkit.errors import ConfigError, DataError
from merkit.motion import BACKENDS, optical_flow, strain, strain_tensor


def texture(seed: int = 0, shape: tuple[int, int] = (96, 112)) -> np.ndarray:
    """A band-limited texture, 0 to 255 as float."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.8)
    return 127.0 + 60.0 * field / field.std() / 2.0


def moved(picture: np.ndarray, u: np.ndarray | float, v: np.ndarray | float) -> np.ndarray:
    """Picture whose content is displaced by (u, v): an exact spline warp, not cv2's rounded one."""
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(float)
    warped = map_coordinates(picture, [y - v, x - u], order=3, mode="nearest")
    return np.clip(warped.round(), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("backend", sorted(BACKENDS))
@pytest.mark.parametrize(("u", "v"), [(0.7, 0.0), (0.0, 0.7), (-0.5, 1.0)])
def test_flow_is_right_and_down_in_pixels(backend: str, u: float, v: float) -> None:
    picture = texture()
    flow = optical_flow(moved(picture, 0, 0), moved(picture, u, v), backend)
    inner = flow[16:-16, 16:-16]
    assert flow.shape == (96, 112, 2)
    assert flow.dtype == np.float32
    assert np.median(inner[..., 0]) == pytest.approx(u, abs=0.12)
    assert np.median(inner[..., 1]) == pytest.approx(v, abs=0.12)


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_still_pictures_have_no_flow(backend: str) -> None:
    picture = moved(texture(), 0, 0)
    assert np.abs(optical_flow(picture, picture, backend)).max() < 0.02


def test_mirrored_pictures_mirror_the_flow() -> None:
    a, b = moved(texture(), 0, 0), moved(texture(), 0.8, 0.3)
    flow = optical_flow(a, b)
    mirrored = optical_flow(a[:, ::-1], b[:, ::-1])[:, ::-1]
    inner = np.s_[16:-16, 16:-16]
    assert np.abs(mirrored[inner][..., 0] + flow[inner][..., 0]).mean() < 0.05
    assert np.abs(mirrored[inner][..., 1] - flow[inner][..., 1]).mean() < 0.05


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (np.zeros((64, 64), np.uint8), np.zeros((64, 65), np.uint8), "differ in size"),
        (np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8), "grey uint8"),
        (np.zeros((64, 64)), np.zeros((64, 64)), "grey uint8"),
        (np.zeros((8, 64), np.uint8), np.zeros((8, 64), np.uint8), "too small"),
    ],
)
def test_flow_refuses_wrong_pictures(first: np.ndarray, second: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        optical_flow(first, second)


def test_flow_names_the_backends_there_are() -> None:
    picture = np.zeros((64, 64), np.uint8)
    with pytest.raises(ConfigError, match="dis, dis-fine, tvl1, farneback"):
        optical_flow(picture, picture, "raft")


@given(st.lists(st.floats(-0.2, 0.2), min_size=4, max_size=4), st.floats(-5, 5), st.floats(-5, 5))
def test_strain_of_an_affine_field_is_exact(a: list[float], tx: float, ty: float) -> None:
    y, x = np.mgrid[0:9, 0:11].astype(float)
    flow = np.stack([a[0] * x + a[1] * y + tx, a[2] * x + a[3] * y + ty], axis=-1)
    e_xx, e_yy, e_xy = strain_tensor(flow)
    assert np.allclose(e_xx, a[0], atol=1e-6)
    assert np.allclose(e_yy, a[3], atol=1e-6)
    assert np.allclose(e_xy, (a[1] + a[2]) / 2, atol=1e-6)
    expected = np.sqrt(a[0] ** 2 + a[3] ** 2 + 0.5 * (a[1] + a[2]) ** 2)
    assert np.allclose(strain(flow), expected, atol=1e-6)


def test_a_small_rotation_strains_nothing() -> None:
    y, x = np.mgrid[0:20, 0:20].astype(float)
    turn = 0.01
    assert strain(np.stack([-turn * y, turn * x], axis=-1)).max() < 1e-12
