"""Settings of descriptor-svm: those that decide what is measured of a clip, and those of the learning."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from types import MappingProxyType
from typing import Any

from merkit.checks import check_flags, check_positive, check_range, check_whole, check_word
from merkit.errors import ConfigError

TEXTURE = ("lbp-top", "lbp-sip", "higo")
"""Descriptors of frames."""
MOTION = ("hoof", "fhofo", "bi-woof", "mdmo")
"""Descriptors of the flow from onset to apex."""

_WORDS = {
    "descriptor": (*TEXTURE, *MOTION),
    "planes": ("all", "time"),
    "head": ("keep", "remove"),
    "resample": ("tim", "linear", "nearest"),
    "apex": ("auto", "annotated", "estimated"),
    "face": ("detect", "whole"),
    "select": ("fixed", "nested"),
}
_WHOLE = {
    "grid": (1, 32),
    "parts": (1, 16),
    "size": (32, 1024),
    "length": (3, 256),
    "radius": (1, 16),
    "radius_t": (1, 32),
    "points": (2, 8),
    "bins": (2, 64),
    "inner_folds": (2, 1000),
}
_NUMBERS = {"average_s": (0.0, 1.0), "least": (0.0, 100.0), "target_accuracy": (0.0, 1.0)}


@dataclass(frozen=True)
class Measure:
    """What is measured of a clip.

    Parameters
    ----------
    descriptor : {"lbp-top", "lbp-sip", "higo", "hoof", "fhofo", "bi-woof", "mdmo"}
        The first three are of frames, the others of the flow from onset to apex with the head's motion
        removed.
    grid : int
        Blocks along each side of the crop, 1 to 32; MDMO has its own 36 regions.
    face : {"detect", "whole"}
        Look for the face in the frame of the onset, or take whole frames for it (not for MDMO).
    parts : int
        Frames: parts in which time is cut, 1 to 16.  HIGO needs it: over a whole clip, what moves away and
        comes back cancels.
    size : int
        Frames: width and height of the crop in pixels, 32 to 1024.
    length : int
        Frames: how many a clip is brought to, 3 to 256; LBP needs 2 ``radius_t`` + 1 at least.
    resample : {"tim", "linear", "nearest"}
        Frames: how it is brought to that length.
    head : {"keep", "remove"}
        Frames: undo the head's shift, turn in the plane and size, see
        :func:`~merkit.inputs.aligned.aligned_face`.
    planes : {"all", "time"}
        Frames: all three planes, or the two with time, which leave out what the face looks like; of LBP-SIP
        all neighbours, or the earlier and later one.
    radius, radius_t : int
        LBP: how far neighbours lie in pixels, 1 to 16, and in frames, 1 to 32.
    points : int
        LBP-TOP: neighbours on a plane, 2 to 8.
    uniform : bool
        LBP-TOP: let patterns that are not uniform share a bin.
    bins : int
        HIGO and flow: directions, 2 to 64.
    least : float
        FHOFO: vectors up to this length in pixels of the crop (160 wide) do not count.
    polar : bool
        MDMO: length and angle of each region as in the paper, or the vector divided by the longest.
    apex : {"auto", "annotated", "estimated"}
        Flow: take the annotated apex and estimate a missing one; refuse clips without one; or estimate all.
    average_s : float
        Seconds around each frame, for flow around onset, apex and offset, that are averaged against camera
        noise, 0 to 1; 0 for single frames.
    """

    descriptor: str = "lbp-top"
    grid: int = 5
    face: str = "detect"
    parts: int = 1
    size: int = 128
    length: int = 10
    resample: str = "tim"
    head: str = "keep"
    planes: str = "all"
    radius: int = 1
    radius_t: int = 4
    points: int = 4
    uniform: bool = False
    bins: int = 8
    least: float = 0.0
    polar: bool = True
    apex: str = "auto"
    average_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        # Some are of the learning alone.
        for name in filter(partial(hasattr, self), _WORDS):
            check_word(self, name, _WORDS[name])
        for name in filter(partial(hasattr, self), _WHOLE):
            check_whole(self, name, *_WHOLE[name])
        for name in filter(partial(hasattr, self), _NUMBERS):
            check_range(self, name, *_NUMBERS[name])
        check_flags(self)
        if self.descriptor.startswith("lbp") and self.length < 2 * self.radius_t + 1:
            raise ConfigError(
                f"length={self.length}: neighbours radius_t={self.radius_t} frames away need "
                f"{2 * self.radius_t + 1} frames; raise length or lower radius_t"
            )
        if self.descriptor == "mdmo" and self.face == "whole":
            raise ConfigError("face='whole': mdmo draws its regions from landmarks; give face='detect'")

    @property
    def feature(self) -> str:
        """Name under which a clip carries the result: the descriptor and a digest of the settings."""
        said = repr([(field.name, getattr(self, field.name)) for field in fields(Measure)])
        return f"{self.descriptor}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class DescriptorSVMConfig(Measure):
    """Settings of descriptor-svm: those of :class:`Measure`, and the following.

    Parameters
    ----------
    given : str
        Name of an array that the clips carry, to be taken as it is instead of a descriptor; then nothing is
        measured, and no other setting of :class:`Measure` matters.
    power : float
        Exponent for the size of each number before it is standardised, 0 to 1; 0.5 takes square roots, which
        suits histograms, and 1 leaves them.
    select : {"nested", "fixed"}
        "nested" chooses the cost in every fit by the UF1 of inner folds of the training subjects; what is
        given for `c` then has no effect.
    c : float
        Cost of the SVM times the number of features, above 0; so it means the same for long and short ones.
    inner_folds : int
        Subject-wise folds from which cost, calibration and threshold are learnt, 2 or more.
    target_accuracy : float
        How often predictions that are not abstained from should be right, 0 to 1.
    """

    given: str = ""
    power: float = 1.0
    select: str = "nested"
    c: float = 3.0
    inner_folds: int = 5
    target_accuracy: float = 0.8

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        super().__post_init__()
        check_positive(self, "c")
        check_positive(self, "power", 1.0)
        if not isinstance(self.given, str):
            raise ConfigError(f"given={self.given!r}: expected the name of an array of the clips")

    @property
    def measure(self) -> Measure:
        """The settings that decide what is measured of a clip, and nothing else."""
        return Measure(**{field.name: getattr(self, field.name) for field in fields(Measure)})


_FRAMES = {"grid": 8, "planes": "time", "head": "remove", "average_s": 0.022}
_FLOW = {"grid": 8, "average_s": 0.022}
CONFIGS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "small": {**_FLOW, "descriptor": "hoof", "grid": 4, "inner_folds": 3},
        "lbp-top": {**_FRAMES, "descriptor": "lbp-top"},
        "lbp-sip": {**_FRAMES, "descriptor": "lbp-sip"},
        "higo": {**_FRAMES, "descriptor": "higo", "length": 5, "parts": 3},
        "hoof": {**_FLOW, "descriptor": "hoof"},
        "fhofo": {**_FLOW, "descriptor": "fhofo"},
        "bi-woof": {**_FLOW, "descriptor": "bi-woof", "power": 0.5},
        "mdmo": {"average_s": 0.022, "descriptor": "mdmo", "polar": False},
    }
)
"""Named configurations.  Those of descriptors did best, or as well as others, on simulated clips: 288 each of
the medium and hard levels of SynthME-1 drawn with another seed, in six folds by subject."""
