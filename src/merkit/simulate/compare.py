"""Found events against planted ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from merkit.simulate.performance import Distractor, PlantedEvent


class _Said(Protocol):
    """What :class:`merkit.analysis.result.Recognition` offers."""

    @property
    def label(self) -> str: ...
    @property
    def probabilities(self) -> dict[str, float]: ...
    @property
    def abstained(self) -> bool: ...


class FoundEvent(Protocol):
    """What :class:`merkit.analysis.result.Event` offers and the comparison needs."""

    @property
    def onset_frame(self) -> int: ...
    @property
    def apex_frame(self) -> int: ...
    @property
    def offset_frame(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def recognition(self) -> _Said | None: ...


class _Interval(Protocol):
    @property
    def onset_frame(self) -> int: ...
    @property
    def offset_frame(self) -> int: ...


@dataclass(frozen=True)
class Match:
    """One planted micro-expression and what became of it.

    ``iou`` is that of the best overlapping found micro event, also when it is too low to count as
    found; the other ``found_...`` fields describe that event and are ``None`` when nothing overlaps.
    """

    action_units: str
    label: str
    onset_frame: int
    apex_frame: int
    offset_frame: int
    iou: float
    found: bool
    found_onset_frame: int | None = None
    found_apex_frame: int | None = None
    found_offset_frame: int | None = None
    found_label: str | None = None
    found_probability: float | None = None
    abstained: bool | None = None

    @property
    def right(self) -> bool:
        """Found, with the right class as the most probable one."""
        return self.found and self.found_label == self.label

    @property
    def verdict(self) -> str:
        """In words: ``right``, ``right, not sure``, ``wrong``, ``low overlap``, ``missed``…"""
        if self.found_onset_frame is None:
            return "missed"
        if not self.found:
            return "low overlap"
        if self.found_label is None:
            return "not recognised"
        return ("right" if self.right else "wrong") + (", not sure" if self.abstained else "")


@dataclass(frozen=True)
class Comparison:
    """All planted expressions with their matches, and what was found besides.

    ``false_events`` are intervals ``(onset, offset)`` called micro that overlap no planted expression
    by an IoU of at least 0.1; ``blink_events`` are those of them that touch a planted blink.
    """

    matches: tuple[Match, ...]
    n_found: int
    false_events: tuple[tuple[int, int], ...]
    blink_events: tuple[tuple[int, int], ...]

    @property
    def passed(self) -> bool:
        """All found, each surely of the right class, and no false event."""
        return not self.false_events and all(m.right and not m.abstained for m in self.matches)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        rows = [{**asdict(match), "right": match.right, "verdict": match.verdict} for match in self.matches]
        return {
            "passed": self.passed,
            "matches": rows,
            "n_found": self.n_found,
            "false_events": [list(interval) for interval in self.false_events],
            "blink_events": [list(interval) for interval in self.blink_events],
        }


def interval_iou(a: _Interval, b: _Interval) -> float:
    """Intersection over union of two intervals of frames, both ends included."""
    common = min(a.offset_frame, b.offset_frame) - max(a.onset_frame, b.onset_frame) + 1
    lengths = a.offset_frame - a.onset_frame + 1 + b.offset_frame - b.onset_frame + 1
    return max(common, 0) / (lengths - max(common, 0))


def match_events(
    found: Sequence[FoundEvent],
    planted: Sequence[PlantedEvent],
    blinks: Sequence[Distractor] = (),
    iou: float = 0.5,
    false_below: float = 0.1,
) -> Comparison:
    """Match found micro events to planted ones, one to one, as many as possible.

    Parameters
    ----------
    found : sequence of events
        Of an analysis; macro-expressions are passed over.
    planted : sequence of PlantedEvent
    blinks : sequence of Distractor
        To tell false events that are blinks.
    iou : float
        Least overlap of a planted expression that counts as found.
    false_below : float
        A micro event that overlaps every planted one by less is a false event.
    """
    micro = [event for event in found if event.kind == "micro"]
    overlaps = np.array([[interval_iou(p, f) for f in micro] for p in planted]).reshape(
        len(planted), len(micro)
    )
    partner = _pair(overlaps, iou)
    matches = tuple(
        _match(event, micro[j] if j is not None else None, overlaps[i, j] if j is not None else 0.0, iou)
        for i, (event, j) in enumerate(zip(planted, partner, strict=True))
    )
    stray = [event for j, event in enumerate(micro) if not planted or overlaps[:, j].max() < false_below]
    on_blink = [event for event in stray if any(interval_iou(event, blink) > 0 for blink in blinks)]
    return Comparison(
        matches,
        len(micro),
        tuple((e.onset_frame, e.offset_frame) for e in stray),
        tuple((e.onset_frame, e.offset_frame) for e in on_blink),
    )


def _pair(overlaps: NDArray[np.float64], iou: float) -> list[int | None]:
    """The found event of each planted one: most pairs above ``iou`` first, then largest overlap."""
    rows, columns = linear_sum_assignment(overlaps + len(overlaps) * (overlaps >= iou), maximize=True)
    partner: list[int | None] = [None] * len(overlaps)
    for i, j in zip(rows, columns, strict=True):
        if overlaps[i, j] > 0:
            partner[i] = int(j)
    return partner


def _match(planted: PlantedEvent, event: FoundEvent | None, overlap: float, iou: float) -> Match:
    match = Match(
        planted.action_units,
        planted.emotion,
        planted.onset_frame,
        planted.apex_frame,
        planted.offset_frame,
        iou=round(float(overlap), 4),
        found=event is not None and bool(overlap >= iou),
    )
    if event is None:
        return match
    said = event.recognition
    return replace(
        match,
        found_onset_frame=event.onset_frame,
        found_apex_frame=event.apex_frame,
        found_offset_frame=event.offset_frame,
        found_label=said.label if said else None,
        found_probability=round(said.probabilities[said.label], 4) if said else None,
        abstained=said.abstained if said else None,
    )
