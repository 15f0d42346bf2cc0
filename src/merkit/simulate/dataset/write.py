"""A simulated dataset on disk: many units filmed at once, to be stopped and gone on with at any time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from merkit.errors import ConfigError
from merkit.processes import cores, in_processes
from merkit.saving import plain_refusals, write_whole
from merkit.simulate.dataset.film import Film, in_all
from merkit.simulate.dataset.folder import DatasetFolder, Draft
from merkit.simulate.dataset.imitate import chosen_settings
from merkit.simulate.dataset.plan import Unit, counts, plan
from merkit.simulate.dataset.settings import Settings
from merkit.simulate.encoding import encode
from merkit.simulate.native.sheets import write_sheets
from merkit.video import VideoWriter

OnProgress = Callable[[int, int, str], None]
README = """Simulated by merkit: nobody who is seen here exists, or felt what is said here.
simulation.json says how it was made, truth/ what is known about every clip.
Scores on these clips are no scores on the dataset whose form they may have.
"""


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    path : Path
    clips, subjects, frames : int
    resumed : int
        Clips, or videos, that were there already.
    counts : dict
        Clips by emotion and kind.
    """

    path: Path
    clips: int
    subjects: int
    frames: int
    resumed: int
    counts: dict[str, dict[str, int]]


def simulate_dataset(
    out: str | Path,
    settings: Settings | None = None,
    *,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Written:
    """Write a simulated dataset, or what is missing of it.

    Parameters
    ----------
    out : path
        Made if it is not there.  A folder with a dataset of the same settings is completed.
    settings : Settings, optional
        Instead of them, keywords of :func:`merkit.simulate.settings_like`.
    workers : int, optional
        Processes; as many as processors by default.  The bytes do not depend on it.
    on_progress : callable, optional
        Called as ``on_progress(frames done, frames in all, "frames")``.

    Raises
    ------
    ConfigError
        If the folder holds a dataset of other settings.
    DataError
        If a picture or head file will not do, or something cannot be written.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"workers: {workers} is less than 1")
    settings = chosen_settings(settings, options)
    tell = on_progress or (lambda done, total, stage: None)
    units = plan(settings)
    known = counts(units)
    folder = DatasetFolder(out, settings, units, known)
    folder.open()
    try:
        todo = [unit for unit in units if not folder.finished(unit)]
        total = in_all(units)
        done = total - in_all(todo)
        tell(done, total, "frames")
        _film(folder, settings, todo, workers or cores(), lambda more: tell(done + more, total, "frames"))
        clips = [clip for unit in units for clip in unit.clips]
        layout = settings.layout
        if layout.table:
            write_sheets(folder.path / layout.table, layout.sheets(clips))
        write_whole(folder.path / "README.md", README)
    finally:
        folder.close()
    people = known["total"]["subjects"]
    return Written(folder.path, len(clips), people, total, len(units) - len(todo), known)


@dataclass(frozen=True)
class _Task:
    settings: Settings
    unit: Unit
    draft: Draft


def _film(
    folder: DatasetFolder,
    settings: Settings,
    todo: Sequence[Unit],
    workers: int,
    on_frames: Callable[[int], None],
) -> None:
    """Film units, here or in processes; ``on_frames`` is told how many frames there are by now."""
    if min(workers, len(todo)) < 2:
        filmed = 0

        def count() -> None:
            nonlocal filmed
            filmed += 1
            on_frames(filmed)

        for unit in todo:
            film_unit(_Task(settings, unit, folder.draft()), count)
        return
    counter: Any = get_context("spawn").Value("q", 0)
    for _ in in_processes(
        todo,
        lambda unit: _Task(settings, unit, folder.draft()),
        _film_in_worker,
        min(workers, len(todo)),
        caller="simulate_dataset",
        prepare=_share,
        prepare_with=(counter,),
        on_tick=lambda: on_frames(counter.value),
    ):
        on_frames(counter.value)


# The one thing that a worker keeps between tasks; memory cannot be shared through a task.
_counter: Any = None


def _share(counter: Any) -> None:
    global _counter
    _counter = counter
    cv2.setNumThreads(1)


def _film_in_worker(task: _Task) -> None:
    def count() -> None:
        with _counter.get_lock():
            _counter.value += 1

    film_unit(task, count)


def film_unit(task: _Task, on_frame: Callable[[], None]) -> None:
    """Film one unit into its draft, and publish it."""
    settings, unit = task.settings, task.unit
    # One thread: sums over several come out differently from run to run.
    with threadpool_limits(1), task.draft as draft:
        film = Film(settings, unit)
        with plain_refusals(draft.root / unit.place):
            frames = _write_frames(draft.path, film, on_frame)
            arrays = draft.path / "truth.npz"
            np.savez_compressed(arrays, allow_pickle=False, **film.arrays())
        draft.publish(unit, frames, arrays, film.truth())


def _write_frames(folder: Path, film: Film, on_frame: Callable[[], None]) -> Path:
    settings, unit = film.settings, film.unit
    if settings.suffix == ".mp4":
        video = folder / "video.mp4"
        assert settings.crf is not None
        with VideoWriter(video, settings.fps, crf=settings.crf) as writer:
            for picture in film.pictures():
                writer.write(picture)
                on_frame()
        return video
    frames = folder / "frames"
    frames.mkdir()
    layout = settings.layout
    for number, picture in enumerate(film.pictures(), unit.first):
        file = layout.file(unit.clips[0], number) if unit.clips else f"{number}{settings.suffix}"
        (frames / file).write_bytes(encode(picture, settings.suffix, settings.quality))
        on_frame()
    return frames
