"""Raw frames to the u, v, strain picture that networks of optical flow are fed with.

The answer to "how do I make the flow and strain input?": :func:`flow_strain` measures the map of a clip, and
:func:`to_picture` and :func:`write_picture` make of it what the published releases hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip
from merkit.errors import ConfigError, DataError, did_you_mean
from merkit.faces import FaceModels
from merkit.inputs.aligned import FLOW_CROP
from merkit.inputs.apex import Apex
from merkit.inputs.flow_map import MAP_SIZE, pooling_matrix
from merkit.inputs.onset_apex_flow import FlowSettings, onset_apex_flow
from merkit.motion.clip_flow import BEST
from merkit.motion.strain import strain
from merkit.saving import whole_file

__all__ = ["MAP_FLOW", "FlowStrain", "flow_strain", "to_picture", "with_strain", "write_picture"]

MAP_FLOW = FlowSettings(average_s=BEST.average_s, backend=BEST.backend, window=BEST.window)
"""How the flow of a map is measured: what errs least, see docs/flow.md."""
SCALINGS = ("stretched", "symmetric")
ORDERS = ("rgb", "bgr")
LIMITS = (2.0, 0.1)
"""What becomes full scale with ``"symmetric"``: pixels of the crop for u and v, and strain."""
_ZERO, _HALF = 128.0, 127.0


@dataclass(frozen=True)
class FlowStrain:
    """Flow and strain of a clip from its onset to its apex.

    Attributes
    ----------
    values : float32 array, shape (H, W, 3)
        u (right) and v (down) in pixels of the 160 px wide face crop, and the magnitude of the strain,
        which has no unit.
    apex : Apex
        Which frame it ends at, and whether that was annotated or estimated.
    px200 : float
        95th percentile of the motion, in pixels of a face that is 200 px wide: below 0.5 mostly noise.
    """

    values: NDArray[np.float32]
    apex: Apex
    px200: float


def flow_strain(
    clip: Clip, settings: FlowSettings = MAP_FLOW, *, size: int | None = MAP_SIZE,
    models: FaceModels | None = None,
) -> FlowStrain:  # fmt: skip
    """Measure u, v and strain of a clip in the face crop of the published maps.

    Parameters
    ----------
    clip : Clip
        Raw frames, grey or colour; the face is found, cut out, and the head's motion removed.
    settings : FlowSettings
    size : int or None
        Height and width of the map, to which the crop of 226x160 px is averaged; ``None`` for the crop.
    models : FaceModels, optional
        The best ones on this machine by default.

    Raises
    ------
    DataError
        If no face is found in the onset frame, or nothing is known of the apex and it may not be estimated.
    ConfigError
        For a size that is not within 8 and the width of the crop.
    """
    if size is not None and not 8 <= size <= FLOW_CROP.width:
        raise ConfigError(f"size={size}: give 8 to {FLOW_CROP.width} pixels, or none for the whole crop")
    seen = onset_apex_flow(clip, settings, models=models)
    return FlowStrain(with_strain(seen.flow, size), seen.flow_map.apex, seen.flow_map.px200)


def with_strain(flow: NDArray[np.floating], size: int | None = None) -> NDArray[np.float32]:
    """Flow (H, W, 2) and its strain as (H, W, 3), averaged to size x size cells if that is given.

    The strain is that of the flow at full size; beside pixels whose flow is exactly 0, as beyond the edge
    of the frame, there is none.
    """
    if flow.ndim != 3 or flow.shape[2] != 2:
        raise DataError(f"flow of shape {flow.shape}; give (height, width, 2)")
    beyond = (flow == 0).all(axis=2).astype(np.uint8)
    near = cv2.dilate(beyond, np.ones((3, 3), np.uint8)).astype(bool)
    values = np.dstack([flow, np.where(near, 0.0, strain(flow))])
    if size is not None:
        rows, columns = (pooling_matrix(side, size) for side in flow.shape[:2])
        values = np.einsum("ai,ijc,bj->abc", rows, values, columns, optimize=True)
    return np.asarray(values, dtype=np.float32)


def to_picture(
    values: NDArray[np.floating], scaling: str = "stretched", limits: tuple[float, float] = LIMITS
) -> NDArray[np.uint8]:
    """Bring u, v and strain to 8 bits.

    Parameters
    ----------
    values : float array, shape (H, W, 3)
        As :class:`FlowStrain` has them.
    scaling : {"stretched", "symmetric"}
        ``"stretched"`` is the published scaling of ``megc2019-flow``: each channel by itself from its least
        to its greatest value onto 0 to 255, so that zero, amplitude and the ratio of u to v are lost; a
        channel that is the same everywhere becomes 128.  ``"symmetric"`` keeps all three: u and v become
        ``128 + 127 x / limit``, strain ``255 x / limit``, cut off at the ends.
    limits : (float, float)
        Of u and v in pixels, and of strain; for ``"symmetric"``.

    Returns
    -------
    uint8 array, shape (H, W, 3)
        u, v, strain.

    Examples
    --------
    >>> values = np.zeros((1, 2, 3))
    >>> values[0, 0] = 1.0, -0.5, 0.05
    >>> to_picture(values).tolist()
    [[[255, 0, 255], [0, 255, 0]]]
    >>> to_picture(values, "symmetric").tolist()
    [[[192, 96, 128], [128, 128, 0]]]
    """
    if values.ndim != 3 or values.shape[2] != 3:
        raise DataError(f"map of shape {values.shape}; give u, v and strain, (height, width, 3)")
    if not np.isfinite(values).all():
        raise DataError("a map holds values that are not finite; leave that clip out")
    if scaling not in SCALINGS:
        raise ConfigError(
            f"scaling={scaling!r}{did_you_mean(str(scaling), SCALINGS)}: there is {', '.join(SCALINGS)}"
        )
    field = np.asarray(values, dtype=np.float64)
    if scaling == "stretched":
        low, high = field.min(axis=(0, 1)), field.max(axis=(0, 1))
        still = high == low
        levels = (field - low) * (255.0 / np.where(still, 1.0, high - low))
        levels[..., still] = _ZERO
    else:
        if not min(limits) > 0:
            raise ConfigError(f"limits={limits}: give two numbers above 0, pixels and strain")
        signed = _ZERO + field[..., :2] * (_HALF / limits[0])
        levels = np.dstack([signed, field[..., 2:] * (255.0 / limits[1])])
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def write_picture(path: str | Path, picture: NDArray[np.uint8], order: str = "rgb") -> Path:
    """Write u, v, strain as a PNG, whole or not at all.

    Parameters
    ----------
    path : str or Path
    picture : uint8 array, shape (H, W, 3)
        u, v, strain, as of :func:`to_picture`.
    order : {"rgb", "bgr"}
        ``"rgb"`` is that of the published PNGs and what merkit reads: red is u, green v, blue strain.
        OpenCV's ``imread`` gives such a file as strain, v, u, and the published weights of STSTNet want it
        that way.  With ``"bgr"`` blue is u and red strain, and it is OpenCV that gives u, v, strain.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    from PIL import Image

    if order not in ORDERS:
        raise ConfigError(f"order={order!r}{did_you_mean(str(order), ORDERS)}: there is {', '.join(ORDERS)}")
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise DataError(f"picture of {picture.dtype} {picture.shape}; give uint8 (height, width, 3)")
    with whole_file(path) as part:
        Image.fromarray(np.ascontiguousarray(picture if order == "rgb" else picture[..., ::-1])).save(
            part, "PNG"
        )
    return Path(path)
