"""Performances drawn from a seed: one expression, or a long video of many with distractors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from merkit.errors import ConfigError
from merkit.simulate.distractors import draw_blink, draw_gaze, draw_head_turns, draw_speech, draw_swallow
from merkit.simulate.expressions import draw_expression
from merkit.simulate.head_motion import HeadMotion, HeadPose
from merkit.simulate.intensity import FACE_PX
from merkit.simulate.patterns import check_like
from merkit.simulate.performance import Distractor, DistractorKind, EventKind, Performance, PlantedEvent

CLIP_SWAY = HeadMotion(shift_px=0.6, angle_deg=0.12, scale=0.002)
"""How far a head strays within one clip, for a face 200 px wide."""
VIDEO_SWAY = HeadMotion()
"""How far a head strays within a long video, for a face 200 px wide."""
DISTRACTORS_A_MINUTE: Mapping[DistractorKind, float] = MappingProxyType(
    {"blink": 12.0, "gaze": 15.0, "speech": 1.0, "swallow": 1.0, "head turn": 2.0}
)
"""Of people who watch films and are told to keep still: our choice."""
EVENTS_A_MINUTE: Mapping[str, tuple[float, float]] = {"casme-sq": (0.27, 1.4), "samm-lv": (1.8, 4.0)}
"""Micro- and macro-expressions: 57 and 300 in 87 videos of 148 s (CAS(ME)^2), 159 and 343 in 147 of 35 s
(SAMM Long Videos)."""
_OTHERS_A_MINUTE = (2.0, 2.0)
_CONTEXT_S = (0.1, 0.3)
_GAP_S, _EDGE_S, _BLINKS_APART_S = 0.6, 0.4, 0.4
"""Least time between expressions, talk and swallowing, before the first and after the last, and between
blinks."""


def draw_clip(
    like: str,
    fps: float,
    face_px: float,
    rng: np.random.Generator,
    *,
    emotion: str | None = None,
    action_units: str | None = None,
    kind: EventKind = "micro",
    n_frames: int | None = None,
    context: tuple[int, int] | None = None,
    strength: float = 1.0,
    sway: HeadMotion | None = CLIP_SWAY,
) -> Performance:
    """One expression with still frames around it, as in the clips of a dataset.

    Parameters
    ----------
    like : str
        Dataset that is imitated, one of :data:`merkit.simulate.patterns.LIKES`.
    fps, face_px : float
        Frames a second, and width of the face in the frames; displacements grow with it.
    rng : numpy.random.Generator
        Equal states give equal performances.
    emotion : str, optional
        As the dataset labels it; drawn as often as it occurs there without one.
    action_units : str, optional
        Exactly these, such as ``"AU1+2"``, on both sides, instead of drawn ones.  The label is still
        that of ``emotion``, so give both.
    kind : {"micro", "macro"}
    n_frames : int, optional
        Length of the expression from onset to offset, both included; drawn from the durations of the
        dataset without one.
    context : (before, after), optional
        Frames before the onset and after the offset; 0.1 to 0.3 s each without.
    strength : float
        Factor on every displacement; the grades of the acts follow it.
    sway : HeadMotion, optional
        Of the head, for a face 200 px wide; ``None`` for a head that does not move.

    Returns
    -------
    Performance
        With one event.
    """
    check_request(like, fps, face_px, strength)
    shortest, longest = (round(seconds * fps) for seconds in _CONTEXT_S)
    before, after = (int(n) for n in rng.integers(shortest, longest + 1, 2))
    if context is not None:
        before, after = context
    if before < 0 or after < 0 or (n_frames is not None and n_frames < 3):
        raise ConfigError(
            f"clip: context {before}, {after} and {n_frames} frames; give 0 or more around 3 or more"
        )
    event = draw_expression(
        like,
        fps,
        face_px,
        before,
        rng,
        kind=kind,
        emotion=emotion,
        action_units=action_units,
        n_frames=n_frames,
        strength=strength,
    )
    total = event.offset_frame + 1 + after
    poses = () if sway is None else tuple(sway.enlarged(face_px / FACE_PX).path(total, fps, rng))
    return Performance(total, fps, face_px, (event,), poses=poses)


def draw_video(
    like: str,
    fps: float,
    duration_s: float,
    face_px: float,
    rng: np.random.Generator,
    *,
    n_micro: int | None = None,
    n_macro: int | None = None,
    emotions: Sequence[str] | None = None,
    distractors: Mapping[DistractorKind, float] = DISTRACTORS_A_MINUTE,
    strength: float = 1.0,
    sway: HeadMotion | None = VIDEO_SWAY,
) -> Performance:
    """A long video with micro- and macro-expressions and what else happens in a face.

    Expressions, talk and swallowing do not overlap each other; blinks, gaze and turns of the head come
    when they will.

    Parameters
    ----------
    like, fps, face_px, rng, strength, sway
        Those of :func:`draw_clip`.
    duration_s : float
        Length in seconds.
    n_micro, n_macro : int, optional
        How many expressions; drawn as often a minute as in the dataset without (twice where it has no
        long videos), and as many as fit.
    emotions : sequence of str, optional
        Labels of the micro-expressions in the order of time, which also says how many there are.
    distractors : mapping
        How often a minute each kind occurs; kinds left out do not.

    Raises
    ------
    ConfigError
        If the expressions asked for do not fit into the video.
    """
    check_request(like, fps, face_px, strength)
    n_frames = round(duration_s * fps)
    if emotions is not None:
        n_micro = len(emotions)
    asked: list[PlantedEvent | Distractor] = []
    usual: list[PlantedEvent | Distractor] = []
    rates = EVENTS_A_MINUTE.get(like, _OTHERS_A_MINUTE)
    kinds: tuple[EventKind, EventKind] = ("micro", "macro")
    for kind, count, rate in zip(kinds, (n_micro, n_macro), rates, strict=True):
        often = int(rng.poisson(rate * duration_s / 60))
        for number in range(often if count is None else count):
            label = emotions[number] if emotions is not None and kind == "micro" else None
            event = draw_expression(like, fps, face_px, 0, rng, kind=kind, emotion=label, strength=strength)
            (usual if count is None else asked).append(event)

    def moments(kind: DistractorKind) -> list[int]:
        count = rng.poisson(distractors.get(kind, 0.0) * duration_s / 60)
        return sorted(int(frame) for frame in rng.integers(1, max(n_frames, 2), count))

    usual += [draw_speech(fps, face_px, 0, rng) for _ in moments("speech")]
    usual += [draw_swallow(fps, face_px, 0, rng) for _ in moments("swallow")]
    placed = _place(asked, usual, n_frames, fps, rng)
    others: list[Distractor] = [planted for planted in placed if isinstance(planted, Distractor)]
    free = 0
    for onset in moments("blink"):
        blink = draw_blink(fps, onset, rng)
        if onset >= free and blink.offset_frame < n_frames:
            others.append(blink)
            free = blink.offset_frame + round(_BLINKS_APART_S * fps)
    saccades, gaze = draw_gaze(n_frames, fps, _apart(moments("gaze"), 0.2 * fps), rng)
    poses = [] if sway is None else sway.enlarged(face_px / FACE_PX).path(n_frames, fps, rng)
    turns: tuple[Distractor, ...] = ()
    if turning := moments("head turn"):
        turns, poses = draw_head_turns(poses or [HeadPose()] * n_frames, fps, turning, rng)
    others += [*saccades, *turns]
    return Performance(
        n_frames,
        fps,
        face_px,
        tuple(planted for planted in placed if isinstance(planted, PlantedEvent)),
        tuple(sorted(others, key=lambda moment: moment.onset_frame)),
        tuple(poses),
        gaze,
    )


def _apart(frames: list[int], least: float) -> list[int]:
    """The frames that follow the last kept one by at least so much."""
    kept: list[int] = []
    for frame in frames:
        if not kept or frame - kept[-1] >= least:
            kept.append(frame)
    return kept


def _place(
    asked: list[PlantedEvent | Distractor],
    usual: list[PlantedEvent | Distractor],
    n_frames: int,
    fps: float,
    rng: np.random.Generator,
) -> list[PlantedEvent | Distractor]:
    """Spread things that start at frame 0 over a video; of the usual ones, as many as fit."""
    gap, edge = round(_GAP_S * fps), round(_EDGE_S * fps)
    rng.shuffle(usual)
    while True:
        wanted = [*asked, *usual]
        needed = 2 * edge + sum(planted.offset_frame + 1 + gap for planted in wanted) - gap * bool(wanted)
        if needed <= n_frames or not usual:
            break
        usual.pop()
    if needed > n_frames:
        raise ConfigError(
            f"video: {n_frames / fps:.1f} s is too short for {len(asked)} expressions; make it "
            f"{needed / fps + 0.1:.1f} s or longer"
        )
    order = [wanted[place] for place in rng.permutation(len(wanted))]
    # Micro-expressions keep the order of their labels.
    micro = iter(planted for planted in wanted if planted.kind == "micro")
    order = [next(micro) if planted.kind == "micro" else planted for planted in order]
    waits = np.floor((n_frames - needed) * np.cumsum(rng.dirichlet(np.ones(len(order) + 1)))).astype(int)
    placed = []
    start = edge
    for planted, wait in zip(order, waits[:-1], strict=True):
        placed.append(planted.later(start + int(wait)))
        start += planted.offset_frame + 1 + gap
    return placed


def check_request(like: str, fps: float, face_px: float, strength: float) -> None:
    """Raise unless these can be drawn for."""
    check_like(like)
    for name, value, low, high in (
        ("fps", fps, 10, 2000),
        ("face_px", face_px, 20, 4000),
        ("strength", strength, 1e-3, 10),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name}: {value} is outside {low:g} to {high:g}")
