"""What faces do in a dataset: how a real one is imitated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from merkit.errors import ConfigError, did_you_mean
from merkit.simulate.dataset.subjects import Subject, deal
from merkit.simulate.draw import CLIP_SWAY, VIDEO_SWAY, draw_clip, draw_video
from merkit.simulate.head_motion import HeadMotion
from merkit.simulate.patterns import emotion_shares
from merkit.simulate.performance import Act, Performance


class Recipe(Protocol):
    """Draws what the faces of a dataset do."""

    def deal(self, subjects: int, clips: int, rng: np.random.Generator) -> list[list[str]]:
        """The class of each clip of each person."""
        ...

    def draw(
        self, subject: Subject, emotion: str, fps: float, context: bool, rng: np.random.Generator
    ) -> Performance:
        """The performance of one clip, with still frames around it where there is ``context``."""
        ...

    def draw_long(
        self, subject: Subject, fps: float, duration_s: float, rng: np.random.Generator
    ) -> Performance:
        """The performance of one long video."""
        ...


@dataclass(frozen=True)
class Difficulty:
    """How visible expressions are: a factor on displacements and one on sway, and the camera's noise."""

    strength: float
    sway: float
    noise: float


DIFFICULTIES = {
    "easy": Difficulty(strength=2.0, sway=0.5, noise=1.0),
    "medium": Difficulty(strength=1.0, sway=1.0, noise=2.0),
    "hard": Difficulty(strength=0.5, sway=1.5, noise=3.0),
}
"""``medium`` has the displacements that the grades A to C of FACS stand for."""


@dataclass(frozen=True)
class AsDataset:
    """Expressions as they occur in a real dataset.

    Attributes
    ----------
    imitated : str
        One of :data:`merkit.simulate.patterns.LIKES`.
    difficulty : str
        One of :data:`DIFFICULTIES`.
    classes : tuple of str
        Those that occur, as the dataset spells them.
    micro, macro : int or None
        Expressions in each long video; as often a minute as in the dataset without.
    """

    imitated: str
    difficulty: str
    classes: tuple[str, ...]
    micro: int | None = None
    macro: int | None = None

    @classmethod
    def make(
        cls,
        imitated: str,
        difficulty: str = "medium",
        classes: tuple[str, ...] = (),
        micro: int | None = None,
        macro: int | None = None,
    ) -> AsDataset:
        """Check the values; no classes stand for all.

        Raises
        ------
        ConfigError
            For a difficulty or class that there is not.
        """
        if difficulty not in DIFFICULTIES:
            raise ConfigError(
                f"difficulty: {difficulty!r} is not known{did_you_mean(difficulty, DIFFICULTIES)}: "
                f"{', '.join(DIFFICULTIES)}"
            )
        labelled = emotion_shares(imitated)
        spelled = {name.casefold(): name for name in labelled}
        for name in classes:
            if name.casefold() not in spelled:
                what = "a dataset without a model" if imitated == "default" else imitated
                raise ConfigError(
                    f"classes: {name!r} is no class of {what}{did_you_mean(name, labelled)}: "
                    f"{', '.join(filter(None, labelled)) or 'it has none'}"
                )
        chosen = tuple(dict.fromkeys(spelled[name.casefold()] for name in classes)) or tuple(labelled)
        for name, count in (("micro", micro), ("macro", macro)):
            if count is not None and not 0 <= count <= 1000:
                raise ConfigError(f"{name}: {count} is outside 0 to 1000")
        return cls(imitated, difficulty, chosen, micro, macro)

    @property
    def noise(self) -> float:
        """Of the camera, where nothing else is asked for."""
        return DIFFICULTIES[self.difficulty].noise

    def deal(self, subjects: int, clips: int, rng: np.random.Generator) -> list[list[str]]:
        """The class of each clip of each person, in all as often as in the dataset."""
        shares = {
            name: share for name, share in emotion_shares(self.imitated).items() if name in self.classes
        }
        return deal(
            {name: share / sum(shares.values()) for name, share in shares.items()}, subjects, clips, rng
        )

    def draw(
        self, subject: Subject, emotion: str, fps: float, context: bool, rng: np.random.Generator
    ) -> Performance:
        """The performance of one clip."""
        drawn = draw_clip(
            self.imitated,
            fps,
            subject.face_px,
            rng,
            emotion=emotion,
            context=None if context else (0, 0),
            strength=self._strength(subject),
            sway=self._sway(subject, CLIP_SWAY),
        )
        return leaning(drawn, subject.lean)

    def draw_long(
        self, subject: Subject, fps: float, duration_s: float, rng: np.random.Generator
    ) -> Performance:
        """The performance of one long video, with distractors."""
        drawn = draw_video(
            self.imitated,
            fps,
            duration_s,
            subject.face_px,
            rng,
            n_micro=self.micro,
            n_macro=self.macro,
            strength=self._strength(subject),
            sway=self._sway(subject, VIDEO_SWAY),
        )
        return leaning(drawn, subject.lean)

    def _strength(self, subject: Subject) -> float:
        return DIFFICULTIES[self.difficulty].strength * subject.expressive

    def _sway(self, subject: Subject, sway: HeadMotion) -> HeadMotion:
        factor = DIFFICULTIES[self.difficulty].sway * subject.sway
        return replace(
            sway,
            shift_px=sway.shift_px * factor,
            angle_deg=sway.angle_deg * factor,
            scale=sway.scale * factor,
        )


def leaning(performance: Performance, lean: float) -> Performance:
    """The same performance by somebody whose one side moves more in everything."""

    def lean_to(act: Act) -> Act:
        if act.side != "both" or not act.peak_px:
            return act
        return replace(act, asymmetry=round(float(np.clip(act.asymmetry + lean, -1, 1)), 2))

    events = (replace(event, acts=tuple(map(lean_to, event.acts))) for event in performance.events)
    return replace(performance, events=tuple(events))
