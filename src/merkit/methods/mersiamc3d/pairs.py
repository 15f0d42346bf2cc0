"""Pairs of training clips for the prior stage: half of one class, classes drawn evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.methods.mersiamc3d.sequences import ClipSequences, as_tensor

if TYPE_CHECKING:
    from torch import Tensor

Rows = NDArray[np.intp]


class PairSampler:
    """Draws pairs of clips.

    A class is drawn first, each with the same chance, so that rare ones are learnt too, and a person of it
    before a clip, so that nobody with many clips prevails.  People are told apart by dataset and subject, and
    pairs may be of two databases.

    Parameters
    ----------
    truth : int array, shape (N,)
        Column of each clip's class.
    subjects : array, shape (N,)
        Whom it shows.
    across : float
        Share of the pairs of one class that must be of two people, where the class has two; others may be.

    Raises
    ------
    DataError
        If there are fewer than two classes.
    """

    def __init__(self, truth: Rows, subjects: NDArray[Any], across: float = 0.5) -> None:
        self._across = across
        self._clips: list[dict[Any, Rows]] = []
        for column in np.unique(truth):
            own = np.flatnonzero(truth == column)
            self._clips.append({who: own[subjects[own] == who] for who in np.unique(subjects[own])})
        if len(self._clips) < 2:
            raise DataError("pairs of two classes need clips of two classes or more")

    def draw(self, same: bool, rng: np.random.Generator) -> tuple[int, int]:
        """Rows of two clips of one class, or of two."""
        first, second = rng.choice(len(self._clips), 2, replace=False)
        one = self._any(self._clips[first], rng)
        if not same:
            return one[1], self._any(self._clips[second], rng)[1]
        people = self._clips[first]
        if len(people) > 1 and rng.random() < self._across:
            return one[1], self._any({who: clips for who, clips in people.items() if who != one[0]}, rng)[1]
        return one[1], self._another(people, one[1], rng)

    @staticmethod
    def _any(people: dict[Any, Rows], rng: np.random.Generator) -> tuple[Any, int]:
        who = list(people)[rng.integers(len(people))]
        return who, int(rng.choice(people[who]))

    @staticmethod
    def _another(people: dict[Any, Rows], not_this: int, rng: np.random.Generator) -> int:
        """Any other clip of the class; where it has one alone, that itself, augmented otherwise."""
        others = np.concatenate(list(people.values()))
        others = others[others != not_this]
        return int(rng.choice(others)) if len(others) else not_this


class ClipPairs:
    """Pairs of training clips, each augmented, for :func:`merkit.training.loop.train`.

    Parameters
    ----------
    clips : ClipSequences
    sampler : PairSampler
        Of the same clips.
    count : int
        Pairs of an epoch.

    Attributes
    ----------
    labels : int array, shape (count,)
        1 for pairs of one class, 0 for others, as many of each.
    """

    def __init__(self, clips: ClipSequences, sampler: PairSampler, count: int) -> None:
        self.labels: Rows = np.arange(count) % 2
        self._clips, self._sampler = clips, sampler

    def batch(self, rows: Rows, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Inputs (N, 3, T, H, W) of both sides, drawn anew each time."""
        drawn = [self._sampler.draw(bool(self.labels[row]), rng) for row in rows]
        one = as_tensor([self._clips.one(first, rng) for first, _ in drawn])
        return one, as_tensor([self._clips.one(second, rng) for _, second in drawn])
