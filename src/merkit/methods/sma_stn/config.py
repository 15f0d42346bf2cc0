"""Settings of the SMA-STN network and of its recognizer, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merkit.checks import (
    check_below_one,
    check_flags,
    check_multiple,
    check_range,
    check_whole,
    check_word,
    wholes,
)
from merkit.errors import ConfigError
from merkit.methods.network_config import FACES, HEADS, NetworkConfig
from merkit.methods.networks import register_network
from merkit.training.schedules import WarmCosine
from merkit.training.stage import Stage

STRIDE = 16
"""Pixels of a face on one position of the last feature map."""
IMAGES = ("both", "local", "global")
ATTENTION = ("token", "joint", "none")
WEIGHTING = ("learnt", "mean")
ANCHORS = ("onset", "none")
SCALING = ("fold", "minmax")
DEVIATIONS = ("class", "movement")
LEAST_RATE = 1e-5
FEATURE = "sma-stn-faces"
"""Name under which a clip carries its faces, and of the step that gives them."""
_SMALL: Mapping[str, Any] = {"size": 64, "widths": (16, 32, 64), "dropout": 0.2}


@dataclass(frozen=True)
class SMASTNShape:
    """What the network can be told, but for its classes; the defaults are merkit's reconstruction.

    Parameters
    ----------
    size : int
        Height and width of a dynamic image in pixels, a multiple of 16, 32 or more.
    widths : three int
        Channels of the three layers of the trunk, the last one even; the first convolution has as many as
        the first layer.
    segments : int
        K, into how many parts of the same length a clip is cut.
    images : {"both", "local", "global"}
        Which dynamic images it sees: one of each segment, one of the whole clip, or both, K + 1.
    attention : {"token", "joint", "none"}
        STMA-S: positions of one dynamic image attend to each other, those of all do, or none.
    weighting : {"learnt", "mean"}
        STMA-T: images are summed with weights, or count the same.
    token_type : bool
        Whether a learnt vector tells the network which image is which; without it their order is nothing.
    dropout : float
        Share of the values that are dropped before the classifier.
    trunk_rate : float
        Rate of learning of the trunk, as a share of that of the other layers.
    freeze : bool
        Keep batch normalisation of the first convolution and the first layer as it is, for a trunk that was
        learnt before.
    """

    size: int = 112
    widths: tuple[int, int, int] = (64, 128, 256)
    segments: int = 3
    images: str = "both"
    attention: str = "token"
    weighting: str = "learnt"
    token_type: bool = False
    dropout: float = 0.5
    trunk_rate: float = 1.0
    freeze: bool = False

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_whole(self, "segments")
        check_multiple(self, "size", STRIDE, 2 * STRIDE)
        widths = wholes(self.widths, 3)
        if widths is None or widths[-1] % 2:
            raise ConfigError(
                f"widths={self.widths!r}: expected three whole numbers of 1 or more, the last one even"
            )
        object.__setattr__(self, "widths", widths)
        for name, allowed in (("images", IMAGES), ("attention", ATTENTION), ("weighting", WEIGHTING)):
            check_word(self, name, allowed)
        check_below_one(self, "dropout")
        check_range(self, "trunk_rate", 1e-6, 1.0)
        check_flags(self)

    @property
    def tokens(self) -> int:
        """How many dynamic images the network sees of a clip."""
        return {"both": self.segments + 1, "local": self.segments, "global": 1}[self.images]


@register_network(
    "sma-stn",
    network="merkit.methods.sma_stn.network:SMASTN",
    summary="dynamic images of segments and of the whole clip, attention over places and segments",
    configs={"small": _SMALL},
    pictures=("trunk", "rgb"),
)
@dataclass(frozen=True)
class SMASTNSettings(SMASTNShape):
    """The network; see `SMASTNShape`.

    Parameters
    ----------
    num_classes : int
    """

    num_classes: int = 4

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        super().__post_init__()
        check_whole(self, "num_classes", 2)


@dataclass(frozen=True)
class SMASTNInput:
    """What dynamic images are computed of: RGB faces from onset to offset.

    Parameters
    ----------
    size : int
        Height and width of a face in pixels.
    face : {"detect", "whole"}
        See :func:`~merkit.inputs.aligned.aligned_face`, as for `head`.
    head : {"keep", "remove"}
    """

    size: int = 112
    face: str = "detect"
    head: str = "keep"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_word(self, "face", FACES)
        check_word(self, "head", HEADS)


@dataclass(frozen=True)
class SMASTNConfig(SMASTNInput, SMASTNShape, NetworkConfig):
    """All settings of the recognizer; the defaults train from nothing, ``fine-tune`` from a trunk.

    See also `SMASTNShape`, `SMASTNInput` and `~merkit.methods.network_config.NetworkConfig`; `pretrained`
    may also be a file with the weights of a usual ResNet-18, see the claim sheet.

    Parameters
    ----------
    samples : int
        M, frames that are drawn of a segment.
    anchor : {"onset", "none"}
        Whether every dynamic image begins with the onset, so that it measures what differs from that.
    scaling : {"fold", "minmax"}
        Dynamic images are divided by a percentile of those of the training clips, or each by its own least
        and greatest value, which makes movement out of the noise of a still face.
    realisations : int
        Draws of frames over which the logits of a clip that is judged are averaged, beside that of the
        frames in the centre; 0 for these alone.
    augment : bool
        Turn, shift, mirror and amplify training clips at random.
    deviation : {"class", "movement"}
        Which reading of the DE-Loss, see :mod:`merkit.methods.sma_stn.losses`.
    deviation_weight : float
        Its share in the loss, λ; 0 for cross-entropy alone.
    margin : float
        Of the DE-Loss: m of the first reading, δ of the second.
    batch : int
        Clips.
    optimiser : {"sgd", "adam", "adamw"}
    warm_up : int
        Epochs until the rate of learning is what it should be.
    """

    epochs: int = 100
    rate: float = 3e-4
    balance: str = "soft-weights"
    clip_norm: float | None = 5.0
    samples: int = 4
    anchor: str = "onset"
    scaling: str = "fold"
    realisations: int = 5
    augment: bool = True
    deviation: str = "class"
    deviation_weight: float = 0.1
    margin: float = 0.5
    batch: int = 16
    optimiser: str = "adamw"
    warm_up: int = 3

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        SMASTNShape.__post_init__(self)
        SMASTNInput.__post_init__(self)
        NetworkConfig.__post_init__(self)
        for name, allowed in (("anchor", ANCHORS), ("scaling", SCALING), ("deviation", DEVIATIONS)):
            check_word(self, name, allowed)
        check_whole(self, "samples")
        if self.samples == 1 and self.anchor == "none":
            raise ConfigError(
                "samples=1: expected 2 or more where anchor is none, as one frame has no change"
            )
        check_whole(self, "batch")
        for name in ("realisations", "warm_up"):
            check_whole(self, name, 0)
        check_range(self, "deviation_weight", 0.0, 1e6)
        check_range(self, "margin", 0.0, 4.0)
        self.stage  # noqa: B018 - refuses what it cannot do

    @property
    def stage(self) -> Stage:
        """How the network is trained: a cosine after a warm-up."""
        return Stage(
            epochs=self.epochs,
            schedule=WarmCosine(
                top=self.rate, bottom=min(LEAST_RATE, self.rate), warm_up=self.warm_up, epochs=self.epochs
            ),
            optimiser=self.optimiser,
            weight_decay=self.weight_decay,
            batch=self.batch,
            balance=self.balance,
            clip_norm=self.clip_norm,
            precision=self.precision,
        )


CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "fine-tune": {"optimiser": "sgd", "rate": 1e-2, "trunk_rate": 0.1, "freeze": True, "epochs": 60},
    # From few clips: more and smaller steps.
    "small": {
        **_SMALL,
        "head": "remove",
        "epochs": 80,
        "rate": 1e-3,
        "batch": 8,
        "weight_decay": 0.05,
    },
}
"""Named configurations of the recognizer."""
