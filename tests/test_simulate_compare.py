"""Found against planted, counted by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from merkit.simulate import Act, Distractor, PlantedEvent, TimeCourse, match_events


@dataclass(frozen=True)
class Said:
    label: str
    probabilities: dict[str, float]
    abstained: bool = False


@dataclass(frozen=True)
class Event:
    onset_frame: int
    offset_frame: int
    label: str = "positive"
    kind: str = "micro"
    abstained: bool = False
    apex_frame: int = 0

    @property
    def recognition(self) -> Said:
        return Said(self.label, {self.label: 0.8}, self.abstained)


def planted(onset: int, offset: int, label: str = "positive") -> PlantedEvent:
    return PlantedEvent("micro", label, (Act("AU12", TimeCourse(onset, onset + 1, onset + 1, offset), 1.0),))


def test_matching_by_hand() -> None:
    truth = [planted(10, 29), planted(100, 119, "negative"), planted(200, 219)]
    found = [
        Event(15, 29),  # 15 of 20 frames: IoU 0.75
        Event(110, 139, "negative"),  # 10 of 40: IoU 0.25, too little, yet not a false event
        Event(218, 300),  # 2 of 101: IoU 0.02, a false event
        Event(400, 420),  # false, and on a blink
        Event(205, 219, kind="macro"),  # not called micro: passed over
    ]
    result = match_events(found, truth, [Distractor("blink", 395, 400, 405)])
    assert [m.found for m in result.matches] == [True, False, False]
    assert [m.iou for m in result.matches] == pytest.approx([0.75, 0.25, 2 / 101], abs=1e-4)
    assert [m.verdict for m in result.matches] == ["right"] + ["low overlap"] * 2
    assert result.n_found == 4
    assert result.false_events == ((218, 300), (400, 420))
    assert result.blink_events == ((400, 420),)
    assert not result.passed
    assert result.to_json()["matches"][0]["found_onset_frame"] == 15


def test_each_found_event_serves_one_planted_expression() -> None:
    # One long event overlaps both halves; only one of them may count it.
    result = match_events([Event(0, 19)], [planted(0, 9), planted(10, 19)])
    assert [m.found for m in result.matches].count(True) == 1
    # As many pairs as possible come first: the greedy choice (0-9 with 2-11) would leave one alone.
    shared = match_events([Event(0, 9), Event(2, 11)], [planted(2, 11), planted(5, 14)])
    assert [m.found for m in shared.matches] == [True, True]
    assert [m.found_onset_frame for m in shared.matches] == [0, 2]


def test_wrong_class_and_abstention_do_not_pass() -> None:
    truth = [planted(10, 29)]
    assert match_events([Event(10, 29)], truth).passed
    wrong = match_events([Event(10, 29, "surprise")], truth)
    assert (wrong.passed, wrong.matches[0].verdict) == (False, "wrong")
    unsure = match_events([Event(10, 29, abstained=True)], truth)
    assert (unsure.passed, unsure.matches[0].verdict) == (False, "right, not sure")
    assert match_events([], truth).matches[0].verdict == "missed"
    assert match_events([Event(1, 5)], []).false_events == ((1, 5),)
    assert match_events([], []).passed
