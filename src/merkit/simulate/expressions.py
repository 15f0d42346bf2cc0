"""One expression as it occurs in a dataset: units, sides, strengths and time courses drawn together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from merkit.errors import ConfigError
from merkit.simulate.action_units import LID_UNITS, Side, parse_action_units
from merkit.simulate.durations import DURATIONS, draw_course
from merkit.simulate.intensity import draw_grades, grade, peak_px
from merkit.simulate.patterns import draw_pattern, draw_sides
from merkit.simulate.performance import Act, EventKind, Intensity, PlantedEvent
from merkit.simulate.timing import TimeCourse

_MOST_ASYMMETRY, _ASYMMETRY_STEP = 0.2, 0.05
_CLOSURE = (0.3, 1.0)
"""How far AU43 closes the eyes."""
_LAG = 0.15
"""Largest share of rise and fall by which a unit starts later and ends sooner than the leading one."""


def draw_expression(
    like: str,
    fps: float,
    face_px: float,
    onset: int,
    rng: np.random.Generator,
    *,
    kind: EventKind = "micro",
    emotion: str | None = None,
    action_units: str | None = None,
    n_frames: int | None = None,
    strength: float = 1.0,
) -> PlantedEvent:
    """Draw one expression; the parameters are those of :func:`merkit.simulate.draw.draw_clip`.

    ``onset`` is its first frame, ``n_frames`` its length from onset to offset, both included.
    """
    label, units = draw_pattern(like, rng, emotion, kind)
    sides: list[Side] = list(draw_sides(units, rng))
    if action_units is not None:
        units = parse_action_units(action_units)
        sides = ["both" for _ in units]
    leading = draw_course(DURATIONS[like, kind], fps, onset, rng, n_frames)
    acts = [
        _act(unit, side, letter, face_px, strength, leading, rng)
        for unit, side, letter in zip(units, sides, draw_grades(kind, len(units), rng), strict=True)
    ]
    acts.sort(key=lambda act: -act.peak_px)
    followers = [replace(act, course=_follow(leading, rng)) for act in acts[1:]]
    return PlantedEvent(kind, label, (acts[0], *followers))


def _act(
    unit: int,
    side: Side,
    letter: Intensity,
    face_px: float,
    strength: float,
    course: TimeCourse,
    rng: np.random.Generator,
) -> Act:
    place, closure, lopsided = rng.random(), rng.uniform(*_CLOSURE), rng.uniform(-1, 1) * _MOST_ASYMMETRY
    if unit in LID_UNITS:
        return Act(f"AU{unit}", course, side=side, closure=round(float(closure), 3))
    peak = round(strength * peak_px(unit, letter, face_px, float(place)), 4)
    if peak <= 0:
        raise ConfigError(f"strength: {strength} leaves no movement; give a number above 0")
    asymmetry = round(round(lopsided / _ASYMMETRY_STEP) * _ASYMMETRY_STEP, 2) if side == "both" else 0.0
    return Act(f"AU{unit}", course, peak, grade(unit, peak, face_px), side, asymmetry)


def _follow(leading: TimeCourse, rng: np.random.Generator) -> TimeCourse:
    """A course with the apex of another that starts a little later and ends a little sooner."""
    late, soon = rng.uniform(0, _LAG, 2)
    onset = leading.onset + int(late * (leading.apex - leading.onset))
    offset = leading.offset - int(soon * (leading.offset - leading.release))
    second = leading.second if leading.second and leading.second.frame < offset else None
    return replace(leading, onset=onset, offset=offset, second=second)
