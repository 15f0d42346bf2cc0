"""flow-svm: a linear support vector machine on the onset-apex flow map of the face."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import ConfigError, DataError
from merkit.inputs.flow_map import MAP_SIZE, flow_features, map_p95
from merkit.methods.baselines.flow_svm.calibration import choose_threshold, fit_sharpness, softmax
from merkit.methods.baselines.flow_svm.config import FlowSVMConfig
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM
from merkit.methods.baselines.flow_svm.selection import choose
from merkit.methods.context import FitContext
from merkit.methods.recognizer import stack_feature
from merkit.methods.registry import register

if TYPE_CHECKING:
    from merkit.cache import Step
    from merkit.clips import Clip
    from merkit.inputs.onset_apex_flow import FlowMap, FlowSettings

_FORMAT = 1
TRAINED = "trained_subjects"
"""Of the card: the ``dataset/subject`` of everybody whose clips the model has seen."""
_ARRAYS = ("mean", "scale", "coef", "intercept")


@register("flow-svm", config=FlowSVMConfig, summary="linear SVM on the 28x28 onset-apex flow map")
class FlowSVM:
    """Recognizer over clips that carry ``features["flow_map"]``, (28, 28, 2 or 3), or frames to measure it.

    The label is the class with the greatest sum of pair margins, which is also the most probable one;
    probabilities are a softmax of those margins, its sharpness fitted to out-of-fold margins of the
    training subjects.

    Attributes
    ----------
    classes_ : array, shape (K,)
        Labels in sorted order, the order of the probabilities.
    abstain_below : float
        Top probability below which it abstains.
    sharpness_ : float
        Factor on the margins before the softmax.
    svm_ : PairwiseSVM
    settings_ : FlowSVMConfig
        The settings in use: `config`, with what nested selection chose.
    card : dict
        What was written beside the weights, such as data and scores; after `fit`, ``trained_subjects``.
    """

    name = "flow-svm"
    requires: tuple[str, ...] = ("flow_map or frames",)
    classes_: NDArray[Any]
    abstain_below: float
    sharpness_: float
    svm_: PairwiseSVM
    settings_: FlowSVMConfig

    def __init__(self, config: FlowSVMConfig | None = None) -> None:
        self.config = config or FlowSVMConfig()
        self.card: dict[str, Any] = {}

    def fit(
        self,
        clips: Sequence[Clip],
        labels: ArrayLike,
        groups: ArrayLike,
        *,
        context: FitContext | None = None,
    ) -> FlowSVM:
        """Learn from clips, their labels (N,) and their subjects (N,); returns itself."""
        return self.fit_maps(self._maps(clips), labels, groups, context=context)

    def fit_maps(
        self, maps: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, context: FitContext | None = None
    ) -> FlowSVM:
        """Learn from flow maps (N, 28, 28, 2 or 3) directly; otherwise as `fit`.

        Raises
        ------
        DataError
            If lengths differ, there are fewer than two classes or subjects, or a class comes from so
            few subjects that an inner fold has none of it.
        LeakageError
            If the context's inner splits have a subject on both sides.
        """
        stored = np.asarray(maps)
        label_array, subjects = np.asarray(labels), np.asarray(groups)
        if label_array.shape != stored.shape[:1] or subjects.shape != stored.shape[:1]:
            raise DataError(
                f"{len(stored)} flow maps, but labels have shape {label_array.shape} and groups "
                f"{subjects.shape}: give one of each a clip"
            )
        classes, truth = np.unique(label_array, return_inverse=True)
        if len(classes) < 2 or len(np.unique(subjects)) < 2:
            raise DataError(
                f"flow-svm needs two classes and two subjects at least, got {len(classes)} and "
                f"{len(np.unique(subjects))}"
            )
        splits = (context or FitContext()).subject_splits(truth, subjects, self.config.inner_folds)
        for train, _ in splits:
            missing = np.setdiff1d(np.arange(len(classes)), truth[train])
            if len(missing):
                raise DataError(
                    f"class {classes[missing[0]]} comes from too few subjects to calibrate: add subjects, "
                    "lower inner_folds or leave the class out"
                )
        chosen, features, margins = choose(self.config, stored, truth, splits)
        seen = np.isfinite(margins).all(axis=1)
        self.classes_ = classes
        self.sharpness_ = fit_sharpness(margins[seen], truth[seen])
        self.abstain_below = choose_threshold(
            softmax(self.sharpness_ * margins[seen]), truth[seen], self.config.target_accuracy
        )
        self.svm_ = PairwiseSVM.fit(features, truth, chosen.c)
        self.settings_ = chosen
        # Whoever evaluates the saved model on one of these is refused; without it, on anybody.
        self.card = {TRAINED: sorted(set(map(str, subjects.tolist())))}
        return self

    def predict_proba(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Class probabilities, shape (N, K), for a world where each class is equally frequent."""
        return self.predict_maps(self._maps(clips))

    def predict_maps(self, maps: ArrayLike) -> NDArray[np.float64]:
        """Class probabilities of flow maps (N, 28, 28, 2 or 3), shape (N, K)."""
        margins = self._fitted().margins(self._features(maps))
        return softmax(self.sharpness_ * margins)

    def predict(self, clips: Sequence[Clip]) -> NDArray[Any]:
        """The most probable class of each clip, shape (N,)."""
        return np.asarray(self.classes_[self.predict_proba(clips).argmax(axis=1)])

    def abstains(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Whether each row of probabilities (N, K) is too unsure to rely on, shape (N,)."""
        self._fitted()
        return np.asarray(np.asarray(probabilities).max(axis=1) < self.abstain_below)

    @property
    def settings_seen_on(self) -> tuple[str, ...]:
        """Datasets whose clips were at hand when the settings were chosen; none where `fit` chooses them."""
        return () if self.config.select == "nested" else ("casme2", "smic", "samm")

    def explain(self, clips: Sequence[Clip]) -> list[dict[str, Any]]:
        """What each prediction rests on: see `explain_maps`, and where the flow map comes from.

        Returns
        -------
        list of dict, one a clip
            ``flow_map``: ``"precomputed"`` or ``"measured"``.  For a measured one also ``key_frames``:
            annotated numbers of onset, apex and offset (``None``: first, last); ``apex``: ``"annotated"`` or
            ``"estimated"``; ``px200``: 95th percentile of the motion at a face width of 200 pixels.
        """
        return [
            {**told, **self._origin(clip)}
            for clip, told in zip(clips, self.explain_maps(self._maps(clips)), strict=True)
        ]

    def explain_maps(self, maps: ArrayLike) -> list[dict[str, Any]]:
        """Share of each cell of the face in each class's margin.

        Returns
        -------
        list of dict, one a map
            ``contributions``: class → float array (grid, grid), u and v together;
            ``bias``: class → what the margin is for an average face.  Contributions plus bias sum to
            the class's margin.  ``p95``: amplitude of the map in its own unit;
            ``abstained``: bool.
        """
        svm = self._fitted()
        features = self._features(maps)
        standard = svm.standardise(features)
        class_coef = svm.pair_signs.T @ svm.coef
        bias = svm.pair_signs.T @ svm.intercept
        shape = (self.settings_.grid, self.settings_.grid, 2)
        unsure = self.abstains(softmax(self.sharpness_ * svm.margins(features)))
        names = self.classes_.tolist()
        return [
            {
                "contributions": {
                    name: (row * class_coef[k]).reshape(shape).sum(axis=2) for k, name in enumerate(names)
                },
                "bias": {name: float(bias[k]) for k, name in enumerate(names)},
                "p95": float(p95),
                "abstained": bool(abstained),
            }
            for row, p95, abstained in zip(standard, map_p95(maps), unsure, strict=True)
        ]

    def save(self, folder: str | Path, card: Mapping[str, Any] | None = None) -> None:
        """Write ``model.npz`` (plain arrays) and ``card.json`` into a folder.

        Equal recognizers give equal bytes.

        Parameters
        ----------
        folder : path
            Made if it does not exist.
        card : mapping, optional
            More to say in the card (data, licence, scores), under ``about``; whom the model was trained on
            stays in it unless this says otherwise.
        """
        svm = self._fitted()
        about = dict(self.card if card is None else card)
        if TRAINED in self.card:
            about.setdefault(TRAINED, self.card[TRAINED])
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        np.savez(target / "model.npz", **{name: getattr(svm, name) for name in _ARRAYS})
        text = {
            "format": _FORMAT,
            "method": self.name,
            "classes": self.classes_.tolist(),
            "config": asdict(self.settings_),
            "sharpness": self.sharpness_,
            "abstain_below": self.abstain_below,
            "about": about,
        }
        (target / "card.json").write_text(json.dumps(text, indent=2, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> FlowSVM:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If a file is missing or does not hold a flow-svm.
        """
        source = Path(folder)
        try:
            text = json.loads((source / "card.json").read_text("utf-8"))
            if (text["method"], text["format"]) != (cls.name, _FORMAT):
                raise DataError(
                    f"{source / 'card.json'} is of method {text['method']}, format {text['format']}: "
                    f"expected {cls.name}, format {_FORMAT}"
                )
            model = cls(FlowSVMConfig(**text["config"]))
            model.settings_ = model.config
            model.classes_ = np.asarray(text["classes"])
            model.sharpness_, model.abstain_below = float(text["sharpness"]), float(text["abstain_below"])
            model.card = text["about"]
            with np.load(source / "model.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in _ARRAYS}
            model.svm_ = PairwiseSVM(**arrays, n_classes=len(model.classes_))
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise DataError(f"{source} does not hold a saved flow-svm ({error}): save one there") from error
        return model

    @property
    def step(self) -> Step:
        """The flow map of a clip: what can be computed once, of this clip alone and without labels.

        A run computes it of every clip before the folds, so that no fold measures a clip again.  An
        estimated apex is written among the repairs.
        """
        # Here, not above: the saved recognizer works on maps without OpenCV.
        from merkit.cache import Step

        return Step(
            "onset-apex-flow",
            version=1,
            settings=self._flow_settings(),
            compute=with_flow_map,
            gives=("flow_map",),
            faces=self.config.face == "detect",
        )

    def _maps(self, clips: Sequence[Clip]) -> NDArray[Any]:
        if all("flow_map" in clip.features for clip in clips):
            return stack_feature(clips, "flow_map", self.name)
        return np.stack([self._map(clip) for clip in clips])

    def _map(self, clip: Clip) -> NDArray[np.float32]:
        given = clip.features.get("flow_map")
        if given is None:
            return self._measured(clip).values
        stored = np.asarray(given)
        if stored.shape[:2] != (MAP_SIZE, MAP_SIZE) or stored.ndim != 3:
            raise DataError(
                f"clip {clip.id!r} has a flow_map of shape {stored.shape}, those measured in frames have "
                f"({MAP_SIZE}, {MAP_SIZE}, 2)"
            )
        return stored[..., :2].astype(np.float32)

    def _measured(self, clip: Clip) -> FlowMap:
        from merkit.inputs.onset_apex_flow import flow_map_of

        return flow_map_of(clip, self._flow_settings())

    def _flow_settings(self) -> FlowSettings:
        from merkit.inputs.onset_apex_flow import FlowSettings

        how = self.config
        return FlowSettings(apex=how.apex, face=how.face, average_s=how.average_s)

    def _origin(self, clip: Clip) -> dict[str, Any]:
        if "flow_map" in clip.features:
            return {"flow_map": "precomputed"}
        seen = self._measured(clip)
        return {
            "flow_map": "measured",
            "key_frames": {"onset": clip.onset, "apex": seen.apex.number, "offset": clip.offset},
            "apex": seen.apex.origin,
            "px200": seen.px200,
        }

    def _features(self, maps: ArrayLike) -> NDArray[np.float64]:
        return flow_features(maps, self.settings_.grid, normalise=self.settings_.normalise)

    def _fitted(self) -> PairwiseSVM:
        if not hasattr(self, "svm_"):
            raise ConfigError("this flow-svm has not been trained: call fit first, or load a trained one")
        return self.svm_


def with_flow_map(clip: Clip, settings: FlowSettings) -> Clip:
    """The clip with its flow map; that an apex was estimated is written among the repairs."""
    from merkit.inputs.onset_apex_flow import flow_map_of

    seen = flow_map_of(clip, settings)
    noted = (*clip.repairs, seen.apex.note) if seen.apex.note else clip.repairs
    return replace(clip, features={"flow_map": seen.values}, apex=seen.apex.number, repairs=noted)
