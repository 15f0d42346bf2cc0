"""The backbone of AKMNet: ResNet-18 for grey pictures, with a 5×5 first convolution and no classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from merkit.layers.residual import initialise_convolutions, residual_layer

_AT_ONCE = 32
"""Frames that are judged together."""


class Backbone(nn.Module):
    """Feature maps of single frames: (N, 1, S, S) to (N, widths[3], S/32, S/32), none of them negative.

    Parameters
    ----------
    widths : four int
        Channels of the layers.
    """

    def __init__(self, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        before = (widths[0], *widths[:3])
        # The names are those of the usual ResNet-18, so that its weights can be loaded.
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            residual_layer(before[n], widths[n], 1 if n == 0 else 2) for n in range(4)
        )
        initialise_convolutions(self)

    def forward(self, frames: Tensor) -> Tensor:
        """All frames at once; when judging some at a time, as a long clip would take much memory."""
        if self.training or len(frames) <= _AT_ONCE:
            return self._maps(frames)
        return torch.cat([self._maps(part) for part in frames.split(_AT_ONCE)])

    def _maps(self, frames: Tensor) -> Tensor:
        x = self.maxpool(functional.relu(self.bn1(self.conv1(frames)), inplace=True))
        out: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return out
