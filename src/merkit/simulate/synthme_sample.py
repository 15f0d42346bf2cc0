"""A small sample of SynthME, committed, to see whether this machine makes the same benchmark.

Frames have the same bytes on one machine with one set of libraries.  Elsewhere arithmetic may round
otherwise, and a pixel may differ by a grey level; then checksums tell nothing, and the frames that are
kept beside them are compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError
from merkit.simulate.synthme import CLASSES, LEVELS, load_synthme

SIZES = (128, 64)
_MOST = 1
"""Grey levels by which a pixel may differ."""


@dataclass(frozen=True)
class Verification:
    """What came of making the sample anew.

    Attributes
    ----------
    same : tuple of str
        Clips whose every frame is, byte for byte, the committed one.
    close : tuple of str
        Clips whose kept frame differs by at most one grey level in every pixel.
    wrong : tuple of str
        All others.
    largest : int
        Largest difference of any pixel of the kept frames, in grey levels.
    made_with : dict
        Versions with which the committed sample was made.
    """

    same: tuple[str, ...]
    close: tuple[str, ...]
    wrong: tuple[str, ...]
    largest: int
    made_with: dict[str, str]

    @property
    def passed(self) -> bool:
        """Whether this machine makes the benchmark, to a grey level."""
        return not self.wrong

    def in_words(self) -> str:
        """One line for a reader."""
        total = len(self.same) + len(self.close) + len(self.wrong)
        if not self.close and not self.wrong:
            return f"all {total} clips of the sample are the committed ones, byte for byte"
        with_what = ", ".join(f"{name} {version}" for name, version in self.made_with.items())
        if self.passed:
            return (
                f"{len(self.same)} of {total} clips of the sample are the committed ones, byte for byte, "
                f"{len(self.close)} to one grey level; they were made with {with_what}"
            )
        return (
            f"{len(self.wrong)} of {total} clips of the sample differ, by up to {self.largest} grey levels: "
            f"{', '.join(self.wrong)}; they were made with {with_what}"
        )

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"passed": self.passed, **asdict(self)}


def sample_names() -> list[str]:
    """The clips of the sample: the first of each level, size and number of classes.

    >>> sample_names()[:2]
    ['easy-128-3', 'easy-128-5']
    """
    return [f"{level}-{size}-{classes}" for level in LEVELS for size in SIZES for classes in CLASSES]


def film_sample(name: str, head: str | Path | None = None) -> tuple[str, NDArray[np.uint8]]:
    """Make one clip of the sample.

    Returns
    -------
    digest : str
        SHA-256 of all its frames.
    frame : array (size, size, 3) uint8
        That of the apex.
    """
    level, size, classes = name.split("-")
    clip = load_synthme(level, int(size), int(classes), subjects=[1], head=head)[0]
    frames = clip.source.read(0, len(clip.source))
    assert clip.apex is not None
    return hashlib.sha256(frames.tobytes()).hexdigest(), frames[clip.index(clip.apex)]


def verify_synthme(
    benchmark: str = "synthme-1",
    *,
    names: list[str] | None = None,
    head: str | Path | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Verification:
    """Make the sample, and compare it with the committed one.

    Parameters
    ----------
    benchmark : str
    names : list of str, optional
        Only these of :func:`sample_names`.
    head : path, optional
        File of the parametric head, if it is not in its usual place.
    on_progress : callable, optional
        Called as ``on_progress(clips done, clips in all, "clips")``.

    Raises
    ------
    DataError
        If there is no head file, or it is another head than that of the benchmark.
    """
    about, kept = committed_sample(benchmark)
    chosen = sample_names() if names is None else names
    found: dict[str, list[str]] = {"same": [], "close": [], "wrong": []}
    largest = 0
    for done, name in enumerate(chosen):
        if on_progress is not None:
            on_progress(done, len(chosen), "clips")
        if name not in about["sha256"]:
            raise ConfigError(f"names: {name!r} is not of the sample: {', '.join(sample_names())}")
        digest, frame = film_sample(name, head)
        apart = int(np.abs(frame.astype(int) - kept[name]).max())
        largest = max(largest, apart)
        equal = digest == about["sha256"][name]
        found["same" if equal else "close" if apart <= _MOST else "wrong"].append(name)
    if on_progress is not None:
        on_progress(len(chosen), len(chosen), "clips")
    return Verification(
        **{key: tuple(value) for key, value in found.items()}, largest=largest, made_with=about["made_with"]
    )


@cache
def committed_sample(benchmark: str) -> tuple[dict[str, Any], dict[str, NDArray[np.uint8]]]:
    """Checksums and frames as committed; ``benchmarks/synthme_sample.py`` made them."""
    place = files("merkit.simulate")
    try:
        about = json.loads(place.joinpath(f"{benchmark}-sample.json").read_text(encoding="utf-8"))
        with place.joinpath(f"{benchmark}-sample.npz").open("rb") as file, np.load(file) as stored:
            return about, {name: stored[name] for name in stored.files}
    except (OSError, ValueError) as error:
        raise DataError(f"{benchmark}: its sample cannot be read ({error}); install merkit again") from error
