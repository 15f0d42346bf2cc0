"""DFME (2023), 200, 300 or 500 fps: ``DFME_train/sub0003_01/109.png`` and a table a part.

Frame numbers start at 0; a person was filmed at one rate.
"""

from __future__ import annotations

import re
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import Line, TableForm
from merkit.datasets.folders import FrameFolders, files_by_depth, find_bases, holds
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import find_table, matching_table
from merkit.errors import AnnotationError, ConfigError

EMOTIONS = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
"""In the order of their ``EmotionId``."""

PARTS = {
    "train": ("training_full_with_AU*", "training*", "train*"),
    "test A": ("testA*", "test_A*"),
    "test B": ("testB*", "test_B*"),
}
"""Names of the tables of each part."""

TABLE = TableForm(
    files=PARTS["train"],
    columns={"filename": "Filename", "onset": "OnsetFrame", "apex": "ApexFrame", "offset": "OffsetFrame"},
    # What the tables of the challenge lack.
    optional={
        "subject": "Subject",
        "emotion": "Emotion|Label",
        "code": "EmotionId",
        "rate": "Fps",
        "aus": "AU|AUs",
    },
)


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
    root, repair
        See :func:`merkit.datasets.read_dataset`.
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
    # The parts lie side by side, and no name occurs in two of them.
    clips = FrameFolders(root / "DFME_train", *find_bases(root, holds(r"sub\d+_\d+")))
    rows: list[Row] = []
    for name, path in _tables(root, table, part).items():
        before = len(rows)
        for line in TABLE.load(path):
            rows.append(_row(line, name, clips))
            rows[-1].row += before
    version = " + ".join(dict.fromkeys(str(row.extra["part"]) for row in rows))
    return clip_table("dfme", rows, version=version, repair=repair)


def _row(line: Line, part: str, clips: FrameFolders) -> Row:
    name, emotion, named = line["filename"], line["emotion"], _emotion(line)
    rate = line.number("rate")
    row = line.row(
        name,
        line["subject"] or name.rpartition("_")[0],
        clips.find(name),
        emotion=emotion or named,
        fps=None if rate is None else float(rate),
        extra={"part": part},
    )
    if emotion and named and emotion.casefold() != named:
        row.faults.append(f"emotion {emotion}, but EmotionId {line['code']} is {named}")
    return row


def _tables(root: Path, table: str | Path | None, part: str | None) -> dict[str, Path]:
    if table is not None:
        path = find_table(root, table=table)
        return {part or _part_of(path.name): path}
    wanted = {name: patterns for name, patterns in PARTS.items() if part in (None, name)}
    found: dict[str, Path] = {}
    for depth, files in enumerate(files_by_depth(root)):
        for name, patterns in wanted.items():
            first = matching_table(files, patterns)
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


def _emotion(line: Line) -> str | None:
    number = line.number("code")
    if number is None:
        return None
    if 0 <= number < len(EMOTIONS):
        return EMOTIONS[number]
    raise AnnotationError(f"{line.where}: EmotionId {line['code']}; expected 0 to {len(EMOTIONS) - 1}")
