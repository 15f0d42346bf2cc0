"""CAS(ME)^3 (2022), 30 fps, colour and depth.

Part A: ``part_A/data/part_A_split/part_A/spNO.1/a/color/175.jpg``, ``../depth/175.png``; a video holds up
to 17 events, and frame numbers are those of the video.  Part C: one video a person, no apex.
"""

from __future__ import annotations

from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import TableForm
from merkit.datasets.folders import FrameFolders, Place, find_base, holds
from merkit.datasets.registry import register
from merkit.datasets.rows import clip_table
from merkit.errors import ConfigError

FPS = 30.0
STREAMS = ("color", "depth")
PART_A = TableForm(
    files=("CAS(ME)3_part_A_ME_label*", "CAS(ME)3_part_A*"),
    columns={
        "subject": "Subject",
        "filename": "Filename",
        "onset": "Onset",
        "apex": "Apex",
        "offset": "Offset",
        "aus": "AU|AUs",
        "emotion": "emotion",
    },
    optional={"objective_class": "Objective class", "kind": "Expression type", "shade": "shade"},
)
PART_C = TableForm(
    files=("CAS(ME)3_part_C_ME*", "CAS(ME)3_part_C*"),
    columns={
        "subject": "sub|Subject",
        "filename": "count",
        "onset": "onset",
        "offset": "offset",
        "aus": "au",
    },
    optional={"emotion": "emotion", "physiology": "PHY"},
)
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
    root, repair, table
        See :func:`merkit.datasets.read_dataset`.
    stream : str
        ``color`` or ``depth``.

    Raises
    ------
    ConfigError
        If `stream` is neither.
    """
    _check(stream)
    lines = PART_A.read(root, table)
    base = find_base(root, holds(r"spno\..*"), near=lines.path)
    people = FrameFolders(root / "part_A" / "data" / "part_A_split" / "part_A", base)
    rows = []
    for line in lines:
        person, video = f"spNO.{line.subject}", line["filename"].casefold()
        kind = "macro" if line["kind"].casefold().startswith("macro") else "micro"
        extra = {"video": video, "kind": kind, "shade": line["shade"] or None}
        frames = people.find(person, video, stream)
        rows.append(line.row(f"{person}_{video}_{line['onset']}", person, frames, fps=FPS, extra=extra))
    version = "part A micro and macro" if "kind" in lines.columns else "part A micro"
    return clip_table("casme3-a", rows, version=version, repair=repair)


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
    lines = PART_C.read(root, table)
    base = find_base(root, holds(r"(?:sub)?\d{1,2}"), prefer=r"part_?c|me_?c", near=lines.path)
    people = FrameFolders(root / "part_C", base)
    rows = []
    for line in lines:
        person, event = f"{line.subject:02d}", line["filename"]
        frames = _part_c_frames(people, line.subject, event, stream)
        extra = {"event": event, "physiology": line["physiology"] or None}
        rows.append(line.row(f"{person}_{event}", person, frames, fps=FPS, extra=extra))
    return clip_table("casme3-c", rows, version="part C", repair=repair, no_apex="part C has no apex")


def _part_c_frames(people: FrameFolders, subject: int, event: str, stream: str) -> Place:
    person = (f"{subject:02d}", str(subject), f"sub{subject:02d}", f"sub{subject}")
    whole = people.find(person, "a", stream)
    own = people.find(person, event, stream)
    sorted_out = people.find(person, stream, (f"{subject:02d}_{event}", f"{subject}_{event}"))
    return next(
        (place for place in (own, sorted_out, whole, people.find(person, stream)) if place.folder), whole
    )


def _check(stream: str) -> None:
    if stream not in STREAMS:
        raise ConfigError(f"stream={stream!r}: expected color or depth")
