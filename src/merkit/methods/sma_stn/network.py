"""The SMA-STN network: a trunk for each dynamic image, attention over places, weights over images."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from merkit.errors import DataError
from merkit.layers.residual import initialise_convolutions, residual_layer
from merkit.methods.sma_stn.config import SMASTNSettings
from merkit.methods.sma_stn.losses import ClassCentres


class Attended(NamedTuple):
    """What the network says of B clips of N dynamic images.

    Attributes
    ----------
    logits : tensor, shape (B, num_classes)
    weights : tensor, shape (B, N)
        How much each image counts (STMA-T); they sum to 1.
    features : tensor, shape (B, F)
        What is classified.
    vectors : tensor, shape (B, N, F)
        Feature of each image.
    """

    logits: Tensor
    weights: Tensor
    features: Tensor
    vectors: Tensor


class Trunk(nn.Module):
    """ResNet-18 up to its third layer: (N, 3, S, S) to (N, widths[2], S/16, S/16), none of them negative.

    Parameters
    ----------
    widths : three int
        Channels of the layers.
    """

    def __init__(self, widths: tuple[int, int, int]) -> None:
        super().__init__()
        # The names are those of the usual ResNet-18, so that its weights can be loaded.
        self.conv1 = nn.Conv2d(3, widths[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = residual_layer(widths[0], widths[0], 1)
        self.layer2 = residual_layer(widths[0], widths[1], 2)
        self.layer3 = residual_layer(widths[1], widths[2], 2)
        initialise_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """All images at once."""
        x = self.maxpool(functional.relu(self.bn1(self.conv1(images)), inplace=True))
        out: Tensor = self.layer3(self.layer2(self.layer1(x)))
        return out

    def early_norms(self) -> list[nn.BatchNorm2d]:
        """Batch normalisation of the first convolution and of the first layer."""
        return [self.bn1, *(part for part in self.layer1.modules() if isinstance(part, nn.BatchNorm2d))]


class PlaceAttention(nn.Module):
    """STMA-S: every place of a map sees every other, however far (a non-local block); shapes stay.

    It begins as the identity.

    Parameters
    ----------
    channels : int
        Even.

    Notes
    -----
    Wang et al., "Non-local Neural Networks" (CVPR 2018), embedded Gaussian, here with the square root of the
    channels as temperature.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, inner, 1)
        self.out = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def attention(self, maps: Tensor) -> Tensor:
        """How much each place (row) sees of each (column), row by row: (N, C, h, w) to (N, h·w, h·w)."""
        query, key = self.query(maps).flatten(2), self.key(maps).flatten(2)
        return torch.softmax(query.transpose(1, 2) @ key / query.shape[1] ** 0.5, dim=2)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (N, C, h, w) with what they see elsewhere."""
        seen = self.value(maps).flatten(2) @ self.attention(maps).transpose(1, 2)
        out: Tensor = maps + self.norm(self.out(seen.unflatten(2, maps.shape[2:])))
        return out


class ImageWeighting(nn.Module):
    """STMA-T: how much each image of a clip counts, from its features; they begin equal.

    Parameters
    ----------
    features : int
        Even.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, features // 2)
        self.score = nn.Linear(features // 2, 1)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Weights (B, N) of vectors (B, N, F)."""
        return torch.softmax(self.score(torch.tanh(self.hidden(vectors))).squeeze(2), dim=1)


class SMASTN(nn.Module):
    """SMA-STN after Liu, Zheng and Zong (arXiv:2010.09342); see the claim sheet for what is rebuilt.

    Input (B, N, 3, S, S): dynamic images, those of the segments and then that of the whole clip, 0 where
    nothing moves and mostly within -1 to 1.

    Parameters
    ----------
    config : SMASTNSettings
    """

    def __init__(self, config: SMASTNSettings) -> None:
        super().__init__()
        self.config = config
        features = config.widths[2]
        self.trunk = Trunk(config.widths)
        self.places: nn.Module = nn.Identity() if config.attention == "none" else PlaceAttention(features)
        # What comes out of that, image by image, for Grad-CAM.
        self.related = nn.Identity()
        self.weighting = ImageWeighting(features) if config.weighting == "learnt" else None
        self.types = nn.Parameter(torch.zeros(config.tokens, features)) if config.token_type else None
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(features, config.num_classes)
        self.centres = ClassCentres(config.num_classes, features)
        if config.freeze:
            for norm in self.trunk.early_norms():
                norm.requires_grad_(False)
                norm.eval()
        # A fifth faster on a CPU.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, tokens: Tensor) -> Attended:
        """Logits, weights and features of clips (B, N, 3, S, S).

        Raises
        ------
        DataError
            If the shape is not one that the network takes.
        """
        wanted = (self.config.tokens, 3, self.config.size, self.config.size)
        if tokens.ndim != 5 or not len(tokens) or tokens.shape[1:] != wanted:
            raise DataError(
                f"SMASTN got a batch of shape {tuple(tokens.shape)}: give dynamic images "
                f"(B, {', '.join(map(str, wanted))}) of a clip or more"
            )
        vectors = self.maps(tokens).mean(dim=(3, 4))
        if self.types is not None:
            vectors = vectors + self.types
        if self.weighting is None:
            weights = vectors.new_full(vectors.shape[:2], 1.0 / vectors.shape[1])
        else:
            weights = self.weighting(vectors)
        features = (weights[:, :, None] * vectors).sum(dim=1)
        return Attended(self.classifier(self.dropout(features)), weights, features, vectors)

    def maps(self, tokens: Tensor) -> Tensor:
        """Feature maps (B, N, F, S/16, S/16) of clips (B, N, 3, S, S), places related to each other."""
        count = tokens.shape[1]
        maps: Tensor = self.trunk(tokens.flatten(0, 1))
        if self.config.attention == "joint":
            # The images of a clip one under the other are one map, all of whose places see each other.
            under = maps.unflatten(0, (-1, count)).transpose(1, 2).flatten(2, 3)
            maps = self.places(under).unflatten(2, (count, -1)).transpose(1, 2).flatten(0, 1)
        else:
            maps = self.places(maps)
        return torch.unflatten(self.related(maps), 0, (-1, count))

    def train(self, mode: bool = True) -> SMASTN:
        """Training mode or not; what is frozen never leaves evaluation mode."""
        super().train(mode)
        if self.config.freeze:
            for norm in self.trunk.early_norms():
                norm.eval()
        return self

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """The trunk, which may learn more slowly, and the rest."""
        trunk = [part for part in self.trunk.parameters() if part.requires_grad]
        known = {id(part) for part in self.trunk.parameters()}
        rest = [part for part in self.parameters() if id(part) not in known]
        return [
            {"params": trunk, "lr_scale": self.config.trunk_rate, "weight_decay": weight_decay},
            {"params": rest, "weight_decay": weight_decay},
        ]
