"""The backbone of FAL-ConvLSTM: ResNet-18 for colour pictures, with every level kept."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from merkit.layers.residual import initialise_convolutions, residual_layer


class Backbone(nn.Module):
    """Feature maps of single frames at several scales, none of them negative.

    (N, 3, S, S) to (N, widths[k], S/4/2ᵏ, S/4/2ᵏ) for k = 0, 1, 2 and, with four widths, 3; sides are
    rounded up.

    Parameters
    ----------
    widths : sequence of int
        Channels of three or four layers.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        # Names of the usual ResNet-18, so that its weights can be loaded.
        self.conv1 = nn.Conv2d(3, widths[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.depth = len(widths)
        for k, (before, width) in enumerate(zip((widths[0], *widths), widths, strict=False)):
            self.add_module(f"layer{k + 1}", residual_layer(before, width, 1 if k == 0 else 2))
        initialise_convolutions(self)

    def forward(self, frames: Tensor) -> list[Tensor]:
        """The maps of all levels, the finest first."""
        x = self.maxpool(functional.relu(self.bn1(self.conv1(frames)), inplace=True))
        levels = []
        for k in range(self.depth):
            x = self.get_submodule(f"layer{k + 1}")(x)
            levels.append(x)
        return levels
