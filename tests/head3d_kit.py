"""What the tests of the 3D head share: a small head with light that sticks to the skin, and its margins."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, map_coordinates

from merkit.simulate import FaceState
from merkit.simulate.head3d import Head, HeadModel, load_head_model


@lru_cache(maxsize=1)
def model_of(real_data: Path) -> HeadModel:
    """The converted ICT head among the real data."""
    return load_head_model(real_data / "face3d_ict" / "face3d_ict.npz")


def edges(head: Head, state: FaceState, margin: int = 2) -> NDArray[np.bool_]:
    """Pixels within a margin of where one surface ends before another, in the frame of a state."""
    distance, kind = head.seen(state)
    distance = np.where(np.isfinite(distance), distance, 1e3)
    edge = np.zeros(head.shape, bool)
    for axis in (0, 1):
        step = (np.abs(np.diff(distance, axis=axis)) > 1) | (np.diff(kind, axis=axis) != 0)
        for before in (0, 1):
            padding = [(0, 0), (0, 0)]
            padding[axis] = (before, 1 - before)
            edge |= np.pad(step, padding)
    return binary_dilation(edge, iterations=margin)


def fetched(values: NDArray, flow: NDArray, order: int = 5) -> NDArray[np.float64]:
    """Values (height, width, K) looked up where the flow leads to, (height, width, K)."""
    rows, columns = np.mgrid[0 : values.shape[0], 0 : values.shape[1]].astype(float)
    there = [rows + flow[..., 1], columns + flow[..., 0]]
    channels = [
        map_coordinates(values[..., k].astype(float), there, order=order, mode="nearest")
        for k in range(values.shape[2])
    ]
    return np.stack(channels, -1)


def clear(
    head: Head, reference: FaceState, state: FaceState, flow: NDArray, visible: NDArray
) -> NDArray[np.bool_]:
    """Pixels of the reference that show the head, away from the ends of its surfaces in both frames."""
    on_head = np.isfinite(head.seen(reference)[0])
    ends_there = fetched(edges(head, state)[..., None], flow, order=0)[..., 0] > 0
    rows, columns = np.mgrid[0 : head.shape[0], 0 : head.shape[1]]
    there = np.stack([columns, rows], -1) + flow
    inside = ((there >= 1) & (there <= np.array(head.shape[::-1]) - 2)).all(axis=-1)
    return on_head & visible & ~edges(head, reference) & ~ends_there & inside
