"""The SMA-STN recognizer: clips of any length in, classes and weights of their segments out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import ConfigError
from merkit.methods.network_recognizer import NetworkRecognizer
from merkit.methods.registry import register
from merkit.methods.sma_stn.config import CONFIGS, FEATURE, SMASTNConfig, SMASTNInput

if TYPE_CHECKING:
    from torch import Tensor, nn

    from merkit.cache import Step
    from merkit.clips import Clip
    from merkit.methods.context import FitContext
    from merkit.training.loop import Examples, Loss
    from merkit.training.pretrained import Pretrained


@register(
    "sma-stn",
    config=SMASTNConfig,
    summary="dynamic images of segments, weighed by where and when a face moves",
    paper="Liu et al. 2020, arXiv:2010.09342",
    configs=CONFIGS,
)
class SMASTNRecognizer(NetworkRecognizer):
    """SMA-STN over clips of any length; it needs no apex.  See `NetworkRecognizer` and the claim sheet.

    Attributes
    ----------
    limits_ : float64 array, shape (N,)
        What the dynamic images are divided by, from those of the training clips; ``None`` with
        ``scaling="minmax"``.
    """

    name = "sma-stn"
    config: SMASTNConfig
    config_type = SMASTNConfig
    limits_: NDArray[np.float64] | None = None

    @property
    def step(self) -> Step:
        """The faces of a clip."""
        from merkit.methods.sma_stn.inputs import faces

        return self._step(faces, SMASTNInput, FEATURE)

    def _examples(self, clips: Sequence[Clip], truth: NDArray[np.intp]) -> Examples:
        from merkit.methods.sma_stn.examples import TrainingExamples, fold_limits

        faces = [clip.features[FEATURE] for clip in clips]
        self.limits_ = fold_limits(faces, self.config) if self.config.scaling == "fold" else None
        return TrainingExamples(faces, truth, self.config, self.limits_)

    def _given(self, clip: Clip) -> Tensor:
        """Dynamic images (1 + realisations, N, 3, S, S) of the frames in the centre, and of drawn ones."""
        from merkit.methods.sma_stn.examples import judged_tokens

        return judged_tokens(clip.features[FEATURE], self.config, self.limits_)

    def _logits(self, network: nn.Module, given: Tensor) -> Tensor:
        out: Tensor = network(given).logits.mean(dim=0, keepdim=True)
        return out

    def _loss(self) -> Loss:
        from merkit.methods.sma_stn.losses import sma_stn_loss

        how = self.config
        return partial(sma_stn_loss, deviation=how.deviation, weight=how.deviation_weight, margin=how.margin)

    def _weights_to_start_from(self, context: FitContext) -> Pretrained | None:
        """Those of a folder, or of a file with a ResNet-18."""
        given = self.config.pretrained
        if context.artifacts.get("pretrained") is None and given is not None and not Path(given).is_dir():
            from merkit.methods.sma_stn.trunk_weights import trunk_weights

            return trunk_weights(given, self.config.widths)
        start = super()._weights_to_start_from(context)
        if start is None and self.config.freeze:
            raise ConfigError(
                "freeze=True: there are no weights to keep; give pretrained, or take another configuration"
            )
        if start is None:
            return None
        # Centres are those of other classes, and of features that this training will leave.
        state = {name: value for name, value in start.state.items() if not name.startswith("centres.")}
        return replace(start, state=state)

    def _statistics(self) -> dict[str, NDArray[Any]]:
        return {} if self.limits_ is None else {"limits": self.limits_}

    def _take_statistics(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        if self.config.scaling != "fold":
            self.limits_ = None
            return
        limits = np.asarray(arrays["limits"], dtype=np.float64)
        if limits.shape != (self.config.tokens,) or not (np.isfinite(limits).all() and (limits > 0).all()):
            raise ValueError(f"limits {limits.tolist()}: expected {self.config.tokens} numbers above 0")
        self.limits_ = limits

    def _explain(self, clip: Clip, column: int) -> dict[str, Any]:
        """Which segments count how much, and where in them it looks.

        Returns
        -------
        dict
            ``segments``: for each, annotated numbers of its first and its last frame (``frames``) and its
            ``weight``; none with ``images="global"``.  ``whole_clip_weight``: that of the image of the whole
            clip, ``None`` without.  ``key_frames``: numbers of the frames in the centre of their bins;
            ``draws``: how often frames drawn around them are looked at as well; ``centre_probabilities``: by
            those in the centre alone.  ``still``: nothing at all moves, and the class is a guess of what is
            frequent.  ``attention``: float array (N, h, w) over the dynamic images of the frames in the
            centre.
        """
        import torch

        from merkit.methods.sma_stn.sampling import sampled_frames, segment_ends

        config = self.config
        network: Any = self.network_
        given = self._given(clip)
        with torch.inference_mode():
            out = network(given.to(next(network.parameters()).device))
        weights = [float(weight) for weight in out.weights.double().mean(dim=0)]
        numbers, length = clip.numbers, len(clip.features[FEATURE])
        spans = segment_ends(length, config.segments, config.samples)
        if config.images == "global":
            spans = spans[:0]
        return {
            "segments": [
                {"frames": [numbers[start], numbers[end]], "weight": weight}
                for (start, end), weight in zip(spans, weights, strict=False)
            ],
            "whole_clip_weight": None if config.images == "local" else weights[-1],
            "key_frames": [
                numbers[at] for at in np.unique(sampled_frames(length, config.segments, config.samples))
            ],
            "draws": config.realisations,
            "still": not bool(given.any()),
            "centre_probabilities": out.logits[0].double().softmax(dim=0).tolist(),
            "attention": self._attention(network.related, given[:1], column),
        }
