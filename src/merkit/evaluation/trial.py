"""What is to be tried: the clips of a protocol, their labels and checked folds; and what is kept of each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merkit.clips import Clip, ClipTable
from merkit.errors import DataError
from merkit.evaluation.fingerprint import digest, fingerprint
from merkit.evaluation.guard import Sample, check_fold, check_tested_once
from merkit.evaluation.job import Job, Method, Outcome
from merkit.evaluation.predictions import rows_of
from merkit.evaluation.sealed import SealedClip, seal

Key = tuple[int, int]
"""Seed, and number of the fold."""

OnProgress = Callable[[int, int | None, str], None]


@dataclass(frozen=True)
class Fold:
    """One fold of a run, its rows in the order of the table."""

    name: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]


@dataclass(frozen=True)
class Trial:
    """Clips under a protocol.

    Parameters
    ----------
    protocol : str
    clips : ClipTable
    truth : array, shape (N,) of str, or (N, K) of 0 and 1 for action units
    groups : array, shape (N,) of str
    classes : tuple of str
        Classes, or units.
    folds : list of Fold
    sample : Sample
        What the guard knows.
    listed, sealed : list
        The clips to train on, and the same to test; made once, as every fold takes most of them.
    dropped : list of (id, reason)
    remarks : list of str
        What the protocol says of these data.
    """

    protocol: str
    clips: ClipTable
    truth: NDArray[Any]
    groups: NDArray[np.str_]
    classes: tuple[str, ...]
    folds: list[Fold]
    sample: Sample
    listed: list[Clip]
    sealed: list[SealedClip]
    dropped: list[tuple[str, str]]
    remarks: list[str]

    @classmethod
    def prepare(cls, protocol: Any, tables: Mapping[str, ClipTable], tell: OnProgress) -> Trial:
        """Select the clips, look at their content, and check every fold.

        Raises
        ------
        LeakageError
            If a fold shares a clip, a person or a content between training and test.
        DataError
            If there is no clip, or a fold is empty.
        """
        chosen = protocol.select(tables)
        clips, truth = chosen.clips, np.asarray(chosen.y)
        if not len(clips):
            given = ", ".join(tables) or "no data"
            raise DataError(f"protocol {protocol.name} finds no clip in {given}; see --data")
        truth = truth.astype(int) if truth.ndim == 2 else truth.astype(str)
        groups = np.asarray(chosen.groups).astype(str)
        listed = list(clips)
        prints = []
        for place, clip in enumerate(listed):
            prints.append(fingerprint(clip))
            tell(place + 1, len(clips), "reading")
        sample = Sample(clips.frame["id"].tolist(), groups.tolist(), prints)
        # Of everything, the labels too: the same in every run, and known to the runner alone.
        secret = _digest_of(sample, truth)
        return cls(
            protocol=str(protocol.name),
            clips=clips,
            truth=truth,
            groups=groups,
            classes=tuple(str(name) for name in chosen.classes),
            folds=_checked_folds(protocol, chosen, sample),
            sample=sample,
            listed=listed,
            sealed=[seal(clip, secret) for clip in listed],
            dropped=list(chosen.dropped),
            remarks=list(chosen.warnings),
        )

    def plan(self) -> dict[str, Any]:
        """What of the trial decides the predictions, short enough to compare."""
        return {
            "protocol": self.protocol,
            "classes": list(self.classes),
            "folds": digest((f.name, _rows(f.train), _rows(f.test)) for f in self.folds),
            "data": _digest_of(self.sample, self.truth, map(_annotation, self.listed)),
        }

    def job(self, key: Key, method: Method, **how: Any) -> Job:
        """The work of one fold with one seed; `how` are the further fields of the job."""
        fold = self.folds[key[1]]
        return Job(
            method=method,
            train=[self.listed[row] for row in fold.train],
            labels=self.truth[fold.train],
            groups=self.groups[fold.train],
            # Ordered by opaque id: the order of a table often follows the classes.
            test=sorted((self.sealed[row] for row in fold.test), key=lambda clip: clip.id),
            test_groups=self.groups[fold.test].tolist(),
            classes=self.classes,
            seed=key[0],
            **how,
        )

    def record(self, key: Key, outcome: Outcome) -> dict[str, Any]:
        """What is kept of a fold: predictions in the order of its rows, and who was used for what."""
        fold = self.folds[key[1]]
        order = np.argsort(np.argsort([self.sealed[row].id for row in fold.test]))
        return {
            "fold": fold.name,
            "probabilities": outcome.probabilities[order].tolist(),
            "epochs": [table[order].tolist() for table in outcome.epochs],
            "seconds": round(outcome.seconds, 3),
            "notes": outcome.notes,
            "guard": {
                "fit": np.unique(self.sample.persons[fold.train]).tolist(),
                "fit_clips": digest([self.sample.ids[row]] for row in fold.train),
                "select": outcome.selected_on,
                "test": np.unique(self.sample.persons[fold.test]).tolist(),
                "test_clips": [self.sample.ids[row] for row in fold.test],
            },
        }

    def pooled(
        self,
        seeds: Sequence[int],
        records: Mapping[Key, Mapping[str, Any]],
        epoch_of: Mapping[Key, int] | None = None,
    ) -> pd.DataFrame:
        """All predictions; with `epoch_of`, those after that epoch of each fold."""
        names = {int(row): fold.name for fold in self.folds for row in fold.test}
        parts = []
        for seed in seeds:
            found: dict[int, NDArray[np.float64]] = {}
            for index, fold in enumerate(self.folds):
                record = records[seed, index]
                table = record["epochs"][epoch_of[seed, index]] if epoch_of else record["probabilities"]
                found.update(zip(map(int, fold.test), np.asarray(table), strict=True))
            parts.append(rows_of(self.clips.frame, self.truth, self.classes, names, found, seed))
        return pd.concat(parts, ignore_index=True)

    def class_counts(self) -> dict[str, int]:
        """Test clips of each class, or with each unit."""
        truth = self.truth[np.concatenate([fold.test for fold in self.folds])]
        if truth.ndim == 2:
            return {name: int(truth[:, k].sum()) for k, name in enumerate(self.classes)}
        return {name: int((truth == name).sum()) for name in self.classes}

    def left_out(self) -> dict[str, int]:
        """How many clips the protocol dropped, by reason."""
        return dict(Counter(reason for _, reason in self.dropped))

    def warnings(self) -> list[str]:
        """What is no leak but should be known."""
        ids, groups = self.sample.ids, self.sample.groups
        copies = [
            f"clips {ids[a]} and {ids[b]} of {groups[a]} have the same content and both count"
            for a, b, *_ in self.sample.copied
        ]
        return [*self.remarks, *copies]


def _digest_of(sample: Sample, truth: NDArray[Any], *more: Iterable[object]) -> str:
    return digest(zip(sample.ids, sample.groups, truth.tolist(), sample.prints, *more, strict=True))


def _annotation(clip: Clip) -> tuple[object, ...]:
    """What else of a clip a method may learn from or judge by."""
    return clip.fps, clip.onset, clip.apex, clip.offset, clip.emotion, clip.objective_class, clip.aus


def _rows(rows: NDArray[np.intp]) -> str:
    return hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()


def _checked_folds(protocol: Any, chosen: Any, sample: Sample) -> list[Fold]:
    folds = [
        Fold(str(fold.name), *(np.sort(np.asarray(rows, np.intp)) for rows in (fold.train, fold.test)))
        for fold in protocol.folds(chosen)
    ]
    for fold in folds:
        if not len(fold.train) or not len(fold.test):
            raise DataError(
                f"fold {fold.name!r} of protocol {protocol.name} has nothing to train on or to test"
            )
        check_fold(fold.name, fold.train, fold.test, sample)
    check_tested_once((fold.test for fold in folds), sample)
    return folds
