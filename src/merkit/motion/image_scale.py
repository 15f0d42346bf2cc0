"""Two ways to bring signed pictures, such as dynamic images, to the range a network expects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError


def symmetric_limit(images: NDArray[Any], percentile: float = 99.0) -> float:
    """The size that a share of all values of signed pictures stays below: a limit for scaling.

    Fit it on training clips only; a limit that has seen the test subject leaks.

    Parameters
    ----------
    images : array of numbers
        Signed pictures, of any shape.
    percentile : float
        In per cent of the values, above 0 and up to 100.

    Returns
    -------
    float
        In the unit of the pictures, above 0.

    Raises
    ------
    DataError
        If there is no value, or so many are 0 that the limit would be 0.
    ConfigError
        For a percentile outside its range.

    Examples
    --------
    >>> symmetric_limit(np.array([-4.0, 1.0, 2.0]), 100)
    4.0
    """
    if not 0 < percentile <= 100:
        raise ConfigError(f"symmetric_limit: percentile {percentile}; give one above 0 and up to 100")
    limit = float(np.percentile(np.abs(images), percentile)) if np.size(images) else 0.0
    if not 0 < limit < np.inf:
        raise DataError(
            f"symmetric_limit: the {percentile:g}th percentile of {np.size(images)} values is {limit}; "
            "give pictures in which something moves"
        )
    return limit


def scale_symmetric(images: NDArray[Any], limit: float, clip: float = 1.0) -> NDArray[np.float64]:
    """Divide by a fixed limit and cut off: 0 stays 0, and amplitudes of different clips compare.

    Parameters
    ----------
    images : array of numbers
        Signed pictures, of any shape.
    limit : float
        What becomes 1, above 0, as of :func:`symmetric_limit`.
    clip : float
        Values end at this and its negative.

    Returns
    -------
    float64 array of the same shape
        -`clip` to `clip`.

    Raises
    ------
    ConfigError
        If `limit` or `clip` is not above 0.

    Examples
    --------
    >>> scale_symmetric(np.array([-4.0, 1.0, 0.0]), 2.0).tolist()
    [-1.0, 0.5, 0.0]
    """
    for name, value in (("limit", limit), ("clip", clip)):
        if not value > 0:
            raise ConfigError(f"scale_symmetric: {name} {value}; give a number above 0")
    return np.clip(np.asarray(images, dtype=np.float64) / limit, -clip, clip)


def scale_min_max(image: NDArray[Any]) -> NDArray[np.float64]:
    """Stretch one picture to 0 to 255, as pretrained image networks were often fed.

    Every picture then has the same contrast, and 0 is anywhere: how much a clip moved is lost, and the
    noise of a nearly still one fills the range.  :func:`scale_symmetric` keeps both.

    Parameters
    ----------
    image : array of numbers
        One picture, all channels together.

    Returns
    -------
    float64 array of the same shape
        0 to 255; 127.5 everywhere if the picture is constant.

    Examples
    --------
    >>> scale_min_max(np.array([-1.0, 0.0, 3.0])).tolist()
    [0.0, 63.75, 255.0]
    """
    values = np.asarray(image, dtype=np.float64)
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.full(values.shape, 127.5)
    return (values - low) * (255.0 / (high - low))
