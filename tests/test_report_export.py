"""The JSON contract and the CSV tables of an analysis."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_analysis import empty_analysis, fake_analysis, fake_event

from merkit.analysis.result import KeyFrames, Recognition, RegionMotion, Segment
from merkit.report import curves_frame, events_frame, events_json
from merkit.report.export import events_text


def test_events_json_has_the_fields_of_the_contract_in_order():
    out = events_json(fake_analysis())
    assert list(out) == [
        "video", "fps", "n_frames", "duration_s", "face", "events", "stretches", "warnings", "provenance",
    ]  # fmt: skip
    event = out["events"][0]
    assert list(event) == [
        "onset_frame", "apex_frame", "offset_frame", "onset_s", "apex_s", "offset_s", "duration_s", "kind",
        "score", "recognition", "regions", "action_units", "warnings",
    ]  # fmt: skip
    assert list(event["recognition"]) == ["label", "probabilities", "abstained", "reason"]
    assert list(event["regions"][0]) == [
        "name", "side", "motion_px", "motion_px200", "direction_deg", "words",
    ]  # fmt: skip
    # A micro-expression of 0.3 s with its apex at 1.6 s, at 100 fps.
    assert (event["onset_frame"], event["apex_frame"], event["offset_frame"]) == (146, 160, 176)
    assert (event["onset_s"], event["apex_s"], event["duration_s"]) == (1.46, 1.6, 0.3)


def test_label_stays_the_most_probable_class_when_abstained():
    recognition = events_json(fake_analysis())["events"][3]["recognition"]
    assert recognition["abstained"]
    assert recognition["label"] == max(recognition["probabilities"], key=recognition["probabilities"].get)


def test_key_frames_are_there_only_where_a_recognizer_chose_some():
    analysis = fake_analysis()
    first = analysis.events[0]
    chosen = dataclasses.replace(first.recognition, key_frames=KeyFrames((150, 152, np.int64(155))))
    analysis.events[0] = dataclasses.replace(first, recognition=chosen)
    told = [event["recognition"] for event in json.loads(events_text(analysis))["events"]]
    assert told[0]["key_frames"] == [150, 152, 155]
    assert "key_frames" not in told[1]


def test_what_a_recognizer_rests_on_is_there_only_where_it_says_so():
    analysis = fake_analysis()
    first = analysis.events[0]
    more = dataclasses.replace(
        first.recognition,
        key_frames=KeyFrames((150, 152, 155), synthesised=(np.int64(152),)),
        action_units={"AU12": np.float32(0.91), "AU4": 0.2},
        segments=(
            Segment(150, 152, 0.5),
            Segment(153, 155, np.float64(0.25)),
            Segment(150, 155, 0.25, whole=True),
        ),
    )
    analysis.events[0] = dataclasses.replace(first, recognition=more)
    told = [event["recognition"] for event in json.loads(events_text(analysis))["events"]]
    assert told[0]["key_frames_synthesised"] == [152]
    assert told[0]["action_units"] == {"AU12": pytest.approx(0.91, abs=1e-3), "AU4": 0.2}
    assert told[0]["segments"] == [
        {"start_frame": 150, "stop_frame": 152, "weight": 0.5},
        {"start_frame": 153, "stop_frame": 155, "weight": 0.25},
        {"start_frame": 150, "stop_frame": 155, "weight": 0.25, "whole": True},
    ]
    assert not {"key_frames_synthesised", "action_units", "segments"} & set(told[1])


def test_macro_expressions_have_no_recognition():
    event = events_json(fake_analysis())["events"][2]
    assert event["kind"] == "macro"
    assert event["recognition"] is None


def test_json_holds_null_instead_of_nan_and_no_numpy():
    event = fake_event("positive", 2.0, 100.0, pictures=False)
    region = RegionMotion("chin", "both", float("nan"), np.float32(0.5), float("inf"), "")
    event = dataclasses.replace(event, regions=(region,), score=float("nan"), onset_frame=np.int64(3))
    analysis = fake_analysis(events=[event])
    analysis.provenance = {
        "seed": np.int64(4),
        "path": Path("a/b"),
        "x": (np.float64("nan"), np.bool_(True)),
        "s": {2},
    }
    out = json.loads(events_text(analysis), parse_constant=lambda name: pytest.fail(name))
    assert out["events"][0]["score"] is None
    assert out["events"][0]["regions"][0]["motion_px"] is None
    assert out["events"][0]["regions"][0]["direction_deg"] is None
    assert out["provenance"] == {"seed": 4, "path": "a/b", "x": [None, True], "s": [2]}


def test_json_bytes_are_the_same_every_time_and_names_stay_readable():
    analysis = fake_analysis(video="gesicht_ä_顔.mp4")
    text = events_text(analysis)
    assert text == events_text(analysis)
    assert "gesicht_ä_顔.mp4" in text


def test_no_face_is_null_and_no_events():
    out = events_json(empty_analysis())
    assert out["face"] is None
    assert out["events"] == []


def test_events_frame_is_flat_with_one_row_an_event():
    frame = events_frame(fake_analysis())
    assert frame["event"].tolist() == [1, 2, 3, 4]
    assert frame["kind"].tolist() == ["micro", "micro", "macro", "micro"]
    first = frame.iloc[0]
    assert (first["label"], first["p_positive"], first["p_negative"]) == ("positive", 0.78, 0.13)
    assert (first["main_region"], first["main_side"], first["main_motion_px200"]) == (
        "lip corners",
        "left",
        1.4,
    )
    assert first["action_units"] == "AU12"
    assert pd.isna(frame.iloc[2]["p_positive"])
    assert frame["abstained"].tolist()[3] is True
    assert "head moved" in frame.iloc[3]["warnings"]


def test_events_frame_without_events_keeps_its_columns():
    empty, full = events_frame(empty_analysis()), events_frame(fake_analysis())
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)


def test_classes_of_another_model_get_columns_after_the_usual_ones():
    event = fake_event("positive", 2.0, 100.0, pictures=False)
    event = dataclasses.replace(event, recognition=Recognition("fear", {"fear": 0.7, "positive": 0.3}, False))
    columns = [c for c in events_frame(fake_analysis(events=[event])) if c.startswith("p_")]
    assert columns == ["p_negative", "p_positive", "p_surprise", "p_fear"]


def test_curves_are_rounded_and_otherwise_untouched():
    analysis = fake_analysis(2.0, 50.0, events=[])
    out = curves_frame(analysis)
    assert list(out.columns) == list(analysis.curves.columns)
    np.testing.assert_allclose(out["brows"], analysis.curves["brows"], atol=5.1e-4)
    assert len(str(out["brows"].iloc[0])) <= 6
    assert out["observable"].dtype == bool
