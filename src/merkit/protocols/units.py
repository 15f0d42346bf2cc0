"""Detection of twelve action units across datasets (CD6ME)."""

from __future__ import annotations

from types import MappingProxyType

import pandas as pd

from merkit.datasets.action_units import ActionUnit, parse_action_units, present_numbers
from merkit.protocols.folds import by_dataset
from merkit.protocols.protocol import Protocol

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)


class PresentUnits:
    """Which of some action units a clip has.

    Side and intensity do not count; undecided units (``12 or 14``, ``?``), units that go away and static
    ones (``12(k)``, 4DME) count as absent.  No clip is left out for its units, as in the published run.

    Examples
    --------
    >>> PresentUnits((4, 12)).assign(pd.DataFrame({"id": ["a", "b"], "aus": [("L12", "4B"), ("12(k)",)]}))
    [((1, 1), ''), ((0, 0), '')]
    """

    def __init__(self, units: tuple[int, ...] = UNITS) -> None:
        self.units = units

    def assign(self, frame: pd.DataFrame) -> list[tuple[tuple[int, ...] | None, str]]:
        """Return 0 or 1 for every unit of every row; ``None`` for macro-expressions."""
        kinds = frame["kind"] if "kind" in frame else ["micro"] * len(frame)
        return [
            (self._present(units), "") if kind == "micro" else (None, "not said to be a micro-expression")
            for units, kind in zip(frame["aus"], kinds, strict=True)
        ]

    def _present(self, units: tuple[str, ...]) -> tuple[int, ...]:
        items = [item for text in units or () for item in parse_action_units(text)]
        moving = (item for item in items if not (isinstance(item, ActionUnit) and item.mark == "k"))
        numbers = present_numbers(moving)
        return tuple(int(unit in numbers) for unit in self.units)


AU12 = Protocol(
    name="au12",
    classes=tuple(f"AU{unit}" for unit in UNITS),
    datasets=("casme", "casme2", "samm", "mmew", "4dme", "casme3-a"),
    label_maps=MappingProxyType({"*": PresentUnits()}),
    kind="au",
    summary="twelve action units, each dataset left out once (CD6ME); give two or more",
    splits=by_dataset,
    min_datasets=2,
)
