"""The residual block of ResNet-18, and layers of two of them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut (He et al., CVPR 2016); (N, Cin, H, W) to (N, Cout, H/s, W/s)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.stride = stride
        # These names and those of the networks are those of the usual ResNet-18, so that its weights fit.
        self.downsample = (
            nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))
            if stride != 1 or in_channels != out_channels
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        # Every second value is taken here, not by the convolution: with fewer than 8 channels, kept last,
        # oneDNN writes beyond its memory (its issue 6035).
        shortcut = x if self.downsample is None else self.downsample(x[:, :, :: self.stride, :: self.stride])
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        return functional.relu(self.bn2(self.conv2(out)) + shortcut, inplace=True)


def residual_layer(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Two blocks, as every layer of ResNet-18 has; the first one has the stride."""
    return nn.Sequential(
        BasicBlock(in_channels, out_channels, stride), BasicBlock(out_channels, out_channels, 1)
    )


def initialise_convolutions(module: nn.Module) -> None:
    """Initial weights of all convolutions in a module for units that are cut off at 0 (He et al., 2015)."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
