"""Cutting a length into parts that are as equal as whole numbers allow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError, DataError


def segment_bounds(length: int, segments: int) -> NDArray[np.intp]:
    """Where the parts of a length begin and end: part k is ``[bounds[k], bounds[k + 1])``.

    ``bounds[k] = round(k * length / segments)``, halves to the even number.

    Parameters
    ----------
    length : int
        Frames of a clip, or pixels along a side.
    segments : int
        Number of parts, 1 or more.

    Returns
    -------
    int array, shape (segments + 1,)

    Raises
    ------
    ConfigError
        If ``segments`` is less than 1.
    DataError
        If a part would be empty.

    Examples
    --------
    >>> segment_bounds(10, 3).tolist()
    [0, 3, 7, 10]
    """
    if segments < 1:
        raise ConfigError(f"segment_bounds: {segments} segments; ask for 1 or more")
    if length < segments:
        raise DataError(
            f"segment_bounds: a length of {length} cannot be cut into {segments} parts; "
            "ask for fewer, or resample the clip first"
        )
    return np.array([round(k * length / segments) for k in range(segments + 1)], dtype=np.intp)
