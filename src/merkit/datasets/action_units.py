"""Action units as annotators write them: one grammar for the spellings of all datasets.

``4+7``, ``L10``, ``12R`` (side after the number), ``A14C`` (asymmetric, intensity C), ``4B/C`` and
``4(B/C)`` (B or C), ``T23`` and ``B28`` (top and bottom), ``AD38``, ``M57``, ``L12 or L14``, ``(17/19)``,
``((8+25) or 50)``, ``ref(7B)``, ``loses 4``, ``12(k)``, ``31?``, ``?``; separators ``+``, ``,`` and ``，``.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from merkit.errors import AnnotationError

# Words that annotators put among the units.  Others are refused, so that nothing is lost unseen.
REMARKS = (
    "all of the above",
    "big swallow",
    "chewing",
    "double",
    "glare",
    "reaction",
    "soft focus",
    "subject do 2x",
    "twice",
)
_NONE = frozenset({"", "null", "none", "nan", "n/a", "-"})
_SIDE = r"(?:[LRATB](?:/[LRATB])*|\([LRATB](?:/[LRATB])*\))"
_LEVEL = r"(?:\([A-E](?:/[A-E]|\s+and\s+then\s+[A-E])*\)|[A-E](?:/[A-E](?!\s*\d))*)"
_UNIT = re.compile(
    rf"(?P<before>{_SIDE})?\s*(?P<kind>AU|AD|M)?(?P<between>{_SIDE})?(?P<number>\d+)(?P<after>[LR])?"
    rf"(?P<level>{_LEVEL})?(?P<static>\(k\))?\s*(?P<doubt>\?)?",
    re.IGNORECASE,
)
_SIDED_GROUP = re.compile(rf"(?P<side>{_SIDE})?\s*\((?=\s*[\d(LRATBM])", re.IGNORECASE)
_MARKED = re.compile(r"(?P<mark>ref|loses)\s*", re.IGNORECASE)
_REMARK = re.compile("|".join(rf"{word}\b\??" for word in REMARKS), re.IGNORECASE)
_OR = re.compile(r"\s*(?:or(?![a-z])|/)\s*", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s+,-]*")
_LEVEL_AFTER = re.compile(_LEVEL, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One unit of facial action.

    Attributes
    ----------
    number : int
        Its number in FACS; 0 for ``?``, a unit that the annotators could not tell.
    side : str
        ``L`` left, ``R`` right, ``A`` on both sides but asymmetric, ``T`` top, ``B`` bottom, ``""`` not
        said, or several that were possible, as in ``A/L``.
    kind : str
        ``AU`` action unit, ``AD`` action descriptor, ``M`` head movement.
    intensity : str
        ``A`` (trace) to ``E`` (maximum), ``""`` not said, ``B/C`` one of them, ``C and then B``.
    doubtful : bool
        A question mark stands behind it.
    mark : str
        ``ref``, ``loses`` (the unit goes away), ``k`` (static, in 4DME) or ``""``.
    """

    number: int
    side: str = ""
    kind: str = "AU"
    intensity: str = ""
    doubtful: bool = False
    mark: str = ""

    def __str__(self) -> str:
        if self.number == 0:
            return "?"
        level = f"({self.intensity})" if " " in self.intensity else self.intensity
        static = "(k)" if self.mark == "k" else ""
        kind = "" if self.kind == "AU" else self.kind
        text = f"{self.side}{kind}{self.number}{level}{static}{'?' if self.doubtful else ''}"
        return f"{self.mark}({text})" if self.mark in ("ref", "loses") else text


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Undecided: one of several, each a unit or a group of units."""

    options: tuple[tuple[Item, ...], ...]

    def __str__(self) -> str:
        return "(" + " or ".join(_option(option) for option in self.options) + ")"


@dataclass(frozen=True, slots=True)
class Remark:
    """A word among the units, one of ``REMARKS``, in lower case."""

    text: str

    def __str__(self) -> str:
        return self.text


Item = ActionUnit | Alternatives | Remark


@lru_cache(maxsize=4096)
def parse_action_units(text: str) -> tuple[Item, ...]:
    """Read a cell of action units.

    A plus that was forgotten and a closing bracket without an opening one are tolerated; a cell that
    says that there are none (empty, ``NULL``) gives an empty tuple.

    Raises
    ------
    AnnotationError
        If something in it is no action unit.

    Examples
    --------
    >>> parse_action_units("A14C")
    (ActionUnit(number=14, side='A', kind='AU', intensity='C', doubtful=False, mark=''),)
    >>> format_action_units(parse_action_units("(R6 or R12) + 12L，4(B/C)+31?+ref(7)12E"))
    '(R6 or R12)+L12+4B/C+31?+ref(7)+12E'
    """
    if text.strip().casefold() in _NONE:
        return ()
    # Tables from China have full-width commas; brackets and signs of that kind are read alike.
    return _Reader(unicodedata.normalize("NFKC", text)).read()


def format_action_units(items: Iterable[Item]) -> str:
    """Write units the short way, such that :func:`parse_action_units` reads the same again."""
    return "+".join(str(item) for item in items)


def action_unit_texts(text: str) -> tuple[str, ...]:
    """Return a cell of units as the ``aus`` of a clip: one text a unit, without remarks.

    >>> action_unit_texts("4,12R+glare")
    ('4', 'R12')
    """
    return tuple(str(item) for item in parse_action_units(text) if not isinstance(item, Remark))


def present_numbers(items: Iterable[Item], *, undecided: bool = False) -> frozenset[int]:
    """Return the numbers of the action units that are there, without descriptors and head movements.

    Parameters
    ----------
    items : iterable
        What :func:`parse_action_units` returned.
    undecided : bool
        Whether doubtful units and all alternatives count; otherwise an alternative counts only if every
        option has it.  Units that go away, ``loses 4``, never count.

    >>> units = parse_action_units("4+(R6 or R12)+AD38+7?")
    >>> sorted(present_numbers(units)), sorted(present_numbers(units, undecided=True))
    ([4], [4, 6, 7, 12])
    """
    found: set[int] = set()
    for item in items:
        if isinstance(item, ActionUnit):
            there = item.kind == "AU" and item.number > 0 and item.mark != "loses"
            if there and (undecided or not item.doubtful):
                found.add(item.number)
        elif isinstance(item, Alternatives):
            options = [present_numbers(option, undecided=undecided) for option in item.options]
            found |= frozenset.union(*options) if undecided else frozenset.intersection(*options)
    return frozenset(found)


def _option(option: tuple[Item, ...]) -> str:
    text = format_action_units(option)
    return text if len(option) == 1 else f"({text})"


class _Reader:
    """Recursive descent: ``or`` binds closer than ``+``, brackets closer still."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def read(self) -> tuple[Item, ...]:
        items: list[Item] = []
        while True:
            items += self._list()
            if self.at == len(self.text):
                return tuple(items)
            if self.text[self.at] != ")":
                raise self._error()
            self.at += 1

    def _list(self) -> list[Item]:
        items: list[Item] = []
        self._skip(_BETWEEN)
        while self.at < len(self.text) and self.text[self.at] != ")":
            items += self._choice()
            self._skip(_BETWEEN)
        return items

    def _choice(self) -> list[Item]:
        options = [self._primary()]
        while not _is_remark(options[0]) and self._skip(_OR):
            options.append(self._primary())
        return options[0] if len(options) == 1 else [Alternatives(tuple(map(tuple, options)))]

    def _primary(self) -> list[Item]:
        if found := self._take(_MARKED):
            mark = found["mark"].lower()
            # "loses 1+2" loses both; "ref(7)12E" refers to what is in the bracket.
            bare = mark == "loses" and not self.text.startswith("(", self.at)
            items = self._list() if bare else self._primary()
            return [changed for item in items for changed in _changed(item, mark=mark)]
        if found := self._take(_UNIT):
            return [_unit(found)]
        if found := self._take(_SIDED_GROUP):
            items = self._list()
            self._close()
            after = self._take(_LEVEL_AFTER) if found["side"] else None
            return [
                changed
                for item in items
                for changed in _changed(
                    item, side=_plain(found["side"]), intensity=_plain(after and after[0])
                )
            ]
        if found := self._take(_REMARK):
            return [Remark(found[0].lower())]
        if self.text[self.at :].startswith("?"):
            self.at += 1
            return [ActionUnit(0, doubtful=True)]
        if self.text[self.at :].startswith("("):
            self.at += 1
            items = self._list()
            self._close()
            return items
        raise self._error()

    def _close(self) -> None:
        if self.at == len(self.text) or self.text[self.at] != ")":
            raise self._error()
        self.at += 1

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        found = self._take(pattern)
        return found is not None and found.end() > found.start()

    def _error(self) -> AnnotationError:
        rest = self.text[self.at :].strip()
        where = f"{rest!r} is none" if rest else "a bracket stays open"
        return AnnotationError(
            f"action units {self.text!r}: {where}; write units like 4+L12A, R6 or R12, AD38"
        )


def _unit(found: re.Match[str]) -> ActionUnit:
    sides = [_plain(found[name]).upper() for name in ("before", "between", "after")]
    level = re.sub(r"\s+", " ", _plain(found["level"]))
    return ActionUnit(
        number=int(found["number"]),
        side=next((side for side in sides if side), ""),
        kind=(found["kind"] or "AU").upper(),
        intensity=" ".join(w if w.lower() in ("and", "then") else w.upper() for w in level.split(" ")),
        doubtful=found["doubt"] is not None,
        mark="k" if found["static"] else "",
    )


def _plain(text: str | None) -> str:
    return (text or "").strip("() ").upper() if " " not in (text or "") else (text or "").strip("()")


def _changed(item: Item, **changes: str) -> Iterator[Item]:
    """The item with what stood before or behind its bracket, where it does not say itself."""
    if isinstance(item, Alternatives):
        options = tuple(tuple(c for i in option for c in _changed(i, **changes)) for option in item.options)
        yield Alternatives(options)
    elif isinstance(item, ActionUnit):
        new = {name: value for name, value in changes.items() if value and not getattr(item, name)}
        yield dataclasses.replace(item, **new)  # type: ignore[arg-type]
    else:
        yield item


def _is_remark(items: list[Item]) -> bool:
    return len(items) == 1 and isinstance(items[0], Remark)
