"""Protocols: which clips, which classes, which folds; they never read files."""

from __future__ import annotations

from merkit.protocols.protocol import Fold, Protocol, Selection
from merkit.protocols.registry import get_protocol, list_protocols

__all__ = ["Fold", "Protocol", "Selection", "get_protocol", "list_protocols"]
