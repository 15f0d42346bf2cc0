"""FACS grades A to E as displacements, and back.

FACS grades a unit against the most that this unit can do: A a trace, B slight, C marked, D severe, E
the maximum, and grades A and B cover a narrow range, C and D a wide one.  Here the most that a unit
can do is its `reach` (:class:`merkit.simulate.action_units.ActionUnit`), and every grade spans a
doubling: A 3 to 6 % of the reach, B to 12 %, C to 25 %, D to 50 %, E to all of it.  The doubling and
the 3 % are our choice, not part of FACS, which states no lengths; with them a brow lowerer of grade A
or B moves 0.24 to 0.96 px and a smile 0.5 to 2.1 px on a face 200 px wide, which is what
micro-expressions are known for, and everything scales with the width of the face.

How often each grade occurs is our choice too.  Micro-expressions are A and B with a few C.  Where
SAMM's coders noted a grade (a third of the units), it was A 22, B 26, C 16, D 5, E 4 times; they
noted it where it was remarkable, and the share of A and B is higher here.  For macro-expressions
SAMM Long Videos has A 28, B 179, C 112, D 57, E 13 (single letters only).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from merkit.simulate.action_units import ACTION_UNITS
from merkit.simulate.performance import EventKind, Intensity

GRADES: Mapping[Intensity, tuple[float, float]] = {
    "A": (0.03, 0.06),
    "B": (0.06, 0.12),
    "C": (0.12, 0.25),
    "D": (0.25, 0.50),
    "E": (0.50, 1.00),
}
"""Shares of a unit's reach."""
GRADE_SHARES: Mapping[EventKind, Mapping[Intensity, float]] = {
    "micro": {"A": 0.45, "B": 0.43, "C": 0.12},
    "macro": {"B": 0.30, "C": 0.45, "D": 0.20, "E": 0.05},
}
"""How often the leading unit of an expression has each grade."""
FACE_PX = 200.0
"""Width of the face for which reaches are stated."""
_ONE_LOWER = 0.4
"""How often a further unit of an expression is a grade below the leading one."""


def peak_px(unit: int, intensity: Intensity, face_px: float, place: float = 0.5) -> float:
    """Longest displacement of a unit in pixels, ``place`` of the way up its grade.

    Parameters
    ----------
    unit : int
        Number in FACS, one of :data:`merkit.simulate.action_units.ACTION_UNITS`.
    intensity : {"A", "B", "C", "D", "E"}
    face_px : float
        Width of the face in the frames.
    place : float
        0 at the lower end of the grade, 1 at the upper; the way is geometric.

    >>> round(peak_px(4, "A", 200, place=0.0), 2), round(peak_px(4, "B", 100, place=1.0), 2)
    (0.24, 0.48)
    """
    low, high = GRADES[intensity]
    return ACTION_UNITS[unit].reach * face_px / FACE_PX * low * (high / low) ** place


def grade(unit: int, px: float, face_px: float) -> Intensity:
    """The grade that a displacement stands for; less than a trace is A, more than the reach is E.

    >>> grade(4, 0.9, 200)
    'B'
    """
    share = px / (ACTION_UNITS[unit].reach * face_px / FACE_PX)
    return next((letter for letter, (_, high) in GRADES.items() if share < high), "E")


def draw_grades(kind: EventKind, n_units: int, rng: np.random.Generator) -> list[Intensity]:
    """Grades of the units of one expression: the first as often as stated, others equal or one lower."""
    shares = GRADE_SHARES[kind]
    letters = list(GRADES)
    first = letters.index(list(shares)[int(rng.choice(len(shares), p=list(shares.values())))])
    lower = rng.random(n_units) < _ONE_LOWER
    lower[0] = False
    return [letters[max(first - int(down), 0)] for down in lower]
