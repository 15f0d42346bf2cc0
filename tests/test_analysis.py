"""The main job through Python: found against planted, deterministic, and its result's methods."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import merkit
from merkit.simulate import match_events, simulate_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object, merkit.Analysis]:
    folder = tmp_path_factory.mktemp("demo")
    truth = simulate_demo(folder, seed=4, peak_px=1.5, noise=2.0, fps=30.0, duration_s=7.5)
    return folder / "video.mp4", truth, merkit.analyze(folder / "video.mp4")


def test_all_planted_expressions_are_found_and_nothing_else(demo) -> None:
    _, truth, analysis = demo
    comparison = match_events(analysis.events, truth.performance.events, truth.performance.of_kind("blink"))
    assert [match.verdict for match in comparison.matches] == ["right"] * 3
    assert min(match.iou for match in comparison.matches) >= 0.5
    assert comparison.false_events == ()
    assert [e.kind for e in analysis.events] == ["micro"] * 3
    by_time = sorted(truth.performance.events, key=lambda e: e.onset_frame)
    assert [e.recognition.label for e in analysis.events] == [e.emotion for e in by_time]


def test_the_blink_is_a_stretch_and_not_an_event(demo) -> None:
    _, truth, analysis = demo
    blinks = [s for s in analysis.stretches if s.kind == "blink"]
    (planted,) = truth.performance.of_kind("blink")
    assert len(blinks) == 1
    assert abs(blinks[0].start_frame - planted.onset_frame) <= 2


def test_regions_and_action_units_say_what_was_planted(demo) -> None:
    _, truth, analysis = demo
    expected = {"AU12": ("lip corners", "AU12"), "AU4": ("brows", "AU4"), "AU1+2": ("brows", "AU1")}
    for planted, found in zip(
        sorted(truth.performance.events, key=lambda e: e.onset_frame), analysis.events, strict=True
    ):
        region, unit = expected[planted.action_units]
        assert found.regions[0].name == region
        assert unit in {e.au for e in found.action_units}
        # Parts are averages over some skin, so less than the peak, but of its order.
        assert 0.3 * planted.peak_px < found.regions[0].motion_px < planted.peak_px


def test_curves_and_track_have_a_row_a_frame(demo) -> None:
    _, truth, analysis = demo
    assert len(analysis.curves) == len(analysis.track) == analysis.n_frames == truth.performance.n_frames
    assert np.allclose(np.diff(analysis.curves["time_s"]), 1 / truth.performance.fps, atol=1e-6)
    assert analysis.face["width_px"] == pytest.approx(200, rel=0.05)


def test_the_same_video_gives_the_same_result_and_progress_is_told(demo) -> None:
    video, truth, analysis = demo
    seen: list[tuple[int, int | None, str]] = []
    again = merkit.analyze(video, pictures=False, on_progress=lambda *step: seen.append(step))
    assert again.to_json() == analysis.to_json()
    scans = [done for done, _, stage in seen if stage == "scan"]
    assert scans == list(range(1, truth.performance.n_frames + 1))
    assert seen[-1][2] == "measure"
    assert seen[-1][0] == seen[-1][1]


def test_result_methods(demo, tmp_path) -> None:
    _, _, analysis = demo
    frame = analysis.to_frame()
    assert len(frame) == 3
    written = analysis.to_json(tmp_path / "events.json")
    assert json.loads((tmp_path / "events.json").read_text()) == json.loads(json.dumps(written))
    assert len(analysis.to_csv(tmp_path / "events.csv").read_text().splitlines()) == 4
    assert analysis.save_report(tmp_path / "report.html").stat().st_size > 100_000
    assert analysis.plot().data
