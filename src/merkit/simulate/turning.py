"""A head in a picture that turns a little out of the plane, by the depth of its face mesh.

Weak perspective: every point of the head has a depth, the head turns about an axis through the rim of
the face, and what comes nearer does not grow.  Nothing that was hidden can come into view, so a nose
does not cover a cheek and only small turns look right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator, RectBivariateSpline

from merkit.errors import ConfigError
from merkit.faces.landmarks import FACE_OVAL
from merkit.simulate.action_units import face_axes, face_width
from merkit.simulate.head_motion import HeadPose

Map = NDArray[np.float32]
FARTHEST_TURN = 8.0
"""Degrees of yaw or pitch; further the sides of the nose would fold."""
_COARSE = 24
"""Grid steps of the depth map in the width of a face."""
_SMOOTHING = 1e-2
"""Of the thin plate, with lengths in face widths: takes the creases out of the mesh."""
_RING, _RING_POINTS = 1.6, 48
"""Where the depth has come back to that of the rim, in half face sizes."""


class Relief:
    """How far each pixel of a portrait lies before the rim of the face.

    Parameters
    ----------
    points : array (468, 2)
        Mesh landmarks in pixels.
    depth : array (468,)
        Depth of them in pixels, more negative is nearer.
    follows : array (height, width) float32
        How much each pixel follows the head, 0 to 1.
    """

    def __init__(self, points: NDArray[np.float64], depth: NDArray[np.float64], follows: Map) -> None:
        across, down = face_axes(points)
        self._axes = np.stack([across, down], 1)
        low, high = (points @ self._axes).min(axis=0), (points @ self._axes).max(axis=0)
        middle, half = (low + high) / 2, (high - low) / 2
        rows, columns = np.mgrid[0 : follows.shape[0], 0 : follows.shape[1]].astype(np.float32)
        self._along = columns * np.float32(across[0]) + rows * np.float32(across[1]) - np.float32(middle[0])
        self._below = columns * np.float32(down[0]) + rows * np.float32(down[1]) - np.float32(middle[1])
        self._follows = follows
        height = depth[list(FACE_OVAL)].mean() - depth
        angle = np.linspace(0, 2 * np.pi, _RING_POINTS, endpoint=False)
        ring = (middle + _RING * half * np.stack([np.cos(angle), np.sin(angle)], 1)) @ self._axes.T
        self._front = _spread(
            np.concatenate([points, ring]),
            np.concatenate([height, np.zeros(_RING_POINTS)]),
            follows.shape,
            face_width(points),
        )

    def turned(self, head: HeadPose) -> Map:
        """How far each neutral pixel moves under yaw and pitch, (height, width, 2).

        Raises
        ------
        ConfigError
            If the turn goes too far.
        """
        for name in ("yaw_deg", "pitch_deg"):
            if not abs(getattr(head, name)) <= FARTHEST_TURN:
                raise ConfigError(
                    f"head pose {name}: a portrait cannot turn by {getattr(head, name):g} degrees, at most "
                    f"{FARTHEST_TURN:g}; use the 3D head"
                )
        yaw, pitch = np.deg2rad(head.yaw_deg), np.deg2rad(head.pitch_deg)
        # Pitch first, then yaw, as the 3D head does; x to the person's left, y down, z to the camera.
        right = [np.cos(yaw) - 1, np.sin(yaw) * np.sin(pitch), np.sin(yaw) * np.cos(pitch)]
        lower = [0.0, np.cos(pitch) - 1, -np.sin(pitch)]
        along, below = (
            self._follows
            * (np.float32(a) * self._along + np.float32(b) * self._below + np.float32(c) * self._front)
            for a, b, c in (right, lower)
        )
        axes = self._axes.astype(np.float32)
        return np.stack([along * axes[k, 0] + below * axes[k, 1] for k in (0, 1)], axis=-1)


def _spread(
    points: NDArray[np.float64], values: NDArray[np.float64], shape: tuple[int, int], width: float
) -> Map:
    """Values at scattered points as a smooth picture."""
    step = max(width / _COARSE, 1.0)
    size = [int(np.ceil((n - 1) / step)) + 1 for n in shape]
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]] * step
    plate = RBFInterpolator(points / width, values / width, smoothing=_SMOOTHING, kernel="thin_plate_spline")
    coarse = plate(np.stack([columns, rows], -1).reshape(-1, 2) / width).reshape(size) * width
    fine = RectBivariateSpline(rows[:, 0], columns[0], coarse)(*map(np.arange, shape))
    return np.asarray(fine, np.float32)
