"""Test clips as a recognizer may see them: looking for the label is an error, not a score."""

from __future__ import annotations

import hashlib
import pickle
import sys
import zlib
from dataclasses import fields
from typing import Any, NoReturn

from merkit.clips import Clip
from merkit.errors import LeakageError
from merkit.video.sources import BlindFrames, FrameSource

SEALED = frozenset({"emotion", "aus", "objective_class", "repairs", "paths"})
"""What of a test clip belongs to the runner alone."""

_KEEPER = BlindFrames.__module__
_WHERE = frozenset({"path", "paths", "files", "source", "array"})


class SealedFrames(BlindFrames):
    """Frames that refuse to say where they come from."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Refused: file names of several databases contain the class."""
        _refuse("the paths")

    def __getattribute__(self, name: str) -> Any:
        # The name under which the class above keeps the source.
        if name.endswith("__source") and sys._getframe(1).f_globals.get("__name__") != _KEEPER:
            _refuse("source.source")
        return super().__getattribute__(name)

    def __getattr__(self, name: str) -> Any:
        if name in _WHERE:
            _refuse(f"source.{name}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        _, packed = super().__reduce__()
        return _unpack, packed


class SealedClip(Clip):
    """A blinded clip that raises :class:`LeakageError` when its label, units, class or path is asked for.

    Examples
    --------
    >>> import numpy as np
    >>> clip = seal(Clip.from_array(np.zeros((2, 8, 8), np.uint8), emotion="fear", subject="s1"))
    >>> clip.frames.shape, clip.subject
    ((2, 8, 8), 's1')
    >>> clip.emotion
    Traceback (most recent call last):
    merkit.errors.LeakageError: a recognizer asked a test clip for its emotion; only the runner may know it
    """

    def __getattribute__(self, name: str) -> Any:
        # dataclasses.replace copies every field; the copy is sealed as well and holds nothing either.
        if name in SEALED and sys._getframe(1).f_globals.get("__name__") != "dataclasses":
            _refuse(f"its {name}")
        return super().__getattribute__(name)

    def __repr__(self) -> str:
        shown = {f.name: getattr(self, f.name) for f in fields(self) if f.repr and f.name not in SEALED}
        return f"SealedClip({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def seal(clip: Clip, secret: str = "") -> SealedClip:
    """Return the clip without what the runner alone may know, under an opaque id.

    Parameters
    ----------
    clip : Clip
    secret : str
        Goes into the id, so that nobody who knows the names of the clips can work out which it is.
    """
    blind = clip.blind()
    values = {field.name: getattr(blind, field.name) for field in fields(Clip)}
    values["id"] = hashlib.sha256(f"{secret}\0{blind.id}".encode()).hexdigest()[:16]
    # The source of the clip itself: sealing a blinded one would only wrap it twice.
    source: FrameSource = clip.source
    return SealedClip(**{**values, "source": SealedFrames(source)})


def _refuse(what: str) -> NoReturn:
    raise LeakageError(f"a recognizer asked a test clip for {what}; only the runner may know it")


def _unpack(packed: bytes) -> SealedFrames:
    return SealedFrames(pickle.loads(zlib.decompress(packed)))
