"""A protocol: which clips, which classes, which folds.  It never reads a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal
from typing import Protocol as Interface

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merkit.clips import ClipTable
from merkit.datasets import list_datasets
from merkit.errors import ConfigError, DataError, did_you_mean

Counts = Mapping[str, int]
"""Clips of each class."""

Kind = Literal["single", "composite", "lodo", "cross", "au"]


class Labels(Interface):
    """Gives every row of a table its label, or the reason why it has none."""

    def assign(self, frame: pd.DataFrame) -> list[tuple[Any, str]]:
        """Return (label or ``None``, reason) of every row."""


@dataclass(frozen=True)
class Fold:
    """Row numbers of a selection: who trains, who is tested."""

    name: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]


@dataclass(frozen=True)
class Selection:
    """Clips under a protocol.

    Attributes
    ----------
    clips : ClipTable
        N clips, in the order of the tables.
    y : array, shape (N,) of str, or (N, K) of 0 and 1 for action units
    groups : array, shape (N,) of str
        ``dataset/subject``.
    datasets : array, shape (N,) of str
    classes : tuple of str
        In protocol order; for action units ``AU1`` and so on.
    dropped : list of (id, reason)
        Clips that the protocol leaves out.
    warnings : list of str
        Where the class counts differ from those that a complete copy gives.
    """

    clips: ClipTable
    y: NDArray[Any]
    groups: NDArray[Any]
    datasets: NDArray[Any]
    classes: tuple[str, ...]
    dropped: list[tuple[str, str]]
    warnings: list[str] = field(default_factory=list)

    def counts(self, dataset: str | None = None) -> dict[str, int]:
        """Return the clips of each class, or with each unit, in all datasets or in one."""
        y = self.y if dataset is None else self.y[self.datasets == dataset]
        if y.ndim == 2:
            return {name: int(y[:, k].sum()) for k, name in enumerate(self.classes)}
        return {name: int((y == name).sum()) for name in self.classes}

    def describe(self) -> list[str]:
        """Return N, subjects and class counts in words, the whole first, then each dataset."""
        names = list(dict.fromkeys(self.datasets.tolist()))
        parts: list[str | None] = [None, *names] if len(names) > 1 else [None]
        lines = []
        for name in parts:
            there = np.ones(len(self.y), bool) if name is None else self.datasets == name
            shares = ", ".join(f"{label} {n}" for label, n in self.counts(name).items())
            subjects = len(set(self.groups[there].tolist()))
            lines.append(f"{name or 'all'}: {int(there.sum())} clips, {subjects} subjects: {shares}")
        return lines


Splits = Callable[[Selection], Iterator[Fold]]


@dataclass(frozen=True)
class Protocol:
    """Which clips, which classes, which folds.

    Attributes
    ----------
    name : str
        As typed on the command line.
    classes : tuple of str
        In the order of every table of results; empty if the data say.
    datasets : tuple of str
        Whose clips it takes; empty for any.
    label_maps : mapping of str to Labels
        By dataset; the key ``"*"`` serves those without their own.
    expected_counts : mapping
        Class counts of a complete copy: by dataset, then by version of its table (``"*"`` for all).
    kind : str
        ``single``, ``composite``, ``lodo``, ``cross`` or ``au``.
    summary : str
        One line.
    splits : callable
        Makes the folds of a selection.
    need_all : bool
        Whether every one of `datasets` has to be there.
    min_datasets : int
        How many have to be there.
    n_classes : int or None
        How many classes the data have to have, where they say which.
    """

    name: str
    classes: tuple[str, ...]
    datasets: tuple[str, ...]
    label_maps: Mapping[str, Labels]
    kind: Kind
    summary: str
    splits: Splits
    expected_counts: Mapping[str, Mapping[str, Counts]] = field(default_factory=lambda: MappingProxyType({}))
    need_all: bool = False
    min_datasets: int = 1
    n_classes: int | None = None

    def select(self, tables: Mapping[str, ClipTable]) -> Selection:
        """Choose and label the clips.

        Parameters
        ----------
        tables : mapping of str to ClipTable
            What was read, by the name under which it was read.  A clip counts for the dataset in its
            own column, so a release that joins three datasets serves as all of them.

        Raises
        ------
        ConfigError
            If a dataset is missing or does not belong here, or a clip is given twice.
        DataError
            If no clip is left, or one has no subject.
        """
        parts = self._parts(tables)
        rows: list[ClipTable] = []
        labels: list[Any] = []
        dropped: list[tuple[str, str]] = []
        warnings: list[str] = []
        for dataset, table in parts.items():
            given = self._labels(dataset).assign(table.frame)
            keep = np.array([label is not None for label, _ in given], dtype=bool)
            ids = table.frame["id"].tolist()
            dropped += [(ids[row], given[row][1]) for row in np.flatnonzero(~keep)]
            kept = [label for label, _ in given if label is not None]
            labels += kept
            rows.append(table[keep])
            warnings += self._differences(dataset, table, kept)
        if not labels:
            raise DataError(
                f"protocol {self.name} keeps none of {sum(map(len, parts.values()))} clips of "
                f"{', '.join(parts)}: {dropped[0][1] if dropped else 'the tables are empty'}"
            )
        clips = ClipTable.concat(rows)
        self._check_subjects(clips)
        classes = self.classes or tuple(sorted(set(labels)))
        if self.n_classes is not None and len(classes) != self.n_classes:
            raise ConfigError(
                f"protocol {self.name} expects {self.n_classes} classes, the data have {len(classes)}: "
                f"{', '.join(classes)}"
            )
        y = np.array(labels, dtype=np.int64 if isinstance(labels[0], tuple) else object)
        datasets = np.array(clips.labels("dataset"), dtype=object)
        return Selection(clips, y, clips.groups(), datasets, classes, dropped, warnings)

    def folds(self, selection: Selection) -> Iterator[Fold]:
        """Yield the folds of a selection."""
        return self.splits(selection)

    def _check_subjects(self, clips: ClipTable) -> None:
        frame = clips.frame
        nobody = np.array([not isinstance(who, str) or not who.strip() for who in frame["subject"]])
        if nobody.any():
            clip = frame["id"].iloc[int(nobody.argmax())]
            raise DataError(
                f"protocol {self.name}: {int(nobody.sum())} of {len(frame)} clips have no subject, {clip!r} "
                "among them, so that nobody can be left out; say in the data who is seen in each clip"
            )

    def _labels(self, dataset: str) -> Labels:
        return self.label_maps[dataset] if dataset in self.label_maps else self.label_maps["*"]

    def _parts(self, tables: Mapping[str, ClipTable]) -> dict[str, ClipTable]:
        """The given clips by the dataset that they come from."""
        parts: dict[str, ClipTable] = {}
        came_from: dict[str, str] = {}
        for given, table in tables.items():
            column = [str(name or given) for name in table.frame["dataset"]]
            for dataset in dict.fromkeys(column):
                if self.datasets and dataset not in self.datasets:
                    raise ConfigError(
                        f"protocol {self.name} has no place for dataset {dataset!r}"
                        f"{did_you_mean(dataset, self.datasets)}: it takes {', '.join(self.datasets)}"
                    )
                if dataset in parts:
                    raise ConfigError(
                        f"clips of {dataset} are given twice, as {came_from[dataset]} and as {given}: "
                        "give one of them"
                    )
                parts[dataset] = table[np.array([name == dataset for name in column], dtype=bool)]
                came_from[dataset] = given
        missing = [name for name in self.datasets if name not in parts]
        if (self.need_all and missing) or not parts:
            lacking = missing or ["a dataset"]
            raise ConfigError(
                f"protocol {self.name} needs {', '.join(lacking)}: add --data "
                + (f"{missing[0]}=ROOT" if missing else "NAME=ROOT")
            )
        if len(parts) < self.min_datasets:
            raise ConfigError(
                f"protocol {self.name} needs {self.min_datasets} datasets or more, given: {', '.join(parts)}"
            )
        # The order of the protocol, so that the order of --data changes nothing.
        order = {name: place for place, name in enumerate(self.datasets or sorted(parts))}
        return dict(sorted(parts.items(), key=lambda part: order[part[0]]))

    def _differences(self, dataset: str, table: ClipTable, labels: list[Any]) -> list[str]:
        """What differs from the class counts of a complete copy with this version of the table."""
        known = self.expected_counts.get(dataset, {})
        versions = table.frame.get("table_version", pd.Series(dtype=object))
        version = str(next(iter(versions), ""))
        # A table of several parts, such as those of DFME, has the sum of their counts.
        parts = [known.get(part) for part in version.split(" + ")]
        complete = [row for row in parts if row is not None]
        if len(complete) < len(parts):
            complete = [known["*"]] if "*" in known else []
        if not complete:
            return []
        wanted = {name: sum(row[name] for row in complete) for name in complete[0]}
        found = {name: labels.count(name) for name in self.classes}
        wrong = [f"{name} {found[name]} (expected {n})" for name, n in wanted.items() if found[name] != n]
        if not wrong:
            return []
        # Clips of a manifest say themselves of which dataset they are.
        reader = dataset if dataset in list_datasets() else "manifest"
        hint = f"see `merkit datasets doctor {reader} ROOT`"
        return [
            f"{dataset}: the class counts differ from those of a complete copy: {', '.join(wrong)}; {hint}"
        ]
