"""The interface that every recognizer keeps, so that an SVM and a network look the same from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import DataError
from merkit.methods.context import FitContext

if TYPE_CHECKING:
    from merkit.clips import Clip


class Recognizer(Protocol):
    """A classifier over clips in the manner of scikit-learn.

    A method that computes something of each clip alone and without labels may have ``step``, a
    :class:`~merkit.cache.step.Step` that does so (``None`` with settings under which nothing is computed);
    ``self.step(clip)`` gives the clip with that among its features.  A run computes it once for every clip,
    before the folds, or takes it from the clip cache, and ``merkit prepare`` fills that.  What cannot be
    kept, because not all that it depends on can be said, is computed by ``prepare(clip)`` instead, which
    returns the clip with its features.  Both must keep nothing from one clip to the next.

    Attributes
    ----------
    name : str
        Registered name.
    requires : tuple of str
        What a clip must carry: ``frames``, ``flow_map``, ``sequence``, ``apex`` or ``aus``; one of two
        where they are joined as ``"flow_map or frames"``.
    classes_ : array, shape (K,)
        Class labels in the order of the probabilities; set by `fit`.
    card : dict
        What was written beside the weights, such as data and scores; after `fit`, at least
        ``trained_subjects``, without which the guard refuses a saved model.
    """

    name: str
    requires: tuple[str, ...]
    classes_: NDArray[Any]
    card: dict[str, Any]

    def fit(
        self,
        clips: Sequence[Clip],
        labels: ArrayLike,
        groups: ArrayLike,
        *,
        context: FitContext | None = None,
    ) -> Recognizer:
        """Learn from clips, their labels and their subjects (`groups`); returns itself."""
        ...

    def predict_proba(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Class probabilities, shape (N, K)."""
        ...

    def predict(self, clips: Sequence[Clip]) -> NDArray[Any]:
        """The most probable class of each clip, shape (N,)."""
        ...

    def explain(self, clips: Sequence[Clip]) -> list[dict[str, Any]]:
        """One dict a clip: what the prediction rests on."""
        ...

    def save(self, folder: str | Path) -> None:
        """Write the fitted recognizer into a folder."""
        ...

    @classmethod
    def load(cls, folder: str | Path) -> Recognizer:
        """Read what `save` wrote."""
        ...


def stack_feature(clips: Sequence[Clip], name: str, method: str) -> NDArray[Any]:
    """The precomputed feature `name` of every clip, stacked along a new first axis.

    Raises
    ------
    DataError
        If there is no clip, or one does not carry the feature or has another shape; it is named.
    """
    if not len(clips):
        raise DataError(f"{method} was given no clips")
    arrays: list[NDArray[Any]] = []
    for clip in clips:
        value = clip.features.get(name)
        who = f"clip {clip.id!r}"
        if value is None:
            raise DataError(f"{who} has no {name}, which {method} requires: compute it first")
        arrays.append(np.asarray(value))
        if arrays[-1].shape != arrays[0].shape:
            raise DataError(f"{who} has a {name} of shape {arrays[-1].shape}, the others {arrays[0].shape}")
    return np.stack(arrays)
