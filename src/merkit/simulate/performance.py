"""What a face does and when: expressions, distractors, head and gaze, free of any engine.

A :class:`Performance` is the script; an engine makes frames, flow and landmarks of its states.  It is
also the truth about what can be seen.  :mod:`merkit.simulate.draw` draws performances from a seed,
:func:`merkit.simulate.demo.plan` that of the demo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.simulate.action_units import Side
from merkit.simulate.head_motion import HeadPose
from merkit.simulate.state import Engine, FaceState, Movement
from merkit.simulate.timing import SecondPeak, TimeCourse

EventKind = Literal["micro", "macro"]
DistractorKind = Literal["blink", "speech", "swallow", "gaze", "head turn"]
Intensity = Literal["A", "B", "C", "D", "E"]


@dataclass(frozen=True)
class Act:
    """Action units that move together: how far and when.

    Parameters
    ----------
    action_units : str
        Such as ``"AU12"``, or ``"AU1+2"`` where one field moves both.
    course : TimeCourse
    peak_px : float
        Longest displacement of any pixel at the apex, in pixels of the frame.
    intensity : {"A", "B", "C", "D", "E"}, optional
        Grade in FACS that stands for this displacement.
    side : {"both", "left", "right"}
        Side of the person.
    asymmetry : float
        That of :func:`merkit.simulate.action_units.displacement_field`.
    closure : float
        AU43 and AU45 do not push skin, they close the lids by this share (0 to 1) of the eye's
        opening; their ``peak_px`` is 0.
    """

    action_units: str
    course: TimeCourse
    peak_px: float = 0.0
    intensity: Intensity | None = None
    side: Side = "both"
    asymmetry: float = 0.0
    closure: float = 0.0

    def __post_init__(self) -> None:
        if not (self.peak_px >= 0 and 0 <= self.closure <= 1):
            raise ConfigError(
                f"act {self.action_units}: peak_px {self.peak_px} must be at least 0 and closure "
                f"{self.closure} from 0 to 1"
            )

    def later(self, frames: int) -> Act:
        """The same act, so many frames later."""
        return replace(self, course=self.course.later(frames))

    @property
    def name(self) -> str:
        """Number and side, as some coders write it: ``"12"``, ``"14R"``, ``"1+2"``."""
        units = self.action_units.upper().replace("AU", "")
        return "+".join(
            unit + {"both": "", "left": "L", "right": "R"}[self.side] for unit in units.split("+")
        )


@dataclass(frozen=True)
class PlantedEvent:
    """One planted expression.

    Parameters
    ----------
    kind : {"micro", "macro"}
    emotion : str
        As the imitated dataset labels it.
    acts : tuple of Act
        The first one leads: its apex is that of the expression.
    """

    kind: EventKind
    emotion: str
    acts: tuple[Act, ...]

    def __post_init__(self) -> None:
        if self.kind not in get_args(EventKind):
            raise ConfigError(f"event kind: {self.kind!r} is not known; choose micro or macro")
        if not self.acts:
            raise ConfigError(f"event {self.emotion}: has no acts; give at least one action unit")

    def later(self, frames: int) -> PlantedEvent:
        """The same expression, so many frames later."""
        return replace(self, acts=tuple(act.later(frames) for act in self.acts))

    @property
    def action_units(self) -> str:
        """All units in order of their numbers, such as ``"AU4+12R"``."""
        names = sorted((act.name for act in self.acts), key=lambda name: int(name.split("+")[0].rstrip("LR")))
        return "AU" + "+".join(names)

    @property
    def onset_frame(self) -> int:
        """Last frame before anything moves, 0-based."""
        return min(act.course.onset for act in self.acts)

    @property
    def apex_frame(self) -> int:
        """Frame at which the leading act is complete."""
        return self.acts[0].course.apex

    @property
    def offset_frame(self) -> int:
        """First frame at which all is still again."""
        return max(act.course.offset for act in self.acts)

    @property
    def peak_px(self) -> float:
        """Displacement of the strongest act in pixels; where fields overlap, skin moves further."""
        return max(act.peak_px for act in self.acts)


@dataclass(frozen=True)
class Distractor:
    """Something that moves and is no expression.

    ``acts`` hold what lids and skin do in a blink, in speech or in swallowing; where gaze and head go
    is in the :class:`Performance`, frame by frame.  ``onset_frame`` is the last still frame,
    ``apex_frame`` that of the largest deviation, ``offset_frame`` the first frame at rest.
    """

    kind: DistractorKind
    onset_frame: int
    apex_frame: int
    offset_frame: int
    acts: tuple[Act, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(DistractorKind):
            known = ", ".join(get_args(DistractorKind))
            raise ConfigError(f"distractor kind: {self.kind!r} is not known; choose from {known}")
        if not 0 <= self.onset_frame <= self.apex_frame <= self.offset_frame:
            raise ConfigError(
                f"distractor {self.kind}: onset {self.onset_frame}, apex {self.apex_frame} and offset "
                f"{self.offset_frame} must follow each other"
            )

    def later(self, frames: int) -> Distractor:
        """The same distractor, so many frames later."""
        marks = {name: getattr(self, name) + frames for name in ("onset_frame", "apex_frame", "offset_frame")}
        return replace(self, **marks, acts=tuple(act.later(frames) for act in self.acts))

    @classmethod
    def of(cls, kind: DistractorKind, acts: tuple[Act, ...]) -> Distractor:
        """A distractor that lasts as long as its acts; the apex is that of the strongest."""
        strongest = max(acts, key=lambda act: (act.peak_px, act.closure))
        return cls(
            kind,
            min(act.course.onset for act in acts),
            strongest.course.apex,
            max(act.course.offset for act in acts),
            acts,
        )


@dataclass(frozen=True)
class Performance:
    """Everything that one face does in one video.

    Parameters
    ----------
    n_frames, fps : int, float
    face_px : float
        Width of the face in pixels that the displacements are meant for.
    events : tuple of PlantedEvent
        In order of their onsets.
    distractors : tuple of Distractor
        In order of their onsets.
    poses : tuple of HeadPose
        One a frame; empty for a head that does not move.
    gaze : tuple of (yaw, pitch)
        Degrees, one pair a frame; empty for eyes that look straight ahead.
    """

    n_frames: int
    fps: float
    face_px: float
    events: tuple[PlantedEvent, ...] = ()
    distractors: tuple[Distractor, ...] = ()
    poses: tuple[HeadPose, ...] = ()
    gaze: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("poses", "gaze"):
            if len(getattr(self, name)) not in (0, self.n_frames):
                raise ConfigError(
                    f"performance {name}: {len(getattr(self, name))} for {self.n_frames} frames; give one a "
                    "frame, or none"
                )
        for planted in self._planted:
            if planted.offset_frame >= self.n_frames:
                raise ConfigError(
                    f"performance: {planted.kind} ends at frame {planted.offset_frame}, after the last of "
                    f"{self.n_frames} frames"
                )

    @property
    def _planted(self) -> tuple[PlantedEvent | Distractor, ...]:
        return (*self.events, *self.distractors)

    @property
    def acts(self) -> tuple[Act, ...]:
        """Of all events and distractors."""
        return tuple(act for planted in self._planted for act in planted.acts)

    def of_kind(self, kind: DistractorKind) -> tuple[Distractor, ...]:
        """The distractors of one kind."""
        return tuple(distractor for distractor in self.distractors if distractor.kind == kind)

    def states(self, engine: Engine) -> list[FaceState]:
        """The state of the face in every frame; render them, or ask for the true flow between two.

        Each field is made once, however many acts share it.
        """
        frames = np.arange(self.n_frames)
        fields: dict[tuple[str, Side, float], NDArray[Any]] = {}
        movements: list[list[Movement]] = [[] for _ in frames]
        closure = np.zeros((self.n_frames, 2))
        for act in self.acts:
            part = frames[act.course.onset : act.course.offset + 1]
            strength = act.course.intensity(part)
            if act.closure > 0:
                for eye, other in enumerate(("left", "right")):
                    if act.side != other:
                        closure[part, eye] = np.maximum(closure[part, eye], act.closure * strength)
            if act.peak_px > 0:
                key = act.action_units, act.side, act.asymmetry
                if key not in fields:
                    fields[key] = engine.field(*key)
                for frame, share in zip(part, strength, strict=True):
                    if share > 0:
                        movements[frame].append(Movement(fields[key], float(act.peak_px * share)))
        return [
            FaceState(
                tuple(movements[n]),
                (float(closure[n, 0]), float(closure[n, 1])),
                self.poses[n] if self.poses else HeadPose(),
                self.gaze[n] if self.gaze else (0.0, 0.0),
            )
            for n in frames
        ]

    def to_json(self) -> dict[str, Any]:
        """As plain data: marks in frames and seconds, poses and gaze as one list a quantity."""

        def planted(moment: PlantedEvent | Distractor) -> dict[str, Any]:
            plain = asdict(moment)
            acts = plain.pop("acts")
            for mark in ("onset", "apex", "offset"):
                plain[f"{mark}_frame"] = getattr(moment, f"{mark}_frame")
                plain[f"{mark}_s"] = round(plain[f"{mark}_frame"] / self.fps, 6)
            return {**plain, "acts": acts}

        return {
            "n_frames": self.n_frames,
            "fps": self.fps,
            "face_px": self.face_px,
            "events": [{"action_units": event.action_units, **planted(event)} for event in self.events],
            "distractors": [planted(distractor) for distractor in self.distractors],
            "poses": {f.name: [getattr(pose, f.name) for pose in self.poses] for f in fields(HeadPose)},
            "gaze": {
                name: [pair[axis] for pair in self.gaze] for axis, name in enumerate(("yaw_deg", "pitch_deg"))
            },
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Performance:
        """The performance that :meth:`to_json` wrote."""
        events = (PlantedEvent(m["kind"], m["emotion"], _acts(m["acts"])) for m in plain["events"])
        distractors = (
            Distractor(m["kind"], m["onset_frame"], m["apex_frame"], m["offset_frame"], _acts(m["acts"]))
            for m in plain["distractors"]
        )
        poses = zip(*(plain["poses"][f.name] for f in fields(HeadPose)), strict=True)
        gaze = zip(plain["gaze"]["yaw_deg"], plain["gaze"]["pitch_deg"], strict=True)
        return cls(
            plain["n_frames"],
            plain["fps"],
            plain["face_px"],
            tuple(events),
            tuple(distractors),
            tuple(HeadPose(*pose) for pose in poses),
            tuple(gaze),
        )


def _acts(plain: list[dict[str, Any]]) -> tuple[Act, ...]:
    return tuple(Act(**{**act, "course": _course(act["course"])}) for act in plain)


def _course(plain: dict[str, Any]) -> TimeCourse:
    second = plain["second"]
    return TimeCourse(**{**plain, "second": SecondPeak(**second) if second else None})
