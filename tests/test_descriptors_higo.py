"""HIGO and HOG on three planes."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from merkit.descriptors import higo
from merkit.errors import ConfigError, DataError

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def clip(n: int = 9, height: int = 26, width: int = 26, levels: int = 256, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, levels, (n, height, width)).astype(np.uint8)


@pytest.mark.parametrize("levels", [256, 5])
@pytest.mark.parametrize("bins", [4, 8, 9])
def test_it_is_the_loop_over_blocks(levels: int, bins: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # With few levels many gradients lie along an axis or a diagonal, or are none.
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    plain = importlib.import_module("plain.descriptors")
    frames = clip(levels=levels)
    assert np.abs(higo(frames, (3, 4), bins) - plain.higo(frames, (3, 4), bins)).max() < 1e-12


def test_a_hand_made_ramp() -> None:
    t, y, x = np.mgrid[:5, :6, :6]
    frames = (100 + 3 * x - 3 * y + 6 * t).astype(np.uint8)
    found = higo(frames, (1, 1))[0, 0]
    # Right and up is bin 3; right and twice as much later lies between 45 and 90 degrees, bin 5; up and
    # later lies beyond 90, bin 6.
    assert found.argmax(axis=1).tolist() == [3, 5, 6]
    assert np.allclose(found.max(axis=1), 1)


def test_lengths_count_only_if_asked() -> None:
    frames = np.zeros((3, 4, 8), np.uint8)
    frames[..., :4] = 10 * np.arange(4)  # rising by 20 over two pixels
    frames[..., 4:] = 30 - 5 * np.arange(4)  # falling by 10
    count = higo(frames, (1, 1), bins=2, planes=["xy"]).ravel()
    weighted = higo(frames, (1, 1), bins=2, planes=["xy"], weighted=True).ravel()
    gradient = (frames[0, 1, 2:].astype(int) - frames[0, 1, :-2]).clip(-99, 99)
    right, left = gradient[gradient > 0], -gradient[gradient < 0]
    assert np.allclose(count, [len(left), len(right)] / np.array(len(left) + len(right)))
    assert np.allclose(weighted, [left.sum(), right.sum()] / (left.sum() + right.sum()))


def test_a_flat_clip_is_zero_and_a_still_one_has_no_gradient_in_time() -> None:
    assert (higo(np.full((5, 12, 12), 9, np.uint8), (2, 2)) == 0).all()
    still = np.repeat(clip(1), 6, axis=0)
    found = higo(still, (2, 2))
    # On "xt" and "yt" only left (bin 0) and right (bin 4) are left.
    assert np.allclose(found[:, :, 1:, [0, 4]].sum(axis=-1), 1)
    assert np.allclose(found, higo(np.repeat(clip(1), 20, axis=0), (2, 2)))


def test_a_mirrored_clip_mirrors() -> None:
    # Gradients along an edge of bins are rare in fine levels, and mirrored they would change sides.
    t, y, x = np.mgrid[:7, :26, :26].astype(float)
    soft = gaussian_filter(np.random.default_rng(0).normal(size=(7, 26, 26)), 1.5)
    frames = np.rint(128 + 2.03 * (x - 13) + 1.01 * y + t + 100 * soft).astype(np.uint8)
    found, mirrored = higo(frames, (4, 4), bins=6), higo(frames[:, :, ::-1], (4, 4), bins=6)[:, ::-1]
    bins = (2 - np.arange(6)) % 6
    along_an_edge = 0.12
    assert np.abs(mirrored[:, :, :2][..., bins] - found[:, :, :2]).max() < along_an_edge
    assert np.abs(mirrored[:, :, :2] - found[:, :, :2]).max() > 3 * along_an_edge
    assert (mirrored[:, :, 2] == found[:, :, 2]).all()


def test_the_order_of_frames_matters_in_time_only() -> None:
    frames = clip()
    order = np.r_[0, np.random.default_rng(0).permutation(np.arange(1, 8)), 8]
    found, shuffled = higo(frames, (2, 2)), higo(frames[order], (2, 2))
    assert (found[:, :, 0] == shuffled[:, :, 0]).all()
    assert (found[:, :, 1:] != shuffled[:, :, 1:]).any()


def test_contrast_changes_nothing_but_weighted_histograms_count_what_is_strong() -> None:
    frames = clip(levels=80)
    assert (higo(frames * np.uint8(3), (2, 2)) == higo(frames, (2, 2))).all()
    half = frames.copy()
    half[:, :, :13] *= 3  # light from the left
    assert np.abs(higo(half, (1, 2)) - higo(frames, (1, 2))).max() < 0.03


def test_planes_and_parts_are_chosen() -> None:
    frames = clip(12)
    whole = higo(frames, (2, 2))
    assert whole.shape == (2, 2, 3, 8)
    assert (higo(frames, (2, 2), planes=("xt", "yt")) == whole[:, :, 1:]).all()
    parts = higo(frames, (2, 2, 2))
    assert parts.shape == (2, 2, 2, 3, 8)
    assert np.allclose(parts[0], higo(frames[:7], (2, 2)))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match="grey uint8"):
        higo(clip().astype(float))
    with pytest.raises(DataError, match="need 3"):
        higo(clip(2))
    with pytest.raises(ConfigError, match="xy, xt, yt"):
        higo(clip(), planes=())
    with pytest.raises(ConfigError, match="2 to 254"):
        higo(clip(), bins=255)
    with pytest.raises(ConfigError, match="finer than"):
        higo(clip(), (25, 1))
