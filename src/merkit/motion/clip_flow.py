"""Flow of a clip: one way from frames to flow that a small movement survives.

A pair of frames is not enough: at 0.25 px and a noise of 2 grey levels every estimator errs by more than half
of the movement where something moves, and where nothing does it finds more than there is in all.  So frames
around both ends are averaged first, and the flow is steadied after; docs/flow.md has the figures.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError
from merkit.motion.flow import check_backend, optical_flow
from merkit.motion.steady import steady

__all__ = ["FlowRecipe", "clip_flow", "flow_sequence", "mean_frame", "pair_flow", "rise_and_fall"]

AVERAGE_S = 0.022
"""Frames up to this far from a mark are averaged: nine at 200 frames a second, five at 100, one below 46."""
WINDOW = 5.0
"""Standard deviation in pixels of the neighbourhood in which flow is steadied, for faces of about 150 px."""
SEQUENCES = ("first", "previous")


@dataclass(frozen=True)
class FlowRecipe:
    """How flow is measured.

    Parameters
    ----------
    backend : str
        See :func:`~merkit.motion.flow.optical_flow`.
    average_s : float
        Frames up to this many seconds from each end are averaged, as far as a quarter of the way to the other
        end; 0 for single frames.
    presmooth : float
        Standard deviation in pixels of a Gaussian before the estimate; 0 for none.
    median : int
        Side of a median filter on u and v after the estimate, 3 or 5, as in Classic+NL; 0 for none.
    window : float
        Of :func:`~merkit.motion.steady.steady`, after all; 0 to leave the estimate as it is.

    Raises
    ------
    ConfigError
        For a value that is not allowed.
    """

    backend: str = "dis-fine"
    average_s: float = AVERAGE_S
    presmooth: float = 0.0
    median: int = 0
    window: float = WINDOW

    def __post_init__(self) -> None:
        check_backend(self.backend)
        for name, value, most in (
            ("average_s", self.average_s, 1), ("presmooth", self.presmooth, 20), ("window", self.window, 100),
        ):  # fmt: skip
            if not 0 <= value <= most:
                raise ConfigError(f"flow recipe: {name}={value!r}; give a number from 0 to {most}")
        if self.median not in (0, 3, 5):
            raise ConfigError(f"flow recipe: median={self.median!r}; give 3 or 5, or 0 for none")


BEST = FlowRecipe()
"""What errs least at 0.25 px, see docs/flow.md."""
SINGLE_PAIR = FlowRecipe(average_s=0.0, window=0.0)
"""Nothing but the estimator."""


def pair_flow(
    first: NDArray[np.uint8], second: NDArray[np.uint8], recipe: FlowRecipe = BEST
) -> NDArray[np.float32]:
    """Flow between two grey pictures (H, W) uint8 by a recipe, (H, W, 2); there is nothing to average."""
    if recipe.presmooth:
        first, second = (cv2.GaussianBlur(p, (0, 0), recipe.presmooth) for p in (first, second))
    flow = optical_flow(first, second, recipe.backend)
    if recipe.median:
        flow = np.dstack(
            [cv2.medianBlur(np.ascontiguousarray(part), recipe.median) for part in np.moveaxis(flow, 2, 0)]
        )
    return steady(first, second, flow, recipe.window) if recipe.window else flow


def mean_frame(frames: NDArray[np.uint8], centre: int, reach: int) -> NDArray[np.uint8]:
    """Mean of the frames up to `reach` from a position, as far as there are any; (H, W) uint8."""
    near = frames[max(0, centre - reach) : centre + reach + 1]
    return np.rint(near.mean(axis=0)).astype(np.uint8)


def clip_flow(
    frames: NDArray[Any], start: int, end: int, *, fps: float | None = None, recipe: FlowRecipe = BEST
) -> NDArray[np.float32]:
    """Flow from one frame of a clip to another: onset to apex, or apex to offset.

    The head's motion is not taken out; :func:`merkit.inputs.onset_apex_flow.onset_apex_flow` does that.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W) or (T, H, W, 3)
        Grey or RGB, at least 24 px a side; cut to onset to offset, so that neighbours belong to the clip.
    start, end : int
        Positions, 0 to T - 1.
    fps : float, optional
        Frames a second; without it single frames are taken.
    recipe : FlowRecipe

    Returns
    -------
    float32 array, shape (H, W, 2)
        ``(u right, v down)`` in pixels.

    Raises
    ------
    DataError
        If the frames are no pictures, or there is none at a position.

    Examples
    --------
    >>> still = np.tile(np.arange(64, dtype=np.uint8), (9, 64, 1))
    >>> float(np.abs(clip_flow(still, 0, 4, fps=100)).max())
    0.0
    """
    grey = _grey(frames)
    for name, place in (("start", start), ("end", end)):
        if not 0 <= place < len(grey):
            raise DataError(
                f"clip_flow: {name}={place} in a clip of {len(grey)} frames; give 0 to {len(grey) - 1}"
            )
    reach = _reach(recipe, fps, abs(end - start))
    return pair_flow(mean_frame(grey, start, reach), mean_frame(grey, end, reach), recipe)


def rise_and_fall(
    frames: NDArray[Any], apex: int, *, fps: float | None = None, recipe: FlowRecipe = BEST
) -> NDArray[np.float32]:
    """Flow from the first frame to the apex and on to the last, (2, H, W, 2); see :func:`clip_flow`."""
    last = len(frames) - 1
    return np.stack([clip_flow(frames, a, b, fps=fps, recipe=recipe) for a, b in ((0, apex), (apex, last))])


def flow_sequence(
    frames: NDArray[Any], against: str = "first", *, fps: float | None = None, recipe: FlowRecipe = BEST,
    steps: Sequence[int] | None = None,
) -> NDArray[np.float32]:  # fmt: skip
    """Flow to every frame of a clip, from the first or from the one before.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W) or (T, H, W, 3)
    against : {"first", "previous"}
        From the first frame, which shows how far the face has gone, or from the frame before, which shows how
        fast it goes, and at a high rate next to nothing but noise: then give fewer `steps`.
    fps, recipe
        As in :func:`clip_flow`.
    steps : sequence of int, optional
        Positions of the frames that are taken, rising; all by default.

    Returns
    -------
    float32 array, shape (K, H, W, 2)
        One for each step; the first is 0.

    Raises
    ------
    DataError
        If the frames are no pictures, or the steps do not rise within the clip.
    ConfigError
        For an unknown reference.
    """
    if against not in SEQUENCES:
        raise ConfigError(f"flow_sequence: against={against!r}; give {' or '.join(SEQUENCES)}")
    grey = _grey(frames)
    places = list(range(len(grey)) if steps is None else steps)
    if not places or places[0] < 0 or places[-1] >= len(grey) or (np.diff(places) <= 0).any():
        raise DataError(
            f"flow_sequence: steps {places} in a clip of {len(grey)} frames; give positions that rise"
        )
    flows = [np.zeros((*grey.shape[1:], 2), np.float32)]
    for before, place in itertools.pairwise(places):
        start = places[0] if against == "first" else before
        flows.append(clip_flow(grey, start, place, fps=fps, recipe=recipe))
    return np.stack(flows)


def _reach(recipe: FlowRecipe, fps: float | None, way: int) -> int:
    """How many neighbours on either side are averaged."""
    if fps is not None and not 0 < fps < np.inf:
        raise ConfigError(f"fps={fps}; give the frames a second, above 0")
    return min(int(recipe.average_s * (fps or 0.0) + 1e-6), way // 4)


def _grey(frames: NDArray[Any]) -> NDArray[np.uint8]:
    given = np.asarray(frames)
    colour = given.ndim == 4 and given.shape[3] == 3
    if given.dtype != np.uint8 or not (given.ndim == 3 or colour) or not len(given):
        raise DataError(
            f"flow of a clip: {given.dtype} of shape {given.shape}; give uint8 frames (T, H, W[, 3])"
        )
    if not colour:
        return given
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.stack([np.rint(frame.astype(np.float32) @ weights) for frame in given]).astype(np.uint8)
