"""The folder of a simulated dataset: what it is made with, what is finished, what a killed run left."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from merkit.errors import ConfigError, DataError
from merkit.saving import plain_refusals, refusal, try_writing, write_whole
from merkit.simulate.dataset.plan import Unit
from merkit.simulate.dataset.settings import NamedFile, Settings

SIMULATION, TRUTH = "simulation.json", "truth"
FORMAT = "merkit-simulation-1"
_DRAFT = ".draft-"
LIBRARIES = ("numpy", "scipy", "opencv-contrib-python-headless", "av", "pillow")
"""Another version of one of these may give other bytes."""


class DatasetFolder:
    """Files of one simulated dataset.

    Nothing is touched before :meth:`open`.

    Parameters
    ----------
    path : path
    settings : Settings
    units : list of Unit
    counts : mapping
        Of clips, for whoever checks the dataset.
    """

    def __init__(
        self, path: str | Path, settings: Settings, units: list[Unit], counts: Mapping[str, Any]
    ) -> None:
        self.path = Path(path)
        self.units = units
        self.record = _plain(
            {
                "format": FORMAT,
                "made_with": {"merkit": version("merkit"), **{name: version(name) for name in LIBRARIES}},
                "settings": _settings(settings),
                "counts": counts,
            }
        )
        self._digest = hashlib.sha256(_text(self.record).encode()).hexdigest()
        self._made = False

    def open(self) -> None:
        """Make the folder, or go on in one that was made with the same settings.

        Raises
        ------
        ConfigError
            If it holds a dataset of other settings; the difference is named.
        DataError
            If it cannot be written, or holds something else.
        """
        known = self.path / SIMULATION
        if self.path.is_dir() and not known.exists():
            # Hidden ones may be what is left of a run that was killed before its first file.
            others = sorted(item.name for item in self.path.iterdir() if not item.name.startswith("."))
            if others:
                raise DataError(
                    f"{self.path}: holds {others[0]}, and no simulated dataset; give an empty or a new folder"
                )
        self._made = not self.path.exists()
        with plain_refusals(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        try:
            try_writing(self.path)
        except OSError as error:
            raise DataError(
                f"{self.path}: cannot be written ({refusal(error)}); choose an output folder you may write to"
            ) from error
        if known.exists():
            self._compare(known)
        self._sweep()
        if not known.exists():
            try:
                write_whole(known, _text(self.record))
            except DataError:
                self.close()
                raise

    def close(self) -> None:
        """Remove what was left unfinished, and everything if nothing was finished."""
        self._sweep()
        if any((self.path / TRUTH).glob("*.json")):
            return
        with contextlib.suppress(OSError):
            (self.path / SIMULATION).unlink(missing_ok=True)
            for folder, _, _ in os.walk(self.path, topdown=False):
                if self._made or Path(folder) != self.path:
                    os.rmdir(folder)

    def finished(self, unit: Unit) -> bool:
        """Whether a unit is there, whole: its truth is written last."""
        try:
            truth = json.loads((self.path / TRUTH / f"{unit.name}.json").read_text("utf-8"))
        except (OSError, ValueError):
            # A disk that lost power can leave a named file empty; the unit is filmed again.
            return False
        place = self.path / unit.place
        if not (self.path / TRUTH / f"{unit.name}.npz").is_file() or truth.get("settings") != self._digest:
            return False
        return place.is_file() or (place.is_dir() and len(os.listdir(place)) == unit.n_frames)

    def draft(self) -> Draft:
        """A place beside the dataset for the files of one unit."""
        return Draft(self.path, self._digest)

    def _sweep(self) -> None:
        for draft in self.path.glob(f"{_DRAFT}*"):
            shutil.rmtree(draft, ignore_errors=True)
        for file in self.path.glob(".*.part*"):
            file.unlink(missing_ok=True)

    def _compare(self, path: Path) -> None:
        try:
            other = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: cannot be read ({error}); choose another folder") from error
        if not isinstance(other, dict) or other.get("format") != FORMAT:
            raise DataError(f"{path}: is not of the form {FORMAT}; choose another folder")
        for before, now, name in _differences(other, self.record, ""):
            raise ConfigError(
                f"{self.path}: holds a dataset with {name} {_short(before)}, this one has {_short(now)}; "
                "choose another output folder"
            )


class Draft:
    """Files of one unit, which get their names when all are written; see :meth:`DatasetFolder.draft`.

    It can be sent to a worker process.
    """

    def __init__(self, root: Path, digest: str) -> None:
        self.root, self._digest = root, digest
        self.path = root / f"{_DRAFT}{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> Draft:
        with plain_refusals(self.root):
            self.path.mkdir()
        return self

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def publish(self, unit: Unit, frames: Path, arrays: Path, truth: Mapping[str, Any]) -> None:
        """Give the files of a unit their names; the truth comes last, and makes it finished.

        Parameters
        ----------
        unit : Unit
        frames, arrays : Path
            Folder of frames or video file, and the npz file, both in :attr:`path`.
        truth : mapping
        """
        place, beside = self.root / unit.place, self.root / TRUTH
        with plain_refusals(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            beside.mkdir(exist_ok=True)
            if place.is_dir():
                # Of a run that was killed before its truth was written.
                shutil.rmtree(place)
            about = self.path / "truth.json"
            about.write_text(_text({**truth, "settings": self._digest}), encoding="utf-8")
            os.replace(frames, place)
            os.replace(arrays, beside / f"{unit.name}.npz")
            os.replace(about, beside / f"{unit.name}.json")


def _settings(settings: Settings) -> dict[str, Any]:
    """Settings as plain data, with files by name and digest: where they lie changes no byte."""
    plain: dict[str, Any] = {}
    for name, value in vars(settings).items():
        if isinstance(value, NamedFile):
            plain[name] = {"sha256": value.sha256}
        elif name == "faces":
            plain[name] = [{"name": face.path.name, "sha256": face.sha256} for face in value]
        else:
            plain[name] = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return plain


def _differences(before: Any, now: Any, name: str) -> list[tuple[Any, Any, str]]:
    """What differs between two records, by the last name on the way to it."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return [] if before == now else [(before, now, name)]
    keys = [*now, *(key for key in before if key not in now)]
    return [found for key in keys for found in _differences(before.get(key), now.get(key), key)]


def _plain(value: Any) -> Any:
    """As it is when read again: tuples are lists, keys are text."""
    return json.loads(json.dumps(value))


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
