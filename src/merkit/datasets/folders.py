"""Folders of a release as unpacked: archives nest them once more, or once less, than their owners say.

Only names of folders are read; a folder full of images is never listed to its end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from merkit.video.images import IMAGE_SUFFIXES

# CAS(ME)^3 lies four folders deep, and archives may nest the first of them once more.
_DEPTH = 6
# A folder that begins with so many images holds frames, not folders.
_FRAMES = 8

IsBase = Callable[[list[str]], bool]
"""Takes the case-folded names of the folders in a folder, says whether they are subjects or clips."""


def files_by_depth(root: Path, depth: int = _DEPTH) -> Iterator[list[Path]]:
    """Files of a folder, then of its folders, then of theirs, each in order of names.

    Folders of frames are left out; nothing deeper is looked at before it is asked for.
    """
    level = [root]
    for _ in range(depth + 1):
        listed = [_listing(folder) for folder in level]
        yield [file for _, files in listed for file in files]
        level = [folder for folders, _ in listed for folder in folders]


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, in order of names; none in a folder of frames or one that does not exist."""
    return _listing(folder)[0] if folder.is_dir() else []


def holds(pattern: str) -> IsBase:
    """Say of a folder whether the whole name of a folder in it matches a regular expression, lower case.

    >>> holds(r"sub\\d+")(["readme", "sub01"]), holds(r"sub\\d+")(["sub01_old"])
    (True, False)
    """
    return lambda names: any(re.fullmatch(pattern, name) for name in names)


def find_bases(root: Path, is_base: IsBase, near: Path | None = None) -> list[Path]:
    """Find the folders whose folders are subjects or clips, nearer ones first.

    Parameters
    ----------
    root : Path
        Where to begin; `root` itself counts.  Nothing below a base is looked at, and nothing deeper than
        six levels.
    is_base : callable
        Says which folders are wanted; see :func:`holds`.
    near : Path, optional
        The annotation table.  If it lies below `root`, the folder that holds it is searched first, then
        the one above, up to `root`, and the search ends where something is found: `root` may hold several
        datasets.
    """
    above = [] if near is None else list(near.parents)
    starts = above[: above.index(root)] if root in above else []
    found: list[Path] = []
    for start in (*starts, root):
        level = [start]
        for _ in range(_DEPTH + 1):
            below: list[Path] = []
            for folder in level:
                folders = subfolders(folder)
                if is_base([child.name.casefold() for child in folders]):
                    found.append(folder)
                else:
                    below += folders
            level = below
        if found:
            break
    return found


def find_base(root: Path, is_base: IsBase, prefer: str = "", near: Path | None = None) -> Path | None:
    """Find the nearest such folder; one whose path below `root` matches `prefer` goes before others."""
    found = find_bases(root, is_base, near)
    preferred = [base for base in found if re.search(prefer, str(base.relative_to(root)), re.IGNORECASE)]
    return next(iter(preferred or found), None)


def find_frames_base(
    root: Path, is_base: IsBase, *, cropped: bool | None = None, near: Path | None = None
) -> Path | None:
    """Find the folder of subjects (or clips) of a release that may hold raw and cropped frames.

    Parameters
    ----------
    root, is_base, near
        As in :func:`find_bases`.
    cropped : bool or None
        Which frames are wanted, told by ``crop`` in the path; ``None`` takes raw ones, or cropped ones
        where there are no others.

    Returns
    -------
    Path or None
        ``None`` where there are no frames of the wanted kind.
    """
    kinds: dict[bool, Path] = {}
    for base in find_bases(root, is_base, near):
        kinds.setdefault(is_cropped(root, base), base)
    if cropped is None:
        return kinds.get(False) or kinds.get(True)
    return kinds.get(cropped)


def is_cropped(root: Path, base: Path) -> bool:
    """Say whether a folder below `root` holds cropped faces, by the names of folders.

    The lowest name that says something counts; that of `root` comes last, since it may be anything.

    >>> is_cropped(Path("my_crops"), Path("my_crops/RAW")), is_cropped(Path("Cropped"), Path("Cropped"))
    (False, True)
    """
    for name in (*reversed(base.relative_to(root).parts), root.name):
        if "crop" in name.casefold() or "raw" in name.casefold():
            return "crop" in name.casefold()
    return False


class Place(NamedTuple):
    """Where frames lie: the folder, if it is there, and where it should be."""

    folder: Path | None
    expected: Path


class FrameFolders:
    """Folders of frames below one base or several, found by names without regard to case.

    Every folder is listed once.

    Parameters
    ----------
    usual : Path
        Where the owners put the base, for what is not there.
    *bases : Path or None
        The bases that there are; the first in which a folder is found counts.
    """

    def __init__(self, usual: Path, *bases: Path | None) -> None:
        self._bases = [base for base in bases if base is not None]
        self._expected = Path(os.path.commonpath(self._bases)) if self._bases else usual
        self._known: dict[Path, dict[str, Path]] = {}

    def find(self, *names: str | tuple[str, ...]) -> Place:
        """Find a folder by its name and those above it, from the base on.

        A name that may be spelt in several ways is a tuple, the usual way first.
        """
        ways = [(name,) if isinstance(name, str) else name for name in names]
        expected = self._expected.joinpath(*(way[0] for way in ways))
        for base in self._bases:
            folder: Path | None = base
            for way in ways:
                folder = None if folder is None else self._child(folder, way)
            if folder is not None:
                return Place(folder, expected)
        return Place(None, expected)

    def children(self, folder: Path | None) -> dict[str, Path]:
        """Folders in `folder` by case-folded name."""
        if folder is None:
            return {}
        if folder not in self._known:
            self._known[folder] = {child.name.casefold(): child for child in subfolders(folder)}
        return self._known[folder]

    def _child(self, folder: Path, way: tuple[str, ...]) -> Path | None:
        children = self.children(folder)
        return next((children[name.casefold()] for name in way if name.casefold() in children), None)


def _listing(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders and files of a folder by name; nothing of a folder of frames."""
    folders: list[str] = []
    files: list[str] = []
    images = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(entry.path)
                continue
            files.append(entry.path)
            images += os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES
            if images >= _FRAMES and not folders:
                return [], []
    # Texts are compared many times faster than paths.
    return [Path(path) for path in sorted(folders)], [Path(path) for path in sorted(files)]
