"""The timeline figure and the small drawings."""

from __future__ import annotations

import numpy as np
import pytest
from fake_analysis import empty_analysis, fake_analysis, fake_event
from hypothesis import given
from hypothesis import strategies as st

from merkit.analysis.result import REGIONS
from merkit.report.decimate import decimate
from merkit.report.drawings import face_outline, motion_around
from merkit.report.palette import DARK, LIGHT
from merkit.report.plots import chart_top, timeline_figure


@given(
    st.lists(st.floats(-1e3, 1e3) | st.just(float("nan")), min_size=1, max_size=400),
    st.integers(2, 100),
)
def test_decimation_keeps_extremes_order_and_size(values, max_points):
    y = np.array(values)
    kept = decimate(y, max_points)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= max(max_points, 2)
    if np.isfinite(y).any():
        assert np.nanmax(y[kept]) == np.nanmax(y)
        assert np.nanmin(y[kept]) == np.nanmin(y)


def test_decimation_keeps_gaps():
    y = np.sin(np.arange(10_000) / 50.0)
    y[4000:5000] = np.nan
    kept = decimate(y, 400)
    inside = (kept >= 4100) & (kept < 4900)
    assert inside.any()
    assert np.isnan(y[kept[inside]]).all()


def test_long_videos_stay_small_and_keep_events_whole():
    event = fake_event("surprise", 700.0, 30.0, pictures=False)
    analysis = fake_analysis(1200.0, 30.0, events=[event])
    figure = timeline_figure(analysis)
    for trace in figure.data:
        assert trace.x is None or len(trace.x) <= 4000
    brows = next(trace for trace in figure.data if trace.name == "brows")
    frames = set(np.asarray(brows.customdata).tolist())
    assert set(range(event.onset_frame, event.offset_frame + 1)) <= frames
    assert len(figure.to_json()) < 700_000


def test_figure_has_a_line_a_region_and_a_band_an_event():
    figure = timeline_figure(fake_analysis())
    names = [trace.name for trace in figure.data]
    assert [n for n in names if n in REGIONS] == list(REGIONS)
    micro = next(trace for trace in figure.data if trace.name == "micro-expression")
    assert [x for x in micro.x[:5] if x is not None] == [1.46, 1.46, 1.76, 1.76, 1.46]
    assert sum(x is None for x in micro.x) == 3
    assert {"blinks", "speech", "head moves", "no face", "longer", "not observable"} <= set(names)


def test_longer_expressions_are_a_row_and_only_micro_expressions_have_numbers():
    """Bands of longer ones overlap and would fill the chart of a lively face."""
    events = [fake_event("positive", 2.0 + i, 100.0, duration_s=4.0) for i in range(4)]
    events.insert(2, fake_event("surprise", 4.5, 100.0))
    figure = timeline_figure(fake_analysis(events=events))
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces["event numbers"].text) == ["3"]
    assert sum(x is None for x in traces["micro-expression"].x) == 1
    assert sum(x is None for x in traces["longer"].x) == 4
    assert traces["longer"].text[3].startswith("event 2, longer expression")


def test_every_role_has_a_colour_on_both_grounds():
    assert LIGHT.keys() == DARK.keys()
    for trace in timeline_figure(fake_analysis()).data:
        assert trace.meta in LIGHT


def test_overlapping_unobservable_stretches_are_drawn_once():
    # The cut lies within the stretch without a face.
    hidden = next(t for t in timeline_figure(fake_analysis()).data if t.name == "not observable")
    assert sum(x is None for x in hidden.x) == 3


def test_a_hand_before_the_face_does_not_shrink_micro_expressions_to_nothing():
    analysis = fake_analysis()
    highest = analysis.curves[list(REGIONS)].max().max()
    assert chart_top(analysis) == (pytest.approx(1.03 * highest), False)
    analysis.curves.loc[850:860, "chin"] = 60.0  # within the stretch of head motion
    peak = analysis.curves.loc[146:176, "lip corners"].max()
    assert chart_top(analysis) == (pytest.approx(3 * peak, rel=0.05), True)
    analysis.events = []
    assert chart_top(analysis) == (pytest.approx(highest, rel=0.01), True)


def test_figure_without_a_face_or_without_frames_can_be_made():
    analysis = empty_analysis()
    assert timeline_figure(analysis).layout.yaxis2.range == (0.0, 1.0)
    analysis.curves = analysis.curves.iloc[:0]
    timeline_figure(analysis)


def test_drawing_marks_the_event_at_its_place():
    analysis = fake_analysis()
    svg = motion_around(analysis, analysis.events[0])
    # Shown from 1.06 to 2.16 s on 34 to 412; the apex at 1.6 s lies at 34 + 0.54 / 1.1 * 378 = 219.6.
    assert 'x1="219.6"' in svg
    assert svg.count('class="moved"') == 2
    assert svg.count('class="quiet"') == 5


def test_drawing_is_left_out_where_there_is_nothing_to_draw():
    analysis = fake_analysis()
    analysis.curves[list(REGIONS)] = np.nan
    assert motion_around(analysis, analysis.events[0]) == ""


def test_drawings_are_well_formed():
    from xml.etree import ElementTree

    analysis = fake_analysis()
    for svg in (motion_around(analysis, analysis.events[0]), face_outline()):
        assert ElementTree.fromstring(svg).tag == "svg"


@pytest.mark.parametrize("fps", [7.0, 100.0])
def test_drawing_copes_with_few_frames(fps):
    analysis = fake_analysis(12.0, fps)
    for event in analysis.events:
        motion_around(analysis, event)
