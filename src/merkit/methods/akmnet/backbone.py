"""The backbone of AKMNet: ResNet-18 for grey pictures, with a 5×5 first convolution and no classifier."""

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
        # These names and those below are those of the usual ResNet-18, so that its weights can be loaded.
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
            if stride != 1 or in_channels != out_channels
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """One block."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        return functional.relu(self.bn2(self.conv2(out)) + shortcut, inplace=True)


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
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            nn.Sequential(
                BasicBlock(before[n], widths[n], 1 if n == 0 else 2), BasicBlock(widths[n], widths[n], 1)
            )
            for n in range(4)
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, frames: Tensor) -> Tensor:
        """All frames at once."""
        x = self.maxpool(functional.relu(self.bn1(self.conv1(frames)), inplace=True))
        out: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return out
