"""The tables of SMIC that circulate: five forms, one list of events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from merkit.datasets.tables import column, read_table, whole_number
from merkit.errors import AnnotationError, DataError

EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}
_WORDS = {word[:3]: word for word in EMOTIONS.values()}
_CLIP = re.compile(r"s0*(\d+)_(ne|po|sur)_?0*(\d+)(.*)", re.IGNORECASE)
_NAME = "Filename|clip|video_name|material"
_ONSET, _OFFSET = "OnsetFrame|OnsetF|Onset", "OffsetFrame|OffsetF|Offset"
# Label numbers: one table without a heading counts from 1, one with a heading from 0.
_FROM_ONE = {"1": "positive", "2": "negative", "3": "surprise"}
_FROM_ZERO = {"0": "negative", "1": "positive", "2": "surprise"}


@dataclass(frozen=True)
class Event:
    """One micro-expression; ``count`` is its place among those of its clip, from 1."""

    name: str
    row: int
    count: int
    onset: int | None
    offset: int | None
    emotion: str
    apex_estimate: int | None = None


def clip_name(text: str) -> str:
    """Write a clip name as the folders do, without a zero in the subject.

    >>> clip_name("s01_ne_01"), clip_name("S20_sur_3")
    ('s1_ne_01', 's20_sur_03')
    """
    found = _CLIP.fullmatch(text.strip())
    if found is None:
        raise AnnotationError(f"SMIC clip {text!r} is not like s1_ne_01; correct the name")
    return f"s{found[1]}_{found[2].lower()}_{int(found[3]):02d}{found[4]}"


def emotion_of(text: str, labels: dict[str, str] = _FROM_ZERO) -> str:
    """Read an emotion from a word, a label number or the name of a clip.

    >>> emotion_of("Negative"), emotion_of("s1_sur_01"), emotion_of("1")
    ('negative', 'surprise', 'positive')
    """
    if text in labels:
        return labels[text]
    if found := _CLIP.fullmatch(text):
        return EMOTIONS[found[2].lower()]
    word = _WORDS.get(text.casefold()[:3]) or EMOTIONS.get(text.casefold())
    if word is None:
        raise AnnotationError(f"SMIC emotion {text!r} is neither negative, positive nor surprise; correct it")
    return word


def read_events(path: Path) -> tuple[list[Event], str]:
    """Read any table of SMIC; returns its events and which table it is."""
    try:
        cells = read_table(path, heading=["Subject", _NAME])
    except DataError:
        cells = read_table(path, ["subject", "filename", "onset", "apexframe", "offset", "label"])
        if not len(cells) or _CLIP.fullmatch(cells["filename"][0]) is None:
            raise
        return list(_plain(cells, path, _FROM_ONE)), "onset-apex-offset"
    if "numme" in cells.columns:
        return list(_spotting(cells, path)), "HS-E spotting"
    # Of a table with a heading onset and offset must have their columns as well.
    cells = read_table(path, heading=["Subject", _NAME, _ONSET, _OFFSET])
    if "onset2f" in cells.columns or "totalmf1" in cells.columns:
        return list(_several(cells, path)), "HS-E 2019"
    version = "HS-E apex" if "apexframe" in cells.columns else "HS"
    return list(_plain(cells, path, _FROM_ZERO)), version


def _plain(cells: pd.DataFrame, path: Path, labels: dict[str, str]) -> Iterator[Event]:
    for place, name, onset, apex, offset, emotion in zip(
        cells["row"],
        column(cells, "filename", "clip", "material"),
        column(cells, "onsetframe", "onsetf", "onset"),
        column(cells, "apexframe"),
        column(cells, "offsetframe", "offsetf", "offset"),
        column(cells, "estimatedemotion", "emotion", "label"),
        strict=True,
    ):
        where = f"{path.name}, row {place}"
        yield Event(
            clip_name(name),
            place,
            1,
            whole_number(onset, where),
            whole_number(offset, where),
            emotion_of(emotion or name, labels),
            whole_number(apex, where),
        )


def _several(cells: pd.DataFrame, path: Path) -> Iterator[Event]:
    """Up to three events in a row: OnsetF, Onset2F, Onset3F."""
    onsets = [column(cells, name) for name in ("onsetf", "onset2f", "onset3f")]
    offsets = [column(cells, name) for name in ("offsetf", "offset2f", "offset3f")]
    emotions = column(cells, "emotion")
    for place, name in enumerate(column(cells, "filename")):
        where = f"{path.name}, row {place}"
        for count, (starts, ends) in enumerate(zip(onsets, offsets, strict=True), start=1):
            onset, offset = whole_number(starts[place], where), whole_number(ends[place], where)
            if onset is not None or offset is not None or count == 1:
                emotion = emotion_of(emotions[place] or name)
                yield Event(clip_name(name), place, count, onset, offset, emotion)


def _spotting(cells: pd.DataFrame, path: Path) -> Iterator[Event]:
    """Three columns an event, the first of which holds a name or kind of micro-expression."""
    later = list(cells.columns[list(cells.columns).index("numme") + 1 : -1])
    kinds = [name for name in later if cells[name].map(_is_kind).any()]
    for place, (video, total) in enumerate(zip(column(cells, "videoname"), cells["numme"], strict=True)):
        where = f"{path.name}, row {place}"
        for count in range(1, (whole_number(total, where) or 0) + 1):
            if count > len(kinds):
                raise AnnotationError(f"{where}: NumME is {total}, but there are {len(kinds)} events at most")
            at = later.index(kinds[count - 1])
            kind, onset, offset = (cells[name][place] for name in later[at : at + 3])
            yield Event(
                clip_name(video),
                place,
                count,
                whole_number(onset, where),
                whole_number(offset, where),
                emotion_of(kind or video),
            )


def _is_kind(cell: str) -> bool:
    return bool(_CLIP.fullmatch(cell)) or cell.casefold() in EMOTIONS or cell.casefold()[:3] in _WORDS
