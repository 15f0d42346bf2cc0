"""What a method computes of each clip alone, computed once before the folds instead of in every fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from merkit.cache import ClipCache, Step
from merkit.cache.key import key_of
from merkit.cache.step import added
from merkit.clips import Clip
from merkit.errors import DataError
from merkit.evaluation.guard import Outside, check_unfitted
from merkit.evaluation.job import Method
from merkit.evaluation.people import people
from merkit.evaluation.sealed import SealedFrames
from merkit.evaluation.trial import OnProgress, Trial
from merkit.evaluation.watch import Watch, watched

AnyClip = TypeVar("AnyClip", bound=Clip)


def prepared(
    trial: Trial,
    method: Method,
    tell: OnProgress,
    closed: Sequence[str | Path] = (),
    since: float = 0.0,
    cache: ClipCache | None = None,
) -> Trial:
    """The trial with what the method computes of its clips beforehand; as it is if the method does not.

    Apex and features are taken over, notes are counted among the remarks.

    Parameters
    ----------
    trial : Trial
    method : Method
    tell : callable
        ``tell(done, total, stage)``.
    closed, since, cache
        See :class:`Preparation`.

    Raises
    ------
    DataError
        If it cannot be computed; the clip is named.
    LeakageError
        If the recognizer knows a subject of the trial, or looks for what it must not know.
    """
    preparation = Preparation(method, people(trial.groups.tolist()), closed, since, cache)
    if not preparation.needed:
        return trial
    ready: list[Clip] = []
    for clip, sealed in zip(trial.listed, trial.sealed, strict=True):
        ready.append(preparation.of(clip, sealed.id))
        tell(len(ready), len(trial.listed), "measuring")
    notes = Counter(note.split(":")[0] for clip in ready for note in clip.repairs)
    said = [f"{note}: {count} of {len(ready)} clips" for note, count in notes.items()]
    return replace(
        trial,
        listed=[_with(clip, done) for clip, done in zip(trial.listed, ready, strict=True)],
        sealed=[_with(clip, done) for clip, done in zip(trial.sealed, ready, strict=True)],
        remarks=[*trial.remarks, *said, *(cache.remarks if cache is not None else ())],
    )


class Preparation:
    """Gives clips to the step of a method, or to its ``prepare``, one by one and watched.

    A clip is handed over without label, name and path, to a ``prepare`` of a new recognizer: what is computed
    of it can depend on no other clip, so it may be shared between folds, and that of a step between runs.

    Parameters
    ----------
    method : Method
    everybody : frozenset of str
        The persons in the clips.
    closed, since
        See :class:`~merkit.evaluation.watch.Watch`.
    cache : ClipCache, optional
        Where what a step gives is looked up and kept; without it, everything is computed.

    Attributes
    ----------
    step : Step or None
        What the method says of what it computes.

    Raises
    ------
    LeakageError
        If the recognizer knows one of these persons, or looks for what it must not know.
    """

    def __init__(
        self,
        method: Method,
        everybody: frozenset[str],
        closed: Sequence[str | Path] = (),
        since: float = 0.0,
        cache: ClipCache | None = None,
    ) -> None:
        self._method, self._cache = method, cache
        self._first: Any = method.make()
        self._watch = Watch(method.name, closed, everybody, since)
        self._before = Outside(method.name, self._first)
        with watched(self._watch):
            self.step: Step | None = getattr(self._first, "step", None)
        self.needed = self.step is not None or hasattr(self._first, "prepare")
        if self.needed:
            check_unfitted(self._first, everybody)

    def of(self, clip: Clip, opaque_id: str) -> Clip:
        """A clip with the features and the apex that are computed of it; its repairs are the notes on that.

        Parameters
        ----------
        clip : Clip
        opaque_id : str
            Under which a ``prepare`` sees it.

        Raises
        ------
        DataError
            If it cannot be computed; the clip is named.
        LeakageError
            If something was looked for that must not be known, or kept for the next clip.
        """
        blank = replace(clip, repairs=())
        if self.step is None:
            return self._by_prepare(
                replace(clip.blind(), id=opaque_id, source=SealedFrames(clip.source)), clip
            )
        if self.step.is_done(clip):
            return blank
        if self._cache is None:
            return added(blank, self.compute(self.step, clip))
        key = key_of(self.step, clip)
        found = self._cache.find(self.step, clip, key)
        if found is None:
            found = self._cache.keep(self.step, clip, key, self.compute(self.step, clip))
        return added(blank, found)

    def compute(self, step: Step, clip: Clip) -> Clip:
        """What the step gives of a clip; see :meth:`of`."""
        with watched(self._watch):
            done = step.of(clip, SealedFrames)
        # Before it is kept: what was carried from clip to clip must not come back as a result of one.
        self._before.check(self._first)
        return done

    def _by_prepare(self, blank: Clip, clip: Clip) -> Clip:
        recognizer: Any = self._method.make()
        with watched(self._watch):
            try:
                done: Clip = recognizer.prepare(blank)
            except DataError as error:
                raise type(error)(str(error).replace(blank.id, clip.id)) from error
        self._before.check(recognizer)
        return done


def _with(clip: AnyClip, ready: Clip) -> AnyClip:
    return replace(clip, apex=ready.apex, features=ready.features)
