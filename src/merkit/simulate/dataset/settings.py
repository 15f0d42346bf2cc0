"""What a simulated dataset is made of: everything that decides its bytes, checked once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from merkit.errors import ConfigError, did_you_mean
from merkit.simulate.camera import Camera
from merkit.simulate.dataset.recipe import Recipe
from merkit.simulate.head3d import head_file
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.tree import get_layout

MANIFEST = "manifest"
ENGINES = ("head", "portrait")
TRUTHS = ("basic", "flow")
_SMALLEST = {"head": 48, "portrait": 72}


@dataclass(frozen=True)
class NamedFile:
    """A file that decides what is seen: where it is, and what tells it from any other."""

    path: Path
    sha256: str

    @classmethod
    def of(cls, path: str | Path) -> NamedFile:
        """Look at a file; one that is not there has no digest, and is refused where it is read."""
        place = Path(path).expanduser()
        return cls(place, hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else "")


@dataclass(frozen=True)
class Settings:
    """Everything that decides the bytes of a simulated dataset.

    Made by :func:`merkit.simulate.settings_like` and :func:`merkit.simulate.synthme.synthme_settings`.

    Attributes
    ----------
    layout_name : str
        In whose form files and table are written.
    dataset : str
        What the clips call the dataset that they are of; empty for that of the reader.
    recipe : Recipe
        Draws what faces do.
    subjects, clips : int
        People, and clips (or long videos) of each.
    fps : float
        Frames a second.
    size : (width, height)
        Of the frames in pixels.
    engine : {"head", "portrait"}
    face_share : (low, high)
        Width of the faces, of the smaller side of the frame.
    faces : tuple of NamedFile
        Portraits; empty for the one that scikit-image ships.
    head : NamedFile or None
        The parametric head, for the engine that needs it.
    seed : int
    camera : Camera
        Each person's differs a little in noise.
    duration_s : float
        Of a long video with several events, in seconds; 0 for clips.
    suffix : str
        Format of the frames, or ``.mp4``.
    quality, crf : int or None
        Of JPEG frames (1 to 100) and of H.264 (0 to 51), where they are used.
    truth : {"basic", "flow"}
        ``flow`` keeps the true flow of every frame, not of the apex alone.
    only : tuple of int
        The people that are made, from 0; all without any.
    """

    layout_name: str
    dataset: str
    recipe: Recipe
    subjects: int
    clips: int
    fps: float
    size: tuple[int, int]
    engine: str
    face_share: tuple[float, float]
    faces: tuple[NamedFile, ...]
    head: NamedFile | None
    seed: int
    camera: Camera
    duration_s: float
    suffix: str
    quality: int | None
    crf: int | None
    truth: str
    only: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        one_of("engine", self.engine, ENGINES)
        one_of("truth", self.truth, TRUTHS)
        for name in ("subjects", "clips", "seed"):
            if not isinstance(getattr(self, name), int):
                raise ConfigError(f"{name}: {getattr(self, name)!r} is no whole number")
        within("subjects", self.subjects, 1, 999)
        within("clips", self.clips, 1, 999)
        within("fps", self.fps, 25, 500)
        within("seed", self.seed, 0, 2**32 - 1)
        for side in self.size:
            within("size", side, _SMALLEST[self.engine], 4096)
        if self.duration_s:
            within("duration", self.duration_s, 2, 3600)
            if self.truth == "flow":
                raise ConfigError(
                    "truth: the flow of every frame is for clips; long videos get truth='basic'"
                )
        for name, value, low, suffix in (("quality", self.quality, 1, ".jpg"), ("crf", self.crf, 0, ".mp4")):
            if value is not None:
                within(name, value, low, 100 if low else 51)
                if self.suffix != suffix:
                    raise ConfigError(f"{name}: is for {suffix} files, these are {self.suffix}; leave it out")

    @property
    def layout(self) -> Layout:
        """How the files are named and the table is written."""
        variants = {MANIFEST: self.suffix[1:], "smic-hs": "marked"}
        return get_layout(self.layout_name, variants.get(self.layout_name, ""))

    @property
    def long(self) -> bool:
        """Whether there are long videos with several events, instead of clips."""
        return self.duration_s > 0


def head_of(engine: str, head: str | Path | None) -> NamedFile | None:
    """The file of the parametric head, where the engine needs it.

    Raises
    ------
    DataError
        If there is none.
    """
    if engine != "head":
        if head is not None:
            raise ConfigError(f"head: the {engine} engine has no use for it; leave it out")
        return None
    return NamedFile.of(head_file(head))


def one_of(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise unless a value is one of those that are allowed."""
    if value not in allowed:
        raise ConfigError(
            f"{name}: {value!r} is not known{did_you_mean(str(value), allowed)}: {', '.join(allowed)}"
        )


def within(name: str, value: float, low: float, high: float) -> None:
    """Raise unless a value lies between two others."""
    if not low <= value <= high:
        raise ConfigError(f"{name}: {value} is outside {low:g} to {high:g}")
