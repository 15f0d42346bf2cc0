"""The AKMNet recognizer: clips of any length in, classes and key frames out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from merkit.methods.akmnet.config import CONFIGS, FEATURE, SELECTING, AKMNetConfig, AKMNetInput
from merkit.methods.network_recognizer import NetworkRecognizer
from merkit.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor, nn

    from merkit.cache import Step
    from merkit.clips import Clip
    from merkit.training.loop import Loss

_DRAWS = 5
"""Of ``va-random``, whose predictions are averaged, as in the paper."""


@register(
    "akmnet",
    config=AKMNetConfig,
    summary="mines key frames from all frames of a clip, and judges those",
    paper="Peng et al. 2020, arXiv:2009.09179",
    configs=CONFIGS,
)
class AKMNetRecognizer(NetworkRecognizer):
    """AKMNet over clips of any length; it needs no apex.  See `NetworkRecognizer` and the claim sheet."""

    name = "akmnet"
    config: AKMNetConfig
    config_type = AKMNetConfig
    authors_datasets = ("casme", "casme2", "smic", "samm")

    @property
    def step(self) -> Step:
        """The faces of a clip, magnified."""
        from merkit.methods.akmnet.inputs import faces

        return self._step(faces, AKMNetInput, FEATURE)

    def _examples(self, clips: Sequence[Clip], truth: NDArray[np.intp]) -> _Examples:
        return _Examples([clip.features[FEATURE] for clip in clips], truth, self.config)

    def _given(self, clip: Clip) -> tuple[Tensor, ...]:
        faces = clip.features[FEATURE]
        if self.config.variant != "va-random":
            return (as_input(faces, self.config),)
        # Always the same draws, so that a clip is always judged alike.
        rng = np.random.default_rng(len(faces))
        return tuple(as_input(faces, self.config, rng) for _ in range(_DRAWS))

    def _logits(self, network: nn.Module, given: tuple[Tensor, ...]) -> Tensor:
        import torch

        return torch.cat([network(each).logits for each in given])

    def _loss(self) -> Loss:
        import torch

        from merkit.methods.akmnet.losses import akmnet_loss

        selects = self.config.variant in SELECTING
        weights = {
            "sparsity_weight": self.config.sparsity_weight if selects else 0.0,
            "margin_weight": self.config.margin_weight if selects else 0.0,
        }

        def loss(
            network: Any, given: tuple[Tensor, ...], labels: Tensor, class_weights: Tensor | None
        ) -> Mapping[str, Tensor]:
            mined = [network(given[0])] if len(given) == 1 else network.forward_together(given)
            parts = [
                akmnet_loss(each, label[None], **weights) for each, label in zip(mined, labels, strict=True)
            ]
            classes = torch.stack([part.classification for part in parts])
            rest = torch.stack([part.total for part in parts]) - classes
            if class_weights is not None:
                classes = classes * class_weights[labels]
            return {
                "loss": (classes + rest).mean(),
                "classification": classes.mean(),
                "sparsity": torch.stack([part.sparsity for part in parts]).mean(),
                "margin": torch.stack([part.margin for part in parts]).mean(),
                "chosen": torch.stack([each.chosen.detach().mean() for each in mined]).mean(),
            }

        return loss

    def _explain(self, clip: Clip, column: int) -> dict[str, Any]:
        """Which frames it chose, and where it looks in them.

        Returns
        -------
        dict
            ``frames``: annotated numbers of all frames; ``scores``: how well each agrees with the whole clip;
            ``key_frames``: numbers of those it judged by; ``best_frame``: the one with the highest score;
            ``attention``: float array (T, h, w), 0 in frames that were not chosen.  Variants that are given
            other frames than those of the clip tell nothing of them.
        """
        import torch

        variant = self.config.variant
        if variant in ("va-random", "va-norm"):
            return {"variant": variant}
        network: Any = self.network_
        (given,) = self._given(clip)
        with torch.inference_mode():
            mined = network(given.to(next(network.parameters()).device))
        numbers = clip.numbers
        scores, chosen = mined.scores[0].cpu().numpy(), mined.chosen[0].cpu().numpy() > 0.5
        return {
            "frames": list(numbers),
            "scores": [float(score) for score in scores],
            "key_frames": [number for number, taken in zip(numbers, chosen, strict=True) if taken],
            "best_frame": numbers[int(scores.argmax())],
            # The others have a gradient too, that of the choice, but the class was not judged by them.
            "attention": self._attention(network.backbone, given, column) * chosen[:, None, None],
        }


class _Examples:
    """Training clips with their faces, one a batch or several, cropped at random."""

    def __init__(
        self, faces: Sequence[NDArray[np.uint8]], labels: NDArray[np.intp], config: AKMNetConfig
    ) -> None:
        self.labels = labels
        self._faces, self._config = faces, config

    def batch(self, rows: NDArray[np.intp], rng: np.random.Generator) -> tuple[Tensor, ...]:
        given = []
        for row in rows:
            clip = as_input(self._faces[row], self._config, rng)
            if rng.random() < self._config.mirror:
                clip = clip.flip(-1)
            given.append(cropped(clip, rng) if rng.random() < self._config.crop else clip)
        return tuple(given)


def as_input(
    faces: NDArray[np.uint8], config: AKMNetConfig, rng: np.random.Generator | None = None
) -> Tensor:
    """The faces that a variant is given, of all (T, S, S), as the network takes them, (1, 1, T', S, S)."""
    import torch

    from merkit.methods.akmnet.ablation import frames_for

    count = config.count
    if config.variant == "va-random":
        count = max(1, round(config.share * len(faces)))
    values = faces.astype(np.float32) / np.float32(255)
    if config.difference:
        values -= values[0].copy()
    frames = frames_for(config.variant, values, count=count, rng=rng)
    return torch.from_numpy(np.ascontiguousarray(frames, dtype=np.float32))[None, None]


def cropped(clip: Tensor, rng: np.random.Generator) -> Tensor:
    """A clip (1, 1, T, S, S) enlarged by an eighth and cropped to its size, all frames at the same place."""
    from torch.nn import functional

    side = clip.shape[-1]
    larger = side + side // 8
    top, left = (int(rng.integers(larger - side + 1)) for _ in range(2))
    frames = functional.interpolate(
        clip[0].transpose(0, 1), size=(larger, larger), mode="bilinear", align_corners=False
    )
    return frames[:, :, top : top + side, left : left + side].transpose(0, 1)[None]
