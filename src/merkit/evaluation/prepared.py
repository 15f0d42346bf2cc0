"""What a method computes of each clip alone, computed once before the folds instead of in every fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from merkit.clips import Clip
from merkit.errors import DataError
from merkit.evaluation.guard import Outside, check_unfitted
from merkit.evaluation.job import Method
from merkit.evaluation.people import people
from merkit.evaluation.trial import OnProgress, Trial
from merkit.evaluation.watch import Watch, watched

AnyClip = TypeVar("AnyClip", bound=Clip)


def prepared(
    trial: Trial, method: Method, tell: OnProgress, closed: Sequence[str | Path] = (), since: float = 0.0
) -> Trial:
    """The trial with what the method's ``prepare`` adds to its clips; as it is if the method has none.

    Every clip is given to a new recognizer, without label, name and path: what is computed of it can depend
    on no other clip, so it may be shared between folds.  Apex and features are taken over, notes are counted
    among the remarks.

    Parameters
    ----------
    trial : Trial
    method : Method
    tell : callable
        ``tell(done, total, stage)``.
    closed, since
        See :class:`~merkit.evaluation.watch.Watch`.

    Raises
    ------
    DataError
        If it cannot be computed; the clip is named.
    LeakageError
        If the recognizer knows a subject of the trial, or looks for what it must not know.
    """
    first: Any = method.make()
    if not hasattr(first, "prepare"):
        return trial
    everybody = people(trial.groups.tolist())
    check_unfitted(first, everybody)
    before = Outside(method.name, first)
    ready: list[Clip] = []
    with watched(Watch(method.name, closed, everybody, since)):
        for clip, sealed in zip(trial.listed, trial.sealed, strict=True):
            recognizer: Any = method.make()
            blank = replace(clip.blind(), id=sealed.id, source=sealed.source)
            try:
                ready.append(recognizer.prepare(blank))
            except DataError as error:
                raise type(error)(str(error).replace(blank.id, clip.id)) from error
            tell(len(ready), len(trial.listed), "measuring")
        before.check(recognizer)
    notes = Counter(note.split(":")[0] for clip in ready for note in clip.repairs)
    said = [f"{note}: {count} of {len(ready)} clips" for note, count in notes.items()]
    return replace(
        trial,
        listed=[_with(clip, done) for clip, done in zip(trial.listed, ready, strict=True)],
        sealed=[_with(clip, done) for clip, done in zip(trial.sealed, ready, strict=True)],
        remarks=[*trial.remarks, *said],
    )


def _with(clip: AnyClip, ready: Clip) -> AnyClip:
    return replace(clip, apex=ready.apex, features=ready.features)
