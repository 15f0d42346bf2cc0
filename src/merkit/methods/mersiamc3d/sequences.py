"""Flow sequences as the network takes them: scaled by the training clips, in training changed at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

PERCENTILE = 99.5
"""Of the lengths of the flow of the training clips, which becomes 1."""
LIMIT = 3.0
AMPLITUDES = (0.8, 1.25)
"""By which the flow of a training clip is multiplied, drawn evenly."""


def flow_scale(sequences: Sequence[NDArray[np.floating]]) -> float:
    """The 99.5th percentile of the lengths of all flow vectors; 1 where nothing moves.

    Parameters
    ----------
    sequences : sequence of float arrays, shape (2, 10, H, W) each

    Raises
    ------
    DataError
        If there are none, or they are not finite.
    """
    if not len(sequences):
        raise DataError("flow_scale: no sequences; give those of the training clips")
    lengths = np.concatenate([np.hypot(*flow.astype(np.float32)).ravel() for flow in sequences])
    found = float(np.percentile(lengths, PERCENTILE))
    if not np.isfinite(found):
        raise DataError(
            "flow_scale: the flow is not finite: look for NaN or infinity in the features of the clips"
        )
    return found if found > 0 else 1.0


def as_input(flow: NDArray[np.floating], scale: float) -> NDArray[np.float32]:
    """Channels u, v and length, divided by a scale and cut off at ±3.

    Parameters
    ----------
    flow : float array, shape (2, T, H, W)
        Pixels.
    scale : float
        Above 0; of all clips, so that amplitude stays information.

    Returns
    -------
    float32 array, shape (3, T, H, W)

    Examples
    --------
    >>> flow = np.array([3.0, 4.0]).reshape(2, 1, 1, 1)
    >>> as_input(flow, 2.0).ravel().tolist()
    [1.5, 2.0, 2.5]
    """
    both = flow.astype(np.float32)
    channels = np.concatenate([both, np.hypot(both[:1], both[1:])])
    return np.clip(channels / np.float32(scale), -LIMIT, LIMIT)


def mirrored(flow: NDArray[np.floating]) -> NDArray[np.floating]:
    """The flow (2, T, H, W) or (3, T, H, W) of the mirror image: u changes its sign."""
    turned = flow[..., ::-1].copy()
    turned[0] *= -1
    return turned


def shifted(flow: NDArray[np.floating], down: int, right: int) -> NDArray[np.floating]:
    """The flow (C, T, H, W) moved by whole pixels; where nothing comes in, nothing moves."""
    moved = np.zeros_like(flow)
    height, width = flow.shape[-2:]
    to = (slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0)))
    of = (slice(max(-down, 0), height + min(-down, 0)), slice(max(-right, 0), width + min(-right, 0)))
    moved[(..., *to)] = flow[(..., *of)]
    return moved


def augmented(
    versions: NDArray[np.floating], rng: np.random.Generator, *, mirror: float, shift: int
) -> NDArray[np.floating]:
    """One of the versions of a clip, mirrored or not, moved, and stronger or weaker.

    Parameters
    ----------
    versions : float array, shape (V, 2, T, H, W)
    rng : numpy.random.Generator
    mirror : float
        Probability with which it is mirrored.
    shift : int
        Most pixels by which it is moved.

    Returns
    -------
    float array, shape (2, T, H, W)
    """
    flow: NDArray[np.floating] = versions[rng.integers(len(versions))].astype(np.float32)
    if rng.random() < mirror:
        flow = mirrored(flow)
    down, right = (int(step) for step in rng.integers(-shift, shift + 1, 2))
    return shifted(flow, down, right) * np.float32(rng.uniform(*AMPLITUDES))


class ClipSequences:
    """Flow sequences of training clips, augmented, for :func:`merkit.training.loop.train`.

    Parameters
    ----------
    versions : sequence of float arrays, shape (V, 2, T, H, W) each
        Flow of each clip between key frames, with the marks as they are and moved.
    labels : int array, shape (N,)
    scale : float
        See :func:`as_input`.
    mirror, shift
        See :func:`augmented`.
    """

    def __init__(
        self,
        versions: Sequence[NDArray[np.floating]],
        labels: NDArray[np.intp],
        *,
        scale: float,
        mirror: float,
        shift: int,
    ) -> None:
        self.labels = labels
        self._versions, self._scale, self._mirror, self._shift = versions, scale, mirror, shift

    def one(self, row: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """The input (3, T, H, W) of a clip."""
        flow = augmented(self._versions[row], rng, mirror=self._mirror, shift=self._shift)
        return as_input(flow, self._scale)

    def batch(self, rows: NDArray[np.intp], rng: np.random.Generator) -> Tensor:
        """Inputs (N, 3, T, H, W)."""
        return as_tensor([self.one(int(row), rng) for row in rows])


def as_tensor(inputs: Sequence[NDArray[np.float32]]) -> Tensor:
    """Inputs one behind the other along a new first axis."""
    import torch

    return torch.from_numpy(np.stack(inputs))
