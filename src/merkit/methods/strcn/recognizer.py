"""The two STRCN recognizers: on the flow from onset to apex, and on the appearance of moving pixels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.inputs.flow_map import MAP_SIZE, flow_features
from merkit.methods.network_recognizer import NetworkRecognizer
from merkit.methods.registry import register
from merkit.methods.strcn.appearance import AUGMENTATIONS, augmented, connect, scatter, to_columns
from merkit.methods.strcn.config import (
    APPEARANCE_CONFIGS,
    FLOW_FEATURE,
    FRAMES_FEATURE,
    GEOMETRIC_CONFIGS,
    AppearanceConfig,
    AppearanceInput,
    GeometricConfig,
    GeometricInput,
    STRCNConfig,
)
from merkit.methods.strcn.geometric import ALPHAS, TEST_ALPHA, at_alpha
from merkit.methods.strcn.mask import INTERVAL, key_regions, motion_energy

if TYPE_CHECKING:
    from torch import Tensor, nn

    from merkit.cache import Step
    from merkit.clips import Clip
    from merkit.training.loop import Loss


class _STRCN(NetworkRecognizer):
    """What both have in common."""

    config: STRCNConfig

    @abstractmethod
    def _arrays(self, clip: Clip) -> NDArray[np.floating]:
        """Views of a clip that is judged, (V, C, H, W)."""

    def _given(self, clip: Clip) -> Tensor:
        return _tensor(self._arrays(clip))

    def _loss(self) -> Loss:
        from merkit.training.losses import focal_loss

        gamma = 0.0 if self.config.loss == "cross-entropy" else self.config.gamma

        def loss(
            network: nn.Module, given: Any, labels: Tensor, class_weights: Tensor | None
        ) -> Mapping[str, Tensor]:
            return {
                "loss": focal_loss(network(given), labels, gamma=gamma, class_weights=class_weights),
            }

        return loss


@register(
    "strcn-g",
    config=GeometricConfig,
    summary="recurrent convolutions on the flow from onset to apex",
    paper="Xia et al. 2020, IEEE Transactions on Multimedia 22(3)",
    configs=GEOMETRIC_CONFIGS,
)
class GeometricSTRCN(_STRCN):
    """STRCN-G over clips with frames, or with published flow maps.

    See `NetworkRecognizer` and the claim sheet.
    """

    name = "strcn-g"
    config: GeometricConfig
    config_type = GeometricConfig

    @property
    def requires(self) -> tuple[str, ...]:
        """What a clip must carry: frames, or the given feature."""
        return (self.config.given or "frames",)

    @property
    def step(self) -> Step | None:
        """The flow of a clip; of given maps nothing is computed."""
        if self.config.given:
            return None
        from merkit.methods.strcn.inputs import flow

        return self._step(flow, GeometricInput, FLOW_FEATURE)

    def _examples(self, clips: Sequence[Clip], truth: NDArray[np.intp]) -> _FlowExamples:
        flows = [self._flow(clip) for clip in clips]
        return _FlowExamples(flows, truth, self.config.copies, scale=not self.config.given)

    def _arrays(self, clip: Clip) -> NDArray[np.floating]:
        flow = self._flow(clip)
        if self.config.given:
            return flow[None]
        if self.config.views == "reference":
            return at_alpha(flow, TEST_ALPHA)[None]
        return flow if flow.ndim == 4 else np.stack([at_alpha(flow, alpha) for alpha in ALPHAS])

    def _flow(self, clip: Clip) -> NDArray[np.floating]:
        if not self.config.given:
            return np.asarray(clip.features[FLOW_FEATURE])
        stored = clip.features.get(self.config.given)
        if stored is None or np.ndim(stored) != 3 or np.shape(stored)[:2] != (MAP_SIZE, MAP_SIZE):
            found = "none" if stored is None else f"one of shape {np.shape(stored)}"
            raise DataError(
                f"clip {clip.id!r} carries {found}: given={self.config.given!r} needs a flow map of shape "
                f"({MAP_SIZE}, {MAP_SIZE}, 2 or 3); leave given out to measure frames"
            )
        pooled = flow_features(np.asarray(stored)[None], MAP_SIZE)
        return pooled.reshape(MAP_SIZE, MAP_SIZE, 2).transpose(2, 0, 1).astype(np.float32)

    def _explain(self, clip: Clip, column: int) -> dict[str, Any]:
        """Between which frames the flow was measured, and where in the face it looks.

        Returns
        -------
        dict
            ``key_frames``: annotated numbers of onset, apex and offset (``None``: first, last), or
            ``flow_map``: ``"precomputed"``; ``attention``: float array (h, w) over the face.
        """
        network: Any = self.network_
        attention = self._attention(network.stages[-1], self._given(clip)[:1], column)[0]
        if self.config.given:
            return {"flow_map": "precomputed", "attention": attention}
        marks = {"onset": clip.onset, "apex": clip.apex, "offset": clip.offset}
        return {"key_frames": marks, "attention": attention}


@register(
    "strcn-a",
    config=AppearanceConfig,
    summary="recurrent convolutions on the pixels that move, column by column over time",
    paper="Xia et al. 2020, IEEE Transactions on Multimedia 22(3)",
    configs=APPEARANCE_CONFIGS,
)
class AppearanceSTRCN(_STRCN):
    """STRCN-A over clips with frames; no apex is needed.  See `NetworkRecognizer` and the claim sheet.

    Attributes
    ----------
    mask_ : bool array, shape ``mask_shape``
        Key regions of the training clips.
    """

    name = "strcn-a"
    config: AppearanceConfig
    config_type = AppearanceConfig
    mask_: NDArray[np.bool_]

    @property
    def step(self) -> Step:
        """The small frames of a clip, magnified."""
        from merkit.methods.strcn.inputs import small_frames

        return self._step(small_frames, AppearanceInput, FRAMES_FEATURE)

    def _examples(self, clips: Sequence[Clip], truth: NDArray[np.intp]) -> _MatrixExamples:
        frames = [np.asarray(clip.features[FRAMES_FEATURE]) for clip in clips]
        interval = INTERVAL if self.config.mask == "interval" else None
        energies = [motion_energy(each, interval) for each in frames]
        self.mask_ = key_regions([energy for energy in energies if energy.max() > 0])
        matrices = [self._matrix(each) for each in frames]
        return _MatrixExamples(matrices, truth, self.config.copies)

    def _arrays(self, clip: Clip) -> NDArray[np.floating]:
        return to_columns(self._matrix(np.asarray(clip.features[FRAMES_FEATURE])))[None, None]

    def _matrix(self, frames: NDArray[np.floating]) -> NDArray[np.float64]:
        matrix = connect(frames, self.mask_)
        return matrix - matrix[:, :1] if self.config.difference else matrix

    def _statistics(self) -> dict[str, NDArray[Any]]:
        return {"mask": self.mask_}

    def _take_statistics(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.mask_ = np.asarray(arrays["mask"], dtype=bool)

    def _explain(self, clip: Clip, column: int) -> dict[str, Any]:
        """Which pixels of the face it is given, and where and when it looks.

        Returns
        -------
        dict
            ``mask``: bool array (rows, columns), the key regions of the training clips; ``attention``: float
            array of that shape, the mean over time; ``attention_over_time``: float array (30,), the mean over
            pixels.
        """
        network: Any = self.network_
        maps = self._attention(network.stages[-1], self._given(clip), column, upsample=True)[0]
        return {
            "mask": self.mask_,
            "attention": scatter(maps.mean(axis=1), self.mask_),
            "attention_over_time": maps.mean(axis=0),
        }


class _FlowExamples:
    """Flows of training clips, each time at another of the eight magnifications."""

    def __init__(
        self, flows: Sequence[NDArray[np.floating]], labels: NDArray[np.intp], copies: int, *, scale: bool
    ) -> None:
        self.labels = np.repeat(labels, copies)
        self._flows, self._copies, self._scale = flows, copies, scale

    def batch(self, rows: NDArray[np.intp], rng: np.random.Generator) -> Tensor:
        flows = [self._flows[row // self._copies] for row in rows]
        if self._scale:
            which = [_drawn(row, self._copies, len(ALPHAS), rng) for row in rows]
            flows = [at_alpha(flow, ALPHAS[k]) for flow, k in zip(flows, which, strict=True)]
        return _tensor(np.stack(flows))


class _MatrixExamples:
    """Matrices of training clips, frames removed at random and resized by a kernel drawn."""

    def __init__(
        self, matrices: Sequence[NDArray[np.float64]], labels: NDArray[np.intp], copies: int
    ) -> None:
        self.labels = np.repeat(labels, copies)
        self._matrices, self._copies = matrices, copies

    def batch(self, rows: NDArray[np.intp], rng: np.random.Generator) -> Tensor:
        samples = []
        for row in rows:
            how = AUGMENTATIONS[_drawn(row, self._copies, len(AUGMENTATIONS), rng)]
            samples.append(augmented(self._matrices[row // self._copies], *how, rng))
        return _tensor(np.stack(samples)[:, None])


def _drawn(row: int, copies: int, kinds: int, rng: np.random.Generator) -> int:
    """Which kind of augmentation a row gets: each kind once where there are as many copies, else any."""
    return int(row % copies) if copies == kinds else int(rng.integers(kinds))


def _tensor(values: NDArray[Any]) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
