"""The second, exact measurement of an interval, against the simulator's own flow."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from filmed import Reel, follow, photograph, portrait, true_parts

from merkit.analysis.events import MOST_THREADS, measured_events
from merkit.analysis.measure import LOOP_STEPS, Measurement, measure
from merkit.analysis.recognize import GatedRecognizer
from merkit.analysis.result import EventPictures
from merkit.analysis.scan import Scan
from merkit.analysis.spotting import Interval
from merkit.errors import VideoError
from merkit.faces.geometry import PARTS
from merkit.simulate import FaceState, HeadMotion, HeadPose, Movement, TimeCourse

FPS = 60.0
COURSE = TimeCourse(6, 15, 17, 27)
FRAMES = (COURSE.onset, 16, COURSE.offset)
MIRRORED = [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 12, 13, 14]
"""Where each part is in the mirror."""


@cache
def film(units: str, peak: float, side: str = "both", noise: float = 1.0, left: float = 0.0) -> Reel:
    """An expression on a moving head; `left` is how much of it is left at the offset."""
    n, rng = 34, np.random.default_rng(0)
    # Still at first, where the truth is taken.
    path = [HeadPose(), *HeadMotion().path(n - 1, FPS, rng)]
    field = portrait().field(units, side)
    strength = COURSE.intensity(np.arange(n))
    strength = np.where(np.arange(n) > COURSE.release, np.maximum(strength, left), strength)
    states = [
        FaceState((Movement(field, peak * float(s)),) if s > 0 else (), head=pose)
        for s, pose in zip(strength, path, strict=True)
    ]
    return Reel(photograph(states, noise), FPS)


def measured(reel: Reel, **options: object) -> tuple[Scan, Measurement]:
    seen = follow(reel.pictures, FPS)
    return seen, measure(reel, seen, *FRAMES, **options)


def gain(found: np.ndarray, true: np.ndarray) -> float:
    """Length of what was found along what is true, over the four parts that move most."""
    moving = np.argsort(-np.hypot(*true.T))[:4]
    return float((found[moving] * true[moving]).sum() / (true[moving] ** 2).sum())


def test_parts_are_listed_in_pairs() -> None:
    for part, other in zip(PARTS, np.array(PARTS, dtype=object)[MIRRORED], strict=True):
        assert part.name == other.name
        assert {part.side, other.side} in ({"left", "right"}, {"both"})


@pytest.mark.parametrize("units", ["AU12", "AU4", "AU1+2"])
def test_a_planted_expression_is_measured(units: str) -> None:
    """Flow smooths, so lengths fall short by some; nothing may move that was not planted."""
    seen, found = measured(film(units, 1.2))
    true = true_parts(seen, units, 1.2)
    assert 0.78 < gain(found.parts, true) < 1.1
    error = np.hypot(*(found.parts - true).T)
    assert np.delete(error, np.argsort(-np.hypot(*true.T))[:4]).max() < 0.2
    assert found.flow.shape == (*seen.geometry.shape, 2)
    assert found.px200_scale == pytest.approx(200 / 160, rel=0.05)


def test_the_second_measurement_is_nearer_to_the_truth_than_the_scan() -> None:
    """The scan's fast flow takes a third away, which nobody should read as the size of a movement."""
    seen, found = measured(film("AU4", 1.2))
    true = true_parts(seen, "AU4", 1.2)
    scanned = seen.motion[FRAMES[1]] - seen.motion[FRAMES[0]]
    assert abs(gain(found.parts, true) - 1.0) < 0.6 * abs(gain(scanned, true) - 1.0)


def test_length_is_in_proportion() -> None:
    (_, one), (_, two) = measured(film("AU12", 0.8)), measured(film("AU12", 1.6))
    assert gain(two.parts, one.parts) == pytest.approx(2.0, rel=0.15)


def test_half_of_what_is_left_at_the_end_is_drift() -> None:
    reel = film("AU12", 1.6, left=0.5)
    seen, without = measured(reel, drift=False)
    found = measure(reel, seen, *FRAMES, drift=True)
    assert gain(found.parts, without.parts) == pytest.approx(1.0 - 0.5 * 0.5, abs=0.06)
    _, back = measured(film("AU12", 1.6))
    _, same = measured(film("AU12", 1.6), drift=False)
    assert gain(back.parts, same.parts) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(("units", "side"), [("AU12", "left"), ("AU4", "both")])
def test_a_mirrored_video_is_measured_as_the_mirror_image(units: str, side: str) -> None:
    reel = film(units, 1.2, side)
    _, plain = measured(reel)
    _, mirror = measured(Reel([np.ascontiguousarray(p[:, ::-1]) for p in reel.pictures], FPS))
    expected = plain.parts[MIRRORED] * (-1, 1)
    assert np.abs(mirror.parts - expected).max() < 0.15
    if side == "left":
        corners = np.hypot(*plain.parts[10:12].T)
        assert corners[1] > 8 * corners[0]


def test_pictures_and_sequence_fit_together() -> None:
    _, found = measured(film("AU1+2", 1.2))
    assert found.onset_rgb.shape == found.apex_rgb.shape == (451, 320, 3)
    lengths = np.hypot(found.sequence[..., 0], found.sequence[..., 1])
    reach = np.percentile(lengths, 99, axis=(1, 2))
    assert reach[0] == 0.0
    assert len(reach) == LOOP_STEPS + 1
    # It ends at the apex; the loop shows the same frames on the way back.
    assert reach[-1] > 0.95 * reach.max()
    assert reach[2] < 0.5 * reach.max()


def test_frames_of_another_shot_are_not_averaged_in() -> None:
    """The event begins at a cut: the frame before its onset shows something else."""
    reel = film("AU12", 1.2)
    other = np.roll(reel.pictures[0][:, ::-1], 50, axis=0)
    cut = Reel([other] * COURSE.onset + reel.pictures[COURSE.onset :], FPS)
    seen = follow(cut.pictures, FPS)
    assert seen.segment[COURSE.onset] != seen.segment[COURSE.onset - 1]
    found = measure(cut, seen, *FRAMES)
    _, whole = measured(reel)
    assert gain(found.parts, whole.parts) == pytest.approx(1.0, abs=0.15)


def test_an_expression_beside_the_edge_of_the_picture() -> None:
    """The mouth is cut off: brows are measured as ever, and the rest stays still."""
    reel = film("AU4", 1.2)
    _, whole = measured(reel)
    _, half = measured(Reel([p[:225] for p in reel.pictures], FPS))
    assert gain(half.parts[:4], whole.parts[:4]) == pytest.approx(1.0, abs=0.1)
    assert not half.parts[13:].any()
    assert not half.flow[-10:].any()
    assert not half.sequence[:, -10:].any()


def test_one_frame_a_role_is_enough() -> None:
    """At 25 frames a second nothing can be averaged."""
    reel = Reel(film("AU12", 1.6).pictures[::2], FPS / 2)
    seen = follow(reel.pictures, FPS / 2)
    found = measure(reel, seen, 3, 8, 13)
    assert gain(found.parts, true_parts(seen, "AU12", 1.6)) > 0.6


@pytest.mark.parametrize("lost", [{6}, {16}, {27}, set(range(20, 34)), set(range(34))])
def test_frames_that_cannot_be_read_again(lost: set[int]) -> None:
    reel = film("AU12", 1.2)
    seen = follow(reel.pictures, FPS)
    with pytest.raises(VideoError, match="frames 6 to 27 could not be read a second time"):
        measure(replace(reel, lost=lost), seen, *FRAMES)


def test_frames_between_may_be_lost() -> None:
    reel = film("AU12", 1.2)
    seen, whole = measured(reel)
    holes = measure(replace(reel, lost={5, 9, 12, 15, 26}), seen, *FRAMES)
    assert gain(holes.parts, whole.parts) == pytest.approx(1.0, abs=0.1)


def test_an_event_that_cannot_be_read_again_is_a_warning() -> None:
    reel = film("AU12", 1.2)
    seen = follow(reel.pictures, FPS)
    found = [Interval(*FRAMES, "micro", 20.0, 0.6), Interval(*FRAMES, "macro", 20.0, 0.6)]
    recognizer = GatedRecognizer()
    events, warnings = measured_events(reel, seen, found, recognizer, "dis", True, lambda *_: None)
    assert [(e.kind, e.pictures is None) for e in events] == [("micro", False), ("macro", False)]
    assert warnings == []
    broken = replace(reel, lost={16})
    events, warnings = measured_events(broken, seen, found, recognizer, "dis", True, lambda *_: None)
    assert events == []
    assert len(warnings) == 2
    assert "could not be read a second time" in warnings[0]


def test_several_threads_find_what_one_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    reel = film("AU12", 1.2)
    seen = follow(reel.pictures, FPS)
    found = [Interval(FRAMES[0], apex, FRAMES[2], "micro", 20.0, 0.6) for apex in (12, 14, 16)]
    events = []
    for threads in (1, 3):
        monkeypatch.setattr("merkit.analysis.events.cores", lambda threads=threads: threads)
        events.append(measured_events(reel, seen, found, GatedRecognizer(), "dis", False, lambda *_: None)[0])
    assert events[0] == events[1]
    assert [event.apex_frame for event in events[0]] == [12, 14, 16]


def test_ctrl_c_does_not_wait_for_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits to be drawn is dropped, and the interrupt comes through."""
    drawn = []

    def draw(*pictures: object) -> EventPictures:
        drawn.append(pictures)
        return EventPictures(b"", b"", b"", b"", 1.0)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("merkit.analysis.events.event_pictures", draw)
    reel = film("AU12", 1.2)
    found = [Interval(*FRAMES, "macro", 20.0, 0.6)] * 8
    with pytest.raises(KeyboardInterrupt):
        measured_events(reel, follow(reel.pictures, FPS), found, GatedRecognizer(), "dis", True, interrupted)
    assert len(drawn) <= MOST_THREADS + 1
