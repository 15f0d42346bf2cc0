"""The losses of FAL-ConvLSTM: action units, their relation to the classes, and their clusters."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from merkit.methods.fal_convlstm.units import UNITS

LEAST_CHANGE = 1e-6
"""Length of the change of a unit's features below which nothing is said of its direction."""
_MOMENTUM = 0.9
_APART = 0.1
_TOGETHER = ((1, 2), (6, 12))
_EXCLUSIVE = ((12, 15),)


def action_unit_loss(
    logits: Tensor, present: Tensor, labelled: Tensor, weights: Tensor, learnable: Tensor
) -> Tensor:
    """Binary cross-entropy of action units, the mean over labelled clips and learnable units.

    Parameters
    ----------
    logits : tensor, shape (B, J)
        û.
    present : tensor, shape (B, J)
        0 or 1; whatever stands in a clip that is not labelled counts for nothing.
    labelled : bool tensor, shape (B,)
    weights : tensor, shape (J,)
        Of clips that show a unit.
    learnable : bool tensor, shape (J,)

    Returns
    -------
    scalar tensor
        0, with gradients of 0, where nothing is labelled or nothing can be learnt.
    """
    each = functional.binary_cross_entropy_with_logits(
        logits, present.to(logits.dtype), pos_weight=weights.to(logits.dtype), reduction="none"
    )
    counts = labelled[:, None] & learnable[None]
    return torch.where(counts, each, 0.0).sum() / counts.sum().clamp_min(1)


def relation_loss(logits: Tensor, units: Tensor, relation: Tensor) -> Tensor:
    """How far action units are from what the class probabilities let expect, the mean over clips and units.

    With p = softmax(logits), r_j = Σ_c p_c R_cj and q_j = σ(û_j): the mean of (q_j − r_j)².

    Parameters
    ----------
    logits : tensor, shape (B, C)
    units : tensor, shape (B, J)
        û.
    relation : tensor, shape (C, J)
        R, see :func:`~merkit.methods.fal_convlstm.units.relation_matrix`.
    """
    expected = logits.softmax(dim=1) @ relation.to(logits.dtype)
    return (units.sigmoid() - expected).square().mean()


def pair_loss(units: Tensor) -> Tensor:
    """Action units that come together and do not, or exclude each other and do not; the mean over clips.

    max(0, |q_i − q_j| − 0.5)² for 1 and 2, and for 6 and 12; max(0, q_i + q_j − 1)² for 12 and 15.

    Parameters
    ----------
    units : tensor, shape (B, J)
        û.
    """
    q = dict(zip(UNITS, units.sigmoid().unbind(dim=1), strict=True))
    terms = [functional.relu((q[i] - q[j]).abs() - 0.5).square() for i, j in _TOGETHER]
    terms += [functional.relu(q[i] + q[j] - 1.0).square() for i, j in _EXCLUSIVE]
    return torch.stack(terms).sum(dim=0).mean()


def clustering_loss(change: Tensor, present: Tensor, centres: Tensor) -> Tensor:
    """How far actions are from the centre of their unit, and how near to those of others.

    With g_ij = change_ij / ‖change_ij‖: the mean of ‖g_ij − c_j‖² over all actions that are present, and
    0.1 times the mean over units j that are present, k ≠ j and their clips i of max(0, 1 − ‖g_ij − c_k‖)².

    Parameters
    ----------
    change : tensor, shape (B, J, F)
    present : bool tensor, shape (B, J)
        Which units a clip shows.  Where nothing changed (:data:`LEAST_CHANGE`) a unit does not take part.
    centres : tensor, shape (J, F)
        No gradient reaches them.  A centre that was never moved is 0, at a distance of 1 from every action,
        and pushes none away.

    Returns
    -------
    scalar tensor
        0, with gradients of 0, where no action is present.
    """
    actions, there = _directions(change, present)
    centres = centres.detach()
    pull = (actions - centres).square().sum(dim=2)
    near = torch.where(there, pull, 0.0).sum() / there.sum().clamp_min(1)
    between = (actions[:, :, None] - centres).square().sum(dim=3)
    # The root has no finite slope at 0.
    push = functional.relu(1.0 - between.clamp_min(1e-12).sqrt()).square()
    clips = there.sum(dim=0)
    means = torch.where(there[..., None], push, 0.0).sum(dim=0) / clips.clamp_min(1)[:, None]
    others = ~torch.eye(len(centres), dtype=torch.bool, device=centres.device)
    pairs = others & (clips > 0)[:, None]
    return near + _APART * torch.where(pairs, means, 0.0).sum() / pairs.sum().clamp_min(1)


@torch.no_grad()
def moved_centres(centres: Tensor, change: Tensor, present: Tensor) -> Tensor:
    """The centres after some clips: an exponential average with weight 0.9 on what was, of length 1 again.

    Parameters
    ----------
    centres : tensor, shape (J, F)
    change : tensor, shape (B, J, F)
    present : bool tensor, shape (B, J)

    Returns
    -------
    tensor, shape (J, F)
        Units that no clip shows stay where they were.
    """
    actions, there = _directions(change, present)
    clips = there.sum(dim=0)[:, None]
    mean = torch.where(there[..., None], actions, 0.0).sum(dim=0) / clips.clamp_min(1)
    moved = functional.normalize(_MOMENTUM * centres + (1.0 - _MOMENTUM) * mean.to(centres.dtype), dim=1)
    return torch.where(clips > 0, moved, centres)


def _directions(change: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Actions of length 1 (B, J, F), and which are present and long enough to have a direction (B, J)."""
    squares = change.square().sum(dim=2, keepdim=True)
    long = squares > LEAST_CHANGE**2
    # What is too short must not be divided, as its gradient would be without bound.
    actions = change / torch.where(long, squares, 1.0).sqrt()
    return actions, present & long.squeeze(2)
