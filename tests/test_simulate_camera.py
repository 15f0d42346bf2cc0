"""The camera: is the noise what it is said to be, and does each other part do what its name says?"""

from __future__ import annotations

import numpy as np
import pytest

from merkit.errors import ConfigError
from merkit.simulate import Camera

STILL = {"drift": 0.0, "noise": 0.0}


def grey(level: float, shape: tuple[int, int] = (120, 120)) -> np.ndarray:
    return np.full((*shape, 3), level, np.float32)


def pictures(camera: Camera, level: float, n: int = 8, seed: int = 0) -> np.ndarray:
    return np.stack([camera.expose(grey(level), 0.0, np.random.default_rng([seed, k])) for k in range(n)])


@pytest.mark.parametrize("level", [40.0, 128.0, 200.0])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("one_channel", [False, True])
def test_noise_has_the_stated_sigma(level: float, share: float, one_channel: bool) -> None:
    camera = Camera(noise=3.0, shot_share=share, drift=0.0, grey=one_channel)
    taken = pictures(camera, level)
    # At mid-grey the stated sigma, whatever its parts; photons alone give a variance like the light.
    expected = 3.0 * np.sqrt(share * level / 128 + 1 - share)
    assert camera.sigma(level) == pytest.approx(expected)
    # Rounding adds the variance of a uniform error.
    assert taken.std() == pytest.approx(np.sqrt(expected**2 + 1 / 12), rel=0.02)
    assert taken.mean() == pytest.approx(level, abs=0.05)


def test_noise_is_that_of_the_grey_picture_and_new_in_every_frame() -> None:
    first, second = pictures(Camera(noise=2.0, drift=0.0), 100.0, n=2).astype(float)
    assert (np.ptp(first, axis=2) == 0).all()
    assert abs(np.corrcoef(first[..., 0].ravel(), second[..., 0].ravel())[0, 1]) < 0.03
    across = np.corrcoef(first[:, 1:, 0].ravel(), first[:, :-1, 0].ravel())[0, 1]
    assert abs(across) < 0.03


def test_blur_is_a_gaussian_of_the_stated_sigma() -> None:
    light = grey(0.0, (81, 81))
    light[40, 40] = 255 * 60
    taken = Camera(blur=2.5, **STILL).expose(light, 0.0, np.random.default_rng(0))[..., 0].astype(float)
    at = np.arange(81) - 40.0
    weights = taken.sum(axis=0)
    assert np.sqrt((weights * at**2).sum() / weights.sum()) == pytest.approx(2.5, rel=0.03)
    assert Camera(blur=4.0, **STILL).expose(grey(77.0), 0.0, np.random.default_rng(0)).tolist() == (
        grey(77.0).astype(np.uint8).tolist()
    )


def test_lamps_flicker_at_twice_the_frequency_of_the_mains() -> None:
    camera = Camera(mains_hz=50, mains_depth=0.2, **STILL)
    times = np.arange(400) / 400
    gains = np.array([camera.gain(t) for t in times])
    spectrum = np.abs(np.fft.rfft(gains - gains.mean()))
    assert np.argmax(spectrum) == 100  # Hz, over one second
    assert gains.max() - 1 == pytest.approx(0.2, abs=1e-3)
    taken = [camera.expose(grey(100.0, (2, 2)), t, np.random.default_rng(0))[0, 0, 0] for t in times[:4]]
    np.testing.assert_array_equal(taken, np.rint(100 * gains[:4]))


def test_the_shutter_averages_the_flicker() -> None:
    open_for = 0.004
    fine = np.linspace(0, open_for, 2001) - open_for / 2
    bare, seen = (Camera(mains_depth=0.3, shutter_s=s, **STILL) for s in (0.0, open_for))
    for time in (0.0, 0.0013, 0.0031):
        mean = np.trapezoid([bare.gain(time + t) for t in fine], fine) / open_for
        assert seen.gain(time) == pytest.approx(mean, abs=1e-5)
    # Open for a whole period of the lamps it sees no flicker.
    assert Camera(mains_depth=0.3, shutter_s=0.01, **STILL).gain(0.0021) == pytest.approx(1.0)


def test_exposure_jumps_from_frame_to_frame_and_drifts_slowly() -> None:
    jumping = Camera(flicker=0.05, **STILL)
    means = [jumping.expose(grey(120.0, (4, 4)), 0.0, np.random.default_rng(k)).mean() for k in range(600)]
    assert np.std(means) / 120 == pytest.approx(0.05, rel=0.1)
    drifting = Camera(noise=0.0, drift=0.1, drift_period_s=4.0)
    brightest = drifting.expose(grey(100.0), 1.0, np.random.default_rng(0))
    darkest = drifting.expose(grey(100.0), 3.0, np.random.default_rng(0))
    assert (brightest == 110).all()
    assert (darkest == 90).all()


def test_a_grey_camera_gives_the_usual_weighted_sum() -> None:
    light = np.random.default_rng(0).uniform(0, 255, (9, 7, 3)).astype(np.float32)
    taken = Camera(grey=True, **STILL).expose(light, 0.0, np.random.default_rng(0))
    assert taken.shape == (9, 7)
    np.testing.assert_allclose(taken, light @ [0.299, 0.587, 0.114], atol=0.501)


def test_levels_stay_within_eight_bits() -> None:
    light = np.concatenate([grey(-30.0), grey(300.0)])
    taken = Camera(noise=10.0).expose(light, 0.0, np.random.default_rng(0))
    assert taken.dtype == np.uint8
    assert (taken[:120] < 60).all()
    assert (taken[120:] > 190).all()


def test_exposing_leaves_the_light_as_it_is() -> None:
    light = grey(50.0)
    for one_channel in (False, True):
        Camera(blur=1.0, grey=one_channel).expose(light, 0.0, np.random.default_rng(0))
    assert (light == 50.0).all()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"noise": -1}, "camera noise: -1 is outside 0 to 50"),
        ({"noise": float("nan")}, "camera noise"),
        ({"noise": "loud"}, "camera noise: loud"),
        ({"grey": 1}, "camera grey"),
        ({"mains_depth": 2}, "camera mains_depth"),
        ({"blurr": 2}, "did you mean 'blur'"),
    ],
)
def test_impossible_cameras_are_refused_in_one_line(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        Camera.from_settings(settings)
    assert "\n" not in str(refused.value)
