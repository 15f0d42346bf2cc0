"""Clips of a release that holds features and no frames, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from merkit.clips import ClipTable
from merkit.datasets.release_labels import Sample
from merkit.datasets.rows import Row, clip_table
from merkit.errors import DataError
from merkit.video.sources import MissingFrames


class NoFrames(MissingFrames):
    """The frames of a clip whose release has none; every access says so."""

    def _error(self) -> DataError:
        return DataError(
            f"{self.path}: this release holds features and no frames; use a method that takes those, or read "
            "the dataset itself"
        )

    def __repr__(self) -> str:
        return f"NoFrames({str(self.path)!r})"


def release_table(
    samples: Sequence[Sample], features: Sequence[Mapping[str, NDArray[Any]]], root: Path, lacking: str
) -> ClipTable:
    """Make a table of N clips from labels and features, in the order of the labels.

    Parameters
    ----------
    samples : sequence of Sample, length N
    features : sequence of mapping of str to ndarray, length N
        An empty one means that the release lacks this clip; its row has ``found`` false.
    root : Path
        The release.
    lacking : str
        What a clip without features lacks, in words.

    Returns
    -------
    ClipTable
        With the columns of :func:`merkit.datasets.rows.clip_table`.  ``dataset`` is the one that the
        clip comes from, so that subjects are the same people under every release.
    """
    rows = [
        Row(
            id=sample.id,
            subject=sample.subject,
            row=number,
            filename=sample.id.partition("_")[2],
            emotion=sample.label,
            expected=root,
            source=NoFrames(root) if given else None,
            features=dict(given),
            faults=[] if given else [lacking],
        )
        for number, (sample, given) in enumerate(zip(samples, features, strict=True))
    ]
    reason = "the release holds no frames"
    table = clip_table("megc2019", rows, version="MEGC2019", repair=False, no_apex=reason)
    table.frame["dataset"] = [sample.dataset for sample in samples]
    return table
