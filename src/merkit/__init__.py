"""merkit: facial micro-expressions, from a video to a report and from a dataset to an honest score.

>>> import merkit
>>> merkit.list_methods("flow*")
['flow-svm']
>>> merkit.get_protocol("megc2019").classes
('negative', 'positive', 'surprise')

These are the names that most programs need; the packages hold more, `merkit.errors` every exception.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from merkit.analysis import Analysis, Event, analyze
    from merkit.clips import Clip, ClipTable
    from merkit.datasets import read_dataset
    from merkit.errors import MerkitError
    from merkit.evaluation import compare, evaluate
    from merkit.methods import create_network, create_recognizer, list_methods, load_recognizer
    from merkit.motion import optical_flow, strain
    from merkit.protocols import get_protocol
    from merkit.video import open_video

__version__ = "0.1.0"

# Imported when first used, so that `import merkit` and `merkit --help` are quick.
_PLACES = {
    "Analysis": "merkit.analysis",
    "Event": "merkit.analysis",
    "analyze": "merkit.analysis",
    "Clip": "merkit.clips",
    "ClipTable": "merkit.clips",
    "read_dataset": "merkit.datasets",
    "MerkitError": "merkit.errors",
    "compare": "merkit.evaluation",
    "evaluate": "merkit.evaluation",
    "create_network": "merkit.methods",
    "create_recognizer": "merkit.methods",
    "list_methods": "merkit.methods",
    "load_recognizer": "merkit.methods",
    "optical_flow": "merkit.motion",
    "strain": "merkit.motion",
    "get_protocol": "merkit.protocols",
    "open_video": "merkit.video",
}

__all__ = [
    "Analysis",
    "Clip",
    "ClipTable",
    "Event",
    "MerkitError",
    "analyze",
    "compare",
    "create_network",
    "create_recognizer",
    "evaluate",
    "get_protocol",
    "list_methods",
    "load_recognizer",
    "open_video",
    "optical_flow",
    "read_dataset",
    "strain",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'merkit' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
