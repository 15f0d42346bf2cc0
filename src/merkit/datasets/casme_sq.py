"""CAS(ME)^2 (2017), 30 fps: macro- and micro-expressions in long videos, a table without a heading.

``rawpic/s15/15_0101disgustingteeth/img1.jpg`` whole videos, ``selectedpic/s15/anger1_1/img557.jpg`` one
folder an event, ``cropped/15/anger1_1/img557.jpg`` the same with cropped faces.  Frame numbers are those
of the long video everywhere.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from merkit.clips import ClipTable
from merkit.datasets.folders import Names, find_bases
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.tables import find_table, read_table, subject_number, whole_number
from merkit.errors import AnnotationError, DataError

FPS = 30.0
FOLDERS = (15, 16, 19, *range(20, 28), 29, *range(30, 39), 40)
"""Number in the folder name of subjects 1 to 22: sheet ``naming rule1`` of the table."""

CODES = {
    "disgust1": "0101",
    "disgust2": "0102",
    "anger1": "0401",
    "anger2": "0402",
    "happy1": "0502",
    "happy2": "0503",
    "happy3": "0505",
    "happy4": "0507",
    "happy5": "0508",
}
"""Code in the folder name of each film that was shown: sheet ``naming rule2``, whose first row is easily
taken for a heading."""

_COLUMNS = ("subject", "name", "onset", "apex", "offset", "aus", "emotion", "kind", "selfreported")
_SHEET = "CASFEcode_final"
_EVENT = re.compile(r"(?:disgust|anger|happy)\d+_\d+")
_VIDEO = re.compile(r"\d+_0\d0\d")
# People into whose folders to look before it is decided what these folders hold.
_LOOK = 3


@register(
    "casme-sq",
    summary="CAS(ME)^2 (2017): 57 micro- and 300 macro-expressions of 22 subjects, 30 fps",
    fps=FPS,
    page="http://casme.psych.ac.cn/casme/e3",
)
def read_casme_sq(
    root: Path,
    *,
    repair: bool,
    table: str | Path | None = None,
    cropped: bool | None = None,
    whole_videos: bool | None = None,
) -> ClipTable:
    """Read CAS(ME)^2, one clip an event.

    Further columns: ``kind`` (``micro`` or ``macro``), ``video`` (such as ``anger1``) and
    ``self_reported`` (the emotion that the person named).  Where no return to neutral was annotated the
    table has the offset 0; the clip's offset is then missing, and ``faults`` says so.

    Parameters
    ----------
    root : Path
        Folder of the release.
    repair : bool
        Whether known faults of the table are repaired.
    table : str or Path, optional
        Another annotation table.
    cropped : bool, optional
        Raw (``False``) or cropped frames (``True``); raw ones if there are any when not said.
    whole_videos : bool, optional
        Frames of the whole video or of the event alone; of the event if there are any when not said.
    """
    path = find_table(
        root,
        "cas(me)^2code_final*updated*.xlsx",
        "cas(me)^2code_final*.xlsx",
        "cas(me)^2code_final*.csv",
        "cas(me)*2*code*.xls*",
        table=table,
    )
    cells = _read(path)
    frames = _Frames(root, cropped, whole_videos)
    rows = []
    for place, subject, name, onset, apex, offset, units, emotion, kind, own in cells[
        ["row", *_COLUMNS]
    ].itertuples(index=False, name=None):
        where = f"{path.name}, row {place}"
        person = f"s{_folder_number(subject, where)}"
        video, separator, _ = name.rpartition("_")
        if not separator or video.casefold() not in CODES:
            raise AnnotationError(f"{where}: {name!r} is no event such as anger1_1; correct the cell")
        end = whole_number(offset, where)
        folder, expected = frames.of(person, name, video.casefold())
        rows.append(
            Row(
                id=f"{person}_{name}",
                subject=person,
                row=place,
                filename=name,
                onset=whole_number(onset, where),
                apex=whole_number(apex, where),
                offset=None if end == 0 else end,
                emotion=emotion,
                aus=units,
                fps=FPS,
                folder=folder,
                expected=expected,
                faults=["offset 0: no return to neutral was annotated"] if end == 0 else [],
                extra={"kind": kind.casefold().split("-")[0], "video": video, "self_reported": own},
            )
        )
    version = "final (updated)" if "updated" in path.name.casefold() else "final"
    return clip_table("casme-sq", rows, version=version, repair=repair)


def _read(path: Path) -> pd.DataFrame:
    if path.suffix.casefold() not in (".xlsx", ".xlsm"):
        return read_table(path, columns=_COLUMNS)
    try:
        return read_table(path, columns=_COLUMNS, sheet=_SHEET)
    except DataError:
        # Copies rename the sheet; the first one with anything in it is the table.
        return read_table(path, columns=_COLUMNS)


def _folder_number(subject: str, where: str) -> int:
    number = int(subject_number(subject))
    if 1 <= number <= len(FOLDERS):
        return FOLDERS[number - 1]
    raise AnnotationError(f"{where}: subject {subject!r}; expected 1 to {len(FOLDERS)}")


class _Frames:
    """Where the frames of an event lie, in the kind of folder that is wanted."""

    def __init__(self, root: Path, cropped: bool | None, whole_videos: bool | None) -> None:
        self.names, self.root = Names(), root
        bases = self._bases()
        kinds = [] if cropped else ["events", "videos"]
        kinds += ["cropped"] if cropped is not False else []
        if whole_videos is not None:
            kinds = [kind for kind in kinds if (kind == "videos") == whole_videos]
        self.kind = next((kind for kind in kinds if kind in bases), (kinds or ["events"])[0])
        self.base = bases.get(self.kind) if kinds else None

    def of(self, person: str, name: str, video: str) -> tuple[Path | None, Path]:
        """Folder of an event, if it is there, and where it should be."""
        number = person.removeprefix("s")
        parent = self.names.child(self.base, person, number)
        if self.kind != "videos":
            usual = {"events": f"selectedpic/{person}", "cropped": f"cropped/{number}"}[self.kind]
            return self.names.child(parent, name), (parent or self.root / usual) / name
        code = f"{number}_{CODES[video]}"
        # The rest of the folder's name is a title with typing errors.
        known = self.names.children(parent) if parent is not None else {}
        found = next((folder for key, folder in known.items() if key.startswith(code)), None)
        return found, found or (parent or self.root / "rawpic" / person) / code

    def _bases(self) -> dict[str, Path]:
        """Folders of people by what lies in them: ``events``, ``videos``, ``cropped`` events."""
        bases: dict[str, Path] = {}
        for base in find_bases(self.root, _holds_people):
            within = [
                name
                for person in list(self.names.children(base).values())[:_LOOK]
                for name in self.names.children(person)
            ]
            if any(_VIDEO.match(name) for name in within):
                bases.setdefault("videos", base)
            elif any(_EVENT.fullmatch(name) for name in within):
                # The folder that the user names says what it holds, those above it do not.
                named = "/".join((self.root.name, *base.relative_to(self.root).parts))
                bases.setdefault("cropped" if "crop" in named.casefold() else "events", base)
        return bases


def _holds_people(names: list[str]) -> bool:
    return any(re.fullmatch(r"s?\d{2}", name) for name in names)
