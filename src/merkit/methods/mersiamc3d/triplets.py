"""How the network behind ``adaconv`` learns: from three frames of a training clip, the middle of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from merkit.errors import DataError
from merkit.layers.seeding import seeded
from merkit.methods.context import FitContext
from merkit.methods.mersiamc3d.config import MERSiamC3DConfig
from merkit.methods.mersiamc3d.interpolation import Interpolator
from merkit.training.loop import train

MAX_STEP = 8
"""Frames from the middle of a training triplet to its ends, at most."""
GRADIENT_WEIGHT = 0.1
"""Of the loss on the gradients of the picture."""


def learn_interpolator(
    faces: Sequence[NDArray[np.uint8]], config: MERSiamC3DConfig, context: FitContext, owner: str = ""
) -> Interpolator:
    """A new interpolator, learnt from the faces (T, H, W) of training clips; `owner` as in `train`."""
    network = seeded(context.seed, Interpolator)
    train(
        network,
        Triplets(faces, config.triplets),
        triplet_loss,
        config.interpolation_stage,
        seed=context.seed,
        device=context.device,
        owner=owner,
        checkpoints=context.checkpoint_dir,
        on_progress=context.on_progress,
    )
    return network


def interpolation_loss(made: Tensor, true: Tensor) -> Tensor:
    """Mean absolute difference of two pictures (N, 1, H, W), and a tenth of that of their gradients."""
    loss = functional.l1_loss(made, true)
    for axis in (2, 3):
        loss = loss + GRADIENT_WEIGHT * functional.l1_loss(made.diff(dim=axis), true.diff(dim=axis))
    return loss


class Triplets:
    """Three frames at equal steps of a training clip, drawn anew each time, mirrored and turned back too.

    Parameters
    ----------
    clips : sequence of uint8 arrays, shape (T, H, W) each
    count : int
        Triplets of an epoch.

    Raises
    ------
    DataError
        If no clip has three frames.
    """

    def __init__(self, clips: Sequence[NDArray[np.uint8]], count: int) -> None:
        self._clips = [frames for frames in clips if len(frames) >= 3]
        if not self._clips:
            raise DataError("no clip has three frames to learn interpolation from: give transition='nearest'")
        self.labels = np.zeros(count, dtype=np.intp)

    def batch(self, rows: NDArray[np.intp], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Ends (N, 2, H, W) and middles (N, 1, H, W), 0 to 1."""
        drawn = np.stack([self._draw(rng) for _ in rows]).astype(np.float32) / np.float32(255)
        return torch.from_numpy(drawn[:, [0, 2]]), torch.from_numpy(drawn[:, 1:2])

    def _draw(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        frames = self._clips[rng.integers(len(self._clips))]
        step = int(rng.integers(1, min(MAX_STEP, (len(frames) - 1) // 2) + 1))
        middle = int(rng.integers(step, len(frames) - step))
        three = frames[[middle - step, middle, middle + step]]
        if rng.random() < 0.5:
            three = three[::-1]
        return three[:, :, ::-1] if rng.random() < 0.5 else three


def triplet_loss(
    network: nn.Module, given: tuple[Tensor, Tensor], labels: Tensor, class_weights: Tensor | None
) -> Mapping[str, Tensor]:
    """The loss of a batch of :class:`Triplets`, for :func:`merkit.training.loop.train`."""
    ends, middles = given
    return {"loss": interpolation_loss(network(ends), middles)}
