"""Load the published flow maps that flow-svm learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CLASSES = ("negative", "positive", "surprise")


@dataclass(frozen=True)
class PhaseMaps:
    """Rising-phase maps of MEGC2019.

    Parameters
    ----------
    maps : uint8 array, shape (N, 28, 28, 3)
        u, v, strain from onset to apex, as published.
    labels, subjects, datasets : str array, shape (N,)
        Subjects are unique over datasets.
    """

    maps: NDArray[np.uint8]
    labels: NDArray[np.str_]
    subjects: NDArray[np.str_]
    datasets: NDArray[np.str_]


def load_phase_maps(data: Path) -> PhaseMaps:
    """Read map 0 of the 442 clips from ``data/megc2019_flow_phases``."""
    folder = data / "megc2019_flow_phases"
    rows = pd.read_csv(folder / "samples.csv", dtype=str)
    with np.load(folder / "flow_phases.npz") as stored:
        maps = stored["flow"][:, 0]
        if stored["sample_id"].tolist() != rows.sample_id.tolist():
            raise SystemExit(f"{folder}: flow_phases.npz and samples.csv list different clips")
    labels = rows.label_name.to_numpy(dtype=str)
    datasets = rows.dataset.to_numpy(dtype=str)
    subjects = (rows.dataset + "/" + rows.subject).to_numpy(dtype=str)
    return PhaseMaps(maps, labels, subjects, datasets)
