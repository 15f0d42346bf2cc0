"""DFME (2023), 200, 300 or 500 fps: ``DFME_train/sub0003_01/109.png`` and a table a part.

Frame numbers start at 0; a person was filmed at one rate.
"""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.folders import files_by_depth, find_bases, subfolders
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, whole_number
from merkit.errors import AnnotationError, ConfigError

EMOTIONS = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
"""In the order of their ``EmotionId``."""

PARTS = {
    "train": ("training_full_with_au*.xlsx", "training*.xlsx", "training*.csv", "train*.xlsx", "train*.csv"),
    "test A": ("testa*.xlsx", "test_a*.xlsx", "testa*.csv", "test_a*.csv"),
    "test B": ("testb*.xlsx", "test_b*.xlsx", "testb*.csv", "test_b*.csv"),
}
"""Names of the tables of each part."""


@register(
    "dfme",
    summary="DFME (2023): 2629 clips of 259 subjects in the released parts, 7 emotions, 200 to 500 fps",
    page="https://mea-lab-421.github.io",
)
def read_dfme(
    root: Path, *, repair: bool, table: str | Path | None = None, part: str | None = None
) -> ClipTable:
    """Read the parts of DFME whose tables lie in the folder, one after the other.

    Further columns: ``part`` (``train``, ``test A``, ``test B``).  The challenge's tables have fewer
    columns; the rate and the action units are then missing.

    Parameters
    ----------
    root : Path
        Folder of the release.
    repair : bool
        Whether known faults of the table are repaired.
    table : str or Path, optional
        One annotation table, instead of all that lie there.
    part : str, optional
        One part alone.

    Raises
    ------
    ConfigError
        If there is no such part.
    """
    if part is not None and part not in PARTS:
        raise ConfigError(f"part={part!r}: expected {', '.join(PARTS)}")
    folders = _clip_folders(root)
    rows: list[Row] = []
    for name, path in _tables(root, table, part).items():
        rows += _rows(path, name, folders, root, len(rows))
    version = " + ".join(dict.fromkeys(str(row.extra["part"]) for row in rows))
    return clip_table("dfme", rows, version=version, repair=repair)


def _rows(path: Path, part: str, folders: dict[str, Path], root: Path, before: int) -> list[Row]:
    cells = read_table(path, heading=["filename", "onsetframe", "offsetframe"])
    rows = []
    for place, subject, name, onset, apex, offset, emotion, code, rate, units in zip(
        cells["row"],
        column(cells, "subject"),
        column(cells, "filename"),
        column(cells, "onsetframe"),
        column(cells, "apexframe"),
        column(cells, "offsetframe"),
        column(cells, "emotion", "label"),
        column(cells, "emotionid"),
        column(cells, "fps"),
        column(cells, "au", "aus"),
        strict=True,
    ):
        where = f"{path.name}, row {place}"
        named = _emotion(code, where)
        doubt = [f"emotion {emotion}, but EmotionId {code} is {named}"]
        rows.append(
            Row(
                id=name,
                subject=subject or name.rpartition("_")[0],
                row=before + place,
                filename=name,
                onset=whole_number(onset, where),
                apex=whole_number(apex, where),
                offset=whole_number(offset, where),
                emotion=emotion or named,
                aus=units,
                fps=_rate(rate, where),
                folder=folders.get(name.casefold()),
                expected=root / "DFME_train" / name,
                faults=doubt if emotion and named and emotion.casefold() != named else [],
                extra={"part": part},
            )
        )
    return rows


def _tables(root: Path, table: str | Path | None, part: str | None) -> dict[str, Path]:
    if table is not None:
        path = find_table(root, table=table)
        return {part or _part_of(path.name): path}
    wanted = {name: patterns for name, patterns in PARTS.items() if part in (None, name)}
    found: dict[str, Path] = {}
    for depth, files in enumerate(files_by_depth(root)):
        for name, patterns in wanted.items():
            hits = (p for pattern in patterns for p in files if fnmatch(p.name.casefold(), pattern))
            first = next((path for path in hits if not path.name.startswith("~")), None)
            if first is not None:
                found.setdefault(name, first)
        # Deeper lie thousands of folders of frames: only look there in need.
        if found and depth > 0:
            break
    if not found:
        find_table(root, *next(iter(wanted.values())))
    return {name: found[name] for name in wanted if name in found}


def _part_of(name: str) -> str:
    text = re.sub(r"[^a-z]", "", name.casefold())
    return "test A" if text.startswith("testa") else "test B" if text.startswith("testb") else "train"


def _emotion(code: str, where: str) -> str | None:
    number = whole_number(code, where)
    if number is None:
        return None
    if 0 <= number < len(EMOTIONS):
        return EMOTIONS[number]
    raise AnnotationError(f"{where}: EmotionId {code}; expected 0 to {len(EMOTIONS) - 1}")


def _rate(text: str, where: str) -> float | None:
    rate = whole_number(text, where)
    return None if rate is None else float(rate)


def _clip_folders(root: Path) -> dict[str, Path]:
    """Folders of clips of all parts by case-folded name; no name occurs in two parts."""

    def holds_clips(names: list[str]) -> bool:
        return any(re.fullmatch(r"sub\d+_\d+", name) for name in names)

    return {
        folder.name.casefold(): folder
        for base in reversed(find_bases(root, holds_clips))
        for folder in subfolders(base)
    }
