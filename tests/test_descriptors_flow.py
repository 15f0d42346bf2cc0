"""Descriptors of flow by blocks: HOOF, FHOFO and Bi-WOOF."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.descriptors import bi_woof, fhofo, hoof
from merkit.descriptors.blocks import block_map
from merkit.descriptors.directions import direction_bins, folded_bins
from merkit.descriptors.fhofo import fuzzy_membership
from merkit.errors import ConfigError, DataError

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
ALL = [hoof, fhofo, bi_woof]


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The descriptors as loops over frames and blocks."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("plain.descriptors")


def random_flow(n: int, height: int = 24, width: int = 20, seed: int = 0) -> np.ndarray:
    flow = np.random.default_rng(seed).normal(size=(n, height, width, 2)).astype(np.float32)
    flow[:, :6, :5] = 0  # a block without motion
    return flow


def mirror(flow: np.ndarray) -> np.ndarray:
    return flow[..., ::-1, :] * np.array([-1, 1], np.float32)


@pytest.mark.parametrize("bins", [2, 4, 8, 12, 36])
def test_every_direction_lies_in_the_bin_around_it(bins: int) -> None:
    width = 2 * np.pi / bins
    for k in range(bins):
        for share in (0.01, 0.5, 0.99):
            angle = -np.pi + (k + share) * width
            u, v = np.array([np.cos(angle)]), np.array([np.sin(angle)])
            assert direction_bins(u, v, bins).item() == k
            assert direction_bins(u, v, bins, centred=True).item() == (k + (share > 0.5 - 1e-9)) % bins


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_directions_along_an_edge_lie_in_the_bin_that_begins_there(kind) -> None:
    u = np.array([-1, -1, 0, 1, 1, 1, 0, -1], kind)
    v = np.array([0, -1, -1, -1, 0, 1, 1, 1], kind)
    assert direction_bins(u, v, 8).tolist() == list(range(8))
    assert direction_bins(u, np.where(v == 0, -v, v), 8).tolist() == list(range(8))  # minus zero
    assert direction_bins(u, v, 8, centred=True).tolist() == list(range(8))
    assert folded_bins(u, v, 4).tolist() == [2, 1, 0, 1, 2, 3, 3, 3]


def test_hoof_is_the_loop_over_frames_and_blocks(plain: ModuleType) -> None:
    flow = random_flow(4)
    assert np.abs(hoof(flow, (4, 4)) - plain.hoof(flow, (4, 4), 8)).max() < 1e-6


def test_fhofo_is_the_loop_over_frames_and_blocks(plain: ModuleType) -> None:
    flow = random_flow(4)
    assert np.abs(fhofo(flow, (4, 4)) - plain.fhofo(flow, (4, 4), 8, 36, 10.0)).max() < 1e-6


def test_bi_woof_is_the_loop_over_frames_and_blocks(plain: ModuleType) -> None:
    flow = random_flow(4)
    expected = plain.bi_woof(flow, (4, 4), 8)
    assert np.abs(bi_woof(flow, (4, 4)) - expected).max() < 1e-5 * expected.max()


def test_hoof_of_a_hand_made_field() -> None:
    flow = np.zeros((1, 2, 2, 2))
    flow[0] = [[[3, 0.1], [-1, -0.1]], [[0.1, 2], [0, 0]]]
    lengths = {4: np.hypot(3, 0.1), 0: np.hypot(1, 0.1), 5: np.hypot(2, 0.1)}
    expected = np.zeros(8)
    expected[list(lengths)] = list(lengths.values())
    assert np.allclose(hoof(flow, normalise=False)[0, 0, 0], expected)
    assert np.allclose(hoof(flow)[0, 0, 0], expected / expected.sum())


def test_folded_hoof_is_that_of_chaudhry() -> None:
    # Bin b holds angles from -pi/2 + pi (b - 1)/B to -pi/2 + pi b/B, and their mirror images.
    flow = random_flow(2)
    u, v = flow[..., 0].astype(float), flow[..., 1].astype(float)
    edges = np.linspace(-np.pi / 2, np.pi / 2, 7)
    for t in range(2):
        votes, _ = np.histogram(np.arctan2(v[t], np.abs(u[t])), edges, weights=np.hypot(u[t], v[t]))
        assert np.allclose(hoof(flow, bins=6, folded=True)[t, 0, 0], votes / votes.sum(), atol=1e-6)
    assert np.allclose(hoof(mirror(flow), bins=6, folded=True), hoof(flow, bins=6, folded=True))


@pytest.mark.parametrize("descriptor", ALL)
def test_a_still_clip_is_zero(descriptor) -> None:
    assert (descriptor(np.zeros((3, 12, 12, 2)), (2, 2)) == 0).all()


@pytest.mark.parametrize("descriptor", ALL)
def test_mirrored_flow_mirrors(descriptor) -> None:
    flow = random_flow(3)
    found, mirrored = descriptor(flow, (4, 4)), descriptor(mirror(flow), (4, 4))
    # The angle a becomes pi - a: of 8 bins from -pi on, bin b becomes 3 - b.
    bins = (3 - np.arange(8)) % 8
    assert np.allclose(mirrored[:, :, ::-1][..., bins], found, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("descriptor", ALL)
def test_histograms_sum_to_what_they_say(descriptor) -> None:
    flow = random_flow(3)
    total = descriptor(flow, (4, 4)).sum(axis=-1)
    if descriptor is bi_woof:
        assert (total[:, 0, 0] == 0).all()
        assert (total[:, 1:] > 0).all()
    else:
        assert np.allclose(total, np.where(np.isclose(total, 0), 0, 1))
        assert (total[:, 0, 0] == 0).all()
        assert np.allclose(total[:, 1:], 1)


@pytest.mark.parametrize("descriptor", ALL)
def test_axes_before_the_picture_are_kept(descriptor) -> None:
    flow = random_flow(6)
    found = descriptor(flow, (4, 2))
    assert found.shape == (6, 4, 2, 8)
    assert (descriptor(flow.reshape(2, 3, 24, 20, 2), (4, 2)).reshape(found.shape) == found).all()
    assert (descriptor(flow[2], (4, 2)) == found[2]).all()
    assert descriptor(flow[:0], (4, 2)).shape == (0, 4, 2, 8)


@pytest.mark.parametrize("descriptor", ALL)
def test_the_mean_over_time_does_not_know_the_order_or_how_often(descriptor) -> None:
    flow = random_flow(6)
    found = descriptor(flow, (4, 2)).mean(axis=0)
    assert np.allclose(descriptor(flow[::-1], (4, 2)).mean(axis=0), found)
    assert np.allclose(descriptor(np.repeat(flow, 3, axis=0), (4, 2)).mean(axis=0), found)


@pytest.mark.parametrize("descriptor", ALL)
def test_single_and_double_precision_agree(descriptor) -> None:
    flow = random_flow(2)
    assert np.allclose(descriptor(flow.astype(np.float64), (4, 4)), descriptor(flow, (4, 4)))


def test_amplitude_matters_as_it_should() -> None:
    flow = random_flow(2)
    assert np.allclose(hoof(3 * flow, (4, 4)), hoof(flow, (4, 4)), atol=1e-6)
    assert np.allclose(hoof(3 * flow, (4, 4), normalise=False), 3 * hoof(flow, (4, 4), normalise=False))
    assert np.allclose(fhofo(3 * flow, (4, 4)), fhofo(flow, (4, 4)), atol=1e-6)
    assert np.allclose(bi_woof(3 * flow, (4, 4)), 9 * bi_woof(flow, (4, 4)), rtol=1e-4)


def test_bi_woof_does_not_see_a_shift_of_the_head() -> None:
    shifted = np.ones((1, 24, 20, 2), np.float32) * (2.0, -1.0)
    assert np.abs(bi_woof(shifted)).max() < 1e-6


def test_bi_woof_of_a_stretch_is_its_length_times_its_strain() -> None:
    x = np.tile(np.arange(1.0, 13.0), (12, 1))
    found = bi_woof(np.stack([0.05 * x, np.zeros_like(x)], axis=-1), (3, 3))
    for j in range(3):
        assert np.allclose(found[:, j, 4], 0.05 * 4 * (0.05 * x[0, 4 * j : 4 * j + 4].sum()), rtol=1e-5)
    assert found[..., :4].sum() + found[..., 5:].sum() == 0


def test_fhofo_counts_vectors_and_not_their_lengths() -> None:
    flow = np.zeros((1, 4, 4, 2))
    flow[0, :1] = 0.01, 0.001
    flow[0, 1:] = -9.0, 0.2
    found = fhofo(flow, variance=0.1, bins=2)[0, 0, 0]
    fine = fuzzy_membership(36, 2, 0.1)
    # 4 vectors just below the right (bin 18), 12 just below the left (bin 35).
    expected = 4 * fine[18] + 12 * fine[35]
    assert np.allclose(found, expected / expected.sum())
    far = fhofo(flow, least=1.0, bins=2)[0, 0, 0]
    assert np.allclose(far, fuzzy_membership(36, 2, 10)[35] / fuzzy_membership(36, 2, 10)[35].sum())
    heavy = fhofo(flow, weighted=True)[0, 0, 0]
    assert np.allclose(heavy, fhofo(flow, least=1.0)[0, 0, 0], atol=1e-3)


def test_membership_goes_around_the_circle() -> None:
    membership = fuzzy_membership(36, 4, 10.0)
    # Middle of coarse bin 0 at 45 degrees from the left, that of fine bin 4.
    assert membership.argmax(axis=0).tolist() == [4, 13, 22, 31]
    assert membership[4, 0] == pytest.approx(1)
    assert membership[5, 0] == pytest.approx(np.exp(-1 / 20))
    assert membership[35, 0] == pytest.approx(np.exp(-25 / 20))
    assert np.allclose(np.roll(membership[:, 0], 9), membership[:, 1])


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6), st.integers(1, 6))
def test_blocks_cover_the_picture_in_order(height: int, width: int, rows: int, columns: int) -> None:
    if height < rows or width < columns:
        return
    blocks = block_map((height, width), rows, columns)
    assert blocks.shape == (height, width)
    assert sorted(set(blocks.ravel().tolist())) == list(range(rows * columns))
    assert (np.diff(blocks, axis=1) >= 0).all()
    assert (np.diff(blocks, axis=0) >= 0).all()


@pytest.mark.parametrize("descriptor", ALL)
def test_flow_that_is_none_is_refused(descriptor) -> None:
    with pytest.raises(DataError, match="float flow"):
        descriptor(np.zeros((3, 8, 8), np.float32))
    with pytest.raises(DataError, match="float flow"):
        descriptor(np.zeros((3, 8, 8, 2), np.uint8))
    with pytest.raises(DataError, match="not finite"):
        descriptor(np.full((8, 8, 2), np.nan))
    with pytest.raises(ConfigError, match="finer than"):
        descriptor(np.zeros((8, 8, 2)), (9, 1))
    with pytest.raises(ConfigError, match=r"\(rows, columns\)"):
        descriptor(np.zeros((8, 8, 2)), (2, 2, 2))
    with pytest.raises(ConfigError, match="1 bins"):
        descriptor(np.zeros((8, 8, 2)), (2, 2), bins=1)


def test_settings_of_one_descriptor_are_checked() -> None:
    with pytest.raises(ConfigError, match="variance 0"):
        fhofo(np.zeros((8, 8, 2)), variance=0)
    with pytest.raises(DataError, match="2 or more"):
        bi_woof(np.zeros((1, 8, 2)), (1, 1))
