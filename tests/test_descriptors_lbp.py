"""Local binary patterns on three planes, LBP-TOP and LBP-SIP."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.feature import local_binary_pattern

from merkit.descriptors import lbp_codes, lbp_sip, lbp_top
from merkit.descriptors.lbp import PLANES, uniform_patterns
from merkit.errors import ConfigError, DataError

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The descriptors as loops over slices and blocks."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("plain.descriptors")


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def soft(*shape: int) -> np.ndarray:
    """Few levels and many equal neighbours: what ties are made of."""
    field = gaussian_filter(np.random.default_rng(1).normal(size=shape), 2)
    return (np.rint(127 + 30 * field / field.std()) // 16 * 16).clip(0, 255).astype(np.uint8)


def still(*shape: int) -> np.ndarray:
    return np.repeat(noise(1, *shape[1:]), shape[0], axis=0)


@pytest.mark.parametrize("frames", [noise(13, 17, 19), soft(13, 17, 19)], ids=["noise", "soft"])
@pytest.mark.parametrize("points", [2, 4, 5, 6, 8])
@pytest.mark.parametrize("radius", [1, 2, 3])
def test_codes_are_those_of_scikit_image(frames: np.ndarray, points: int, radius: int) -> None:
    inner = slice(radius, -radius)
    slices = {"xy": 0, "xt": 1, "yt": 2}
    for plane, axis in slices.items():
        expected = np.stack(
            [
                local_binary_pattern(np.ascontiguousarray(picture), points, radius)
                for picture in np.moveaxis(frames, axis, 0)
            ],
            axis=axis,
        )[inner, inner, inner]
        assert (lbp_codes(frames, plane, (radius,) * 3, points) == expected).all(), plane


def test_codes_of_unequal_radii_are_those_of_a_loop_over_voxels() -> None:
    # scikit-image knows circles only.  On noise no interpolated neighbour equals the voxel.
    frames, radii, points = noise(12, 9, 10, seed=3), {"x": 2, "y": 1, "t": 4}, 8
    axes = {"t": 0, "y": 1, "x": 2}
    for plane in PLANES:
        codes = lbp_codes(frames, plane, (2, 1, 4), points)
        assert codes.shape == (4, 7, 6)
        for place in np.ndindex(codes.shape):
            middle = [n + r for n, r in zip(place, (4, 1, 2), strict=True)]
            code = 0
            for p in range(points):
                at = [float(n) for n in middle]
                at[axes[plane[0]]] += radii[plane[0]] * math.cos(2 * math.pi * p / points)
                at[axes[plane[1]]] -= radii[plane[1]] * math.sin(2 * math.pi * p / points)
                level = 0.0
                for corner in np.ndindex(2, 2, 2):
                    voxel = [math.floor(round(a, 9)) + c for a, c in zip(at, corner, strict=True)]
                    share = math.prod(1 - abs(round(a, 9) - v) for a, v in zip(at, voxel, strict=True))
                    level += share * float(frames[tuple(voxel)]) if share > 0 else 0.0
                code |= (level >= frames[tuple(middle)] - 1e-6) << p
            assert codes[place] == code, (plane, place)


def test_a_hand_made_neighbourhood() -> None:
    frames = np.full((3, 3, 3), 9, np.uint8)
    frames[1, 1, 1] = 10
    frames[1, 1, 2], frames[0, 1, 1], frames[1, 2, 1] = 11, 12, 10  # right, earlier, below
    found = {plane: lbp_codes(frames, plane, points=4).item() for plane in PLANES}
    # Bits: right, up, left, down; on "xt" up is earlier; on "yt" right is below and up is earlier.
    assert found == {"xy": 0b1001, "xt": 0b0011, "yt": 0b0011}


def test_uniform_patterns_are_those_of_scikit_image() -> None:
    # Same classes; the numbers differ.
    picture = noise(60, 60)
    codes = local_binary_pattern(picture, 8, 1).astype(int)
    theirs = local_binary_pattern(picture, 8, 1, method="nri_uniform").astype(int)
    ours = uniform_patterns(8)[codes].astype(int)
    pairs = set(zip(ours.ravel().tolist(), theirs.ravel().tolist(), strict=True))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 59
    for p in range(4, 9):
        assert uniform_patterns(p).max() + 1 == p * (p - 1) + 3


@pytest.mark.parametrize(("radius", "points"), [(1, 4), (2, 8)])
def test_lbp_top_is_the_loop_over_slices_and_blocks(radius: int, points: int, plain: ModuleType) -> None:
    frames = noise(9, 30, 26)
    found = lbp_top(frames, (3, 2), (radius,) * 3, points)
    assert np.abs(found - plain.lbp_top(frames, (3, 2), radius, points)).max() < 1e-12


def test_the_baseline_of_megc_2019_has_1200_numbers() -> None:
    found = lbp_top(noise(10, 64, 64))
    assert found.shape == (5, 5, 3, 16)
    assert found.size == 1200
    assert np.allclose(found.sum(axis=-1), 1)


def test_uniform_histograms_merge_the_rest() -> None:
    frames = noise(9, 30, 26)
    whole, merged = lbp_top(frames, points=8), lbp_top(frames, points=8, uniform=True)
    assert merged.shape == (5, 5, 3, 59)
    bins = uniform_patterns(8)
    for k in range(59):
        assert np.allclose(merged[..., k], whole[..., bins == k].sum(axis=-1))


def test_planes_and_parts_are_chosen() -> None:
    frames = noise(14, 30, 26)
    whole = lbp_top(frames, radii=(1, 1, 2))
    assert (lbp_top(frames, radii=(1, 1, 2), planes=("xt", "yt")) == whole[:, :, 1:]).all()
    parts = lbp_top(frames, (2, 5, 5), radii=(1, 1, 2))
    assert parts.shape == (2, 5, 5, 3, 16)
    # Frames 2 to 11 have neighbours; the first five of them are the first part.
    assert np.allclose(parts[0], lbp_top(frames[:9], radii=(1, 1, 2)))
    assert np.allclose(parts.mean(axis=0), whole)


def swap_bits(histograms: np.ndarray, order: list[int]) -> np.ndarray:
    """Histograms of patterns whose bit p is bit ``order[p]`` of what was counted."""
    source = np.arange(histograms.shape[-1])
    target = sum(((source >> old) & 1) << new for new, old in enumerate(order))
    result = np.empty_like(histograms)
    result[..., target] = histograms
    return result


@pytest.mark.parametrize("points", [4, 8])
def test_a_mirrored_clip_mirrors(points: int) -> None:
    frames = noise(9, 22, 22)
    found = lbp_top(frames, (4, 4), (1, 1, 1), points)
    mirrored = lbp_top(frames[:, :, ::-1], (4, 4), (1, 1, 1), points)[:, ::-1]
    left_right = [(points // 2 - p) % points for p in range(points)]
    assert (mirrored[:, :, 2] == found[:, :, 2]).all()
    for k in (0, 1):
        assert (mirrored[:, :, k] == swap_bits(found[:, :, k], left_right)).all()


def test_a_clip_played_backwards_swaps_earlier_and_later() -> None:
    frames = noise(9, 22, 22)
    found, backwards = lbp_top(frames, radii=(1, 1, 2)), lbp_top(frames[::-1], radii=(1, 1, 2))
    assert (backwards[:, :, 0] == found[:, :, 0]).all()
    for k in (1, 2):
        assert (backwards[:, :, k] == swap_bits(found[:, :, k], [0, 3, 2, 1])).all()


def test_the_order_of_frames_matters_in_time_only() -> None:
    frames = noise(12, 22, 22)
    order = np.r_[0, np.random.default_rng(0).permutation(np.arange(1, 11)), 11]
    found, shuffled = lbp_top(frames, radii=(1, 1, 1)), lbp_top(frames[order], radii=(1, 1, 1))
    assert (found[:, :, 0] == shuffled[:, :, 0]).all()
    assert (found[:, :, 1:] != shuffled[:, :, 1:]).any()


def test_in_a_still_clip_earlier_and_later_are_equal() -> None:
    frames = still(9, 22, 22)
    found = lbp_top(frames, radii=(1, 1, 1))
    # Bits 1 and 3 of "xt" and "yt" look along time, and equal counts as not darker.
    moved = [code for code in range(16) if (code >> 1) & 1 == 0 or (code >> 3) & 1 == 0]
    assert (found[:, :, 1:, moved] == 0).all()
    # And a still clip of any length has one descriptor.
    assert np.allclose(found, lbp_top(still(30, 22, 22), radii=(1, 1, 1)))
    assert (lbp_sip(frames, radii=(1, 1, 1))[..., 16:19] == 0).all()


def test_the_size_does_not_depend_on_the_length() -> None:
    for n in (9, 10, 33):
        assert lbp_top(noise(n, 22, 22)).shape == (5, 5, 3, 16)
        assert lbp_sip(noise(n, 22, 22)).shape == (5, 5, 20)


def test_brightness_and_contrast_change_nothing() -> None:
    frames = np.random.default_rng(0).integers(0, 80, (9, 22, 22)).astype(np.uint8)
    for other in (frames + np.uint8(50), frames * np.uint8(3)):
        assert (lbp_top(other) == lbp_top(frames)).all()
        assert (lbp_sip(other) == lbp_sip(frames)).all()


def test_lbp_sip_is_the_loop_over_blocks(plain: ModuleType) -> None:
    frames = noise(9, 30, 26)
    found = lbp_sip(frames, (3, 2), (2, 1, 3))
    assert np.abs(found - plain.lbp_sip(frames, (3, 2), (2, 1, 3))).max() < 1e-12
    assert np.allclose(found[..., :16].sum(axis=-1), 1)
    assert np.allclose(found[..., 16:].sum(axis=-1), 1)


def test_lbp_sip_holds_what_lbp_top_says_twice() -> None:
    frames = noise(11, 22, 22)
    top, sip = lbp_top(frames, radii=(1, 1, 2)), lbp_sip(frames, radii=(1, 1, 2))
    assert np.allclose(sip[..., :16], top[:, :, 0])
    # Earlier and later are bits 1 and 3 on either plane of time.
    code = np.arange(16)
    for k in (1, 2):
        for pattern in range(4):
            counted = ((code >> 1) & 1) + 2 * ((code >> 3) & 1) == pattern
            assert np.allclose(sip[..., 16 + pattern], top[:, :, k, counted].sum(axis=-1))


def test_sip_has_parts_over_time() -> None:
    assert lbp_sip(noise(14, 30, 26), (2, 3, 3), (1, 1, 2)).shape == (2, 3, 3, 20)


@pytest.mark.parametrize("descriptor", [lbp_top, lbp_sip, lbp_codes])
def test_frames_that_are_none_are_refused(descriptor) -> None:
    with pytest.raises(DataError, match="round_to_uint8"):
        descriptor(noise(10, 20, 20).astype(float))
    with pytest.raises(DataError, match="grey uint8"):
        descriptor(noise(10, 20, 20, 3))
    with pytest.raises(DataError, match=r"need \(9, 3, 3\)"):
        descriptor(noise(8, 20, 20), radii=(1, 1, 4))
    with pytest.raises(ConfigError, match="three whole numbers"):
        descriptor(noise(10, 20, 20), radii=(1, 1.5, 4))


def test_settings_that_cannot_be_are_refused() -> None:
    frames = noise(10, 20, 20)
    with pytest.raises(ConfigError, match="2 to 8"):
        lbp_top(frames, points=16)
    with pytest.raises(ConfigError, match="xy, xt, yt"):
        lbp_top(frames, planes=("xz",))
    with pytest.raises(ConfigError, match="xy, xt, yt"):
        lbp_codes(frames, "tx")
    with pytest.raises(ConfigError, match="finer than"):
        lbp_top(frames, (30, 5))
    with pytest.raises(ConfigError, match="finer than"):
        lbp_sip(frames, (3, 5, 5))  # two frames have their neighbours
    with pytest.raises(ConfigError, match="each 1 or more"):
        lbp_sip(frames, (0, 5))
