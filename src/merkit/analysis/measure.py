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
from merkit.faces.geometry import CropGeometry, compose, grid_points, invert, part_weights
from merkit.faces.reference import STEP, mask_radius, rigid_fit
from merkit.faces.register import RigidFit
from merkit.motion.flow import optical_flow

AVERAGE_S = 0.022
"""Frames up to this far from onset, apex and offset are averaged (five at 100 fps, one at 25)."""
FINER = {"dis": "dis-fine"}
"""Backends that measure lengths better than the fast ones of the scan."""
LOOP_FRAMES = 12
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
        The same for frames from onset to offset, for pictures.
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


def register(
    reference: NDArray[np.uint8], gray: NDArray[np.uint8], matrix: NDArray[np.floating],
    geometry: CropGeometry, fit: RigidFit, backend: str,
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:  # fmt: skip
    """Crop matrix of a picture that undoes the rigid motion against a reference crop.

    Returns
    -------
    matrix : float array, shape (2, 3)
    residual : float32 array, shape (H, W, 2)
        Flow from the reference to the crop by that matrix, the rest of the rigid motion removed.
    """
    for _ in range(3):
        flow = optical_flow(reference, warp(gray, matrix, geometry), backend)
        rigid = fit(flow[STEP // 2 :: STEP, STEP // 2 :: STEP].reshape(-1, 2))
        tx, ty, s, r = rigid.params[:4]
        if np.hypot(tx, ty) + np.hypot(s, r) < 0.3:
            break
        matrix = compose(invert(rigid.matrix), matrix)
    return np.asarray(matrix, dtype=np.float64), np.asarray(
        flow - _everywhere(fit, rigid.params, geometry), dtype=np.float32
    )


def _everywhere(fit: RigidFit, params: NDArray[np.floating], geometry: CropGeometry) -> NDArray[np.float32]:
    """A fitted rigid flow on every pixel of the crop."""
    import cv2

    rows = len(range(STEP // 2, geometry.height, STEP))
    coarse = np.stack([fit.u @ params, fit.v @ params], axis=1).reshape(rows, -1, 2)
    height, width = geometry.shape
    # The grid starts at STEP/2; map every pixel to its place on it.
    x = (np.arange(width, dtype=np.float32) - STEP // 2) / STEP
    y = (np.arange(height, dtype=np.float32) - STEP // 2) / STEP
    grid_x, grid_y = np.meshgrid(x, y)
    return cv2.remap(
        coarse.astype(np.float32), grid_x, grid_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


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
    steps = sorted({int(i) for i in np.linspace(onset, offset, LOOP_FRAMES).round()} | {apex})
    wanted = {i for group in roles.values() for i in group} | {i for i in steps if scan.tracked[i]}
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
        matrix, residuals[i] = register(anchor, frame.gray, matrix, geometry, fit, backend)
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
    _, flow = register(means["onset"], means["apex"], identity, geometry, fit, fine)
    if drift:
        _, left = register(means["onset"], means["offset"], identity, geometry, fit, fine)
        flow = flow - 0.5 * left
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
