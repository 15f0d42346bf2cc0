"""Motion magnification: filters over time, the pyramid, both methods, streams, the command."""

from __future__ import annotations

import importlib
import re
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.signal import lfilter

from merkit.cli import magnify as command
from merkit.cli.main import main
from merkit.errors import ConfigError, DataError
from merkit.motion import magnify, magnify_stream
from merkit.motion.magnification import eulerian, steerable
from merkit.motion.magnification.linear import factors
from merkit.motion.magnification.octaves import count, forward, octaves
from merkit.motion.magnification.steerable import add_to, levels, waves
from merkit.motion.magnification.temporal import IdealBand, IirBand, rate_of, temporal_filter
from merkit.video import VideoWriter, open_video

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
PASS_ALL = {"fps": 30, "band": (0, 15)}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The slow version of everything, as the benchmark has it."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("plain.magnification")


def wave(wavelength: float, degrees: float, shifts: list[float], side: int = 128) -> np.ndarray:
    """A sinusoid that moves along itself by so many pixels, (T, side, side)."""
    angle = np.radians(degrees)
    along = np.arange(side) * np.cos(angle) + np.arange(side)[:, None] * np.sin(angle)
    return np.stack([100 + 50 * np.sin(2 * np.pi * (along - d) / wavelength) for d in shifts])


def shift_of(picture: np.ndarray, wavelength: float, degrees: float) -> tuple[float, float]:
    """How far such a sinusoid has moved, and its amplitude, by least squares in the middle of the picture."""
    middle = np.s_[32:-32, 32:-32]
    sine, cosine = (wave(wavelength, degrees, [d])[0][middle].ravel() - 100 for d in (0, -wavelength / 4))
    parts = np.linalg.lstsq(np.stack([sine, cosine], 1), picture[middle].ravel() - 100, rcond=None)[0]
    return -np.arctan2(parts[1], parts[0]) * wavelength / (2 * np.pi), float(np.hypot(*parts))


def texture_clip(seed: int = 0, shape: tuple[int, ...] = (9, 44, 52), noise: float = 0.0) -> np.ndarray:
    """Soft texture in which a part moves and comes back, grey levels as float."""
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.normal(size=shape[1:]), 1.5)
    part = gaussian_filter(rng.normal(size=shape[1:]), 6)
    course = np.sin(np.linspace(0, np.pi, shape[0])).reshape(-1, 1, 1)
    clip = 120 + 30 * texture / texture.std() + 3 * course * part / part.std()
    return clip + noise * rng.normal(size=clip.shape)


# Over time.


@given(st.floats(0.05, 1.0), st.floats(0.0, 0.9), st.integers(0, 100))
def test_iir_is_the_difference_of_two_low_passes_at_rest_on_the_first_frame(
    fast: float, share: float, seed: int
) -> None:
    slow = fast * share
    x = np.random.default_rng(seed).normal(size=(30, 4))
    low_passes = [
        lfilter([r], [1, r - 1], x, axis=0, zi=(1 - r) * x[:1])[0]
        for r in np.float32([fast, slow]).astype(float)
    ]
    assert np.abs(IirBand(fast, slow)(x.astype(np.float32)) - (low_passes[0] - low_passes[1])).max() < 1e-5


def test_iir_goes_on_where_it_was() -> None:
    x = np.random.default_rng(0).normal(size=(20, 3, 2)).astype(np.float32)
    filtered = IirBand(0.4, 0.05)
    parts = [filtered(x[a:b]) for a, b in ((0, 1), (1, 8), (8, 20))]
    assert (np.concatenate(parts) == IirBand(0.4, 0.05)(x)).all()


def test_iir_follows_angles_over_the_turn() -> None:
    steady = np.linspace(0, 12, 200, dtype=np.float32)[:, None]
    wrapped = np.angle(np.exp(1j * steady)).astype(np.float32)
    assert np.abs(wrapped - steady).max() > 6
    followed = IirBand(0.5, 0.1, turn=2 * np.pi)(wrapped)
    assert np.abs(followed - IirBand(0.5, 0.1)(steady)).max() < 1e-4


@given(st.integers(1, 40), st.floats(0, 20), st.floats(0.5, 90), st.integers(0, 100))
def test_the_ideal_band_is_that_of_the_mirrored_clip(n: int, low: float, width: float, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, 5))
    both = np.fft.rfft(np.concatenate([x, x[::-1]]), axis=0)
    hertz = np.arange(n + 1) * 100 / n
    # A frequency that lies on an end of the band may fall to either side in floating point.
    if np.abs(hertz[:, None] - [low, low + width]).min() < 1e-6:
        return
    both[(hertz < low) | (hertz > low + width)] = 0
    expected = np.fft.irfft(both, 2 * n, axis=0)[:n]
    found = IdealBand(low, low + width, 200)(x.astype(np.float32))
    assert np.abs(found - (expected - expected[0])).max() < 1e-4


def test_the_ideal_band_has_no_lag_and_the_iir_band_has_one() -> None:
    x = (1 - np.cos(2 * np.pi * np.arange(41) / 40)).astype(np.float32)[:, None]
    ideal = IdealBand(0.1, 15, 200)(x)[:, 0]
    causal = IirBand(rate_of(15, 200), rate_of(0.1, 200))(x)[:, 0]
    assert ideal.argmax() == 20
    assert ideal[20] == pytest.approx(2, rel=0.01)
    assert causal.argmax() > 20
    assert 0.85 < causal[20] / 2 < 0.97


# In space.


@given(st.integers(16, 70), st.integers(16, 70))
def test_bands_sum_up_to_the_picture(height: int, width: int) -> None:
    shape = height, width
    total = np.zeros(shape)
    for band in octaves(shape):
        total[: band.mask.shape[0], : band.mask.shape[1]] += band.mask
    frequency = np.hypot(np.arange(height)[:, None] / height, np.arange(width) / width) / 2
    finer = frequency >= 1 / octaves(shape)[-1].wavelength
    assert np.abs(total[finer] - 1).max() < 1e-6
    assert total.max() < 1 + 1e-6
    assert octaves(shape)[-1].wavelength <= min(shape)


@pytest.mark.parametrize("shape", [(32, 32), (45, 38), (64, 17)])
def test_real_parts_of_all_waves_give_the_picture_back(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    coefficients = forward(picture)
    total, kept = np.zeros_like(coefficients), np.zeros(shape, np.float32)
    for level in levels(shape):
        add_to(total, sum(w.real for w in waves(coefficients, level)), level)
        mask = level.octave.mask
        kept[: mask.shape[0], : mask.shape[1]] += mask
    # What no band holds is the mean light and the slowest shading.
    assert np.abs(total - kept * coefficients).max() < 1e-5
    assert (kept < 0.99).mean() < 0.02


@pytest.mark.parametrize("degrees", [0, 20, 45, 70, 90, 135, 160])
def test_waves_are_in_quadrature(degrees: float) -> None:
    # Where real and imaginary part belong together, the amplitude of a sinusoid is the same everywhere.
    coefficients = forward(wave(8, degrees, [0.0]).astype(np.float32) - 100)
    nearest = round(degrees / 45) % 4
    found = list(waves(coefficients, levels((128, 128))[1]))[nearest]
    amplitude = np.hypot(*found)[0][16:-16, 16:-16]
    assert amplitude.mean() > 0.5 * 50
    assert amplitude.std() < 0.02 * amplitude.mean()


def test_finer_bands_get_what_the_bound_leaves_them() -> None:
    # (1 + a) d = wavelength / 8 with d from the cutoff: 9 d = 16 / 8; a = wavelength / (8 d) - 1.
    assert factors((64, 64), 8.0, 16.0) == pytest.approx([4 / 8 * 4.5 - 1, 8 / 8 * 4.5 - 1, 8, 8, 8])
    assert factors((64, 64), 1.0, 64.0) == [0, 0, 0, 0, 1]
    assert factors((64, 64), 8.0, 0.0) == [8] * count((64, 64))


# The clip.


@pytest.mark.parametrize("filter", ["fft", "iir"])
@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 110])
@pytest.mark.parametrize(("wavelength", "alpha"), [(8, 5), (12, 8), (24, 12)])
def test_a_wave_goes_as_far_as_asked(filter: str, degrees: float, wavelength: float, alpha: float) -> None:
    clip = wave(wavelength, degrees, [0, 0.05, 0.1, 0.05])
    at_apex = magnify(clip, alpha, filter=filter, at=[2], **PASS_ALL)[0]
    shift, amplitude = shift_of(at_apex, wavelength, degrees)
    assert shift == pytest.approx((1 + alpha) * 0.1, rel=0.03)
    assert amplitude == pytest.approx(1, abs=0.02)


def test_linear_moves_within_its_bound_and_swells_beyond() -> None:
    clip = wave(24, 0, [0, 0.1])
    shift, amplitude = shift_of(magnify(clip, 8, method="linear", at=[1], **PASS_ALL)[0], 24, 0)
    assert shift == pytest.approx(0.9, rel=0.03)
    assert amplitude == pytest.approx(1, abs=0.04)
    _, beyond = shift_of(magnify(wave(24, 0, [0, 1.0]), 8, method="linear", at=[1], **PASS_ALL)[0], 24, 0)
    assert beyond > 2
    _, phase = shift_of(magnify(wave(24, 0, [0, 1.0]), 8, at=[1], **PASS_ALL)[0], 24, 0)
    assert phase == pytest.approx(1, abs=0.1)


def test_linear_is_the_slow_version(plain: Any) -> None:
    clip = texture_clip()
    expected = plain.linear(clip, 7, (0.5, 20), 60, 16.0)
    assert np.abs(magnify(clip, 7, fps=60, band=(0.5, 20), method="linear") - expected).max() < 1e-3


def test_phase_is_the_slow_version(plain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = texture_clip(noise=0.5)
    expected = plain.phase(clip, 7, (0.5, 20), 60, 2.0)
    assert np.abs(expected - clip).std() > 1
    options = {"fps": 60, "band": (0.5, 20), "smooth": 2.0}
    coarse = magnify(clip, 7, **options)
    monkeypatch.setattr(steerable, "octaves", lambda shape: octaves(shape, coarse=False))
    levels.cache_clear()
    full = magnify(clip, 7, **options)
    levels.cache_clear()
    assert np.abs(full - expected).max() < 0.01
    # A wave that is moved on is not quite at home on the coarse grid of its band.
    assert np.corrcoef((coarse - clip).ravel(), (full - clip).ravel())[0, 1] > 0.95


def test_phase_beats_linear_in_noise_at_equal_gain() -> None:
    # Both are within their bounds here, so the gain is 1 + alpha for both.
    clean = wave(32, 20, [0, 0.1, 0.2])
    noisy = clean + np.random.default_rng(0).normal(size=clean.shape) * 2
    truth = wave(32, 20, [0.2 * 6])[0]
    errors = {
        method: float(np.std(magnify(noisy, 5, method=method, cutoff=0, at=[2], **PASS_ALL)[0] - truth))
        for method in ("phase", "linear")
    }
    assert errors["linear"] > 5 * 2
    assert errors["phase"] < 2 * 2


@pytest.mark.parametrize("filter", ["fft", "iir"])
@pytest.mark.parametrize("method", ["phase", "linear"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
def test_a_still_clip_stays_as_it_is(method: str, filter: str, kind: type) -> None:
    still = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 20, 33, 3)), 6, axis=0).astype(kind)
    result = magnify(still, 12, fps=30, method=method, filter=filter)
    assert result.dtype == kind
    assert (result == still).all()


@pytest.mark.parametrize("method", ["phase", "linear"])
@pytest.mark.parametrize("filter", ["fft", "iir"])
def test_the_first_frame_and_alpha_0_change_nothing(method: str, filter: str) -> None:
    clip = texture_clip(noise=2.0).astype(np.float32)
    assert (magnify(clip, 0, fps=60, method=method, filter=filter) == clip).all()
    assert (magnify(clip, 9, fps=60, method=method, filter=filter)[0] == clip[0]).all()


@pytest.mark.parametrize("method", ["phase", "linear"])
@pytest.mark.parametrize("shape", [(5, 40, 48), (5, 41, 47)])
def test_mirrored_and_turned_clips_come_out_so(method: str, shape: tuple[int, ...]) -> None:
    clip = texture_clip(shape=shape, noise=1.0)

    def made(frames: np.ndarray) -> np.ndarray:
        return magnify(np.ascontiguousarray(frames), 8, fps=60, method=method)

    expected = made(clip)
    assert np.abs(made(clip[:, :, ::-1])[:, :, ::-1] - expected).max() < 0.01
    assert np.abs(made(clip[:, ::-1])[:, ::-1] - expected).max() < 0.01
    assert np.abs(np.swapaxes(made(np.swapaxes(clip, 1, 2)), 1, 2) - expected).max() < 0.01


@pytest.mark.parametrize("method", ["phase", "linear"])
def test_brightness_and_contrast_do_not_matter(method: str) -> None:
    clip = texture_clip(noise=1.0)
    expected = magnify(clip, 8, fps=60, method=method)
    assert np.allclose(magnify(clip * 0.01 - 3, 8, fps=60, method=method), expected * 0.01 - 3, atol=2e-3)


def test_alpha_minus_1_stops_the_motion() -> None:
    clip = wave(16, 40, [0, 0.2, 0.4, 0.2])
    stopped = magnify(clip, -1, **PASS_ALL)
    assert abs(shift_of(stopped[2], 16, 40)[0]) < 0.02


@pytest.mark.parametrize("method", ["phase", "linear"])
@pytest.mark.parametrize("filter", ["fft", "iir"])
@pytest.mark.parametrize("colour", [False, True])
def test_several_factors_and_chosen_frames(
    method: str, filter: str, colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Blocks of two frames, so that in some no frame is wanted.
    monkeypatch.setattr(eulerian, "_BLOCK_PIXELS", 2 * 44 * 52)
    clip = np.rint(texture_clip(noise=2.0)).astype(np.uint8)
    clip = np.stack([clip, clip[:, ::-1], clip], axis=-1) if colour else clip
    options = {"fps": 60, "method": method, "filter": filter}
    together = magnify(clip, [5, 8, 12], at=[6, 0, -1, 6], **options)
    assert together.shape == (3, 4, *clip.shape[1:])
    for alpha, made in zip((5, 8, 12), together, strict=True):
        assert (made == magnify(clip, alpha, **options)[[6, 0, 8, 6]]).all()


def test_colour_of_grey_is_grey() -> None:
    clip = texture_clip()
    colour = np.repeat(clip[..., None], 3, axis=3)
    for method in ("phase", "linear"):
        grey = magnify(clip, 8, fps=60, method=method)
        assert np.abs(magnify(colour, 8, fps=60, method=method) - grey[..., None]).max() < 0.01


def test_chroma_is_the_share_of_colour_differences() -> None:
    clip = np.stack([texture_clip(seed) for seed in range(3)], axis=-1)
    luma = np.array([0.299, 0.587, 0.114])
    options = {"fps": 60, "method": "linear"}
    alone = np.stack([magnify(clip[..., k], 8, **options) for k in range(3)], axis=-1)
    assert np.abs(magnify(clip, 8, chroma=1, **options) - alone).max() < 1e-2
    for share in (0, 0.1):
        added = magnify(clip, 8, chroma=share, **options) - clip
        light = ((alone - clip) @ luma)[..., None]
        assert np.abs(added - light - share * (alone - clip - light)).max() < 1e-2


def test_colour_goes_where_light_goes() -> None:
    shifts = [0, 0.05, 0.1, 0.05]
    light = wave(16, 30, shifts)
    # Red against blue, with the same light as before.
    red = 0.3 * (light - 100)
    clip = np.stack([light + red, light, light - red * 0.299 / 0.114], axis=-1)
    moved = magnify(clip, 8, at=[2], **PASS_ALL)[0]
    left = magnify(clip, 8, at=[2], chroma=0, **PASS_ALL)[0]
    for k in range(3):
        assert shift_of(moved[..., k], 16, 30)[0] == pytest.approx(0.9, rel=0.03)
    assert shift_of(100 + moved[..., 0] - moved[..., 1], 16, 30)[0] == pytest.approx(0.9, rel=0.03)
    assert shift_of(100 + left[..., 0] - left[..., 1], 16, 30)[0] == pytest.approx(0.1, rel=0.03)


@pytest.mark.parametrize("seconds", [0.04, 0.1, 0.5])
def test_the_default_band_lets_expressions_of_any_duration_pass(seconds: float) -> None:
    half = round(seconds * 100)
    course = (1 - np.cos(np.pi * np.arange(2 * half + 1) / half)).astype(np.float32)[:, None] / 2
    ideal = temporal_filter("fft", None, 200, None)(0.0)(course)[half, 0]
    causal = temporal_filter("iir", None, 200, None)(0.0)(course)[half, 0]
    assert ideal == pytest.approx(1, abs=0.05)
    assert 0.7 < causal < 1


def test_published_rates_give_less_than_asked() -> None:
    # Ten frames up: the slow low-pass has followed by then, and 1 + 8 * 0.6 is left.
    clip = wave(24, 0, [0.01 * t for t in range(11)])
    shift, _ = shift_of(magnify(clip, 8, filter="iir", rates=(0.4, 0.05), at=[10])[0], 24, 0)
    passed = IirBand(0.4, 0.05)(np.arange(11, dtype=np.float32)[:, None])[10, 0] / 10
    assert shift == pytest.approx(0.1 * (1 + 8 * passed), rel=0.03)
    assert passed < 0.7


# The stream.


@pytest.mark.parametrize("method", ["phase", "linear"])
@pytest.mark.parametrize("colour", [False, True])
def test_a_stream_is_the_clip_with_the_iir_filter(
    method: str, colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eulerian, "_BLOCK_PIXELS", 3 * 44 * 52)
    clip = np.rint(texture_clip(shape=(11, 44, 52), noise=2.0)).astype(np.uint8)
    clip = np.stack([clip, clip // 2, 255 - clip], axis=-1) if colour else clip
    streamed = np.stack(list(magnify_stream(iter(clip), 9, fps=60, method=method)))
    assert (streamed == magnify(clip, 9, fps=60, method=method, filter="iir")).all()
    monkeypatch.undo()
    # How many frames are worked on at a time changes rounding at most.
    in_one = magnify(clip, 9, fps=60, method=method, filter="iir")
    assert np.abs(in_one.astype(int) - streamed).max() <= 1
    assert (in_one != streamed).mean() < 1e-3


def test_memory_of_a_stream_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eulerian, "_BLOCK_PIXELS", 4 * 32 * 32)
    frame = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)

    def peak(n: int) -> int:
        tracemalloc.start()
        assert sum(1 for _ in magnify_stream((frame for _ in range(n)), fps=60)) == n
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(8)
    assert peak(160) < 1.2 * peak(16)


def test_a_stream_begins_before_it_ends() -> None:
    def endless() -> Any:
        while True:
            yield np.zeros((256, 256), np.uint8)

    stream = magnify_stream(endless(), fps=30)
    assert next(stream).shape == (256, 256)


def test_a_stream_of_nothing_is_nothing() -> None:
    assert list(magnify_stream([], fps=30)) == []


# What is refused.

CLIP = np.zeros((4, 24, 24), np.uint8)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (CLIP[0], "shape"),
        (np.zeros((0, 24, 24)), "one frame or more"),
        (np.zeros((3, 24, 24, 2)), "shape"),
        (CLIP.astype(np.int64), "int64"),
        (CLIP[:, :15], "16 px"),
        (np.full((3, 24, 24), np.nan), "not finite"),
        ("clip.mp4", "numbers"),
    ],
)
def test_what_is_no_clip_is_refused(frames: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        magnify(frames, fps=30)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "fps is None"),
        ({"fps": 0}, "fps is 0"),
        ({"fps": float("nan")}, "fps is nan"),
        ({"fps": 30, "alpha": -2}, "alpha -2"),
        ({"fps": 30, "alpha": []}, "alpha"),
        ({"fps": 30, "alpha": "8"}, "alpha '8'"),
        ({"fps": 30, "alpha": [5, float("inf")]}, "alpha"),
        ({"fps": 30, "method": "phases"}, "did you mean 'phase'"),
        ({"fps": 30, "filter": "butter"}, "there is fft"),
        ({"fps": 30, "band": (5, 2)}, "low end first"),
        ({"fps": 30, "band": (15, 20)}, "below 15 Hz"),
        ({"fps": 30, "band": 5}, "two frequencies"),
        ({"fps": 30, "rates": (0.4, 0.05)}, "filter 'iir'"),
        ({"filter": "iir", "rates": (0.05, 0.4)}, "fast one first"),
        ({"filter": "iir", "rates": (0.4, 0.05), "band": (1, 2)}, "give either"),
        ({"fps": 30, "smooth": -1}, "smooth"),
        ({"fps": 30, "cutoff": "none"}, "cutoff"),
        ({"fps": 30, "chroma": 1.5}, "chroma"),
        ({"fps": 30, "at": [4]}, "the last is 3"),
        ({"fps": 30, "at": []}, "positions"),
        ({"fps": 30, "at": [0.5]}, "positions"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        magnify(CLIP, **options)


def test_a_stream_refuses_at_the_call_and_names_the_frame() -> None:
    with pytest.raises(ConfigError, match="fps"):
        magnify_stream(iter(CLIP))
    with pytest.raises(ConfigError, match="one number"):
        magnify_stream(iter(CLIP), [5, 8], fps=30)
    with pytest.raises(DataError, match="frame 2"):
        list(magnify_stream([CLIP[0], CLIP[1], CLIP[2, :20]], fps=30))


# The command.


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Nine frames of a moving texture, every pixel as it was, at uneven times."""
    path = tmp_path / "clip.mkv"
    with VideoWriter(path, 50, lossless=True) as writer:
        for n, frame in enumerate(np.rint(texture_clip(noise=1.0)).astype(np.uint8)):
            writer.write(frame, n / 50 + (0.01 if n > 4 else 0))
    return path


def pixels(path: Path) -> tuple[np.ndarray, list[float]]:
    with open_video(path) as reader:
        frames = list(reader)
    return np.stack([frame.rgb for frame in frames]), [frame.time for frame in frames]


@pytest.mark.parametrize("filter", ["iir", "fft"])
def test_the_command_writes_what_the_function_gives(filter: str, video: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "large.mkv"
    words = ["--alpha", "6", "--band", "0", "20", "--filter", filter, "--lossless"]
    assert main(["magnify", str(video), "-o", str(out), *words]) == 0
    given, times = pixels(video)
    made, made_times = pixels(out)
    with open_video(video) as reader:
        fps = reader.fps
    assert (made == magnify(given, 6, fps=fps, band=(0, 20), filter=filter)).all()
    assert made_times == pytest.approx(times, abs=1e-3)
    said = capsys.readouterr().out
    assert "9 frames, movements times 7" in said
    assert str(out) in said


def test_the_command_names_the_file_after_the_video(video: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["magnify", str(video), "--method", "linear", "--rates", "0.4", "0.05", "-q"]) == 0
    assert (tmp_path / "clip-magnified.mp4").is_file()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "lin"], "did you mean 'linear'"),
        (["--filter", "butter"], "there is fft"),
        (["--band", "9", "3"], "low end first"),
        (["--alpha", "-3"], "alpha -3"),
        (["--filter", "fft", "--rates", "0.4", "0.05"], "iir"),
        (["--rates", "0.4", "0.05", "--band", "1", "2"], "give either"),
        (["--filter", "fft"], "too long for --filter fft"),
    ],
)
def test_the_command_refuses_in_one_line_and_leaves_nothing(
    words: list[str], said: str, video: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(command, "_MOST_PIXELS", 5 * 44 * 52)
    folder = tmp_path / "out"
    folder.mkdir()
    assert main(["magnify", str(video), "-o", str(folder / "x.mp4"), *words]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert said in err
    assert list(folder.iterdir()) == []


def test_the_command_does_not_write_over_its_video(video: Path, capsys) -> None:
    before = video.read_bytes()
    assert main(["magnify", str(video), "-o", str(video)]) == 2
    assert "the video itself" in capsys.readouterr().err
    assert video.read_bytes() == before


def test_a_folder_of_pictures_needs_its_rate(tmp_path: Path, capsys) -> None:
    from PIL import Image

    folder = tmp_path / "frames"
    folder.mkdir()
    for n, frame in enumerate(np.rint(texture_clip()).astype(np.uint8)):
        Image.fromarray(frame).save(folder / f"{n}.png")
    out = tmp_path / "x.mkv"
    assert main(["magnify", str(folder), "-o", str(out)]) == 2
    assert "--fps" in capsys.readouterr().err
    assert main(["magnify", str(folder), "-o", str(out), "--fps", "100", "-q"]) == 0
    assert len(pixels(out)[0]) == 9


# The page.

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_figures_of_the_page_are_those_of_the_newest_result(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "magnification.md").read_text(encoding="utf-8")
    monkeypatch.syspath_prepend(str(DOCS))
    try:
        assert importlib.import_module("fill_magnification").filled(page) == page
    finally:
        for name in ("fill_magnification", "fill_evaluation", "fill_figures"):
            sys.modules.pop(name, None)


def test_examples_of_the_page_run() -> None:
    page = (DOCS / "magnification.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert examples
    names: dict[str, Any] = {"frames": np.rint(texture_clip(shape=(13, 32, 32))).astype(np.uint8)}
    for example in examples:
        exec(example, names)
    assert names["copies"].shape == (8, 2, 32, 32)
    assert (names["larger"] != names["frames"]).any()
