"""Published hand-crafted features of MEGC2019: HOOF and LBP-TOP of all 442 clips, without frames.

Of the Apex-Time Network (Peng et al., ACII 2019), gathered into one npz; sequences of flow features
exist for 20 clips only.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.clips import ClipTable
from merkit.datasets.registry import register
from merkit.datasets.release_labels import Sample, find_label_table, parse_sample_id, read_label_table
from merkit.datasets.release_table import release_table
from merkit.errors import DataError

_SEQUENCES = "temporal64x128"


@register(
    "megc2019-features",
    summary="MEGC2019 composite, 442 clips: HOOF over time and LBP-TOP",
    page="Apex-Time Network (Peng et al., ACII 2019); the organisers of MEGC2019",
    needs_frames=False,
    takes_file=True,
)
def read_megc2019_features(root: Path, *, repair: bool = True, table: str | Path | None = None) -> ClipTable:
    """Read features of each clip, under the names they have in the release.

    ``hoof_tim<T>_<b>bins`` (9 or 64, b) float32, one orientation histogram a step;
    ``lbptop_tim<T>_p<n>`` (3, 59) float32, rows XY, XT, YT; for 20 clips also ``temporal64x128``
    (64, 128) float32, padded with rows of zeros.

    Parameters
    ----------
    root : Path
        The folder with ``hoof_lbptop.npz`` and, if it is there, ``temporal64x128.npz``, or the first
        of these files.
    repair : bool
        There is nothing to repair.
    table : str or Path, optional
        Label table; the one beside the features by default.

    Raises
    ------
    DataError
        If the features or labels are missing or do not belong together.
    """
    archive = root if root.suffix == ".npz" else root / "hoof_lbptop.npz"
    features = _read(archive)
    sequences = archive.with_name(f"{_SEQUENCES}.npz")
    if sequences.is_file():
        for identifier, arrays in _read(sequences).items():
            features.setdefault(identifier, {})[_SEQUENCES] = arrays["features"]
    samples = _samples(archive.parent, table)
    strangers = sorted(set(features) - {sample.id for sample in samples})
    if strangers:
        raise DataError(
            f"{archive}: the label table has no row for {strangers[0]}; give that of this release with table="
        )
    return release_table(samples, [features.get(s.id, {}) for s in samples], root, "no features")


def _read(path: Path) -> dict[str, dict[str, NDArray[Any]]]:
    """Arrays by sample id and name."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; give the folder that holds it") from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a readable npz ({error}); download it again") from error
    names = arrays.pop("sample_id", None)
    if names is None or any(len(array) != len(names) for array in arrays.values()):
        raise DataError(f"{path}: 'sample_id' does not name each row of each array; download it again")
    return {
        parse_sample_id(str(name)): {key: array[row] for key, array in arrays.items()}
        for row, name in enumerate(names)
    }


def _samples(folder: Path, table: str | Path | None) -> list[Sample]:
    path = find_label_table([folder]) if table is None else Path(table).expanduser()
    if path is None:
        raise DataError(f"{folder}: no label table such as samples.csv; name one with table=")
    return read_label_table(path)
