"""flow-svm: a linear support vector machine on the onset-apex flow map of the face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import DataError
from merkit.inputs.flow_map import MAP_SIZE, flow_features, map_p95
from merkit.methods.baselines.flow_svm.calibration import softmax
from merkit.methods.baselines.flow_svm.config import FlowSVMConfig
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM
from merkit.methods.baselines.flow_svm.selection import choose
from merkit.methods.baselines.inner_folds import InnerFolds
from merkit.methods.baselines.margin_svm import MarginSVM
from merkit.methods.context import FitContext
from merkit.methods.recognizer import stack_feature
from merkit.methods.registry import register
from merkit.methods.training_set import TRAINED

if TYPE_CHECKING:
    from merkit.cache import Step
    from merkit.clips import Clip
    from merkit.inputs.onset_apex_flow import FlowMap, FlowSettings


@register("flow-svm", config=FlowSVMConfig, summary="linear SVM on the 28x28 onset-apex flow map")
class FlowSVM(MarginSVM):
    """Recognizer over clips that carry ``features["flow_map"]``, (28, 28, 2 or 3), or frames to measure it.

    The label is the class with the greatest sum of pair margins, which is also the most probable one;
    probabilities are a softmax of those margins, its sharpness fitted to out-of-fold margins of the
    training subjects.

    Parameters
    ----------
    config : FlowSVMConfig, optional
    """

    name = "flow-svm"
    config_type = FlowSVMConfig
    requires: tuple[str, ...] = ("flow_map or frames",)
    settings_: FlowSVMConfig

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
        folds = InnerFolds.of(self.name, len(stored), labels, groups, self.config.inner_folds, context)
        self._forget()
        chosen = choose(self.config, stored, folds)
        self.classes_ = folds.classes
        self.sharpness_, self.abstain_below = folds.calibrate(chosen.margins, self.config.target_accuracy)
        self.svm_ = PairwiseSVM.fit(chosen.features, folds.truth, chosen.settings.c)
        self.settings_ = chosen.settings
        # Whoever evaluates the saved model on one of these is refused; without it, on anybody.
        self.card = {TRAINED: folds.trained_subjects}
        return self

    def predict_proba(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Class probabilities, shape (N, K), for a world where each class is equally frequent."""
        return self.predict_maps(self._maps(clips))

    def predict_maps(self, maps: ArrayLike) -> NDArray[np.float64]:
        """Class probabilities of flow maps (N, 28, 28, 2 or 3), shape (N, K)."""
        margins = self._fitted().margins(self._features(maps))
        return softmax(self.sharpness_ * margins)

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


def with_flow_map(clip: Clip, settings: FlowSettings) -> Clip:
    """The clip with its flow map; that an apex was estimated is written among the repairs."""
    from merkit.inputs.onset_apex_flow import flow_map_of

    seen = flow_map_of(clip, settings)
    noted = (*clip.repairs, seen.apex.note) if seen.apex.note else clip.repairs
    return replace(clip, features={"flow_map": seen.values}, apex=seen.apex.number, repairs=noted)
