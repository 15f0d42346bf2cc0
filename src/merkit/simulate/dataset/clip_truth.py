"""What is known about a simulated clip, from memory or from the files of a dataset."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.simulate.dataset.film import FORMAT, Film
from merkit.simulate.dataset.folder import TRUTH
from merkit.simulate.dataset.plan import Unit
from merkit.simulate.dataset.settings import Settings
from merkit.simulate.performance import Performance, PlantedEvent

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class ClipTruth:
    """The truth about one clip, or about one event of a long video.

    Attributes
    ----------
    about : dict
        Everything that is no array, as in the JSON file; of a video all its events.
    place : int
        Which of the events this is, from 0.
    """

    about: dict[str, Any]
    place: int
    load: Callable[[], Arrays] = field(repr=False)

    @property
    def clip(self) -> dict[str, Any]:
        """Id, subject, kind, emotion, action units, onset, apex and offset, as annotated."""
        found: dict[str, Any] = self.about["clips"][self.place]
        return found

    @cached_property
    def performance(self) -> Performance:
        """What the face does, frame by frame."""
        return Performance.from_json(self.about["performance"])

    @property
    def event(self) -> PlantedEvent:
        """The planted expression."""
        return self.performance.events[self.place]

    @cached_property
    def arrays(self) -> Arrays:
        """The truth that is arrays; see :meth:`merkit.simulate.dataset.film.Film.arrays`."""
        return self.load()

    @property
    def flow(self) -> NDArray[np.float32]:
        """True motion from onset to apex, (H, W, 2): ``(u right, v down)`` in pixels."""
        return self._of_event("flow")

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Where what is seen at the onset is seen at the apex too, (H, W)."""
        return self._of_event("visible")

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """Landmarks of the engine in every frame, (T, K, 2) in pixels."""
        return self.arrays["landmarks"]

    def _of_event(self, name: str) -> NDArray[Any]:
        return self.arrays[name] if name in self.arrays else self.arrays[f"{name}_{self.place + 1}"]


class Truths(Mapping[str, ClipTruth]):
    """The truth of many clips by id; each is made or read when it is asked for.

    Parameters
    ----------
    where : mapping of id to (callable, int)
        What gives the truth of a unit and its arrays, and which of its events the clip is.
    """

    def __init__(self, where: Mapping[str, tuple[Callable[[], tuple[dict[str, Any], Any]], int]]) -> None:
        self._where = dict(where)

    def __getitem__(self, clip_id: str) -> ClipTruth:
        get, place = self._where[clip_id]
        about, load = get()
        return ClipTruth(about, place, load)

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)


def truths_of(settings: Settings, units: list[Unit]) -> Truths:
    """The truth of clips that are filmed when they are looked at."""

    def get(unit: Unit) -> Callable[[], tuple[dict[str, Any], Any]]:
        def film() -> tuple[dict[str, Any], Any]:
            made = Film(settings, unit)
            return made.truth(), made.arrays

        return film

    layout = settings.layout
    return Truths(
        {layout.clip_id(clip): (get(unit), k) for unit in units for k, clip in enumerate(unit.clips)}
    )


def read_truths(root: str | Path) -> Truths:
    """Read the truth of a simulated dataset, by the ids that its clips have when they are read.

    Parameters
    ----------
    root : path
        Folder that ``merkit simulate`` wrote.

    Raises
    ------
    DataError
        If there is no truth in it, or a file is damaged.
    """
    folder = Path(root) / TRUTH
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise DataError(f"{folder}: holds no truth; give the folder of a simulated dataset")
    where: dict[str, tuple[Callable[[], tuple[dict[str, Any], Any]], int]] = {}
    for file in files:
        about = _read_json(file)
        for place, clip in enumerate(about["clips"]):
            where[clip["id"]] = (lambda file=file: (_read_json(file), lambda: _read_npz(file)), place)  # type: ignore[misc]
    return Truths(where)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read ({error}); simulate the dataset again") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise DataError(f"{file}: is not of the form {FORMAT}; simulate the dataset again")
    return about


def _read_npz(file: Path) -> Arrays:
    arrays = file.with_suffix(".npz")
    try:
        with np.load(arrays, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{arrays}: cannot be read ({error}); simulate the dataset again") from error
