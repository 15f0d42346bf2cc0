"""Drawn performances: are they what the imitated dataset has, and do distractors keep to their kind?"""

from __future__ import annotations

import math
import sys
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merkit.datasets.action_units import parse_action_units, present_numbers
from merkit.errors import ConfigError
from merkit.simulate import Performance, draw_clip, draw_video
from merkit.simulate.action_units import MOVABLE
from merkit.simulate.distractors import FARTHEST_GAZE, FARTHEST_TURN
from merkit.simulate.durations import DURATIONS
from merkit.simulate.intensity import GRADES, grade, peak_px
from merkit.simulate.patterns import CLIPS, LIKES, draw_pattern, draw_sides, emotion_shares
from merkit.simulate.performance import PlantedEvent
from merkit.simulate.unit_bumps import ACTION_UNITS

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
CLIPS_DRAWN = 3000


@cache
def drawn(like: str) -> tuple[PlantedEvent, ...]:
    rng = np.random.default_rng(11)
    fps = DURATIONS[like, "micro"].fps
    return tuple(draw_clip(like, fps, 200, rng, sway=None).events[0] for _ in range(CLIPS_DRAWN))


def units_of(event: PlantedEvent) -> list[int]:
    return [int(act.action_units.removeprefix("AU")) for act in event.acts]


# Against the datasets


@pytest.mark.parametrize("like", LIKES)
def test_classes_occur_as_often_as_in_the_dataset(like: str) -> None:
    counted = Counter(event.emotion for event in drawn(like))
    for emotion, clips in CLIPS[like].items():
        share = clips / sum(CLIPS[like].values())
        sigma = math.sqrt(share * (1 - share) / CLIPS_DRAWN)
        assert counted[emotion] / CLIPS_DRAWN == pytest.approx(share, abs=4 * sigma + 1e-9)


@pytest.fixture(scope="module")
def published() -> Any:
    sys.path.insert(0, str(BENCHMARKS))
    import simulator_realism

    sys.path.pop(0)
    return simulator_realism.PUBLISHED_UNITS


@pytest.mark.parametrize("like", ["casme2", "samm"])
def test_units_occur_in_each_class_as_often_as_was_counted(like: str, published: Any) -> None:
    """The published counts of clips with a unit; each of them has its own error, for they are few."""
    for emotion, (n, units) in published[like].items():
        mine = [set(units_of(event)) for event in drawn(like) if event.emotion == emotion]
        for unit, clips in units.items():
            share, found = clips / n, sum(unit in have for have in mine) / len(mine)
            # Between no clip and one of n nothing is known, nor between all and all but one.
            sigma = math.sqrt(max(share * (1 - share), 1 / n) * (1 / n + 1 / len(mine)))
            assert found == pytest.approx(share, abs=2 * sigma), (emotion, unit)


def test_pairs_of_units_occur_together_as_in_life(real_data: Path) -> None:
    """Counted anew in the coding table of CASME II, with code that the simulator does not use."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_excel(real_data / "annotations" / "CASME2-coding-20140508.compact.xlsx", dtype=str)
    disgust = [
        present_numbers(parse_action_units(cell), undecided=True)
        for cell in table.loc[table["Estimated Emotion"] == "disgust", "Action Units"]
    ]
    mine = [set(units_of(event)) for event in drawn("casme2") if event.emotion == "disgust"]
    for pair in ({4, 7}, {4, 9}, {4, 10}, {7, 10}):
        share = sum(pair <= have for have in disgust) / len(disgust)
        sigma = math.sqrt(share * (1 - share) / len(mine))
        assert sum(pair <= have for have in mine) / len(mine) == pytest.approx(share, abs=4 * sigma)


@pytest.mark.parametrize(
    ("like", "shortest", "median", "longest"),
    [("casme2", 24, 61, 141), ("samm", 30, 78, 101), ("smic-hs", 11, 33, 58), ("casme-sq", 9, 14, 17)],
)
def test_lengths_are_those_of_the_dataset(like: str, shortest: int, median: int, longest: int) -> None:
    frames = np.array([event.offset_frame - event.onset_frame + 1 for event in drawn(like)])
    assert frames.min() >= shortest
    assert frames.max() <= longest
    assert np.median(frames) == pytest.approx(median, rel=0.05)
    assert np.percentile(frames, 2) < shortest + 0.4 * (median - shortest)
    assert np.percentile(frames, 98) > median + 0.4 * (longest - median)


@pytest.mark.parametrize("like", ["casme2", "smic-hs", "samm"])
def test_displacements_are_those_that_micro_expressions_are_known_for(like: str) -> None:
    peaks = np.array([event.peak_px for event in drawn(like) if event.peak_px])
    assert 0.4 < np.median(peaks) < 1.0
    assert ((peaks > 0.2) & (peaks < 2)).mean() > 0.8
    letters = Counter(act.intensity for event in drawn(like) for act in event.acts if act.peak_px)
    assert set(letters) == {"A", "B", "C"}
    assert letters["C"] < 0.15 * sum(letters.values())


def test_macro_expressions_are_larger_and_longer() -> None:
    rng = np.random.default_rng(2)
    macro = [draw_clip("casme-sq", 30, 200, rng, kind="macro", sway=None).events[0] for _ in range(300)]
    micro = drawn("casme-sq")
    for quantity in (lambda e: e.peak_px, lambda e: e.offset_frame - e.onset_frame):
        assert np.median([quantity(e) for e in macro]) > 2 * np.median([quantity(e) for e in micro])
    letters = Counter(event.acts[0].intensity for event in macro)
    assert letters["C"] + letters["D"] + letters["E"] > 0.55 * len(macro)


def test_smic_is_drawn_without_its_units_being_known() -> None:
    """It has no action units; each class takes those of CASME II and SAMM together."""
    units = {
        emotion: Counter(
            unit for event in drawn("smic-hs") if event.emotion == emotion for unit in units_of(event)
        )
        for emotion in CLIPS["smic-hs"]
    }
    assert units["positive"].most_common(1)[0][0] == 12
    assert units["negative"].most_common(1)[0][0] == 4
    assert {unit for unit, _ in units["surprise"].most_common(2)} == {1, 2}


@pytest.mark.parametrize("like", LIKES)
def test_every_pattern_can_be_moved(like: str) -> None:
    for kind in ("micro", "macro"):
        rng = np.random.default_rng(0)
        assert sum(emotion_shares(like, kind).values()) == pytest.approx(1)
        for emotion in emotion_shares(like, kind):
            for _ in range(30):
                label, units = draw_pattern(like, rng, emotion, kind)
                assert label == emotion
                assert units
                assert set(units) <= set(MOVABLE)


# Strength and sides


def test_grades_double_and_follow_the_face() -> None:
    assert peak_px(12, "A", 200, 0.0) == pytest.approx(0.03 * 17)
    assert peak_px(12, "E", 200, 1.0) == pytest.approx(17)
    for (_, before), (after, _) in pairwise(GRADES.values()):
        assert before == after
    for unit in ACTION_UNITS:
        for letter in GRADES:
            assert grade(unit, peak_px(unit, letter, 87.0, 0.5), 87.0) == letter
        assert peak_px(unit, "B", 100) == pytest.approx(peak_px(unit, "B", 200) / 2)


def test_one_sided_units_of_an_expression_are_on_the_same_side() -> None:
    rng = np.random.default_rng(4)
    sides = [draw_sides((1, 2, 12, 14), rng) for _ in range(2000)]
    assert not any({"left", "right"} <= set(side) for side in sides)
    of_two = Counter(side[1] for side in sides)
    assert of_two["left"] / 2000 == pytest.approx(0.49, abs=0.05)
    assert of_two["right"] / 2000 == pytest.approx(0.23, abs=0.04)


def test_strength_scales_displacement_and_grade_alike() -> None:
    one, five = (draw_clip("samm", 100, 200, np.random.default_rng(8), strength=s).events[0] for s in (1, 5))
    assert [act.course for act in one.acts] == [act.course for act in five.acts]
    for weak, strong in zip(one.acts, five.acts, strict=True):
        assert strong.peak_px == pytest.approx(5 * weak.peak_px, rel=1e-3)
        assert strong.intensity > weak.intensity


# Clips


def test_clips_are_as_asked() -> None:
    rng = np.random.default_rng(1)
    clip = draw_clip(
        "casme2", 100, 90, rng, emotion="Surprise", action_units="AU1+2", n_frames=30, context=(4, 6)
    )
    (event,) = clip.events
    assert (event.emotion, event.action_units, event.kind) == ("surprise", "AU1+2", "micro")
    assert (event.onset_frame, event.offset_frame, clip.n_frames) == (4, 33, 40)
    assert all(act.course.apex == event.apex_frame for act in event.acts)
    assert len(clip.poses) == 40
    assert max(abs(pose.shift_x) for pose in clip.poses) == pytest.approx(0.6 * 90 / 200)
    assert draw_clip("casme2", 100, 90, rng, sway=None).poses == ()


def test_equal_seeds_give_equal_performances() -> None:
    for draw in (
        lambda rng: draw_clip("samm", 200, 150, rng),
        lambda rng: draw_video("casme-sq", 30, 60, 150, rng),
    ):
        one, same, other = (draw(np.random.default_rng(seed)) for seed in (3, 3, 4))
        assert one == same
        assert one != other


@pytest.mark.parametrize(
    ("wrong", "names"),
    [
        ({"like": "casme3"}, "like: 'casme3' cannot be imitated .*did you mean 'casme2'"),
        ({"emotion": "suprise"}, "'suprise' is not labelled in casme2 .*'surprise'"),
        ({"fps": 2}, "fps: 2"),
        ({"face_px": 5}, "face_px: 5"),
        ({"strength": 0}, "strength: 0"),
        ({"action_units": "AU99"}, "AU99"),
        ({"action_units": "AU45"}, "AU45 has no field"),
        ({"n_frames": 2}, "2 frames"),
        ({"context": (-1, 3)}, "context -1, 3"),
    ],
)
def test_impossible_clips_are_refused_in_one_line(wrong: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigError, match=names) as refused:
        draw_clip(**{"like": "casme2", "fps": 100, "face_px": 100, "rng": np.random.default_rng(0), **wrong})
    assert "\n" not in str(refused.value)


# Long videos


@cache
def video(seed: int) -> Performance:
    rng = np.random.default_rng(seed)
    busy = {"blink": 20.0, "gaze": 30.0, "speech": 4.0, "swallow": 4.0, "head turn": 4.0}
    return draw_video("casme-sq", 60, 90, 200, rng, n_micro=3, n_macro=2, distractors=busy)


SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_expressions_talk_and_swallowing_leave_each_other_alone(seed: int) -> None:
    performance = video(seed)
    assert Counter(event.kind for event in performance.events) == {"micro": 3, "macro": 2}
    apart = sorted(
        (moment.onset_frame, moment.offset_frame)
        for moment in (*performance.events, *performance.of_kind("speech"), *performance.of_kind("swallow"))
    )
    assert all(after[0] - before[1] > 0.6 * 60 for before, after in pairwise(apart))
    for moments in (performance.events, performance.distractors):
        onsets = [moment.onset_frame for moment in moments]
        assert onsets == sorted(onsets)


@pytest.mark.parametrize("seed", SEEDS)
def test_blinks_close_faster_than_they_open(seed: int) -> None:
    blinks = video(seed).of_kind("blink")
    assert len(blinks) > 10
    for blink in blinks:
        (act,) = blink.acts
        assert act.course.apex - act.course.onset < act.course.offset - act.course.release
        assert 0.15 <= (blink.offset_frame - blink.onset_frame) / 60 <= 0.4
        assert 0.5 <= act.closure <= 1


def test_speech_has_the_rhythm_of_syllables() -> None:
    talks = [talk for seed in SEEDS for talk in video(seed).of_kind("speech")]
    assert len(talks) >= 6
    for talk in talks:
        jaw = [act for act in talk.acts if act.action_units == "AU26"]
        starts = np.array([act.course.onset for act in jaw])
        assert 3 * 0.75 < 60 / np.diff(starts).mean() < 7 * 1.3
        assert {act.action_units for act in talk.acts} > {"AU25", "AU26"}
        assert 0.5 < max(act.peak_px for act in jaw) < 6


@pytest.mark.parametrize("seed", SEEDS)
def test_eyes_jump_and_rest(seed: int) -> None:
    performance = video(seed)
    gaze = np.array(performance.gaze)
    assert (np.abs(gaze) <= FARTHEST_GAZE).all()
    moving = np.zeros(len(gaze), bool)
    for saccade in performance.of_kind("gaze"):
        assert saccade.offset_frame - saccade.onset_frame <= 4
        moving[saccade.onset_frame + 1 : saccade.offset_frame + 1] = True
    assert not np.diff(gaze, axis=0)[~moving[1:]].any()
    assert np.diff(gaze, axis=0)[moving[1:]].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_heads_turn_smoothly_and_come_back(seed: int) -> None:
    performance = video(seed)
    turns = performance.of_kind("head turn")
    assert turns
    yaw = np.array([pose.yaw_deg for pose in performance.poses])
    pitch = np.array([pose.pitch_deg for pose in performance.poses])
    assert np.abs(yaw).max() <= FARTHEST_TURN["yaw_deg"]
    assert np.abs(pitch).max() <= FARTHEST_TURN["pitch_deg"]
    inside = np.zeros(len(yaw), bool)
    for turn in turns:
        inside[turn.onset_frame + 1 : turn.offset_frame] = True
        assert np.hypot(yaw, pitch)[turn.apex_frame] > 0.2
    assert not yaw[~inside].any()
    # Least jerk: speed peaks at 15/8 of the mean, here 6 degrees in half a second or slower.
    assert np.abs(np.diff(yaw)).max() * 60 <= 15 / 8 * FARTHEST_TURN["yaw_deg"] / 0.5 * 1.05
    assert np.abs(np.diff(yaw, 2)).max() < 0.12


def test_labels_come_in_the_order_asked() -> None:
    wanted = ["surprise", "negative", "others", "negative"]
    rng = np.random.default_rng(6)
    performance = draw_video("casme-sq", 30, 40, 200, rng, emotions=wanted, n_macro=1, distractors={})
    assert [event.emotion for event in performance.events if event.kind == "micro"] == wanted
    assert performance.distractors == ()
    assert performance.gaze == ()


def test_videos_too_short_for_what_is_asked_say_how_long_they_must_be() -> None:
    with pytest.raises(ConfigError, match=r"5 expressions; make it ([\d.]+) s or longer") as refused:
        draw_video("samm-lv", 60, 3, 200, np.random.default_rng(0), n_micro=5, n_macro=0)
    needed = float(str(refused.value).split("make it ")[1].split()[0])
    made = draw_video("samm-lv", 60, needed, 200, np.random.default_rng(0), n_micro=5, n_macro=0)
    assert len(made.events) == 5
    # What nobody asked for makes room.
    assert draw_video("samm-lv", 60, 1, 200, np.random.default_rng(0)).n_frames == 60
