"""The objective classes of Davison, Merghani and Yap (J. Imaging 4(10):119, 2018): by action units alone."""

from __future__ import annotations

from collections.abc import Collection

_CLASSES = (
    ("6", "12", "6+12", "6+7+12", "7+12"),
    ("1+2", "5", "25", "1+2+25", "25+26", "5+24"),
    ("23", "4", "4+7", "4+5", "4+5+7", "17+24", "4+6+7", "4+38"),
    ("10", "9", "4+9", "4+40", "4+5+40", "4+7+9", "4+9+17", "4+7+10", "4+5+7+9", "7+10"),
    ("1", "15", "1+4", "6+15", "15+17"),
    ("1+2+4", "20"),
)
_NUMBER = {
    frozenset(map(int, units.split("+"))): number
    for number, patterns in enumerate(_CLASSES, 1)
    for units in patterns
}


def objective_class(units: Collection[int]) -> int:
    """The class of a set of units, 1 to 7; 7 is everything that is in no other.

    >>> objective_class([12, 6]), objective_class([1, 2]), objective_class([4, 12])
    (1, 2, 7)
    """
    return _NUMBER.get(frozenset(units), 7)
