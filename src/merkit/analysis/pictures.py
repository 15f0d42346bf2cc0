"""The four pictures of an event: onset, apex, flow colours to lay over the face, exaggerated loop.

They are encoded at once, so that an analysis holds some 100 to 200 kB an event instead of raw frames.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from merkit.analysis.result import EventPictures
from merkit.faces.geometry import CropGeometry
from merkit.motion.colors import flow_to_rgba

__all__ = ["FLOW_SCALE_KEY", "event_pictures"]

#: Key of the PNG text entry of the flow picture that states the motion of full colour in px200.
FLOW_SCALE_KEY = "merkit full colour px200"

MAX_GAIN = 12.0
#: What the strongest motion of the loop is brought to, as a fraction of the face width.
LOOP_AMPLITUDE = 0.05
STILL_WIDTH, LOOP_WIDTH, FLOW_WIDTH = 320, 240, 128
#: Frames from rest to the strongest motion; the way back shows the same frames in reverse.
LOOP_STEPS = 8
LOOP_FRAME_MS, LOOP_HOLD_MS = 110, 350
# What the encoders aim at by lowering the quality; ordinary faces need about half of it.
STILL_BYTES, LOOP_BYTES = 45_000, 90_000
MAX_OPACITY = 0.8


def event_pictures(
    onset_rgb: NDArray[np.uint8],
    apex_rgb: NDArray[np.uint8],
    flows: Sequence[NDArray[np.floating]] | NDArray[np.floating],
    gain: float | None = None,
    *,
    face_width: float | None = None,
) -> EventPictures:
    """Make and encode the pictures of one event.

    Parameters
    ----------
    onset_rgb, apex_rgb : ndarray, shape (H, W, 3), uint8
        Face crops registered to each other, RGB, at display size.
    flows : ndarray or sequence, shape (n, h, w, 2)
        Residual flow from the onset to n frames between onset and offset, in order, in pixels of its
        own grid (u right, v down); the grid may be smaller or larger than the crops.
    gain : float, optional
        How often the loop exaggerates the motion.  By default the strongest motion becomes 5 % of
        the face width, at least 1 and at most 12 times, less where the picture would fold.
    face_width : float, optional
        Width of the face in pixels of the crops; by default that of :class:`CropGeometry`.

    Returns
    -------
    EventPictures
        ``flow`` is a transparent PNG to lay over ``onset``; it shows the strongest of ``flows`` and
        states in the text entry :data:`FLOW_SCALE_KEY` the px200 that full colour stands for.

    Raises
    ------
    ValueError
        If the shapes do not fit together, or the gain is not positive.
    """
    sequence = np.asarray(flows, dtype=np.float32)
    _check(onset_rgb, apex_rgb, sequence, gain)
    width = float(face_width or 200.0 / CropGeometry(onset_rgb.shape[1]).px200)
    clean = np.nan_to_num(sequence, nan=0.0, posinf=0.0, neginf=0.0)
    reach = [float(np.percentile(np.hypot(f[..., 0], f[..., 1]), 98)) for f in clean]
    peak = int(np.argmax(reach))

    small = _fit_width(onset_rgb, LOOP_WIDTH)
    steps = np.linspace(0, peak, min(LOOP_STEPS, peak + 1) + 1)[1:] if peak else np.array([0.0])
    loop_flows = [_smooth_on(clean[round(i)], small.shape[:2]) for i in steps]
    loop_face = width * small.shape[1] / onset_rgb.shape[1]
    if gain is None:
        gain = _choose_gain(loop_flows[-1], loop_face)
    return EventPictures(
        onset=_jpeg(_fit_width(onset_rgb, STILL_WIDTH)),
        apex=_jpeg(_fit_width(apex_rgb, STILL_WIDTH)),
        flow=_flow_png(clean[peak], onset_rgb.shape[:2], width),
        loop=_loop(small, loop_flows, gain),
        gain=round(float(gain), 1),
    )


def _check(
    onset: NDArray[np.uint8], apex: NDArray[np.uint8], flows: NDArray[np.float32], gain: float | None
) -> None:
    for name, picture in (("onset_rgb", onset), ("apex_rgb", apex)):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ValueError(f"{name} must be uint8 of shape (H, W, 3), not {picture.dtype} {picture.shape}")
    if onset.shape != apex.shape:
        raise ValueError(f"onset_rgb {onset.shape} and apex_rgb {apex.shape} must have one shape")
    if flows.ndim != 4 or flows.shape[3] != 2 or not flows.size:
        raise ValueError(f"flows must have shape (n, h, w, 2) with n at least 1, not {flows.shape}")
    if gain is not None and not gain > 0:
        raise ValueError(f"gain must be positive, not {gain}")


def _fit_width(rgb: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Shrink a picture to at most ``width``; a smaller one stays as it is."""
    height, own = rgb.shape[:2]
    if own <= width:
        return rgb
    size = (width, max(1, round(height * width / own)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _on_grid(flow: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resample a flow to a grid of ``shape`` (h, w) and scale its vectors along."""
    height, width = shape
    # Averaging while shrinking, so that noise does not alias; it is the same as linear otherwise.
    shrinking = flow.shape[1] > width
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    moved = cv2.resize(flow, (width, height), interpolation=method)
    return np.asarray(moved * np.array([width / flow.shape[1], height / flow.shape[0]]), dtype=np.float32)


def _smooth_on(flow: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Flow on the grid of a picture, smoothed, and tapered to zero at the border of the crop."""
    grid = _on_grid(flow, shape)
    smooth = cv2.GaussianBlur(grid, (0, 0), sigmaX=max(0.8, 0.02 * shape[1]))
    tapers = [_taper(n)[:, None] for n in shape]
    return np.asarray(smooth * (tapers[0] * tapers[1].T)[..., None], dtype=np.float32)


def _taper(n: int) -> NDArray[np.float32]:
    """One over the length, falling to zero over a twelfth of it at both ends."""
    distance = np.minimum(np.arange(n), np.arange(n)[::-1]) / max(1.0, n / 12.0)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(distance, 0.0, 1.0)), dtype=np.float32)


def _choose_gain(flow: NDArray[np.float32], face_width: float) -> float:
    """Gain that brings the strongest motion to 5 % of the face width without folding the picture."""
    strongest = float(np.percentile(np.hypot(flow[..., 0], flow[..., 1]), 99.5))
    if strongest <= 0:
        return 1.0
    wanted = LOOP_AMPLITUDE * face_width / strongest
    if min(flow.shape[:2]) > 1:
        slope = np.abs(np.stack([*np.gradient(flow[..., 0]), *np.gradient(flow[..., 1])])).sum(axis=0)
        # Below a slope of one the exaggerated map stays one to one: nothing folds over.
        wanted = min(wanted, 0.9 / max(float(np.percentile(slope, 99.9)), 1e-6))
    return float(np.clip(wanted, 1.0, MAX_GAIN))


def _warp(rgb: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Move every point of a picture along its flow."""
    height, width = rgb.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    back = flow
    # The flow is known where a point starts, the warp asks where it comes from: three fixed-point
    # steps turn the one into the other for maps that do not fold.
    for _ in range(3):
        back = np.asarray(
            cv2.remap(flow, x - back[..., 0], y - back[..., 1], cv2.INTER_LINEAR), dtype=np.float32
        )
    moved = cv2.remap(
        rgb, x - back[..., 0], y - back[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, dtype=np.uint8)


def _jpeg(rgb: NDArray[np.uint8]) -> bytes:
    encoded = b""
    for quality in (82, 60, 40, 20, 8):
        buffer = io.BytesIO()
        Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, optimize=True)
        encoded = buffer.getvalue()
        if len(encoded) <= STILL_BYTES:
            break
    return encoded


def _flow_png(flow: NDArray[np.float32], shape: tuple[int, int], face_width: float) -> bytes:
    """Transparent colours of a flow; full colour is the 99th percentile, rounded up to 0.1 px200."""
    width = min(FLOW_WIDTH, shape[1])
    size = (max(1, round(shape[0] * width / shape[1])), width)
    grid = _smooth_on(flow, size) * (200.0 / (face_width * width / shape[1]))
    strongest = float(np.percentile(np.hypot(grid[..., 0], grid[..., 1]), 99))
    full = max(0.1, float(np.ceil(strongest * 10.0 - 1e-6) / 10.0))
    colours = flow_to_rgba(grid, full, MAX_OPACITY)
    # Faint colours nobody sees would be half of the bytes, since their hue is noise.
    colours[colours[..., 3] < 6] = 0
    info = PngInfo()
    info.add_text(FLOW_SCALE_KEY, f"{full:.1f}")
    buffer = io.BytesIO()
    Image.fromarray(colours).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def _loop(rgb: NDArray[np.uint8], flows: list[NDArray[np.float32]], gain: float) -> bytes:
    """Animated WebP: rest, along the measured flows to the strongest motion, and the same way back."""
    out = [rgb, *(_warp(rgb, flow * np.float32(gain)) for flow in flows)]
    frames = [Image.fromarray(frame) for frame in [*out, *out[-2:0:-1]]]
    durations = [LOOP_FRAME_MS] * len(frames)
    durations[0] = durations[len(out) - 1] = LOOP_HOLD_MS
    encoded = b""
    for quality in (68, 50, 34, 20, 8):
        buffer = io.BytesIO()
        # More effort takes 1.6 times as long for 7 % fewer bytes.
        options = {"quality": quality, "method": 2, "loop": 0, "duration": durations}
        frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], **options)
        encoded = buffer.getvalue()
        if len(encoded) <= LOOP_BYTES:
            break
    return encoded
