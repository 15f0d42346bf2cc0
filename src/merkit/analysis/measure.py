"""Second pass: read the frames of one interval again and measure its motion as well as can be.

Frames around onset, apex and offset are averaged against camera noise, the head is registered anew
on the onset, and what is slowly drifting is taken out by subtracting half of what is left at the
offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.analysis.scan import Scan
from merkit.errors import VideoError
from merkit.faces.crop import in_picture, warp
from merkit.faces.geometry import CropGeometry, compose, grid_points, part_weights
from merkit.faces.reference import STEP, mask_radius, rigid_fit
from merkit.inputs.onset_apex_flow import AVERAGE_S, rise
from merkit.inputs.registration import NEAR_ENOUGH, register

FINER = {"dis": "dis-fine"}
"""Backends that measure lengths better than the fast ones of the scan."""
LOOP_STEPS = 8
"""Steps from onset to apex that are shown in motion."""
NEAR_IN_PICTURES = 3.0
"""Rigid displacement in crop pixels up to which a frame that is only shown is left where it is."""
DISPLAY_WIDTH = 320


@dataclass(frozen=True)
class Measurement:
    """Motion of one interval.

    Attributes
    ----------
    flow : float32 array, shape (H, W, 2)
        Onset to apex in crop pixels, head motion removed; zero where the picture ends.
    parts : float array, shape (len(PARTS), 2)
        Mean of `flow` over the parts, px200; zero for parts that are not in the picture.
    sequence : float32 array, shape (n, H, W, 2)
        The same for frames from onset to apex, for pictures.
    onset_rgb, apex_rgb : uint8 array, shape (h, w, 3)
        Registered crops at display size.
    px200_scale : float
        px200 of one pixel of the video.
    """

    flow: NDArray[np.float32]
    parts: NDArray[np.float64]
    sequence: NDArray[np.float32]
    onset_rgb: NDArray[np.uint8]
    apex_rgb: NDArray[np.uint8]
    px200_scale: float


def measure(
    reader: Any, scan: Scan, onset: int, apex: int, offset: int, *, backend: str = "dis", drift: bool = True
) -> Measurement:
    """Measure one interval of a video that was scanned.

    Parameters
    ----------
    reader : merkit.video.VideoReader
    scan : Scan
    onset, apex, offset : int
        Frames of one segment, in order.
    backend : str
        Flow backend of the scan; for the fast one a finer one measures the lengths.
    drift : bool
        Subtract half of the motion that is left at the offset (for short movements).

    Raises
    ------
    VideoError
        If the frames of the interval cannot be read a second time.
    """
    geometry = scan.geometry
    fine = FINER.get(backend, backend)
    roles = {
        name: _around(scan, centre) for name, centre in (("onset", onset), ("apex", apex), ("offset", offset))
    }
    steps = sorted({int(i) for i in np.linspace(onset, apex, LOOP_STEPS + 1).round()})
    averaged = {i for group in roles.values() for i in group}
    wanted = averaged | {i for i in steps if scan.tracked[i]}
    crops: dict[int, NDArray[np.uint8]] = {}
    shown: dict[int, NDArray[np.uint8]] = {}
    display = CropGeometry(DISPLAY_WIDTH)
    enlarge = np.array([[display.width / geometry.width, 0, 0], [0, display.height / geometry.height, 0]])
    grid, radius = grid_points(geometry.shape, STEP), mask_radius(geometry)
    landmarks = scan.landmarks[scan.reference[onset]]
    anchor: NDArray[np.uint8] | None = None
    residuals: dict[int, NDArray[np.float32]] = {}
    covers: dict[int, NDArray[np.bool_]] = {}
    for frame in reader.frames(min(wanted), max(wanted) + 1):
        i = frame.index
        if i not in wanted:
            continue
        matrix = scan.matrices[i]
        if anchor is None:
            anchor = warp(frame.gray, matrix, geometry)
            fit, _ = rigid_fit(landmarks, grid, radius, in_picture(grid, matrix, frame.gray.shape))
        near = NEAR_ENOUGH if i in averaged else NEAR_IN_PICTURES
        matrix, residuals[i] = register(anchor, frame.gray, matrix, geometry, fit, backend, near)
        crops[i] = warp(frame.gray, matrix, geometry)
        covers[i] = in_picture(grid_points(geometry.shape, 1), matrix, frame.gray.shape).reshape(
            geometry.shape
        )
        if i in (onset, apex):
            shown[i] = warp(frame.rgb, compose(enlarge, matrix), display)
    if not {onset, apex, offset} <= crops.keys():
        raise VideoError(
            f"frames {onset} to {offset} could not be read a second time; "
            "convert the video to H.264 in MP4 and try again"
        )
    means = {name: _mean([crops[i] for i in group if i in crops]) for name, group in roles.items()}
    identity = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    offset_mean = means["offset"] if drift else None
    flow = rise(means["onset"], means["apex"], offset_mean, identity, geometry, fit, fine)
    # Beyond the edge of the picture there is nothing that could have moved.
    flow = flow * (covers[onset] & covers[apex])[..., None]
    sampled = flow[STEP // 2 :: STEP, STEP // 2 :: STEP].reshape(-1, 2)
    parts = (part_weights(landmarks[:, :2], grid, radius) @ sampled).astype(np.float64) * geometry.px200
    parts[np.isnan(scan.motion[[onset, apex]]).any(axis=(0, 2))] = 0.0
    start = residuals[onset]
    return Measurement(
        flow=flow.astype(np.float32),
        parts=parts,
        sequence=np.stack(
            [(residuals[i] - start) * (covers[onset] & covers[i])[..., None] for i in steps if i in residuals]
        ),
        onset_rgb=shown[onset],
        apex_rgb=shown[apex],
        px200_scale=float(scan.px200_scale[apex]),
    )


def _around(scan: Scan, centre: int) -> list[int]:
    """Frames of the same segment that are so near that they may be averaged."""
    near = np.arange(max(centre - 8, 0), min(centre + 9, len(scan)))
    close = np.abs(scan.times[near] - scan.times[centre]) <= AVERAGE_S
    return [int(i) for i in near[close & (scan.segment[near] == scan.segment[centre])]]


def _mean(crops: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.mean(crops, axis=0).round().astype(np.uint8)
