"""The FAL-ConvLSTM recognizer: ten frames of a clip in, classes and action units out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.methods.fal_convlstm.config import CONFIGS, FEATURE, JITTER, POSITIONS, FALConfig, FALInput
from merkit.methods.fal_convlstm.units import UNITS, positive_weights, relation_matrix
from merkit.methods.network_recognizer import NetworkRecognizer
from merkit.methods.registry import register

if TYPE_CHECKING:
    from torch import Tensor, nn

    from merkit.cache import Step
    from merkit.clips import Clip
    from merkit.methods.context import FitContext
    from merkit.methods.fal_convlstm.examples import Examples
    from merkit.methods.training_set import TrainingSet
    from merkit.training.loop import Loss
    from merkit.training.pretrained import Pretrained

_SURE = 0.7
"""Probability from which a unit counts as present in the clusters, in clips without annotated units."""


@register(
    "fal-convlstm",
    config=FALConfig,
    summary="action units of ten frames beside the class, a ConvLSTM over both",
    paper="rebuilt from an abstract, see the claim sheet; venue, year and authors not confirmed",
    configs=CONFIGS,
)
class FALConvLSTMRecognizer(NetworkRecognizer):
    """FAL-ConvLSTM over clips with frames; no apex is needed.  See `NetworkRecognizer` and the claim sheet.

    Action units are learnt from those training clips that have annotated ones, and needed of none.

    Attributes
    ----------
    relation_ : float array, shape (K, J)
        R: how often training clips of a class show each of
        :data:`~merkit.methods.fal_convlstm.units.UNITS`, smoothed by a prior.
    learnable_ : bool array, shape (J,)
        Which units some training clips show and others do not; of the rest nothing was learnt.
    """

    name = "fal-convlstm"
    authors_datasets = ("smic", "casme", "casme2")
    config: FALConfig
    config_type = FALConfig
    relation_: NDArray[np.float64]
    learnable_: NDArray[np.bool_]
    _epoch: int
    _unit_weights: NDArray[np.float64]

    @property
    def settings_seen_on(self) -> tuple[str, ...]:
        """As of any network; the twelve units were chosen by how often CASME II shows them."""
        return tuple(dict.fromkeys((*super().settings_seen_on, "casme2")))

    @property
    def step(self) -> Step:
        """The faces of a clip that may be picked."""
        from merkit.methods.fal_convlstm.inputs import faces

        context = JITTER if self.config.mode == "sample" else 0
        return self._step(faces, FALInput, FEATURE, POSITIONS, context=context)

    def _prepare(
        self,
        network: nn.Module,
        clips: Sequence[Clip],
        known: TrainingSet,
        context: FitContext,
        start: Pretrained | None,
    ) -> None:
        from merkit.methods.fal_convlstm.examples import Examples
        from merkit.training.loop import train

        seeing: Any = network
        backbone = {name for name in network.state_dict() if name.startswith("backbone.")}
        # What it learnt of other pictures than it sees now, or has not learnt, is not worth keeping.
        if start is not None and backbone <= set(self._loaded):
            seen = start.card.get("config", {}).get("view", "rgb")
            if seen == self.config.view == "rgb":
                seeing.freeze_norm()
        stage = self.config.pretraining
        if stage is None:
            return
        rows = [row for row, clip in enumerate(clips) if clip.aus]
        examples = Examples([clips[row] for row in rows], known.truth[rows], self.config, pairs=True)
        if not examples.units.present.any():
            raise DataError(
                f"{self.name}: pretrain_epochs={self.config.pretrain_epochs}, but no training clip shows an "
                "action unit that it learns; leave pretrain_epochs at 0"
            )
        train(
            network,
            examples,
            _unit_loss(*positive_weights(examples.units.present, examples.units.labelled)),
            stage,
            seed=context.seed,
            device=context.device,
            owner=self._owner(clips, context),
            checkpoints=context.checkpoint_dir,
            on_progress=context.on_progress,
        )

    def _before_epoch(self, epoch: int, network: nn.Module) -> None:
        self._epoch = epoch

    def _examples(self, clips: Sequence[Clip], truth: NDArray[np.intp]) -> Examples:
        from merkit.methods.fal_convlstm.examples import Examples

        examples = Examples(clips, truth, self.config)
        present, labelled = examples.units.present, examples.units.labelled
        names = [str(name) for name in self.classes_]
        self.relation_ = relation_matrix(
            present, labelled, truth, names, prior_weight=self.config.prior_weight
        )
        self._unit_weights, self.learnable_ = positive_weights(present, labelled)
        return examples

    def _notes(self) -> list[str]:
        if not self.learnable_.any():
            return ["action units: no training clip has any that is known, so none was learnt"]
        missing = ", ".join(self._unlearnt())
        return [f"action units not learnt, as no training clip shows them: {missing}"] if missing else []

    def _unlearnt(self) -> list[str]:
        """Names of the units of which nothing was learnt."""
        return [f"AU{unit}" for unit, seen in zip(UNITS, self.learnable_, strict=True) if not seen]

    def _given(self, clip: Clip) -> Tensor:
        from merkit.methods.fal_convlstm.examples import judged

        return judged(clip, self.config)

    def _logits(self, network: nn.Module, given: Any) -> Tensor:
        out: Tensor = network(given).logits
        return out

    def _loss(self) -> Loss:
        import torch
        from torch.nn import functional

        from merkit.methods.fal_convlstm.losses import (
            action_unit_loss,
            clustering_loss,
            moved_centres,
            pair_loss,
            relation_loss,
        )

        config = self.config
        weights, learnable = torch.from_numpy(self._unit_weights), torch.from_numpy(self.learnable_)
        relation = torch.from_numpy(self.relation_)

        def loss(
            network: Any, given: tuple[Tensor, ...], labels: Tensor, class_weights: Tensor | None
        ) -> Mapping[str, Tensor]:
            clips, present, labelled = given
            judged = network(clips)
            device, units = clips.device, judged.actions.clip
            each = functional.cross_entropy(judged.logits, labels, reduction="none")
            classes = (each if class_weights is None else each * class_weights[labels]).mean()
            actions = action_unit_loss(units, present, labelled, weights.to(device), learnable.to(device))
            related = relation_loss(judged.logits, units, relation.to(device))
            if config.pairs:
                related = related + pair_loss(units)
            shown = torch.where(labelled[:, None], present, units.detach().sigmoid() > _SURE)
            change = judged.actions.change
            clusters = clustering_loss(change, shown, network.centres)
            network.centres = moved_centres(network.centres, change, shown)
            total = classes + config.action_weight * actions + config.relation_weight * related
            if self._epoch > config.cluster_after:
                total = total + config.cluster_weight * clusters
            return {
                "loss": total,
                "classification": classes,
                "actions": actions,
                "relation": related,
                "clusters": clusters,
            }

        return loss

    def _statistics(self) -> dict[str, NDArray[Any]]:
        return {"relation": self.relation_, "learnable": self.learnable_}

    def _take_statistics(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.relation_ = np.asarray(arrays["relation"], dtype=np.float64)
        self.learnable_ = np.asarray(arrays["learnable"], dtype=bool)

    def _explain(self, clip: Clip, column: int) -> dict[str, Any]:
        """Which action units it sees, when and where, and where it looks for the class.

        Returns
        -------
        dict
            ``aus``: probability of each unit in the whole clip, by name such as ``"AU12"``; ``aus_expected``:
            how often training clips of the class called show it, smoothed by the prior, and the prior alone
            where no clip has units; ``aus_unlearnt``: names of the units of which nothing was learnt, as no
            training clip was annotated with them, or all were; ``aus_over_time``: float array (T, 12);
            ``aus_where``: float array (12, h, w), where each is looked for; ``scales``: what each level of
            the backbone counts, the finest first; ``frames``: annotated numbers of the T frames, not for
            interpolated ones; ``attention``: float array (T, h, w).
        """
        import torch

        network: Any = self.network_
        given = self._given(clip)
        with torch.inference_mode():
            judged = network(given.to(next(network.parameters()).device))
        actions = judged.actions
        names = [f"AU{unit}" for unit in UNITS]
        chances = actions.clip[0].sigmoid().tolist()
        told = {
            "aus": dict(zip(names, chances, strict=True)),
            "aus_expected": dict(zip(names, self.relation_[column].tolist(), strict=True)),
            "aus_unlearnt": self._unlearnt(),
            "aus_over_time": actions.frames[0].sigmoid().cpu().numpy(),
            "aus_where": actions.masks[0].mean(dim=0).cpu().numpy(),
            "scales": judged.scales[0].mean(dim=(0, 2, 3)).tolist(),
            "attention": self._attention(network.stack, given, column)[0],
        }
        return told if self.config.mode == "tim" else {"frames": self._numbers(clip), **told}

    def _numbers(self, clip: Clip) -> list[int]:
        from merkit.methods.fal_convlstm.inputs import picked

        numbers = clip.numbers
        return [numbers[int(at)] for at in picked(0, clip.n_frames - 1, self.config.length)]


def _unit_loss(unit_weights: NDArray[np.float64], learnable: NDArray[np.bool_]) -> Loss:
    """The loss on action units alone."""
    import torch

    from merkit.methods.fal_convlstm.losses import action_unit_loss

    weights, learnt = torch.from_numpy(unit_weights), torch.from_numpy(learnable)

    def loss(
        network: Any, given: tuple[Tensor, ...], labels: Tensor, class_weights: Tensor | None
    ) -> Mapping[str, Tensor]:
        clips, present, labelled = given
        _, actions, _ = network.see(clips)
        device = clips.device
        return {
            "loss": action_unit_loss(actions.clip, present, labelled, weights.to(device), learnt.to(device))
        }

    return loss
