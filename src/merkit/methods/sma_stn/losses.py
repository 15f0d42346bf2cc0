"""Cross-entropy and the deviation enhancement loss (DE-Loss) of SMA-STN.

The paper's formula of the latter is not known; these are two readings of what it is for.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

MOMENTUM = 0.9


def class_deviation(
    directions: Tensor, labels: Tensor, centres: Tensor, seen: Tensor, *, margin: float = 0.5
) -> Tensor:
    """Clips near the centre of their class, and nearer than to that of any other, by a margin.

    With squared distances d, it is the mean of max(0, d(own) − d(nearest other) + margin) + d(own) / 2.

    Parameters
    ----------
    directions : float tensor, shape (B, F)
        Features of length 1.
    labels : integer tensor, shape (B,)
    centres : float tensor, shape (C, F)
        Of length 1; no gradient reaches them.
    seen : bool tensor, shape (C,)
        Which classes have a centre; those of the labels do.
    margin : float

    Returns
    -------
    scalar tensor

    Examples
    --------
    >>> axes = torch.eye(3)
    >>> float(class_deviation(axes, torch.tensor([0, 1, 2]), axes, torch.ones(3, dtype=torch.bool)))
    0.0
    """
    distances = (directions[:, None] - centres.detach()).square().sum(dim=2)
    own = _membership(labels, len(centres))
    to_own = (distances * own).sum(dim=1)
    to_others = distances.masked_fill(own | ~seen, torch.inf).amin(dim=1)
    return (functional.relu(to_own - to_others + margin) + 0.5 * to_own).mean()


def movement_deviation(vectors: Tensor, still: Tensor, *, margin: float = 0.5) -> Tensor:
    """Images of movement far from what the network makes of no movement.

    The mean of max(0, margin − distance) over images and clips, between directions.

    Parameters
    ----------
    vectors : float tensor, shape (B, N, F)
        Features of the dynamic images of clips.
    still : float tensor, shape (F,)
        Feature of an image of zeros.
    margin : float

    Returns
    -------
    scalar tensor

    Examples
    --------
    >>> still = torch.tensor([1.0, 0.0])
    >>> float(movement_deviation(torch.tensor([[[2.0, 0.0], [0.0, 3.0]]]), still))
    0.25
    """
    between = functional.normalize(vectors, dim=2) - functional.normalize(still, dim=0)
    # It has a gradient of 0, and not none, at a distance of 0.
    distances = torch.linalg.vector_norm(between, dim=2)
    return functional.relu(margin - distances).mean()


class ClassCentres(nn.Module):
    """Where the features of the classes lie, followed over the batches of a training.

    They belong to the network, so that a stopped training goes on with them.

    Parameters
    ----------
    num_classes, features : int

    Attributes
    ----------
    points : float tensor, shape (num_classes, features)
        Of length 1 where a class was seen, else 0.
    seen : bool tensor, shape (num_classes,)
    """

    points: Tensor
    seen: Tensor

    def __init__(self, num_classes: int, features: int) -> None:
        super().__init__()
        self.register_buffer("points", torch.zeros(num_classes, features))
        self.register_buffer("seen", torch.zeros(num_classes, dtype=torch.bool))

    @torch.no_grad()
    def meet(self, directions: Tensor, labels: Tensor) -> None:
        """Give classes that come for the first time the mean of their features (B, F) in this batch."""
        means, present = self._means(directions, labels)
        new = present & ~self.seen
        self.points.copy_(torch.where(new[:, None], functional.normalize(means, dim=1), self.points))
        self.seen |= new

    @torch.no_grad()
    def follow(self, directions: Tensor, labels: Tensor) -> None:
        """Move the classes of this batch a tenth of the way to the mean of their features (B, F)."""
        means, present = self._means(directions, labels)
        moved = functional.normalize(MOMENTUM * self.points + (1.0 - MOMENTUM) * means, dim=1)
        self.points.copy_(torch.where(present[:, None], moved, self.points))

    def _means(self, directions: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        own = _membership(labels, len(self.seen)).to(self.points.dtype)
        counts = own.sum(dim=0)
        # No matrix product, which would be less exact where a training computes in bfloat16.
        sums = (own[:, :, None] * directions.detach()[:, None]).sum(dim=0)
        return sums / counts.clamp_min(1.0)[:, None], counts > 0


def sma_stn_loss(
    network: Any,
    tokens: Tensor,
    labels: Tensor,
    class_weights: Tensor | None,
    *,
    deviation: str = "class",
    weight: float = 0.1,
    margin: float = 0.5,
) -> dict[str, Tensor]:
    """Cross-entropy of a batch and, with its weight, one reading of the DE-Loss.

    Parameters
    ----------
    network : SMASTN
        Its centres follow the batch.
    tokens : float tensor, shape (B, N, 3, S, S)
    labels : integer tensor, shape (B,)
    class_weights : float tensor, shape (C,), optional
        Of the cross-entropy.
    deviation : {"class", "movement"}
    weight : float
        λ; with 0 there is no DE-Loss, and centres stay as they are.
    margin : float

    Returns
    -------
    dict of scalar tensors
        ``loss``, ``classification`` and, unless its weight is 0, ``deviation``.
    """
    still = weight > 0 and deviation == "movement"
    # A clip in which nothing moves goes along, so that all see the same normalisation.
    out = network(torch.cat([tokens, torch.zeros_like(tokens[:1])]) if still else tokens)
    each = functional.cross_entropy(out.logits[: len(labels)], labels, reduction="none")
    classification = (each if class_weights is None else each * class_weights[labels]).mean()
    if not weight > 0:
        return {"loss": classification, "classification": classification}
    if still:
        vectors = out.vectors.float()
        value = movement_deviation(vectors[:-1], vectors[-1].mean(dim=0), margin=margin)
    else:
        directions, centres = functional.normalize(out.features.float(), dim=1), network.centres
        centres.meet(directions, labels)
        value = class_deviation(directions, labels, centres.points.clone(), centres.seen, margin=margin)
        centres.follow(directions, labels)
    return {"loss": classification + weight * value, "classification": classification, "deviation": value}


def _membership(labels: Tensor, num_classes: int) -> Tensor:
    """Which class (column) each clip (row) is of, as bool."""
    return labels[:, None] == torch.arange(num_classes, device=labels.device)
