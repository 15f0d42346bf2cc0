"""Write the files of an analysis, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from merkit.analysis.result import Analysis
from merkit.errors import ConfigError
from merkit.report.export import curves_frame, events_frame, events_text
from merkit.saving import plain_refusals, whole_file, write_whole

__all__ = ["save"]


def save(
    analysis: Analysis,
    folder: str | Path,
    *,
    no_faces: bool = False,
    overlay_from: str | Path | None = None,
) -> dict[str, Path]:
    """Write ``report.html``, ``events.json``, ``events.csv`` and ``curves.csv`` into a folder.

    Every file is written beside its place and then renamed, so that a stop in the middle leaves the
    file of the last run, or none.

    Parameters
    ----------
    analysis : Analysis
    folder : path
        Made if it does not exist.
    no_faces : bool
        Keep pictures of the person out of the report.
    overlay_from : path, optional
        The video that was analysed; ``overlay.mp4`` then shows it with what was found.

    Returns
    -------
    dict of str to Path
        What was written, by name: ``report``, ``events_json``, ``events_csv``, ``curves_csv`` and,
        if asked for, ``overlay``.

    Raises
    ------
    DataError
        If the folder cannot be made or a file cannot be written.
    VideoError
        If the overlay's video cannot be read or written.
    ConfigError
        If an overlay is asked for together with ``no_faces``.
    """
    if no_faces and overlay_from is not None:
        raise ConfigError(
            "the overlay video shows the person: ask for the overlay or for no faces, not for both"
        )
    from merkit.report.page import report_html

    out = Path(folder)
    with plain_refusals(out):
        out.mkdir(parents=True, exist_ok=True)
    # One after the other, and rows as they are made: of a long video each is large.
    written = {
        "report": write_whole(out / "report.html", report_html(analysis, no_faces=no_faces)),
        "events_json": write_whole(out / "events.json", events_text(analysis)),
        "events_csv": _write_table(out / "events.csv", events_frame(analysis)),
        "curves_csv": _write_table(out / "curves.csv", curves_frame(analysis)),
    }
    if overlay_from is not None:
        from merkit.report.overlay import write_overlay

        written["overlay"] = write_overlay(analysis, overlay_from, out / "overlay.mp4")
    return written


def _write_table(path: Path, table: pd.DataFrame) -> Path:
    with whole_file(path) as part:
        table.to_csv(part, index=False, lineterminator="\n", encoding="utf-8")
    return path
