"""Finding events in motion curves."""

from merkit.analysis.spotting.config import Interval, Span, SpotConfig, Spotting
from merkit.analysis.spotting.spot import spot

__all__ = ["Interval", "Span", "SpotConfig", "Spotting", "spot"]
