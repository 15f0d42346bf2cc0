"""What ``merkit doctor`` looks at, one function a subject."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Literal

from merkit.errors import MerkitError
from merkit.saving import refusal, try_writing

LOWEST_FREE_MB = 200
DECODERS = {"h264": "missing", "hevc": "warning", "mpeg4": "warning", "mjpeg": "warning", "vp9": "warning"}
"""What it means for merkit if FFmpeg inside PyAV lacks one."""
ENCODERS = {"libx264": "missing"}


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, what is there, and what to do where it is not enough.

    ``status`` is ``"ok"``, ``"warning"`` (merkit works, less well) or ``"missing"``.
    """

    name: str
    found: str
    status: Literal["ok", "warning", "missing"] = "ok"
    advice: str = ""


def check_installation() -> list[Check]:
    """Look at everything merkit needs; reads files, never the network."""
    return [
        *_python(),
        *_packages(),
        *_codecs(),
        *_face_models(),
        *_cache(),
        *_weights(),
        *_head(),
        *_extras(),
    ]


def _python() -> Iterator[Check]:
    yield Check("Python", f"{platform.python_version()}, {platform.system()} {platform.machine()}")
    yield Check("merkit", metadata.version("merkit"))


def _packages() -> Iterator[Check]:
    for requirement in metadata.requires("merkit") or []:
        if "extra ==" not in requirement:
            yield check_package(requirement)
    wheels = sorted(
        {d.name.lower() for d in metadata.distributions() if d.name.lower().startswith("opencv-")}
    )
    if len(wheels) > 1:
        yield Check(
            "one OpenCV",
            ", ".join(wheels),
            "warning",
            f"they overwrite each other: pip uninstall {' '.join(wheels)}, then install merkit again",
        )


def check_package(requirement: str) -> Check:
    """Compare an installed package with a requirement like ``"numpy>=2.0,<3"``.

    Examples
    --------
    >>> check_package("no-such-package>=1").status
    'missing'
    """
    name, bounds = _parsed(requirement)
    wanted = ",".join(sign + version for sign, version in bounds)
    advice = f"pip install '{name}{wanted}'"
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, "not installed", "missing", advice)
    if all(satisfies(found, sign, version) for sign, version in bounds):
        return Check(name, found)
    return Check(name, f"{found}, needed {wanted}", "missing", advice)


def _parsed(requirement: str) -> tuple[str, list[tuple[str, str]]]:
    match = re.match(r"\s*([\w.-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)", requirement)
    assert match is not None, f"not a requirement: {requirement}"
    bounds = re.findall(r"(>=|<=|==|!=|~=|<|>)\s*([\w.*+!-]+)", match[2])
    # The floor first, whatever order the metadata has them in.
    return match[1], sorted(bounds, key=lambda bound: not bound[0].startswith(">"))


def satisfies(found: str, sign: str, version: str) -> bool:
    """Whether a release satisfies one bound; only the numbers of the release count.

    Examples
    --------
    >>> satisfies("4.14.0.94", ">=", "4.10"), satisfies("5.0", "<", "5"), satisfies("2.0rc1", ">=", "2")
    (True, False, True)
    """
    a, b = _release(found), _release(version)
    length = max(len(a), len(b))
    a, b = a + (0,) * (length - len(a)), b + (0,) * (length - len(b))
    return {">=": a >= b, "<=": a <= b, "<": a < b, ">": a > b, "==": a == b, "!=": a != b, "~=": a >= b}[
        sign
    ]


def _release(version: str) -> tuple[int, ...]:
    match = re.match(r"(?:\d+!)?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in match[1].split(".")) if match else (0,)


def _codecs() -> Iterator[Check]:
    try:
        import av
    except ImportError as error:
        yield Check(
            "video codecs", f"PyAV does not load: {error}", "missing", "pip install --force-reinstall av"
        )
        return
    for mode, wanted in (("r", DECODERS), ("w", ENCODERS)):
        absent = [name for name in wanted if not _has_codec(av, name, mode)]
        what = "reading video" if mode == "r" else "writing video"
        if not absent:
            yield Check(what, ", ".join(wanted))
            continue
        worst: Literal["missing", "warning"] = (
            "missing" if any(wanted[name] == "missing" for name in absent) else "warning"
        )
        yield Check(
            what,
            f"without {', '.join(absent)}",
            worst,
            "pip install --force-reinstall av (not a source build)",
        )


def _has_codec(av: object, name: str, mode: str) -> bool:
    try:
        av.codec.Codec(name, mode)  # type: ignore[attr-defined]
    except ValueError:
        return False
    return True


def _face_models() -> Iterator[Check]:
    from merkit.faces.models import ADVICE, model_status

    for status in model_status():
        if status.path is None:
            yield Check(status.name, status.problem, "missing", ADVICE)
        elif status.problem:
            yield Check(
                status.name, f"{status.path}, SHA-256 right", "warning", f"passed over: {status.problem}"
            )
        else:
            yield Check(status.name, f"{status.path}, SHA-256 right")


def _cache() -> Iterator[Check]:
    from merkit.faces.models import cache_dir

    folder = cache_dir()
    there = _nearest_existing(folder)
    try:
        free = shutil.disk_usage(there).free // 1_000_000
        try_writing(there)
    except OSError as error:
        advice = "name a folder you may write to in MERKIT_CACHE"
        yield Check("cache", f"{folder}: {refusal(error)}", "warning", advice)
        return
    if free < LOWEST_FREE_MB:
        yield Check("cache", f"{folder}, only {free} MB free", "warning", "free some space")
    else:
        yield Check("cache", f"{folder}, writable, {free / 1000:.1f} GB free")


def _nearest_existing(folder: Path) -> Path:
    for place in (folder, *folder.absolute().parents):
        if place.exists():
            return place
    return Path(os.curdir)


def _weights() -> Iterator[Check]:
    again = "install merkit again: files of the package are missing or damaged"
    try:
        (files("merkit") / "weights" / "face_template.npz").read_bytes()
    except OSError as error:
        yield Check("mean face", refusal(error), "missing", again)
    from merkit.methods import load_shipped

    try:
        recognizer = load_shipped("flow-svm")
    except (MerkitError, OSError) as error:
        yield Check("recognizer flow-svm", " ".join(str(error).split()), "missing", again)
    else:
        classes = ", ".join(str(name) for name in recognizer.classes_)
        yield Check("recognizer flow-svm", f"shipped weights load: {classes}")


def _head() -> Iterator[Check]:
    """The parametric head, which only the simulator's second engine needs."""
    from merkit.simulate.head3d.model import ADVICE, head_file

    try:
        place = head_file()
    except MerkitError:
        named = os.environ.get("MERKIT_HEAD")
        found = f"not at {named}, named in MERKIT_HEAD" if named else "not on this machine"
        yield Check(
            "3D head", found, "warning" if named else "ok", f"{ADVICE}, if you want to simulate with it"
        )
    else:
        yield Check("3D head", str(place))


def _extras() -> Iterator[Check]:
    """Optional groups of packages that a user may want; those for developers are left out."""
    requirements = metadata.requires("merkit") or []
    for extra in metadata.metadata("merkit").get_all("Provides-Extra") or []:
        if extra in ("dev", "docs"):
            continue
        pattern = re.compile(rf"extra == ['\"]{re.escape(extra)}['\"]")
        own = [check_package(requirement) for requirement in requirements if pattern.search(requirement)]
        absent = [check.name for check in own if check.status == "missing"]
        if absent:
            advice = f"pip install 'merkit[{extra}]' if you want it"
            yield Check(f"optional: {extra}", f"without {', '.join(absent)}", "ok", advice)
        else:
            yield Check(f"optional: {extra}", "installed")
