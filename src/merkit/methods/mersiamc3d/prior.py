"""The prior stage: the encoder learns which clips are of one class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from merkit.layers.seeding import seeded
from merkit.methods.context import FitContext
from merkit.methods.mersiamc3d.config import MERSiamC3DConfig
from merkit.methods.mersiamc3d.losses import contrastive_loss, pair_loss
from merkit.methods.mersiamc3d.network import Encoder, Siamese
from merkit.methods.mersiamc3d.pairs import ClipPairs, PairSampler
from merkit.methods.mersiamc3d.sequences import ClipSequences
from merkit.methods.training_set import TrainingSet
from merkit.training.loop import train


def learn_prior(
    encoder: Encoder,
    clips: ClipSequences,
    known: TrainingSet,
    config: MERSiamC3DConfig,
    context: FitContext,
    owner: str = "",
) -> list[dict[str, float]]:
    """Train an encoder in place on pairs of training clips; `owner` as in `train`.

    Returns
    -------
    list of dict
        The history, one an epoch.
    """
    koch = config.prior == "koch"
    siamese = seeded(context.seed, lambda: Siamese(encoder, config.embedding, compare=koch))

    def loss(
        both: Any, given: tuple[Tensor, Tensor], same: Tensor, class_weights: Tensor | None
    ) -> Mapping[str, Tensor]:
        one, other = (side.float() for side in both(*given))
        return {
            "loss": pair_loss(both.alike(one, other), same) if koch else contrastive_loss(one, other, same)
        }

    sampler = PairSampler(known.truth, known.subjects, config.across)
    trained = train(
        siamese,
        ClipPairs(clips, sampler, config.pairs),
        loss,
        config.prior_stage,
        seed=context.seed,
        device=context.device,
        owner=owner,
        checkpoints=context.checkpoint_dir,
        on_progress=context.on_progress,
    )
    return trained.history
