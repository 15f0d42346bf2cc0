"""The report: an analysis as one self-contained HTML page."""

from __future__ import annotations

import base64
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from merkit.analysis.pictures import FLOW_SCALE_KEY
from merkit.analysis.result import Analysis, Event
from merkit.motion.colors import wheel_legend
from merkit.report import words
from merkit.report.drawings import face_outline, motion_around, scores_in_time
from merkit.report.export import events_json, main_region
from merkit.report.palette import DARK, LIGHT
from merkit.report.plots import chart_top, timeline_figure

__all__ = ["MAX_CARDS", "report_html"]

#: Events with a card of their own; of more, micro-expressions come before longer ones and strong
#: before weak, and the others get a row of a table.
MAX_CARDS = 30
HERE = Path(__file__).parent


def report_html(analysis: Analysis, *, no_faces: bool = False) -> str:
    """Render the report.

    Parameters
    ----------
    analysis : Analysis
    no_faces : bool
        Leave out every picture of the person; motion is shown on a neutral outline.

    Returns
    -------
    str
        HTML that needs no other file and makes no request.
    """
    numbered = list(enumerate(analysis.events, start=1))
    ranked = sorted(numbered, key=lambda item: (item[1].kind != "micro", -item[1].score, item[0]))
    with_card = {number for number, _ in ranked[:MAX_CARDS]}
    cards = [_card(analysis, number, event, no_faces) for number, event in numbered if number in with_card]
    return _environment().get_template("report.html").render(
        analysis=analysis,
        plain=events_json(analysis),
        words=words,
        no_faces=no_faces,
        cards=cards,
        rest=[_row(number, event) for number, event in numbered if number not in with_card],
        seconds=words.say_seconds,
        observable_s=words.observable_s(analysis),
        lost=words.lost_time(analysis),
        classes=words.quoted_classes(analysis),
        has_curves=_has_curves(analysis),
        chart=_chart(analysis),
        chart_top=chart_top(analysis),
        outline=face_outline(),
        wheel=_data_uri("image/png", _wheel()),
        css=_css(),
        plotly_js=_plotly_js(),
    )  # fmt: skip


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


@cache
def _css() -> Markup:
    return Markup((HERE / "report.css").read_text(encoding="utf-8"))


@cache
def _plotly_js() -> Markup:
    from plotly.offline import get_plotlyjs

    return Markup(get_plotlyjs())


@cache
def _wheel() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(wheel_legend(96)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _has_curves(analysis: Analysis) -> bool:
    return analysis.face is not None and len(analysis.curves) > 1


def _chart(analysis: Analysis) -> Markup:
    """The timeline and its two palettes as JSON that cannot close its script element."""
    if not _has_curves(analysis):
        return Markup("{}")
    figure = timeline_figure(analysis).to_json()
    palettes = json.dumps({"light": LIGHT, "dark": DARK})
    return Markup((f'{{"figure":{figure},"palettes":{palettes}}}').replace("<", "\\u003c"))


def _row(number: int, event: Event) -> dict[str, Any]:
    """What a table of events shows of one."""
    return {
        "number": number,
        "event": event,
        "region": main_region(event),
        "summary": words.event_summary(event),
    }


def _card(analysis: Analysis, number: int, event: Event, no_faces: bool) -> dict[str, Any]:
    """What the card of one event shows."""
    pictures = event.pictures
    card: dict[str, Any] = {**_row(number, event), "around": motion_around(analysis, event), "flow": None}
    card["regions"] = [
        {"motion": region, "arrow": words.arrow(region.direction_deg),
         "direction": region.words or words.direction(region.direction_deg)}
        for region in sorted(event.regions, key=lambda region: -region.motion_px200)
    ]  # fmt: skip
    if event.recognition is not None:
        card["bars"] = list(event.recognition.probabilities.items())
        card["scores"] = scores_in_time(analysis, event)
        card["key_frames"] = words.key_frames(event.recognition)
        card["units"] = words.likely_units(event.recognition)
        card["segments"] = words.segments(event.recognition)
    if pictures is not None:
        card["flow"] = _data_uri("image/png", pictures.flow)
        card["full_colour"] = _full_colour(pictures.flow)
    if pictures is not None and not no_faces:
        card["gain"] = pictures.gain
        card["onset"] = _data_uri("image/jpeg", pictures.onset)
        card["apex"] = _data_uri("image/jpeg", pictures.apex)
        card["loop"] = _data_uri("image/webp", pictures.loop)
    return card


def _full_colour(png: bytes) -> str:
    """Motion in px200 that full colour stands for, as the picture states it; empty if it does not."""
    with Image.open(io.BytesIO(png)) as picture:
        return str(picture.info.get(FLOW_SCALE_KEY, ""))
