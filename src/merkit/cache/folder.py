"""The folder of the clip cache: where it is, what is in it, and that it stays as small as it should.

Files lie at ``<step>/<two digits>/<key>.npy``.  Only files of that form are ever looked at or removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from merkit.errors import ConfigError, DataError
from merkit.faces.models import cache_dir
from merkit.saving import disk_is_full, is_draft, refusal, try_writing, write_whole

FOLDER, SIZE = "MERKIT_CLIP_CACHE", "MERKIT_CLIP_CACHE_SIZE"
"""Variables of the environment that name another folder and another limit."""
LIMIT = 20 * 10**9
"""Bytes that the files may take together."""
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) *([KMGT]?B?)", re.IGNORECASE)
_STEP = re.compile(r"[a-z0-9-]+")
_SHELF = re.compile(r"[0-9a-f]{2}")
_FILE = re.compile(r"[0-9a-f]{64}\.npy")
_RECENT_S = 3600.0
"""What was used within this time may be needed by a run that goes on, and an unfinished file be written."""
_DRIFT = 0.01
"""Share of the limit that a process writes before it looks again what others have written."""
_ROOM = 0.05
"""Share of the limit that is made free at a time, so that not every file has to look for room."""


@dataclass(frozen=True)
class Entry:
    """A file in the cache.

    Attributes
    ----------
    path : Path
    step : str
    size : int
        Bytes.
    used : float
        When it was written or found last, in seconds since 1970.
    """

    path: Path
    step: str
    size: int
    used: float


class CacheFolder:
    """Files by step and key, of a limited size together; several processes may use it at once.

    Parameters
    ----------
    folder : path, optional
        ``MERKIT_CLIP_CACHE`` by default, or ``clips`` in merkit's folder in the user's cache.
    limit : int, optional
        Bytes; ``MERKIT_CLIP_CACHE_SIZE`` by default (such as ``50GB``), or 20 GB.
    since : float, optional
        What was used from this time on is not removed to make room; now by default, so that a run does not
        remove what it has made itself.

    Raises
    ------
    ConfigError
        If the limit is no size.
    """

    def __init__(
        self, folder: str | Path | None = None, limit: int | None = None, since: float | None = None
    ) -> None:
        named = folder or os.environ.get(FOLDER)
        self.path = Path(named).expanduser() if named else cache_dir() / "clips"
        given = os.environ.get(SIZE)
        self.limit = limit if limit is not None else size_of(given) if given else LIMIT
        self.since = time.time() if since is None else since
        self._total: int | None = None
        self._unseen = 0

    def place(self, step: str, key: str) -> Path:
        """Where the file of a key lies, or would lie."""
        return self.path / step / key[:2] / f"{key}.npy"

    def read(self, step: str, key: str) -> bytes | None:
        """The bytes of a file, which counts as used now; ``None`` if there is none that can be read."""
        try:
            return read_used(self.place(step, key))
        except OSError:
            return None

    def write(self, step: str, key: str, content: bytes) -> Path:
        """Write a file, whole or not at all; what was used longest ago makes room for it.

        Raises
        ------
        DataError
            If it cannot be written, or there is no room.
        """
        self._make_room(len(content))
        place = self.place(step, key)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, content)
        except OSError as error:
            raise self._unwritable(error) from error
        except DataError as error:
            cause = error.__cause__
            raise self._unwritable(cause) if isinstance(cause, OSError) else error from error
        self._total = (self._total or 0) + len(content)
        self._unseen += len(content)
        return place

    def check_writable(self) -> None:
        """Try whether files can be made.

        Raises
        ------
        DataError
            If not; it says what to do.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            try_writing(self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    def entries(self) -> list[Entry]:
        """All files, those used longest ago first."""
        found = [
            Entry(Path(file.path), step.name, stat.st_size, stat.st_mtime)
            for step, file in self._files()
            if _FILE.fullmatch(file.name) and (stat := _stat(file)) is not None
        ]
        return sorted(found, key=lambda entry: (entry.used, entry.path))

    def remove(self, entry: Entry) -> bool:
        """Remove a file; whether it is gone.  Somebody who is reading it keeps what he reads."""
        try:
            entry.path.unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def clear(self, step: str | None = None, older_s: float = 0.0) -> tuple[list[Entry], list[Entry]]:
        """Remove what was not used for a time.

        Parameters
        ----------
        step : str, optional
            Of this step only.
        older_s : float
            Seconds.

        Returns
        -------
        gone, left : list of Entry
            Those that were removed, and those that could not be.
        """
        until = time.time() - older_s
        chosen = [e for e in self.entries() if step in (None, e.step) and (not older_s or e.used < until)]
        outcome = [(self.remove(entry), entry) for entry in chosen]
        if not older_s:
            self._remove_drafts(0.0)
        for folder in sorted({entry.path.parent for _, entry in outcome}):
            # Not where there is still something.
            with contextlib.suppress(OSError):
                folder.rmdir()
                folder.parent.rmdir()
        self._total = None
        return [e for gone, e in outcome if gone], [e for gone, e in outcome if not gone]

    def trim(self) -> None:
        """Bring the files to the limit together, as far as they are not in use."""
        self._look()
        self._remove_oldest(self.limit)

    def _unwritable(self, error: OSError) -> DataError:
        if disk_is_full(error):
            return DataError(
                f"{self.path}: the clip cache cannot be written, the disk is full; free some space"
            )
        return DataError(
            f"{self.path}: the clip cache cannot be written ({refusal(error)}); name a folder that you may "
            f"write to in {FOLDER}"
        )

    def _make_room(self, size: int) -> None:
        if self._total is None or self._unseen > _DRIFT * self.limit or self._total + size > self.limit:
            self._look()
        if (self._total or 0) + size <= self.limit:
            return
        self._remove_oldest(max(0, int((1 - _ROOM) * self.limit) - size))
        if (self._total or 0) + size > self.limit:
            raise DataError(
                f"{self.path}: the clip cache is full, {in_words(self.limit)} were used within the last hour "
                f"or by this run; set {SIZE} to more, or see 'merkit cache'"
            )

    def _look(self) -> None:
        self._remove_drafts(_RECENT_S)
        self._total = sum(entry.size for entry in self.entries())
        self._unseen = 0

    def _remove_oldest(self, until: int) -> None:
        total = self._total or 0
        young = min(self.since, time.time() - _RECENT_S)
        for entry in self.entries():
            if total <= until or entry.used >= young:
                break
            if self.remove(entry):
                total -= entry.size
        self._total = total

    def _remove_drafts(self, older_s: float) -> None:
        """Remove what killed writers have left."""
        for _, file in self._files():
            stat = _stat(file) if is_draft(file.name) else None
            if stat is not None and stat.st_mtime <= time.time() - older_s:
                with contextlib.suppress(OSError):
                    os.unlink(file.path)

    def _files(self) -> Iterator[tuple[os.DirEntry[str], os.DirEntry[str]]]:
        for step in _within(self.path):
            if _STEP.fullmatch(step.name):
                for shelf in _within(step.path):
                    if _SHELF.fullmatch(shelf.name):
                        yield from ((step, file) for file in _within(shelf.path))


def size_of(text: str) -> int:
    """Bytes, from a size as it is typed.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> size_of("20GB"), size_of("1.5 mb"), size_of("0")
    (20000000000, 1500000, 0)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{SIZE}={text!r}: expected a size, such as 20GB or 500MB")
    unit = found[2].upper()
    return int(float(found[1]) * _UNITS[unit if unit in _UNITS else f"{unit}B"])


def in_words(size: float) -> str:
    """A size for a reader.

    Examples
    --------
    >>> in_words(20_000_000_000), in_words(6_500), in_words(12)
    ('20.0 GB', '6.5 kB', '12 bytes')
    """
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size:.0f} bytes"


def read_used(path: Path) -> bytes:
    """The bytes of a file, which counts as used now, so that others make room first.

    Raises
    ------
    OSError
        If it is not there or cannot be read.
    """
    content = path.read_bytes()
    # The owner of a shared cache may be somebody else.
    with contextlib.suppress(OSError):
        os.utime(path)
    return content


def _within(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def _stat(file: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None
