"""An analysis as plain data: the ``events.json`` contract, and the tables behind the CSV files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from merkit.analysis.result import CLASSES, Analysis, Event, RegionMotion

__all__ = ["curves_frame", "events_frame", "events_json", "events_text", "main_region", "plain"]

# Tenths of a millisecond and thousandths of a pixel: finer than anything that was measured.
TIME, PIXEL, SHARE, ANGLE = 4, 3, 4, 1


def events_json(analysis: Analysis) -> dict[str, Any]:
    """Everything but curves and pictures, ready for ``json.dumps``.

    Parameters
    ----------
    analysis : Analysis

    Returns
    -------
    dict
        In the order ``video, fps, n_frames, duration_s, face, events, stretches, warnings,
        provenance``.  Frame numbers are 0-based, times are seconds from the first frame; what is
        not a finite number is ``None``.
    """
    return {
        "video": analysis.video,
        "fps": _round(analysis.fps, TIME),
        "n_frames": int(analysis.n_frames),
        "duration_s": _round(analysis.duration_s, TIME),
        "face": plain(analysis.face),
        "events": [_event(event) for event in analysis.events],
        "stretches": [
            {
                "kind": stretch.kind,
                "start_frame": int(stretch.start_frame),
                "stop_frame": int(stretch.stop_frame),
                "start_s": _round(stretch.start_s, TIME),
                "stop_s": _round(stretch.stop_s, TIME),
                "observable": bool(stretch.observable),
            }
            for stretch in analysis.stretches
        ],
        "warnings": [str(warning) for warning in analysis.warnings],
        "provenance": plain(analysis.provenance),
    }


def events_text(analysis: Analysis) -> str:
    """The text of ``events.json``: the same analysis gives the same bytes."""
    return json.dumps(events_json(analysis), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _event(event: Event) -> dict[str, Any]:
    recognition = None
    if event.recognition is not None:
        recognition = {
            "label": event.recognition.label,
            "probabilities": {
                name: _round(value, SHARE) for name, value in event.recognition.probabilities.items()
            },
            "abstained": bool(event.recognition.abstained),
            "reason": event.recognition.reason,
        }
        if event.recognition.key_frames is not None:
            key = event.recognition.key_frames
            recognition["key_frames"] = [int(number) for number in key.chosen]
            if key.synthesised:
                recognition["key_frames_synthesised"] = [int(number) for number in key.synthesised]
        if event.recognition.action_units:
            recognition["action_units"] = {
                name: _round(value, SHARE) for name, value in event.recognition.action_units.items()
            }
        if event.recognition.segments:
            recognition["segments"] = [
                {
                    "start_frame": int(part.start_frame),
                    "stop_frame": int(part.stop_frame),
                    "weight": _round(part.weight, SHARE),
                    **({"whole": True} if part.whole else {}),
                }
                for part in event.recognition.segments
            ]
    return {
        "onset_frame": int(event.onset_frame),
        "apex_frame": int(event.apex_frame),
        "offset_frame": int(event.offset_frame),
        "onset_s": _round(event.onset_s, TIME),
        "apex_s": _round(event.apex_s, TIME),
        "offset_s": _round(event.offset_s, TIME),
        "duration_s": _round(event.duration_s, TIME),
        "kind": event.kind,
        "score": _round(event.score, PIXEL),
        "recognition": recognition,
        "regions": [
            {
                "name": region.name,
                "side": region.side,
                "motion_px": _round(region.motion_px, PIXEL),
                "motion_px200": _round(region.motion_px200, PIXEL),
                "direction_deg": _round(region.direction_deg, ANGLE),
                "words": region.words,
            }
            for region in event.regions
        ],
        "action_units": [{"au": u.au, "name": u.name, "because": u.because} for u in event.action_units],
        "warnings": [str(warning) for warning in event.warnings],
    }


def _round(value: float | None, digits: int) -> float | None:
    """A plain rounded float; ``None`` for what is not a finite number."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits) + 0.0  # -0.0 becomes 0.0


def plain(value: Any) -> Any:
    """Nested values as JSON types: numpy scalars and arrays, paths and tuples included.

    Floats are rounded to six decimals; what is not a finite number is ``None``.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return _round(float(value), 6)
    if value is None or isinstance(value, str):
        return value
    return value.as_posix() if isinstance(value, Path) else str(value)


def main_region(event: Event) -> RegionMotion | None:
    """The region that moved most, at a face width of 200 px; ``None`` without regions."""
    return max(event.regions, key=lambda region: region.motion_px200, default=None)


def events_frame(analysis: Analysis) -> pd.DataFrame:
    """One row an event, flat, as in ``events.csv``.

    Returns
    -------
    pandas.DataFrame
        ``event`` (from 1), kind, frames, times, score, ``label, abstained, reason``, one ``p_<class>``
        column a class, the region that moved most, ``action_units`` and ``warnings`` joined by
        ``"; "``.  Without events: no rows, the same columns.
    """
    extra = {name for e in analysis.events if e.recognition for name in e.recognition.probabilities}
    classes = [*CLASSES, *sorted(extra.difference(CLASSES))]
    rows = [_row(number, event, classes) for number, event in enumerate(analysis.events, start=1)]
    columns = list(_row(1, _BLANK, classes))
    return pd.DataFrame(rows, columns=columns)


_BLANK = Event(0, 0, 0, 0.0, 0.0, 0.0, "macro", 0.0, None, ())


def _row(number: int, event: Event, classes: list[str]) -> dict[str, Any]:
    recognition, region = event.recognition, main_region(event)
    chances = recognition.probabilities if recognition else {}
    told = _event(event)
    kept = ("kind", "onset_frame", "apex_frame", "offset_frame", "onset_s", "apex_s", "offset_s")
    return {
        "event": number,
        **{name: told[name] for name in (*kept, "duration_s", "score")},
        "label": recognition.label if recognition else None,
        "abstained": bool(recognition.abstained) if recognition else None,
        "reason": recognition.reason if recognition else None,
        **{f"p_{name}": _round(chances.get(name), SHARE) for name in classes},
        "main_region": region.name if region else None,
        "main_side": region.side if region else None,
        "main_motion_px": _round(region.motion_px, PIXEL) if region else None,
        "main_motion_px200": _round(region.motion_px200, PIXEL) if region else None,
        "main_direction_deg": _round(region.direction_deg, ANGLE) if region else None,
        "main_words": region.words if region else None,
        "action_units": "; ".join(unit.au for unit in event.action_units),
        "warnings": "; ".join(event.warnings),
    }


def curves_frame(analysis: Analysis) -> pd.DataFrame:
    """The motion curves as in ``curves.csv``: one row a frame, sensibly rounded."""
    curves = analysis.curves
    numbers = [str(name) for name in curves if pd.api.types.is_float_dtype(curves[name])]
    return curves.round({name: TIME if name == "time_s" else PIXEL for name in numbers})
