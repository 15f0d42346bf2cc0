"""Settings of the two STRCN networks and of their recognizers, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merkit.checks import check_flags, check_range, check_whole, check_word, wholes
from merkit.errors import ConfigError
from merkit.methods.network_config import APEX, FACES, HEADS, NetworkConfig
from merkit.methods.networks import register_network
from merkit.training.schedules import CyclingDecay
from merkit.training.stage import Stage

Pools = tuple[tuple[int, int], ...]
FIRST_LAYER = ("plain", "literal")
LOSSES = ("focal", "cross-entropy")
APEX_FINDERS = ("strcn", "course")
MAGNIFY = ("flow", "evm")
FLOWS = ("tvl1", "dis", "dis-fine", "farneback")
VIEWS = ("reference", "mean")
MASKS = ("first", "interval")
FLOW_FEATURE, FRAMES_FEATURE = "strcn-flow", "strcn-frames"
"""Names under which a clip carries what the two networks see of it, and of the steps that give that."""
MAP_FEATURE = "flow_map"
_SMALL: Mapping[str, Any] = {"width": 32}
_SMALL_MATRIX: Mapping[str, Any] = {"width": 16}
# Of flow maps of 28×28 pixels, which the published pools would shrink to nothing: 28 → 14 → 7 → 3 → 3.
_MAP28: Mapping[str, Any] = {"width": 64, "pools": ((2, 2), (2, 2), (2, 2), (1, 1))}


@dataclass(frozen=True)
class STRCNShape:
    """What both networks can be told, but for their ends; the defaults are those of the released code.

    Parameters
    ----------
    width : int
        Feature maps of every layer: 512 in the code, 128 and 256 in its comments.
    tied : bool
        One 3×3 convolution a stage, used twice, instead of two.
    pools : four pairs of int
        Rows and columns of the max-pooling after each stage.
    first_layer : {"plain", "literal"}
        ``literal`` divides the initial weights of the first convolution by 100 and its rate of learning by
        100², as the code does; batch normalisation undoes nearly all of it.
    """

    width: int = 512
    tied: bool = False
    pools: Pools = ((4, 4), (4, 4), (2, 2), (2, 2))
    first_layer: str = "plain"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        check_whole(self, "width")
        pools = tuple(wholes(pair, 2) for pair in self.pools) if isinstance(self.pools, list | tuple) else ()
        if len(pools) != 4 or None in pools:
            raise ConfigError(f"pools={self.pools!r}: expected four pairs (rows, columns) of 1 or more")
        object.__setattr__(self, "pools", pools)
        check_word(self, "first_layer", FIRST_LAYER)
        check_flags(self)


@dataclass(frozen=True)
class STRCNSettings(STRCNShape):
    """A network with its ends.

    Parameters
    ----------
    num_classes : int
    in_channels : int
        1 or 2.
    """

    num_classes: int = 4
    in_channels: int = 2

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        super().__post_init__()
        check_whole(self, "num_classes", 2)
        if self.in_channels not in (1, 2):
            raise ConfigError(f"in_channels={self.in_channels!r}: expected 1 or 2")


@register_network(
    "strcn-g",
    network="merkit.methods.strcn.network:STRCN",
    summary="recurrent convolutions on the onset-apex flow",
    configs={"small": _SMALL, "map28": _MAP28},
)
@dataclass(frozen=True)
class GeometricSettings(STRCNSettings):
    """STRCN-G: flow (u, v) from onset to apex; see `STRCNShape`."""


_APPEARANCE_POOLS: Pools = ((4, 2), (4, 2), (2, 2), (2, 2))


@register_network(
    "strcn-a",
    network="merkit.methods.strcn.network:STRCN",
    summary="recurrent convolutions on the matrix of key-region pixels by time",
    configs={"small": _SMALL_MATRIX},
)
@dataclass(frozen=True)
class AppearanceSettings(STRCNSettings):
    """STRCN-A: a matrix of R pixels by 30 moments; see `STRCNShape`.

    The network of the authors is not released; these pools are merkit's, as the others would leave no
    column of 30.
    """

    in_channels: int = 1
    pools: Pools = _APPEARANCE_POOLS


@dataclass(frozen=True)
class STRCNConfig(STRCNShape, NetworkConfig):
    """What both recognizers can be told beside their input; the defaults are what is published.

    See also `STRCNShape` and `~merkit.methods.network_config.NetworkConfig`.

    Parameters
    ----------
    loss : {"focal", "cross-entropy"}
        With ``balance="weights"`` the focal loss is balanced.
    gamma : float
        Exponent of the focal loss.
    batch : int
    copies : int
        Augmented samples of a clip in an epoch.
    cycle, decay
        The rate of learning is multiplied by `decay` from epoch to epoch, and starts anew after `cycle`.
    """

    epochs: int = 15
    loss: str = "focal"
    gamma: float = 2.0
    batch: int = 10
    copies: int = 1
    cycle: int = 3
    decay: float = 0.8

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        STRCNShape.__post_init__(self)
        NetworkConfig.__post_init__(self)
        check_word(self, "loss", LOSSES)
        check_range(self, "gamma", 0.0, 100.0)
        for name in ("batch", "copies", "cycle"):
            check_whole(self, name)
        self.stage  # noqa: B018 - refuses what it cannot do

    @property
    def stage(self) -> Stage:
        """How the network is trained: SGD with Nesterov's momentum, a rate that decays in cycles."""
        return Stage(
            epochs=self.epochs,
            schedule=CyclingDecay(top=self.rate, factor=self.decay, cycle=self.cycle),
            nesterov=True,
            weight_decay=self.weight_decay,
            batch=self.batch,
            balance=self.balance,
            clip_norm=self.clip_norm,
            precision=self.precision,
        )


@dataclass(frozen=True)
class GeometricInput:
    """What STRCN-G sees of a clip: the flow from onset to apex.

    Parameters
    ----------
    shape : (rows, columns)
        Of the face whose flow is measured.
    apex : {"auto", "annotated", "estimated"}
        See :func:`~merkit.inputs.apex.apex_of`.
    apex_finder : {"strcn", "course"}
        What estimates an apex: the rule of the code, or merkit's own finder, which is nearer to the truth.
    face : {"detect", "whole"}
        See :func:`~merkit.inputs.aligned.aligned_face`, as for `head`.
    head : {"keep", "remove"}
    average_s : float
        Frames up to this many seconds from onset and apex are averaged against camera noise, within a quarter
        of the rise; 0 for single frames.
    magnify : {"flow", "evm"}
        Eight magnifications: of the flow, by scaling it, or of the frames, by Eulerian magnification and a
        flow of each.
    flow : str
        See :func:`~merkit.motion.flow.optical_flow`.
    """

    shape: tuple[int, int] = (300, 245)
    apex: str = "auto"
    apex_finder: str = "strcn"
    face: str = "detect"
    head: str = "keep"
    average_s: float = 0.0
    magnify: str = "flow"
    flow: str = "tvl1"

    def __post_init__(self) -> None:
        """Refuse values that cannot work; those of the flow are looked at where it is measured."""
        object.__setattr__(self, "shape", _pair("shape", self.shape, 28))
        for name, allowed in (
            ("apex", APEX), ("apex_finder", APEX_FINDERS), ("face", FACES), ("head", HEADS),
            ("magnify", MAGNIFY), ("flow", FLOWS),
        ):  # fmt: skip
            check_word(self, name, allowed)
        check_range(self, "average_s", 0.0, 1.0)


@dataclass(frozen=True)
class GeometricConfig(GeometricInput, STRCNConfig):
    """All settings of STRCN-G; see also `STRCNConfig` and `GeometricInput`.

    Parameters
    ----------
    given : {"flow_map"}, optional
        Learn from a feature that the clips carry, such as published flow maps, instead of frames.  Each map
        is divided by the 95th percentile of its lengths, its median removed: their amplitude is not known.
    views : {"reference", "mean"}
        A test clip is judged at magnification 8, or by the mean over all eight.
    """

    given: str | None = None
    views: str = "reference"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        GeometricInput.__post_init__(self)
        STRCNConfig.__post_init__(self)
        check_word(self, "views", VIEWS)
        if self.given not in (None, MAP_FEATURE):
            raise ConfigError(f"given={self.given!r}: expected {MAP_FEATURE!r}, or nothing")


@dataclass(frozen=True)
class AppearanceInput:
    """What STRCN-A sees of a clip: small grey frames from onset to offset, magnified.

    Parameters
    ----------
    mask_shape : (rows, columns)
        Of the frames; key regions are chosen among their pixels.
    alpha : float
        What Eulerian magnification adds to the motion, in multiples of it; 0 for none.
    face : {"detect", "whole"}
        See :func:`~merkit.inputs.aligned.aligned_face`, as for `head`.
    head : {"keep", "remove"}
    """

    mask_shape: tuple[int, int] = (64, 48)
    alpha: float = 8.0
    face: str = "detect"
    head: str = "keep"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        object.__setattr__(self, "mask_shape", _pair("mask_shape", self.mask_shape, 16))
        check_range(self, "alpha", 0.0, 100.0)
        check_word(self, "face", FACES)
        check_word(self, "head", HEADS)


@dataclass(frozen=True)
class AppearanceConfig(AppearanceInput, STRCNConfig):
    """All settings of STRCN-A; see also `STRCNConfig` and `AppearanceInput`.

    Parameters
    ----------
    mask : {"first", "interval"}
        Key regions are where frames differ from the first one, or from that ten frames on.
    difference : bool
        Subtract the first column, so that the network sees what changes and not the face.
    """

    pools: Pools = _APPEARANCE_POOLS
    copies: int = 8
    mask: str = "first"
    difference: bool = False

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        AppearanceInput.__post_init__(self)
        STRCNConfig.__post_init__(self)
        check_word(self, "mask", MASKS)


def _pair(name: str, value: Any, least: int) -> tuple[int, int]:
    """Two whole numbers, also as a list from a file."""
    pair = wholes(value, 2, least)
    if pair is None:
        raise ConfigError(f"{name}={value!r}: expected rows and columns, {least} or more each")
    return pair[0], pair[1]


GEOMETRIC_CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "small": {**_SMALL, "shape": (150, 122), "head": "remove", "average_s": 0.022},
    "map28": {**_MAP28, "given": MAP_FEATURE},
}
"""Named configurations of STRCN-G."""
APPEARANCE_CONFIGS: Mapping[str, Mapping[str, Any]] = {
    "small": {
        **_SMALL_MATRIX,
        "head": "remove",
        "difference": True,
        "copies": 2,
        "epochs": 24,
        "rate": 3e-3,
    },
}
"""Named configurations of STRCN-A."""
