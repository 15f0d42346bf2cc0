"""How a run was made: versions, commit, machine, and whether its settings had seen these data before."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from merkit import __version__
from merkit.evaluation.people import FAMILIES

LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "opencv-contrib-python-headless", "torch")

SEEN = "settings seen on this benchmark"
NESTED = "settings chosen inside each training fold"
UNSEEN = "settings not seen on this benchmark"
UNKNOWN = "the method does not say on which data its settings were chosen"


def settings_are(recognizer: Any, datasets: Collection[str]) -> str:
    """Say in words whether the settings of a recognizer were chosen with clips of these datasets at hand.

    A recognizer tells by ``settings_seen_on``, the names of datasets (empty if chosen in `fit`).
    """
    seen = getattr(recognizer, "settings_seen_on", None)
    if seen is None:
        return UNKNOWN
    if not seen:
        return NESTED
    return SEEN if {_family(name) for name in seen} & {_family(name) for name in datasets} else UNSEEN


def provenance(device: str = "cpu") -> dict[str, Any]:
    """Versions, commit and machine, with the graphics card of a `device`; no names of people or computers."""
    return {
        "merkit": __version__,
        "commit": _commit(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "machine": {
            "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            **({} if device == "cpu" else {"gpu": _card(device)}),
        },
    }


def _card(device: str) -> str:
    import torch

    return torch.cuda.get_device_name(device)


def _family(name: str) -> str:
    return FAMILIES.get(name.casefold(), name.casefold())


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Commit of the source that runs, with ``+changes``; ``None`` for an installed package."""
    source = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=source, capture_output=True, text=True, check=True).stdout

    try:
        # A package inside somebody else's repository is not described by that one's commit.
        git("ls-files", "--error-unmatch", "__init__.py")
        changed = git("status", "--porcelain", "--untracked-files=no", ".").strip()
        return git("rev-parse", "--short=10", "HEAD").strip() + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
