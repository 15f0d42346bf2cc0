"""The losses of AKMNet: cross-entropy, few key frames, and a margin between them and the others."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional

from merkit.methods.akmnet.network import Mined

SPARSITY_WEIGHT = 0.1
"""λ₁ of the paper (§IV-B)."""
MARGIN_WEIGHT = 1.0
"""λ₂ of the paper (§IV-B)."""
_C = 2.0
"""The constant of the margin loss."""


def global_sparsity(chosen: Tensor) -> Tensor:
    """max(0, ΣB − 1): one key frame is free (equation 10).

    Parameters
    ----------
    chosen : tensor, shape (T,) or (1, T)
        0 or 1, with gradient to the scores.

    Returns
    -------
    scalar tensor
        Without gradient where a single frame is chosen.
    """
    return functional.relu(chosen.sum() - 1.0)


def mean_margin(scores: Tensor, chosen: Tensor) -> Tensor:
    """2 − (mean score of key frames − mean score of the others) (equations 11 to 13).

    Parameters
    ----------
    scores, chosen : tensor, shape (T,) or (1, T)

    Returns
    -------
    scalar tensor
        1 to 2 for scores of 0 to 1; 2, without gradient, where there are no others.
    """
    key = chosen.detach()
    others = 1.0 - key
    if not bool(others.any()):
        return (scores * 0.0).sum() + _C
    return _C - ((scores * key).sum() / key.sum() - (scores * others).sum() / others.sum())


class AKMNetLosses(NamedTuple):
    """The loss of one clip and its parts, scalar tensors each."""

    total: Tensor
    classification: Tensor
    sparsity: Tensor
    margin: Tensor


def akmnet_loss(
    mined: Mined,
    label: Tensor,
    *,
    sparsity_weight: float = SPARSITY_WEIGHT,
    margin_weight: float = MARGIN_WEIGHT,
) -> AKMNetLosses:
    """L_c + λ₁ L_GS + λ₂ L_MMM of one clip (equation 4).

    Parameters
    ----------
    mined : Mined
        What the network said.
    label : integer tensor, shape (1,)
    sparsity_weight, margin_weight : float
        λ₁ and λ₂; both 0 for variants that choose nothing.
    """
    classification = functional.cross_entropy(mined.logits, label)
    sparsity, margin = global_sparsity(mined.chosen), mean_margin(mined.scores, mined.chosen)
    total = classification + sparsity_weight * sparsity + margin_weight * margin
    return AKMNetLosses(total, classification, sparsity, margin)
