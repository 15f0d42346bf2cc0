"""From points of the head to points of the picture: the pose of the head and a perspective camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head_motion import HeadPose

Floats = NDArray[np.float64]

PIVOT = np.array([0.0, -4.0, -1.0])
"""Where the head turns on the neck: between the upper vertebrae of the neutral model."""
_NECK_TOP, _NECK_END = -7.0, -15.0
"""Above the first height everything turns with the head, below the second nothing does."""


def rotation(yaw_deg: float, pitch_deg: float) -> Floats:
    """Matrix (3, 3) that turns to the person's left by yaw, and upwards by pitch.

    >>> np.round(rotation(90, 0) @ [0, 0, 1], 6)
    array([1., 0., 0.])
    """
    yaw, pitch = np.deg2rad(yaw_deg), np.deg2rad(pitch_deg)
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    return about_y @ about_x


def follows(neutral: Floats) -> Floats:
    """How far each point (P, 3) follows the turns of the head, 0 to 1 from the shoulders to the jaw."""
    t = np.clip((neutral[:, 1] - _NECK_END) / (_NECK_TOP - _NECK_END), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class Camera3D:
    """A pinhole camera straight in front of the head.

    Parameters
    ----------
    shape : (height, width)
        Of the frames in pixels.
    distance : float
        From the camera to the plane `z = 0` of the head, in its units.
    focal : float
        Distance of the picture from the pinhole, in pixels.
    middle : (x, y)
        The point of the head, at its `depth`, that lies in the middle of the frame.
    depth : float
        Its z.
    """

    shape: tuple[int, int]
    distance: float
    focal: float
    middle: tuple[float, float]
    depth: float

    @property
    def centre(self) -> Floats:
        """Middle of the frame in pixels, about which :class:`HeadPose` turns and scales."""
        return np.array([(self.shape[1] - 1) / 2, (self.shape[0] - 1) / 2])

    def project(self, points: Floats, head: HeadPose, follow: Floats) -> tuple[Floats, Floats, Floats]:
        """Where points (P, 3) of the unturned head are seen.

        Parameters
        ----------
        points : array (P, 3)
        head : HeadPose
        follow : array (P,)
            From :func:`follows`.

        Returns
        -------
        x, y : arrays (P,)
            Pixels.
        nearness : array (P,)
            One over the distance from the camera along its axis.
        """
        if head.yaw_deg or head.pitch_deg:
            turned = (points - PIVOT) @ rotation(head.yaw_deg, head.pitch_deg).T + PIVOT
            points = points + follow[:, None] * (turned - points)
        nearness = 1 / (self.distance - points[:, 2])
        # The middle of the face stays in the middle, whatever its depth does to the scale.
        x = self.focal * nearness * (points[:, 0] - self.middle[0])
        y = self.focal * nearness * (self.middle[1] - points[:, 1])
        (a, b, c), (d, e, f) = head.matrix(np.zeros(2))
        cx, cy = self.centre
        return a * x + b * y + (c + cx), d * x + e * y + (f + cy), nearness
