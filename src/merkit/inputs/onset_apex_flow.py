"""The onset-apex flow map of a clip: from raw frames to what the published flow maps hold.

The same steps as in the analysis of videos, so that a recognizer trained on published maps can be given
frames, and one trained on frames videos.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip
from merkit.errors import ConfigError
from merkit.faces import FaceModels
from merkit.faces.crop import warp
from merkit.faces.geometry import EYE_DISTANCE_AT_200, CropGeometry
from merkit.faces.register import RigidFit
from merkit.inputs.aligned import FLOW_CROP
from merkit.inputs.apex import APEX, Apex, apex_of
from merkit.inputs.flow_map import flow_to_map, map_p95
from merkit.inputs.placement import FACES, Placement, place_face
from merkit.inputs.registration import anchor_on, register
from merkit.motion.flow import check_backend
from merkit.motion.steady import steady
from merkit.video.images import gray_of

AVERAGE_S = 0.022
"""Frames up to this far from a mark are averaged against noise (nine at 200 fps, five at 100, one at 25)."""


@dataclass(frozen=True)
class FlowSettings:
    """How the onset-apex flow of a clip is measured.

    Parameters
    ----------
    apex : {"auto", "annotated", "estimated"}
        See :func:`~merkit.inputs.apex.apex_of`.
    face : {"detect", "whole"}
        See :func:`~merkit.inputs.aligned.aligned_face`.
    average_s : float
        Frames up to this many seconds from onset, apex and offset are averaged against camera noise, as far
        as they lie between onset and offset and a quarter of the rise reaches; 0 for single frames.
    drift : bool
        Subtract half of what is left at the offset, which is slow drift rather than expression.
    backend : str
        See :func:`~merkit.motion.flow.optical_flow`.  The smooth ``"dis"`` measures lengths less well than
        ``"dis-fine"``, but the map averages lengths anyway, and in noise its class is right more often.
    window : float
        Neighbourhood in pixels in which the flow is steadied, see :func:`~merkit.motion.steady.steady`; 0, as
        the shipped recognizer was balanced with, for the flow as estimated.
    """

    apex: str = "auto"
    face: str = "detect"
    average_s: float = AVERAGE_S
    drift: bool = True
    backend: str = "dis"
    window: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if not 0 <= self.average_s <= 1:
            raise ConfigError(f"average_s={self.average_s!r}: expected seconds from 0 to 1")
        if not 0 <= self.window <= 100:
            raise ConfigError(f"window={self.window!r}: expected pixels from 0 to 100")
        for name, value, allowed in (("face", self.face, FACES), ("apex", self.apex, APEX)):
            if value not in allowed:
                raise ConfigError(f"{name}={value!r}: expected one of {', '.join(allowed)}")
        check_backend(self.backend)


@dataclass(frozen=True)
class FlowMap:
    """A measured flow map.

    Attributes
    ----------
    values : float32 array, shape (28, 28, 2)
        ``(u right, v down)`` in pixels of the crop.
    apex : Apex
        Which frame it ends at, and whether that was annotated or estimated.
    px200 : float
        95th percentile of the motion, in pixels of a face that is 200 px wide.
    """

    values: NDArray[np.float32]
    apex: Apex
    px200: float


@dataclass(frozen=True)
class OnsetApexFlow:
    """Motion of a clip from onset to apex.

    Attributes
    ----------
    flow : float32 array, shape (H, W, 2)
        ``(u right, v down)`` in pixels of the crop, head motion removed; zero where the picture ends.
    flow_map : FlowMap
        The same, averaged.
    placement : Placement
        Where the face was found, and by what.
    """

    flow: NDArray[np.float32]
    flow_map: FlowMap
    placement: Placement


def onset_apex_flow(
    clip: Clip, settings: FlowSettings = FlowSettings(), *, models: FaceModels | None = None
) -> OnsetApexFlow:
    """Measure the motion of a clip from its onset to its apex, in the crop of the published flow maps.

    Parameters
    ----------
    clip : Clip
        Frames of any size, grey or colour; what lies outside of onset to offset has no influence.
    settings : FlowSettings
    models : FaceModels, optional
        The best ones on this machine by default.

    Raises
    ------
    DataError
        If no face is found in the onset frame, or the apex is missing and may not be estimated.
    """
    who = f"clip {clip.id!r}"
    apex = apex_of(clip, settings.apex, face=settings.face, models=models)
    first, last = clip.ends
    top = clip.index(apex.number)
    placement = place_face(clip.source[first], face=settings.face, models=models, who=who)
    reach = min(int(settings.average_s * (clip.fps or 0.0) + 1e-6), (top - first) // 4)

    def mean(centre: int) -> NDArray[np.uint8]:
        near = clip.source.read(max(first, centre - reach), min(last, centre + reach) + 1)
        return np.mean([gray_of(frame) for frame in near], axis=0).round().astype(np.uint8)

    anchor = anchor_on(mean(first), placement, FLOW_CROP, who)
    falls = settings.drift and last > top
    flow = rise(
        anchor.crop, mean(top), mean(last) if falls else None, anchor.matrix, FLOW_CROP, anchor.fit,
        settings.backend, settings.window,
    )  # fmt: skip
    flow *= anchor.cover[..., None]
    values = flow_to_map(flow)
    return OnsetApexFlow(flow, FlowMap(values, apex, amplitude_px200(values, FLOW_CROP)), placement)


_KNOWN: WeakKeyDictionary[Clip, dict[FlowSettings, FlowMap]] = WeakKeyDictionary()


def flow_map_of(clip: Clip, settings: FlowSettings = FlowSettings()) -> FlowMap:
    """The flow map of a clip; see :func:`onset_apex_flow`.

    It is kept as long as the clip object lives, so that training, predicting and explaining measure it once.
    """
    known = _KNOWN.setdefault(clip, {})
    if settings not in known:
        known[settings] = onset_apex_flow(clip, settings).flow_map
    return known[settings]


def rise(
    onset: NDArray[np.uint8], apex: NDArray[np.uint8], offset: NDArray[np.uint8] | None,
    matrix: NDArray[np.floating], geometry: CropGeometry, fit: RigidFit, backend: str, window: float = 0.0,
) -> NDArray[np.float32]:  # fmt: skip
    """Expression from onset to apex, less half of what is left at the offset.

    Parameters
    ----------
    onset : uint8 array, shape (H, W)
        A crop of `geometry`.
    apex, offset : uint8 array, shape (h, w)
        Pictures that `matrix` brings into the crop; without an offset nothing is subtracted.
    matrix : float array, shape (2, 3)
    geometry : CropGeometry
    fit : RigidFit
    backend : str
    window : float
        Neighbourhood in pixels in which each flow is steadied; 0 for none.

    Returns
    -------
    float32 array, shape (H, W, 2)
        ``(u right, v down)`` in pixels of the crop, the head's motion removed.
    """

    def expression(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        laid, flow = register(onset, picture, matrix, geometry, fit, backend)
        # What is left of the head's motion is below a third of a pixel: the crops lie on each other.
        return steady(onset, warp(picture, laid, geometry), flow, window) if window else flow

    flow = expression(apex)
    return flow if offset is None else flow - 0.5 * expression(offset)


def amplitude_px200(flow_map: NDArray[np.floating], geometry: CropGeometry) -> float:
    """95th percentile of a flow map in pixels of a face that is 200 px wide (eye distance 96 px)."""
    left, right = geometry.eyes
    return float(map_p95(flow_map)) * EYE_DISTANCE_AT_200 / float(right[0] - left[0])
