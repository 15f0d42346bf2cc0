"""Clips of a release that holds features and no frames, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from merkit.clips import Clip, ClipTable
from merkit.datasets.release_labels import Sample
from merkit.errors import DataError
from merkit.video.frame import Pixels
from merkit.video.sources import FrameSource


class NoFrames(FrameSource):
    """The frames of a clip whose release has none; every access says so.

    Parameters
    ----------
    path : str or Path
        The release.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def numbers(self) -> tuple[int, ...]:
        """There are none."""
        raise self._error()

    def read(self, start: int, stop: int) -> Pixels:
        """There is nothing to read."""
        raise self._error()

    def _error(self) -> DataError:
        return DataError(
            f"{self.path}: this release holds features and no frames; use a method that takes those, or the "
            "dataset itself"
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
        With the further columns ``table_version``, ``apex_reason``, ``row``, ``found`` and
        ``missing`` (why a clip was not found, else empty).
    """
    source = NoFrames(root)
    clips = ClipTable.from_clips(
        Clip(
            id=sample.id,
            source=source,
            emotion=sample.label,
            subject=sample.subject,
            dataset=sample.dataset,
            features=dict(given),
        )
        for sample, given in zip(samples, features, strict=True)
    )
    found = [bool(given) for given in features]
    frame = clips.frame.assign(
        table_version="MEGC2019",
        apex_reason="the release holds no frames",
        row=range(len(found)),
        found=found,
        missing=["" if there else f"{lacking} of this clip in {root.name}" for there in found],
    )
    return ClipTable(frame, [source] * len(found), [dict(given) for given in features])
