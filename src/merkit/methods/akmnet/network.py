"""The AKMNet network: every frame through one backbone, key frames mined, a GRU over them, a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from merkit.errors import DataError
from merkit.methods.akmnet.backbone import Backbone
from merkit.methods.akmnet.config import MINING, AKMNetSettings
from merkit.methods.akmnet.mining import KeyFrameMining


class Mined(NamedTuple):
    """What the network says of one clip of T frames.

    Attributes
    ----------
    scores : tensor, shape (1, T)
        β: how well each frame agrees with the whole clip (α, the attention, in variant ``s13``).
    chosen : tensor, shape (1, T)
        B: 1 for key frames, else 0; carries gradient to the scores.
    logits : tensor, shape (1, num_classes)
    """

    scores: Tensor
    chosen: Tensor
    logits: Tensor


class AKMNet(nn.Module):
    """AKMNet of Peng et al. (arXiv:2009.09179v3), after their released code.

    Input (1, 1, T, S, S): one clip of any number of grey frames, 0 to 1.  Batch normalisation sees the
    frames of one clip, as published.

    Parameters
    ----------
    config : AKMNetSettings
    """

    def __init__(self, config: AKMNetSettings) -> None:
        super().__init__()
        self.config = config
        features = config.widths[3]
        self.backbone = Backbone(config.widths)
        self.mining = (
            KeyFrameMining(features, config.variant, config.ste) if config.variant in MINING else None
        )
        self.gru = nn.GRU(features, config.hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.side**2 * 2 * config.hidden, config.num_classes)
        nn.init.xavier_normal_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)
        for name, parameter in self.gru.named_parameters():
            # The code initialises the forward direction alone; biases of 0 to 1 are its default.
            if not name.endswith("_reverse"):
                (nn.init.uniform_ if "bias" in name else nn.init.orthogonal_)(parameter)

    def forward(self, clip: Tensor) -> Mined:
        """Scores, choice and logits of one clip (1, 1, T, S, S).

        Raises
        ------
        DataError
            If the shape of the clip is not one that the network takes.
        """
        return self.judge(self.backbone(self._frames(clip)))

    def forward_together(self, clips: Sequence[Tensor]) -> list[Mined]:
        """The same for several clips, each (1, 1, T, S, S) with its own T, all frames in one batch.

        In training, batch normalisation then sees the frames of all clips, which is not the published
        method.
        """
        frames = [self._frames(clip) for clip in clips]
        maps = self.backbone(torch.cat(frames))
        return [self.judge(part) for part in maps.split([len(each) for each in frames])]

    def judge(self, maps: Tensor) -> Mined:
        """Scores, choice and logits from the feature maps (T, F, h, w) of one clip."""
        if self.mining is None:
            scores = chosen = maps.new_ones(len(maps))
            key_maps = maps
        else:
            scores, chosen = self.mining(maps.mean(dim=(2, 3)))
            # Without selection (s12) a frame counts by its score.  The choice is 1 for key frames: the
            # product changes nothing, but it is the way of the gradient to it.
            scale = scores if self.config.variant == "s12" else chosen
            key = chosen.detach().nonzero().squeeze(1)
            key_maps = maps[key] * scale[key, None, None, None]
        fused = self.fuse(key_maps)
        logits = self.classifier(self.dropout(fused.flatten()))
        return Mined(scores[None], chosen[None], logits[None])

    def fuse(self, key_maps: Tensor) -> Tensor:
        """The GRU over the frames at each position, averaged over time.

        Parameters
        ----------
        key_maps : tensor, shape (N, F, h, w)
            Of N key frames in their order.

        Returns
        -------
        tensor, shape (h·w, 2·hidden)
            Row by row.
        """
        sequences = key_maps.flatten(2).permute(2, 0, 1).contiguous()
        states: Tensor = self.gru(sequences)[0]
        return states.mean(dim=1)

    def _frames(self, clip: Tensor) -> Tensor:
        size = self.config.size
        if clip.ndim != 5 or clip.shape[:2] != (1, 1) or clip.shape[2] < 1 or clip.shape[3:] != (size, size):
            raise DataError(
                f"AKMNet got a clip of shape {tuple(clip.shape)}: give one clip (1, 1, T, {size}, {size}) "
                "with a frame or more"
            )
        return clip[0].transpose(0, 1)
