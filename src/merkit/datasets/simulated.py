"""What a simulated dataset says of itself: it has the form of a real one, and clips of its own."""

from __future__ import annotations

import json
from pathlib import Path

from merkit.datasets.expected import Counts

SIMULATION = "simulation.json"


def planned_counts(root: Path) -> Counts | None:
    """Return how many clips, emotions and kinds were simulated; ``None`` for any other dataset.

    Parameters
    ----------
    root : Path
        Folder of the dataset, or its table.
    """
    folder = root if root.is_dir() else root.parent
    try:
        counts: Counts = json.loads((folder / SIMULATION).read_text(encoding="utf-8"))["counts"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return counts
