"""The timeline: motion curves by region, events as bands, and what could not be seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from merkit.analysis.result import REGIONS, Analysis
from merkit.report.decimate import decimate
from merkit.report.palette import LIGHT
from merkit.report.words import say_seconds

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["MAX_POINTS", "chart_top", "timeline_figure"]

MAX_POINTS = 4000
#: Labels above the bands are numbers; beyond this many they would only hide the curves.
MAX_LABELS = 40
#: Fraction of the figure's height at which the curves end and the row of event numbers begins.
CEILING = 0.93
#: Rows below the curves, from top to bottom: title, kinds of event or stretch, colour role.
LANES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("longer", ("macro",), "macro"),
    ("blinks", ("blink",), "blink"),
    ("speech", ("speech",), "speech"),
    ("head moves", ("head motion",), "hidden"),
    ("no face", ("no face", "hidden", "cut"), "hidden"),
)


def _around_events(analysis: Analysis, budget: int) -> NDArray[np.intp]:
    """Rows of the curves around the strongest events, to be kept whole, at most ``budget`` of them."""
    time = analysis.curves["time_s"].to_numpy(dtype=np.float64)
    kept: set[int] = set()
    for event in sorted(analysis.events, key=lambda event: (-event.score, event.onset_s)):
        margin = max(0.4, 0.5 * event.duration_s)
        first, last = np.searchsorted(time, [event.onset_s - margin, event.offset_s + margin])
        wanted = kept.union(range(int(first), int(last)))
        if len(wanted) <= budget:
            kept = wanted
    return np.array(sorted(kept), dtype=np.intp)


def timeline_figure(analysis: Analysis, *, max_points: int = MAX_POINTS) -> go.Figure:
    """Plotly figure of the motion curves with events, blinks, speech and unobservable stretches.

    Micro-expressions are bands across the curves; longer ones, which may overlap and fill a video,
    are a row below them.

    Colours are those for light ground; every trace names its role in ``meta`` so that a page can
    exchange them.

    Parameters
    ----------
    analysis : Analysis
    max_points : int
        At most this many points of each curve are kept, a third of them for the frames around events.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    import plotly.graph_objects as go

    traces = [*_bands(analysis), *_curves(analysis, max_points)]
    there: set[str] = {event.kind for event in analysis.events} | {s.kind for s in analysis.stretches}
    lanes = [lane for lane in LANES if there.intersection(lane[1])]
    for row, (title, kinds, role) in enumerate(lanes):
        traces.append(_lane(title, _spans(analysis, kinds), role, -row))
    return go.Figure(data=traces, layout=_layout(analysis, [lane[0] for lane in lanes]))


def _curves(analysis: Analysis, max_points: int) -> Iterable[dict[str, Any]]:
    curves = analysis.curves
    time = curves["time_s"].to_numpy(dtype=np.float64)
    frame = curves["frame"].to_numpy()
    dense = _around_events(analysis, max_points // 3) if len(curves) > max_points else np.arange(0)
    for region in (name for name in REGIONS if name in curves):
        y = curves[region].to_numpy(dtype=np.float64)
        kept = np.union1d(decimate(y, max_points - len(dense)), dense)
        yield {
            "type": "scatter",
            "mode": "lines",
            "name": region,
            "meta": region,
            "x": np.round(time[kept], 4).astype(np.float32),
            "y": np.round(y[kept], 3).astype(np.float32),
            "customdata": frame[kept].astype(np.int32),
            "yaxis": "y2",
            "line": {"color": LIGHT[region], "width": 1.4},
            "hovertemplate": "%{y:.2f} px · frame %{customdata}",
        }


def _rectangles(spans: Sequence[tuple[float, float]]) -> dict[str, list[float | None]]:
    """One closed outline a span, from 0 to 1 upwards, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for start, stop in spans:
        x += [start, start, stop, stop, start, None]
        y += [0.0, 1.0, 1.0, 0.0, 0.0, None]
    return {"x": x, "y": y}


def _bands(analysis: Analysis) -> Iterable[dict[str, Any]]:
    micro = [(n, event) for n, event in enumerate(analysis.events, start=1) if event.kind == "micro"]
    groups = [
        ("not observable", "hidden", _unobservable(analysis), 0.6, 1.0),
        ("micro-expression", "micro", [(e.onset_s, e.offset_s) for _, e in micro], 1.2, 0.35),
    ]
    for name, role, spans, width, opacity in groups:
        if not spans:
            continue
        trace: dict[str, Any] = {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "meta": role,
            **_rectangles(spans),
            "fill": "toself",
            "line": {"color": LIGHT[role], "width": width},
            "fillcolor": _fade(LIGHT[role], opacity),
            "hoverinfo": "skip",
            "legendrank": {"micro": 1, "hidden": 2000}[role],
        }
        if role == "hidden":
            trace["fillpattern"] = {
                "shape": "/",
                "fgcolor": LIGHT[role],
                "bgcolor": "rgba(0,0,0,0)",
                "fgopacity": 0.55,
                "size": 7,
                "solidity": 0.16,
            }
        yield trace
    if 0 < len(micro) <= MAX_LABELS:
        yield {
            "type": "scatter",
            "mode": "text",
            "name": "event numbers",
            "meta": "text",
            "x": [event.apex_s for _, event in micro],
            "y": [0.5] * len(micro),
            "yaxis": "y4",
            "text": [str(number) for number, _ in micro],
            "textfont": {"size": 13, "color": LIGHT["text"], "weight": 600},
            "cliponaxis": False,
            "showlegend": False,
            "hoverinfo": "skip",
        }


def _fade(colour: str, opacity: float) -> str:
    """``#rrggbb`` and an opacity as ``rgba(…)``."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def _unobservable(analysis: Analysis) -> list[tuple[float, float]]:
    """Unobservable spans, merged where they overlap."""
    spans = sorted((s.start_s, s.stop_s) for s in analysis.stretches if not s.observable)
    merged: list[tuple[float, float]] = []
    for start, stop in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _spans(analysis: Analysis, kinds: tuple[str, ...]) -> list[tuple[float, float, str]]:
    """Start, end and name of every event or stretch of these kinds."""
    events = [
        (event.onset_s, event.offset_s, f"event {number}, longer expression")
        for number, event in enumerate(analysis.events, start=1)
        if event.kind in kinds
    ]
    return events + [(s.start_s, s.stop_s, s.kind) for s in analysis.stretches if s.kind in kinds]


def _lane(title: str, spans: list[tuple[float, float, str]], role: str, row: int) -> dict[str, Any]:
    """One row of spans; a tick at each start keeps the shortest visible in a long video."""
    x: list[float | None] = []
    text: list[str] = []
    for start, stop, name in spans:
        said = f"{name} {start:.2f} to {stop:.2f} s ({say_seconds(stop - start)})"
        x += [start, stop, None]
        text += [said, said, ""]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": title,
        "meta": role,
        "x": x,
        "y": [row if value is not None else None for value in x],
        "yaxis": "y3",
        "line": {"color": LIGHT[role], "width": 9},
        "marker": {"symbol": "line-ns", "size": 9, "color": LIGHT[role],
                   "line": {"color": LIGHT[role], "width": 1.5}},
        "text": text,
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }  # fmt: skip


def chart_top(analysis: Analysis) -> tuple[float, bool]:
    """Where the chart of the curves ends in px200, and whether some motion lies beyond.

    A hand or a turn of the head moves ten times as far as a micro-expression, which would vanish
    beside it: the chart ends at three times the strongest micro-expression, or without any at the
    strongest motion that counts as observable.  It never ends below 1 px, where noise would fill it.
    """
    curves = analysis.curves
    values = curves[[name for name in REGIONS if name in curves]].to_numpy(dtype=np.float64)
    peak = np.where(np.isfinite(values), values, 0.0).max(axis=1, initial=0.0)
    highest = float(peak.max(initial=0.0))
    micro = np.zeros(len(peak), dtype=bool)
    for event in analysis.events:
        if event.kind == "micro":
            micro[event.onset_frame : event.offset_frame + 1] = True
    if micro.any():
        wanted = 3.0 * float(peak[micro].max())
    else:
        wanted = float(peak[curves["observable"].to_numpy(dtype=bool)].max(initial=0.0)) or highest
    top = max(1.0, min(1.03 * highest, wanted))
    return top, highest > top


def _layout(analysis: Analysis, lanes: list[str]) -> dict[str, Any]:
    # Each lane is 22 px high below 300 px of curves.
    lane_px, gap_px, curve_px = 22 * len(lanes), 14 if lanes else 0, 300
    floor = (lane_px + gap_px) / (lane_px + gap_px + curve_px)
    axis = {
        "color": LIGHT["muted"],
        "gridcolor": LIGHT["grid"],
        "zeroline": False,
        "linecolor": LIGHT["grid"],
    }
    end = max(analysis.duration_s, 1e-3)
    layout: dict[str, Any] = {
        "template": "none",
        "height": 420 + lane_px + gap_px,
        "margin": {"l": 92, "r": 16, "t": 8, "b": 100},
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": LIGHT["text"]},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": LIGHT["paper"],
            "bordercolor": LIGHT["grid"],
            "font": {"color": LIGHT["text"]},
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 0,
            "yref": "container",
            "yanchor": "bottom",
            "font": {"size": 12},
        },
        "xaxis": {
            **axis,
            "title": {"text": "time in the video, s", "font": {"size": 13}, "standoff": 8},
            "range": [0.0, end],
            "minallowed": -0.02 * end,
            "maxallowed": 1.02 * end,
            "ticks": "outside",
            "showgrid": False,
            "unifiedhovertitle": {"text": "%{x:.3f} s"},
            "anchor": "y3" if lanes else "y",
        },
        # The bands have an axis of their own, below that of the curves, so that they fill its height.
        "yaxis": {"domain": [floor, CEILING], "range": [0.0, 1.0], "visible": False, "fixedrange": True},
        "yaxis4": {"domain": [CEILING, 1.0], "range": [0.0, 1.0], "visible": False, "fixedrange": True},
        "yaxis2": {
            **axis,
            "overlaying": "y",
            "side": "left",
            "range": [0.0, chart_top(analysis)[0]],
            "tickmode": "auto",
            "nticks": 7,
            "title": {"text": "motion, px at a 200 px face", "font": {"size": 13}, "standoff": 10},
        },
    }
    if lanes:
        layout["yaxis3"] = {
            **axis,
            "domain": [0.0, floor * lane_px / (lane_px + gap_px)],
            "range": [0.5 - len(lanes), 0.5],
            "fixedrange": True,
            "tickvals": [-row for row in range(len(lanes))],
            "ticktext": lanes,
            "showgrid": False,
        }
    return layout
