"""From a scan and what was spotted in it to the tables and facts of an analysis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merkit.analysis.result import REGIONS, Stretch
from merkit.analysis.scan import Scan
from merkit.analysis.spotting import Spotting
from merkit.faces.geometry import PARTS, invert, transform


def duration_of(times: NDArray[np.float64], fps: float) -> float:
    """Seconds from the first frame to the end of the last."""
    if len(times) == 0:
        return 0.0
    last = float(np.median(np.diff(times))) if len(times) > 1 else 1.0 / fps
    return float(times[-1] - times[0]) + last


def face_facts(scanned: Scan, spotting: Spotting, detector: str, chosen: int) -> dict[str, Any] | None:
    """What :class:`~merkit.analysis.result.Analysis` says of the face; None without one."""
    if not scanned.tracked.any():
        return None
    width = 200.0 / scanned.px200_scale[scanned.tracked]
    return {
        "width_px": round(float(np.median(width)), 1),
        "found_fraction": round(float(scanned.tracked.mean()), 4),
        "observable_fraction": round(float(spotting.observable.mean()), 4),
        "detector": detector,
        "n_faces": scanned.n_faces,
        "chosen": chosen,
    }


def stretches_of(scanned: Scan, spotting: Spotting) -> list[Stretch]:
    """Spans of frames with their times."""
    times = scanned.times
    return [
        Stretch(
            kind=s.kind,
            start_frame=s.start,
            stop_frame=s.stop,
            start_s=float(times[s.start]),
            stop_s=float(times[min(s.stop, len(times) - 1)]),
            observable=s.observable,
        )
        for s in spotting.spans
    ]


def curves_of(scanned: Scan, spotting: Spotting) -> pd.DataFrame:
    """One row a frame: motion by region in px200, speed of the head, what is going on."""
    names = np.array([part.region for part in PARTS])
    there = np.isfinite(spotting.curves)
    columns: dict[str, Any] = {"frame": np.arange(len(scanned)), "time_s": scanned.times}
    for region in REGIONS:
        mine = names == region
        total = np.where(there, spotting.curves, 0.0)[:, mine].sum(axis=1)
        count = there[:, mine].sum(axis=1)
        columns[region] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    columns["head_px200_s"] = spotting.head_speed
    columns["observable"] = spotting.observable
    state = np.full(len(scanned), "", dtype=object)
    for span in spotting.spans:
        state[span.start : span.stop] = span.kind
    columns["state"] = state
    return pd.DataFrame(columns)


def track_of(scanned: Scan) -> pd.DataFrame:
    """One row a frame: box of the face crop in pixels, segment, tilt in degrees."""
    height, width = scanned.geometry.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=float)
    box = np.full((len(scanned), 4), np.nan)
    angle = np.full(len(scanned), np.nan)
    for i in np.flatnonzero(scanned.tracked):
        back = invert(scanned.matrices[i])
        points = transform(back, corners)
        low, high = points.min(axis=0), points.max(axis=0)
        box[i] = (*low, *(high - low))
        angle[i] = np.degrees(np.arctan2(back[1, 0], back[0, 0]))
    return pd.DataFrame(
        {
            "frame": np.arange(len(scanned)),
            "time_s": scanned.times,
            **dict(zip("xywh", box.T, strict=True)),
            "segment": scanned.segment,
            "angle_deg": angle,
        }
    )
