"""Action units are not exclusive: a recognizer of classes becomes one of units, one copy a unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip
from merkit.methods.context import FitContext
from merkit.methods.recognizer import Recognizer


class OneRecognizerPerUnit:
    """Says for each unit whether it is there, with a separate recognizer for each.

    Parameters
    ----------
    make : callable
        Makes an unfitted recognizer; it learns the labels ``"absent"`` and ``"present"``.
    units : sequence of str
        Names of the columns.
    """

    def __init__(self, make: Callable[[], Recognizer], units: Sequence[str]) -> None:
        self.recognizers = [make() for _ in units]
        self._units = tuple(units)

    def fit(
        self, clips: Sequence[Clip], labels: NDArray[Any], groups: NDArray[Any], *, context: FitContext
    ) -> OneRecognizerPerUnit:
        """Learn from labels (N, K) of 0 and 1."""
        # An epoch of one unit says nothing of the others: there is nothing to watch.
        context = replace(context, on_epoch=None)
        self.classes_ = np.array(self._units)
        self._constant: dict[int, float] = {}
        for column, recognizer in enumerate(self.recognizers):
            there = np.asarray(labels)[:, column].astype(int)
            if len(np.unique(there)) < 2:
                # A unit that all training clips have, or none: nothing can be learnt but that.
                self._constant[column] = float(there[0])
                continue
            recognizer.fit(clips, np.where(there, "present", "absent"), groups, context=context)
        return self

    def predict_proba(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Probability that each unit is there, shape (N, K); rows do not sum to one."""
        out = np.empty((len(clips), len(self._units)))
        for column, recognizer in enumerate(self.recognizers):
            if column in self._constant:
                out[:, column] = self._constant[column]
            else:
                present = [str(label) for label in recognizer.classes_].index("present")
                out[:, column] = np.asarray(recognizer.predict_proba(clips))[:, present]
        return out
