"""Files appear whole or not at all, and a refusal of the system is said in one line."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from merkit.errors import DataError

__all__ = [
    "disk_is_full",
    "is_draft",
    "made_folder",
    "plain_refusals",
    "refusal",
    "remove_drafts",
    "try_writing",
    "whole_file",
    "whole_folder",
    "write_whole",
]


_DRAFT = ".part"
"""In the name of a file that is not whole yet."""
_DRAFT_NAME = re.compile(rf"\..+-[0-9a-f]{{8}}{re.escape(_DRAFT)}(\.[^.]*)?")


def refusal(error: OSError) -> str:
    """Why the operating system refused, in its own words, lower case.

    Examples
    --------
    >>> refusal(PermissionError(13, "Permission denied"))
    'permission denied'
    """
    return (error.strerror or str(error) or type(error).__name__).lower()


def disk_is_full(error: Exception) -> bool:
    """Whether an error, of the system or of FFmpeg, means that there is no space left."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)


def try_writing(folder: Path) -> None:
    """Make a file in a folder and remove it, because permissions alone do not tell on every system.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    (probe := folder / f".merkit-{uuid.uuid4().hex[:8]}").touch()
    probe.unlink()


@contextlib.contextmanager
def plain_refusals(path: Path) -> Iterator[None]:
    """Turn a refusal to write inside into one line that names the file and says what to do.

    Raises
    ------
    DataError
        Instead of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        if disk_is_full(error):
            raise DataError(f"{path}: cannot be written, the disk is full; free some space") from error
        if isinstance(error, (FileExistsError, NotADirectoryError, IsADirectoryError)):
            raise DataError(
                f"{path}: cannot be written, a file and a folder are in each other's place; "
                "choose another output folder"
            ) from error
        if isinstance(error, FileNotFoundError) and not path.parent.is_dir():
            raise DataError(
                f"{path}: cannot be written, there is no folder {path.parent}; make it"
            ) from error
        raise DataError(
            f"{path}: cannot be written ({refusal(error)}); choose an output folder you may write to"
        ) from error


def made_folder(path: str | Path) -> Path:
    """The folder, which is made if it does not exist.

    Raises
    ------
    DataError
        If it cannot be made.
    """
    target = Path(path)
    with plain_refusals(target):
        target.mkdir(parents=True, exist_ok=True)
    return target


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a place beside `path` to write to; at the end it becomes `path`, on an error it vanishes.

    It is on the disk before it gets its name, so that a named file is whole even when the machine stops.

    Parameters
    ----------
    path : str or Path
        The file; its folder must exist. A file of that name is replaced at the end, or stays as it was.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    target = Path(path)
    # Beside the target, so that the last step is a rename within one file system; the suffix stays,
    # because some writers choose the format by it.
    part = target.with_name(f".{target.stem}-{uuid.uuid4().hex[:8]}{_DRAFT}{target.suffix}")
    with plain_refusals(target):
        try:
            yield part
            with part.open("r+b") as file:
                os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write a UTF-8 text or bytes to a file, whole or not at all; its folder must exist.

    Raises
    ------
    DataError
        If it cannot be written; a file of that name stays as it was.
    """
    with whole_file(path) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return Path(path)


@contextlib.contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a new folder beside `path` to fill; at the end it becomes `path`, on an error it vanishes.

    Parameters
    ----------
    path : str or Path
        The folder.  One of that name is replaced with all that is in it at the end, or stays as it was.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    target = Path(path).resolve()
    part = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}{_DRAFT}")
    with plain_refusals(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        try:
            yield part
            for file in part.rglob("*"):
                if file.is_file():
                    with file.open("r+b") as written:
                        os.fsync(written.fileno())
            _take_place(part, target)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def _take_place(new: Path, place: Path) -> None:
    """Rename a folder to that of another, which is removed when the new one is there."""
    if not place.exists():
        os.rename(new, place)
        return
    # Not named like a draft: if the machine stops between the two, it is all there is.
    old = new.with_name(new.name.removesuffix(_DRAFT) + ".old")
    os.rename(place, old)
    try:
        os.rename(new, place)
    except BaseException:
        os.rename(old, place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def is_draft(name: str) -> bool:
    """Whether a name is that of a file or folder that is not whole yet."""
    return _DRAFT_NAME.fullmatch(name) is not None


def remove_drafts(folder: Path) -> None:
    """Remove what killed writers left in a folder; nobody else may be writing there."""
    for place in folder.iterdir():
        if is_draft(place.name):
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
