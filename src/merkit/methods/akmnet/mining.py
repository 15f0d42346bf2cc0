"""Which frames of a clip are key frames: scores, a threshold at their mean, and a gradient through it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

TOLERANCE = 1e-6
"""A score may lie this far below the mean: equal scores must not lose to the rounding of their mean."""


def correlation(features: Tensor, weights: Tensor) -> Tensor:
    """How well each frame agrees with the weighted sum of all (paper, equations 6 and 7).

    Parameters
    ----------
    features : tensor, shape (T, F)
        Not negative.
    weights : tensor, shape (T,)

    Returns
    -------
    tensor, shape (T,)
        Cosines, 0 to 1 up to rounding.

    Examples
    --------
    >>> features = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> correlation(features, torch.tensor([0.5, 0.5, 0.0])).tolist()
    [1.0, 1.0, 0.0]
    """
    summary = (weights[:, None] * features).sum(dim=0, keepdim=True)
    return functional.cosine_similarity(features, summary, dim=1)


def binarise(scores: Tensor, ste: str = "code") -> Tensor:
    """1 for the frames whose score reaches the mean of all, else 0 (paper, equation 8).

    The best frame is always chosen.  There is no gradient of a step, so one is made up; the threshold counts
    as constant.

    Parameters
    ----------
    scores : tensor, shape (T,)
    ste : {"code", "paper"}
        ``code``: the gradient of every choice passes to its score unchanged, in clips whose mean is inside 0
        to 1, as in the released code.  ``paper`` (equations 14 to 17): of the chosen frames alone.

    Returns
    -------
    tensor, shape (T,)
        0 or 1.

    Examples
    --------
    >>> binarise(torch.tensor([0.9, 0.8, 0.4, 0.3])).tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    fixed = scores.detach()
    mean = fixed.mean()
    chosen = fixed >= mean - TOLERANCE
    # Without indexing by a number, which a traced network would keep as it was.
    chosen = (chosen | (fixed == fixed.max())).to(scores.dtype)
    passes = chosen if ste == "paper" else ((mean > 0) & (mean < 1)).to(scores.dtype)
    # The bracket is exactly 0; it is there for its gradient.
    return chosen + passes * (scores - fixed)


class KeyFrameMining(nn.Module):
    """Score the frames of one clip and choose among them.

    Parameters
    ----------
    features : int
        Values a frame.
    variant : {"s123", "s12", "s13", "s23"}
        The steps that are used: attention (1), correlation (2), selection (3).
    ste : {"code", "paper"}
        See :func:`binarise`.
    """

    def __init__(self, features: int, variant: str, ste: str) -> None:
        super().__init__()
        self.variant, self.ste = variant, ste
        self.attention = None if variant == "s23" else nn.Linear(features, 1)
        if self.attention is not None:
            nn.init.xavier_normal_(self.attention.weight)
            nn.init.zeros_(self.attention.bias)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and choice, both (T,), of pooled features (T, F); without selection all are chosen."""
        if self.attention is None:
            weights = pooled.new_ones(len(pooled))
        else:
            weights = torch.sigmoid(self.attention(pooled)).squeeze(1)
        scores = weights if self.variant == "s13" else correlation(pooled, weights)
        if self.variant == "s12":
            return scores, torch.ones_like(scores)
        return scores, binarise(scores, self.ste)
