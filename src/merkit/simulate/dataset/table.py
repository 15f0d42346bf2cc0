"""A simulated dataset in memory: the same clips as on disk, filmed when they are read."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from merkit.clips import Clip, ClipTable
from merkit.datasets.action_units import action_unit_texts
from merkit.processes import cores, in_processes
from merkit.simulate.dataset.clip_truth import Truths, truths_of
from merkit.simulate.dataset.film import Film
from merkit.simulate.dataset.imitate import chosen_settings
from merkit.simulate.dataset.plan import Unit, plan
from merkit.simulate.dataset.settings import Settings
from merkit.simulate.encoding import developed
from merkit.video.frame import Pixels
from merkit.video.sources import ArrayFrames, FrameSource


class SimulatedFrames(FrameSource):
    """The frames of one unit, filmed at every read; they are those that a file would hold.

    Compressed video is an exception: in memory its frames are as before compression.
    """

    def __init__(self, settings: Settings, unit: Unit) -> None:
        self.settings, self.unit = settings, unit

    @property
    def numbers(self) -> tuple[int, ...]:
        """The annotated number of every frame, in order."""
        return tuple(range(self.unit.first, self.unit.first + self.unit.n_frames))

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W) of a grey camera, (T, H, W, 3) otherwise."""
        width, height = self.settings.size
        return (self.unit.n_frames, height, width, *(() if self.settings.camera.grey else (3,)))

    def read(self, start: int, stop: int) -> Pixels:
        """Return frames at positions ``start`` to ``stop`` (not included)."""
        film, positions = _film(self.settings, self.unit), range(start, min(stop, self.unit.n_frames))
        suffix, quality = self.settings.suffix, self.settings.quality
        frames = [developed(film.picture(position), suffix, quality) for position in positions]
        return np.stack(frames) if frames else np.empty((0, *self.shape[1:]), np.uint8)

    def __repr__(self) -> str:
        return f"SimulatedFrames({self.unit.name!r})"


class SimulatedTable(ClipTable):
    """Clips with their truth.

    Attributes
    ----------
    truths : Truths
        :class:`merkit.simulate.dataset.ClipTruth` by id, made when it is asked for.
    """

    truths: Truths


def simulate_table(
    settings: Settings | None = None, *, lazy: bool = True, workers: int | None = None, **options: Any
) -> SimulatedTable:
    """The clips of a simulated dataset, without writing a file.

    Parameters
    ----------
    settings : Settings, optional
        Instead of them, keywords of :func:`merkit.simulate.settings_like`.
    lazy : bool
        Film frames at every read, which costs time and no memory; or all of them now.
    workers : int, optional
        Processes that film, if not lazy; as many as processors by default.
    """
    settings = chosen_settings(settings, options)
    units = plan(settings)
    sources: list[FrameSource] = [SimulatedFrames(settings, unit) for unit in units]
    if not lazy:
        sources = list(_filmed(sources, workers or cores()))
    layout = settings.layout
    clips = [
        Clip(
            id=layout.clip_id(clip),
            source=source,
            fps=settings.fps,
            onset=clip.onset,
            apex=clip.apex if layout.coded else None,
            offset=clip.offset,
            emotion=emotion or None,
            aus=action_unit_texts(clip.aus) if layout.coded else (),
            subject=layout.person_id(clip.subject),
            dataset=settings.dataset or settings.layout_name,
            objective_class=clip.more["objective_class"] if layout.objective else None,
        )
        for unit, source in zip(units, sources, strict=True)
        for emotion, clip in zip(unit.emotions, unit.clips, strict=True)
    ]
    made = SimulatedTable.from_clips(clips)
    assert isinstance(made, SimulatedTable)
    made.frame["kind"] = pd.Series([kind for unit in units for kind in unit.kinds], dtype=object)
    made.truths = truths_of(settings, units)
    return made


def _filmed(sources: Iterable[FrameSource], workers: int) -> list[FrameSource]:
    """The same frames in memory."""
    listed = list(sources)
    if min(workers, len(listed)) < 2:
        return [_in_memory(source) for source in listed]
    places, count = range(len(listed)), min(workers, len(listed))
    found = dict(in_processes(places, listed.__getitem__, _read_all, count, caller="simulate_table"))
    return [ArrayFrames(found[place], source.numbers) for place, source in enumerate(listed)]


def _in_memory(source: FrameSource) -> FrameSource:
    return ArrayFrames(_read_all(source), source.numbers)


def _read_all(source: FrameSource) -> Pixels:
    return source.read(0, len(source))


# Methods read a clip piece by piece.
@lru_cache(maxsize=1)
def _film(settings: Settings, unit: Unit) -> Film:
    return Film(settings, unit)
