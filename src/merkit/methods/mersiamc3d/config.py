"""Settings of MERSiamC3D, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merkit.checks import check_below_one, check_four, check_positive, check_range, check_whole, check_word
from merkit.errors import ConfigError
from merkit.methods.network_config import APEX, FACES, HEADS, NetworkConfig
from merkit.methods.networks import register_network
from merkit.training.schedules import OscillatingCosine
from merkit.training.stage import Stage

TRANSITIONS = ("nearest", "linear", "adaconv")
APEX_FINDERS = ("flow-regions", "course")
MIDDLE = "middle"
FLOWS = ("steps", "apex")
INTERPOLATOR = "interpolator"
"""Name of an artifact of the context, a mapping whose ``network`` stands in for the one that would be learnt.

It has ``trained_subjects``, none of whom may be tested.
"""
PRIORS = ("contrastive", "koch", "off")
ALPHAS = ("sqrt", "inverse", "effective", "equal")
"""Weights of the classes in the focal loss, by the numbers of their training clips."""
ALPHA_GRID: tuple[str | float, ...] = ("sqrt", "inverse", "effective", "equal", 0.25, 0.5, 0.75)
"""What ``alpha="cv"`` chooses from; 1 is the same as ``equal``."""
VIEWS = ("plain", "flipped")
FLOW_FEATURE, FACES_FEATURE = "mersiamc3d-flow", "mersiamc3d-faces"
"""Names under which a clip carries what the method sees of it, and of the steps that give that."""
MARKS_FEATURE = "mersiamc3d-marks"
"""Positions of onset, apex and offset among the faces."""
LEAST_RATE = 1e-5
MIN_SIDE = 24
"""Of a face in pixels: the least that the pyramid of the flow and the pools leave something of."""
_SMALL: Mapping[str, Any] = {
    "widths": (8, 16, 32, 64),
    "hidden": 32,
    "dropout": 0.2,
    "encoder_rate": 1.0,
}
_FULL: Mapping[str, Any] = {"widths": (64, 128, 256, 512), "depths": (1, 1, 2, 2)}


@dataclass(frozen=True)
class MERSiamC3DShape:
    """What the network can be told, but for its classes.

    Parameters
    ----------
    widths : four int
        Channels of the four stages; after each of them a pool halves the picture.
    depths : four int
        Convolutions of each stage.
    hidden : int
        Units of the head.
    dropout : float
        Share of the values that are dropped before each of the two layers of the head.
    encoder_rate : float
        Rate of learning of the convolutions in the target stage, in multiples of that of the head.
    """

    widths: tuple[int, int, int, int] = (32, 64, 128, 256)
    depths: tuple[int, int, int, int] = (1, 1, 1, 1)
    hidden: int = 128
    dropout: float = 0.5
    encoder_rate: float = 0.1

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_four(self, "widths")
        check_four(self, "depths")
        check_whole(self, "hidden")
        check_below_one(self, "dropout")
        check_range(self, "encoder_rate", 0.0, 1e3)


@register_network(
    "mersiamc3d",
    network="merkit.methods.mersiamc3d.network:MERSiamC3D",
    summary="3D convolutions on the flow between eleven key frames",
    configs={"small": _SMALL, "full": _FULL},
)
@dataclass(frozen=True)
class MERSiamC3DSettings(MERSiamC3DShape):
    """The network of the target stage; see `MERSiamC3DShape`.

    Parameters
    ----------
    num_classes : int
    """

    num_classes: int = 3

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        super().__post_init__()
        check_whole(self, "num_classes", 2)


@dataclass(frozen=True)
class MERSiamC3DInput:
    """What is computed of a clip: key frames and the flow between them.

    Parameters
    ----------
    size : int
        Height and width of a face in pixels, a multiple of 8.
    transition : {"nearest", "linear", "adaconv"}
        What lies between onset, apex and offset: recorded frames, blends of two recorded frames, or frames
        that a network makes of the marked ones alone; it is trained on the training clips.
    apex : {"auto", "annotated", "estimated", "middle"}
        See :func:`~merkit.inputs.apex.apex_of`; ``middle`` takes the frame in the middle instead, so that the
        key frames are evenly spread.
    flow : {"steps", "apex"}
        Flow between neighbouring key frames; or that from onset to apex, as often as there would be steps.
    apex_finder : {"flow-regions", "course"}
        What estimates an apex: the length of the flow, or merkit's own finder, which is nearer to the truth.
    face : {"detect", "whole"}
        See :func:`~merkit.inputs.aligned.aligned_face`, as for `head`.
    head : {"keep", "remove"}
    jitter : int
        Frames by which onset, apex and offset of a training clip may be moved.
    jittered : int
        Versions of a training clip with moved marks, beside that with the marks as they are.
    """

    size: int = 112
    transition: str = "adaconv"
    flow: str = "steps"
    apex: str = "auto"
    apex_finder: str = "flow-regions"
    face: str = "detect"
    head: str = "keep"
    jitter: int = 2
    jittered: int = 2

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_whole(self, "size", MIN_SIDE)
        if self.size % 8:
            raise ConfigError(f"size={self.size!r}: expected a multiple of 8, {MIN_SIDE} or more")
        for name, allowed in (
            ("transition", TRANSITIONS), ("flow", FLOWS), ("apex", (*APEX, MIDDLE)),
            ("apex_finder", APEX_FINDERS), ("face", FACES), ("head", HEADS),
        ):  # fmt: skip
            check_word(self, name, allowed)
        check_whole(self, "jitter", 0)
        check_whole(self, "jittered", 0)


@dataclass(frozen=True)
class MERSiamC3DConfig(MERSiamC3DInput, MERSiamC3DShape, NetworkConfig):
    """All settings of the recognizer; the defaults are the published method, but for alpha.

    How far that is known is on the claim sheet.

    See also `MERSiamC3DShape`, `MERSiamC3DInput` and `~merkit.methods.network_config.NetworkConfig`.

    Parameters
    ----------
    batch : int
        Clips that make a step of the target stage.
    frozen : int
        First epochs of the target stage in which the first two stages of the network stay as they are.
    gamma : float
        Exponent of the focal loss; 0 for cross-entropy.
    alpha : str or float
        Weights of the classes in it: ``sqrt``, square root of the inverse frequency; ``inverse`` frequency;
        ``effective`` number of clips; ``equal``; one number for all; or ``cv``, the best of these in inner
        folds by subject.
    prior : {"contrastive", "koch", "off"}
        Loss of the prior stage on pairs of clips: on their distance, or on what a layer makes of the
        differences; or no such stage.
    prior_epochs : int
    pairs : int
        Pairs of an epoch of the prior stage, half of them of one class.
    pair_batch : int
        Pairs that make a step.
    across : float
        Share of the pairs of one class that must be of two people.
    embedding : int
        Values of a clip in the prior stage.
    mirror : float
        Probability with which a training clip is mirrored; 0 where classes differ in the side of the face.
    shift : int
        Pixels by which a training clip may be moved.
    interpolation_epochs, triplets, triplet_batch, interpolation_rate
        Training of the network behind ``adaconv``: epochs, triplets of frames in each, triplets that make a
        step, and first rate of learning.
    views : {"plain", "flipped"}
        Whether a clip is judged once, or by the mean over it and its mirror image.
    """

    epochs: int = 60
    weight_decay: float = 1e-4
    clip_norm: float | None = 5.0
    batch: int = 16
    frozen: int = 10
    gamma: float = 2.0
    alpha: str | float = "sqrt"
    prior: str = "contrastive"
    prior_epochs: int = 30
    pairs: int = 4000
    pair_batch: int = 32
    across: float = 0.5
    embedding: int = 128
    mirror: float = 0.5
    shift: int = 4
    interpolation_epochs: int = 20
    triplets: int = 2000
    triplet_batch: int = 16
    interpolation_rate: float = 1e-3
    views: str = "plain"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        MERSiamC3DShape.__post_init__(self)
        MERSiamC3DInput.__post_init__(self)
        NetworkConfig.__post_init__(self)
        for name in (
            "batch", "prior_epochs", "pairs", "pair_batch", "embedding", "interpolation_epochs", "triplets",
            "triplet_batch",
        ):  # fmt: skip
            check_whole(self, name)
        if self.pairs % 2:
            raise ConfigError(f"pairs={self.pairs!r}: expected an even number, half of each kind")
        for name in ("frozen", "shift"):
            check_whole(self, name, 0)
        if self.shift >= self.size:
            raise ConfigError(
                f"shift={self.shift}: expected less than size={self.size}, as no face would be left"
            )
        check_positive(self, "interpolation_rate")
        check_range(self, "gamma", 0.0, 100.0)
        check_range(self, "across", 0.0, 1.0)
        check_range(self, "mirror", 0.0, 1.0)
        check_word(self, "prior", PRIORS)
        check_word(self, "views", VIEWS)
        self._check_alpha()
        # Refuse what they cannot do.
        self.stage, self.prior_stage, self.interpolation_stage  # noqa: B018

    def _check_alpha(self) -> None:
        words = (*ALPHAS, "cv")
        if not isinstance(self.alpha, str):
            check_range(self, "alpha", 0.01, 100.0)
        elif self.alpha not in words:
            raise ConfigError(
                f"alpha={self.alpha!r}: allowed are {', '.join(words)}, or a number from 0.01 to 100"
            )
        if self.balance != "none" and self.alpha != "equal":
            raise ConfigError(
                f"balance={self.balance!r} beside alpha={self.alpha!r}: two corrections at once can "
                "silence a class; give alpha='equal', or leave balance out"
            )

    @property
    def stage(self) -> Stage:
        """The target stage: Adam, a cosine down."""
        return self._adam("target", self.epochs, self.batch, self.rate, balance=self.balance)

    @property
    def prior_stage(self) -> Stage:
        """The prior stage, whose examples are pairs."""
        return self._adam("prior", self.prior_epochs, self.pair_batch, self.rate)

    @property
    def interpolation_stage(self) -> Stage:
        """Training of the network that makes frames."""
        return Stage(
            name="interpolation",
            epochs=self.interpolation_epochs,
            schedule=_cosine(self.interpolation_rate, self.interpolation_epochs),
            optimiser="adam",
            weight_decay=0.0,
            batch=self.triplet_batch,
        )

    def _adam(self, name: str, epochs: int, batch: int, rate: float, balance: str = "none") -> Stage:
        return Stage(
            name=name,
            epochs=epochs,
            schedule=_cosine(rate, epochs),
            optimiser="adam",
            weight_decay=self.weight_decay,
            batch=batch,
            balance=balance,
            clip_norm=self.clip_norm,
            precision=self.precision,
        )


def _cosine(rate: float, epochs: int) -> OscillatingCosine:
    return OscillatingCosine(top=rate, bottom=min(LEAST_RATE, rate), half=epochs)


CONFIGS: Mapping[str, Mapping[str, Any]] = {
    # From few clips: more, and smaller, steps, and all layers learn all the time.
    "small": {
        **_SMALL,
        "size": 48,
        "transition": "linear",
        "apex_finder": "course",
        "head": "remove",
        "shift": 2,
        "prior_epochs": 3,
        "pairs": 160,
        "pair_batch": 16,
        "epochs": 40,
        "batch": 8,
        "frozen": 0,
    },
    "full": _FULL,
}
"""Named configurations of the recognizer."""
