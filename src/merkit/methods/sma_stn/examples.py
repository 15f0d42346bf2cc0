"""What the network is given of clips: of those that it learns from, and of those that it judges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merkit.methods.sma_stn.augmentation import augmented
from merkit.methods.sma_stn.config import SMASTNConfig
from merkit.methods.sma_stn.images import dynamic_tokens, image_limits, scaled_tokens
from merkit.methods.sma_stn.sampling import sampled_frames

_DRAWS = 20201019
"""Seeds the frames that are drawn of a clip that is judged, so that it is always judged alike."""


class TrainingExamples:
    """Training clips as their dynamic images, of other frames each time, and augmented.

    Parameters
    ----------
    faces : sequence of uint8 arrays, shape (T, S, S, 3)
    labels : int array, shape (N,)
    config : SMASTNConfig
    limits : float64 array, optional
        See :func:`~merkit.methods.sma_stn.images.scaled_tokens`.
    """

    def __init__(
        self,
        faces: Sequence[NDArray[np.uint8]],
        labels: NDArray[np.intp],
        config: SMASTNConfig,
        limits: NDArray[np.float64] | None,
    ) -> None:
        self.labels = labels
        self._faces, self._config, self._limits = faces, config, limits

    def batch(self, rows: NDArray[np.intp], rng: np.random.Generator) -> Tensor:
        """Dynamic images (B, N, 3, S, S) of some clips."""
        return torch.from_numpy(np.stack([self._one(self._faces[row], rng) for row in rows]))

    def _one(self, faces: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
        tokens = tokens_of(faces, self._config, rng)
        if self._config.augment:
            tokens = augmented(tokens, rng)
        return scaled_tokens(tokens, self._limits)


def judged_tokens(
    faces: NDArray[np.uint8], config: SMASTNConfig, limits: NDArray[np.float64] | None
) -> Tensor:
    """A clip as the frames in the centre of their bins show it, and then as frames drawn do.

    Parameters
    ----------
    faces : uint8 array, shape (T, S, S, 3)
    config : SMASTNConfig
    limits : float64 array, optional

    Returns
    -------
    float32 tensor, shape (1 + realisations, N, 3, S, S)
    """
    rng = np.random.default_rng(_DRAWS)
    draws = [tokens_of(faces, config), *(tokens_of(faces, config, rng) for _ in range(config.realisations))]
    return torch.from_numpy(np.stack([scaled_tokens(each, limits) for each in draws]))


def fold_limits(faces: Sequence[NDArray[np.uint8]], config: SMASTNConfig) -> NDArray[np.float64]:
    """What the dynamic images of training clips are to be divided by, (N,); of the frames in the centre."""
    return image_limits([tokens_of(each, config) for each in faces], config.images)


def tokens_of(
    faces: NDArray[np.uint8], config: SMASTNConfig, rng: np.random.Generator | None = None
) -> NDArray[np.float32]:
    """Dynamic images (N, 3, S, S) of faces (T, S, S, 3), of drawn frames or of those in the centre."""
    frames = sampled_frames(len(faces), config.segments, config.samples, rng)
    return dynamic_tokens(faces, frames, anchor=config.anchor, images=config.images)
