"""A step: what a method computes of one clip alone, so that it can be computed once and kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass, replace
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from merkit.clips import Clip
from merkit.errors import ConfigError, DataError
from merkit.video.frame import Pixels
from merkit.video.sources import BlindFrames, FrameSource

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ANYBODY = "5e1f1e55c11b0a7d"
"""The id under which a step sees every clip, so that nothing can be computed of the id."""


@dataclass(frozen=True)
class Step:
    """Something that is computed of one clip alone: of its frames and its annotation in time.

    The clip is handed over without label, action units, subject, dataset, id, path and features, and with
    only those frames that the step says it needs.  What it gets is what goes into the key of the cache, so
    nothing can be computed of anything else.

    Parameters
    ----------
    name : str
        Lower case with dashes, such as ``"onset-apex-flow"``.
    version : int
        To be raised with every change of what is computed.  Changes within merkit below the methods, in the
        file that defines `compute` and in those beside it in its package are seen without it; others are not.
    settings : frozen dataclass
        Everything that the result depends on, in plain values.
    compute : callable
        ``compute(clip, settings)``, a plain function: gives the clip with features, and where it estimates
        one with an apex and a note on it among the repairs.
    gives : tuple of str
        Names of these features.  A clip that carries all of them is left as it is.
    context : int
        How many frames before the onset and behind the offset are needed.
    faces : bool
        Whether faces may be looked for, so that the result depends on the face models.

    Raises
    ------
    ConfigError
        If the name is none, the settings are no dataclass, or `compute` holds more than its code.

    Examples
    --------
    >>> import numpy as np
    >>> @dataclass(frozen=True)
    ... class Scale:
    ...     by: float = 2.0
    >>> def mean(clip, scale):
    ...     return replace(clip, features={"mean": np.array(clip.frames.mean() * scale.by)})
    >>> step = Step("mean", version=1, settings=Scale(), compute=mean, gives=("mean",))
    >>> float(step(Clip.from_array(np.full((4, 8, 8), 7, np.uint8))).features["mean"])
    14.0
    """

    name: str
    version: int
    settings: Any
    compute: Callable[[Clip, Any], Clip]
    gives: tuple[str, ...]
    context: int = 0
    faces: bool = True

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"step {self.name!r}: give a name of lower-case letters, digits and dashes")
        if not is_dataclass(self.settings) or isinstance(self.settings, type):
            raise ConfigError(f"step {self.name}: its settings are no dataclass; give one")
        # What a method is bound to, or a function has around it, would not be part of the key.
        if not isinstance(self.compute, FunctionType) or self.compute.__closure__:
            raise ConfigError(f"step {self.name}: compute={self.compute!r}; give a function of a module")

    def __call__(self, clip: Clip) -> Clip:
        """The clip with what the step computes of it; as it is if it carries that already.

        Raises
        ------
        DataError
            If it cannot be computed; the clip is named.
        """
        return clip if self.is_done(clip) else added(clip, self.of(clip))

    def once(self, clip: Clip) -> Clip:
        """The same, kept as long as the given clip lives: training, predicting and explaining share it."""
        if self.is_done(clip):
            return clip
        known = _KNOWN.setdefault(clip, {})
        if self not in known:
            known[self] = self(clip)
        return known[self]

    def is_done(self, clip: Clip) -> bool:
        """Whether the clip carries the features already."""
        return all(name in clip.features for name in self.gives)

    def of(self, clip: Clip, hide: Callable[[FrameSource], FrameSource] = BlindFrames) -> Clip:
        """What is computed of a clip: features, apex and repairs of the clip that is returned.

        Parameters
        ----------
        clip : Clip
        hide : callable
            Wraps the frames, so that nobody can ask them where they come from.

        Raises
        ------
        DataError
            If it cannot be computed; the clip is named.
        ConfigError
            If what comes out is not what the step says that it gives.
        """
        start, stop = self.reach(clip)
        alone = Clip(
            id=_ANYBODY,
            source=hide(FrameWindow(clip.source, start, stop)),
            fps=clip.fps,
            onset=clip.onset,
            apex=clip.apex,
            offset=clip.offset,
        )
        try:
            done = self.compute(alone, self.settings)
        except DataError as error:
            raise type(error)(str(error).replace(_ANYBODY, clip.id)) from error
        if set(done.features) != set(self.gives):
            raise ConfigError(
                f"step {self.name} gave {', '.join(done.features) or 'no features'}; "
                f"it says that it gives {', '.join(self.gives)}"
            )
        return done

    def reach(self, clip: Clip) -> tuple[int, int]:
        """Positions of the first frame that the step sees, and behind the last.

        Raises
        ------
        DataError
            If there are no frames, or not those of the annotation.
        """
        first = 0 if clip.onset is None else clip.index(clip.onset)
        behind = first + clip.n_frames
        return max(0, first - self.context), min(len(clip.source), behind + self.context)


_KNOWN: WeakKeyDictionary[Clip, dict[Step, Clip]] = WeakKeyDictionary()


def added(clip: Clip, done: Clip) -> Clip:
    """A clip with what was computed of it: features and apex taken over, notes put behind its repairs."""
    return replace(
        clip,
        # As they are, so that what lies in the cache is not read before it is needed.
        features={**clip.features, **done.features} if clip.features else done.features,
        apex=done.apex,
        repairs=(*clip.repairs, *done.repairs),
    )


def in_memory(clip: Clip, *names: str) -> Clip:
    """A clip with the features of these names, or all, as arrays, for whoever asks for them many times."""
    return replace(clip, features={name: np.asarray(clip.features[name]) for name in names or clip.features})


class FrameWindow(FrameSource):
    """Some frames of another source, numbered as they are there; of the others nothing can be seen.

    Parameters
    ----------
    source : FrameSource
    start, stop : int
        Position of the first frame, and behind the last.
    """

    def __init__(self, source: FrameSource, start: int, stop: int) -> None:
        self._source, self._start, self._stop = source, start, stop

    @property
    def numbers(self) -> tuple[int, ...]:
        """The annotated number of every frame, in order."""
        return self._source.numbers[self._start : self._stop]

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, H, W[, 3])."""
        return (len(self), *self._source.shape[1:])

    def read(self, start: int, stop: int) -> Pixels:
        """Return frames at positions ``start`` to ``stop`` (not included)."""
        return self._source.read(self._start + start, min(self._start + stop, self._stop))
