"""The FAL-ConvLSTM network: scales and actions of every frame, stacked, and a ConvLSTM over the frames."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from merkit.errors import DataError
from merkit.methods.fal_convlstm.actions import Actions, FacialActions
from merkit.methods.fal_convlstm.backbone import Backbone
from merkit.methods.fal_convlstm.config import FALSettings
from merkit.methods.fal_convlstm.convlstm import ConvLSTM, FrameByFrame
from merkit.methods.fal_convlstm.scales import MultiScale
from merkit.methods.fal_convlstm.units import UNITS


class Judged(NamedTuple):
    """What the network says of B clips of T frames.

    Attributes
    ----------
    logits : tensor, shape (B, num_classes)
    actions : Actions
    scales : tensor, shape (B, T, L, 1, 1) or (B, T, L, h, w)
        ω: what each level counts; the sum over the levels is 1.
    """

    logits: Tensor
    actions: Actions
    scales: Tensor


class Stack(nn.Module):
    """The global context and the local action map of every frame, one behind the other."""

    def forward(self, merged: Tensor, local: Tensor) -> Tensor:
        """(B, 2·features, T, h, w) of two maps (B, T, features, h, w)."""
        return torch.cat([merged, local], dim=2).transpose(1, 2)


class FALConvLSTM(nn.Module):
    """FAL-ConvLSTM, rebuilt from an abstract; see the claim sheet.

    Input (B, 3, T, S, S): clips of T frames, as the backbone wants its colours.

    Parameters
    ----------
    config : FALSettings

    Attributes
    ----------
    centres : tensor, shape (J, features)
        Where the features of each action unit lie, of length 1, or 0 before one was seen; learnt by the loss.
    """

    centres: Tensor

    def __init__(self, config: FALSettings) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.levels)
        self.scales = MultiScale(
            config.levels, config.features, spatial=config.spatial_weights, deepest=config.scales == "deepest"
        )
        self.actions = FacialActions(
            config.levels[1] + config.features,
            config.features,
            config.side,
            relative=config.relative,
            sharpness=config.sharpness,
        )
        self.stack = Stack()
        sequence = FrameByFrame if config.readout == "frames" else ConvLSTM
        self.lstm = sequence(2 * config.features, config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.hidden, config.num_classes)
        self.register_buffer("centres", torch.zeros(len(UNITS), config.features))
        self._frozen = False
        # A fourth faster on a CPU.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, clips: Tensor) -> Judged:
        """Logits, actions and scales of clips (B, 3, T, S, S).

        Raises
        ------
        DataError
            If the shape of the clips is not one that the network takes.
        """
        merged, actions, scales = self.see(clips)
        local = actions.local if self.config.local else torch.zeros_like(merged)
        states = self.lstm(self.stack(merged, local))
        state = states[:, :, -1] if self.config.readout == "last" else states.mean(dim=2)
        logits = self.classifier(self.dropout(state.mean(dim=(2, 3))))
        return Judged(logits, actions, scales)

    def see(self, clips: Tensor) -> tuple[Tensor, Actions, Tensor]:
        """What is seen in single frames: G (B, T, features, h, w), the actions, and the weights of levels.

        Raises
        ------
        DataError
            If the shape of the clips is not one that the network takes.
        """
        size = self.config.size
        if clips.ndim != 5 or clips.shape[1] != 3 or clips.shape[2] < 1 or clips.shape[3:] != (size, size):
            raise DataError(
                f"FAL-ConvLSTM got a batch of shape {tuple(clips.shape)}: give clips "
                f"(B, 3, T, {size}, {size}) of a frame or more"
            )
        length = clips.shape[2]
        # Frame by frame with the channels last, in one copy.
        frames = clips.permute(0, 2, 3, 4, 1).flatten(0, 1).permute(0, 3, 1, 2)
        levels = self.backbone(frames)
        merged, weights = self.scales(levels)
        actions = self.actions(torch.cat([levels[1], merged], dim=1), length)
        return merged.unflatten(0, (-1, length)), actions, weights.unflatten(0, (-1, length))

    def freeze_norm(self) -> None:
        """Leave batch normalisation of the backbone as it is from now on: its statistics and its factors."""
        self._frozen = True
        for part in self.backbone.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> FALConvLSTM:
        """Training or evaluation mode; what is frozen stays in the latter."""
        super().train(mode)
        if self._frozen:
            for part in self.backbone.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.eval()
        return self

    def parameter_groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """The backbone with its own rate of learning, and the rest; all decay alike."""
        backbone = list(self.backbone.parameters())
        own = {id(part) for part in backbone}
        rest = [part for part in self.parameters() if id(part) not in own]
        return [{"params": backbone, "lr_scale": self.config.backbone_rate}, {"params": rest}]
