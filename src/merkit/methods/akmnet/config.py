"""Settings of the AKMNet network, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merkit.checks import check_below_one, check_four, check_multiple, check_range, check_whole, check_word
from merkit.errors import ConfigError
from merkit.methods.network_config import FACES, HEADS, NetworkConfig
from merkit.methods.networks import register_network
from merkit.training.schedules import OscillatingCosine
from merkit.training.stage import Stage

SELECTING = ("s123", "s13", "s23")
"""Variants that choose key frames, and so have the two losses on the choice."""
MINING = (*SELECTING, "s12")
"""Variants that score frames."""
VARIANTS = (*MINING, "va-all", "va-random", "va-norm")
GRADIENTS = ("code", "paper")
STRIDE = 32
"""Pixels of a face on one position of the last feature map."""
LEAST_RATE = 1e-8
FEATURE = "akmnet-faces"
"""Name under which a clip carries its faces, and of the step that gives them."""
_SMALL: Mapping[str, Any] = {"size": 64, "widths": (8, 16, 32, 64), "hidden": 16}


@dataclass(frozen=True)
class AKMNetShape:
    """What the network can be told, but for its classes; the defaults are those of the released code.

    Parameters
    ----------
    size : int
        Height and width of a face in pixels, a multiple of 32, 64 or more: at 32 a single frame would leave
        one value, which cannot be normalised.
    widths : four int
        Channels of the four layers of the backbone; the first convolution has as many as the first layer.
    hidden : int
        Units of the GRU in each direction.
    dropout : float
        Share of the 2·hidden values a position that are dropped before the classifier.
    variant : str
        ``s123`` mines key frames by local self-attention (1), global correlation (2) and sparse selection
        (3); ``s12``, ``s13`` and ``s23`` leave one of the steps out.  ``va-all``, ``va-random`` and
        ``va-norm`` take every frame that they are given: all, a random choice, or a fixed number, see
        :func:`merkit.methods.akmnet.ablation.frames_for`.
    ste : {"code", "paper"}
        Which frames the gradient of the binary choice reaches: all, or those chosen.
    """

    size: int = 128
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    hidden: int = 32
    dropout: float = 0.5
    variant: str = "s123"
    ste: str = "code"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_whole(self, "hidden")
        check_multiple(self, "size", STRIDE, 2 * STRIDE)
        check_four(self, "widths")
        check_below_one(self, "dropout")
        check_word(self, "variant", VARIANTS)
        check_word(self, "ste", GRADIENTS)

    @property
    def side(self) -> int:
        """Rows and columns of the last feature map."""
        return self.size // STRIDE


@register_network(
    "akmnet",
    network="merkit.methods.akmnet.network:AKMNet",
    summary="key frames mined from all frames of a clip, a GRU over them",
    configs={"small": _SMALL},
    pictures=("backbone", "grey"),
)
@dataclass(frozen=True)
class AKMNetSettings(AKMNetShape):
    """The network; see `AKMNetShape`.

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
class AKMNetInput:
    """What the network sees of a clip: grey faces from onset to offset, magnified.

    Parameters
    ----------
    size : int
        Height and width of a face in pixels.
    alpha : float
        What phase-based magnification adds to the motion, in multiples of it; 0 for none.
    face : {"detect", "whole"}
        See :func:`~merkit.inputs.aligned.aligned_face`, as for `head`.
    head : {"keep", "remove"}
    """

    size: int = 128
    alpha: float = 15.0
    face: str = "detect"
    head: str = "keep"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_range(self, "alpha", 0.0, 100.0)
        check_word(self, "face", FACES)
        check_word(self, "head", HEADS)


@dataclass(frozen=True)
class AKMNetConfig(AKMNetInput, AKMNetShape, NetworkConfig):
    """All settings of the recognizer; the defaults are what is published.

    See also `AKMNetShape`, `AKMNetInput` and `~merkit.methods.network_config.NetworkConfig`.

    Parameters
    ----------
    half_wave : int
        Epochs from the first rate of learning down to the least; a fifth of all by default.
    accumulate : int
        Clips whose gradients make one step.
    together : int
        Clips that go through the backbone at once, so that batch normalisation sees all their frames; 1 as
        published.
    margin_weight, sparsity_weight : float
        Of the two losses on the choice of frames.
    crop : float
        Probability with which a training clip is enlarged by an eighth and cropped at random.
    mirror : float
        Probability with which a training clip is mirrored.
    difference : bool
        Subtract the first face from all, so that the network sees what changes and not who it is.
    count : int
        Frames of ``va-norm``.
    share : float
        Share of the frames that ``va-random`` draws.
    """

    balance: str = "oversample"
    half_wave: int | None = None
    accumulate: int = 8
    together: int = 1
    margin_weight: float = 1.0
    sparsity_weight: float = 0.1
    crop: float = 0.5
    mirror: float = 0.0
    difference: bool = False
    count: int = 32
    share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        AKMNetShape.__post_init__(self)
        AKMNetInput.__post_init__(self)
        NetworkConfig.__post_init__(self)
        for name in ("accumulate", "together", "count"):
            check_whole(self, name)
        if self.accumulate % self.together:
            raise ConfigError(
                f"together={self.together!r}: expected a divisor of accumulate={self.accumulate}"
            )
        for name in ("crop", "mirror", "share"):
            check_range(self, name, 0.0, 1.0)
        for name in ("margin_weight", "sparsity_weight"):
            check_range(self, name, 0.0, 1e6)
        if self.half_wave is not None:
            check_whole(self, "half_wave")
        self.stage  # noqa: B018 - refuses what it cannot do

    @property
    def stage(self) -> Stage:
        """How the network is trained: SGD, and a cosine without restarts."""
        half = self.half_wave or max(self.epochs // 5, 1)
        return Stage(
            epochs=self.epochs,
            schedule=OscillatingCosine(top=self.rate, bottom=min(LEAST_RATE, self.rate), half=half),
            weight_decay=self.weight_decay,
            batch=self.together,
            accumulate=self.accumulate // self.together,
            balance=self.balance,
            clip_norm=self.clip_norm,
            precision=self.precision,
        )


CONFIGS: Mapping[str, Mapping[str, Any]] = {
    # From nothing and from few clips the faces themselves are too much to learn from, see the claim sheet.
    "small": {
        **_SMALL,
        "alpha": 4.0,
        "head": "remove",
        "mirror": 0.5,
        "difference": True,
        "together": 8,
        "epochs": 20,
        "half_wave": 20,
        "rate": 1e-2,
    },
}
"""Named configurations of the recognizer."""
