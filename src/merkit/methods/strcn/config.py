"""Settings of the two STRCN networks, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from merkit.errors import ConfigError
from merkit.methods.networks import register_network

Pools = tuple[tuple[int, int], ...]
FIRST_LAYER = ("plain", "literal")
_SMALL = {"width": 32}
# Of flow maps of 28×28 pixels, which the published pools would shrink to nothing: 28 → 14 → 7 → 3 → 3.
_MAP28 = {"width": 64, "pools": ((2, 2), (2, 2), (2, 2), (1, 1))}


@dataclass(frozen=True)
class STRCNSettings:
    """What both networks can be told; the defaults are those of the released code.

    Parameters
    ----------
    num_classes : int
    in_channels : int
        1 or 2.
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

    num_classes: int = 4
    in_channels: int = 2
    width: int = 512
    tied: bool = False
    pools: Pools = ((4, 4), (4, 4), (2, 2), (2, 2))
    first_layer: str = "plain"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        for name, least in (("num_classes", 2), ("width", 1)):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= least):
                raise ConfigError(f"{name}={value!r}: expected a whole number of {least} or more")
        if self.in_channels not in (1, 2):
            raise ConfigError(f"in_channels={self.in_channels!r}: expected 1 or 2")
        try:
            # Lists, as from a file, are as good.
            pools = tuple((int(rows), int(columns)) for rows, columns in self.pools)
        except (TypeError, ValueError):
            pools = ()
        if len(pools) != 4 or min(map(min, pools)) < 1:
            raise ConfigError(f"pools={self.pools!r}: expected four pairs (rows, columns) of 1 or more")
        object.__setattr__(self, "pools", pools)
        if self.first_layer not in FIRST_LAYER:
            raise ConfigError(f"first_layer={self.first_layer!r}: expected {' or '.join(FIRST_LAYER)}")


@register_network(
    "strcn-g",
    network="merkit.methods.strcn.network:STRCN",
    summary="recurrent convolutions on the onset-apex flow",
    configs={"small": _SMALL, "map28": _MAP28},
)
@dataclass(frozen=True)
class GeometricSettings(STRCNSettings):
    """STRCN-G: flow (u, v) from onset to apex; see `STRCNSettings`."""


@register_network(
    "strcn-a",
    network="merkit.methods.strcn.network:STRCN",
    summary="recurrent convolutions on the matrix of key-region pixels by time",
    configs={"small": _SMALL},
)
@dataclass(frozen=True)
class AppearanceSettings(STRCNSettings):
    """STRCN-A: a matrix of R pixels by 30 moments; see `STRCNSettings`.

    The network of the authors is not released; these pools are merkit's, as the others would leave no
    column of 30.
    """

    in_channels: int = 1
    pools: Pools = ((4, 2), (4, 2), (2, 2), (2, 2))
