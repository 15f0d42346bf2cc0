"""FAL-ConvLSTM with knowledge taken away: what its parts gain must be gone with these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from merkit.clips import Clip
from merkit.methods import FitContext
from merkit.methods.fal_convlstm.recognizer import FALConvLSTMRecognizer


class ShuffledUnits(FALConvLSTMRecognizer):
    """Its action units are dealt out anew among the training clips of each fold."""

    def fit(
        self, clips: Sequence[Clip], labels: Any, groups: Any, *, context: FitContext | None = None
    ) -> ShuffledUnits:
        seed = 0 if context is None else context.seed
        order = np.random.default_rng([seed, len(clips)]).permutation(len(clips))
        mixed = [replace(clip, aus=clips[other].aus) for clip, other in zip(clips, order, strict=True)]
        super().fit(mixed, labels, groups, context=context)
        return self


class MeanRelation(FALConvLSTMRecognizer):
    """Its relation of units to classes is that of the mean class to all."""

    def _examples(self, clips: Sequence[Clip], truth: Any) -> Any:
        found = super()._examples(clips, truth)
        self.relation_ = np.tile(self.relation_.mean(axis=0), (len(self.relation_), 1))
        return found
