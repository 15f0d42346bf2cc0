"""CAS(ME)^2 (2017), 30 fps: macro- and micro-expressions in long videos, a table without a heading.

``rawpic/s15/15_0101disgustingteeth/img1.jpg`` whole videos, ``selectedpic/s15/anger1_1/img557.jpg`` one
folder an event, ``cropped/15/anger1_1/img557.jpg`` the same with cropped faces.  Frame numbers are those
of the long video everywhere.
"""

from __future__ import annotations

import re
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.annotation import Line, TableForm
from merkit.datasets.folders import FrameFolders, Place, find_bases, holds, subfolders
from merkit.datasets.registry import register
from merkit.datasets.rows import clip_table
from merkit.errors import AnnotationError

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

TABLE = TableForm(
    files=("CAS(ME)^2code_final*updated*", "CAS(ME)^2code_final*", "CAS(ME)*2*code*"),
    heading=False,
    sheet="CASFEcode_final",
    columns=dict.fromkeys(
        ("subject", "filename", "onset", "apex", "offset", "aus", "emotion", "kind", "self_reported"), ""
    ),
)

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
    root, repair, table, cropped
        See :func:`merkit.datasets.read_dataset`.
    whole_videos : bool, optional
        Frames of the whole video or of the event alone; of the event if there are any when not said.
    """
    lines = TABLE.read(root, table)
    frames = _Frames(root, cropped, whole_videos)
    rows = []
    for line in lines:
        person, name = f"s{_folder_number(line)}", line["filename"]
        video, separator, _ = name.rpartition("_")
        if not separator or video.casefold() not in CODES:
            raise AnnotationError(f"{line.where}: {name!r} is no event such as anger1_1; correct the cell")
        extra = {
            "kind": line["kind"].casefold().split("-")[0],
            "video": video,
            "self_reported": line["self_reported"],
        }
        place = frames.of(person, name, video.casefold())
        row = line.row(f"{person}_{name}", person, place, fps=FPS, extra=extra)
        if row.offset == 0:
            row.offset = None
            row.faults.append("offset 0: no return to neutral was annotated")
        rows.append(row)
    version = "final (updated)" if "updated" in lines.path.name.casefold() else "final"
    return clip_table("casme-sq", rows, version=version, repair=repair)


def _folder_number(line: Line) -> int:
    if 1 <= line.subject <= len(FOLDERS):
        return FOLDERS[line.subject - 1]
    raise AnnotationError(f"{line.where}: subject {line['subject']!r}; expected 1 to {len(FOLDERS)}")


class _Frames:
    """Where the frames of an event lie, in the kind of folder that is wanted."""

    def __init__(self, root: Path, cropped: bool | None, whole_videos: bool | None) -> None:
        bases = _bases(root)
        kinds = [] if cropped else ["events", "videos"]
        kinds += ["cropped"] if cropped is not False else []
        if whole_videos is not None:
            kinds = [kind for kind in kinds if (kind == "videos") == whole_videos]
        self.kind = next((kind for kind in kinds if kind in bases), (kinds or ["events"])[0])
        base = bases.get(self.kind) if kinds else None
        usual = {"events": "selectedpic", "videos": "rawpic", "cropped": "cropped"}[self.kind]
        self.folders = FrameFolders(root / usual, base)

    def of(self, person: str, name: str, video: str) -> Place:
        """Folder of an event."""
        number = person.removeprefix("s")
        if self.kind == "cropped":
            return self.folders.find((number, person), name)
        if self.kind == "events":
            return self.folders.find((person, number), name)
        home = self.folders.find((person, number))
        code = f"{number}_{CODES[video]}"
        # The rest of the folder's name is a title with typing errors.
        videos = self.folders.children(home.folder)
        found = next((folder for key, folder in videos.items() if key.startswith(code)), None)
        return Place(found, home.expected / code)


def _bases(root: Path) -> dict[str, Path]:
    """Folders of people by what lies in them: ``events``, ``videos``, ``cropped`` events."""
    bases: dict[str, Path] = {}
    for base in find_bases(root, holds(r"s?\d{2}")):
        within = [
            folder.name.casefold() for person in subfolders(base)[:_LOOK] for folder in subfolders(person)
        ]
        if any(_VIDEO.match(name) for name in within):
            bases.setdefault("videos", base)
        elif any(_EVENT.fullmatch(name) for name in within):
            # The folder that the user names says what it holds, those above it do not.
            named = "/".join((root.name, *base.relative_to(root).parts))
            bases.setdefault("cropped" if "crop" in named.casefold() else "events", base)
    return bases
