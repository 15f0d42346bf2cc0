"""A manifest: any clips, one line each in a csv or xlsx file that says where their frames lie."""

from __future__ import annotations

from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, whole_number
from merkit.errors import AnnotationError, ConfigError
from merkit.video.sources import FrameSource, VideoFrames

_PATH = ("path", "frames", "folder", "video", "file")
_NAMES = {
    "id": ("id", "clip", "name", "sampleid"),
    "subject": ("subject", "person", "sub"),
    "emotion": ("emotion", "label", "class"),
    "aus": ("aus", "au", "actionunits"),
    "objective_class": ("objectiveclass",),
    "dataset": ("dataset",),
    "fps": ("fps", "framerate"),
    "onset": ("onset", "onsetframe"),
    "apex": ("apex", "apexframe"),
    "offset": ("offset", "offsetframe"),
    "start": ("start",),
    "stop": ("stop",),
}
"""Columns of a manifest and the headings they may have."""


@register(
    "manifest",
    summary="your own clips, one line each in manifest.csv",
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
    path = root if root.is_file() else find_table(root, "manifest.csv", "manifest.xlsx", table=table)
    cells = read_table(path, heading=["|".join(_PATH)])
    given = {key: column(cells, *names) for key, names in _NAMES.items()}
    locations = column(cells, *_PATH)
    taken = {name for names in (*_NAMES.values(), _PATH) for name in names}
    further = [str(name) for name in cells.columns if name not in taken and name != "row"]
    rows = []
    for index, location in enumerate(locations):
        where = f"{path.name}, row {index}"
        if not location:
            raise AnnotationError(f"{where}: has no path; give the folder of frames or the video")
        line = {key: cells_of[index] for key, cells_of in given.items()}
        place = path.parent / location
        marks = {key: whole_number(line[key], where) for key in ("onset", "apex", "offset", "start", "stop")}
        rows.append(
            Row(
                id=line["id"] or (place.name if place.is_dir() else place.stem),
                subject=line["subject"],
                row=index,
                filename=location,
                onset=marks["onset"],
                apex=marks["apex"],
                offset=marks["offset"],
                emotion=line["emotion"],
                aus=line["aus"],
                objective_class=line["objective_class"],
                fps=_rate(line["fps"], where, fps),
                folder=place if place.is_dir() else None,
                expected=place,
                source=_video(place, marks["start"] or 0, marks["stop"]),
                extra={name: cells[name].iloc[index] or None for name in further},
            )
        )
    clips = clip_table("manifest", rows, version="manifest", repair=repair)
    if any(given["dataset"]):
        clips.frame["dataset"] = [name or "manifest" for name in given["dataset"]]
    return clips


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
