"""The multi-scale weighted module: levels of a backbone brought to one size and merged by learned weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_SCORING = 4  # times fewer hidden units than channels when levels are scored


class MultiScale(nn.Module):
    """From the levels of frames to one map each, the global context.

    Levels (N, C_l, h_l, w_l) become (N, features, h_2, w_2), the size of the second level: the first is
    average-pooled, the deeper ones are interpolated bilinearly.

    Parameters
    ----------
    channels : sequence of int
        C_l of the levels, the finest first.
    features : int
    spatial : bool
        Weight the levels position by position instead of by one number a frame.
    deepest : bool
        Take the last level alone; L is then 1.
    """

    def __init__(
        self, channels: Sequence[int], features: int, *, spatial: bool = False, deepest: bool = False
    ) -> None:
        super().__init__()
        self.spatial = spatial
        channels = channels[-1:] if deepest else channels
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(each, features, 1, bias=False), nn.BatchNorm2d(features))
            for each in channels
        )
        hidden = max(1, features // _SCORING)
        # Convolutions of one pixel: the same units score a mean over the map, or every position.
        self.score = nn.Sequential(
            nn.Conv2d(features, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, 1, 1)
        )
        self.merge = nn.Sequential(
            nn.Conv2d(features, features, 3, padding=1, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(inplace=True),
        )

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The merged maps (N, features, h, w) and the weights of the L levels.

        Weights are (N, L, 1, 1), or (N, L, h, w) if they are spatial; over the levels they sum to 1.
        """
        size = levels[1].shape[-2:]
        taken = levels[-len(self.lateral) :]
        each = [_resized(side(level), size) for side, level in zip(self.lateral, taken, strict=True)]
        scored = each if self.spatial else [level.mean(dim=(2, 3), keepdim=True) for level in each]
        weights = torch.cat([self.score(level) for level in scored], dim=1).softmax(dim=1)
        total = torch.stack([weights[:, k : k + 1] * level for k, level in enumerate(each)]).sum(dim=0)
        merged: Tensor = self.merge(total)
        return merged, weights


def _resized(level: Tensor, size: torch.Size) -> Tensor:
    if level.shape[-2:] == size:
        return level
    if level.shape[-1] > size[-1]:
        return functional.avg_pool2d(level, 2)
    return functional.interpolate(level, size=tuple(size), mode="bilinear", align_corners=False)
