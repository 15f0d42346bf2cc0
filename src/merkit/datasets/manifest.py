"""A manifest: any clips, one line each in a csv or xlsx file that says where their frames lie."""

from __future__ import annotations

from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import Line, TableForm
from merkit.datasets.folders import Place
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column_key
from merkit.errors import AnnotationError, ConfigError
from merkit.video.sources import FrameSource, VideoFrames

TABLE = TableForm(
    files=("manifest.csv", "manifest.xlsx"),
    columns={"path": "path|frames|folder|video|file"},
    optional={
        "id": "id|clip|name|sample_id",
        "subject": "subject|person|sub",
        "emotion": "emotion|label|class",
        "aus": "aus|au|action units",
        "objective_class": "objective class",
        "dataset": "dataset",
        "fps": "fps|frame rate",
        "onset": "onset|onset frame",
        "apex": "apex|apex frame",
        "offset": "offset|offset frame",
        "start": "start",
        "stop": "stop",
    },
)
"""Columns of a manifest and the headings they may have."""


@register(
    "manifest",
    summary="your own clips, one line each in manifest.csv",
    takes_file=True,
)
def read_manifest(
    root: Path, *, repair: bool, table: str | Path | None = None, fps: float | None = None
) -> ClipTable:
    """Read the clips that a manifest lists.

    A manifest is a csv or xlsx file with a heading.  ``path`` is a folder of images or a video, from the
    folder of the manifest on; all else is optional: ``id``, ``subject``, ``emotion``, ``aus``,
    ``objective_class``, ``dataset``, ``fps``, ``onset``, ``apex``, ``offset``, and for videos ``start`` and
    ``stop`` (first position and position after the last).  Frame numbers are those in the names of images,
    positions from 0 in videos.  Any other column is kept.

    Parameters
    ----------
    root : Path
        The manifest, or the folder with ``manifest.csv`` or ``manifest.xlsx``.
    repair : bool
        There is nothing to repair.
    table : str or Path, optional
        A manifest of another name.
    fps : float, optional
        Frames a second of the clips for which the manifest does not say it.

    Raises
    ------
    AnnotationError
        If a line has no path or no number where one is needed.
    """
    if fps is not None and fps <= 0:
        raise ConfigError(f"fps={fps}: expected a number above 0")
    lines = TABLE.load(root) if root.is_file() else TABLE.read(root, table)
    headings = "|".join((*TABLE.columns.values(), *TABLE.optional.values())).split("|")
    known = {"row", *TABLE.columns, *TABLE.optional, *map(column_key, headings)}
    further = [name for name in lines.columns if name not in known]
    rows = [_row(line, lines.path.parent, fps, further) for line in lines]
    clips = clip_table("manifest", rows, version="manifest", repair=repair)
    if "dataset" in lines.columns:
        clips.frame["dataset"] = [line["dataset"] or "manifest" for line in lines]
    return clips


def _row(line: Line, folder: Path, fps: float | None, further: list[str]) -> Row:
    if not line["path"]:
        raise AnnotationError(f"{line.where}: has no path; give the folder of frames or the video")
    place = folder / line["path"]
    return line.row(
        line["id"] or (place.name if place.is_dir() else place.stem),
        line["subject"],
        Place(place if place.is_dir() else None, place),
        filename=line["path"],
        fps=_rate(line["fps"], line.where, fps),
        source=_video(place, line.number("start") or 0, line.number("stop")),
        extra={name: line[name] or None for name in further},
    )


def _video(place: Path, start: int, stop: int | None) -> FrameSource | None:
    return VideoFrames(place, start, stop) if place.is_file() else None


def _rate(text: str, where: str, otherwise: float | None) -> float | None:
    if not text:
        return otherwise
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise AnnotationError(f"{where}: fps is {text!r}; give the frames a second, above 0")
    return rate
