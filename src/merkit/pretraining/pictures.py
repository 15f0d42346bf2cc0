"""Pictures of expressions for pre-training: one folder a class, drawn, read and cut to one size."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError, did_you_mean
from merkit.faces.crop import warp
from merkit.faces.geometry import CropGeometry
from merkit.inputs.aligned import RECIPE
from merkit.inputs.placement import place_face
from merkit.video.images import IMAGE_SUFFIXES, gray_of, read_image, rgb_of

CLASSES = ("positive", "negative", "surprise", "others")
"""In the order of the paper's figures."""
SKIP = "skip"
"""In place of a class: folders of this name are left out."""
_NAMES = {
    "positive": ("positive", "happy", "happiness", "joy"),
    "negative": (
        *(
            "negative",
            "sad",
            "sadness",
            "fear",
            "fearful",
            "afraid",
            "disgust",
            "disgusted",
            "anger",
            "angry",
        ),
        *("contempt", "contemptuous"),
    ),
    "surprise": ("surprise", "surprised"),
    "others": ("others", "other", "neutral"),
}
USUAL: Mapping[str, str] = MappingProxyType(
    {name: meant for meant, names in _NAMES.items() for name in names}
)
"""What the usual names of folders mean, in lower case."""
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Pictures:
    """Faces with their classes.

    Attributes
    ----------
    faces : uint8 array, shape (N, S, S) or (N, S, S, 3)
        Grey, or RGB.
    labels : int array, shape (N,)
        Places in `classes`; within a class in the order in which pictures were drawn.
    classes : tuple of str
        Those of :data:`CLASSES` that there are, in that order.
    found : mapping of str to int
        How many files each class has.
    folders : mapping of str to str
        Names of folders, in lower case, with their class.
    unreadable, faceless : tuple of str
        Files that were drawn and could not be used, relative to the folder of the pictures.
    """

    faces: NDArray[np.uint8]
    labels: NDArray[np.intp]
    classes: tuple[str, ...]
    found: Mapping[str, int]
    folders: Mapping[str, str]
    unreadable: tuple[str, ...] = ()
    faceless: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of what a network gets to see."""
        sha = hashlib.sha256(repr((self.classes, self.faces.shape)).encode())
        sha.update(self.labels.astype(np.int64).tobytes() + self.faces.tobytes())
        return sha.hexdigest()


def meanings(words: Mapping[str, str]) -> dict[str, str]:
    """The usual meanings of folder names with some set otherwise.

    Raises
    ------
    ConfigError
        For a class that there is not.

    Examples
    --------
    >>> meanings({"6": "others", "Neutral": "skip"})["neutral"]
    'skip'
    """
    allowed = (*CLASSES, SKIP)
    for name, meant in words.items():
        if meant not in allowed:
            raise ConfigError(
                f"folder {name!r} as {meant!r}{did_you_mean(meant, allowed)}: give {', '.join(allowed)}"
            )
    return {**USUAL, **{name.casefold(): meant for name, meant in words.items()}}


def find_pictures(
    root: Path, names: Mapping[str, str] = MappingProxyType({})
) -> dict[str, dict[str, list[Path]]]:
    """Files of each class by the name of their folder, at any depth, in a fixed order.

    A picture belongs to the nearest folder above it that has a meaning, so ``train/happy/01/a.jpg`` is of
    ``happy``.

    Parameters
    ----------
    root : Path
    names : mapping of str to str
        Meanings of the names of folders beside the usual ones, see :func:`meanings`.

    Returns
    -------
    dict
        Class to name of folder to files.

    Raises
    ------
    DataError
        If there are no pictures, folders whose names mean nothing, or none of a name that is given a meaning.
    """
    known = meanings(names)
    if not root.is_dir():
        raise DataError(f"{root}: is no folder; give the one with a folder of pictures for each expression")
    found: dict[str, dict[str, list[Path]]] = {}
    unknown: set[str] = set()
    seen: set[str] = set()
    loose = False
    for place, folders, inside in os.walk(root):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        files = sorted(n for n in inside if n[0] != "." and Path(n).suffix.lower() in IMAGE_SUFFIXES)
        if not files:
            continue
        parts = [part.casefold() for part in reversed(Path(place).relative_to(root).parts)]
        seen.update(parts)
        name = next((part for part in parts if part in known), None)
        if name is None:
            unknown.update(parts[:1])
            loose = loose or not parts
        elif known[name] != SKIP:
            found.setdefault(known[name], {}).setdefault(name, []).extend(
                Path(place) / file for file in files
            )
    if loose:
        raise DataError(
            f"{root}: pictures lie in it and not in a folder for each expression; put them into such "
            "folders, or move them away"
        )
    if unknown:
        raise DataError(_no_meaning(root, sorted(unknown)))
    absent = [name for name in names if name.casefold() not in seen]
    if absent and seen:
        raise DataError(
            f"{root}: no pictures in a folder {absent[0]!r}{did_you_mean(absent[0], sorted(seen))}; correct "
            "its name, or leave it out of the meanings"
        )
    if not found:
        raise DataError(f"{root}: holds no pictures; give a folder with one folder for each expression")
    return found


def read_pictures(
    root: Path,
    *,
    size: int,
    per_class: int,
    colour: str = "grey",
    face: str = "whole",
    names: Mapping[str, str] = MappingProxyType({}),
    seed: int = 0,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Pictures:
    """Draw pictures of each class and read them; one that cannot be used is replaced by another.

    Parameters
    ----------
    root : Path
        One folder a class, also further down.
    size : int
        Height and width of a face in pixels.
    per_class : int
        Pictures of a class at most.
    colour : {"grey", "rgb"}
    face : {"whole", "detect"}
        Whether pictures are faces already or have them to be found, see
        :func:`~merkit.inputs.placement.place_face`.
    names : mapping of str to str
        What folders mean, beside :data:`USUAL`.
    seed : int
    on_progress : callable, optional
        ``on_progress(pictures done, pictures, "reading")``.

    Raises
    ------
    DataError
        If fewer than two classes have two pictures that can be used.
    """
    found = find_pictures(root, names)
    classes = tuple(name for name in CLASSES if name in found)
    files = [sorted(path for part in found[name].values() for path in part) for name in classes]
    total = sum(min(per_class, len(own)) for own in files)
    reader = _Reader(root, colour, face, CropGeometry(size, aspect=1.0, eyes_at=RECIPE.eyes_at))
    faces: list[NDArray[np.uint8]] = []
    counts: list[int] = []
    for name, own in zip(classes, files, strict=True):
        # Of each class by itself: which are drawn does not depend on the others.
        order = np.random.default_rng([seed, CLASSES.index(name)]).permutation(len(own))
        before = len(faces)
        for each in islice(reader.faces(own[place] for place in order), per_class):
            faces.append(each)
            if on_progress is not None:
                on_progress(len(faces), total, "reading")
        counts.append(len(faces) - before)
    if sum(count >= 2 for count in counts) < max(len(classes), 2):
        told = ", ".join(f"{name} {count}" for name, count in zip(classes, counts, strict=True))
        raise DataError(
            f"{root}: needs two classes or more with two pictures each that can be used, has {told}"
            f"{_named(reader.unreadable, reader.faceless)}; add pictures, or set folders to {SKIP}"
        )
    return Pictures(
        np.stack(faces),
        np.repeat(np.arange(len(classes)), counts),
        classes,
        {name: len(own) for name, own in zip(classes, files, strict=True)},
        {folder: name for name in classes for folder in sorted(found[name])},
        tuple(reader.unreadable),
        tuple(reader.faceless),
    )


class _Reader:
    """Cuts faces out of files, and remembers which it could not use."""

    def __init__(self, root: Path, colour: str, face: str, geometry: CropGeometry) -> None:
        self.root, self.face, self.geometry = root, face, geometry
        self.painted = {"grey": gray_of, "rgb": rgb_of}[colour]
        self.unreadable: list[str] = []
        self.faceless: list[str] = []

    def faces(self, paths: Iterable[Path]) -> Iterator[NDArray[np.uint8]]:
        """One face (S, S) or (S, S, 3) for every file that has one."""
        for path in paths:
            name = path.relative_to(self.root).as_posix()
            try:
                picture = self.painted(read_image(path))
            except DataError:
                self.unreadable.append(name)
                continue
            try:
                where = place_face(picture, face=self.face, who=name)
            except DataError:
                self.faceless.append(name)
                continue
            yield warp(picture, where.matrix(self.geometry), self.geometry)


def left_out(pictures: Pictures) -> str:
    """Which files could not be used, in one line; empty if all could."""
    return _named(pictures.unreadable, pictures.faceless).removeprefix("; ")


def _named(unreadable: Sequence[str], faceless: Sequence[str]) -> str:
    text = ""
    for which, why in ((unreadable, "not readable"), (faceless, "without a face")):
        if which:
            more = f" and {len(which) - _SHOWN} more" if len(which) > _SHOWN else ""
            text += f"; {len(which)} {why}: {', '.join(sorted(which)[:_SHOWN])}{more}"
    return text


def _no_meaning(root: Path, unknown: list[str]) -> str:
    more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
    which = f"{', '.join(unknown[:_SHOWN])}{more}"
    why = (
        " (numbers mean other expressions in every set)" if any(name.isdecimal() for name in unknown) else ""
    )
    return (
        f"{root}: no known expression in the name of its folders {which}{why}; say which, "
        f"such as --map {unknown[0]}=negative, or --map {unknown[0]}={SKIP} to leave it out"
    )
