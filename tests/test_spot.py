"""Finding events in motion curves: what must be found and what must not."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from synthetic_scan import BLINK, FROWN, SMILE, SURPRISE, TALK, bump, plant, still_scan

from merkit.analysis.scan import Scan
from merkit.analysis.spotting import Interval, SpotConfig, spot
from merkit.faces.geometry import CropGeometry, compose


def iou(found: Interval, onset: float, offset: float, fps: float) -> float:
    a, b = found.onset, found.offset
    c, d = onset * fps, offset * fps
    return max(0.0, min(b, d) - max(a, c)) / (max(b, d) - min(a, c))


@pytest.mark.parametrize("fps", [50.0, 100.0, 200.0])
@pytest.mark.parametrize("moves", [SMILE, FROWN, SURPRISE])
@pytest.mark.parametrize("peak", [0.7, 1.5, 3.0])
def test_a_micro_expression_is_found_where_it_is(fps: float, moves: dict, peak: float) -> None:
    scan = still_scan(8.0, fps, seed=3)
    plant(scan, peak * bump(scan, 3.0, 3.2, 3.45), moves)
    (event,) = spot(scan).found
    assert event.kind == "micro"
    assert iou(event, 3.0, 3.45, fps) >= 0.6
    assert abs(event.apex / fps - 3.2) < 0.06


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("fps", [25.0, 100.0])
def test_noise_and_drift_hold_nothing(seed: int, fps: float) -> None:
    assert spot(still_scan(20.0, fps, seed=seed)).found == []


def test_three_in_a_row_are_three() -> None:
    scan = still_scan(12.0)
    for start, moves in ((2.0, SMILE), (5.0, FROWN), (8.1, SURPRISE)):
        plant(scan, 1.2 * bump(scan, start, start + 0.15, start + 0.4), moves)
    events = spot(scan).found
    assert [round(e.onset / 100, 0) for e in events] == [2.0, 5.0, 8.0]
    assert {e.kind for e in events} == {"micro"}


@pytest.mark.parametrize("length", [0.12, 0.2, 0.3])
def test_a_blink_is_a_blink(length: float) -> None:
    scan = still_scan(8.0)
    plant(scan, bump(scan, 4.0, 4.0 + 0.4 * length, 4.0 + length), BLINK)
    result = spot(scan)
    assert result.found == []
    (span,) = result.spans
    assert span.kind == "blink"
    assert span.start / 100 == pytest.approx(4.0, abs=0.1)


def test_talking_is_speech_and_not_a_row_of_micro_expressions() -> None:
    scan = still_scan(12.0)
    rng = np.random.default_rng(5)
    t = 3.0
    while t < 8.0:
        length = rng.uniform(0.15, 0.3)
        plant(scan, rng.uniform(0.6, 1.3) * bump(scan, t, t + length / 2, t + length), TALK)
        t += length + rng.uniform(0.0, 0.08)
    result = spot(scan)
    assert [e for e in result.found if e.kind == "micro"] == []
    speech = [s for s in result.spans if s.kind == "speech"]
    assert len(speech) == 1
    assert speech[0].start / 100 < 4.0
    assert speech[0].stop / 100 > 7.0


def test_a_long_smile_is_macro() -> None:
    scan = still_scan(15.0)
    plant(scan, 5.0 * bump(scan, 4.0, 4.8, 6.0), SMILE)
    (event,) = spot(scan).found
    assert event.kind == "macro"
    assert iou(event, 4.0, 6.0, 100) > 0.6


def turned(scan: Scan, shift: np.ndarray) -> None:
    """Move the head by `shift` (T,) pixels of the video, sideways."""
    for i, s in enumerate(shift):
        scan.matrices[i] = compose(scan.matrices[i], np.array([[1.0, 0, -s], [0, 1.0, 0]]))


def test_what_leaks_from_a_head_movement_is_not_an_event() -> None:
    scan = still_scan(8.0)
    move = bump(scan, 4.0, 4.2, 4.4)
    turned(scan, 15.0 * move)
    scan.motion += (0.6 * move)[:, None, None].astype(np.float32)
    result = spot(scan)
    assert result.found == []
    (span,) = result.spans
    assert span.kind == "head motion"
    assert not span.observable
    assert not result.observable[410]
    assert result.observable[100]


def test_lost_frames_are_spans_and_split_the_search() -> None:
    scan = still_scan(8.0)
    plant(scan, 1.5 * bump(scan, 6.0, 6.2, 6.4), SMILE)
    gone = slice(300, 400)
    scan.status[gone], scan.segment[gone] = 0, -1
    scan.segment[400:] = 1
    scan.motion[gone] = np.nan
    scan.matrices[gone] = np.nan
    result = spot(scan)
    (event,) = result.found
    assert 590 <= event.onset <= 615
    assert [(s.kind, s.start, s.stop) for s in result.spans] == [("no face", 300, 400)]
    assert np.isnan(result.curves[gone]).all()


def test_sensitivity_finds_smaller_movements() -> None:
    scan = still_scan(8.0, noise=0.02)
    plant(scan, 0.12 * bump(scan, 3.0, 3.2, 3.4), SMILE)
    assert spot(scan).found == []
    assert len(spot(scan, SpotConfig(sensitivity=2.0)).found) == 1


@pytest.mark.parametrize("n", [0, 1, 3, 10])
def test_very_short_videos_hold_nothing(n: int) -> None:
    scan = still_scan(1.0)
    short = Scan(**{k: v[:n] if isinstance(v, np.ndarray) else v for k, v in vars(scan).items()})
    result = spot(short)
    assert result.found == []
    assert len(result.curves) == n


def test_variable_frame_rate_is_measured_in_time() -> None:
    scan = still_scan(8.0)
    plant(scan, 1.5 * bump(scan, 3.0, 3.2, 3.45), SMILE)
    keep = np.sort(np.random.default_rng(0).choice(len(scan), len(scan) * 3 // 4, replace=False))
    thin = Scan(**{k: v[keep] if isinstance(v, np.ndarray) else v for k, v in vars(scan).items()})
    (event,) = spot(thin).found
    assert thin.times[event.onset] == pytest.approx(3.0, abs=0.1)
    assert thin.times[event.offset] == pytest.approx(3.45, abs=0.1)


def test_a_small_face_hides_what_a_large_one_shows() -> None:
    """0.3 px200 is 0.3 px of a 200 px face and 0.1 px of a 67 px face: no camera resolves that."""
    large = still_scan(8.0, noise=0.01)
    plant(large, 0.4 * bump(large, 3.0, 3.2, 3.4), SMILE)
    assert len(spot(large).found) == 1
    small = still_scan(8.0, noise=0.01)
    small.matrices[:] = CropGeometry().matrix(np.array([[184.0, 190.0], [216.0, 190.0]]))
    plant(small, 0.4 * bump(small, 3.0, 3.2, 3.4), SMILE)
    assert spot(small).found == []


def test_a_part_outside_the_picture_is_not_searched_and_hides_nothing_else() -> None:
    scan = still_scan(8.0)
    plant(scan, 1.5 * bump(scan, 3.0, 3.2, 3.45), FROWN)
    scan.motion[:, 14] = np.nan  # the chin
    scan.motion[300:420, 13] = np.nan  # the lower lip, for 1.2 s
    scan.motion[420:, 13] += 3.0
    result = spot(scan)
    (event,) = result.found
    assert event.kind == "micro"
    assert iou(event, 3.0, 3.45, 100) >= 0.6
    assert np.isnan(result.curves[:, 14]).all()
    assert np.isnan(result.curves[300:420, 13]).all()
    assert np.isfinite(result.curves[:, :13]).all()
    assert result.observable.all()


def test_what_is_rarely_in_the_picture_makes_no_event() -> None:
    """What comes in now and then has too little rest to be compared with."""
    scan = still_scan(8.0)
    plant(scan, 4.0 * bump(scan, 3.0, 3.2, 3.4), TALK)
    rarely = np.ones(len(scan), dtype=bool)
    rarely[280:360] = False
    for part in (10, 11, 13, 14):
        scan.motion[rarely, part] = np.nan
    assert spot(scan).found == []


def test_glimpses_of_a_face_are_not_observable() -> None:
    """Segments of less than 0.2 s are not searched, so nobody may believe that nothing was in them."""
    scan = still_scan(4.0)
    scan.segment[:] = np.arange(len(scan)) // 10
    scan.segment[200:] = 20
    result = spot(scan)
    assert not result.observable[:200].any()
    assert result.observable[200:].all()


@pytest.mark.parametrize("fps", [2.0, 4.0, 8.0])
def test_slow_cameras_do_not_stretch_the_half_second(fps: float) -> None:
    scan = still_scan(40.0, fps)
    plant(scan, 1.5 * bump(scan, 20.0, 20.5, 21.0), SMILE)
    assert [f for f in spot(scan).found if f.kind == "micro" and (f.offset - f.onset) / fps > 0.56] == []


def test_a_long_video_is_searched_in_pieces_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events, blinks and curves are those of one piece, also at the cuts."""
    scan = still_scan(60.0, 50.0)
    for start in (9.8, 19.7, 22.0, 33.0, 39.95, 50.2):
        plant(scan, 1.2 * bump(scan, start, start + 0.2, start + 0.4), SMILE)
    plant(scan, bump(scan, 29.95, 30.05, 30.2), BLINK)
    whole = spot(scan)
    monkeypatch.setattr(sys.modules["merkit.analysis.spotting.spot"], "PIECE_S", 10.0)
    cut = spot(scan)
    assert len(whole.found) == 6
    # Each piece has a clock of its own, so a mark may fall on the next frame.
    marks = [np.array([(f.onset, f.apex, f.offset) for f in result.found]) for result in (whole, cut)]
    assert np.abs(marks[0] - marks[1]).max() <= 1
    assert {f.kind for f in cut.found} == {"micro"}
    assert [s.kind for s in cut.spans] == [s.kind for s in whole.spans] == ["blink"]
    assert np.abs(cut.curves - whole.curves).max() < 0.15
