"""Published flow maps of MEGC2019: u, v and strain of each clip, 28x28, without frames.

They circulate as one npz, as a folder of PNGs (``<subject>_<clip> .png``) and as folders of PNGs by
held-out subject; all three are read.  Maps stay as published, RGB = (u, v, strain) in uint8:

``megc2019-flow``
    Every channel of every map is stretched to 0..255 by itself.  The zero of the flow, the amplitude
    and the ratio of u to v are therefore not known; nothing can bring them back.
``megc2019-flow-phases``
    Not stretched map by map, but neither zero nor scale is stated.  Four maps a clip, of which the
    first is onset to apex.

What may be used of either is what :func:`merkit.inputs.flow_map.flow_features` keeps: the map less its
median, divided by its own 95th percentile.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.clips import ClipTable
from merkit.datasets.registry import register
from merkit.datasets.release_labels import (
    Sample,
    find_label_table,
    make_sample,
    parse_sample_id,
    read_label_table,
)
from merkit.datasets.release_table import release_table
from merkit.errors import DataError
from merkit.video.images import read_image

_PAGE = "STSTNet (Liong et al., FG 2019); the organisers of MEGC2019"
# A folder of PNGs as its repositories name it, below the folder that was downloaded.
_NESTED = ("", "STSNet_whole_norm_u_v_os", "datasets/STSNet_whole_norm_u_v_os")
_FOLDS = ("", "three_norm_u_v_os", "datasets/three_norm_u_v_os")
_PHASES = 4

Maps = NDArray[np.uint8]


@register(
    "megc2019-flow",
    summary="MEGC2019 composite, 442 clips: one 28x28 map of u, v, strain each, stretched map by map",
    page=_PAGE,
    needs_frames=False,
    takes_file=True,
)
def read_megc2019_flow(root: Path, *, repair: bool = True, table: str | Path | None = None) -> ClipTable:
    """Read onset-apex flow maps into ``features["flow_map"]``, (28, 28, 3) uint8.

    Parameters
    ----------
    root : Path
        An npz with the array ``flow`` (N, H, W, 3), the folder that holds it, a folder of PNGs, or
        folders ``<subject>/u_test/<label>/`` of PNGs.
    repair : bool
        There is nothing to repair.
    table : str or Path, optional
        Label table; otherwise one beside the maps, or the labels in the npz or in folder names.

    Raises
    ------
    DataError
        If there are no maps or labels, or a map belongs to no row of the labels.
    """
    maps, labelled = _read_maps(root, phases=1)
    samples = _samples(root, maps, labelled, table)
    features = [{"flow_map": maps[s.id][0]} if s.id in maps else {} for s in samples]
    return release_table(samples, features, root, "no flow map")


@register(
    "megc2019-flow-phases",
    summary="MEGC2019 composite, 442 clips: 28x28 maps of the rising and the falling phase",
    page="CausalNet (ICCV 2025); the organisers of MEGC2019",
    needs_frames=False,
    takes_file=True,
)
def read_megc2019_flow_phases(
    root: Path, *, repair: bool = True, table: str | Path | None = None
) -> ClipTable:
    """Read flow maps by phase; parameters and errors as in :func:`read_megc2019_flow`.

    ``features["flow_map"]`` is the rising phase, (28, 28, 3) uint8, and ``features["flow_phases"]`` all
    four maps, (4, 28, 28, 3): rising, falling, and two companions of unknown meaning.
    """
    maps, labelled = _read_maps(root, phases=_PHASES)
    samples = _samples(root, maps, labelled, table)
    features = [
        {"flow_map": maps[s.id][0], "flow_phases": maps[s.id]} if s.id in maps else {} for s in samples
    ]
    return release_table(samples, features, root, "no flow maps")


def _read_maps(root: Path, phases: int) -> tuple[dict[str, Maps], list[Sample]]:
    """Maps by sample id, each (phases, H, W, 3), and the labels that came with them."""
    archives = [root] if root.suffix == ".npz" else sorted(root.glob("*.npz")) if root.is_dir() else []
    for archive in archives:
        read = _read_archive(archive, phases)
        if read is not None:
            return read
    for nested in _NESTED:
        files = _pictures(root / nested)
        if files:
            return _read_pictures(files, phases), []
    for nested in _FOLDS:
        tests = sorted((root / nested).glob("*/u_test/*/*"))
        pictures = [path for path in tests if path.suffix.casefold() == ".png"]
        if pictures:
            labels = [make_sample(_stem(path), path.parent.name) for path in pictures]
            return _read_pictures(pictures, phases), labels
    raise DataError(
        f"{root}: no flow maps here; give the npz with the array 'flow', or the folder of PNGs named "
        "<subject>_<clip>.png"
    )


def _read_archive(path: Path, phases: int) -> tuple[dict[str, Maps], list[Sample]] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            if "flow" not in stored.files:
                return None
            flow = stored["flow"]
            names = [str(name) for name in stored["sample_id"]] if "sample_id" in stored.files else None
            labels = [str(label) for label in stored["label"]] if "label" in stored.files else None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a readable npz ({error}); download it again") from error
    if names is None or len(names) != len(flow):
        raise DataError(f"{path}: has no 'sample_id' for each of its {len(flow)} maps; add the array")
    if labels is not None and len(labels) != len(flow):
        raise DataError(f"{path}: {len(labels)} labels for {len(flow)} maps; give one a map")
    if flow.ndim == 4 and phases == 1:
        flow = flow[:, None]
    if flow.ndim != 5 or flow.shape[1] != phases or flow.shape[-1] != 3 or flow.dtype != np.uint8:
        raise DataError(f"{path}: 'flow' is {flow.dtype} {flow.shape}; {_expected(phases)}")
    ids = [parse_sample_id(name) for name in names]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise DataError(f"{path}: sample {twice} stands there twice; keep one map a clip")
    found = [make_sample(*pair) for pair in zip(names, labels, strict=True)] if labels is not None else []
    return dict(zip(ids, flow, strict=True)), found


def _read_pictures(files: Iterable[Path], phases: int) -> dict[str, Maps]:
    """Read one picture a map; with several maps a clip, the further ones end in ``_1``, ``_2``, ``_3``."""
    named = {_stem(path): path for path in files}
    groups: dict[str, dict[int, Path]] = {}
    for stem, path in named.items():
        further = re.fullmatch(r"(.+)_([1-9])", stem)
        # Clip names end in numbers as well: only what follows an existing first map is a further one.
        if further is not None and further[1] in named:
            groups.setdefault(further[1], {})[int(further[2])] = path
        else:
            groups.setdefault(stem, {})[0] = path
    maps: dict[str, Maps] = {}
    shape: tuple[int, ...] | None = None
    for stem, parts in groups.items():
        if sorted(parts) != list(range(phases)):
            names = ", ".join(repr(path.name) for path in parts.values())
            raise DataError(
                f"{next(iter(parts.values()))}: of this clip there are {names}; {_expected(phases)}"
            )
        pixels = [read_image(parts[number]) for number in range(phases)]
        for number, image in enumerate(pixels):
            shape = image.shape if shape is None else shape
            if image.ndim != 3 or image.shape != shape:
                raise DataError(
                    f"{parts[number]}: a picture of {image.shape}, expected the size of the others, "
                    f"{shape[:2]}, in colour; take it out or download it again"
                )
        maps[parse_sample_id(stem)] = np.stack(pixels)
    return maps


def _samples(
    root: Path, maps: Mapping[str, Any], labelled: list[Sample], table: str | Path | None
) -> list[Sample]:
    """Whose maps they are: by the table given, by one beside the maps, by labels within the release."""
    if table is not None:
        path: Path | None = Path(table).expanduser()
        if path is not None and not path.is_file() and (root / path).is_file():
            path = root / path
    else:
        folder = root if root.is_dir() else root.parent
        # A repository keeps its label table two folders above its pictures.
        above = [] if labelled else list(folder.resolve().parents)[:2]
        path = find_label_table([folder, *above])
    if path is None:
        if not labelled:
            raise DataError(
                f"{root}: the maps carry no labels; put the organisers' combined_3class_gt.csv beside them "
                "or name it with table="
            )
        return labelled
    samples = read_label_table(path)
    rows = {sample.id: sample for sample in samples}
    strangers = sorted(set(maps) - set(rows))
    if strangers:
        raise DataError(
            f"{path}: no row for {len(strangers)} of {len(maps)} maps, the first is {strangers[0]}; give "
            "the table of this release with table="
        )
    for sample in labelled:
        if sample.label != rows[sample.id].label:
            raise DataError(
                f"{path}: says {rows[sample.id].label} for {sample.id}, the release itself says "
                f"{sample.label}; give the table of this release with table="
            )
    return samples


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix.casefold() == ".png" and not p.name.startswith("."))


def _stem(path: Path) -> str:
    """Name without suffix; in circulation a blank stands before the dot."""
    return path.stem.strip()


def _expected(phases: int) -> str:
    if phases == 1:
        return "expected uint8 (N, H, W, 3), one map a clip; four maps a clip are megc2019-flow-phases"
    return "expected uint8 (N, 4, H, W, 3), four maps a clip; one map a clip is megc2019-flow"
