"""Performances: does a face do what its script says, and is the script the same after a round trip?"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.errors import ConfigError
from merkit.simulate import (
    Act,
    Distractor,
    FaceState,
    HeadPose,
    Performance,
    PlantedEvent,
    TimeCourse,
    draw_clip,
    draw_video,
)
from merkit.simulate.durations import DURATIONS, draw_course
from merkit.simulate.timing import SecondPeak


class CountingEngine:
    """Stands in for an engine: fields are numbered, and each request is noted."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, float]] = []

    def field(self, action_units: str, side: str = "both", asymmetry: float = 0.0) -> np.ndarray:
        self.asked.append((action_units, side, asymmetry))
        return np.full(1, len(self.asked), np.float32)


def states(performance: Performance) -> list[FaceState]:
    return performance.states(CountingEngine())  # type: ignore[arg-type]


# Time courses


@given(
    onset=st.integers(0, 50),
    rise=st.integers(1, 40),
    held=st.integers(0, 20),
    fall=st.integers(1, 40),
    exponents=st.tuples(st.floats(0.5, 3), st.floats(0.5, 3)),
    sag=st.floats(0.001, 0.5),
)
def test_marks_are_exact_whatever_the_shape(
    onset: int, rise: int, held: int, fall: int, exponents: tuple[float, float], sag: float
) -> None:
    apex, release, offset = onset + rise, onset + rise + held, onset + rise + held + fall
    course = TimeCourse(onset, apex, release, offset, *exponents, sag=sag if held else 0.0)
    value = course.intensity(np.arange(offset + 5))
    assert (value[: onset + 1] == 0).all()
    assert (value[offset:] == 0).all()
    assert value[apex] == 1
    # With a sag, or without a plateau, no other frame is as strong.
    assert int(np.argmax(value)) == apex
    assert (np.delete(value, apex) < 1).all()
    assert (np.diff(value[onset : apex + 1]) > 0).all()
    assert (np.diff(value[apex : offset + 1]) < 0).all()


def test_a_rise_can_start_fast_and_a_fall_trail_off() -> None:
    even, shaped = TimeCourse(0, 10, 10, 20), TimeCourse(0, 10, 10, 20, rise=0.7, fall=1.6)
    # By hand: half a raised cosine at 0.2 of the time, and at 0.2 to the power of 0.7.
    assert even.intensity(2) == pytest.approx(0.5 - 0.5 * np.cos(np.pi * 0.2))
    assert shaped.intensity(2) == pytest.approx(0.5 - 0.5 * np.cos(np.pi * 0.2**0.7))
    assert shaped.intensity(2) > even.intensity(2)
    assert shaped.intensity(18) == pytest.approx(0.5 - 0.5 * np.cos(np.pi * 0.2**1.6))
    assert shaped.intensity(18) < even.intensity(18)


def test_a_second_peak_is_a_peak_below_the_first() -> None:
    course = TimeCourse(0, 10, 14, 40, sag=0.1, second=SecondPeak(24, 30, 0.2, 0.35))
    value = course.intensity(np.arange(41))
    assert value[[10, 14, 24, 30, 40]] == pytest.approx([1, 0.9, 0.2, 0.35, 0])
    peaks = np.flatnonzero((value[1:-1] > value[:-2]) & (value[1:-1] > value[2:])) + 1
    assert peaks.tolist() == [10, 30]
    later = course.later(7)
    np.testing.assert_array_equal(later.intensity(np.arange(7, 48)), value)


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"rise": 0.2}, "rise: 0.2"),
        ({"fall": 9.0}, "fall: 9.0"),
        ({"sag": 1.0}, "sag: 1.0"),
        ({"release": 4, "sag": 0.1}, "sag: 0.1"),
        ({"second": SecondPeak(5, 9, 0.2, 0.3)}, "second peak: frames 5 and 9"),
        ({"second": SecondPeak(8, 9, 0.3, 0.2)}, "dip 0.3 and height 0.2"),
        ({"second": SecondPeak(8, 9, 0.3, 0.95), "sag": 0.1}, "the level at the release"),
    ],
)
def test_impossible_shapes_are_refused(wrong: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        TimeCourse(**{"onset": 0, "apex": 4, "release": 6, "offset": 12, **wrong})


@pytest.mark.parametrize("fps", [10, 25, 30, 200, 500])
def test_drawn_courses_are_in_order_and_last_as_long_at_every_rate(fps: float) -> None:
    statistics = DURATIONS["casme2", "micro"]
    rng = np.random.default_rng(0)
    seconds = []
    for _ in range(600):
        course = draw_course(statistics, fps, 3, rng)
        value = course.intensity(np.arange(course.offset + 1))
        assert int(value.argmax()) == course.apex
        seconds.append((course.offset - course.onset) / fps)
    # 24, 61 and 141 frames at 200 a second; the median of 600 errs by 5 frames or less (2 sigma).
    assert np.median(seconds) == pytest.approx(60 / 200, abs=0.025 + 0.5 / fps)
    assert min(seconds) >= 23 / 200 - 0.5 / fps
    assert max(seconds) <= max(140 / 200 + 0.5 / fps, 2 / fps)


# States


def test_states_follow_the_script() -> None:
    smile = Act("AU12", TimeCourse(2, 4, 4, 8), peak_px=2.0, side="left")
    frown = Act("AU4", TimeCourse(3, 4, 5, 6), peak_px=1.0)
    wink = Act("AU45", TimeCourse(1, 2, 2, 3), closure=0.8, side="right")
    blink = Act("AU45", TimeCourse(5, 6, 6, 7), closure=1.0)
    performance = Performance(
        10,
        50.0,
        200.0,
        (PlantedEvent("micro", "happiness", (smile, frown)),),
        (Distractor.of("blink", (wink,)), Distractor.of("blink", (blink,))),
        poses=tuple(HeadPose(shift_x=float(n)) for n in range(10)),
        gaze=tuple((float(n), 0.0) for n in range(10)),
    )
    (event,) = performance.events
    assert (event.onset_frame, event.apex_frame, event.offset_frame) == (2, 4, 8)
    assert event.action_units == "AU4+12L"
    assert event.peak_px == 2.0
    made = states(performance)
    assert [len(state.movements) for state in made] == [0, 0, 0, 1, 2, 2, 1, 1, 0, 0]
    assert [m.peak_px for m in made[4].movements] == [2.0, 1.0]
    assert made[6].movements[0].peak_px == pytest.approx(1.0)
    # The wink closes the person's right eye, which is the first.
    assert made[2].closure == (0.8, 0.0)
    assert made[6].closure == (1.0, 1.0)
    assert made[7].head == HeadPose(shift_x=7.0)
    assert made[7].gaze == (7.0, 0.0)


def test_a_field_is_made_once_however_many_acts_share_it() -> None:
    acts = tuple(Act("AU26", TimeCourse(n, n + 2, n + 2, n + 5), 1.0) for n in range(0, 30, 3))
    engine = CountingEngine()
    performance = Performance(40, 50.0, 200.0, distractors=(Distractor.of("speech", acts),))
    made = performance.states(engine)  # type: ignore[arg-type]
    assert engine.asked == [("AU26", "both", 0.0)]
    assert len(made[4].movements) == 2


@pytest.mark.parametrize("like", ["casme2", "samm-lv"])
def test_plain_data_give_the_same_performance(like: str) -> None:
    rng = np.random.default_rng(5)
    for performance in (draw_clip(like, 100, 120, rng), draw_video(like, 30, 40, 120, rng, n_micro=1)):
        plain = performance.to_json()
        again = Performance.from_json(json.loads(json.dumps(plain)))
        assert again == performance
        event, said = performance.events[0], plain["events"][0]
        assert said["apex_s"] == pytest.approx(event.apex_frame / performance.fps)
        assert said["action_units"] == event.action_units
        assert [state.closure for state in states(again)] == [s.closure for s in states(performance)]


BLINK = Act("AU45", TimeCourse(1, 2, 3, 4), closure=1.0)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: Act("AU12", BLINK.course, peak_px=-1), "peak_px -1"),
        (lambda: replace(BLINK, closure=1.5), "closure 1.5"),
        (lambda: PlantedEvent("mini", "fear", (BLINK,)), "'mini'"),  # type: ignore[arg-type]
        (lambda: PlantedEvent("micro", "fear", ()), "no acts"),
        (lambda: Distractor("yawn", 1, 2, 3), "'yawn'"),  # type: ignore[arg-type]
        (lambda: Distractor("gaze", 3, 2, 4), "onset 3, apex 2"),
        (lambda: Performance(4, 30, 99, distractors=(Distractor.of("blink", (BLINK,)),)), "ends at frame 4"),
        (lambda: Performance(4, 30, 99, poses=(HeadPose(),)), "poses: 1 for 4 frames"),
    ],
)
def test_impossible_scripts_are_refused_in_one_line(make: Any, names: str) -> None:
    with pytest.raises(ConfigError, match=names) as refused:
        make()
    assert "\n" not in str(refused.value)
