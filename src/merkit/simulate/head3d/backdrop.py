"""The wall behind the person."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.simulate.head3d.light import Light
from merkit.simulate.head3d.person import Person


def backdrop(shape: tuple[int, int], person: Person, light: Light) -> NDArray[np.float32]:
    """Linear light (height, width, 3) of a plain wall: brighter towards the lamp, slightly uneven."""
    rng = np.random.default_rng([person.seed, 4])
    height, width = shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    across, down = columns / width - 0.5, rows / height - 0.5
    towards = light.direction
    slope = 1 + 0.5 * (across * towards[0] - down * towards[1])
    spots = np.zeros(shape, np.float32)
    for sigma, strength in ((0.25, 0.06), (0.06, 0.025), (0.012, 0.02)):
        blur = cv2.GaussianBlur(
            rng.standard_normal(shape).astype(np.float32), (0, 0), max(sigma * width, 1.0)
        )
        spots += np.float32(strength) * blur / max(float(blur.std()), 1e-9)
    wall = np.array(person.wall_colour, np.float32) ** 2
    bright = 0.75 * (light.ambient + 0.5 * light.key) * slope * (1 + spots)
    return np.clip(bright[..., None] * wall, 0, 1).astype(np.float32)
