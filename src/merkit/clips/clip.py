"""The sample of every dataset, method and evaluation: a few frames and what is known about them."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import AnnotationError, ConfigError
from merkit.video.frame import Pixels
from merkit.video.sources import ArrayFrames, BlindFrames, FolderFrames, FrameSource, VideoFrames


@dataclass(frozen=True, eq=False)
class Clip:
    """One sample: frames, and what the annotation says about them.

    Parameters
    ----------
    id : str
        Unique within its dataset.
    source : FrameSource
        All frames there are, usually more than onset to offset; read when needed.
    fps : float or None
        Frames a second; ``None`` where the dataset does not say.
    onset, apex, offset : int or None
        Frame numbers as annotated (:meth:`index` maps them to positions).  A missing onset or offset
        means the first or last frame of the source; a missing apex stays missing.
    emotion : str or None
        The label as annotated.
    aus : tuple of str
        Action units as annotated, for example ``("4", "L12")``.
    subject, dataset : str
        Who is seen, and which dataset says so.
    objective_class : str or None
        The class by action units that some datasets give.
    features : mapping of str to ndarray
        Precomputed inputs, for releases without frames.
    repairs : tuple of str
        What was changed in the annotation, and why, one line each.

    Raises
    ------
    AnnotationError
        If the frame numbers are no whole numbers or not in order.

    Examples
    --------
    >>> clip = Clip.from_array(np.zeros((5, 8, 8), np.uint8), fps=200, onset=11, apex=12, offset=13,
    ...                        numbers=[10, 11, 12, 13, 14], id="s01_a", subject="s01")
    >>> clip.frames.shape, clip.context(1).shape, clip.index(12), clip.duration
    ((3, 8, 8), (5, 8, 8), 2, 0.015)
    """

    id: str
    source: FrameSource = field(repr=False)
    fps: float | None = None
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    emotion: str | None = None
    aus: tuple[str, ...] = ()
    subject: str = ""
    dataset: str = ""
    objective_class: str | None = None
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict, repr=False)
    repairs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("onset", "apex", "offset"):
            object.__setattr__(self, name, self._whole(name))
        marks = [(name, getattr(self, name)) for name in ("onset", "apex", "offset")]
        known = [(name, number) for name, number in marks if number is not None]
        for (early, first), (late, last) in itertools.pairwise(known):
            if first > last:
                raise AnnotationError(
                    f"clip {self.id!r}: {early} {first} lies behind {late} {last}; correct the annotation"
                )
        if self.fps is not None:
            # Tables give numbers of their own kind.
            object.__setattr__(self, "fps", None if math.isnan(self.fps) else float(self.fps))
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            raise AnnotationError(f"clip {self.id!r}: fps={self.fps}; give the frames a second, above 0")

    def _whole(self, name: str) -> int | None:
        value = getattr(self, name)
        # Tables of annotations write what is missing as NaN and whole numbers as 12.0.
        if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
            return None
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value != int(value):
            raise AnnotationError(f"clip {self.id!r}: {name} is {value!r}; give a whole frame number or none")
        return int(value)

    @classmethod
    def from_array(
        cls,
        array: NDArray[Any],
        fps: float | None = None,
        numbers: Sequence[int] | None = None,
        **about: Any,
    ) -> Clip:
        """Make a clip from frames in memory, (T, H, W[, 3]) uint8, numbered from 0 or by ``numbers``."""
        return cls(source=ArrayFrames(array, numbers), fps=fps, **{"id": "array", **about})

    @classmethod
    def from_folder(cls, path: str | Path, fps: float | None = None, **about: Any) -> Clip:
        """Make a clip from a folder of images, numbered by the last number in their names."""
        return cls(source=FolderFrames(path), fps=fps, **{"id": Path(path).name, **about})

    @classmethod
    def from_video(
        cls,
        path: str | Path,
        start: int = 0,
        stop: int | None = None,
        fps: float | None = None,
        **about: Any,
    ) -> Clip:
        """Make a clip from positions ``start`` to ``stop`` (not included) of a video file.

        Frame numbers are 0-based positions in the whole video.
        """
        return cls(source=VideoFrames(path, start, stop), fps=fps, **{"id": Path(path).stem, **about})

    @property
    def paths(self) -> tuple[str, ...]:
        """Files or folders behind the frames; empty for arrays and blinded clips."""
        return self.source.paths

    def index(self, number: int) -> int:
        """Return the position among all frames of an annotated frame number.

        Raises
        ------
        AnnotationError
            If no frame has this number.
        """
        numbers = self.source.numbers
        try:
            return numbers.index(number)
        except ValueError:
            raise AnnotationError(
                f"clip {self.id!r}: no frame has the number {number}, they run from {min(numbers)} to "
                f"{max(numbers)} ({len(numbers)} frames); check the annotation against the frames"
            ) from None

    @property
    def ends(self) -> tuple[int, int]:
        """Positions of onset and offset among all frames."""
        first = 0 if self.onset is None else self.index(self.onset)
        last = len(self.source) - 1 if self.offset is None else self.index(self.offset)
        return first, last

    @property
    def frames(self) -> Pixels:
        """Onset to offset, both included: (T, H, W[, 3]) uint8, read at every call."""
        return self.context(0)

    def context(self, n: int) -> Pixels:
        """Return the frames with up to ``n`` neighbours on either side, as far as there are any."""
        if n < 0:
            raise ConfigError(f"context({n}): give 0 or more neighbours")
        first, last = self.ends
        return self.source.read(max(0, first - n), min(len(self.source), last + n + 1))

    def window(self, first: int, last: int) -> Pixels:
        """Return the frames with annotated numbers ``first`` to ``last``, both included."""
        a, b = self.index(first), self.index(last)
        if a > b:
            raise AnnotationError(f"clip {self.id!r}: window({first}, {last}) ends before it begins")
        return self.source.read(a, b + 1)

    def frame(self, number: int) -> Pixels:
        """Return the frame with an annotated number, (H, W[, 3]) uint8."""
        return self.source[self.index(number)]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Annotated numbers of the frames from onset to offset."""
        first, last = self.ends
        return self.source.numbers[first : last + 1]

    @property
    def n_frames(self) -> int:
        """Number of frames from onset to offset."""
        first, last = self.ends
        return last - first + 1

    @property
    def duration(self) -> float | None:
        """Seconds from the first to past the last frame of onset to offset; ``None`` without a rate."""
        return None if self.fps is None else self.n_frames / self.fps

    def blind(self) -> Clip:
        """Return what a method under test may see: no emotion, action units, class, repairs or paths.

        Frames, features, rate, subject, dataset, onset, apex and offset stay.  The id becomes a hash,
        the same at every call, because ids and file names often contain the emotion.
        """
        if isinstance(self.source, BlindFrames):
            return self
        secret = hashlib.sha256(f"{self.dataset}\0{self.id}".encode()).hexdigest()
        return dataclasses.replace(
            self,
            id=secret[:16],
            source=BlindFrames(self.source),
            emotion=None,
            aus=(),
            objective_class=None,
            repairs=(),
        )
