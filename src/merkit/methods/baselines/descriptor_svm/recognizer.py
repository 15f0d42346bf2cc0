"""descriptor-svm: a linear support vector machine on a hand-made descriptor of the clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import DataError, did_you_mean
from merkit.methods.baselines.descriptor_svm.config import CONFIGS, MOTION, DescriptorSVMConfig
from merkit.methods.baselines.flow_svm.calibration import softmax
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM
from merkit.methods.baselines.inner_folds import Candidate, InnerFolds
from merkit.methods.baselines.margin_svm import MarginSVM
from merkit.methods.context import FitContext
from merkit.methods.recognizer import stack_feature
from merkit.methods.registry import register
from merkit.methods.training_set import TRAINED

if TYPE_CHECKING:
    from merkit.cache import Step
    from merkit.clips import Clip

COSTS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Costs times the number of features that nested selection tries."""
_TOLD = 3  # places that an explanation names


@register(
    "descriptor-svm",
    config=DescriptorSVMConfig,
    summary="linear SVM on LBP-TOP, LBP-SIP, HIGO, HOOF, FHOFO, Bi-WOOF, MDMO or given features",
    paper="See et al. 2019, FG (the baseline of MEGC 2019)",
    configs=CONFIGS,
)
class DescriptorSVM(MarginSVM):
    """Recognizer over clips with frames, of which it measures a descriptor, or with features of their own.

    Numbers are raised to a power that keeps their sign, and standardised by training clips.  The label is
    the class with the greatest sum of pair margins; probabilities are a softmax of those margins, its
    sharpness fitted to out-of-fold margins of the training subjects.

    Parameters
    ----------
    config : DescriptorSVMConfig, optional

    Attributes
    ----------
    shape_ : tuple of int
        Of the descriptor of one clip.
    """

    name = "descriptor-svm"
    config_type = DescriptorSVMConfig
    shape_: tuple[int, ...]
    settings_: DescriptorSVMConfig

    @property
    def requires(self) -> tuple[str, ...]:
        """What a clip must carry: frames, or the given feature."""
        return (self.config.given or "frames",)

    def fit(
        self,
        clips: Sequence[Clip],
        labels: ArrayLike,
        groups: ArrayLike,
        *,
        context: FitContext | None = None,
    ) -> DescriptorSVM:
        """Learn from clips, their labels (N,) and their subjects (N,); returns itself.

        Raises
        ------
        DataError
            If a clip lacks what is required; if lengths differ, there are fewer than two classes or subjects,
            or a class comes from so few subjects that an inner fold has none of it.
        LeakageError
            If the context's inner splits have a subject on both sides.
        """
        arrays = self._arrays(clips)
        folds = InnerFolds.of(self.name, len(clips), labels, groups, self.config.inner_folds, context)
        self._forget()
        features = self._features(arrays)
        costs = (self.config.c,) if self.config.select == "fixed" else COSTS
        best, margins = folds.best(Candidate(c, features, c / features.shape[1]) for c in costs)
        self.sharpness_, self.abstain_below = folds.calibrate(margins, self.config.target_accuracy)
        self.svm_ = PairwiseSVM.fit(features, folds.truth, best.c)
        self.classes_ = folds.classes
        self.shape_ = arrays.shape[1:]
        self.settings_ = replace(self.config, c=best.settings)
        self.card = {TRAINED: folds.trained_subjects}
        return self

    def predict_proba(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Class probabilities, shape (N, K), for a world where each class is equally frequent."""
        svm = self._fitted()
        return softmax(self.sharpness_ * svm.margins(self._features(self._known(clips))))

    @property
    def settings_seen_on(self) -> tuple[str, ...]:
        """Datasets whose clips were at hand when the settings were chosen; none where `fit` chooses them.

        The defaults are those of the organisers of MEGC2019, those of the named configurations were chosen on
        simulated clips.
        """
        if self.config.given:
            return () if self.config.select == "nested" else ("casme2", "smic", "samm")
        published = DescriptorSVMConfig().measure
        return ("casme2", "smic", "samm") if self.config.measure == published else ("simulated",)

    def explain(self, clips: Sequence[Clip]) -> list[dict[str, Any]]:
        """Share of each place of the face in each class's margin.

        Returns
        -------
        list of dict, one a clip
            ``contributions``: class → float array of the shape of the descriptor without its last axis, the
            bins (of given features with one axis alone, that shape): what a block on a plane, or a region,
            adds to the margin, compared with an average face; ``bias``: class → what the margin is for an
            average face, so that contributions plus bias sum to the margin; ``strongest``: the places that
            speak most for the class called, with what they add; ``descriptor``; ``abstained``: bool; where
            flow was measured also ``key_frames``: annotated numbers of onset, apex and offset (``None``:
            first, last), and ``apex``: ``"annotated"`` or ``"estimated"``.
        """
        svm = self._fitted()
        arrays = self._known(clips)
        features = self._features(arrays)
        class_coef = svm.pair_signs.T @ svm.coef
        bias = svm.pair_signs.T @ svm.intercept
        chances = softmax(self.sharpness_ * svm.margins(features))
        names = self.classes_.tolist()
        shape = self.shape_[:-1] if len(self.shape_) > 1 else self.shape_
        told = []
        for clip, row, chance, unsure in zip(
            clips, svm.standardise(features), chances, self.abstains(chances), strict=True
        ):
            shares = {name: (row * class_coef[k]).reshape(*shape, -1).sum(-1) for k, name in enumerate(names)}
            told.append(
                {
                    "descriptor": self.config.given or self.config.descriptor,
                    "contributions": shares,
                    "bias": {name: float(bias[k]) for k, name in enumerate(names)},
                    "strongest": self._strongest(shares[names[int(chance.argmax())]]),
                    "abstained": bool(unsure),
                    **self._origin(clip),
                }
            )
        return told

    def _learnt(self) -> dict[str, Any]:
        return {"shape": list(self.shape_)}

    def _take_learnt(self, card: Mapping[str, Any]) -> None:
        self.shape_ = tuple(map(int, card["shape"]))

    @property
    def step(self) -> Step | None:
        """The descriptor of a clip: what can be computed once, of this clip alone and without labels.

        A run computes it of every clip before the folds, so that no fold measures a clip again.  An
        estimated apex is written among the repairs.  Of given features nothing is computed.
        """
        if self.config.given:
            return None
        # Here, not above: a saved recognizer of given features works without OpenCV.
        from merkit.cache import Step
        from merkit.methods.baselines.descriptor_svm.measure import measured

        how = self.config.measure
        return Step(
            f"descriptor-{how.descriptor}",
            version=1,
            settings=how,
            compute=measured,
            gives=(how.feature,),
            faces=how.face == "detect",
        )

    @property
    def _feature(self) -> str:
        return self.config.given or self.config.measure.feature

    def _ready(self, clip: Clip) -> Clip:
        """The clip with the features that are learnt from."""
        if self.config.given or self._feature in clip.features:
            return clip
        from merkit.methods.baselines.descriptor_svm.measure import measured_once

        return measured_once(clip, self.config.measure)

    def _arrays(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Descriptors of all clips, (N, …)."""
        given = self.config.given
        for clip in clips:
            if given and given not in clip.features:
                carried = ", ".join(sorted(clip.features)) or "no features"
                raise DataError(
                    f"clip {clip.id!r} has no {given!r}{did_you_mean(given, clip.features)}: it carries "
                    f"{carried}; set given to one of its features, or leave it out to measure frames"
                )
        stacked = stack_feature([self._ready(clip) for clip in clips], self._feature, self.name)
        if stacked.dtype.kind not in "uif" or stacked.ndim < 2:
            raise DataError(
                f"{self._feature} of the clips is of shape {stacked.shape[1:]} and type {stacked.dtype}; "
                f"{self.name} needs an array of numbers"
            )
        whole = np.isfinite(stacked).reshape(len(stacked), -1).all(axis=1)
        if not whole.all():
            who = clips[int(np.flatnonzero(~whole)[0])].id
            raise DataError(
                f"clip {who!r} has a {self._feature} that is not finite: leave it out, or compute it again"
            )
        return stacked.astype(np.float64)

    def _known(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """The same, of the shape that was learnt."""
        self._fitted()
        arrays = self._arrays(clips)
        if arrays.shape[1:] != self.shape_:
            raise DataError(
                f"clip {clips[0].id!r} has a {self._feature} of shape {arrays.shape[1:]}; this "
                f"{self.name} learnt from {self.shape_}"
            )
        return arrays

    def _features(self, arrays: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = arrays.reshape(len(arrays), -1)
        if self.config.power == 1:
            return flat
        return np.asarray(np.sign(flat) * np.abs(flat) ** self.config.power, dtype=np.float64)

    def _strongest(self, shares: NDArray[np.float64]) -> list[dict[str, Any]]:
        if self.config.given:
            names = [", ".join(map(str, place)) for place in np.ndindex(*shares.shape)]
        else:
            from merkit.methods.baselines.descriptor_svm.measure import places

            names = places(self.shape_, self.config.measure)
        flat = shares.ravel()
        order = np.argsort(-flat, kind="stable")[:_TOLD]
        return [{"place": names[k], "adds": float(flat[k])} for k in order if flat[k] > 0]

    def _origin(self, clip: Clip) -> dict[str, Any]:
        if self.config.given or self.config.descriptor not in MOTION:
            return {}
        ready = self._ready(clip)
        estimated = ready.apex != clip.apex or len(ready.repairs) > len(clip.repairs)
        return {
            "key_frames": {"onset": clip.onset, "apex": ready.apex, "offset": clip.offset},
            "apex": "estimated" if estimated else "annotated",
        }
