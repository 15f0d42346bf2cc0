"""Many clips as a pandas table, one row each, with the way to load their frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merkit.clips.clip import Clip
from merkit.clips.files import load_clips, save_clips
from merkit.errors import AnnotationError, ConfigError, DataError, did_you_mean
from merkit.video.sources import FrameSource

FIELDS = (
    "id",
    "dataset",
    "subject",
    "fps",
    "onset",
    "apex",
    "offset",
    "emotion",
    "aus",
    "objective_class",
    "repairs",
)


class ClipTable:
    """A table of clips.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a clip, numbered from 0: the fields of :class:`Clip` that are no pixels, and any
        columns joined to them.  Changed values show in the clips.

    Examples
    --------
    >>> pixels = np.zeros((4, 8, 8), np.uint8)
    >>> table = ClipTable.from_clips(
    ...     Clip.from_array(pixels, id=f"c{i}", subject=f"s{i % 2}", emotion=emotion)
    ...     for i, emotion in enumerate(["happy", "fear", "happy"])
    ... )
    >>> len(table), table.filter(emotion="happy").labels("emotion").tolist(), table.groups().tolist()
    (3, ['happy', 'happy'], ['s0', 's1', 's0'])
    >>> table[1].emotion, table[table.frame["subject"] == "s0"].frame["id"].tolist()
    ('fear', ['c0', 'c2'])
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        sources: Sequence[FrameSource],
        features: Sequence[Mapping[str, NDArray[Any]]],
    ) -> None:
        if not len(frame) == len(sources) == len(features):
            raise DataError(
                f"{len(frame)} rows, {len(sources)} frame sources and {len(features)} features: "
                "give one of each a clip"
            )
        self.frame = _typed(frame.reset_index(drop=True))
        self._sources = tuple(sources)
        self._features = tuple(features)
        twice = self.frame[self.frame.duplicated(["dataset", "id"])]
        if len(twice):
            row = twice.iloc[0]
            raise DataError(
                f"two clips of dataset {row['dataset']!r} have the id {row['id']!r}; rename one or drop it"
            )

    @classmethod
    def from_clips(cls, clips: Iterable[Clip]) -> ClipTable:
        """Collect clips; no two of a dataset may share an id."""
        listed = list(clips)
        rows = [{name: getattr(clip, name) for name in FIELDS} for clip in listed]
        # Columns of plain objects, so that None stays None and whole numbers stay whole.
        frame = pd.DataFrame(rows, columns=list(FIELDS), dtype=object)
        return cls(frame, [clip.source for clip in listed], [clip.features for clip in listed])

    @classmethod
    def concat(cls, tables: Iterable[ClipTable]) -> ClipTable:
        """Put tables below each other; columns that one lacks are ``None`` there."""
        listed = list(tables)
        if not listed:
            return cls.from_clips([])
        frame = pd.concat([table.frame.astype(object) for table in listed], ignore_index=True)
        frame = frame.where(frame.notna(), None)
        return cls(
            frame,
            [source for table in listed for source in table._sources],
            [features for table in listed for features in table._features],
        )

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[Clip]:
        return (self._clip(row) for row in range(len(self)))

    @overload
    def __getitem__(self, which: int | np.integer[Any]) -> Clip: ...

    @overload
    def __getitem__(self, which: slice | Sequence[int] | NDArray[Any] | pd.Series) -> ClipTable: ...

    def __getitem__(
        self, which: int | np.integer[Any] | slice | Sequence[int] | NDArray[Any] | pd.Series
    ) -> Clip | ClipTable:
        """Return one clip by position, or the table of several by slice, positions or a boolean mask."""
        if isinstance(which, int | np.integer):
            return self._clip(range(len(self))[int(which)])
        if isinstance(which, slice):
            return self._rows(range(len(self))[which])
        chosen = np.asarray(which)
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise ConfigError(f"a mask of {chosen.shape} for {len(self)} clips: give one value a clip")
            return self._rows(np.flatnonzero(chosen).tolist())
        return self._rows([range(len(self))[int(row)] for row in chosen])

    def filter(self, *conditions: Callable[[Clip], bool], **equals: Any) -> ClipTable:
        """Keep the clips that fulfil everything given.

        Parameters
        ----------
        *conditions : callable
            Takes a clip, says whether to keep it.
        **equals : value, or list of values
            Column and the value, or the values, that it may have.
        """
        keep = np.ones(len(self), dtype=bool)
        for column, wanted in equals.items():
            values = wanted if isinstance(wanted, list | set | frozenset) else [wanted]
            keep &= np.array([value in values for value in self._column(column)], dtype=bool)
        for row in np.flatnonzero(keep):
            keep[row] = all(condition(self._clip(int(row))) for condition in conditions)
        return self[keep]

    def join(self, other: pd.DataFrame | ClipTable, on: str | Sequence[str] = "id") -> ClipTable:
        """Add the columns of another table, matched by the values of ``on``; clips without a match keep None.

        Columns that exist here already are filled in where this table has no value in any row, and
        refused otherwise: two annotations of one thing are for the caller to choose between.
        """
        keys = [on] if isinstance(on, str) else list(on)
        right = other.frame if isinstance(other, ClipTable) else other
        for key in keys:
            self._column(key)
            if key not in right.columns:
                raise ConfigError(f"join on {key!r}: the other table has no such column")
        if right.duplicated(keys).any():
            raise DataError(f"join on {', '.join(keys)}: the other table has several rows for one value")
        new = [column for column in right.columns if column not in keys]
        filled = {column for column in FIELDS if not any(_there(v) for v in self.frame[column])}
        taken = [column for column in new if column in self.frame.columns and column not in filled]
        if taken:
            raise ConfigError(f"join: both tables have values in {', '.join(taken)}; drop the column in one")
        left = self.frame.drop(columns=[column for column in new if column in self.frame.columns])
        joined = left.merge(right.astype(object), how="left", on=keys, validate="many_to_one")
        added = joined[new].astype(object)
        joined[new] = added.where(added.notna(), None)
        return ClipTable(joined, self._sources, self._features)

    def labels(self, column: str = "emotion") -> NDArray[np.object_]:
        """Return a column as an array, (N,).

        Raises
        ------
        AnnotationError
            If a clip has no value there.
        """
        values = self._column(column)
        for row, value in enumerate(values):
            if not _there(value):
                raise AnnotationError(
                    f"clip {self.frame['id'][row]!r} has no {column}; filter such clips out first"
                )
        labels = np.empty(len(values), dtype=object)
        labels[:] = values
        return labels

    def groups(self) -> NDArray[np.object_]:
        """Return whose clip each is, (N,): the subject, with its dataset before it where there is one.

        Subjects of different datasets may share a name and are still different people.
        """
        subjects = self.labels("subject")
        datasets = self._column("dataset")
        names = [f"{d}/{s}" if _there(d) else str(s) for d, s in zip(datasets, subjects, strict=True)]
        return np.array(names, dtype=object)

    def save(self, path: str | Path) -> None:
        """Write the table to a folder: ``clips.jsonl`` and, for arrays, ``arrays.npz``.

        Paths of frames inside the folder that holds it are written relative to it, so that both can
        be moved together.
        """
        save_clips(Path(path), self.frame, self._sources, self._features)

    @classmethod
    def load(cls, path: str | Path) -> ClipTable:
        """Read a table written by :meth:`save`."""
        frame, sources, features = load_clips(Path(path))
        return cls(
            frame.reindex(columns=[*FIELDS, *(c for c in frame.columns if c not in FIELDS)]),
            sources,
            features,
        )

    def _column(self, name: str) -> list[Any]:
        if name not in self.frame.columns:
            columns = [str(column) for column in self.frame.columns]
            hint = did_you_mean(name, columns)
            raise ConfigError(f"the table has no column {name!r}{hint}: there are {', '.join(columns)}")
        return self.frame[name].tolist()

    def _clip(self, row: int) -> Clip:
        values = {name: self.frame[name].iloc[row] for name in FIELDS}
        about: dict[str, Any] = {name: v if _there(v) else None for name, v in values.items()}
        for name in ("aus", "repairs"):
            about[name] = tuple(about[name] or ())
        for name in ("dataset", "subject"):
            about[name] = about[name] or ""
        return Clip(source=self._sources[row], features=self._features[row], **about)

    def _rows(self, rows: Sequence[int]) -> ClipTable:
        return ClipTable(
            self.frame.iloc[list(rows)],
            [self._sources[row] for row in rows],
            [self._features[row] for row in rows],
        )

    def __repr__(self) -> str:
        return f"ClipTable({len(self)} clips)\n{self.frame!r}"


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give numbers the types of numbers; everything else stays plain objects, so that None is None."""
    try:
        whole = {name: frame[name].astype("Int64") for name in ("onset", "apex", "offset")}
        return frame.assign(fps=frame["fps"].astype("float64"), **whole)
    except (TypeError, ValueError) as error:
        raise AnnotationError(
            f"fps, onset, apex or offset of a clip is no number ({error}); correct the annotation"
        ) from error


def _there(value: Any) -> bool:
    """Say whether a cell holds a value."""
    if isinstance(value, tuple | list | np.ndarray):
        return len(value) > 0
    return value is not None and not pd.isna(value) and value != ""
