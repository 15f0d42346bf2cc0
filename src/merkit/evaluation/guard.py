"""The guard: who was used to fit, to select and to test, and a refusal where these overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip, ClipTable
from merkit.errors import LeakageError
from merkit.evaluation.fingerprint import twins
from merkit.evaluation.people import people, person
from merkit.evaluation.reach import held, outside, own_code, states
from merkit.methods.context import FitContext, Rows
from merkit.methods.training_set import stated_subjects
from merkit.video.sources import BlindFrames


@dataclass(frozen=True)
class GuardedContext(FitContext):
    """The context of a fit under evaluation: its inner splits are watched.

    Parameters
    ----------
    allowed : frozenset of str
        Persons of this fold's training clips.
    selected : set of str
        Filled with the persons on whom something was chosen or calibrated.
    """

    allowed: frozenset[str] = frozenset()
    selected: set[str] = field(default_factory=set)

    def _choosing_on(self, groups: NDArray[Any], splits: Sequence[Rows]) -> None:
        """Keep who is held out, and refuse a subject who is not one of this fold's training subjects."""
        strangers = people(groups) - self.allowed
        if strangers:
            raise LeakageError(
                f"selection on subject {min(strangers)}, who is not among the training subjects of this "
                "fold; choose on the clips that were given to fit"
            )
        for _, held_out in splits:
            self.selected.update(people(np.asarray(groups)[held_out]))


@dataclass(frozen=True)
class Sample:
    """What the guard knows of the clips under evaluation.

    Parameters
    ----------
    ids : sequence of str
        Name of each clip.
    groups : sequence of str
        ``dataset/subject`` of each clip.
    prints : sequence of str or None
        Content of each clip, from :func:`merkit.evaluation.fingerprint.fingerprint`.
    """

    ids: Sequence[str]
    groups: Sequence[str]
    prints: Sequence[str | None]

    @cached_property
    def persons(self) -> NDArray[np.str_]:
        """Who is seen in each clip, shape (N,)."""
        return np.array([person(group) for group in self.groups], dtype=str)

    @cached_property
    def numbers(self) -> NDArray[np.intp]:
        """The person in each clip as a number, shape (N,): quicker to compare than names."""
        return np.unique(self.persons, return_inverse=True)[1]

    @cached_property
    def copied(self) -> list[list[int]]:
        """Rows with the same content, see :func:`merkit.evaluation.fingerprint.twins`."""
        return twins(self.prints)


def check_fold(name: str, train: NDArray[np.intp], test: NDArray[np.intp], sample: Sample) -> None:
    """Refuse a fold that shares a clip, a person or a content between training and test.

    Raises
    ------
    LeakageError
        Names the fold and what is shared.
    """
    rows = np.intersect1d(train, test)
    if len(rows):
        raise LeakageError(
            f"fold {name!r}: clip {sample.ids[rows[0]]!r} is in training and in test; split by subject"
        )
    both = train[np.isin(sample.numbers[train], sample.numbers[test])]
    if len(both):
        who = min(sample.persons[both].tolist())
        raise LeakageError(f"fold {name!r}: subject {who} is in training and in test; split by subject")
    for copies in sample.copied:
        learnt, tested = np.intersect1d(copies, train), np.intersect1d(copies, test)
        if len(learnt) and len(tested):
            a, b = tested[0], learnt[0]
            raise LeakageError(
                f"fold {name!r}: test clip {sample.ids[a]!r} ({sample.groups[a]}) has the same content as "
                f"training clip {sample.ids[b]!r} ({sample.groups[b]}); drop one of the two"
            )


def check_tested_once(tests: Iterable[NDArray[np.intp]], sample: Sample) -> None:
    """Refuse folds that test a clip more than once: it would count double in the pooled score."""
    seen: set[int] = set()
    for test in tests:
        for row in map(int, test):
            if row in seen:
                raise LeakageError(
                    f"clip {sample.ids[row]!r} ({sample.groups[row]}) is tested in two folds; "
                    "its subject belongs in one"
                )
            seen.add(row)


def check_artifacts(artifacts: Mapping[str, Any], test_people: frozenset[str]) -> None:
    """Refuse something shared between folds that was trained on a test subject, or does not say on whom.

    Raises
    ------
    LeakageError
    """
    for name, artifact in artifacts.items():
        trained = stated_subjects(artifact)
        if trained is None:
            raise LeakageError(
                f"artifact {name!r} does not say on whom it was trained; give it trained_subjects "
                "('dataset/subject' each, empty if none)"
            )
        _refuse_trained(f"artifact {name!r}", trained, test_people)


def check_unfitted(recognizer: Any, test_people: frozenset[str]) -> None:
    """Refuse a recognizer that already learnt something before it was given a fold's training clips.

    Looked at are the recognizer, what it holds, and what its code names outside of it: an estimator with
    learnt attributes (``mean_``, ``classes_``, …) may be there only if its ``trained_subjects`` are stated
    and hold nobody who is tested; clips of those who are tested may not be there at all.

    Raises
    ------
    LeakageError
    """
    for where, thing in held(recognizer):
        trained = stated_subjects(thing)
        if trained is not None:
            _refuse_trained(where, trained, test_people)
        elif _fitted(thing):
            raise LeakageError(
                f"{where} ({type(thing).__name__}) was fitted before the split, so it may know the test "
                "clips; fit it inside fit, or state its trained_subjects"
            )
        known = people(_subjects(thing)) & test_people
        if known:
            raise LeakageError(
                f"{where} holds clips of subject {min(known)}, who is tested here, with their labels; "
                "use the clips that are given to fit"
            )


class Outside:
    """What outlives a fold, as it was before the fold: see :func:`merkit.evaluation.reach.outside`.

    Parameters
    ----------
    method : str
        For messages.
    recognizer : object
        Unfitted.
    """

    def __init__(self, method: str, recognizer: Any) -> None:
        self._method = method
        self._states = states(outside(recognizer))
        self._code = own_code()

    def check(self, recognizer: Any) -> None:
        """Refuse a recognizer that has left something for the next fold, or has replaced code of merkit.

        Raises
        ------
        LeakageError
        """
        now = states(outside(recognizer))
        changed = sorted(name for name, state in now.items() if self._states.get(name) != state)
        if changed:
            raise LeakageError(
                f"{self._method} changed {changed[0]}, which outlives the fold, so it may carry what was "
                "learnt into the next; keep it on the recognizer (self), which is made anew for every fold"
            )
        code = own_code()
        replaced = sorted(place for place, which in self._code.items() if code.get(place) != which)
        if replaced:
            raise LeakageError(f"{self._method} replaced {replaced[0]}; a method may not change the runner")


def _subjects(thing: Any) -> list[str]:
    """Whose labelled clips a clip or table holds."""
    if isinstance(thing, Clip) and not isinstance(thing.source, BlindFrames):
        return [f"{thing.dataset}/{thing.subject}"]
    if isinstance(thing, ClipTable):
        return [f"{d}/{s}" for d, s in zip(thing.frame["dataset"], thing.frame["subject"], strict=True)]
    return []


def _refuse_trained(what: str, trained: Iterable[str], test_people: frozenset[str]) -> None:
    # One name alone would be taken for a sequence of letters, none of which is a subject.
    shared = people([trained] if isinstance(trained, str) else trained) & test_people
    if shared:
        raise LeakageError(
            f"{what} was trained on subject {min(shared)}, who is tested here; "
            "use one trained without the test subjects"
        )


def _fitted(thing: Any) -> bool:
    """Whether an estimator (something with `fit`) has learnt attributes, in scikit-learn's convention."""
    if isinstance(thing, type) or not callable(getattr(thing, "fit", None)):
        return False
    names = getattr(thing, "__dict__", {})
    return any(name.endswith("_") and not name.startswith("_") for name in names)
