"""Faults that real copies of datasets have, planted on purpose."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from merkit.errors import ConfigError
from merkit.simulate.native.clip import NativeClip

Faults = Iterable[str] | Mapping[str, int | Sequence[int]]


def _moved(**changes: Callable[[NativeClip], int | None]) -> Callable[[NativeClip], NativeClip]:
    return lambda clip: replace(clip, **{name: change(clip) for name, change in changes.items()})  # type: ignore[arg-type]


IN_ROWS: dict[str, Callable[[NativeClip], NativeClip]] = {
    "no-apex": _moved(apex=lambda clip: None),
    "apex-outside": _moved(apex=lambda clip: (clip.offset or 0) + 9),
    "offset-zero": _moved(offset=lambda clip: 0),
    "offset-before-onset": _moved(offset=lambda clip: (clip.onset or 0) - 5),
    "late-offset": _moved(offset=lambda clip: clip.last + 40),
    "bad-units": lambda clip: replace(clip, aus="4+x7"),
    "odd-emotion": lambda clip: replace(clip, emotion="bliss"),
}
"""Faults in one row of the table: the frames stay as they should be."""
IN_FRAMES = (
    "missing-clip",
    "empty-clip",
    "missing-frames",
    "short-clip",
    "swapped-frames",
    "swapped-clips",
    "damaged-frame",
    "odd-size",
)
"""Faults in the folder of one row."""
IN_TREE = ("renamed-table", "no-table", "extra-nesting", "litter")
"""Faults of the copy as a whole."""
FAULTS = (*IN_ROWS, *IN_FRAMES, *IN_TREE)
"""Names of all faults."""


def placed(faults: Faults, n: int) -> dict[str, tuple[int, ...]]:
    """Say which rows have which fault: the first fault named hits row 0, the next row 1, and so on.

    >>> placed(["no-apex", "missing-clip"], 5), placed({"no-apex": [2, 3]}, 5)
    ({'no-apex': (0,), 'missing-clip': (1,)}, {'no-apex': (2, 3)})
    """
    if isinstance(faults, Mapping):
        where = {name: (rows,) if isinstance(rows, int) else tuple(rows) for name, rows in faults.items()}
    else:
        where = {}
        for name in faults:
            where[name] = (
                () if name in IN_TREE else (len([f for f in where if f not in IN_TREE]) % max(n, 1),)
            )
    for name, rows in where.items():
        if name not in FAULTS:
            near = get_close_matches(name, FAULTS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(FAULTS)}"
            raise ConfigError(f"fault {name!r} is not known; {hint}")
        if any(not 0 <= row < n for row in rows):
            raise ConfigError(f"fault {name!r}: row {max(rows)} of {n} rows; rows count from 0")
    return where


def spoil_frames(fault: str, files: list[Path], others: list[Path]) -> None:
    """Plant a fault into the frames of one clip.

    Parameters
    ----------
    fault : str
        One of :data:`IN_FRAMES`.
    files : list of Path
        The frames of the clip in order.
    others : list of Path
        Those of the next clip, for an exchange.
    """
    folder, middle = files[0].parent, len(files) // 2
    if fault == "missing-clip":
        shutil.rmtree(folder)
    elif fault == "empty-clip":
        for file in files:
            file.unlink()
    elif fault == "missing-frames":
        for file in files[middle : middle + 2]:
            file.unlink()
    elif fault == "short-clip":
        for file in files[len(files) * 2 // 3 :]:
            file.unlink()
    elif fault == "swapped-frames":
        # Onset and offset look alike; the middle, where the apex is, looks like neither.
        _exchange(files[len(files) // 4], files[middle])
    elif fault == "swapped-clips":
        _exchange(folder, others[0].parent)
    elif fault == "damaged-frame":
        data = files[middle].read_bytes()
        files[middle].write_bytes(data[: len(data) // 3])
    elif fault == "odd-size":
        import cv2

        picture = cv2.imread(str(files[middle]), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(files[middle]), cv2.resize(picture, None, fx=2, fy=2))


def spoil_tree(fault: str, root: Path, table: Path | None, folder: str) -> None:
    """Plant a fault into a whole tree; ``folder`` is the top of the frames, relative to the root."""
    if fault == "extra-nesting":
        top = root / folder
        aside = top.with_name(f".{top.name}")
        top.rename(aside)
        top.mkdir()
        aside.rename(top / top.name)
    elif fault == "litter":
        for place in [root, *(path for path in root.rglob("*") if path.is_dir())]:
            for name in (".DS_Store", "Thumbs.db", "._img1.jpg"):
                (place / name).write_bytes(b"\x00\x05\x16\x07")
    elif table is not None and fault == "no-table":
        table.unlink()
    elif table is not None and fault == "renamed-table":
        table.rename(table.with_name(f"labels (1){table.suffix}"))


def _exchange(a: Path, b: Path) -> None:
    aside = a.with_name(f".{a.name}.aside")
    a.rename(aside)
    b.rename(a)
    aside.rename(b)
