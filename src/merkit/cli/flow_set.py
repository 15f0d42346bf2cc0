"""The flow maps of whole datasets: measured clip by clip, kept, and joined into one release."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit import __version__
from merkit.clips import Clip, ClipTable
from merkit.datasets.release_labels import sample_id
from merkit.errors import DataError, MerkitError
from merkit.inputs.flow_strain import flow_strain, to_picture, write_picture
from merkit.inputs.onset_apex_flow import FlowSettings
from merkit.processes import in_processes
from merkit.protocols import get_protocol
from merkit.saving import plain_refusals, remove_drafts, whole_file, write_whole

MAPS, PICTURES, ALL, RELEASE, LABELS = "maps", "png", "maps.npz", "flow.npz", "samples.csv"
_KEYS = ("made", "values", "px200", "apex", "note")


@dataclass(frozen=True)
class Wanted:
    """What is to be measured, and how it is to be written.

    Attributes
    ----------
    settings : FlowSettings
    size : int
        Height and width of the maps.
    scaling, order : str
        Of pictures, see :func:`~merkit.inputs.flow_strain.to_picture` and ``write_picture``.
    pictures : bool
        Whether a PNG is written for every clip as well.
    """

    settings: FlowSettings
    size: int
    scaling: str = "stretched"
    order: str = "rgb"
    pictures: bool = False


@dataclass(frozen=True)
class Made:
    """What a run wrote.

    Attributes
    ----------
    maps : int
        Clips with a map.
    kept : int
        Those that were there already.
    estimated : int
        Those whose apex was estimated.
    released : int
        Those in the release in the form of MEGC2019; 0 if there is none.
    failed : tuple of str
        One line for every clip without a map.
    """

    maps: int
    kept: int
    estimated: int
    released: int
    failed: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    clip: Clip
    target: Path
    made: str
    settings: FlowSettings
    size: int


def make_release(
    tables: Mapping[str, ClipTable], out: Path, wanted: Wanted, workers: int, on_progress: Callable[..., None]
) -> Made:
    """Measure the map of every clip and write the release; what an earlier run has made is kept."""
    jobs, failed = _jobs(tables, out, wanted)
    if not jobs:
        raise DataError(
            f"none of {len(failed)} clips has frames; {failed[0] if failed else 'the data are empty'}"
        )
    waiting = [key for key, job in jobs.items() if _read(job) is None]
    kept = len(jobs) - len(waiting)
    on_progress(kept, len(jobs), "measuring flow")
    lost = {}
    for done, (key, fault) in enumerate(_measured(waiting, jobs, workers), start=1):
        if fault:
            lost[key] = fault
        on_progress(kept + done, len(jobs), "measuring flow")
    failed += [lost[key] for key in jobs if key in lost]
    found = {key: read for key, job in jobs.items() if (read := _read(job)) is not None}
    if not found:
        raise DataError(f"no map was made of {len(jobs)} clips: {failed[0]}")
    _write_all(out, jobs, found)
    if wanted.pictures:
        for key, read in found.items():
            picture = out / PICTURES / key[0] / f"{_file_name(key[1])}.png"
            picture.parent.mkdir(parents=True, exist_ok=True)
            write_picture(picture, to_picture(read["values"], wanted.scaling), wanted.order)
    released = _write_release(out, tables, found, wanted.scaling)
    estimated = sum(bool(str(read["note"])) for read in found.values())
    return Made(len(found), kept, estimated, released, tuple(failed))


def _jobs(
    tables: Mapping[str, ClipTable], out: Path, wanted: Wanted
) -> tuple[dict[tuple[str, str], _Job], list[str]]:
    """What is to be done, by dataset and clip, and why there is nothing to do for other clips."""
    jobs: dict[tuple[str, str], _Job] = {}
    failed = []
    for name, table in tables.items():
        there = table.frame["found"] if "found" in table.frame else [True] * len(table)
        folder = out / MAPS / name
        with plain_refusals(folder):
            folder.mkdir(parents=True, exist_ok=True)
            remove_drafts(folder)
        for place, found in enumerate(there):
            clip = table[place]
            if not found:
                failed.append(f"{name} {clip.id}: no frames, or not all that are needed")
                continue
            about = {
                "merkit": __version__, "settings": asdict(wanted.settings), "size": wanted.size,
                "fps": clip.fps, "marks": [clip.onset, clip.apex, clip.offset],
            }  # fmt: skip
            target = folder / f"{_file_name(clip.id)}.npz"
            jobs[name, clip.id] = _Job(
                clip, target, json.dumps(about, sort_keys=True), wanted.settings, wanted.size
            )
    return jobs, failed


def _measured(
    keys: list[tuple[str, str]], jobs: Mapping[tuple[str, str], _Job], workers: int
) -> Iterator[tuple[tuple[str, str], str]]:
    """Each clip and why it has no map, empty if it has one."""
    count = min(workers, len(keys))
    if count < 2:
        yield from ((key, _measure(jobs[key])) for key in keys)
        return
    yield from in_processes(
        keys, jobs.__getitem__, _measure, count, caller="merkit flow", prepare=_one_thread
    )


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


def _measure(job: _Job) -> str:
    """Write the map of a clip, or say why there is none."""
    try:
        seen = flow_strain(job.clip, job.settings, size=job.size)
    except MerkitError as error:
        return " ".join(str(error).split())
    with whole_file(job.target) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            made=job.made,
            values=seen.values,
            px200=seen.px200,
            apex=seen.apex.number,
            note=seen.apex.note,
        )
    return ""


def _read(job: _Job) -> dict[str, Any] | None:
    """A map that was made with these settings; ``None`` where there is none, or it is damaged."""
    try:
        with np.load(job.target, allow_pickle=False) as stored:
            found = {key: stored[key] for key in _KEYS}
    except Exception:  # what a damaged archive raises differs from fault to fault; it is made again
        return None
    return found if str(found["made"]) == job.made else None


def _write_all(
    out: Path, jobs: Mapping[tuple[str, str], _Job], found: Mapping[tuple[str, str], Mapping[str, Any]]
) -> None:
    """All maps in their own unit, with what is needed to use them."""
    clips = [jobs[key].clip for key in found]
    with whole_file(out / ALL) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            values=np.stack([read["values"] for read in found.values()]),
            px200=np.array([float(read["px200"]) for read in found.values()]),
            apex=np.array([int(read["apex"]) for read in found.values()]),
            apex_estimated=np.array([bool(str(read["note"])) for read in found.values()]),
            id=_texts([clip.id for clip in clips]),
            dataset=_texts([key[0] for key in found]),
            subject=_texts([clip.subject for clip in clips]),
            emotion=_texts([clip.emotion or "" for clip in clips]),
        )


def _write_release(
    out: Path,
    tables: Mapping[str, ClipTable],
    found: Mapping[tuple[str, str], Mapping[str, Any]],
    scaling: str,
) -> int:
    """The maps of MEGC2019's clips in the form that ``megc2019-flow`` reads; how many there are."""
    maps: dict[str, NDArray[np.uint8]] = {}
    rows = []
    label_maps = get_protocol("megc2019").label_maps
    for name, table in tables.items():
        if name not in label_maps:
            continue
        labels = label_maps[name].assign(table.frame)
        columns = (table.frame[key] for key in ("id", "subject", "filename"))
        for identifier, subject, filename, (label, _) in zip(*columns, labels, strict=True):
            if label is None or (name, identifier) not in found:
                continue
            sample = sample_id(subject, filename)
            maps[sample] = to_picture(found[name, identifier]["values"], scaling)
            rows.append((sample, name, subject, sample.partition("_")[2], label))
    if not maps:
        return 0
    with whole_file(out / RELEASE) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            flow=np.stack(list(maps.values())),
            sample_id=_texts(maps),
            label=_texts(row[-1] for row in rows),
        )
    text = io.StringIO()
    table_writer = csv.writer(text, lineterminator="\n")
    table_writer.writerows([("sample_id", "dataset", "subject", "clip", "label"), *rows])
    write_whole(out / LABELS, text.getvalue())
    return len(maps)


def _texts(words: Any) -> NDArray[np.str_]:
    return np.array([str(word) for word in words], dtype=np.str_)


def _file_name(identifier: str) -> str:
    """A name for a file, the same for equal ids and different for different ones."""
    plain = re.sub(r"[^\w.-]", "_", identifier)
    return plain if plain == identifier else f"{plain}-{sha256(identifier.encode()).hexdigest()[:8]}"
