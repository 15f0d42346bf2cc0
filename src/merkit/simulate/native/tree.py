"""Writing of a small dataset in its native form."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import numpy as np

from merkit.errors import ConfigError, DataError
from merkit.simulate.native import pictures
from merkit.simulate.native.casme import Casme, Casme2
from merkit.simulate.native.casme3 import Casme3A, Casme3C
from merkit.simulate.native.casme_sq import CasmeSq
from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.dfme import Dfme
from merkit.simulate.native.faults import (
    IN_FRAMES,
    IN_ROWS,
    IN_TREE,
    Faults,
    placed,
    spoil_frames,
    spoil_tree,
)
from merkit.simulate.native.fourdme import FourDme
from merkit.simulate.native.layout import Layout
from merkit.simulate.native.mmew import Mmew
from merkit.simulate.native.releases import RELEASES, write_release
from merkit.simulate.native.samm import Samm, SammLongVideos
from merkit.simulate.native.sheets import write_sheets
from merkit.simulate.native.smic import SmicHs, SmicHsLong, SmicNir, SmicVis
from merkit.simulate.native.unowned import Folders, Manifest

_LAYOUTS: tuple[type[Layout], ...] = (
    Casme,
    Casme2,
    SmicHs,
    SmicVis,
    SmicNir,
    SmicHsLong,
    Samm,
    SammLongVideos,
    CasmeSq,
    Casme3A,
    Casme3C,
    Mmew,
    FourDme,
    Dfme,
    Manifest,
    Folders,
)
_BY_NAME = {layout.name: layout for layout in _LAYOUTS}
# A real table under the name that its owners gave it.
_NATIVE_NAMES = {"DFME_training_full_with_AU.xlsx": "training_full_with_AU.xlsx"}


def list_layouts() -> list[str]:
    """Names of the datasets whose native form can be written.

    >>> "casme2" in list_layouts()
    True
    """
    return [*_BY_NAME, *RELEASES]


def get_layout(name: str, variant: str = "", cropped: bool = False) -> Layout:
    """Return the native layout of a dataset with frames.

    Raises
    ------
    ConfigError
        If there is none of this name, or not in this variant.
    """
    if name not in _BY_NAME:
        near = get_close_matches(name, list_layouts(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(list_layouts())}"
        raise ConfigError(f"no native layout {name!r}; {hint}")
    return _BY_NAME[name](variant, cropped)


def write_tree(
    name: str,
    root: str | Path,
    *,
    table: str | Path | None = None,
    clips: int | Sequence[NativeClip] = 12,
    size: int | tuple[int, int] = 16,
    seed: int = 0,
    faults: Faults = (),
    frames: Literal["all", "marks", "none"] | None = None,
    style: Literal["noise", "faces"] = "noise",
    variant: str = "",
    cropped: bool = False,
) -> Path:
    """Write a dataset as its owners hand it out: folders, file names, annotation table.

    Nothing of the real data is in it.  Without ``table`` the clips are made up.

    Parameters
    ----------
    name : str
        One of :func:`list_layouts`.
    root : path
        Made if it is not there; trees can be written into each other, for example raw and cropped.
    table : path, optional
        A real annotation table, which is copied, and whose rows get folders and frames.
    clips : int, or sequence of NativeClip
        How many clips to make up, or the clips; not used with a real table.
    size : int or (width, height)
        Of the pictures in pixels.
    seed : int
        Equal seeds give equal trees.
    faults : iterable of str, or mapping of str to rows
        What to spoil, of :data:`merkit.simulate.native.FAULTS`; a mapping says in which rows (from 0),
        otherwise the first fault hits row 0, the next row 1, and so on.
    frames : {"all", "marks", "none"}, optional
        All frames of every clip (default for made-up clips), only onset, apex and offset (default for
        real tables), or no pictures, only empty folders.
    style : {"noise", "faces"}
        Pictures of drifting noise, or a simulated face that performs the clips.
    variant : str
        Which of the forms in which a dataset circulates; see the classes of this package.
    cropped : bool
        Write the owners' cropped faces.

    Returns
    -------
    Path
        The root.

    Raises
    ------
    ConfigError
        If an argument is not known, or asks a real table to be changed.
    DataError
        If the table cannot be read or the tree not written.

    Examples
    --------
    >>> import tempfile
    >>> root = write_tree("samm", tempfile.mkdtemp(), clips=2)
    >>> sorted(path.name for path in root.iterdir())
    ['SAMM', 'SAMM_Micro_FACS_Codes_v2.xlsx']
    """
    root = Path(root)
    if name in RELEASES:
        return write_release(name, root, None if table is None else Path(table), clips, seed, variant)
    layout = get_layout(name, variant, cropped)
    planned = _clips(layout, table, clips, seed)
    where = placed(faults, len(planned))
    if table is not None and any(fault in IN_ROWS for fault in where):
        raise ConfigError("faults in rows: a real table stays as it is; leave out table= or the fault")
    kind = frames or ("all" if table is None else "marks")
    extent = (size, size) if isinstance(size, int) else size
    try:
        root.mkdir(parents=True, exist_ok=True)
        files = _write_frames(layout, root, planned, kind, extent, seed, style)
        # Folders change places last, so that every other fault finds its clip.
        for fault in sorted(where, key=lambda fault: fault == "swapped-clips"):
            if fault in IN_FRAMES:
                for row in where[fault]:
                    _spoil(fault, files, row)
        annotated = list(planned)
        for fault, rows in where.items():
            for row in rows:
                if fault in IN_ROWS:
                    annotated[row] = IN_ROWS[fault](annotated[row])
        written = _write_table(layout, root, table, annotated)
        top = next((layout.folder(c).split("/")[0] for c in planned if layout.folder(c)), "")
        for fault in where:
            if fault in IN_TREE:
                spoil_tree(fault, root, written, top)
    except OSError as problem:
        raise DataError(
            f"{root}: the tree cannot be written ({problem.strerror or problem}); check folder and disk"
        ) from problem
    return root


def _clips(
    layout: Layout, table: str | Path | None, clips: int | Sequence[NativeClip], seed: int
) -> list[NativeClip]:
    if table is not None:
        return layout.read(Path(table))
    if isinstance(clips, int):
        if clips < 1:
            raise ConfigError(f"clips={clips}: give at least 1")
        return layout.invent(clips, np.random.default_rng(seed))
    return [replace(clip, fps=clip.fps or layout.fps) for clip in clips]


def _write_frames(
    layout: Layout,
    root: Path,
    clips: list[NativeClip],
    kind: str,
    size: tuple[int, int],
    seed: int,
    style: str,
) -> list[list[Path]]:
    """Write the frames of all clips and return their files, clip by clip.

    Clips that share a folder, events of one video, share its frames.
    """
    sharing: dict[str, list[NativeClip]] = {}
    for clip in clips:
        sharing.setdefault(layout.folder(clip), []).append(clip)
    painters: dict[str, pictures.Painter] = {}
    files: list[list[Path]] = []
    for clip in clips:
        folder = layout.folder(clip)
        if not folder:
            files.append([])
            continue
        (root / folder).mkdir(parents=True, exist_ok=True)
        if folder not in painters:
            painters[folder] = _painter(style, folder, sharing[folder], size, seed)
        numbers = {"none": [], "marks": clip.marked(layout.lowest)}.get(
            kind, list(range(clip.first, clip.last + 1))
        )
        numbers = layout.there(clip, numbers)
        files.append([root / folder / layout.file(clip, number) for number in numbers])
        for path, number in zip(files[-1], numbers, strict=True):
            if not path.exists():
                pictures.save_picture(path, painters[folder](number), layout.grey)
        for other, suffix in layout.beside(folder).items():
            _write_depth(root / other, numbers, suffix, painters[folder])
    return files


def _painter(
    style: str, folder: str, clips: list[NativeClip], size: tuple[int, int], seed: int
) -> pictures.Painter:
    if style not in ("noise", "faces"):
        raise ConfigError(f"style={style!r}: give 'noise' or 'faces'")
    return pictures.faces(clips, size, seed) if style == "faces" else pictures.noise(folder, size, seed)


def _write_depth(
    folder: Path, numbers: list[int], suffix: str, paint: Callable[[int], pictures.Picture]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        pictures.save_picture(folder / f"{number}{suffix}", paint(number), grey=True)


def _spoil(fault: str, files: list[list[Path]], row: int) -> None:
    if len(files[row]) < 4:
        raise ConfigError(f"fault {fault!r} in row {row}: the clip has too few frames; give frames='all'")
    spoil_frames(fault, files[row], files[(row + 1) % len(files)])


def _write_table(
    layout: Layout, root: Path, table: str | Path | None, clips: list[NativeClip]
) -> Path | None:
    if not layout.table:
        return None
    if table is None:
        target = root / layout.table
        write_sheets(target, layout.sheets(clips))
        return target
    source = Path(table)
    target = (root / layout.table).with_name(_NATIVE_NAMES.get(source.name, source.name))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return target
