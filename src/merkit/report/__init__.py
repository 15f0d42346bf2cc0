"""An analysis for people and programs: HTML report, JSON, CSV, annotated video, figure."""

from merkit.report.export import curves_frame, events_frame, events_json
from merkit.report.files import save
from merkit.report.overlay import write_overlay
from merkit.report.page import report_html
from merkit.report.plots import timeline_figure

__all__ = [
    "curves_frame",
    "events_frame",
    "events_json",
    "report_html",
    "save",
    "timeline_figure",
    "write_overlay",
]
