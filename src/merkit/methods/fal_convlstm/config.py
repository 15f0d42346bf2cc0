"""Settings of FAL-ConvLSTM: of the network, of what it sees and of its recognizer; without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merkit.checks import (
    check_below_one,
    check_flags,
    check_four,
    check_multiple,
    check_range,
    check_whole,
    check_word,
)
from merkit.methods.network_config import FACES, HEADS, NetworkConfig
from merkit.methods.networks import register_network
from merkit.training.schedules import WarmCosine
from merkit.training.stage import Stage

STRIDE = 8
"""Pixels of a face on one position of the maps that are merged."""
TRUNKS = ("layer4", "layer3")
SCALES = ("all", "deepest")
READOUTS = ("last", "mean", "frames")
VIEWS = ("rgb", "diff", "change")
MODES = ("sample", "tim")
FEATURE, POSITIONS = "fal-convlstm-faces", "fal-convlstm-positions"
"""Names under which a clip carries faces, and where these lie in it, counted in frames from the onset."""
JITTER = 2
"""Frames by which onset and offset of a training clip are moved at most."""
LEAST_RATE = 1e-6
_SMALL: Mapping[str, Any] = {
    "size": 64,
    "widths": (8, 16, 32, 64),
    "trunk": "layer3",
    "features": 16,
    "hidden": 16,
    "backbone_rate": 1.0,
    "dropout": 0.2,
    "readout": "mean",
}


@dataclass(frozen=True)
class FALShape:
    """What the network can be told, but for its classes.

    Parameters
    ----------
    size : int
        Height and width of a face in pixels, a multiple of 8, 32 or more.
    widths : four int
        Channels of the four layers of the backbone.
    trunk : {"layer4", "layer3"}
        Last layer of the backbone; ``layer3`` is for small data.
    features : int
        Channels of the merged maps and of the features of an action unit.
    hidden : int
        Channels of the state of the ConvLSTM.
    dropout : float
        Share of the hidden values that are dropped before the classifier.
    scales : {"all", "deepest"}
        Which levels of the backbone are merged.
    spatial_weights : bool
        Levels are weighted position by position instead of by one number each.
    relative : bool
        Action units are told from the change against the first frame, and not from how a face looks.
    sharpness : float
        r of the soft maximum over time: near 0 it is the mean, large the maximum.
    local : bool
        Give the ConvLSTM the local action map; without it zeros, the plain CNN and ConvLSTM.
    readout : {"last", "mean", "frames"}
        Classify the last state of the ConvLSTM, or the mean over all; or there is no ConvLSTM but a
        convolution over each frame alone, of which the mean is taken, so that their order is nothing.
    backbone_rate : float
        What the rate of learning of the backbone is multiplied by.
    """

    size: int = 112
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    trunk: str = "layer4"
    features: int = 64
    hidden: int = 64
    dropout: float = 0.5
    scales: str = "all"
    spatial_weights: bool = False
    relative: bool = True
    sharpness: float = 5.0
    local: bool = True
    readout: str = "last"
    backbone_rate: float = 0.1

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_multiple(self, "size", STRIDE, 4 * STRIDE)
        check_four(self, "widths")
        check_whole(self, "features", 4)
        check_whole(self, "hidden")
        for name, allowed in (("trunk", TRUNKS), ("scales", SCALES), ("readout", READOUTS)):
            check_word(self, name, allowed)
        check_below_one(self, "dropout")
        check_range(self, "sharpness", 1e-3, 100.0)
        check_range(self, "backbone_rate", 1e-6, 100.0)
        check_flags(self)

    @property
    def side(self) -> int:
        """Rows and columns of the merged maps."""
        return self.size // STRIDE

    @property
    def levels(self) -> tuple[int, ...]:
        """Channels of the levels that are merged."""
        return self.widths if self.trunk == "layer4" else self.widths[:3]


@register_network(
    "fal-convlstm",
    network="merkit.methods.fal_convlstm.network:FALConvLSTM",
    summary="several scales and action units of ten frames, a ConvLSTM over them",
    configs={"small": _SMALL},
    pictures=("backbone", "rgb"),
)
@dataclass(frozen=True)
class FALSettings(FALShape):
    """The network; see `FALShape`.

    Parameters
    ----------
    num_classes : int
    """

    num_classes: int = 5

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        super().__post_init__()
        check_whole(self, "num_classes", 2)


@dataclass(frozen=True)
class FALInput:
    """What is kept of a clip: faces between onset and offset, a little larger than the network sees them.

    Parameters
    ----------
    size : int
        Height and width in pixels of the face that the network sees; there is a fourteenth more to crop from.
    length : int
        T, frames that the network sees.
    mode : {"sample", "tim"}
        Frames are picked, or made by temporal interpolation; only what is picked can be jittered.
    view : {"rgb", "diff", "change"}
        Colours; or of grey frames each one, four times its difference to the first, and the first; or four
        times its differences to the first, to the one before and to the next.
    face : {"detect", "whole"}
        See :func:`~merkit.inputs.aligned.aligned_face`, as for `head`.
    head : {"keep", "remove"}
    """

    size: int = 112
    length: int = 10
    mode: str = "sample"
    view: str = "rgb"
    face: str = "detect"
    head: str = "keep"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_whole(self, "length")
        for name, allowed in (("mode", MODES), ("view", VIEWS), ("face", FACES), ("head", HEADS)):
            check_word(self, name, allowed)

    @property
    def margin(self) -> int:
        """Pixels by which a stored face is larger on each side: 4 of 112."""
        return max(1, round(self.size / 28))


@dataclass(frozen=True)
class FALConfig(FALInput, FALShape, NetworkConfig):
    """All settings of the recognizer; the defaults are those of the reconstruction.

    See also `FALShape`, `FALInput` and `~merkit.methods.network_config.NetworkConfig`.

    Parameters
    ----------
    batch : int
        Clips that go through the network at once.
    warm_up : int
        Epochs in which the rate of learning rises.
    pretrain_epochs : int
        Epochs in which the network first learns the action units of the training clips alone, from onset and
        apex (its backbone, scales and actions); 0 for none.
    action_weight, relation_weight, cluster_weight : float
        λ₁, λ₂ and λ₃: of the losses on action units, on their relation to the classes and on their clusters.
    cluster_after : int
        Epochs after which λ₃ counts; centres are learnt from the first on.
    prior_weight : float
        η: how many clips of a class the prior counts for in the relation matrix.
    pairs : bool
        Add the terms of action units that come together, or exclude each other, to the relation loss.
    augment : bool
        Flip, crop, turn, change of light and moved ends of training clips.
    """

    epochs: int = 50
    weight_decay: float = 1e-4
    balance: str = "soft-weights"
    clip_norm: float | None = 5.0
    batch: int = 8
    warm_up: int = 3
    pretrain_epochs: int = 0
    action_weight: float = 0.5
    relation_weight: float = 0.1
    cluster_weight: float = 0.01
    cluster_after: int = 5
    prior_weight: float = 2.0
    pairs: bool = False
    augment: bool = True

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        FALShape.__post_init__(self)
        FALInput.__post_init__(self)
        NetworkConfig.__post_init__(self)
        check_whole(self, "batch")
        for name in ("warm_up", "pretrain_epochs", "cluster_after"):
            check_whole(self, name, 0)
        for name in ("action_weight", "relation_weight", "cluster_weight", "prior_weight"):
            check_range(self, name, 0.0, 1e6)
        self.stage  # noqa: B018 - refuses what it cannot do

    @property
    def stage(self) -> Stage:
        """How the network is trained: AdamW, a rate that rises for some epochs and falls along a cosine."""
        return self._stage("target", self.epochs, self.balance)

    @property
    def pretraining(self) -> Stage | None:
        """How action units are learnt before the classes, if they are."""
        return self._stage("actions", self.pretrain_epochs, "none") if self.pretrain_epochs else None

    def _stage(self, name: str, epochs: int, balance: str) -> Stage:
        return Stage(
            name=name,
            epochs=epochs,
            schedule=WarmCosine(
                top=self.rate, bottom=min(LEAST_RATE, self.rate), warm_up=self.warm_up, epochs=epochs
            ),
            optimiser="adamw",
            weight_decay=self.weight_decay,
            batch=self.batch,
            balance=balance,
            clip_norm=self.clip_norm,
            precision=self.precision,
        )


CONFIGS: Mapping[str, Mapping[str, Any]] = {
    # There are no weights to start from: motion alone is seen, and the backbone learns as fast as the rest.
    "small": {
        **_SMALL,
        "view": "change",
        "head": "remove",
        "epochs": 40,
        "rate": 1e-2,
        "action_weight": 2.0,
    },
}
"""Named configurations of the recognizer."""
