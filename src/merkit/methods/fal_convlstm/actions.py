"""The facial action learning module: where and how strongly each action unit acts, frame by frame."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from merkit.methods.fal_convlstm.units import UNITS, region_priors

_FIRST_TRUST = 4.0
"""κ at first: how strongly a region is believed in before anything is learnt."""


class Actions(NamedTuple):
    """What is said of J action units in B clips of T frames.

    Attributes
    ----------
    clip : tensor, shape (B, J)
        û: logit of each unit in the whole clip.
    frames : tensor, shape (B, T, J)
        u: logits of the frames.
    change : tensor, shape (B, J, features)
        Σ_t σ(u_jt) (h_jt − h_j1): how the features of each unit change in the clip; 0 if nothing moves.
    masks : tensor, shape (B, T, J, h, w)
        M: where each unit is looked for, 0 to 1.
    local : tensor, shape (B, T, features, h, w)
        A: the local action map.
    """

    clip: Tensor
    frames: Tensor
    change: Tensor
    masks: Tensor
    local: Tensor


class FacialActions(nn.Module):
    """Attention, features and logit of each unit of :data:`~merkit.methods.fal_convlstm.units.UNITS`.

    Parameters
    ----------
    in_channels : int
        Of the level and of the global context that are looked at, together.
    features : int
    side : int
        Rows and columns of the maps.
    relative : bool
        Take the logits of the change against the first frame.
    sharpness : float
        r of :func:`soft_maximum`.
    """

    regions: Tensor

    def __init__(
        self, in_channels: int, features: int, side: int, *, relative: bool = True, sharpness: float = 5.0
    ) -> None:
        super().__init__()
        self.relative, self.sharpness = relative, sharpness
        units = len(UNITS)
        self.reduce = nn.Sequential(
            nn.Conv2d(in_channels, features, 1, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(inplace=True),
        )
        self.attention = nn.Conv2d(features, units, 1)
        self.trust = nn.Parameter(torch.tensor(_FIRST_TRUST))
        self.weight = nn.Parameter(torch.empty(units, features))
        self.bias = nn.Parameter(torch.zeros(units))
        self.value = nn.Linear(features, features)
        # Small, because the soft maximum over time is blind to frames that lie far below the first one, whose
        # logit is the bias: a unit that starts there would learn nothing.
        nn.init.normal_(self.weight, std=0.01)
        self.register_buffer("regions", torch.from_numpy(region_priors(side)), persistent=False)

    def forward(self, maps: Tensor, length: int) -> Actions:
        """Actions in the maps (B·T, in_channels, h, w) of clips of `length` frames each."""
        features = self.reduce(maps)
        masks = torch.sigmoid(self.attention(features) + self.trust * (self.regions - 0.5))
        # A change is a small difference of large numbers: exact also in a training in bfloat16.
        with torch.autocast(maps.device.type, enabled=False):
            exact = masks.float()
            sums = torch.einsum("njyx,nfyx->njf", exact, features.float())
            h = sums / (exact.sum(dim=(2, 3))[..., None] + 1e-6)
            h = h.unflatten(0, (-1, length))
            change = h - h[:, :1]
            u = torch.einsum("btjf,jf->btj", change if self.relative else h, self.weight) + self.bias
        strength = u.sigmoid()
        values = strength[..., None] * self.value(h)
        local = torch.einsum("njyx,njf->nfyx", masks, values.flatten(0, 1))
        return Actions(
            clip=soft_maximum(u, self.sharpness),
            frames=u,
            change=(strength[..., None] * change).sum(dim=1),
            masks=masks.unflatten(0, (-1, length)),
            local=local.unflatten(0, (-1, length)),
        )


def soft_maximum(frames: Tensor, sharpness: float) -> Tensor:
    """(1/r) log((1/T) Σ_t exp(r u_t)): between the mean and the maximum over time.

    Parameters
    ----------
    frames : tensor, shape (B, T, J)
    sharpness : float
        r, above 0.

    Returns
    -------
    tensor, shape (B, J)
    """
    total = torch.logsumexp(sharpness * frames, dim=1) - math.log(frames.shape[1])
    return total / sharpness
