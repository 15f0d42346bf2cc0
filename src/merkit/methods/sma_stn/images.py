"""Dynamic segmented sparse imaging (DSSI): a few signed pictures that say how a face changed, and when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from merkit.motion.dynamic_image import rank_pooling_coefficients
from merkit.motion.image_scale import scale_min_max, scale_symmetric, symmetric_limit

PERCENTILE = 99.0
"""Per cent of the values of training images that end up between -1 and 1."""
CLIP = 3.0
"""Scaled values end here."""


def image_weights(segments: int, samples: int, *, anchor: str, images: str) -> NDArray[np.float64]:
    """What each frame weighs in each dynamic image, by approximate rank pooling.

    Parameters
    ----------
    segments, samples : int
        K and M.
    anchor : {"onset", "none"}
        Whether the onset is the first frame of every image.
    images : {"both", "local", "global"}

    Returns
    -------
    float64 array, shape (N, 1 + K·M)
        Rows: the segments in their order, then the whole clip.  Columns: the onset, then the samples.  Rows
        sum to 0.

    Examples
    --------
    >>> image_weights(2, 1, anchor="onset", images="local").tolist()
    [[-0.5, 0.5, 0.0], [-0.5, 0.0, 0.5]]
    """
    of_one = rank_pooling_coefficients(samples + (anchor == "onset"))
    of_all = rank_pooling_coefficients(segments * samples + (anchor == "onset"))
    weights = np.zeros((segments + 1, 1 + segments * samples))
    for row in range(segments):
        weights[row, 1 + row * samples : 1 + (row + 1) * samples] = of_one[-samples:]
    weights[-1, 1:] = of_all[-segments * samples :]
    if anchor == "onset":
        weights[:-1, 0], weights[-1, 0] = of_one[0], of_all[0]
    return {"both": weights, "local": weights[:-1], "global": weights[-1:]}[images]


def dynamic_tokens(
    faces: NDArray[np.generic], frames: NDArray[np.intp], *, anchor: str, images: str
) -> NDArray[np.float32]:
    """The dynamic images of a clip.

    Parameters
    ----------
    faces : array of numbers, shape (T, S, S, 3)
        The first one is the onset.
    frames : int array, shape (K, M)
        Positions of the frames that are used, as of :func:`~merkit.methods.sma_stn.sampling.sampled_frames`.
    anchor, images : str
        See :func:`image_weights`.

    Returns
    -------
    float32 array, shape (N, 3, S, S)
        In the unit of the faces times a number that grows with M; 0 where nothing changed.
    """
    weights = image_weights(*frames.shape, anchor=anchor, images=images)[:, 1:]
    onset = faces[0].astype(np.float32)
    # The weights sum to 0, so that differences give the same; and of a still clip, exactly 0.
    changes = np.stack([faces[position].astype(np.float32) - onset for position in frames.ravel()])
    pooled = weights.astype(np.float32) @ changes.reshape(len(changes), -1)
    return np.ascontiguousarray(pooled.reshape(-1, *onset.shape).transpose(0, 3, 1, 2))


def image_limits(tokens: Sequence[NDArray[np.float32]], images: str) -> NDArray[np.float64]:
    """What the images of training clips are to be divided by, to be used for all clips.

    Parameters
    ----------
    tokens : sequence of arrays, shape (N, 3, S, S)
        Of the training clips alone.
    images : {"both", "local", "global"}

    Returns
    -------
    float64 array, shape (N,)
        The same for all local images, another one for the global image.

    Raises
    ------
    DataError
        If hardly anything moves in any clip.
    """
    kinds = {"both": (slice(None, -1), slice(-1, None))}.get(images, (slice(None),))
    limits = np.empty(len(tokens[0]))
    for kind in kinds:
        limits[kind] = symmetric_limit(np.stack([each[kind] for each in tokens]), PERCENTILE)
    return limits


def scaled_tokens(tokens: NDArray[np.float32], limits: NDArray[np.float64] | None) -> NDArray[np.float32]:
    """Dynamic images (N, 3, S, S) as the network takes them.

    Parameters
    ----------
    tokens : float32 array, shape (N, 3, S, S)
    limits : float64 array, shape (N,), optional
        As of :func:`image_limits`: what becomes 1; values end at -3 and 3, and 0 stays 0.  Without it every
        image goes from -1 to 1, whatever is in it.

    Returns
    -------
    float32 array, shape (N, 3, S, S)
    """
    if limits is None:
        scaled = [scale_min_max(image) / 127.5 - 1.0 for image in tokens]
    else:
        scaled = [scale_symmetric(image, limit, CLIP) for image, limit in zip(tokens, limits, strict=True)]
    return np.stack(scaled).astype(np.float32)
