"""The name under which a result is kept: a digest of everything that it depends on."""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from merkit import __version__
from merkit.cache.step import Step
from merkit.clips import Clip
from merkit.errors import ConfigError, DataError
from merkit.faces.load import default_models
from merkit.faces.models import FILES
from merkit.saving import refusal
from merkit.video.sources import FolderFrames, FrameSource

FORM = 1
"""To be raised when files of the cache are written, or clips handed over, in another way."""
LIBRARIES = ("numpy", "scipy", "av", "pillow", "scikit-image")
"""What decodes frames and computes with them, beside OpenCV."""
_BELOW = ("video", "motion", "clips", "descriptors", "faces", "inputs")
"""Packages of merkit from whose functions steps are made."""
_PIECE = 16  # frames that are in memory at a time


def key_of(step: Step, clip: Clip) -> str:
    """Digest of what the result of a step depends on, and of nothing else.

    These are the step with its settings and version, the code and the libraries that compute it, the frames
    that it sees, their numbers, the rate, and onset, apex and offset.  Label, subject, dataset, id and path
    are not among them.

    Returns
    -------
    str
        SHA-256 in hexadecimal.

    Raises
    ------
    DataError
        If the frames cannot be read.
    ConfigError
        If a setting is not a plain value.
    """
    start, stop = step.reach(clip)
    seen = {
        "form": FORM,
        "step": [step.name, step.version, step.context, sorted(step.gives)],
        "settings": [type(step.settings).__qualname__, asdict(step.settings)],
        "code": _code_with(inspect.getfile(step.compute)),
        "made with": _libraries(),
        "faces": _face_models() if step.faces else None,
        "marks": [clip.fps, clip.onset, clip.apex, clip.offset],
        "numbers": clip.source.numbers[start:stop],
        "frames": content(clip.source, start, stop),
    }
    try:
        text = json.dumps(seen, sort_keys=True, default=_plain)
    except TypeError as error:
        raise ConfigError(f"step {step.name}: {error}; give plain values as settings") from error
    return hashlib.sha256(text.encode()).hexdigest()


def check_unchanged(step: Step, clip: Clip, key: str) -> None:
    """Refuse a result whose frames are not those any more for which the key was made.

    Raises
    ------
    DataError
        If so.
    """
    if key_of(step, clip) != key:
        raise DataError(
            f"clip {clip.id!r}: its frames changed while it was measured; are they being copied? Type the "
            "command again when they are"
        )


def content(source: FrameSource, start: int, stop: int) -> str:
    """Digest of the frames at positions `start` to `stop` (not included) of a source.

    Of images in a folder the bytes of the files are taken, which takes a hundredth of the time of decoding
    them.  Of anything else the pixels are.

    Raises
    ------
    DataError
        If a frame cannot be read.
    """
    sha = hashlib.sha256()
    if isinstance(source, FolderFrames):
        # The first image decides whether all are read in colour.
        for file in (source.files[0], *source.files[start:stop]):
            try:
                sha.update(hashlib.sha256(file.read_bytes()).digest())
            except OSError as error:
                raise DataError(f"{file}: cannot be read ({refusal(error)}); check the copy") from error
        return sha.hexdigest()
    for place in range(start, stop, _PIECE):
        pixels = source.read(place, min(place + _PIECE, stop))
        sha.update(f"{pixels.shape[1:]}".encode() + np.ascontiguousarray(pixels).tobytes())
    return sha.hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be part of a key")


@cache
def _code_with(file: str) -> str:
    """Digest of the source of merkit below the methods, and of a file: a version that nobody can forget.

    Where the file is part of a package, the files beside it count as well.
    """
    top, own = Path(__file__).resolve().parents[1], Path(file)
    beside = sorted(own.parent.glob("*.py")) if (own.parent / "__init__.py").is_file() else [own]
    sha = hashlib.sha256()
    for path in (*(p for package in _BELOW for p in sorted((top / package).rglob("*.py"))), *beside):
        try:
            sha.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError:
            # Typed at a prompt, or run from a zip: its version stands for it.
            sha.update(path.name.encode())
    return sha.hexdigest()


@cache
def _libraries() -> list[str]:
    def found(name: str) -> str:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return name

    # OpenCV comes under several names, and built in several ways.
    built = hashlib.sha256(cv2.getBuildInformation().encode()).hexdigest()
    # Processors of one family round alike in these libraries, others may not.
    return ["merkit " + __version__, platform.machine(), f"opencv {built}", *map(found, LIBRARIES)]


@cache
def _face_models() -> list[str]:
    """What looks for faces in this process: the networks by their digests, or the cascades."""
    name = default_models().name
    return [name] if name == "haar" else [name, *(file.sha256 for file in FILES)]
