"""Names for the points of the 468-point face mesh.

Left and right are the person's own: in a picture that is not mirrored, the right eye is on the left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_POINTS = 468

RIGHT_UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
"""Edge of the upper lid from the outer to the inner corner of the eye, both included."""
RIGHT_LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_UPPER_LID = (263, 466, 388, 387, 386, 385, 384, 398, 362)
LEFT_LOWER_LID = (263, 249, 390, 373, 374, 380, 381, 382, 362)
RIGHT_EYE = RIGHT_UPPER_LID + RIGHT_LOWER_LID[-2:0:-1]
"""Contour of the eye, closed."""
LEFT_EYE = LEFT_UPPER_LID + LEFT_LOWER_LID[-2:0:-1]

RIGHT_BROW_UPPER = (70, 63, 105, 66, 107)
"""Upper edge of the brow from the outer to the inner end."""
RIGHT_BROW_LOWER = (46, 53, 52, 65, 55)
LEFT_BROW_UPPER = (300, 293, 334, 296, 336)
LEFT_BROW_LOWER = (276, 283, 282, 295, 285)
RIGHT_BROW = RIGHT_BROW_UPPER + RIGHT_BROW_LOWER[::-1]
LEFT_BROW = LEFT_BROW_UPPER + LEFT_BROW_LOWER[::-1]
RIGHT_INNER_BROW = (107, 66, 65, 55)
RIGHT_OUTER_BROW = (70, 63, 53, 46)
LEFT_INNER_BROW = (336, 296, 295, 285)
LEFT_OUTER_BROW = (300, 293, 283, 276)

NOSE_BRIDGE = (168, 6, 197, 195, 5)
NOSE_TIP = 4
NOSE_BASE = 2
RIGHT_NOSE_WING = (129, 102, 48)
LEFT_NOSE_WING = (358, 331, 278)
NOSE = (*NOSE_BRIDGE, NOSE_TIP, NOSE_BASE, *RIGHT_NOSE_WING, *LEFT_NOSE_WING)

RIGHT_LIP_CORNER = 61
LEFT_LIP_CORNER = 291
OUTER_LIPS = (
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(291, 375, 321, 405, 314, 17, 84, 181, 91, 146),
)
"""Outer edge of the lips, closed: from the right corner over the upper lip and back below."""
INNER_LIPS = (
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
)
CHIN = (152, 175, 199, 200, 148, 377)
CHIN_TIP = 152
FACE_OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""Outline of the face, closed, from the middle of the forehead."""
WIDTH_POINTS = (234, 454)
"""The ends of the face's width, before the ears."""


def eye_centres(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Centres of the eyes: the middle between the corners, which a blink does not move.

    Parameters
    ----------
    points : float array, shape (468, 2)
        Mesh points, ``(x, y)`` in pixels.

    Returns
    -------
    float64 array, shape (2, 2)
        The person's right eye first, which is on the left of the picture.
    """
    corners = np.asarray(points, dtype=np.float64)[[33, 133, 362, 263]]
    return corners.reshape(2, 2, 2).mean(axis=1)


def face_width(points: NDArray[np.floating]) -> float:
    """Width of the face in pixels, between the points before the ears.

    Parameters
    ----------
    points : float array, shape (468, 2)
    """
    right, left = np.asarray(points, dtype=np.float64)[list(WIDTH_POINTS)]
    return float(np.hypot(*(left - right)))
