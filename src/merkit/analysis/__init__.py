"""The main job: from a video to events, curves and a face track."""

from merkit.analysis.analyze import analyze
from merkit.analysis.result import Analysis, Event

__all__ = ["Analysis", "Event", "analyze"]
