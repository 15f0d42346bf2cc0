"""What happens when in the demo: three micro-expressions and some blinks, drawn from a seed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.simulate.performance import Act, Distractor, PlantedEvent
from merkit.simulate.timing import TimeCourse

DEMO_EXPRESSIONS: tuple[tuple[str, str], ...] = (
    ("AU12", "positive"),
    ("AU4", "negative"),
    ("AU1+2", "surprise"),
)
"""Action units and the class that each stands for."""

_RISE_S, _PLATEAU_S, _FALL_S = (0.10, 0.20), (0.0, 0.06), (0.12, 0.22)
_CLOSE_S, _SHUT_S, _OPEN_S = (0.06, 0.09), (0.01, 0.04), (0.10, 0.16)
_EDGE_S = 1.0
_GAP_S = {frozenset({"expression"}): 1.5, frozenset({"blink"}): 1.0, frozenset({"expression", "blink"}): 0.7}
_MOST_ASYMMETRY = 0.2


def plan_demo(
    n_frames: int,
    fps: float,
    peak_px: float,
    n_blinks: int,
    rng: np.random.Generator,
    expressions: tuple[tuple[str, str], ...] = DEMO_EXPRESSIONS,
) -> tuple[tuple[PlantedEvent, ...], tuple[Distractor, ...]]:
    """Draw order, times and asymmetry of the demo's expressions and blinks.

    Expressions last at most half a second and lie at least 1.5 s apart; blinks stay 0.7 s away from
    them, and everything stays 1 s away from both ends.
    """
    kinds = np.array(["expression"] * len(expressions) + ["blink"] * n_blinks)[
        rng.permutation(len(expressions) + n_blinks)
    ]
    order = rng.permutation(len(expressions))
    parts = [_parts(kind, rng) for kind in kinds]
    gaps = [_GAP_S[frozenset({a, b})] for a, b in pairwise(kinds)]
    spare = n_frames / fps - 2 * _EDGE_S - sum(gaps) - sum(part.sum() for part in parts)
    if spare < 0.1:
        raise ConfigError(
            f"demo: {n_frames / fps:.1f} s is too short for {len(expressions)} expressions and {n_blinks} "
            f"blinks; make it {n_frames / fps - spare + 0.5:.1f} s or longer"
        )
    waits = spare * rng.dirichlet(np.ones(len(kinds) + 1))
    events: list[PlantedEvent] = []
    blinks: list[Distractor] = []
    start = _EDGE_S
    for number, (kind, part) in enumerate(zip(kinds, parts, strict=True)):
        start += waits[number]
        course = _course(start, part, fps)
        start += part.sum() + (gaps[number] if number < len(gaps) else 0.0)
        if kind == "blink":
            blinks.append(Distractor.of("blink", (Act("AU45", course, closure=1.0),)))
            continue
        units, label = expressions[order[len(events)]]
        asymmetry = round(float(rng.uniform(-_MOST_ASYMMETRY, _MOST_ASYMMETRY)), 3)
        events.append(PlantedEvent("micro", label, (Act(units, course, peak_px, asymmetry=asymmetry),)))
    return tuple(events), tuple(blinks)


def _parts(kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """Lengths in seconds of rise, plateau and fall."""
    ranges = (_RISE_S, _PLATEAU_S, _FALL_S) if kind == "expression" else (_CLOSE_S, _SHUT_S, _OPEN_S)
    return np.array([rng.uniform(*limits) for limits in ranges])


def _course(start_s: float, part: NDArray[np.float64], fps: float) -> TimeCourse:
    onset, apex, release, offset = np.rint((start_s + np.cumsum([0.0, *part])) * fps).astype(int)
    apex = max(apex, onset + 1)
    release = max(release, apex)
    return TimeCourse(int(onset), int(apex), int(release), int(max(offset, release + 1)))
