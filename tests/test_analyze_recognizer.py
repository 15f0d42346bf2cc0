"""Events judged by a recognizer of one's own: what it is given, what comes of it, when it refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from filmed import Reel, follow, photograph, portrait

import merkit
from merkit.analysis.events import measured_events
from merkit.analysis.face_clip import face_box
from merkit.analysis.recognize import ClipRecognizer, judge_by
from merkit.analysis.result import Segment
from merkit.analysis.scan import Scan
from merkit.analysis.spotting import Interval
from merkit.clips import Clip
from merkit.errors import ConfigError, DataError
from merkit.faces import load_face_models
from merkit.inputs.placement import place_face
from merkit.methods import create_recognizer
from merkit.methods.registry import shipped_folder
from merkit.simulate import FaceState, Movement, TimeCourse
from merkit.video import VideoWriter

FPS = 60.0
COURSE = TimeCourse(6, 15, 17, 27)
FOUND = Interval(COURSE.onset, 16, COURSE.offset, "micro", 20.0, 0.6)


@dataclass
class Chooser:
    """Always sure that it is disgust, by every third frame; keeps what it was given."""

    name: str = "chooser"
    requires: tuple[str, ...] = ("frames",)
    chances: tuple[float, ...] = (0.7, 0.3)
    abstain_below: float = 0.5
    refuses: bool = False
    tells: bool = True
    card: dict[str, Any] = field(default_factory=lambda: {"trained_subjects": ["lab/1"]})
    classes_: Any = field(default_factory=lambda: np.array(["disgust", "happiness"]))
    given: list[Clip] = field(default_factory=list)

    def predict_proba(self, clips):
        self.given += clips
        if self.refuses:
            raise DataError(f"clip {clips[0].id!r}: no face was found")
        return np.array([self.chances] * len(clips))

    def explain(self, clips):
        if not self.tells:
            return [{"key_frames": {"onset": clip.onset, "apex": None, "offset": None}} for clip in clips]
        return [
            {
                "key_frames": list(clip.source.numbers[::3]),
                "frames": list(clip.source.numbers),
                "scores": [0.1 * k for k in range(len(clip.source))],
            }
            for clip in clips
        ]


@cache
def film(peak: float = 1.2) -> tuple[Reel, Scan]:
    field_ = portrait().field("AU12", "both")
    strength = COURSE.intensity(np.arange(34))
    states = [FaceState((Movement(field_, peak * float(s)),) if s > 0 else ()) for s in strength]
    reel = Reel(photograph(states, noise=1.0), FPS)
    return reel, follow(reel.pictures, FPS)


def judged(recognizer: Any, reel: Reel | None = None, peak: float = 1.2, kind: str = "micro") -> Any:
    ours, scan = film(peak)
    found = [Interval(FOUND.onset, FOUND.apex, FOUND.offset, kind, 20.0, 0.1)]
    judge = ClipRecognizer(recognizer)
    (event,), _ = measured_events(reel or ours, scan, found, judge, "dis", False, lambda *_: None)
    return event


def test_it_is_given_the_frames_of_the_event_under_their_numbers_in_the_video():
    model = Chooser()
    judged(model)
    (clip,) = model.given
    assert (clip.onset, clip.apex, clip.offset) == (6, 16, 27)
    assert clip.source.numbers == tuple(range(6, 28))
    assert clip.fps == FPS
    reel, scan = film()
    box = face_box(scan, range(6, 28), reel.pictures[0].shape[:2])
    for number in (6, 16, 27):
        np.testing.assert_array_equal(clip.frame(number), reel.pictures[number][box])


def test_its_class_is_that_of_the_event_and_key_frames_are_kept():
    recognition = judged(Chooser()).recognition
    assert recognition.label == "disgust"
    assert recognition.probabilities == {"disgust": 0.7, "happiness": 0.3}
    assert not recognition.abstained
    assert recognition.key_frames.chosen == tuple(range(6, 28, 3))
    assert recognition.key_frames.frames == tuple(range(6, 28))


def test_what_it_rests_on_is_kept():
    class Telling(Chooser):
        def explain(self, clips):
            return [
                {
                    "key_frames": [6.0, 10.4, 27.0], "synthesised": [10.4],
                    "aus": {"AU4": 0.9, "AU6": 0.1, "AU9": 0.8}, "aus_unlearnt": ["AU9"],
                    "segments": [{"frames": [6, 15], "weight": 0.5}, {"frames": [16, 27], "weight": 0.2}],
                    "whole_clip_weight": 0.3,
                }
            ]  # fmt: skip

    recognition = judged(Telling()).recognition
    assert recognition.key_frames.chosen == (6, 10, 27)
    assert recognition.key_frames.synthesised == (10,)
    assert recognition.action_units == {"AU4": 0.9, "AU6": 0.1}
    assert recognition.segments == (Segment(6, 15, 0.5), Segment(16, 27, 0.2), Segment(6, 27, 0.3, True))
    plain = judged(Chooser()).recognition
    assert (plain.action_units, plain.segments) == ({}, ())


@pytest.mark.parametrize("name", ["fal-convlstm", "mersiamc3d", "sma-stn"])
def test_what_a_trained_network_rests_on_comes_into_the_recognition(name):
    from test_recognizers import CLIPS, GROUPS, LABELS, made

    clips = [replace(clip, aus=(("4",), ("12",), ("1", "2"))[row % 3]) for row, clip in enumerate(CLIPS)]
    model = made(name, epochs=1).fit(clips, LABELS, GROUPS)
    recognition = judged(model).recognition
    if name == "fal-convlstm":
        assert set(recognition.action_units) == {"AU1", "AU2", "AU4", "AU12"}
    elif name == "sma-stn":
        assert sum(part.weight for part in recognition.segments) == pytest.approx(1.0, abs=1e-5)
        assert (recognition.segments[-1].start_frame, recognition.segments[-1].stop_frame) == (6, 27)
    else:
        assert len(recognition.key_frames.chosen) == 11
        assert 0 < len(recognition.key_frames.synthesised) <= 8


def test_onset_apex_and_offset_are_no_choice_of_key_frames():
    assert judged(Chooser(tells=False)).recognition.key_frames is None


def test_below_its_own_threshold_it_abstains():
    recognition = judged(Chooser(abstain_below=0.75)).recognition
    assert (recognition.label, recognition.abstained) == ("disgust", True)
    assert "no class is likely enough (best 70%)" in recognition.reason


def test_what_hardly_moves_is_not_relied_on_however_sure_it_is():
    recognition = judged(Chooser(chances=(1.0, 0.0)), peak=0.1).recognition
    assert recognition.abstained
    assert "too small" in recognition.reason


def test_a_refusal_leaves_the_event_and_says_why():
    event = judged(Chooser(refuses=True))
    assert event.recognition is None
    assert event.regions
    (warning,) = event.warnings
    assert "could not judge this event: clip 'frames 6 to 27': no face was found" in warning


def test_frames_that_are_gone_in_the_second_reading_are_told():
    reel, _ = film()
    event = judged(Chooser(), Reel(reel.pictures, FPS, lost={9}))
    assert event.recognition is None
    assert "frames 6 to 27 could not be read a second time" in event.warnings[0]


def test_longer_expressions_are_not_judged():
    model = Chooser()
    assert judged(model, kind="macro").recognition is None
    assert model.given == []


def test_the_box_holds_the_followed_face_and_not_its_neighbour():
    # The same portrait at two sizes: the smaller one is followed.
    (large,), (small,) = (photograph([FaceState()], of=portrait(px, (320, 352))) for px in (160.0, 120.0))
    picture = np.concatenate([large, small], axis=1)
    scan = follow([picture] * 4, FPS, face=1)
    box = face_box(scan, range(4), picture.shape[:2])
    found = load_face_models("blazeface").detect(np.ascontiguousarray(picture[box]), 40)
    assert len(found) == 1
    across = place_face(picture[box]).mesh.points[:, 0].mean() + box[1].start
    assert across > large.shape[1]
    rows, columns = (part.stop - part.start for part in box)
    assert rows < picture.shape[0]
    assert columns < small.shape[1]


def test_what_videos_do_not_have_is_refused_before_the_work():
    with pytest.raises(ConfigError, match=r"this chooser needs flow_map .* trained on frames"):
        judge_by(Chooser(requires=("flow_map",)))
    judge_by(Chooser(requires=("flow_map or frames", "apex")))


def test_a_folder_is_loaded_and_a_wrong_one_refused(tmp_path):
    judge = judge_by(shipped_folder("flow-svm"))
    assert judge.card["method"] == "flow-svm"
    assert "samm/006" in judge.card["trained_subjects"]
    with pytest.raises(DataError, match=r"no card\.json"):
        merkit.analyze("absent.mp4", recognizer=tmp_path)


@pytest.fixture
def analysis(tmp_path, monkeypatch) -> merkit.Analysis:
    """A film that is too short for its noise to be known, so what is found in it is given."""
    with VideoWriter(tmp_path / "film.mp4", fps=FPS, lossless=True) as writer:
        for picture in film()[0].pictures:
            writer.write(picture)
    main_job = import_module("merkit.analysis.analyze")
    spot = main_job.spot
    monkeypatch.setattr(main_job, "spot", lambda *given: replace(spot(*given), found=[FOUND]))
    return merkit.analyze(tmp_path / "film.mp4", recognizer=Chooser(), pictures=False)


def test_a_whole_video_is_judged_by_it(analysis):
    (event,) = analysis.events
    assert event.recognition.label == "disgust"
    assert str(analysis) == "film.mp4: 1 micro-expression (1 like disgust), no macro-expression"
    written = json.loads(json.dumps(analysis.to_json()))
    assert written["provenance"]["recognizer"] == {
        "method": "chooser", "classes": ["disgust", "happiness"], "trained_subjects": ["lab/1"],
    }  # fmt: skip
    assert written["events"][0]["recognition"]["key_frames"] == list(range(6, 28, 3))
    assert analysis.to_frame()["p_disgust"].tolist() == [0.7]


def test_the_shipped_model_from_its_folder_agrees_with_the_built_in_one(tmp_path):
    # Measured from the frames of the event and not in the scan, so not to the digit.
    reel, scan = film()
    found = [Interval(6, 16, 27, "micro", 20.0, 0.6)]
    chances = []
    for recognizer in (None, shipped_folder("flow-svm")):
        (event,), _ = measured_events(reel, scan, found, judge_by(recognizer), "dis", False, lambda *_: None)
        chances.append(event.recognition.probabilities)
    assert max(chances[0], key=chances[0].get) == max(chances[1], key=chances[1].get) == "positive"


def test_an_untrained_recognizer_is_refused_in_words():
    with pytest.raises(ConfigError, match="has not been trained"):
        judge_by(create_recognizer("flow-svm"))
