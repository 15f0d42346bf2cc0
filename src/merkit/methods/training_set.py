"""What every recognizer looks at before it learns: labels and subjects, one of each a clip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import DataError

TRAINED = "trained_subjects"
"""Of a card: the ``dataset/subject`` of everybody whose clips the model has seen."""


class TrainingSet(NamedTuple):
    """Labels and subjects of training clips.

    Attributes
    ----------
    classes : array, shape (K,)
        Sorted labels.
    truth : int array, shape (N,)
        Column of each clip's class.
    subjects : array, shape (N,)
    """

    classes: NDArray[Any]
    truth: NDArray[np.intp]
    subjects: NDArray[Any]

    @classmethod
    def of(cls, method: str, n: int, labels: ArrayLike, groups: ArrayLike) -> TrainingSet:
        """Look at labels (N,) and subjects (N,) of `n` clips.

        Raises
        ------
        DataError
            If lengths differ, a label or subject is missing, or there are fewer than two classes or subjects.
        """
        label_array, subjects = np.asarray(labels), np.asarray(groups)
        if label_array.shape != (n,) or subjects.shape != (n,):
            raise DataError(
                f"{method}: {n} clips, but labels have shape {label_array.shape} and groups "
                f"{subjects.shape}: give one of each a clip"
            )
        for what, given in (("label", labels), ("subject", groups)):
            # As they were given: an array of texts has the text "nan" where one was missing.
            for row, value in enumerate(given if isinstance(given, Sequence) else np.asarray(given).tolist()):
                if _is_missing(value):
                    raise DataError(
                        f"{method}: clip {row} of {n} has no {what}: leave it out, or give it one"
                    )
        classes, truth = np.unique(label_array, return_inverse=True)
        people = len(np.unique(subjects))
        if len(classes) < 2 or people < 2:
            raise DataError(
                f"{method} needs two classes and two subjects at least, got {len(classes)} and {people}"
            )
        return cls(classes, truth, subjects)

    @property
    def people(self) -> list[str]:
        """Everybody whose clips are in it, for the card."""
        return sorted(set(map(str, self.subjects.tolist())))


def _is_missing(value: Any) -> bool:
    """Whether something stands for no value: ``None``, NaN, NaT, or the NA of pandas."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # NA is neither equal to itself nor not.
        return True


def stated_subjects(thing: Any) -> Iterable[str] | None:
    """The stated subjects of an object, a mapping, or the card of a recognizer."""
    if isinstance(thing, Mapping):
        # Some, such as a WeakKeyDictionary, refuse a text as a key.
        with suppress(TypeError):
            return thing.get(TRAINED)
        return None
    stated = getattr(thing, TRAINED, None)
    card = getattr(thing, "card", None)
    if stated is None and isinstance(card, Mapping):
        stated = card.get(TRAINED)
    return stated


def people_of(artifact: Any) -> list[str]:
    """Everybody an artifact says it was learnt from; nobody where there is none."""
    stated = stated_subjects(artifact) or ()
    return [stated] if isinstance(stated, str) else [str(who) for who in stated]


def about_with_people(card: Mapping[str, Any] | None, own: Mapping[str, Any]) -> dict[str, Any]:
    """What to write of a model: the card that is given or its own one, with whom it was trained on."""
    about = dict(own if card is None else card)
    if TRAINED in own:
        about.setdefault(TRAINED, own[TRAINED])
    return about
