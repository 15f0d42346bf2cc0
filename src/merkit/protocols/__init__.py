"""Protocols: which clips, which classes, which folds; they never read files."""

from __future__ import annotations

from merkit.protocols.organisers import differences_from_list
from merkit.protocols.protocol import Fold, Protocol, Selection
from merkit.protocols.registry import get_protocol, list_protocols
from merkit.protocols.splitters import LeaveOneDatasetOut, LeaveOneSubjectOut, SubjectKFold

__all__ = [
    "Fold",
    "LeaveOneDatasetOut",
    "LeaveOneSubjectOut",
    "Protocol",
    "Selection",
    "SubjectKFold",
    "differences_from_list",
    "get_protocol",
    "list_protocols",
]
