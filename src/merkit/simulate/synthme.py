"""SynthME: a benchmark of simulated micro-expressions, defined by a committed file.

``synthme-1.toml`` holds every setting; docs/synthme.md says what it can and cannot show.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from merkit.errors import ConfigError
from merkit.simulate.action_units import Side, parse_action_units
from merkit.simulate.camera import Camera
from merkit.simulate.dataset.settings import MANIFEST, Settings, head_of, one_of
from merkit.simulate.dataset.subjects import Subject, deal_evenly
from merkit.simulate.dataset.table import SimulatedTable, simulate_table
from merkit.simulate.durations import DURATIONS, draw_course
from merkit.simulate.head_motion import HeadMotion, HeadPose
from merkit.simulate.performance import Act, Distractor, Performance, PlantedEvent
from merkit.simulate.timing import TimeCourse

BENCHMARKS = ("synthme-1",)
LEVELS = ("easy", "medium", "hard")
CLASSES = (3, 5)
_FACE_PX = 200.0
"""Width of the face for which displacements and shifts are stated."""
# Units that a face can move on one side alone.
_ONE_SIDED = frozenset({1, 2, 4, 6, 7, 9, 10, 12, 14, 15, 20})
_LEAST_STRAY = 0.3
_BLINK_S = ((0.06, 0.09), (0.01, 0.04), (0.10, 0.16))
"""How long a lid takes to close, stays shut, and takes to open."""

Patterns = tuple[tuple[str, float], ...]
"""Action units that go together, each with its weight."""


@dataclass(frozen=True)
class Level:
    """How the clips of one level are drawn: a recipe, see :class:`merkit.simulate.dataset.recipe.Recipe`.

    Attributes
    ----------
    name : str
    peak_px : (low, high)
        Longest displacement at the apex, on a face 200 px wide; drawn evenly on a logarithmic scale.
    shared, one_sided, blinks : float
        Shares of clips with units that occur in another class too, with one side only, with a blink.
    asymmetry : float
        The sides differ by up to this share.
    frames, context : (low, high)
        Frames from onset to offset, both included; before and after that.
    raised : float
        How much higher than in the middle of the frame the face is, in face widths.
    head : tuple of (name, float)
        How far it strays within a clip.
    own, shared_units : tuple of (class, Patterns)
        Action units of each class.
    """

    name: str
    peak_px: tuple[float, float]
    shared: float
    one_sided: float
    blinks: float
    asymmetry: float
    frames: tuple[int, int]
    context: tuple[int, int]
    raised: float
    head: tuple[tuple[str, float], ...]
    own: tuple[tuple[str, Patterns], ...]
    shared_units: tuple[tuple[str, Patterns], ...]

    @property
    def classes(self) -> list[str]:
        """In the order of the benchmark."""
        return [name for name, _ in self.own]

    def deal(self, subjects: int, clips: int, rng: np.random.Generator) -> list[list[str]]:
        """The class of each clip of each person: all equally often."""
        return deal_evenly(self.classes, subjects, clips, rng)

    def draw(
        self, subject: Subject, emotion: str, fps: float, context: bool, rng: np.random.Generator
    ) -> Performance:
        """The performance of one clip: one act, whose units rise together."""
        units = self._units(emotion, rng)
        side: Side = "both"
        drawn_side = rng.random(), rng.random()
        if drawn_side[0] < self.one_sided and set(map(int, units.split("+"))) <= _ONE_SIDED:
            side = "left" if drawn_side[1] < 0.5 else "right"
        lopsided = float(np.clip(rng.uniform(-1, 1) * self.asymmetry + subject.lean, -1, 1))
        # Some people move more than others, within the range of the level.
        place = 0.4 * subject.place + 0.6 * float(rng.random())
        low, high = self.peak_px
        peak = low * (high / low) ** place * subject.face_px / _FACE_PX
        before, after = (int(rng.integers(self.context[0], self.context[1] + 1)) for _ in range(2))
        length = int(rng.integers(self.frames[0], self.frames[1] + 1))
        course = draw_course(DURATIONS["smic-hs", "micro"], fps, before, rng, length)
        act = Act(
            f"AU{units}",
            course,
            round(peak, 4),
            side=side,
            asymmetry=0.0 if side != "both" else round(lopsided, 2),
        )
        n_frames = before + length + after
        return Performance(
            n_frames,
            fps,
            subject.face_px,
            (PlantedEvent("micro", emotion, (act,)),),
            self._blink(n_frames, fps, rng),
            self._poses(n_frames, fps, subject, rng),
        )

    def draw_long(
        self, subject: Subject, fps: float, duration_s: float, rng: np.random.Generator
    ) -> Performance:
        """Not of a benchmark of clips."""
        raise ConfigError("duration: the benchmark has clips and no long videos")

    def _units(self, emotion: str, rng: np.random.Generator) -> str:
        shared = dict(self.shared_units).get(emotion, ())
        patterns = shared if shared and rng.random() < self.shared else dict(self.own)[emotion]
        weights = np.array([weight for _, weight in patterns])
        return patterns[int(rng.choice(len(patterns), p=weights / weights.sum()))][0]

    def _blink(self, n_frames: int, fps: float, rng: np.random.Generator) -> tuple[Distractor, ...]:
        """A blink anywhere in some of the clips, where it has room."""
        wanted = rng.random() < self.blinks
        close, shut, reopen = (max(round(float(rng.uniform(*s)) * fps), 1) for s in _BLINK_S)
        start = rng.random()
        room = n_frames - 1 - (close + shut + reopen)
        if not wanted or room < 0:
            return ()
        onset = int(start * (room + 1))
        course = TimeCourse(onset, onset + close, onset + close + shut, onset + close + shut + reopen)
        return (Distractor.of("blink", (Act("AU45", course, closure=1.0),)),)

    def _poses(
        self, n_frames: int, fps: float, subject: Subject, rng: np.random.Generator
    ) -> tuple[HeadPose, ...]:
        """Where the head strays: from where it was at first, by up to what the level says."""
        head = dict(self.head)
        shift = head["shift_px"] * subject.face_px / _FACE_PX
        amounts = (shift, shift, head["angle_deg"], head["scale"], head["yaw_deg"], head["pitch_deg"])
        # Each path of a head has two waves, sideways and up and down, that nothing links.
        paths = [HeadMotion(1.0, 0.0, 0.0).path(n_frames, fps, rng) for _ in range(len(amounts) // 2)]
        waves = np.concatenate([np.array([(p.shift_x, p.shift_y) for p in path]).T for path in paths])
        waves -= waves[:, :1]
        most = np.maximum(np.abs(waves).max(axis=1), 1e-12)
        strays = np.array(amounts) * min(subject.sway, 1.0) * rng.uniform(_LEAST_STRAY, 1, len(amounts))
        moved = waves * (strays / most)[:, None]
        moved[1] -= self.raised * subject.face_px
        x, y, angle, scale, yaw, pitch = np.round(moved, 6).tolist()
        return tuple(
            HeadPose(*values) for values in zip(x, y, angle, [1 + s for s in scale], yaw, pitch, strict=True)
        )


def synthme_settings(
    level: str = "medium",
    size: int = 128,
    classes: int = 3,
    *,
    subjects: int | Iterable[int] | None = None,
    benchmark: str = "synthme-1",
    head: str | Path | None = None,
    patterns: Mapping[str, str | Mapping[str, float]] | None = None,
    seed: int | None = None,
    truth: str = "basic",
) -> Settings:
    """Settings of the benchmark, or of more clips like those of one of its levels.

    Parameters
    ----------
    level : {"easy", "medium", "hard"}
    size : {128, 64}
        Width and height of the frames.
    classes : {3, 5}
    subjects : int, or iterable of int
        How many of the people, or which (from 1); all 24 without it.  The clips of a person do not
        depend on who else is made.
    benchmark : str
        One of :data:`BENCHMARKS`.
    head : path, optional
        File of the parametric head, if it is not in its usual place.
    patterns : mapping of class to action units, optional
        Other classes, each with its units or several with weights: clips like those of the level, that
        are not of the benchmark.
    seed : int, optional
        Another seed; its clips are not of the benchmark either.
    truth : {"basic", "flow"}

    Raises
    ------
    ConfigError
        For a level, size, number of classes or person that the benchmark does not have.
    DataError
        If there is no head file.
    """
    one_of("benchmark", benchmark, BENCHMARKS)
    fixed = _fixed(benchmark)
    one_of("level", level, LEVELS)
    for name, value, allowed in (("size", size, fixed["sizes"]), ("classes", classes, CLASSES)):
        if value not in allowed:
            known = " or ".join(map(str, allowed))
            raise ConfigError(f"{name}: {value} is not one of {benchmark}; give {known}")
    own_clips = patterns is not None or (seed is not None and seed != fixed["seed"])
    return Settings(
        layout_name=MANIFEST,
        dataset="" if own_clips else fixed["dataset"],
        recipe=_level(fixed, level, classes, patterns),
        subjects=fixed["subjects"],
        clips=fixed["clips"],
        fps=fixed["fps"],
        size=(size, size),
        engine=fixed["engine"],
        face_share=(fixed["face_share"][0], fixed["face_share"][1]),
        faces=(),
        head=head_of(fixed["engine"], head),
        seed=fixed["seed"] if seed is None else seed,
        camera=Camera.from_settings(fixed["levels"][level]["camera"]),
        duration_s=0.0,
        suffix=".png",
        quality=None,
        crf=None,
        truth=truth,
        only=_people(subjects, fixed["subjects"]),
    )


def load_synthme(
    level: str = "medium",
    size: int = 128,
    classes: int = 3,
    subjects: int | Iterable[int] | None = None,
    *,
    lazy: bool = True,
    workers: int | None = None,
    head: str | Path | None = None,
) -> SimulatedTable:
    """The clips of SynthME-1 in memory.

    Parameters
    ----------
    level, size, classes, subjects, head
        See :func:`synthme_settings`.
    lazy, workers
        See :func:`merkit.simulate.simulate_table`.
    """
    settings = synthme_settings(level, size, classes, subjects=subjects, head=head)
    return simulate_table(settings, lazy=lazy, workers=workers)


def ceiling(level: str = "medium", classes: int = 3, benchmark: str = "synthme-1") -> float:
    """The share of clips that whoever knows the action units of each clip exactly gets right.

    Units that several classes share leave no more than a guess at the likelier class.

    Examples
    --------
    >>> ceiling("easy"), ceiling("easy", 5)
    (1.0, 1.0)
    """
    recipe = _level(_fixed(benchmark), level, classes, None)
    weights: dict[str, dict[str, float]] = {}
    for patterns, share in ((recipe.own, 1 - recipe.shared), (recipe.shared_units, recipe.shared)):
        for name, units in patterns:
            total = sum(weight for _, weight in units)
            for pattern, weight in units:
                found = weights.setdefault(pattern, {})
                found[name] = found.get(name, 0.0) + share * weight / total
    return round(sum(max(found.values()) for found in weights.values()) / classes, 6)


def _level(
    fixed: Mapping[str, Any],
    level: str,
    classes: int,
    patterns: Mapping[str, str | Mapping[str, float]] | None,
) -> Level:
    about = fixed["levels"][level]
    units = fixed["classes"][str(classes)]
    own = {name: found["own"] for name, found in units.items()}
    shared = {name: found["shared"] for name, found in units.items()}
    if patterns is not None:
        own = {
            name: {found: 1.0} if isinstance(found, str) else dict(found) for name, found in patterns.items()
        }
        shared = {}
    return Level(
        name=level,
        peak_px=(about["peak_px"][0], about["peak_px"][1]),
        shared=about["shared"] if shared else 0.0,
        one_sided=about["one_sided"],
        blinks=about["blinks"],
        asymmetry=about["asymmetry"],
        frames=(fixed["frames"][0], fixed["frames"][1]),
        context=(fixed["context"][0], fixed["context"][1]),
        raised=fixed["raised"],
        head=tuple(about["head"].items()),
        own=tuple((name, _checked(found)) for name, found in own.items()),
        shared_units=tuple((name, _checked(found)) for name, found in shared.items()),
    )


def _checked(patterns: Mapping[str, float]) -> Patterns:
    return tuple(
        ("+".join(map(str, parse_action_units(units))), float(weight)) for units, weight in patterns.items()
    )


def _people(subjects: int | Iterable[int] | None, most: int) -> tuple[int, ...]:
    """The chosen people, from 0; empty for all."""
    if subjects is None:
        return ()
    chosen = sorted(set(range(1, subjects + 1) if isinstance(subjects, int) else subjects))
    if not chosen or chosen[0] < 1 or chosen[-1] > most:
        raise ConfigError(f"subjects: {subjects} is not within 1 to {most}")
    return () if len(chosen) == most else tuple(number - 1 for number in chosen)


@cache
def _fixed(benchmark: str) -> dict[str, Any]:
    text = files("merkit.simulate").joinpath(f"{benchmark}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
