"""What STRCN makes of frames: key regions, matrices of pixels by time, flow, and its augmentation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from merkit.errors import ConfigError, DataError
from merkit.inputs.apex_finders import find_apex
from merkit.methods.strcn.appearance import (
    AUGMENTATIONS,
    REMOVED_PERCENT,
    augmented,
    connect,
    kept_frames,
    scatter,
    to_columns,
)
from merkit.methods.strcn.geometric import (
    ALPHAS,
    TEST_ALPHA,
    at_alpha,
    onset_apex_flow,
)
from merkit.methods.strcn.mask import (
    key_regions,
    motion_energy,
    open_mask,
    shrink_frames,
    upper_quarter,
)
from merkit.methods.strcn.resize import KERNELS, resize, resize_weights

# Resizing as MATLAB does it


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("length", [1, 2, 3, 7, 29, 30, 31, 65, 141])
def test_constants_stay_constant(kernel, length):
    weights = resize_weights(length, 30, kernel)
    assert weights.shape == (30, length)
    assert np.allclose(weights.sum(axis=1), 1.0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_same_length_changes_nothing(kernel):
    assert np.allclose(resize_weights(30, 30, kernel), np.eye(30), atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "theirs"),
    [
        ("nearest", Image.Resampling.NEAREST),
        ("bilinear", Image.Resampling.BILINEAR),
        ("bicubic", Image.Resampling.BICUBIC),
        ("box", Image.Resampling.BOX),
        ("lanczos3", Image.Resampling.LANCZOS),
    ],
)
@pytest.mark.parametrize("shape", [(64, 48), (150, 131)])
def test_resizing_is_that_of_pillow_away_from_the_border(kernel, theirs, shape):
    # Both widen their kernels when shrinking; only at the border do they differ.
    picture = np.random.default_rng(0).uniform(0, 255, (97, 83)).astype(np.float32)
    expected = np.asarray(Image.fromarray(picture).resize(shape[::-1], theirs))
    got = resize(picture, shape, kernel)
    assert np.allclose(got[10:-10, 10:-10], expected[10:-10, 10:-10], atol=2e-3)


def test_samples_beyond_the_ends_are_mirrored():
    # Half size, bicubic: taps -2..5 of the first sample, with -1 -> 0 and -2 -> 1.
    kernel = [-0.0234375, -0.0703125, 0.2265625, 0.8671875]
    raw = np.array([*kernel, *kernel[::-1]]) / 2
    expected = np.zeros(8)
    for tap, value in zip(range(-3, 5), raw, strict=True):
        expected[tap if tap >= 0 else -1 - tap] += value
    assert np.allclose(resize_weights(8, 4, "bicubic")[0], expected)


def test_two_pairs_of_kernels_are_the_same():
    for one, other in (("bilinear", "triangle"), ("bicubic", "cubic")):
        assert np.array_equal(resize_weights(20, 30, one), resize_weights(20, 30, other))
    distinct = {resize_weights(41, 30, kernel).tobytes() for kernel in KERNELS}
    assert len(distinct) == 6


def test_an_unknown_kernel_gets_the_nearest_match():
    with pytest.raises(ConfigError, match=r"'bicubc' \(did you mean 'bicubic'\?\)"):
        resize_weights(3, 4, "bicubc")
    with pytest.raises(ConfigError, match="from 0 to 4"):
        resize_weights(0, 4)


# Key regions


def energies(count: int = 5, seed: int = 0) -> list[np.ndarray]:
    """Made-up energies at the size of the mask, smooth as those of faces."""
    rng = np.random.default_rng(seed)
    return [resize(rng.uniform(0, 10, (9, 7)), (64, 48)) ** 2 for _ in range(count)]


def test_energy_is_the_difference_from_the_first_frame():
    frames = np.array([[[3.0, 1.0]], [[5.0, 1.0]], [[2.0, 4.0]]])
    assert motion_energy(frames).tolist() == [[2 + 1, 3]]


def test_energy_at_an_interval_wraps_around():
    frames = np.arange(12.0)[:, None, None] ** 2
    # |I_k - I_(k+10)|: k = 0, 1 meet 10, 11; k = 2..11 meet 0..9.
    expected = sum(abs(k**2 - ((k + 10) % 12) ** 2) for k in range(12))
    assert motion_energy(frames, 10).tolist() == [[expected]]


def test_a_quarter_of_the_pixels_is_kept_before_the_opening():
    kept = upper_quarter(energies())
    assert kept.dtype == bool
    assert kept.shape == (64, 48)
    assert kept.sum() == 768


def test_the_opening_never_adds_pixels():
    before = upper_quarter(energies())
    after = key_regions(energies())
    assert not (after & ~before).any()
    assert after.sum() < before.sum()


def test_the_opening_keeps_what_a_cross_of_five_fits_into():
    mask = np.zeros((64, 48), bool)
    mask[10, 9:12] = mask[9:12, 10] = True  # the cross itself
    mask[30, 5:40] = True  # a line, into which it does not fit
    expected = np.zeros_like(mask)
    expected[10, 9:12] = expected[9:12, 10] = True
    assert np.array_equal(open_mask(mask), expected)


@pytest.mark.parametrize(("rows", "radius"), [(64, 1), (128, 3), (240, 5)])
def test_the_disk_grows_with_the_mask(rows, radius):
    mask = np.zeros((rows, 60), bool)
    mask[20 : 20 + 2 * radius + 1, 20 : 20 + 2 * radius + 1] = True
    opened = open_mask(mask)
    assert opened.sum() > 0
    # A square one pixel narrower has no room for it.
    mask[20 + 2 * radius] = False
    assert open_mask(mask).sum() == 0


def test_the_mask_is_the_same_when_all_clips_come_twice():
    assert np.array_equal(key_regions(energies()), key_regions(energies() * 2))


def test_every_clip_counts_alike_however_much_it_moves():
    loud = energies()
    loud[0] = loud[0] * 1000
    assert np.array_equal(key_regions(loud), key_regions(energies()))


def test_the_mask_depends_on_the_clips_it_is_given_alone():
    given = energies(6)
    first = key_regions(given[:5])
    given[5] *= np.linspace(0, 100, 48)
    key_regions(given)
    assert np.array_equal(key_regions(given[:5]), first)


def test_masks_that_cannot_be_made_are_refused():
    with pytest.raises(DataError, match="nothing moves in clip 1"):
        key_regions([energies()[0], np.zeros((64, 48))])
    with pytest.raises(DataError, match="no clip"):
        key_regions([])
    scattered = [np.random.default_rng(0).uniform(0, 1, (64, 48)) for _ in range(3)]
    with pytest.raises(DataError, match=r"key regions of \d+ pixels: STRCN-A needs 64"):
        key_regions(scattered)


def test_frames_come_to_the_size_of_the_mask():
    assert shrink_frames(np.zeros((5, 300, 245), np.uint8)).shape == (5, 64, 48)
    with pytest.raises(DataError, match=r"grey frames \(K, H, W\)"):
        shrink_frames(np.zeros((5, 300, 245, 3), np.uint8))


# The matrix


def test_pixels_run_down_the_columns_of_the_picture():
    frames = np.array([[[1, 2], [3, 4], [5, 6]], [[10, 20], [30, 40], [50, 60]]])
    full = connect(frames, np.ones((3, 2), bool))
    assert full.T.tolist() == [[1, 3, 5, 2, 4, 6], [10, 30, 50, 20, 40, 60]]
    mask = np.array([[False, True], [True, True], [True, False]])
    assert connect(frames, mask)[:, 0].tolist() == [3, 5, 2, 4]


def test_a_column_put_back_is_the_masked_frame():
    rng = np.random.default_rng(0)
    frames, mask = rng.uniform(0, 255, (4, 64, 48)), rng.uniform(size=(64, 48)) < 0.25
    matrix = connect(frames, mask)
    assert matrix.shape == (mask.sum(), 4)
    for frame, column in zip(frames, matrix.T, strict=True):
        assert np.array_equal(scatter(column, mask), np.where(mask, frame, 0))


def test_thirty_frames_stay_as_they_are():
    matrix = np.random.default_rng(0).uniform(0, 255, (70, 30))
    assert np.allclose(to_columns(matrix), matrix, atol=1e-10)


@pytest.mark.parametrize("length", [2, 9, 30, 141])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_matrix_has_thirty_columns_whatever_the_clip(length, kernel):
    still = np.tile(np.arange(70.0)[:, None], length)
    columns = to_columns(still, kernel=kernel)
    assert columns.shape == (70, 30)
    assert np.allclose(columns, np.arange(70.0)[:, None])


@pytest.mark.parametrize("length", [2, 9, 20, 30, 100, 141])
@pytest.mark.parametrize("percent", REMOVED_PERCENT)
def test_as_many_frames_are_removed_as_the_share_says(length, percent):
    kept = kept_frames(length, percent, np.random.default_rng(0))
    assert len(kept) == max(length - math.ceil(round(percent * length / 100, 9)), 1)
    assert (np.diff(kept) > 0).all()
    assert set(kept) <= set(range(length))


def test_removed_frames_are_drawn():
    drawn = {tuple(kept_frames(20, 50, np.random.default_rng(seed))) for seed in range(5)}
    again = {tuple(kept_frames(20, 50, np.random.default_rng(seed))) for seed in range(5)}
    assert len(drawn) == 5
    assert drawn == again


def test_a_clip_gives_ninety_six_samples():
    matrix = np.random.default_rng(0).uniform(0, 255, (70, 40))
    assert len(AUGMENTATIONS) == len(set(AUGMENTATIONS)) == 12 * 8 == 96
    samples = [augmented(matrix, *how, np.random.default_rng(1)) for how in AUGMENTATIONS]
    assert {sample.shape for sample in samples} == {(70, 30)}
    # The first share removes nothing.
    assert np.allclose(samples[KERNELS.index("bicubic")], to_columns(matrix))
    second = matrix[:, kept_frames(40, 5, np.random.default_rng(1))]
    assert np.allclose(samples[8 + KERNELS.index("lanczos3")], to_columns(second, kernel="lanczos3"))


def test_the_last_frame_is_never_removed():
    for how in AUGMENTATIONS:
        assert np.allclose(augmented(np.ones((70, 2)), *how, np.random.default_rng(0)), 1.0)


def test_matrices_that_cannot_be_made_are_refused():
    with pytest.raises(DataError, match=r"a mask of \(64, 48\)"):
        connect(np.zeros((3, 48, 64)), np.ones((64, 48), bool))
    with pytest.raises(ConfigError, match="removing 100 per cent"):
        kept_frames(10, 100, np.random.default_rng(0))


# Flow


def face(shift: float = 0.0) -> np.ndarray:
    y, x = np.mgrid[:260, :210].astype(float)
    x = x - shift
    waves = sum(np.sin(x / a + y / b + a) for a, b in ((7, 11), (13, -9), (5, 17), (-9, 6)))
    return np.rint(128 + 25 * waves).astype(np.uint8)


@pytest.mark.parametrize("backend", ["tvl1", "dis"])
def test_a_still_face_has_no_flow(backend):
    flow = onset_apex_flow(face(), face(), backend=backend)
    assert flow.shape == (2, 300, 245)
    assert flow.dtype == np.float32
    assert np.abs(flow).max() < 1e-3


@pytest.mark.parametrize("backend", ["tvl1", "dis"])
def test_a_shift_to_the_right_is_positive_u(backend):
    # One pixel of 210 columns is 245/210 of a pixel at the size of the flow.
    flow = onset_apex_flow(face(), face(1.0), backend=backend)
    assert float(np.median(flow[0])) == pytest.approx(245 / 210, abs=0.15)
    assert float(np.median(flow[1])) == pytest.approx(0.0, abs=0.05)


def test_colour_frames_are_taken():
    colour = np.repeat(face()[..., None], 3, axis=2)
    assert np.abs(onset_apex_flow(colour, colour, shape=(60, 50), backend="dis")).max() < 1e-3


def test_eight_magnifications_scale_the_flow():
    flow = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
    assert np.array_equal(at_alpha(flow, TEST_ALPHA), flow)
    for alpha in ALPHAS:
        assert np.allclose(at_alpha(flow, alpha), flow * (1 + alpha) / 9)


# The apex


def one_peak(length: int, at: int) -> np.ndarray:
    """Grey frames in which half of the face brightens up to one frame and darkens again."""
    strength = np.maximum(0, 1 - np.abs(np.arange(length) - at) / 4)
    frames = np.full((length, 60, 48), 100.0)
    frames[:, :30] += 40 * strength[:, None, None]
    return frames


def found_apex(frames: np.ndarray) -> int:
    return find_apex(frames.astype(np.uint8), "strcn")


@pytest.mark.parametrize(("length", "at"), [(10, 4), (20, 8), (50, 12), (50, 30), (141, 60)])
def test_the_apex_is_found_where_it_is_and_not_a_fifth_earlier(length, at):
    assert found_apex(one_peak(length, at)) == at


def test_the_apex_is_looked_for_in_the_middle_of_the_clip():
    # Frames 10 to 35 of 50, counted from 1.
    frames = np.full((50, 20, 16), 100.0)
    frames[40:, :10] = 200
    frames[34, :10] = 110
    frames[5, :10] = 250
    assert found_apex(frames) == 34


def test_a_change_of_light_is_no_apex():
    frames = one_peak(30, 12)
    frames[15] += 80
    assert found_apex(frames) == 12


@pytest.mark.parametrize(("length", "middle"), [(2, 1), (3, 1), (10, 5)])
def test_the_apex_of_a_still_clip_is_its_middle(length, middle):
    assert found_apex(np.full((length, 20, 16), 7.0)) == middle
