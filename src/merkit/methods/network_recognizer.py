"""What every recognizer on a network does alike: train, predict, save; no torch before it is needed."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import ConfigError, DataError
from merkit.methods.context import FitContext
from merkit.methods.network_config import NetworkConfig, shared_fields
from merkit.methods.networks import create_network, get_network
from merkit.methods.registry import get_method
from merkit.methods.saved_model import SavedRecognizer, read_card
from merkit.methods.training_set import TRAINED, TrainingSet, people_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from merkit.cache import Step
    from merkit.clips import Clip
    from merkit.training.loop import Examples, Loss
    from merkit.training.pretrained import Pretrained
    from merkit.training.stage import Stage

_WEIGHTS = "model.safetensors"
_STATISTICS = "statistics."  # before the names of what is not of the network
_INNER_FOLDS = 5

_Self = TypeVar("_Self", bound="NetworkRecognizer")


class NetworkRecognizer(SavedRecognizer):
    """A recognizer whose classes are told by a registered network of the same name.

    A method says what it computes of a clip beforehand (`step`), how its training examples are made
    (`_examples`, where statistics of the training clips are learnt too), what the network is given of a clip
    that is judged (`_given`), and its loss.

    Parameters
    ----------
    config : NetworkConfig, optional
        Settings of the method; what its network has too is handed on to that.

    Attributes
    ----------
    classes_ : array, shape (K,)
        Labels in sorted order, the order of the probabilities.
    network_ : torch.nn.Module
    history_ : list of dict
        One an epoch: rate of learning and losses.
    abstain_below : float
        Top probability below which it abstains.
    card : dict
        What was written beside the weights, such as data and scores; after `fit`, ``trained_subjects``.
    """

    weights_file = _WEIGHTS
    config_type: ClassVar[type[NetworkConfig]]
    authors_datasets: ClassVar[tuple[str, ...]] = ("casme2", "smic", "samm")
    network_: nn.Module
    history_: list[dict[str, float]]
    _loaded: tuple[str, ...] = ()

    def __init__(self, config: Any = None) -> None:
        self.config: Any = config or self.config_type()
        self.card = {}

    @property
    def requires(self) -> tuple[str, ...]:
        """What a clip must carry."""
        return ("frames",)

    @property
    def abstain_below(self) -> float:
        """Top probability below which it abstains."""
        return float(self.config.abstain_below)

    @property
    def settings_seen_on(self) -> tuple[str, ...]:
        """Datasets whose clips were at hand when the settings were chosen.

        Values of the small configuration were chosen on simulated clips, published ones by the authors on
        theirs; where there are some of both, both count.
        """
        published = self.config_type()
        small = {
            name: value
            for name, value in get_method(self.name).configs["small"].items()
            if value != getattr(published, name)
        }
        own = any(getattr(self.config, name) == value for name, value in small.items())
        theirs = any(getattr(self.config, name) == getattr(published, name) for name in small)
        return (*(("simulated",) if own else ()), *(self.authors_datasets if theirs or not own else ()))

    @property
    @abstractmethod
    def step(self) -> Step | None:
        """What is computed of a clip once, of this clip alone and without labels."""

    @property
    def stage(self) -> Stage:
        """How the network is trained."""
        found: Stage = self.config.stage
        return found

    def _step(
        self, compute: Callable[[Clip, Any], Clip], settings: type[Any], *gives: str, context: int = 0
    ) -> Step:
        """A step that is named after the first feature it gives, told what of the settings `settings` has."""
        from merkit.cache import Step

        how = settings(**shared_fields(self.config, settings))
        return Step(
            gives[0], version=1, settings=how, compute=compute, gives=gives, context=context,
            faces=how.face == "detect",
        )  # fmt: skip

    @abstractmethod
    def _examples(self, clips: Sequence[Clip], truth: NDArray[np.intp]) -> Examples:
        """Training examples of clips with their features; what is a statistic of them is learnt here."""

    def _prepare(
        self,
        network: nn.Module,
        clips: Sequence[Clip],
        known: TrainingSet,
        context: FitContext,
        start: Pretrained | None,
    ) -> None:
        """Learn what comes before the stage: fitted sub-networks, an earlier stage of the network.

        `clips`, with their features, and `known` are those that the stage will learn from; `start` is what
        the network has been given to start from.
        """

    def _notes(self) -> list[str]:
        """What should be known of the clips that were learnt from."""
        return []

    def _before_epoch(self, epoch: int, network: nn.Module) -> None:
        """Set what differs from epoch to epoch, such as which layers are frozen."""

    @abstractmethod
    def _given(self, clip: Clip) -> Any:
        """What the network is given of a clip that is judged: a tensor or a tuple of tensors."""

    @abstractmethod
    def _loss(self) -> Loss:
        """What is learnt from."""

    @abstractmethod
    def _explain(self, clip: Clip, column: int) -> dict[str, Any]:
        """What the prediction of one clip, with its features, rests on; `column` is the class called."""

    def fit(
        self: _Self,
        clips: Sequence[Clip],
        labels: ArrayLike,
        groups: ArrayLike,
        *,
        context: FitContext | None = None,
    ) -> _Self:
        """Learn from clips, their labels (N,) and their subjects (N,); returns itself.

        Raises
        ------
        DataError
            If a clip lacks what is required, lengths differ, there are fewer than two classes or subjects, or
            the training does not converge to numbers.
        LeakageError
            If the context's inner splits have a subject on both sides.
        """
        context = context or FitContext()
        known = TrainingSet.of(self.name, len(clips), labels, groups)
        ready = [self._ready(clip) for clip in clips]
        # If this training is stopped, the network of one before must not answer with these classes.
        self.__dict__.pop("network_", None)
        self.classes_ = known.classes
        start = self._weights_to_start_from(context)
        self._train(ready, known, context, start)
        shared = (people_of(artifact) for artifact in (start, *context.artifacts.values()))
        self.card = {TRAINED: sorted({*known.people, *(who for people in shared for who in people)})}
        notes = self._notes()
        if notes:
            self.card["notes"] = notes
        if start is not None:
            self.card["pretrained"] = {**start.card, "taken_over": list(self._loaded)}
        return self

    def predict_proba(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Class probabilities, shape (N, K)."""
        network = self._fitted()
        return self._chances(network, [self._ready(clip) for clip in clips])

    def abstains(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Whether each row of probabilities (N, K) is too unsure to rely on, shape (N,)."""
        return np.asarray(np.asarray(probabilities).max(axis=1) < self.abstain_below)

    def explain(self, clips: Sequence[Clip]) -> list[dict[str, Any]]:
        """What each prediction rests on.

        Returns
        -------
        list of dict, one a clip
            ``abstained``: bool; ``attention``: float array, where the network looks for the class called
            (Grad-CAM, see :mod:`merkit.methods.explanations`), 0 to 1; and what else a method tells.
        """
        network = self._fitted()
        told = []
        for clip in clips:
            ready = self._ready(clip)
            chances = self._chances(network, [ready])
            parts = self._explain(ready, int(chances[0].argmax()))
            # Of a clip in which nothing moves it can only guess.
            unsure = bool(self.abstains(chances)[0]) or parts.get("still", False)
            told.append({**parts, "abstained": unsure})
        return told

    def _told(self) -> dict[str, Any]:
        return {
            "config": asdict(self.config),
            "parameters": sum(part.numel() for part in self._fitted().parameters()),
            "history": self.history_,
        }

    def _write_weights(self, path: Path) -> None:
        import torch

        from merkit.training.weights import write_weights

        tensors = dict(self._fitted().state_dict())
        for name, value in self._statistics().items():
            tensors[_STATISTICS + name] = torch.as_tensor(value)
        write_weights(path, tensors)

    @classmethod
    def load(cls: type[_Self], folder: str | Path) -> _Self:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If a file is missing or does not hold such a recognizer.
        """
        from merkit.training.weights import read_weights

        try:
            text = read_card(folder, _WEIGHTS, cls.name)
            foreign = sorted(set(text["config"]) - {field.name for field in fields(cls.config_type)})
            if foreign:
                raise DataError(
                    f"{folder} has a setting {foreign[0]!r} that this merkit does not know: "
                    "load the model with the version that wrote it"
                )
            model = cls(cls.config_type(**text["config"]))
            model.classes_, model.history_ = np.asarray(text["classes"]), text["history"]
            model.card = text["about"]
            tensors = read_weights(Path(folder) / _WEIGHTS)
            own = {name: value for name, value in tensors.items() if not name.startswith(_STATISTICS)}
            model._take_statistics(
                {
                    name.removeprefix(_STATISTICS): value.numpy()
                    for name, value in tensors.items()
                    if name.startswith(_STATISTICS)
                }
            )
            network = model._new_network(seed=0)
            network.load_state_dict(own)
            model.network_ = network.eval()
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            reason = shorten(str(error), 160, placeholder=" …")
            raise DataError(
                f"{folder} does not hold a saved {cls.name} ({reason}): copy the whole folder again, or "
                "train the model again"
            ) from error
        return model

    def _statistics(self) -> dict[str, NDArray[Any]]:
        """What was learnt of the training clips beside the network."""
        return {}

    def _take_statistics(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `_statistics` gave."""
        if arrays:
            raise DataError(f"holds {', '.join(arrays)}, of which {self.name} knows nothing")

    def _logits(self, network: nn.Module, given: Any) -> Tensor:
        """Logits (V, K) of what `_given` gave, one row a view; their probabilities are averaged."""
        out: Tensor = network(given)
        return out

    def _train(
        self, clips: Sequence[Clip], known: TrainingSet, context: FitContext, start: Pretrained | None
    ) -> None:
        """Train a new network on clips with their features."""
        from merkit.cache.step import in_memory
        from merkit.training.loop import train
        from merkit.training.pretrained import load_matching

        network = self._new_network(context.seed)
        if start is not None:
            try:
                self._loaded = load_matching(network, start.state)
            except DataError as error:
                raise DataError(f"pretrained={self.config.pretrained}: {error}") from error
        learnt, held_out = np.arange(len(clips)), np.array([], dtype=np.intp)
        if self.config.select == "inner":
            learnt, held_out = context.held_out_split(known.truth, known.subjects, _INNER_FOLDS)

        def some(rows: NDArray[np.intp]) -> list[Clip]:
            return [clips[int(row)] for row in rows]

        self._prepare(
            network,
            some(learnt),
            TrainingSet(known.classes, known.truth[learnt], known.subjects[learnt]),
            context,
            start,
        )

        # Read once: after every epoch they are judged again.
        judged = [in_memory(clip) for clip in some(held_out)]

        def score(using: nn.Module) -> float:
            from merkit.metrics.recognition import uf1

            said = self._chances(using, judged).argmax(axis=1)
            return uf1(known.truth[held_out], said, range(len(known.classes)))

        def told(epoch: int, using: nn.Module) -> None:
            assert context.on_epoch is not None
            self.network_ = using
            try:
                context.on_epoch(epoch, self.predict_proba)
            finally:
                # Whoever stops here must not be left with half a training that answers.
                del self.network_

        trained = train(
            network,
            self._examples(some(learnt), known.truth[learnt]),
            self._loss(),
            self.stage,
            seed=context.seed,
            device=context.device,
            owner=self._owner([*some(learnt), *judged], context) + repr(known.truth[held_out].tolist()),
            checkpoints=context.checkpoint_dir,
            validate=score if len(held_out) else None,
            before_epoch=self._before_epoch,
            on_epoch=told if context.on_epoch is not None else None,
            on_progress=context.on_progress,
        )
        self.network_, self.history_ = network, trained.history

    def _owner(self, clips: Sequence[Clip], context: FitContext) -> str:
        """Settings, classes and clips that a training depends on; nothing where no state of it is kept."""
        if context.checkpoint_dir is None:
            return ""
        sha = hashlib.sha256(repr((self.config, self.classes_.tolist())).encode())
        for clip in clips:
            sha.update(repr((clip.id, clip.subject, clip.aus, clip.onset, clip.apex, clip.offset)).encode())
            for name in sorted(clip.features):
                value = np.ascontiguousarray(clip.features[name])
                sha.update(repr((name, value.shape, value.dtype.str)).encode() + value.tobytes())
        return sha.hexdigest()

    def _new_network(self, seed: int) -> nn.Module:
        settings = shared_fields(self.config, get_network(self.name).config)
        return create_network(self.name, seed=seed, **{**settings, "num_classes": len(self.classes_)})

    def _weights_to_start_from(self, context: FitContext) -> Pretrained | None:
        given = context.artifacts.get("pretrained")
        if given is None and self.config.pretrained is None:
            return None
        from merkit.training.pretrained import Pretrained, load_pretrained

        if given is None:
            given = load_pretrained(self.config.pretrained)
        if not isinstance(given, Pretrained):
            raise DataError(
                f"artifact 'pretrained' is a {type(given).__name__}: give what load_pretrained of "
                "merkit.training.pretrained returns"
            )
        method = given.card.get("method", self.name)
        if method != self.name:
            raise DataError(
                f"pretrained: these weights are of {method}; give a folder that merkit pretrain or merkit "
                f"train made of {self.name}"
            )
        return given

    def _chances(self, network: nn.Module, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Probabilities (N, K) of clips with their features, each judged alone; of several views the mean."""
        import torch

        from merkit.training.loop import to_device

        if not len(clips):
            raise DataError(f"{self.name} was given no clips")
        device = next(network.parameters()).device
        rows = []
        with torch.inference_mode():
            for clip in clips:
                logits = self._logits(network, to_device(self._given(clip), device))
                row = logits.double().softmax(dim=1).mean(dim=0).cpu().numpy()
                if not np.isfinite(row).all():
                    raise DataError(
                        f"{clip.id}: {self.name} gives {row.tolist()}, no probabilities: look for NaN or "
                        "infinity in the frames or features of the clip"
                    )
                rows.append(row)
        return np.stack(rows)

    def _attention(
        self, layer: nn.Module, given: Tensor, column: int, *, upsample: bool = False
    ) -> NDArray[np.float32]:
        """What in a layer speaks for a class, scaled to 1 at most; see `grad_cam`."""
        from merkit.methods.explanations import grad_cam

        network = self._fitted()
        device = next(network.parameters()).device
        maps = grad_cam(network, layer, given.to(device), column, upsample=upsample)
        return np.asarray(maps / max(float(maps.max()), 1e-12), dtype=np.float32)

    def _ready(self, clip: Clip) -> Clip:
        """The clip with what is computed of it."""
        step = self.step
        return clip if step is None else step.once(clip)

    def _fitted(self) -> nn.Module:
        if not hasattr(self, "network_"):
            raise ConfigError(f"this {self.name} has not been trained: call fit first, or load a trained one")
        return self.network_
