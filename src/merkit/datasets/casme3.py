"""CAS(ME)^3 (2022), 30 fps, colour and depth.

Part A: ``part_A/data/part_A_split/part_A/spNO.1/a/color/175.jpg``, ``../depth/175.png``; a video holds up
to 17 events, and frame numbers are those of the video.  Part C: one video a person, no apex.
"""

from __future__ import annotations

import re
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.folders import Names, find_base
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import column, find_table, read_table, subject_number, whole_number
from merkit.errors import ConfigError

FPS = 30.0
STREAMS = ("color", "depth")
_PAGE = "http://casme.psych.ac.cn/casme/e4"


@register(
    "casme3-a",
    summary="CAS(ME)^3 part A (2022): 860 micro-expressions of 94 subjects, 7 emotions, 30 fps, depth",
    fps=FPS,
    page=_PAGE,
)
def read_casme3_a(
    root: Path, *, repair: bool, table: str | Path | None = None, stream: str = "color"
) -> ClipTable:
    """Read part A, one clip an event; its id is subject, video and onset as annotated.

    Further columns: ``video`` (the letter of the folder), ``kind`` (``micro`` or ``macro``; tables without
    ``Expression type`` hold micro-expressions only) and ``shade`` (whether the face is occluded, in the
    copies that say so).

    Parameters
    ----------
    root : Path
        Folder of the release.
    repair : bool
        Whether known faults of the table are repaired.
    table : str or Path, optional
        Another annotation table.
    stream : str
        ``color`` or ``depth``.

    Raises
    ------
    ConfigError
        If `stream` is neither.
    """
    _check(stream)
    path = find_table(
        root,
        "cas(me)3_part_a_me_label*.xlsx",
        "cas(me)3_part_a*.xlsx",
        "cas(me)3_part_a*.csv",
        "cas(me)3_part_a*.xls",
        table=table,
    )
    cells = read_table(path, heading=["subject", "filename", "onset", "offset"])
    base = find_base(root, _holds_people)
    names = Names()
    rows = []
    for place, subject, letter, onset, apex, offset, units, objective, emotion, kind, shade in zip(
        cells["row"],
        column(cells, "subject"),
        column(cells, "filename"),
        column(cells, "onset"),
        column(cells, "apex"),
        column(cells, "offset"),
        column(cells, "au", "aus"),
        column(cells, "objectiveclass"),
        column(cells, "emotion"),
        column(cells, "expressiontype"),
        column(cells, "shade"),
        strict=True,
    ):
        where = f"{path.name}, row {place}"
        person, video = f"spNO.{subject_number(subject)}", letter.casefold()
        folder = names.child(names.child(names.child(base, person), video), stream)
        home = base or root / "part_A" / "data" / "part_A_split" / "part_A"
        rows.append(
            Row(
                id=f"{person}_{video}_{onset}",
                subject=person,
                row=place,
                filename=letter,
                onset=whole_number(onset, where),
                apex=whole_number(apex, where),
                offset=whole_number(offset, where),
                emotion=emotion,
                aus=units,
                objective_class=objective,
                fps=FPS,
                folder=folder,
                expected=home / person / video / stream,
                extra={
                    "video": video,
                    "kind": "macro" if kind.casefold().startswith("macro") else "micro",
                    "shade": shade or None,
                },
            )
        )
    found = re.search(r"v\d+", path.stem)
    return clip_table("casme3-a", rows, version=f"part A {found[0] if found else ''}".strip(), repair=repair)


@register(
    "casme3-c",
    summary="CAS(ME)^3 part C (2022): 166 micro-expressions in a mock crime, 31 subjects, 30 fps, depth",
    fps=FPS,
    page=_PAGE,
)
def read_casme3_c(
    root: Path, *, repair: bool, table: str | Path | None = None, stream: str = "color"
) -> ClipTable:
    """Read part C, one clip an event; there is no apex.  Parameters as in :func:`read_casme3_a`.

    Frames are looked for as ``01/a/color`` (whole video), ``01/<event>/color`` and ``01/color/01_<event>``.
    Further columns: ``event`` (its number) and ``physiology`` (the name of the recording).
    """
    _check(stream)
    path = find_table(
        root, "cas(me)3_part_c_me*.xlsx", "cas(me)3_part_c*.xlsx", "cas(me)3_part_c*.xls*", table=table
    )
    cells = read_table(path, heading=["sub|subject", "count", "onset", "offset"])
    base = find_base(root, _holds_numbers, prefer=r"part_?c|me_?c")
    names = Names()
    rows = []
    for place, subject, event, onset, offset, units, emotion, physiology in zip(
        cells["row"],
        column(cells, "sub", "subject"),
        column(cells, "count"),
        column(cells, "onset"),
        column(cells, "offset"),
        column(cells, "au", "aus"),
        column(cells, "emotion"),
        column(cells, "phy"),
        strict=True,
    ):
        where = f"{path.name}, row {place}"
        number = subject_number(subject)
        person = f"{int(number):02d}"
        home = names.child(base, person, number, f"sub{person}", f"sub{number}")
        rows.append(
            Row(
                id=f"{person}_{event}",
                subject=person,
                row=place,
                filename=event,
                onset=whole_number(onset, where),
                offset=whole_number(offset, where),
                emotion=emotion,
                aus=units,
                fps=FPS,
                folder=_part_c_folder(names, home, number, event, stream),
                expected=(home or (base or root / "part_C") / person) / "a" / stream,
                extra={"event": event, "physiology": physiology or None},
            )
        )
    return clip_table("casme3-c", rows, version="part C", repair=repair, no_apex="part C has no apex")


def _part_c_folder(names: Names, home: Path | None, number: str, event: str, stream: str) -> Path | None:
    own = names.child(names.child(home, event), stream)
    sorted_out = names.child(home, stream)
    of_event = names.child(sorted_out, f"{int(number):02d}_{event}", f"{number}_{event}")
    whole = names.child(names.child(home, "a"), stream)
    return own or of_event or whole or sorted_out


def _holds_people(names: list[str]) -> bool:
    return any(name.startswith("spno.") for name in names)


def _holds_numbers(names: list[str]) -> bool:
    return any(re.fullmatch(r"(?:sub)?\d{1,2}", name) for name in names)


def _check(stream: str) -> None:
    if stream not in STREAMS:
        raise ConfigError(f"stream={stream!r}: expected color or depth")
