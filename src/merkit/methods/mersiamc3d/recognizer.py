"""The MERSiamC3D recognizer: pairs of clips first, then classes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.methods.context import FitContext
from merkit.methods.mersiamc3d.config import (
    ALPHA_GRID,
    CONFIGS,
    FACES_FEATURE,
    FLOW_FEATURE,
    INTERPOLATOR,
    MARKS_FEATURE,
    MERSiamC3DConfig,
    MERSiamC3DInput,
)
from merkit.methods.mersiamc3d.keyframes import (
    Marks,
    apex_index,
    key_times,
    recorded_places,
    synthesised,
)
from merkit.methods.mersiamc3d.sequences import ClipSequences, as_input, as_tensor, flow_scale, mirrored
from merkit.methods.network_recognizer import NetworkRecognizer
from merkit.methods.registry import register
from merkit.methods.training_set import TrainingSet

if TYPE_CHECKING:
    from torch import Tensor, nn

    from merkit.cache import Step
    from merkit.clips import Clip
    from merkit.methods.mersiamc3d.interpolation import Interpolator
    from merkit.training.loop import Loss
    from merkit.training.pretrained import Pretrained

_INNER_FOLDS = 5
_WHOLE = 1e-9  # a place that is off by less is a whole number
_INTERPOLATOR = "interpolator."  # before the names of its tensors among the statistics


@register(
    "mersiamc3d",
    config=MERSiamC3DConfig,
    summary="learns from pairs of clips first, on the flow between eleven key frames",
    paper="Zhao et al. 2021, Neurocomputing 448",
    configs=CONFIGS,
)
class MERSiamC3DRecognizer(NetworkRecognizer):
    """MERSiamC3D over clips with frames.  See `NetworkRecognizer` and the claim sheet.

    Attributes
    ----------
    scale_ : float
        99.5th percentile in pixels of the lengths of the flow of the training clips.
    alpha_ : float32 array, shape (K,)
        Weights of the classes in the focal loss.
    alpha_scores_ : dict
        UF1 in the inner folds of each alpha that was tried, with ``alpha="cv"``; after `fit` alone.
    interpolator_ : torch.nn.Module, optional
        With ``transition="adaconv"``, learnt from the training clips.
    prior_history_ : list of dict
        One an epoch of the prior stage; after `fit` alone.
    """

    name = "mersiamc3d"
    config: MERSiamC3DConfig
    config_type = MERSiamC3DConfig
    scale_: float
    alpha_: NDArray[np.float32]
    alpha_scores_: dict[str | float, float]
    interpolator_: Interpolator | None = None
    prior_history_: list[dict[str, float]]
    _frozen = 0
    _made: WeakKeyDictionary[Clip, dict[Marks, NDArray[np.float16]]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what can be made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_made"}

    @property
    def step(self) -> Step:
        """The flow between key frames, or for ``adaconv`` the faces of which these are made."""
        from merkit.methods.mersiamc3d.inputs import faces, flow

        learnt = self.config.transition == "adaconv"
        gives = (FACES_FEATURE, MARKS_FEATURE) if learnt else (FLOW_FEATURE,)
        return self._step(faces if learnt else flow, MERSiamC3DInput, *gives, context=self.config.jitter)

    def _prepare(
        self,
        network: Any,
        clips: Sequence[Clip],
        known: TrainingSet,
        context: FitContext,
        start: Pretrained | None,
    ) -> None:
        """Interpolation, the scale of the flow, alpha and the prior stage, in this order."""
        self._made = None
        if self.config.transition == "adaconv":
            from merkit.methods.mersiamc3d.triplets import learn_interpolator

            shared = context.artifacts.get(INTERPOLATOR)
            faces = [np.asarray(clip.features[FACES_FEATURE]) for clip in clips]
            self.interpolator_ = (
                shared["network"]
                if shared is not None
                else learn_interpolator(faces, self.config, context, self._owner(clips, context))
            )
        self.scale_ = flow_scale([self._flow(clip) for clip in clips])
        self.prior_history_, self.alpha_scores_ = [], {}
        alpha = self.config.alpha
        if alpha == "cv":
            alpha = self._best_alpha(clips, known, context, start)
        self.alpha_ = _alpha(alpha, known)
        learns_prior = self.config.prior != "off" and start is None
        # Layers that have learnt nothing yet are not worth keeping as they are.
        self._frozen = self.config.frozen if learns_prior or start is not None else 0
        if learns_prior:
            from merkit.methods.mersiamc3d.prior import learn_prior

            examples = self._examples(clips, known.truth)
            self.prior_history_ = learn_prior(
                network.encoder, examples, known, self.config, context, self._owner(clips, context)
            )

    def _before_epoch(self, epoch: int, network: Any) -> None:
        network.freeze(epoch <= self._frozen)

    def _examples(self, clips: Sequence[Clip], truth: NDArray[np.intp]) -> ClipSequences:
        return ClipSequences(
            [self._versions(clip) for clip in clips],
            truth,
            scale=self.scale_,
            mirror=self.config.mirror,
            shift=self.config.shift,
        )

    def _given(self, clip: Clip) -> Tensor:
        flow = self._flow(clip)
        views = [flow, mirrored(flow)] if self.config.views == "flipped" else [flow]
        return as_tensor([as_input(view, self.scale_) for view in views])

    def _owner(self, clips: Sequence[Clip], context: FitContext) -> str:
        """As of any network, and the network that makes frames where it is given."""
        found = super()._owner(clips, context)
        if not found or INTERPOLATOR not in context.artifacts or self.interpolator_ is None:
            return found
        sha = hashlib.sha256(found.encode())
        for name, value in self.interpolator_.state_dict().items():
            sha.update(name.encode() + value.cpu().numpy().tobytes())
        return sha.hexdigest()

    def _loss(self) -> Loss:
        import torch

        from merkit.methods.mersiamc3d.losses import focal_loss

        alpha, gamma = torch.from_numpy(self.alpha_), self.config.gamma

        def loss(
            network: nn.Module, given: Any, labels: Tensor, class_weights: Tensor | None
        ) -> Mapping[str, Tensor]:
            weights = alpha.to(labels.device)
            if class_weights is not None:
                weights = weights * class_weights
            logits = network(given).float()
            return {"loss": focal_loss(logits, labels, gamma=gamma, class_weights=weights)}

        return loss

    def _statistics(self) -> dict[str, NDArray[Any]]:
        found: dict[str, NDArray[Any]] = {
            "scale": np.array(self.scale_, dtype=np.float64),
            "alpha": self.alpha_,
        }
        if self.interpolator_ is not None:
            for name, value in self.interpolator_.state_dict().items():
                found[_INTERPOLATOR + name] = value.cpu().numpy()
        return found

    def _take_statistics(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.scale_ = float(arrays["scale"])
        self.alpha_ = np.asarray(arrays["alpha"], dtype=np.float32)
        if self.config.transition != "adaconv":
            return
        import torch

        from merkit.methods.mersiamc3d.interpolation import Interpolator

        state = {
            name.removeprefix(_INTERPOLATOR): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith(_INTERPOLATOR)
        }
        network = Interpolator()
        network.load_state_dict(state)
        self.interpolator_ = network.eval()

    def _explain(self, clip: Clip, column: int) -> dict[str, Any]:
        """Which key frames it judges by, and where and when it looks.

        Returns
        -------
        dict
            ``key_frames``: annotated numbers of the eleven, with fractions between recorded frames, or of the
            two with ``flow="apex"``; ``synthesised``: those that are no recorded frames;
            ``apex_index``: which of them is the apex; ``attention``: float array (h, w) over the face, the
            mean over time; ``attention_over_time``: float array, the mean over the face.
        """
        network: Any = self.network_
        maps = self._attention(network.encoder.stages[-1], self._given(clip)[:1], column)[0]
        numbers = clip.numbers
        assert clip.apex is not None
        marks = Marks(0, numbers.index(clip.apex), len(numbers) - 1)
        places = recorded_places(marks) if self.config.transition == "nearest" else key_times(marks)
        apex = apex_index(marks)
        # What adaconv makes it makes of onset, apex and offset alone, wherever it lies; of one frame nothing.
        made = (
            ~np.isin(np.arange(len(places)), (0, apex, len(places) - 1)) & (marks.offset > 0)
            if self.config.transition == "adaconv"
            else np.abs(places - places.round()) > _WHOLE
        )
        if self.config.flow == "apex":
            places, made, apex = places[[0, apex]], made[[0, apex]], 1
        times = np.interp(places, np.arange(len(numbers)), numbers)
        return {
            "key_frames": times.tolist(),
            "synthesised": times[made].tolist(),
            "apex_index": apex,
            "attention": maps.mean(axis=0),
            "attention_over_time": maps.mean(axis=(1, 2)),
        }

    # Key frames and the flow between them

    def _flow(self, clip: Clip) -> NDArray[np.floating]:
        """Flow sequence (2, 10, size, size) of a clip with its marks as they are."""
        if self.interpolator_ is None:
            return self._seen(clip, FLOW_FEATURE)[0]
        return self._synthesised(clip, _marks(clip))

    def _seen(self, clip: Clip, feature: str) -> NDArray[Any]:
        """A feature of a clip, if it is of the size that is learnt from: flow is in pixels of that."""
        found = np.asarray(clip.features[feature])
        size = (self.config.size, self.config.size)
        if found.shape[-2:] != size:
            raise DataError(
                f"{clip.id}: {feature} of {found.shape[-2:]} pixels, where the settings say {size}: take the "
                "clip without it"
            )
        return found

    def _versions(self, clip: Clip) -> NDArray[np.floating]:
        """Flow sequences (1 + jittered, 2, 10, size, size) of a training clip."""
        if self.interpolator_ is None:
            return self._seen(clip, FLOW_FEATURE)
        from merkit.methods.mersiamc3d.inputs import moved_marks

        marks = _marks(clip)
        moved = moved_marks(marks, len(clip.features[FACES_FEATURE]), self.config)
        return np.stack([self._synthesised(clip, each) for each in (marks, *moved)])

    def _synthesised(self, clip: Clip, marks: Marks) -> NDArray[np.float16]:
        """Flow between key frames that the interpolator makes; each once, as long as the clip lives."""
        from merkit.methods.mersiamc3d.inputs import key_flow

        assert self.interpolator_ is not None
        if self._made is None:
            self._made = WeakKeyDictionary()
        known = self._made.setdefault(clip, {})
        if marks not in known:
            faces = self._seen(clip, FACES_FEATURE)
            frames = synthesised(faces, marks, self.interpolator_.between)
            known[marks] = key_flow(frames, marks, self.config).astype(np.float16)
        return known[marks]

    # Alpha by inner folds

    def _best_alpha(
        self, clips: Sequence[Clip], known: TrainingSet, context: FitContext, start: Pretrained | None
    ) -> str | float:
        """The alpha with the best UF1 over inner folds by subject, the first of equals.

        Everything that is learnt is learnt anew in each fold, the prior stage once for all alphas; but a
        network that makes frames, where one is shared, has seen the faces of these clips, without labels.
        """
        from merkit.metrics.recognition import uf1

        # With an inner selection these are fewer clips than those that the given splits speak of.
        splits = replace(context, inner_splits=None) if self.config.select == "inner" else context
        said = {alpha: np.full(len(clips), -1) for alpha in ALPHA_GRID}
        folds = splits.subject_splits(known.truth, known.subjects, _INNER_FOLDS)
        for number, (learnt, held_out) in enumerate(folds):
            own = TrainingSet(known.classes, known.truth[learnt], known.subjects[learnt])
            inner = MERSiamC3DRecognizer(replace(self.config, alpha="equal", select="last"))
            inner.classes_ = known.classes
            found = inner._try_alphas(
                [clips[int(row)] for row in learnt],
                own,
                [clips[int(row)] for row in held_out],
                replace(
                    context,
                    on_epoch=None,
                    on_progress=None,
                    checkpoint_dir=context.checkpoint_dir and context.checkpoint_dir / f"alpha{number}",
                ),
                start,
            )
            for alpha, columns in found.items():
                said[alpha][held_out] = columns
            if context.on_progress is not None:
                context.on_progress(number + 1, len(folds), "alpha")
        judged = said[ALPHA_GRID[0]] >= 0
        classes = range(len(known.classes))
        self.alpha_scores_ = {
            alpha: uf1(known.truth[judged], columns[judged], classes) for alpha, columns in said.items()
        }
        return max(ALPHA_GRID, key=lambda alpha: self.alpha_scores_[alpha])

    def _try_alphas(
        self,
        clips: Sequence[Clip],
        known: TrainingSet,
        others: Sequence[Clip],
        context: FitContext,
        start: Pretrained | None,
    ) -> dict[str | float, NDArray[np.intp]]:
        """Columns that a network trained on some clips says of others, for each alpha."""
        from merkit.training.loop import train
        from merkit.training.pretrained import load_matching

        network = self._new_network(context.seed)
        if start is not None:
            load_matching(network, start.state)
        self._prepare(network, clips, known, context, start)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        examples, found = self._examples(clips, known.truth), {}
        for number, alpha in enumerate(ALPHA_GRID):
            network.load_state_dict(before)
            self.alpha_ = _alpha(alpha, known)
            train(
                network,
                examples,
                self._loss(),
                self.stage,
                seed=context.seed,
                device=context.device,
                owner=self._owner(clips, context),
                checkpoints=context.checkpoint_dir and context.checkpoint_dir / str(number),
                before_epoch=self._before_epoch,
            )
            found[alpha] = self._chances(network, others).argmax(axis=1)
        return found


def _alpha(kind: str | float, known: TrainingSet) -> NDArray[np.float32]:
    from merkit.methods.mersiamc3d.losses import alpha_of

    return alpha_of(kind, np.bincount(known.truth, minlength=len(known.classes)))


def _marks(clip: Clip) -> Marks:
    """Where the marks of a clip are among its faces."""
    return Marks(*(int(at) for at in clip.features[MARKS_FEATURE]))
