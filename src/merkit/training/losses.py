"""Losses that several methods learn from."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from merkit.errors import ConfigError

GAMMA = 2.0
"""Exponent of the paper of the loss, and of the released balanced STRCN."""


def focal_loss(
    logits: Tensor, labels: Tensor, *, gamma: float = GAMMA, class_weights: Tensor | None = None
) -> Tensor:
    """Mean of −α (1 − p)^γ log p over the batch, p being the probability of the true class.

    Parameters
    ----------
    logits : float tensor, shape (N, C)
    labels : integer tensor, shape (N,)
        0 to C - 1.
    gamma : float
        0 or more; 0 is cross-entropy.
    class_weights : float tensor, shape (C,), optional
        α of each class, 1 by default; :func:`merkit.training.balance.balanced_weights` make the balanced
        loss.  The mean is over clips, not over weights.

    Returns
    -------
    scalar tensor

    Raises
    ------
    ConfigError
        For a negative `gamma`.

    Notes
    -----
    Lin et al., "Focal Loss for Dense Object Detection" (ICCV 2017), equation 5.

    Examples
    --------
    >>> round(float(focal_loss(torch.zeros(1, 2), torch.tensor([0]))), 4)
    0.1733
    """
    if not gamma >= 0:
        raise ConfigError(f"focal_loss: gamma {gamma}; give 0 or more")
    log_p = functional.log_softmax(logits, dim=1).gather(1, labels[:, None]).squeeze(1)
    # 1 - p without cancellation near p = 1; not 0, where a power below 1 has no gradient.
    missed = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
    losses = -(missed**gamma) * log_p
    if class_weights is not None:
        losses = losses * class_weights[labels]
    return losses.mean()
