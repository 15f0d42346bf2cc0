"""Settings of the AKMNet network, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from merkit.errors import ConfigError, did_you_mean
from merkit.methods.networks import register_network

SELECTING = ("s123", "s13", "s23")
"""Variants that choose key frames, and so have the two losses on the choice."""
MINING = (*SELECTING, "s12")
"""Variants that score frames."""
VARIANTS = (*MINING, "va-all", "va-random", "va-norm")
GRADIENTS = ("code", "paper")
STRIDE = 32
"""Pixels of a face on one position of the last feature map."""


@register_network(
    "akmnet",
    network="merkit.methods.akmnet.network:AKMNet",
    summary="key frames mined from all frames of a clip, a GRU over them",
    configs={"small": {"size": 64, "widths": (16, 32, 64, 128), "hidden": 16}},
)
@dataclass(frozen=True)
class AKMNetSettings:
    """What the network can be told; the defaults are those of the released code.

    Parameters
    ----------
    num_classes : int
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

    num_classes: int = 4
    size: int = 128
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)
    hidden: int = 32
    dropout: float = 0.5
    variant: str = "s123"
    ste: str = "code"

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        for name, least in (("num_classes", 2), ("hidden", 1)):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= least):
                raise ConfigError(f"{name}={value!r}: expected a whole number of {least} or more")
        if not (isinstance(self.size, int) and self.size >= 2 * STRIDE and self.size % STRIDE == 0):
            raise ConfigError(f"size={self.size!r}: expected a multiple of {STRIDE}, {2 * STRIDE} or more")
        try:
            # Lists, as from a file, are as good.
            widths = tuple(int(width) for width in self.widths)
        except (TypeError, ValueError):
            widths = ()
        if len(widths) != 4 or min(widths) < 1:
            raise ConfigError(f"widths={self.widths!r}: expected four whole numbers of 1 or more")
        object.__setattr__(self, "widths", widths)
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout={self.dropout!r}: expected a number from 0 up to 1")
        for name, allowed in (("variant", VARIANTS), ("ste", GRADIENTS)):
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigError(
                    f"{name}={value!r}{did_you_mean(str(value), allowed)}: allowed are {', '.join(allowed)}"
                )

    @property
    def side(self) -> int:
        """Rows and columns of the last feature map."""
        return self.size // STRIDE
