"""Timing, camera, scenario, truth: does the demo plant what its truth file says?"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from merkit.errors import ConfigError, DataError, MerkitError
from merkit.simulate import (
    Camera,
    HeadMotion,
    Portrait,
    TimeCourse,
    Truth,
    film,
    load_portrait,
    plan,
    simulate_demo,
)
from merkit.simulate.scenario import DEMO_EXPRESSIONS
from merkit.video import open_video

STILL = HeadMotion(0, 0, 0)


@pytest.fixture(scope="module")
def astronaut() -> Portrait:
    return load_portrait()


# Timing


def test_time_course_hits_its_frames_exactly() -> None:
    course = TimeCourse(onset=10, apex=17, release=20, offset=30)
    value = course.intensity(np.arange(41))
    assert (value[:11] == 0).all()
    assert (value[30:] == 0).all()
    assert (value[17:21] == 1).all()
    assert (np.diff(value[10:18]) > 0).all()
    assert (np.diff(value[20:31]) < 0).all()
    # A raised cosine: 3/4 of the way up at 2/3 of the time.
    assert TimeCourse(0, 6, 6, 12).intensity(4) == pytest.approx(0.75)


@pytest.mark.parametrize("frames", [(-1, 2, 3, 4), (5, 5, 6, 7), (1, 4, 3, 6), (1, 2, 3, 3)])
def test_impossible_time_courses_are_refused(frames: tuple[int, int, int, int]) -> None:
    with pytest.raises(ConfigError, match="onset < apex"):
        TimeCourse(*frames)


# Camera


@pytest.mark.parametrize(("level", "sigma"), [(128, 2.0), (40, 2 * np.sqrt(0.5 + 0.5 * 40 / 128))])
def test_noise_has_the_stated_deviation_and_grows_with_light(level: float, sigma: float) -> None:
    light = np.full((400, 400, 3), level, np.float32)
    taken = Camera(noise=2.0, drift=0.0).expose(light, 0.0, np.random.default_rng(1)).astype(float)
    # Rounding to whole grey levels adds a variance of 1/12.
    assert taken.std() == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.01)
    assert taken.mean() == pytest.approx(level, abs=0.02)
    np.testing.assert_array_equal(taken[..., 0], taken[..., 2])


def test_exposure_drifts_as_stated_and_pictures_are_clipped() -> None:
    camera = Camera(noise=0, drift=0.1, drift_period_s=4)
    light = np.full((2, 2, 3), 100, np.float32)
    rng = np.random.default_rng(0)
    assert [int(camera.expose(light, t, rng)[0, 0, 0]) for t in (0, 1, 2, 3)] == [100, 110, 100, 90]
    assert camera.expose(light * 2.5, 1.0, rng).max() == 255
    flickering = Camera(noise=0, drift=0, flicker=0.01)
    levels = [float(flickering.expose(light * 2, 0.0, rng).mean()) for _ in range(300)]
    assert np.std(levels) == pytest.approx(2.0, rel=0.15)


@pytest.mark.parametrize("wrong", [{"noise": -1}, {"shot_share": 2}, {"drift": 1}])
def test_impossible_cameras_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"camera {next(iter(wrong))}"):
        Camera(**wrong)


# Head motion


def test_head_motion_reaches_but_does_not_exceed_what_was_asked() -> None:
    path = HeadMotion(1.5, 0.3, 0.004).path(600, 60.0, np.random.default_rng(3))
    x, y, angle, scale = (
        np.array([getattr(pose, name) for pose in path])
        for name in ("shift_x", "shift_y", "angle_deg", "scale")
    )
    assert [np.abs(v).max() for v in (x, y, angle)] == pytest.approx([1.5, 1.5, 0.3])
    assert np.abs(np.log(scale)).max() == pytest.approx(0.004)
    # Slow: no frequency above 0.5 Hz, so less than amplitude times 2 pi f in a second.
    assert np.abs(np.diff(x)).max() * 60 < 1.5 * 2 * np.pi * 0.5


# The scenario


@pytest.mark.parametrize("seed", range(25))
def test_plan_keeps_its_promises(astronaut: Portrait, seed: int) -> None:
    truth = plan(astronaut, seed=seed, n_blinks=seed % 3)
    planted = truth.performance
    blinks = planted.of_kind("blink")
    assert sorted((e.action_units, e.emotion) for e in planted.events) == sorted(DEMO_EXPRESSIONS)
    assert blinks == planted.distractors
    assert len(blinks) == seed % 3
    assert planted.n_frames == 600
    for event in planted.events:
        assert 0.2 <= (event.offset_frame - event.onset_frame) / planted.fps <= 0.5
    onsets, offsets = ([getattr(e, f"{name}_frame") for e in planted.events] for name in ("onset", "offset"))
    gaps = (np.array(onsets[1:]) - offsets[:-1]) / planted.fps
    assert (gaps > 1.45).all()
    assert onsets[0] >= 58
    assert offsets[-1] <= 542
    for blink in blinks:
        assert 0.1 <= (blink.offset_frame - blink.onset_frame) / planted.fps <= 0.3
        for event in planted.events:
            apart = max(blink.onset_frame - event.offset_frame, event.onset_frame - blink.offset_frame)
            assert apart / planted.fps > 0.65


def test_seeds_change_order_and_times(astronaut: Portrait) -> None:
    plans = [plan(astronaut, seed=seed) for seed in range(12)]
    assert len({tuple(e.action_units for e in p.performance.events) for p in plans}) >= 4
    assert len({p.performance.events[0].onset_frame for p in plans}) >= 8
    # Other noise must not change the rest: one choice does not shift the others.
    quiet, noisy = plan(astronaut, seed=4, noise=0), plan(astronaut, seed=4, noise=3)
    assert quiet == replace(noisy, camera=quiet.camera)


def test_films_of_one_seed_are_equal_and_of_two_differ(astronaut: Portrait) -> None:
    one, same, other = (
        np.stack(list(islice(film(plan(astronaut, seed=seed), astronaut), 4))) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_between_events_a_still_face_changes_by_noise_alone(astronaut: Portrait) -> None:
    truth = plan(astronaut, seed=1, noise=2.0, head=STILL)
    truth = replace(truth, camera=Camera(noise=2.0, drift=0.0))
    planted = truth.performance
    assert min(moment.onset_frame for moment in (*planted.events, *planted.distractors)) > 20
    first = np.stack(list(islice(film(truth, astronaut), 20))).astype(float)
    clean = astronaut.render(truth.performance.states(astronaut)[0])
    mid = (clean.min(axis=2) > 60) & (clean.max(axis=2) < 200)
    assert np.abs((first.mean(axis=0) - clean)[mid]).mean() < 0.45  # 2 / sqrt(20), times 0.8
    expected = 2 * np.sqrt(0.5 + 0.5 * clean[..., 1][mid].mean() / 128)
    assert np.sqrt(first.var(axis=0, ddof=1)[mid].mean()) == pytest.approx(expected, rel=0.03)


def test_states_follow_the_plan(astronaut: Portrait) -> None:
    truth = plan(astronaut, seed=2, peak_px=1.25)
    states = truth.performance.states(astronaut)
    for event in truth.performance.events:
        assert states[event.onset_frame].movements == ()
        assert states[event.offset_frame].movements == ()
        (full,) = states[event.apex_frame].movements
        assert full.peak_px == 1.25
        flow, _ = astronaut.flow(
            replace(states[event.onset_frame], head=states[0].head),
            replace(states[event.apex_frame], head=states[0].head),
        )
        # The head is up to 0.4 % larger or smaller than the neutral one.
        assert np.hypot(flow[..., 0], flow[..., 1]).max() == pytest.approx(1.25, abs=0.02)
    (blink,) = truth.performance.of_kind("blink")
    assert states[blink.onset_frame].closure == (0.0, 0.0)
    assert states[blink.apex_frame].closure == (1.0, 1.0)


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"fps": 5}, "fps: 5"),
        ({"peak_px": 0}, "peak: 0"),
        ({"noise": -1}, "camera noise"),
        ({"n_blinks": -1}, "blinks: -1"),
        ({"seed": -3}, "seed: -3"),
        ({"duration_s": 4}, "make it .* s or longer"),
    ],
)
def test_impossible_demos_are_refused_in_one_line(
    astronaut: Portrait, wrong: dict[str, float], names: str
) -> None:
    with pytest.raises(ConfigError, match=names) as refused:
        plan(astronaut, **wrong)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


# Files


def test_video_and_truth_on_disk(astronaut: Portrait, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    truth = simulate_demo(
        tmp_path / "new" / "folder",
        seed=3,
        fps=25,
        duration_s=8,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == ["truth.json", "video.mp4"]
    assert told == [(n + 1, 200) for n in range(200)]
    assert Truth.load(tmp_path / "new" / "folder" / "truth.json") == truth
    with open_video(tmp_path / "new" / "folder" / truth.video) as reader:
        frames = [frame.gray for frame in islice(reader.frames(), 3)]
        assert reader.fps == pytest.approx(25)
        assert (reader.height, reader.width) == astronaut.shape == (truth.height, truth.width)
    clean = astronaut.render(truth.performance.states(astronaut)[2]) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(frames[2] - clean).mean() < 2.5


def test_truth_holds_seconds_and_no_paths(astronaut: Portrait) -> None:
    plain = plan(astronaut, seed=0, fps=50, face="me.png").to_json()
    planted = plain["performance"]
    event = planted["events"][0]
    assert event["apex_s"] == pytest.approx(event["apex_frame"] / 50)
    assert event["acts"][0]["course"]["apex"] == event["apex_frame"]
    assert len(planted["poses"]["angle_deg"]) == planted["n_frames"]
    assert plain["face"] == "me.png"


def test_broken_truth_files_are_named(tmp_path: Path) -> None:
    for name, text in (("a.json", "{"), ("b.json", "[]"), ("c.json", '{"format": "other"}')):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=name):
            Truth.load(tmp_path / name)


def test_pictures_that_will_not_do_get_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    Image.new("RGB", (200, 200), (90, 120, 60)).save(tmp_path / "meadow.png")
    Image.new("RGB", (3, 3)).save(tmp_path / "tiny.png")
    Image.fromarray(load_face_far_away()).save(tmp_path / "far.png")
    for name, reason in (
        ("none.png", "no such file"),
        ("text.png", "not a picture"),
        ("meadow.png", "no face was found"),
        ("tiny.png", "no face was found"),
        ("far.png", "no face was found|px wide"),
    ):
        with pytest.raises(MerkitError, match=reason) as refused:
            simulate_demo(tmp_path / "out", face=tmp_path / name)
        assert name in str(refused.value) or "face picture" in str(refused.value)
        assert "\n" not in str(refused.value)
        assert not (tmp_path / "out").exists()


def load_face_far_away() -> np.ndarray:
    from skimage.data import astronaut

    return np.asarray(Image.fromarray(astronaut()).resize((160, 160)))


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(MerkitError, match="taken"):
        simulate_demo(tmp_path / "taken")
