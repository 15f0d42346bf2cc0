"""Training clips turned, shifted, mirrored and amplified, all their dynamic images alike."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from merkit.layers.resampling import resampled

SHIFT = 4
"""Pixels that a crop of 112 is moved at most, within 120."""
FULL_SIZE = 112
TURN = 4.0
"""Degrees."""
AMPLITUDE = (0.8, 1.25)


def augmented(tokens: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Dynamic images (N, 3, S, S) of one clip as another face, camera and strength might have given them.

    Mirrored in every second clip; turned by up to 4 degrees; shifted by up to a 28th of their side, what is
    beyond the edge being reflected; times 0.8 to 1.25.
    """
    side = tokens.shape[-1]
    reach = SHIFT * side // FULL_SIZE
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.deg2rad(rng.uniform(-TURN, TURN))
    right, down = (2.0 * float(rng.integers(-reach, reach + 1)) / side for _ in range(2))
    amplitude = rng.uniform(*AMPLITUDE)
    cos, sin = np.cos(turn), np.sin(turn)
    matrix = [[mirror * cos, -mirror * sin, right], [sin, cos, down]]
    moved = resampled(torch.from_numpy(tokens), matrix, side, "reflection")
    return np.asarray(moved.numpy() * np.float32(amplitude))
