"""Folders: a folder a class, with a folder of images or a video for each clip in it.

``<class>/<clip>/*.png``, ``<class>/<clip>.mp4`` or, with a folder a person between them,
``<class>/<person>/<clip>/*.png``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.errors import ConfigError, DataError
from merkit.video.images import IMAGE_SUFFIXES, natural_key
from merkit.video.sources import VideoFrames

_VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".wmv", ".mpg", ".mpeg"})
_SUBJECT = r"^(.+?)[_-]"


@register("folders", summary="your own clips, a folder a class; needs --fps")
def read_folders(root: Path, *, repair: bool, fps: float | None = None, subject: str = _SUBJECT) -> ClipTable:
    """Read clips whose class is the name of the folder they lie in.

    Parameters
    ----------
    root : Path
        The folder of the class folders.
    repair : bool
        There is nothing to repair.
    fps : float
        Frames a second; needed, since images do not say it.  Videos alone do without.
    subject : str
        Regular expression searched in the name of a clip; its first group is the person.  Where it finds
        nothing, the whole name is: every clip then counts as another person, and ``faults`` says so.  Not
        used where people have folders of their own.

    Raises
    ------
    ConfigError
        If `fps` is missing for images or not above 0, or `subject` is no expression with a group.
    DataError
        If there are no class folders with clips.
    """
    if fps is not None and fps <= 0:
        raise ConfigError(f"fps={fps}: expected a number above 0")
    try:
        pattern = re.compile(subject)
    except re.error as error:
        raise ConfigError(f"subject={subject!r}: no regular expression ({error})") from error
    if pattern.groups < 1:
        raise ConfigError(f"subject={subject!r}: has no group; put the person's part in brackets")
    rows: list[Row] = []
    for label, person, clip in _clips(root):
        is_folder = clip.is_dir()
        if is_folder and fps is None:
            raise ConfigError(f"{root}: images do not say their rate; give it with fps= (--fps)")
        name = clip.name if is_folder else clip.stem
        found = None if person else pattern.search(name)
        alone = not person and found is None
        rows.append(
            Row(
                id=(clip if is_folder else clip.with_suffix("")).relative_to(root).as_posix(),
                subject=person or (found[1] if found is not None else name),
                row=len(rows),
                filename=clip.name,
                emotion=label,
                fps=fps,
                folder=clip if is_folder else None,
                expected=clip,
                source=None if is_folder else VideoFrames(clip),
                faults=["no person in the name, so that nobody knows whose clip it is"] if alone else [],
            )
        )
    if not rows:
        raise DataError(f"{root}: no clips; expected <class>/<clip>/ with images or <class>/<clip>.mp4")
    return clip_table("folders", rows, version="folders", repair=repair)


def _clips(root: Path) -> Iterator[tuple[str, str, Path]]:
    """Class, person (or empty) and folder or file of each clip, in natural order."""
    if not root.is_dir():
        raise DataError(f"{root}: not a folder; give the one that holds a folder a class")
    for label in _children(root):
        if not label.is_dir():
            continue
        for child in _children(label):
            if _is_clip(child):
                yield label.name, "", child
            elif child.is_dir():
                for clip in filter(_is_clip, _children(child)):
                    yield label.name, child.name, clip


def _children(folder: Path) -> list[Path]:
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return sorted(visible, key=lambda path: natural_key(path.name))


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return any(child.suffix.casefold() in IMAGE_SUFFIXES for child in path.iterdir())
    return path.suffix.casefold() in _VIDEOS
