"""Clips and tables of clips: what every dataset, method and evaluation works with."""

from merkit.clips.clip import Clip
from merkit.clips.table import ClipTable

__all__ = ["Clip", "ClipTable"]
