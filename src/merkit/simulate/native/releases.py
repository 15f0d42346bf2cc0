"""The forms of the published features of MEGC2019: arrays or pictures with a table of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError
from merkit.simulate.native.clip import NativeClip
from merkit.simulate.native.pictures import save_picture
from merkit.simulate.native.sheets import Rows, read_rows, write_sheets

RELEASES = ("megc2019-flow", "megc2019-flow-phases", "megc2019-features")
VARIANTS = ("npz", "png")
LABELS = ("negative", "positive", "surprise")
_SIDE = 28


def write_release(
    name: str,
    root: Path,
    table: Path | None,
    clips: int | Sequence[NativeClip],
    seed: int,
    variant: str = "",
) -> Path:
    """Write random maps or histograms for the clips of a table of labels.

    Parameters
    ----------
    name : str
        One of :data:`RELEASES`.
    root : Path
        Made if it is not there.
    table : Path, optional
        The organisers' list, without header: dataset, subject, clip, label (0, 1, 2).
    clips : int
        How many clips to make up without a table.
    seed : int
        Equal seeds give equal values.
    variant : str
        ``npz``, or ``png`` with one picture a map, ``<id> .png``; features are always an npz.
    """
    if variant not in ("", *VARIANTS) or (variant == "png" and name == "megc2019-features"):
        raise ConfigError(f"variant={variant!r}: {name} has 'npz'{'' if 'features' in name else ', png'}")
    rng = np.random.default_rng(seed)
    samples = _listed(table) if table is not None else _invented(clips)
    root.mkdir(parents=True, exist_ok=True)
    ids = [f"{subject}_{clip}" for _, subject, clip, _ in samples]
    rows: Rows = [["sample_id", "dataset", "subject", "clip", "label", "label_name"]]
    for sample_id, (dataset, subject, clip, label) in zip(ids, samples, strict=True):
        rows.append([sample_id, dataset, subject, clip, str(label), LABELS[label]])
    write_sheets(root / "samples.csv", {"samples": rows})
    if name == "megc2019-features":
        np.savez(
            root / "hoof_lbptop.npz",
            allow_pickle=False,
            sample_id=np.array(ids),
            **_histograms(len(ids), rng),
        )
        return root
    maps = _maps(len(ids), 1 if name == "megc2019-flow" else 4, rng)
    if variant == "png":
        _write_pictures(root, ids, maps)
    elif name == "megc2019-flow":
        about = {
            "sample_id": np.array(ids),
            "dataset": np.array([sample[0] for sample in samples]),
            "subject": np.array([sample[1] for sample in samples]),
            "label": np.array([sample[3] for sample in samples]),
        }
        np.savez(root / "flow.npz", allow_pickle=False, flow=maps[:, 0], **about)
    else:
        np.savez(root / "flow_phases.npz", flow=maps, sample_id=np.array(ids))
    return root


def _listed(table: Path) -> list[tuple[str, str, str, int]]:
    samples = []
    for row in read_rows(table):
        if not any(row):
            continue
        if len(row) < 4 or row[3] not in ("0", "1", "2"):
            raise DataError(f"{table}: row {row} is not dataset, subject, clip, label 0 to 2")
        dataset, subject, clip, label = row[:4]
        # The list writes SAMM's 006 as 6; published maps have the three digits.
        subject = subject.zfill(3) if dataset == "samm" else subject
        samples.append((dataset, subject, clip, int(label)))
    return samples


def _invented(clips: int | Sequence[NativeClip]) -> list[tuple[str, str, str, int]]:
    if not isinstance(clips, int):
        raise ConfigError("clips: a release of features takes a number of clips")
    people = (
        ("casme2", "sub01", "EP{:02d}_01f"),
        ("casme2", "sub02", "EP{:02d}_02"),
        ("smic", "s01", "s01_ne_{:02d}"),
        ("smic", "s03", "s03_po_{:02d}"),
        ("samm", "006", "006_1_{:d}"),
        ("samm", "007", "007_3_{:d}"),
    )
    samples = []
    for place in range(clips):
        dataset, subject, clip = people[place % len(people)]
        samples.append((dataset, subject, clip.format(place // len(people) + 1), (place // 2) % 3))
    return samples


def _maps(n: int, phases: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Maps (N, phases, 28, 28, 3), every channel stretched to 0..255 where there is one phase."""
    maps = rng.integers(40, 216, (n, phases, _SIDE, _SIDE, 3), dtype=np.uint8)
    if phases == 1:
        maps[:, :, 0, 0], maps[:, :, 0, 1] = 0, 255
    return maps


def _histograms(n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    shapes = {f"hoof_tim{t}_{b}bins": (n, 9 if t == 10 else 64, b) for t in (10, 64) for b in (4, 8)}
    shapes |= {f"lbptop_tim{t}_p{p}": (n, 3, 59) for t in (10, 64) for p in (4, 8)}
    arrays = {}
    for key, shape in shapes.items():
        values = rng.uniform(0.1, 1, shape)
        arrays[key] = (values / values.sum(axis=-1, keepdims=True)).astype(np.float32)
    return arrays


def _write_pictures(root: Path, ids: list[str], maps: NDArray[np.uint8]) -> None:
    for sample_id, phases in zip(ids, maps, strict=True):
        for number, picture in enumerate(phases):
            ending = f"_{number}" if number else ""
            save_picture(root / f"{sample_id}{ending} .png", picture, grey=False)
