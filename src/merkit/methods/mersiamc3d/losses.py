"""The losses of the two stages: on pairs of clips, and focal with weights of the classes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from merkit.errors import ConfigError, DataError
from merkit.methods.mersiamc3d.config import ALPHAS
from merkit.training.balance import balanced_weights, softened_weights
from merkit.training.losses import focal_loss

__all__ = ["BETA", "MARGIN", "alpha_of", "contrastive_loss", "focal_loss", "pair_loss"]

MARGIN = 1.0
"""Distance from which on clips of two classes are far enough apart; embeddings have length 1."""
BETA = 0.99
"""Of the effective number of clips."""


def contrastive_loss(one: Tensor, other: Tensor, same: Tensor, *, margin: float = MARGIN) -> Tensor:
    """Mean of ½ [s d² + (1 − s) max(0, margin − d)²] over pairs, d being the distance.

    Parameters
    ----------
    one, other : float tensors, shape (N, E)
    same : tensor, shape (N,)
        1 for pairs of one class, 0 for others.
    margin : float

    Returns
    -------
    scalar tensor

    Notes
    -----
    Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping" (CVPR 2006).

    Examples
    --------
    >>> one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.8, 0.6]])
    >>> [round(float(contrastive_loss(one, other, torch.tensor([s]))), 4) for s in (1, 0)]
    [0.2, 0.0675]
    """
    squared = (one - other).square().sum(dim=1)
    # The root has no gradient at 0.
    distance = squared.clamp_min(torch.finfo(squared.dtype).eps ** 2).sqrt()
    near = functional.relu(margin - distance).square()
    return 0.5 * torch.where(same.bool(), squared, near).mean()


def pair_loss(logits: Tensor, same: Tensor) -> Tensor:
    """Binary cross-entropy of pairs: logits (N,) that both clips are of one class, and whether they are (N,).

    Notes
    -----
    Koch, Zemel, Salakhutdinov, "Siamese Neural Networks for One-shot Image Recognition" (2015).
    """
    return functional.binary_cross_entropy_with_logits(logits, same.to(logits.dtype))


def alpha_of(kind: str | float, counts: ArrayLike) -> NDArray[np.float32]:
    """Weights of the classes in the focal loss.

    Parameters
    ----------
    kind : {"sqrt", "inverse", "effective", "equal"} or float
        By the numbers of clips n: 1/√n, 1/n, (1 − β)/(1 − βⁿ) with β = 0.99, or the same for all, with mean
        1; a number is the weight of every class as it is.
    counts : int array, shape (C,)
        Training clips of each class; one without any, which does not come up in the loss, gets 1.

    Returns
    -------
    float32 array, shape (C,)

    Raises
    ------
    DataError
        If no class has a clip.
    ConfigError
        For an unknown kind.

    Examples
    --------
    >>> alpha_of("inverse", [1, 3]).tolist(), alpha_of(0.25, [1, 3]).tolist()
    ([1.5, 0.5], [0.25, 0.25])
    """
    n = np.asarray(counts)
    there = n > 0
    if not there.any():
        raise DataError(f"class counts {n.tolist()}: without training clips no class can be weighted")
    if not isinstance(kind, str):
        return np.full(len(n), kind, dtype=np.float32)
    if kind not in ALPHAS:
        raise ConfigError(f"alpha={kind!r}: allowed are {', '.join(ALPHAS)}, or a number")
    weights = np.ones(len(n))
    if kind == "sqrt":
        weights[there] = softened_weights(n[there])
    elif kind == "inverse":
        weights[there] = balanced_weights(n[there])
    elif kind == "effective":
        weights[there] = (1 - BETA) / (1 - BETA ** n[there].astype(np.float64))
    weights[there] /= weights[there].mean()
    return weights.astype(np.float32)
