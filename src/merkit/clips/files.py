"""Tables of clips on disk: a text line a clip, and the arrays beside it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.saving import plain_refusals, whole_file, write_whole
from merkit.video.sources import (
    ArrayFrames,
    BlindFrames,
    FolderFrames,
    FrameSource,
    MissingFrames,
    VideoFrames,
)

FORMAT = "merkit-clips-1"


def save_clips(
    folder: Path,
    frame: pd.DataFrame,
    sources: Sequence[FrameSource],
    features: Sequence[Mapping[str, NDArray[Any]]],
) -> None:
    """Write metadata, sources and arrays of N clips to a folder.

    Raises
    ------
    DataError
        If the folder cannot be written, or a value or source cannot be stored.
    """
    arrays: dict[str, NDArray[Any]] = {}
    lines = [json.dumps({"format": FORMAT, "columns": [str(c) for c in frame.columns]})]
    for row, (source, given) in enumerate(zip(sources, features, strict=True)):
        values = {str(column): _plain(frame[column].iloc[row], column) for column in frame.columns}
        for name, array in given.items():
            arrays[f"{row}/feature/{name}"] = np.asarray(array)
        lines.append(
            json.dumps(
                {"clip": values, "source": _describe(source, row, folder.absolute().parent, arrays)},
                ensure_ascii=False,
            )
        )
    with plain_refusals(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / "arrays.npz") as part:
        np.savez(part, allow_pickle=False, **arrays)
    # The list last: a folder with a list is complete.
    write_whole(folder / "clips.jsonl", "\n".join(lines) + "\n")


def load_clips(
    folder: Path,
) -> tuple[pd.DataFrame, list[FrameSource], list[dict[str, NDArray[Any]]]]:
    """Read what :func:`save_clips` wrote.

    Raises
    ------
    DataError
        If the folder holds no such table or a damaged one.
    """
    path = folder / "clips.jsonl"
    try:
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        header = json.loads(head)
        records = [json.loads(line) for line in lines]
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; give a folder written by ClipTable.save") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable table of clips ({error}); save it again") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise DataError(f"{path}: not a table of clips of the form {FORMAT}; save it again")
    try:
        with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        rows = [{**r["clip"]} for r in records]
        sources = [
            _source(r["source"], row, folder.absolute().parent, arrays) for row, r in enumerate(records)
        ]
    except (OSError, ValueError, zipfile.BadZipFile, KeyError, TypeError) as error:
        raise DataError(f"{folder}: the table of clips is damaged ({error}); save it again") from error
    features: list[dict[str, NDArray[Any]]] = [{} for _ in records]
    for name, array in arrays.items():
        row, kind, *rest = name.split("/", 2)
        if kind == "feature":
            features[int(row)][rest[0]] = array
    frame = pd.DataFrame(rows, columns=header["columns"], dtype=object)
    for column in ("aus", "repairs"):
        frame[column] = pd.Series([tuple(value or ()) for value in frame[column]], dtype=object)
    return frame, sources, features


def _plain(value: Any, column: object) -> Any:
    """Turn a cell into what JSON can hold, with None for whatever is missing."""
    if isinstance(value, tuple | list):
        return [_plain(item, column) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, str | int | float | bool):
        return value
    raise DataError(f"column {column!r}: {type(value).__name__} cannot be saved; use text or numbers")


def _describe(source: FrameSource, row: int, base: Path, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    if isinstance(source, ArrayFrames):
        arrays[f"{row}/frames"] = source.array
        return {"kind": "array", "numbers": list(source.numbers)}
    if isinstance(source, FolderFrames):
        return {"kind": "folder", "path": _relative(source.path, base)}
    if isinstance(source, MissingFrames):
        return {"kind": "missing", "path": _relative(source.path, base)}
    if isinstance(source, VideoFrames):
        return {
            "kind": "video",
            "path": _relative(source.path, base),
            "start": source.start,
            "stop": source.stop,
        }
    kind = "blinded clips" if isinstance(source, BlindFrames) else type(source).__name__
    raise DataError(f"row {row}: {kind} cannot be saved; save the clips that they were made from")


def _source(record: dict[str, Any], row: int, base: Path, arrays: dict[str, NDArray[Any]]) -> FrameSource:
    if record["kind"] == "array":
        return ArrayFrames(arrays[f"{row}/frames"], record["numbers"])
    if record["kind"] == "folder":
        return FolderFrames(base / record["path"])
    if record["kind"] == "missing":
        return MissingFrames(base / record["path"])
    if record["kind"] == "video":
        return VideoFrames(base / record["path"], record["start"], record["stop"])
    raise ValueError(f"unknown kind of frames {record['kind']!r}")


def _relative(path: Path, base: Path) -> str:
    path = path.absolute()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)
