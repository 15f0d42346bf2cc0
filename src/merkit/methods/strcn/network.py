"""The STRCN network: one convolution, three recurrent convolutional stages, a global average, a classifier.

"Recurrent" means that the input of a stage comes in again at every unrolled step (Liang and Hu, CVPR 2015),
not that anything runs over time.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from merkit.errors import DataError
from merkit.methods.strcn.config import STRCNSettings

_LITERAL = 100.0
"""Divides the first weights, and squared the rate of learning of the first layer."""


class ConvBlock(nn.Module):
    """φ(W ∗ x): convolution without bias, batch normalisation, ReLU; (N, Cin, H, W) to (N, Cout, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=(kernel - 1) // 2, bias=False)
        # MatConvNet gives a new batch 0.3 in the moving averages.
        self.bn = nn.BatchNorm2d(out_channels, eps=1e-5, momentum=0.3)
        self.relu = nn.ReLU(inplace=True)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """One step."""
        out: Tensor = self.relu(self.bn(self.conv(x)))
        return out


class RecurrentStage(nn.Module):
    """A recurrent convolutional layer unrolled three times: h₁ = φ₁(W₁∗x), hₖ = φₖ(Wₖ∗(hₖ₋₁ + x)).

    What is added is the input of the stage itself; nothing is added after the last step.

    Parameters
    ----------
    width : int
        Channels, the same at every step.
    tied : bool
        The second 3×3 step is the first one over again, with its weights and its normalisation.
    """

    def __init__(self, width: int, *, tied: bool = False) -> None:
        super().__init__()
        self.first = ConvBlock(width, width, 1)
        self.second = ConvBlock(width, width, 3)
        # None rather than the same module twice, which would be saved twice.
        self.third = None if tied else ConvBlock(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, K, H, W) to the same shape."""
        third = self.second if self.third is None else self.third
        out: Tensor = third(self.second(self.first(x) + x) + x)
        return out


class STRCN(nn.Module):
    """STRCN of Xia et al. (IEEE Transactions on Multimedia, 2020), after their released code.

    Input (N, C, H, W): flow in pixels for STRCN-G, grey values 0 to 255 for STRCN-A; neither is normalised.
    Output: logits (N, num_classes).  Any size that the pools leave at least one row and column of.

    Parameters
    ----------
    config : STRCNSettings
    """

    def __init__(self, config: STRCNSettings) -> None:
        super().__init__()
        self.config = config
        k = config.width
        self.stem = ConvBlock(config.in_channels, k, 3)
        self.stages = nn.ModuleList(RecurrentStage(k, tied=config.tied) for _ in range(3))
        self.pools = nn.ModuleList(nn.MaxPool2d(pool, stride=pool) for pool in config.pools)
        self.classifier = nn.Conv2d(k, config.num_classes, 1)
        nn.init.kaiming_normal_(self.classifier.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(self.classifier.bias)  # type: ignore[arg-type]
        if config.first_layer == "literal":
            with torch.no_grad():
                self.stem.conv.weight /= _LITERAL
        # Nearly twice as fast on a CPU; set here, so that training and a loaded network add up alike.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def min_size(self) -> tuple[int, int]:
        """Least rows and columns of an input."""
        rows, columns = (math.prod(sides) for sides in zip(*self.config.pools, strict=True))
        return rows, columns

    def features(self, x: Tensor) -> Tensor:
        """Maps after the last pooling, (N, width, h, w).

        Raises
        ------
        DataError
            If the shape of the input is not one that the network takes.
        """
        least = self.min_size
        if (
            x.ndim != 4
            or x.shape[1] != self.config.in_channels
            or any(side < needed for side, needed in zip(x.shape[2:], least, strict=True))
        ):
            raise DataError(
                f"STRCN got an input of shape {tuple(x.shape)}: give (N, {self.config.in_channels}, H, W) "
                f"with at least {least[0]} rows and {least[1]} columns, or choose smaller pools"
            )
        x = self.pools[0](self.stem(x))
        for stage, pool in zip(self.stages, list(self.pools)[1:], strict=True):
            x = pool(stage(x))
        return x

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) of inputs (N, C, H, W)."""
        # A plain mean: the gradient of adaptive pooling is not deterministic on a GPU.
        pooled = self.features(x).mean(dim=(2, 3), keepdim=True)
        out: Tensor = self.classifier(pooled).flatten(1)
        return out

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Parameters as an optimiser of torch takes them: all alike but for the first convolution.

        Its weights do not decay (in the code they learn 10⁴ times slower, so that decay does nothing there).
        With ``first_layer="literal"`` they decay and learn that much slower.

        Parameters
        ----------
        weight_decay : float
            Of all other parameters, scale and shift of the normalisation among them.

        Returns
        -------
        list of dict
            ``lr_scale`` multiplies the rate of learning of a group.
        """
        first = self.stem.conv.weight
        literal = self.config.first_layer == "literal"
        return [
            {
                "params": [parameter for parameter in self.parameters() if parameter is not first],
                "weight_decay": weight_decay,
            },
            {
                "params": [first],
                "weight_decay": weight_decay if literal else 0.0,
                "lr_scale": _LITERAL**-2 if literal else 1.0,
            },
        ]
