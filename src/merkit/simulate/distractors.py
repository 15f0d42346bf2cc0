"""What moves in a face and is no expression: blinks, speech, swallowing, gaze and turns of the head.

Lengths are those of common textbook figures: a blink closes within a tenth of a second and takes twice
as long to open; a saccade takes 21 ms and 2.2 ms more a degree; syllables follow each other 3 to 7 times
a second.  How far skin moves is our choice; speech reaches 1 to 6 px on a face 200 px wide, as it was
measured on people who talk into a camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head_motion import HeadPose
from merkit.simulate.intensity import FACE_PX
from merkit.simulate.performance import Act, Distractor
from merkit.simulate.timing import TimeCourse
from merkit.simulate.unit_bumps import ACTION_UNITS

_CLOSING_S, _SHUT_S, _OPENING_S = (0.05, 0.1), (0.0, 0.05), (0.12, 0.22)
_INCOMPLETE, _PARTLY, _FULLY = 0.15, (0.5, 0.85), (0.95, 1.0)
"""One blink in seven does not close the eye."""
_SPEECH_S, _SYLLABLES_HZ, _UNEVEN = (1.0, 4.0), (3.0, 7.0), (0.8, 1.25)
_SPOKEN: tuple[tuple[int, float, tuple[float, float]], ...] = (
    (26, 1.0, (0.08, 0.45)),
    (25, 0.8, (0.05, 0.3)),
    (20, 0.3, (0.03, 0.15)),
    (18, 0.3, (0.05, 0.25)),
    (17, 0.2, (0.03, 0.1)),
    (24, 0.15, (0.05, 0.2)),
)
"""Unit, how often a syllable has it, and its share of the reach."""
_SWALLOW_S = (0.5, 0.9)
_SWALLOWED: Mapping[int, tuple[float, float]] = {17: (0.06, 0.2), 24: (0.08, 0.25), 23: (0.05, 0.2)}
_SACCADE_S, _SACCADE_S_PER_DEG = 0.021, 0.0022
FARTHEST_GAZE = (6.0, 4.0)
"""Degrees sideways, and up or down, that drawn gazes keep to."""
_LOOK_BACK = 0.4
_TURN_S, _HOLD_S = (0.5, 1.2), (0.1, 1.0)
FARTHEST_TURN = {"yaw_deg": 6.0, "pitch_deg": 3.5, "angle_deg": 3.0}
"""Degrees that drawn turns of the head keep to; a nod, a shake or a tilt turns little about the others."""
_OTHER_AXES = 0.25


def draw_blink(fps: float, onset: int, rng: np.random.Generator) -> Distractor:
    """One blink of both eyes; it closes faster than it opens."""
    parts = [rng.uniform(*limits) for limits in (_CLOSING_S, _SHUT_S, _OPENING_S)]
    incomplete = rng.random() < _INCOMPLETE
    closure = round(float(rng.uniform(*(_PARTLY if incomplete else _FULLY))), 3)
    return Distractor.of("blink", (Act("AU45", _course(onset, parts, fps), closure=closure),))


def draw_speech(fps: float, face_px: float, onset: int, rng: np.random.Generator) -> Distractor:
    """One to four seconds of talk: a jaw that opens at every syllable, and lips that do more or less."""
    last = onset + rng.uniform(*_SPEECH_S) * fps
    period = fps / rng.uniform(*_SYLLABLES_HZ)
    acts: list[Act] = []
    start = float(onset)
    while start < last:
        length = period * rng.uniform(*_UNEVEN)
        for unit, often, shares in _SPOKEN:
            said, share, opens = rng.random() < often, rng.uniform(*shares), rng.uniform(0.35, 0.55)
            if said:
                # Syllables overlap a little, as the mouth seldom comes to rest between them.
                steps = np.array([opens, 0.0, 1.2 - opens]) * length / fps
                acts.append(_act(unit, share, face_px, _course(round(start), list(steps), fps)))
        start += length
    return Distractor.of("speech", tuple(acts))


def draw_swallow(fps: float, face_px: float, onset: int, rng: np.random.Generator) -> Distractor:
    """One swallow: chin up, lips pressed and tightened."""
    length = rng.uniform(*_SWALLOW_S)
    acts = []
    for unit, shares in _SWALLOWED.items():
        late, opens, held = rng.uniform(0, 0.1), rng.uniform(0.3, 0.45), rng.uniform(0.05, 0.15)
        parts = [length * opens, length * held, length * (0.9 - opens - held)]
        course = _course(onset + round(length * late * fps), parts, fps)
        acts.append(_act(unit, rng.uniform(*shares), face_px, course))
    return Distractor.of("swallow", tuple(acts))


def draw_gaze(
    n_frames: int, fps: float, onsets: list[int], rng: np.random.Generator
) -> tuple[tuple[Distractor, ...], tuple[tuple[float, float], ...]]:
    """Saccades at some frames and fixations between them.

    Returns
    -------
    distractors : tuple of Distractor
        One a saccade; it ends at its apex, for the eyes stay where they have come to.
    gaze : tuple of (yaw, pitch)
        Degrees in every frame; empty without a saccade.
    """
    path = np.zeros((n_frames, 2))
    saccades: list[Distractor] = []
    here = np.zeros(2)
    for onset in onsets:
        there = np.round(rng.uniform(-1, 1, 2) * FARTHEST_GAZE, 2)
        if rng.random() < _LOOK_BACK and here.any():
            there = np.zeros(2)
        seconds = _SACCADE_S + _SACCADE_S_PER_DEG * float(np.hypot(*(there - here)))
        offset = onset + max(round(seconds * fps), 1)
        if offset >= n_frames:
            break
        way = _smooth(np.arange(offset - onset + 1) / (offset - onset))
        path[onset : offset + 1] = here + way[:, None] * (there - here)
        path[offset:] = there
        saccades.append(Distractor("gaze", onset, offset, offset))
        here = there
    if not saccades:
        return (), ()
    return tuple(saccades), tuple((round(float(yaw), 4), round(float(pitch), 4)) for yaw, pitch in path)


def draw_head_turns(
    poses: list[HeadPose], fps: float, onsets: list[int], rng: np.random.Generator
) -> tuple[tuple[Distractor, ...], list[HeadPose]]:
    """Turn a head on top of its sway: there, a pause, and back, with smooth speed.

    Turns that would run into the next one or past the last pose are left out.
    """
    moved = list(poses)
    turns: list[Distractor] = []
    free = 0
    for onset in onsets:
        axes = rng.permutation(list(FARTHEST_TURN))
        parts = [rng.uniform(*limits) for limits in (_TURN_S, _HOLD_S, _TURN_S)]
        amounts = rng.uniform(0.4, 1.0, 3) * rng.choice([-1, 1], 3) * (1.0, _OTHER_AXES, _OTHER_AXES)
        course = _course(onset, parts, fps)
        if onset < free or course.offset >= len(poses):
            continue
        rise = _smooth((np.arange(onset, course.offset + 1) - onset) / (course.apex - onset))
        fall = _smooth(
            (course.offset - np.arange(onset, course.offset + 1)) / (course.offset - course.release)
        )
        for frame, share in zip(range(onset, course.offset + 1), np.minimum(rise, fall), strict=True):
            pose = moved[frame]
            turned = {
                str(axis): getattr(pose, str(axis)) + float(share * amount) * FARTHEST_TURN[str(axis)]
                for axis, amount in zip(axes, amounts, strict=True)
            }
            moved[frame] = replace(pose, **turned)
        turns.append(Distractor("head turn", onset, course.apex, course.offset))
        free = course.offset + 1
    return tuple(turns), moved


def _smooth(progress: NDArray[np.float64]) -> NDArray[np.float64]:
    """The way of least jerk from 0 to 1 (Flash and Hogan 1985)."""
    t = np.clip(progress, 0, 1)
    return np.asarray(t**3 * (10 - 15 * t + 6 * t**2))


def _act(unit: int, share: float, face_px: float, course: TimeCourse) -> Act:
    return Act(f"AU{unit}", course, round(float(share) * ACTION_UNITS[unit].reach * face_px / FACE_PX, 4))


def _course(onset: int, parts: list[float], fps: float) -> TimeCourse:
    """Rise, plateau and fall of some seconds, each rise and fall at least a frame long."""
    rise, held, fall = (round(seconds * fps) for seconds in parts)
    apex = onset + max(rise, 1)
    return TimeCourse(onset, apex, apex + held, apex + held + max(fall, 1))
