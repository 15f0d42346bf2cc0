"""Local binary patterns on the three planes through each voxel of a clip.

A pattern compares P neighbours on an ellipse with the voxel in its middle: bit p is set where neighbour
p is not darker.  Neighbours between pixels are interpolated from the four around them.

The first letter of a plane is its horizontal axis: neighbour p lies ``R cos(2 pi p / P)`` along it and
``-R sin(2 pi p / P)`` along the other, so on ``"xt"`` bit 0 looks to the right and a quarter of the way
round, bit P/4, to an earlier frame.
"""

from __future__ import annotations

import math
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
        self._across, self._along = plane[0], plane[1]
        self._around = neighbour_offsets(plane, radii, points)
        self._inside = {"y": frames.shape[1] - 2 * radii.y, "x": frames.shape[2] - 2 * radii.x}
        # Frames interpolated across, by frame and step: neighbours earlier and later need them again.
        self._kept: dict[tuple[int, float], NDArray[np.float64]] = {}

    def __call__(self, t: int) -> NDArray[np.uint8]:
        """Patterns of frame `t`, at least ``radii.t`` from either end; shape (H - 2 y, W - 2 x)."""
        self._kept = {key: kept for key, kept in self._kept.items() if abs(key[0] - t) <= self._radii.t}
        middle = self._cut(self._cut(self._frames[t], "y", 0), "x", 0)
        exact = middle.astype(np.float64)
        codes = np.zeros(middle.shape, np.uint8)
        for bit, offset in enumerate(self._around):
            level = self._level(t, offset[self._across], offset[self._along])
            brighter = level >= (middle if level.dtype == np.uint8 else exact)
            codes |= brighter.view(np.uint8) << np.uint8(bit)
        return codes

    def _level(self, t: int, across: float, along: float) -> NDArray[Any]:
        """Every voxel that is read, moved by any steps; interpolated across, and then along.

        In the very order of scikit-image, so that of two equal numbers none is greater for rounding.
        """
        low = math.floor(along)
        near = self._moved(t, across, low)
        if low == along:
            return near
        place = (np.float64(t) if self._along == "t" else self._places("y")[:, None]) + along
        share = place - np.floor(place)
        level = np.multiply(1.0 - share, near)
        level += share * self._moved(t, across, low + 1)
        return level

    def _moved(self, t: int, across: float, along: int) -> NDArray[Any]:
        """Every voxel that is read, moved across by any step and along by a whole one."""
        other = "y" if self._across == "x" else "x"
        frame = self._frame_across(t + (along if self._along == "t" else 0), across)
        return self._cut(frame, other, along if self._along == other else 0)

    def _frame_across(self, t: int, step: float) -> NDArray[Any]:
        """A frame moved across by any step, without the border on that axis."""
        low = math.floor(step)
        if low == step:
            return self._cut(self._frames[t], self._across, low)
        if (t, step) not in self._kept:
            place = self._places(self._across) + step
            share = place - np.floor(place)
            share = share if self._across == "x" else share[:, None]
            near, further = (self._cut(self._frames[t], self._across, k) for k in (low, low + 1))
            self._kept[t, step] = (1.0 - share) * near + share * further
        return self._kept[t, step]

    def _places(self, axis: str) -> NDArray[np.float64]:
        """Where the voxels that are read lie along an axis of a frame."""
        return getattr(self._radii, axis) + np.arange(float(self._inside[axis]))

    def _cut(self, frame: NDArray[Any], axis: str, step: int) -> NDArray[Any]:
        """A frame without its border along an axis, moved by whole pixels."""
        start = getattr(self._radii, axis) + step
        part = slice(start, start + self._inside[axis])
        return frame[part] if axis == "y" else frame[:, part]


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
