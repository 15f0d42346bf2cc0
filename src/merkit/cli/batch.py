"""Many videos in one run: a folder for each, one bad video does not stop the others, one summary."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merkit.cli.failure import BUG, WRONG_INPUT, explain, report
from merkit.errors import ConfigError, DataError
from merkit.saving import refusal, try_writing, write_whole

if TYPE_CHECKING:
    from merkit.analysis import Analysis

SUMMARY = "summary.csv"
COLUMNS = (
    *("video", "folder", "micro", "macro", "fps", "n_frames", "duration_s"),
    *("face_width_px", "found_fraction", "observable_fraction", "warnings", "error"),
)


def result_folders(videos: Sequence[Path], out: Path) -> dict[Path, Path]:
    """A folder in `out` for each video, named after it; a second one of a name gets ``-2``, and so on.

    The same videos in the same order get the same folders; a video that is named twice counts once.
    Names that differ only in case are the same, as they are on many file systems.

    Examples
    --------
    >>> found = result_folders([Path("a/clip.mp4"), Path("b/clip.mp4"), Path("b/clip.mp4")], Path("out"))
    >>> [folder.as_posix() for folder in found.values()]
    ['out/clip', 'out/clip-2']
    """
    folders: dict[Path, Path] = {}
    seen, used = set(), {SUMMARY}
    for video in videos:
        place = video.resolve()
        if place in seen:
            continue
        seen.add(place)
        name = (place.name if place.is_dir() else place.stem).lstrip(".") or "video"
        unique, number = name, 2
        while unique.casefold() in used:
            unique, number = f"{name}-{number}", number + 1
        used.add(unique.casefold())
        folders[video] = out / unique
    return folders


@contextmanager
def removed_if_empty(folder: Path) -> Iterator[None]:
    """Remove the folder at the end, however that comes, if nothing was written into it."""
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()


class Batch:
    """One run over videos.

    Parameters
    ----------
    videos : sequence of Path
    out : Path
        Folder that gets one folder a video.
    """

    def __init__(self, videos: Sequence[Path], out: Path) -> None:
        self.out = out
        self.folders = result_folders(videos, out)
        self._rows: dict[Path, dict[str, Any]] = {}
        self._written: list[Path] = []

    def check_writable(self) -> None:
        """Refuse before the long work what would fail after it.

        Raises
        ------
        DataError
            If a result could not be written.
        """
        for folder in (self.out, *self.folders.values()):
            try:
                if folder == self.out:
                    folder.mkdir(parents=True, exist_ok=True)
                elif not folder.exists():
                    continue
                try_writing(folder)
            except OSError as error:
                raise DataError(
                    f"{folder}: results cannot be written there ({refusal(error)}); "
                    "choose another folder with -o"
                ) from error

    def run(self, one: Callable[[Path, Path], None]) -> int:
        """Do `one` for each video and its folder, and return the exit status of the whole.

        A single failure is told when it happens.  Wrong options stop the run, and so does Ctrl-C.
        """
        status = 0
        for video, folder in self.folders.items():
            try:
                with removed_if_empty(folder):
                    one(video, folder)
            except ConfigError:
                raise
            except Exception as error:
                failed = report(error)
                self._rows[video] = self._row(video, error=explain(error)[0].removeprefix("error: "))
                status = BUG if BUG in (status, failed) else WRONG_INPUT
            self._write_summary()
        return status

    def finished(self, video: Path, analysis: Analysis) -> None:
        """Keep what the summary says of a video."""
        face = analysis.face or {}
        kinds = [event.kind for event in analysis.events]
        self._written.append(self.folders[video] / "events.json")
        self._rows[video] = self._row(
            video,
            folder=self.folders[video].name,
            micro=kinds.count("micro"),
            macro=kinds.count("macro"),
            fps=round(analysis.fps, 4),
            n_frames=analysis.n_frames,
            duration_s=round(analysis.duration_s, 4),
            face_width_px=face.get("width_px", ""),
            found_fraction=face.get("found_fraction", 0.0),
            observable_fraction=face.get("observable_fraction", 0.0),
            warnings="; ".join(analysis.warnings),
        )

    def json(self) -> str:
        """The events of the video, or a list of them of several, as written."""
        found = [json.loads(path.read_text(encoding="utf-8")) for path in self._written]
        if len(self.folders) == 1:
            return json.dumps(found[0], indent=2, ensure_ascii=False) + "\n" if found else ""
        return json.dumps(found, indent=2, ensure_ascii=False) + "\n"

    def _row(self, video: Path, **known: Any) -> dict[str, Any]:
        return {**dict.fromkeys(COLUMNS, ""), "video": str(video), **known}

    def _write_summary(self) -> None:
        """After each video, so that a stop leaves the summary of those that are done."""
        if len(self.folders) < 2:
            return
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows.values())
        write_whole(self.out / SUMMARY, text.getvalue())
