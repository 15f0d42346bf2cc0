"""From settings to people and clips: what is filmed, under which names, before anything is drawn."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from merkit.simulate.camera import Camera
from merkit.simulate.dataset.settings import MANIFEST, Settings
from merkit.simulate.dataset.streams import stream
from merkit.simulate.dataset.studio import fitting
from merkit.simulate.dataset.subjects import Subject, draw_subject
from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.objective import objective_class
from merkit.simulate.performance import Act, Performance, PlantedEvent

_CLOCK_S = 600.0
"""When a clip begins on the clock of its camera: any time within so many seconds."""


@dataclass(frozen=True)
class Unit:
    """What is filmed in one go: a clip, or a long video with several events.

    Attributes
    ----------
    subject : Subject
    number : int
        From 0, among those of the person.
    emotion : str
        Class of a clip; empty for long videos.
    name : str
        Unlike that of any other unit; of the files that hold the truth.
    place : str
        Folder of the frames, or video file, relative to the dataset.
    clips : tuple of NativeClip
        Rows of the annotation table.
    kinds, emotions : tuple of str
        Whether each is ``micro`` or ``macro``, and its emotion.
    first : int
        Number of the first frame, as the annotation counts.
    n_frames : int
    """

    subject: Subject
    number: int
    emotion: str
    name: str
    place: str
    clips: tuple[NativeClip, ...]
    kinds: tuple[str, ...]
    emotions: tuple[str, ...]
    first: int
    n_frames: int


def plan(settings: Settings) -> list[Unit]:
    """Everything that is to be filmed, in the order of the annotation table."""
    layout = settings.layout
    names = layout.people(settings.subjects)
    low, high = (share * min(settings.size) for share in settings.face_share)
    if settings.long:
        dealt = [[""] * settings.clips] * settings.subjects
    else:
        dealt = settings.recipe.deal(settings.subjects, settings.clips, stream(settings.seed, "emotions"))
    units: list[Unit] = []
    for place, (name, emotions) in enumerate(zip(names, dealt, strict=True)):
        if settings.only and place not in settings.only:
            continue
        subject = fitting(settings, draw_subject(settings.seed, place, (low, high)))
        for number, emotion in enumerate(emotions):
            units.append(_unit(settings, layout, subject, name, number, emotion))
    return units


def perform(settings: Settings, subject: Subject, number: int, emotion: str) -> Performance:
    """Draw what a person does in one unit; the same at every call."""
    rng = stream(settings.seed, "performance", subject.number, number)
    if settings.long:
        return settings.recipe.draw_long(subject, settings.fps, settings.duration_s, rng)
    return settings.recipe.draw(subject, emotion, settings.fps, settings.layout.context, rng)


def camera_of(settings: Settings, subject: Subject, number: int) -> tuple[Camera, float]:
    """The camera that films one unit, and what its clock says at the first frame."""
    clock = float(stream(settings.seed, "camera", subject.number, number).uniform(0, _CLOCK_S))
    return replace(settings.camera, noise=round(settings.camera.noise * subject.noise, 4)), round(clock, 4)


def units_of(event: PlantedEvent) -> str:
    """The action units of an event as coders write them, each with its side: ``4+R12``."""
    prefix = {"both": "", "left": "L", "right": "R"}
    found = {(unit, f"{prefix[act.side]}{unit}") for act in event.acts for unit in _numbers(act)}
    return "+".join(text for _, text in sorted(found))


def _numbers(act: Act) -> list[int]:
    """Units that act as one, lids included."""
    return [int(unit) for unit in act.action_units.upper().replace("AU", "").split("+")]


def counts(units: list[Unit]) -> dict[str, dict[str, int]]:
    """How many clips and people there are, and clips of each emotion and kind."""
    clips = [clip for unit in units for clip in unit.clips]
    emotions = Counter(name.casefold() for unit in units for name in unit.emotions if name)
    kinds = Counter(kind for unit in units for kind in unit.kinds)
    return {
        "total": {"clips": len(clips), "subjects": len({clip.subject for clip in clips})},
        "emotion": dict(sorted(emotions.items())),
        "kind": dict(sorted(kinds.items())),
    }


def _unit(
    settings: Settings, layout: Layout, subject: Subject, known_as: str, number: int, emotion: str
) -> Unit:
    performance = perform(settings, subject, number, emotion)
    video = layout.video(known_as, number + 1) if settings.long else ""
    numbers = stream(settings.seed, "camera", subject.number, number, 0)
    first = _first(settings, layout, performance, numbers)
    last = first + performance.n_frames - 1
    clips = []
    for place, event in enumerate(performance.events, 1):
        name = f"{video}_{place}" if settings.long else layout.title(known_as, emotion, number + 1)
        units = {unit for act in event.acts for unit in _numbers(act)}
        more = {"objective_class": str(objective_class(units))}
        clip = NativeClip(
            known_as,
            name,
            first + event.onset_frame,
            first + event.apex_frame,
            first + event.offset_frame,
            event.emotion,
            units_of(event),
            settings.fps,
            first,
            last,
            more={**more, "dataset": settings.dataset} if settings.dataset else more,
        )
        clips.append(layout.annotate(clip, event.kind))
    shown = clips[0] if clips else NativeClip(known_as, f"{video}_1", None, None, None)
    place_of = layout.folder(shown)
    return Unit(
        subject=subject,
        number=number,
        emotion=emotion,
        name=place_of.rpartition("/")[2].removesuffix(".mp4") if settings.long else layout.clip_id(shown),
        place=place_of,
        clips=tuple(clips),
        kinds=tuple(event.kind for event in performance.events),
        emotions=tuple(event.emotion for event in performance.events),
        first=first,
        n_frames=performance.n_frames,
    )


def _first(settings: Settings, layout: Layout, performance: Performance, rng: np.random.Generator) -> int:
    """Number of the first frame: videos and manifests count from the start, cameras run on."""
    if settings.suffix == ".mp4":
        return 0
    if settings.long or settings.layout_name == MANIFEST:
        return layout.lowest
    return max(layout.start(rng) - performance.events[0].onset_frame, layout.lowest)
