"""Watching what a recognizer does while it is trained and tested: files, memory, callers.

Python tells an audit hook (PEP 578) of every file that it opens and of every look into its memory.  A hook
cannot be taken away again; this one is installed with the first run and idle between runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from merkit.errors import LeakageError
from merkit.evaluation.guard import check_artifacts
from merkit.evaluation.reach import is_library

CARD = "card.json"
"""What a saved recognizer says of itself."""

_MEMORY = frozenset({"gc.get_objects", "gc.get_referrers", "gc.get_referents"})
# What may open files of the data for a recognizer that asks a clip for its frames.
_READERS = ("merkit.video.", "merkit.inputs.")
# What opens files of the clip cache, and which, for one that asks a clip for its features.  The cache is a
# closed folder, so a fold can leave nothing there.
_KEEPER = ("merkit.cache.record",)
_KEPT = re.compile(r"[0-9a-f]{64}\.npy")
_NEVER_DATA = ("/proc/", "/sys/", "/dev/")
_CODE = (".py", ".pyc", ".pyi", ".so")
# Where compilers and libraries keep what they made, in this run or before.
_CACHES = ("__pycache__", ".cache", ".triton", "torchinductor_", "numba_cache")


class Watch:
    """What one fold may open.

    Parameters
    ----------
    method : str
        For messages.
    closed : sequence of path
        Folders whose files only the readers of merkit may open: those of the data and of the run.
    tested : frozenset of str
        The persons who are tested: a saved model whose card says that it was trained on one is refused.
    since : float
        When the run began, in seconds since 1970: a file that is newer and not of this fold was written
        by another one.  0 to look at no file in this way.
    """

    def __init__(
        self, method: str, closed: Sequence[str | Path], tested: frozenset[str], since: float
    ) -> None:
        self.method, self.tested, self.since = method, tested, since
        self.closed = tuple(os.path.join(os.path.realpath(folder), "") for folder in closed)
        self.written: set[str] = set()
        self.found: list[str] = []
        self.busy = False

    def look(self, event: str, args: tuple[Any, ...]) -> None:
        """Judge an event; raise where it gives away what a fold must not know."""
        if event in _MEMORY:
            self._refuse(f"searches the memory of the process ({event})")
        elif event == "sys._getframe":
            asker = _asker()
            if asker.f_globals.get("__name__") == "inspect" and asker.f_back is not None:
                asker = asker.f_back
            if not is_library(asker.f_code.co_filename):
                self._refuse("looks into the functions that call it (sys._getframe)")
        elif event == "open":
            self._open(*args)
        elif event in ("os.rename", "os.link"):
            self._check_writes(_path(args[1]))
            if _path(args[0]) in self.written:
                self.written.add(_path(args[1]))

    def _open(self, given: Any, mode: str | None, flags: int) -> None:
        path = _path(given)
        writes = flags & (os.O_WRONLY | os.O_RDWR)
        # By either name: the file may lie elsewhere, under another.
        named = isinstance(given, str | os.PathLike) and os.path.basename(os.fspath(given)) == CARD
        if (named or os.path.basename(path) == CARD) and not writes and path not in self.written:
            self._look_at_card(path)
        if not path or path.startswith(_NEVER_DATA) or path.endswith(_CODE) or is_library(path):
            return
        if not writes or (mode or "").startswith("r"):
            self._read(path)
        if writes:
            self._check_writes(path)
            self.written.add(path)

    def _check_writes(self, path: str) -> None:
        if path.startswith(self.closed):
            self._refuse(f"writes {path}, among the data or what the run keeps; write elsewhere")

    def _read(self, path: str) -> None:
        if path in self.written or _through_a_reader():
            return
        if path.startswith(self.closed):
            if _KEPT.fullmatch(os.path.basename(path)) and _through_a_reader(_KEEPER):
                return
            self._refuse(f"opens {path} by itself; frames and features come with the clips")
        try:
            # The time of the last change, also of the name: copying and renaming give no other one.
            changed = os.stat(path).st_ctime
        except OSError:
            return
        if self.since and changed > self.since and not any(part in path for part in _CACHES):
            self._refuse(
                f"reads {path}, which was written after the run began and not in this fold; what folds share "
                "goes through artifacts, with trained_subjects"
            )

    def _look_at_card(self, path: str) -> None:
        try:
            card = json.loads(Path(path).read_text("utf-8"))
        except (OSError, ValueError):
            return  # whoever opens it will say so
        if isinstance(card, Mapping) and {"method", "about"} & set(card):
            try:
                check_artifacts({path: card.get("about")}, self.tested)
            except LeakageError as error:
                self._refuse(f"loads a saved model: {error}".replace("artifact ", ""))

    def _refuse(self, what: str) -> NoReturn:
        self.found.append(f"{self.method} {what}")
        raise LeakageError(self.found[-1])


_current: Watch | None = None
_installed = False


@contextlib.contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Watch what is done inside.

    Raises
    ------
    LeakageError
        At the act itself, and again at the end if it was caught.
    """
    global _current, _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    before, _current = _current, watch
    try:
        yield
    finally:
        _current = before
    if watch.found:
        raise LeakageError(watch.found[0])


def _hook(event: str, args: tuple[Any, ...]) -> None:
    watch = _current
    if watch is None or watch.busy:
        return
    watch.busy = True
    try:
        watch.look(event, args)
    finally:
        watch.busy = False


def _asker() -> FrameType:
    """The frame of the code whose act is judged."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    assert frame is not None  # nothing is judged but by an act
    return frame


def _through_a_reader(readers: tuple[str, ...] = _READERS) -> bool:
    """Whether merkit itself opens the file, for a clip that is asked for its frames, or Python a module."""
    frame: FrameType | None = _asker()
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith((*readers, "importlib.")) or frame.f_code.co_filename.startswith("<frozen"):
            return True
        if name == "merkit.evaluation.job":
            return False
        frame = frame.f_back
    return False


def _path(given: Any) -> str:
    """The real path of what is opened; empty for a number of an open file."""
    if isinstance(given, int):
        return ""
    try:
        return os.path.realpath(os.fsdecode(given))
    except (TypeError, ValueError):
        return ""
