"""Local binary patterns on the three planes through each voxel of a clip.

A pattern compares P neighbours on an ellipse with the voxel in its middle: bit p is set where neighbour
p is not darker.  Neighbours between pixels are interpolated from the four around them.

The first letter of a plane is its horizontal axis: neighbour p lies ``R cos(2 pi p / P)`` along it and
``-R sin(2 pi p / P)`` along the other, so on ``"xt"`` bit 0 looks to the right and a quarter of the way
round, bit P/4, to an earlier frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from merkit.descriptors.arrays import grey_frames
from merkit.errors import ConfigError, DataError

PLANES: tuple[str, ...] = ("xy", "xt", "yt")
"""Horizontal and vertical axis of each plane."""
MOST_POINTS = 8


class Radii(NamedTuple):
    """How far neighbours lie along each axis: `x` and `y` in pixels, `t` in frames."""

    x: int
    y: int
    t: int


def check_radii(radii: Sequence[int], shape: tuple[int, ...], who: str) -> Radii:
    """Return the radii if there are voxels that have all neighbours, or refuse in the name of `who`."""
    if len(radii) != 3 or any(int(r) != r or r < 1 for r in radii):
        raise ConfigError(f"{who}: radii {tuple(radii)}; give three whole numbers of 1 and more, (x, y, t)")
    found = Radii(*(int(r) for r in radii))
    need = 2 * found.t + 1, 2 * found.y + 1, 2 * found.x + 1
    if any(size < least for size, least in zip(shape, need, strict=True)):
        raise DataError(
            f"{who}: a clip of (T, H, W) = {shape} is too small for radii (x, y, t) = {tuple(found)}, which "
            f"need {need}; resample the clip to more frames, or take smaller radii"
        )
    return found


def check_points(points: int, who: str) -> int:
    """Return the number of neighbours if it is 2 to 8, or refuse in the name of `who`."""
    if not 2 <= points <= MOST_POINTS:
        raise ConfigError(f"{who}: {points} neighbours; give 2 to {MOST_POINTS}")
    return int(points)


def neighbour_offsets(plane: str, radii: Radii, points: int) -> list[dict[str, float]]:
    """Steps to each neighbour along the two axes of a plane, in the order of the bits.

    Examples
    --------
    >>> neighbour_offsets("xt", Radii(1, 1, 4), 4)[1]
    {'x': 0.0, 't': -4.0}
    """
    across, along = plane[0], plane[1]
    turns = 2 * np.pi * np.arange(points) / points
    # Five digits, as scikit-image keeps; more and equal numbers would not be equal.  No minus zero.
    right = np.round(getattr(radii, across) * np.cos(turns), 5) + 0.0
    down = np.round(-getattr(radii, along) * np.sin(turns), 5) + 0.0
    return [{across: float(c), along: float(r)} for c, r in zip(right, down, strict=True)]


class PatternReader:
    """Reads the patterns of one plane, frame after frame.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)
    plane : {"xy", "xt", "yt"}
    radii : Radii
        Of all planes: a voxel is read where it has its neighbours on each of them.
    points : int
        P, 2 to 8.
    """

    def __init__(self, frames: NDArray[np.uint8], plane: str, radii: Radii, points: int) -> None:
        self._frames = frames
        self._radii = radii
        self._plane = plane
        self._around = neighbour_offsets(plane, radii, points)
        self._kept: dict[int, NDArray[np.float64]] = {}
        _, height, width = frames.shape
        self._shape = height - 2 * radii.y, width - 2 * radii.x
        self._places = {
            "y": radii.y + np.arange(float(self._shape[0]))[:, None],
            "x": radii.x + np.arange(float(self._shape[1])),
        }

    def __call__(self, t: int) -> NDArray[np.uint8]:
        """Patterns of frame `t`, at least ``radii.t`` from either end; shape (H - 2 y, W - 2 x)."""
        middle = self._cut(self._frames[t], {})
        codes = np.zeros(self._shape, np.uint8)
        for bit, offset in enumerate(self._around):
            codes |= (self._sampled(t, offset) >= middle).view(np.uint8) << np.uint8(bit)
        return codes

    def _cut(self, frame: NDArray[Any], step: dict[str, int]) -> NDArray[Any]:
        """Every voxel of a frame that is read, moved by whole steps."""
        top, left = self._radii.y + step.get("y", 0), self._radii.x + step.get("x", 0)
        return frame[top : top + self._shape[0], left : left + self._shape[1]]

    def _sampled(self, t: int, offset: dict[str, float]) -> NDArray[Any]:
        """Every voxel that is read, moved by any step, interpolated across and then along.

        In the very order of scikit-image, so that of two equal numbers none is greater for rounding.
        """
        low = {axis: int(np.floor(step)) for axis, step in offset.items()}
        if low == offset:
            return self._cut(self._frames[t + low.get("t", 0)], low)
        across, along = self._plane[0], self._plane[1]

        def row(step: dict[str, int]) -> NDArray[np.float64]:
            near = self._cut(self._real(t + step.get("t", 0)), step)
            if low[across] == offset[across]:
                return near
            share, rest = self._shares(t, across, offset[across])
            further = self._cut(self._real(t + step.get("t", 0)), {**step, across: step[across] + 1})
            return rest * near + share * further

        if low[along] == offset[along]:
            return row(low)
        share, rest = self._shares(t, along, offset[along])
        return rest * row(low) + share * row({**low, along: low[along] + 1})

    def _shares(self, t: int, axis: str, step: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What the voxels after and before a place weigh: parts of the place itself, as it is rounded."""
        place = (np.asarray(float(t)) if axis == "t" else self._places[axis]) + step
        share = np.asarray(place - np.floor(place))
        return share, np.asarray(1.0 - share)

    def _real(self, t: int) -> NDArray[np.float64]:
        """A frame as numbers with a fraction, kept while neighbours in time may ask for it."""
        if t not in self._kept:
            self._kept = {k: v for k, v in self._kept.items() if abs(k - t) <= 2 * self._radii.t + 1}
            self._kept[t] = self._frames[t].astype(np.float64)
        return self._kept[t]


def lbp_codes(
    frames: NDArray[np.uint8], plane: str = "xy", radii: Sequence[int] = (1, 1, 1), points: int = 8
) -> NDArray[np.uint8]:
    """Local binary patterns of every voxel of a clip that has all its neighbours.

    With equal radii they are those of :func:`skimage.feature.local_binary_pattern` on each slice of the
    clip, less the border.

    Parameters
    ----------
    frames : uint8 array, shape (T, H, W)
        Grey frames.
    plane : {"xy", "xt", "yt"}
        A slice has the first letter along its rows and the second down its columns.
    radii : (x, y, t)
        Whole pixels, pixels and frames, 1 and more.
    points : int
        P neighbours, 2 to 8.

    Returns
    -------
    uint8 array, shape (T - 2 t, H - 2 y, W - 2 x)
        ``sum_p s(g_p - g_c) 2^p`` with s(0) = 1 (Zhao and Pietikäinen, TPAMI 2007, equation 2).

    Raises
    ------
    DataError
        If frames are not grey uint8 or too few or small.
    ConfigError
        For a plane, radii or a number of points that cannot be.

    Examples
    --------
    >>> clip = np.zeros((3, 3, 3), np.uint8)
    >>> clip[1, 1, 1] = 5
    >>> clip[1, 1, 2] = 9
    >>> lbp_codes(clip, "xy", points=4).item()
    1
    """
    given = grey_frames(frames, "lbp_codes")
    if plane not in PLANES:
        raise ConfigError(f"lbp_codes: plane {plane!r}; there is {', '.join(PLANES)}")
    reach = check_radii(radii, given.shape, "lbp_codes")
    read = PatternReader(given, plane, reach, check_points(points, "lbp_codes"))
    return np.stack([read(t) for t in range(reach.t, len(given) - reach.t)])


def uniform_patterns(points: int) -> NDArray[np.uint8]:
    """Number of the bin of each pattern when those that are not uniform share one.

    A pattern is uniform if its bits change at most twice around the circle.  Uniform ones are numbered
    as they come, and the last bin is that of all others, of which there are from 4 neighbours on: 15 bins
    for 4, 59 for 8, P (P - 1) + 3.

    Parameters
    ----------
    points : int
        P, 2 to 8.

    Returns
    -------
    uint8 array, shape (2^P,)

    References
    ----------
    Ojala, Pietikäinen, Mäenpää, Multiresolution gray-scale and rotation invariant texture classification
    with local binary patterns, TPAMI 2002.

    Examples
    --------
    >>> uniform_patterns(4).tolist()
    [0, 1, 2, 3, 4, 14, 5, 6, 7, 8, 14, 9, 10, 11, 12, 13]
    """
    patterns = np.arange(2**points)
    turned = (patterns >> 1) | ((patterns & 1) << (points - 1))
    changes = np.array([int(pattern).bit_count() for pattern in patterns ^ turned])
    uniform = changes <= 2
    return np.where(uniform, np.cumsum(uniform) - 1, uniform.sum()).astype(np.uint8)
