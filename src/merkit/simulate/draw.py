"""Performances drawn from a seed: one expression, or a long video of many with distractors."""

from __future__ import annotations

import numpy as np

from merkit.errors import ConfigError
from merkit.simulate.expressions import draw_expression
from merkit.simulate.head_motion import HeadMotion
from merkit.simulate.intensity import FACE_PX
from merkit.simulate.patterns import check_like
from merkit.simulate.performance import EventKind, Performance

CLIP_SWAY = HeadMotion(shift_px=0.6, angle_deg=0.12, scale=0.002)
"""How far a head strays within one clip, for a face 200 px wide."""
_CONTEXT_S = (0.1, 0.3)


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
