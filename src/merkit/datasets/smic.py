"""SMIC (2013): high speed at 100 fps, visible and near infrared at 25 fps, and the long high-speed clips.

``SMIC_all_raw/HS/s1/micro/negative/s1_ne_01/image559740.bmp``; labels are folders, frame numbers are
counters of the camera.  No apex and no action units.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from merkit.clips import ClipTable
from merkit.datasets.folders import find_bases, holds, is_cropped, subfolders
from merkit.datasets.registry import register
from merkit.datasets.rows import Row, clip_table
from merkit.datasets.smic_tables import EMOTIONS, Event, clip_name, emotion_of, read_events
from merkit.datasets.tables import find_optional_table, find_table
from merkit.errors import DataError

_NO_APEX = "SMIC has no annotated apex"
_CLIP = re.compile(r"s\d+_(?:ne|po|sur)_?\d+.*", re.IGNORECASE)
_TABLES = ("SMIC_HS_cropped", "SMIC_HS_onset_apex_offset*", "SMIC", "SMIC_HS")
_LONG_TABLES = ("SMIC-HS-E*annotation*", "SMIC_HS_E_spotting", "SMIC*long*", "SMIC*_E_*")
_PAGE = "SMIC page of its owners, University of Oulu, CMVS"


def _read(
    name: str, root: Path, *, repair: bool, fps: float, path: Path | None, cropped: bool | None
) -> ClipTable:
    """Read one part of SMIC, with a table or, without one, from the folders."""
    base = _base(root, name, cropped)
    folders = _clip_folders(base)
    if path is not None:
        events, version = read_events(path)
    elif folders:
        events, version = [_event(place, clip) for place, clip in enumerate(folders.values())], "folders"
    else:
        raise DataError(
            f"{root}: neither clips of {name} (s1/micro/negative/s1_ne_01) nor a table; "
            "give the unpacked folder"
        )
    return clip_table(
        name,
        [_row(event, folders, base or root, fps, path) for event in events],
        version=version,
        repair=repair,
        no_apex=_NO_APEX,
    )


def _row(event: Event, folders: dict[str, Path], base: Path, fps: float, table: Path | None) -> Row:
    number = int(event.name[1 : event.name.index("_")])
    folder = folders.get(event.name)
    row = Row(
        id=event.name if event.count == 1 else f"{event.name}#{event.count}",
        subject=f"s{number:02d}",
        row=event.row,
        table=table,
        filename=event.name,
        onset=event.onset,
        offset=event.offset,
        emotion=event.emotion,
        fps=fps,
        folder=folder,
        expected=base / f"s{number}" / event.name,
        extra={"apex_estimate": event.apex_estimate},
    )
    if folder is not None:
        said = folder.parent.name.casefold()
        if said in EMOTIONS.values() and said != event.emotion:
            row.faults.append(f"lies in the folder {said}, labelled {event.emotion}")
        with os.scandir(folder) as entries:
            if not any(entries):
                row.faults.append("its folder is empty")
                row.folder, row.expected = None, folder
    return row


def _event(place: int, folder: Path) -> Event:
    """A clip that no table describes: from its first to its last frame, labelled by its name."""
    name = clip_name(folder.name)
    return Event(name, place, 1, None, None, emotion_of(name))


def _base(root: Path, name: str, cropped: bool | None) -> Path | None:
    """Folder of subjects of one part; folders that do not say which part they are count for any."""
    kinds: dict[tuple[str, bool], Path] = {}
    for base in find_bases(root, holds(r"s\d{1,2}")):
        # The folder that the user names says what it holds, those above it do not.
        said = "/".join((root.name, *base.relative_to(root).parts)).casefold()
        kinds.setdefault((_part(said), is_cropped(root, base)), base)
    wanted = (False, True) if cropped is None else (cropped,)
    return next((kinds[part, crop] for part in (name, "") for crop in wanted if (part, crop) in kinds), None)


def _part(path: str) -> str:
    words = set(re.split(r"[^a-z]+", path))
    if "hs" in words:
        return "smic-hs-long" if words & {"e", "long"} else "smic-hs"
    return next((f"smic-{part}" for part in ("vis", "nir") if part in words), "")


def _clip_folders(base: Path | None) -> dict[str, Path]:
    """Folders of clips by name, in order of subjects and names."""
    found: dict[str, Path] = {}
    level = [] if base is None else subfolders(base)
    while level:
        found |= {clip_name(folder.name): folder for folder in level if _CLIP.fullmatch(folder.name)}
        level = [f for folder in level if not _CLIP.fullmatch(folder.name) for f in subfolders(folder)]
    return dict(sorted(found.items(), key=lambda item: (int(item[0][1 : item[0].index("_")]), item[0])))


def _short(name: str, fps: float, tables: tuple[str, ...]) -> Callable[..., ClipTable]:
    def read(
        root: Path, *, repair: bool, table: str | Path | None = None, cropped: bool | None = None
    ) -> ClipTable:
        path = find_optional_table(root, *tables, table=table)
        return _read(name, root, repair=repair, fps=fps, path=path, cropped=cropped)

    read.__qualname__ = read.__name__ = f"read_{name.replace('-', '_')}"
    read.__doc__ = f"""Read {name}, {fps:.0f} fps.

    With an annotation table its rows are the clips; without one the folders are, each from its first to
    its last frame.  Parts of SMIC may lie side by side in `root`.  For the parameters see
    :func:`merkit.datasets.read_dataset`.
    """
    return read


read_smic_hs = register(
    "smic-hs",
    summary="SMIC HS (2013): 164 clips of 16 subjects, 3 classes, 100 fps",
    fps=100.0,
    page=_PAGE,
)(_short("smic-hs", 100.0, _TABLES))
read_smic_vis = register(
    "smic-vis",
    summary="SMIC VIS (2013): 71 clips of 8 subjects, 3 classes, 25 fps",
    fps=25.0,
    page=_PAGE,
)(_short("smic-vis", 25.0, ()))
read_smic_nir = register(
    "smic-nir",
    summary="SMIC NIR (2013): 71 clips of 8 subjects, 3 classes, near infrared, 25 fps",
    fps=25.0,
    page=_PAGE,
)(_short("smic-nir", 25.0, ()))


@register(
    "smic-hs-long",
    summary="SMIC-E HS: the long clips around the 164 of SMIC HS, 100 fps",
    fps=100.0,
    page=_PAGE,
)
def read_smic_hs_long(root: Path, *, repair: bool, table: str | Path | None = None) -> ClipTable:
    """Read the long clips of SMIC-E HS: one clip an event, whose frames are those of the whole video.

    For the parameters see :func:`merkit.datasets.read_dataset`.
    """
    path = find_table(root, *_LONG_TABLES, table=table)
    return _read("smic-hs-long", root, repair=repair, fps=100.0, path=path, cropped=None)
