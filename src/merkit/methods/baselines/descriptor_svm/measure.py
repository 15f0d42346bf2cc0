"""From a clip to its descriptor: aligned, brought to a length or to flow, counted in blocks or regions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from merkit.clips import Clip
from merkit.descriptors import (
    MDMO_REGIONS,
    bi_woof,
    fhofo,
    higo,
    hoof,
    lbp_sip,
    lbp_top,
    main_flow,
    mdmo,
    mdmo_regions,
)
from merkit.descriptors.lbp_sip import SPATIAL
from merkit.errors import DataError
from merkit.faces.geometry import CropGeometry, transform
from merkit.inputs.aligned import FLOW_CROP, RECIPE, aligned_face
from merkit.inputs.onset_apex_flow import FlowSettings, OnsetApexFlow, onset_apex_flow
from merkit.methods.baselines.descriptor_svm.config import TEXTURE, Measure
from merkit.motion import resample, round_to_uint8


def measured(clip: Clip, how: Measure) -> Clip:
    """The clip with its descriptor under ``features[how.feature]``.

    For descriptors of flow the apex that was used becomes that of the clip, and an estimated one is written
    among the repairs.

    Raises
    ------
    DataError
        If no face is found, or the apex is missing and may not be estimated; the clip is named.

    Examples
    --------
    >>> frames = np.random.default_rng(0).integers(0, 256, (12, 40, 40)).astype(np.uint8)
    >>> how = Measure("lbp-sip", face="whole", size=32)
    >>> measured(Clip.from_array(frames), how).features[how.feature].shape
    (5, 5, 20)
    """
    if how.descriptor in TEXTURE:
        return replace(clip, features={**clip.features, how.feature: of_frames(crops_of(clip, how), how)})
    seen = flow_of(clip, how)
    apex = seen.flow_map.apex
    return replace(
        clip,
        features={**clip.features, how.feature: of_flow(seen, how)},
        apex=apex.number,
        repairs=(*clip.repairs, apex.note) if apex.note else clip.repairs,
    )


_PLANES = {"all": ("xy", "xt", "yt"), "time": ("xt", "yt")}
_KNOWN: WeakKeyDictionary[Clip, dict[Measure, Clip]] = WeakKeyDictionary()


def measured_once(clip: Clip, how: Measure) -> Clip:
    """The clip with its descriptor, kept as long as the given clip lives; see :func:`measured`.

    So training, predicting and explaining measure it once.
    """
    known = _KNOWN.setdefault(clip, {})
    if how not in known:
        known[how] = measured(clip, how)
    return known[how]


def crops_of(clip: Clip, how: Measure) -> NDArray[np.uint8] | NDArray[np.float64]:
    """The face in all frames from onset to offset, grey, averaged over time, (T, size, size)."""
    geometry = CropGeometry(how.size, aspect=1.0, eyes_at=RECIPE.eyes_at)
    seen = aligned_face(clip, geometry, face=how.face, head=how.head, colour="grey")
    frames = seen.frames.astype(np.uint8, copy=False)
    return mean_of_near(frames, int(how.average_s * (clip.fps or 0.0) + 1e-6))


def mean_of_near(frames: NDArray[np.uint8], reach: int) -> NDArray[np.uint8] | NDArray[np.float64]:
    """Mean of each frame and of up to `reach` before and behind it, as far as there are any.

    Examples
    --------
    >>> mean_of_near(np.array([0, 2, 4, 9], np.uint8).reshape(4, 1, 1), 1).ravel().tolist()
    [1.0, 2.0, 5.0, 6.5]
    """
    if reach < 1:
        return frames
    sums = np.zeros((len(frames) + 1, *frames.shape[1:]))
    np.cumsum(frames, axis=0, out=sums[1:])
    place = np.arange(len(frames))
    first, behind = np.maximum(place - reach, 0), np.minimum(place + reach + 1, len(frames))
    return np.asarray((sums[behind] - sums[first]) / (behind - first)[:, None, None], dtype=np.float64)


def flow_of(clip: Clip, how: Measure) -> OnsetApexFlow:
    """Flow from onset to apex in the crop of the published flow maps, the head's motion removed."""
    return onset_apex_flow(clip, FlowSettings(apex=how.apex, face=how.face, average_s=how.average_s))


def of_frames(frames: NDArray[np.number[Any]], how: Measure) -> NDArray[np.float64]:
    """Descriptor of grey frames (T, H, W), brought to the length asked for; bins are its last axis."""
    clip = round_to_uint8(resample(frames, how.length, how.resample))
    grid = (how.grid, how.grid) if how.parts == 1 else (how.parts, how.grid, how.grid)
    radii = (how.radius, how.radius, how.radius_t)
    if how.descriptor == "lbp-top":
        return lbp_top(clip, grid, radii, how.points, _PLANES[how.planes], how.uniform)
    if how.descriptor == "lbp-sip":
        patterns = lbp_sip(clip, grid, radii)
        return patterns if how.planes == "all" else patterns[..., SPATIAL:]
    return higo(clip, grid, how.bins, _PLANES[how.planes])


def of_flow(seen: OnsetApexFlow, how: Measure) -> NDArray[np.float64]:
    """Descriptor of the flow from onset to apex; bins, or the two numbers of a region, are its last axis."""
    grid = (how.grid, how.grid)
    if how.descriptor == "hoof":
        return hoof(seen.flow, grid, how.bins)
    if how.descriptor == "fhofo":
        return fhofo(seen.flow, grid, how.bins, least=how.least)
    if how.descriptor == "bi-woof":
        return bi_woof(seen.flow, grid, how.bins)
    mesh = seen.placement.mesh
    if mesh is None:
        raise DataError("mdmo: whole frames have no landmarks to draw regions from")
    points = transform(seen.placement.matrix(FLOW_CROP), mesh.points)
    regions = mdmo_regions(points, (seen.flow.shape[0], seen.flow.shape[1]))
    if how.polar:
        return mdmo(seen.flow, regions, how.bins)
    vectors = main_flow(seen.flow, regions, how.bins)
    longest = np.hypot(vectors[:, 0], vectors[:, 1]).max()
    return vectors / longest if longest > 0 else vectors


def places(shape: tuple[int, ...], how: Measure) -> list[str]:
    """Names of the places in a descriptor of this shape, last axis left out, in the order of its numbers."""
    if how.descriptor == "mdmo":
        return [f"{region.side} {region.name}" for region in MDMO_REGIONS]
    axes = ["row", "column", *(["plane"] if how.descriptor in ("lbp-top", "higo") else [])]
    if len(shape) - 1 > len(axes):
        axes = ["part", *axes]
    planes = _PLANES[how.planes]
    return [
        ", ".join(
            f"plane {planes[number]}" if axis == "plane" else f"{axis} {number + 1}"
            for axis, number in zip(axes, place, strict=True)
        )
        for place in np.ndindex(*shape[:-1])
    ]
