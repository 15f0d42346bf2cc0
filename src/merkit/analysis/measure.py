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
from merkit.faces.crop import warp
from merkit.faces.geometry import PARTS, CropGeometry, compose, grid_points, invert, part_weights
from merkit.faces.reference import STEP, mask_radius, rigid_fit
from merkit.faces.register import RigidFit
from merkit.motion.flow import optical_flow

AVERAGE_S = 0.022
"""Frames up to this far from onset, apex and offset are averaged (five at 100 fps, one at 25)."""
LOOP_FRAMES = 12
DISPLAY_WIDTH = 320


@dataclass(frozen=True)
class Measurement:
    """Motion of one interval.

    Attributes
    ----------
    flow : float32 array, shape (H, W, 2)
        Onset to apex in crop pixels, head motion removed.
    parts : float array, shape (len(PARTS), 2)
        Mean of `flow` over the parts, px200.
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
        Frames, in order.
    backend : str
        Flow backend.
    drift : bool
        Subtract half of the motion that is left at the offset (for short movements).
    """
    geometry = scan.geometry
    times = scan.times
    roles = {
        name: [
            i
            for i in range(max(centre - 8, 0), min(centre + 9, len(scan)))
            if abs(times[i] - times[centre]) <= AVERAGE_S and scan.tracked[i]
        ]
        or [centre]
        for name, centre in (("onset", onset), ("apex", apex), ("offset", offset))
    }
    steps = sorted({int(i) for i in np.linspace(onset, offset, LOOP_FRAMES).round()} | {apex})
    wanted = sorted({i for group in roles.values() for i in group} | set(steps))
    crops: dict[int, NDArray[np.uint8]] = {}
    shown: dict[int, NDArray[np.uint8]] = {}
    display = CropGeometry(DISPLAY_WIDTH)
    fit, _ = rigid_fit(
        scan.landmarks[scan.reference[onset]], grid_points(geometry.shape, STEP), mask_radius(geometry)
    )
    enlarge = np.array([[display.width / geometry.width, 0, 0], [0, display.height / geometry.height, 0]])
    matrices: dict[int, NDArray[np.float64]] = {}
    anchor: NDArray[np.uint8] | None = None
    residuals: dict[int, NDArray[np.float32]] = {}
    for frame in reader.frames(wanted[0], wanted[-1] + 1):
        i = frame.index
        if i not in wanted or not scan.tracked[i]:
            continue
        matrix = scan.matrices[i]
        if anchor is None:
            anchor = warp(frame.gray, matrix, geometry)
        matrices[i], residuals[i] = register(anchor, frame.gray, matrix, geometry, fit, backend)
        crops[i] = warp(frame.gray, matrices[i], geometry)
        if i in (onset, apex):
            shown[i] = warp(frame.rgb, compose(enlarge, matrices[i]), display)
    means = {name: _mean([crops[i] for i in group if i in crops]) for name, group in roles.items()}
    identity = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    _, flow = register(means["onset"], means["apex"], identity, geometry, fit, backend)
    if drift:
        _, left = register(means["onset"], means["offset"], identity, geometry, fit, backend)
        flow = flow - 0.5 * left
    weights = part_weights(
        scan.landmarks[scan.reference[onset]][:, :2], grid_points(geometry.shape, STEP), mask_radius(geometry)
    )
    sampled = flow[STEP // 2 :: STEP, STEP // 2 :: STEP].reshape(-1, 2)
    start = residuals[onset]
    return Measurement(
        flow=flow.astype(np.float32),
        parts=(weights @ sampled).astype(np.float64) * geometry.px200,
        sequence=np.stack([residuals[i] - start for i in steps if i in residuals]),
        onset_rgb=shown[onset],
        apex_rgb=shown[apex],
        px200_scale=float(scan.px200_scale[apex]),
    )


def _mean(crops: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.mean(crops, axis=0).round().astype(np.uint8)


__all__ = ["PARTS", "Measurement", "measure", "register"]
