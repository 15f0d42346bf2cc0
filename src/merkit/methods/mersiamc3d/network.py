"""The MERSiamC3D networks: a 3D encoder of flow sequences, and the head of the target stage on it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from merkit.errors import DataError
from merkit.methods.mersiamc3d.config import MERSiamC3DSettings, MERSiamC3DShape

CHANNELS = 3
"""u, v and the length of the flow."""
FROZEN_STAGES = 2
"""First stages that stay as they are when the target stage begins."""
_MIN = (8, 16, 16)


class ConvBlock3D(nn.Module):
    """Convolution 3×3×3, batch normalisation, ReLU; (N, Cin, T, H, W) to (N, Cout, T, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, out_channels, 3, padding=1)
        self.bn = nn.BatchNorm3d(out_channels)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_in", nonlinearity="relu")
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """One step."""
        return functional.relu(self.bn(self.conv(x)))


class Encoder(nn.Module):
    """Four stages of 3D convolutions in the manner of C3D, a pool after each, and a global average.

    Input (N, 3, T, H, W), at least 8 frames of 16×16; output (N, widths[3]).

    Parameters
    ----------
    shape : MERSiamC3DShape
    """

    def __init__(self, shape: MERSiamC3DShape) -> None:
        super().__init__()
        stages, before = [], CHANNELS
        for width, depth in zip(shape.widths, shape.depths, strict=True):
            blocks = [ConvBlock3D(before, width)]
            blocks += [ConvBlock3D(width, width) for _ in range(depth - 1)]
            stages.append(nn.Sequential(*blocks))
            before = width
        self.stages = nn.ModuleList(stages)
        self.width = before

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, widths[3]) of sequences (N, 3, T, H, W).

        Raises
        ------
        DataError
            If the shape of the input is not one that the network takes.
        """
        if (
            x.ndim != 5
            or x.shape[1] != CHANNELS
            or any(side < least for side, least in zip(x.shape[2:], _MIN, strict=True))
        ):
            raise DataError(
                f"MERSiamC3D got an input of shape {tuple(x.shape)}: give (N, {CHANNELS}, T, H, W) with at "
                f"least {_MIN[0]} frames of {_MIN[1]}x{_MIN[2]}, such as flow sequences (N, 3, 10, 112, 112)"
            )
        if x.device.type == "cpu":
            # With few channels last, convolutions take half the time there.
            x = x.contiguous(memory_format=torch.channels_last_3d)
        for number, stage in enumerate(self.stages):
            # The first pool leaves time alone, as in C3D.
            x = max_pool(stage(x), over_time=number > 0)
        # A plain mean: the gradient of adaptive pooling is not deterministic on a GPU.
        return x.mean(dim=(2, 3, 4))


class MERSiamC3D(nn.Module):
    """MERSiamC3D of Zhao et al. (Neurocomputing 448, 2021) as rebuilt in the claim sheet: the target network.

    Input (N, 3, T, H, W): flow u, v and length between neighbouring key frames, scaled; T is 10 as published.
    Output: logits (N, num_classes).

    Parameters
    ----------
    config : MERSiamC3DSettings
    """

    def __init__(self, config: MERSiamC3DSettings) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.head = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(self.encoder.width, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) of sequences (N, 3, T, H, W)."""
        out: Tensor = self.head(self.encoder(x))
        return out

    def freeze(self, frozen: bool) -> None:
        """Keep the first two stages as they are, weights and running averages, or let them learn again."""
        for stage in list(self.encoder.stages)[:FROZEN_STAGES]:
            stage.requires_grad_(not frozen)
            stage.train(self.training and not frozen)

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Parameters as an optimiser of torch takes them: the convolutions learn at a rate of their own."""
        return [
            {
                "params": list(self.encoder.parameters()),
                "weight_decay": weight_decay,
                "lr_scale": self.config.encoder_rate,
            },
            {"params": list(self.head.parameters()), "weight_decay": weight_decay},
        ]


class Siamese(nn.Module):
    """The prior stage: two clips through one encoder, their embeddings of length 1.

    Parameters
    ----------
    encoder : Encoder
        Shared, and trained in place.
    embedding : int
        Values of a clip.
    compare : bool
        With a layer that tells from the sizes of the differences whether two clips are of one class.
    """

    def __init__(self, encoder: Encoder, embedding: int, *, compare: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        self.embed = nn.Linear(encoder.width, embedding)
        self.compare = nn.Linear(embedding, 1) if compare else None
        if self.compare is not None:
            # The larger the differences, the less alike; from random signs it often learnt nothing.
            nn.init.constant_(self.compare.weight, -1.0)
            nn.init.ones_(self.compare.bias)

    def embedded(self, x: Tensor) -> Tensor:
        """Embeddings (N, embedding) of sequences (N, 3, T, H, W), each of length 1."""
        return functional.normalize(self.embed(self.encoder(x)), dim=1)

    def forward(self, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings of both clips of each pair, (N, embedding) twice."""
        # Together, so that batch normalisation sees both sides alike.
        both = self.embedded(torch.cat([one, other]))
        return both[: len(one)], both[len(one) :]

    def alike(self, one: Tensor, other: Tensor) -> Tensor:
        """Logits (N,) that two embeddings are of one class; needs ``compare=True``."""
        assert self.compare is not None
        out: Tensor = self.compare((one - other).abs())
        return out.squeeze(1)


def max_pool(x: Tensor, *, over_time: bool) -> Tensor:
    """Halve height and width, and with `over_time` time too; (N, C, T, H, W), odd ends are left out.

    The same as a 3D max-pool, whose gradient has no deterministic form on a GPU.
    """
    n, t = x.shape[0], x.shape[2]
    # Frames one by one, which copies nothing where channels are last.
    frames = functional.max_pool2d(x.transpose(1, 2).flatten(0, 1), 2)
    x = frames.unflatten(0, (n, t)).transpose(1, 2)
    if over_time:
        even = x[:, :, : t // 2 * 2]
        x = torch.maximum(even[:, :, ::2], even[:, :, 1::2])
    return x
