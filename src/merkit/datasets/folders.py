"""Folders of a release as unpacked: archives nest them once more, or once less, than their owners say.

Only names of folders are read; a folder full of images is never listed to its end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from merkit.video.images import IMAGE_SUFFIXES

# CAS(ME)^3 lies four folders deep, and archives may nest the first of them once more.
_DEPTH = 6
# A folder that begins with so many images holds frames, not folders.
_FRAMES = 8


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


def find_bases(root: Path, is_base: Callable[[list[str]], bool]) -> list[Path]:
    """Find the folders below `root`, nearer ones first, whose folders are subjects or clips.

    Parameters
    ----------
    root : Path
        Where to begin; `root` itself counts.
    is_base : callable
        Takes the case-folded names of the folders in a folder, says whether this is one.  Nothing below
        such a folder is looked at, and nothing deeper than six levels.
    """
    level, found = [root], []
    for _ in range(_DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            folders = subfolders(folder)
            if is_base([child.name.casefold() for child in folders]):
                found.append(folder)
            else:
                below += folders
        level = below
    return found


def find_base(root: Path, is_base: Callable[[list[str]], bool], prefer: str = "") -> Path | None:
    """Find the nearest such folder; one whose path below `root` matches `prefer` goes before others."""
    found = find_bases(root, is_base)
    preferred = [base for base in found if re.search(prefer, str(base.relative_to(root)), re.IGNORECASE)]
    return next(iter(preferred or found), None)


def find_frames_base(root: Path, child: str, *, cropped: bool | None = None) -> Path | None:
    """Find the folder of subjects (or clips) of a release that may hold raw and cropped frames.

    Parameters
    ----------
    root : Path
        Where to begin.
    child : str
        Regular expression that the whole name of a folder in it matches, lower case.
    cropped : bool or None
        Which frames are wanted, told by ``crop`` in the path; ``None`` takes raw ones, or cropped ones
        where there are no others.

    Returns
    -------
    Path or None
        ``None`` where there are no frames of the wanted kind.
    """

    def holds(names: list[str]) -> bool:
        return any(re.fullmatch(child, name) for name in names)

    kinds: dict[bool, Path] = {}
    for base in find_bases(root, holds):
        kinds.setdefault(is_cropped(root, base), base)
    if cropped is None:
        return kinds.get(False) or kinds.get(True)
    return kinds.get(cropped)


def is_cropped(root: Path, base: Path) -> bool:
    """Say whether a folder below `root` holds cropped faces, by the names of folders.

    The name of `root` counts only where those below it say nothing: it may be anything.

    >>> is_cropped(Path("my_crops"), Path("my_crops/RAW")), is_cropped(Path("Cropped"), Path("Cropped"))
    (False, True)
    """
    below = str(base.relative_to(root)).casefold()
    if "crop" in below or "raw" in below:
        return "crop" in below
    return "crop" in root.name.casefold()


class Names:
    """Children of folders by case-folded name, each folder listed once.

    >>> Names().child(Path("nowhere"), "s1") is None
    True
    """

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, Path]] = {}

    def children(self, folder: Path) -> dict[str, Path]:
        """Folders in `folder` by case-folded name."""
        if folder not in self._known:
            self._known[folder] = {child.name.casefold(): child for child in subfolders(folder)}
        return self._known[folder]

    def child(self, folder: Path | None, *names: str) -> Path | None:
        """Return the first of `names` that is a folder in `folder`, without regard to case."""
        if folder is None:
            return None
        children = self.children(folder)
        return next((children[name.casefold()] for name in names if name.casefold() in children), None)


def _listing(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders and files of a folder by name; nothing of a folder of frames."""
    folders: list[Path] = []
    files: list[Path] = []
    images = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(Path(entry.path))
                continue
            files.append(Path(entry.path))
            images += os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES
            if images >= _FRAMES and not folders:
                return [], []
    return sorted(folders), sorted(files)
