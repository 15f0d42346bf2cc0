"""Settings of flow-svm."""

from __future__ import annotations

from dataclasses import dataclass

from merkit.errors import ConfigError

_WORDS = {
    "select": ("fixed", "nested"),
    "apex": ("auto", "annotated", "estimated"),
    "face": ("detect", "whole"),
}


@dataclass(frozen=True)
class FlowSVMConfig:
    """Settings of flow-svm.

    Parameters
    ----------
    grid : int
        Cells along each side to which the 28×28 map is averaged, 2 to 28.
    normalise : bool
        Divide each map by its own 95th percentile, so that amplitude and unit do not matter.
    c : float
        Cost of the SVM, above 0; features are standardised.
    inner_folds : int
        Subject-wise folds from which calibration and threshold are learnt, 2 or more.
    target_accuracy : float
        How often predictions that are not abstained from should be right, 0 to 1.
    select : {"fixed", "nested"}
        "nested" chooses grid, normalise and c anew in every fit, by the UF1 of inner folds of the
        training subjects; what is given for them then has no effect.
    apex : {"auto", "annotated", "estimated"}
        For clips without a precomputed flow map: take the annotated apex and estimate a missing one; refuse
        clips without one; or estimate all.
    face : {"detect", "whole"}
        For the same: look for the face, or take whole frames for it.
    average_s : float
        For the same: seconds around onset, apex and offset that are averaged against camera noise, 0 to 1.
    """

    grid: int = 10
    normalise: bool = True
    c: float = 0.01
    inner_folds: int = 5
    target_accuracy: float = 0.8
    select: str = "fixed"
    apex: str = "auto"
    face: str = "detect"
    average_s: float = 0.022

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if not (isinstance(self.grid, int) and 2 <= self.grid <= 28):
            raise ConfigError(f"grid={self.grid!r}: expected a whole number from 2 to 28")
        if not self.c > 0:
            raise ConfigError(f"c={self.c!r}: expected a number above 0")
        if not (isinstance(self.inner_folds, int) and self.inner_folds >= 2):
            raise ConfigError(f"inner_folds={self.inner_folds!r}: expected a whole number of 2 or more")
        if not 0 <= self.target_accuracy <= 1:
            raise ConfigError(f"target_accuracy={self.target_accuracy!r}: expected a number from 0 to 1")
        for name, allowed in _WORDS.items():
            if getattr(self, name) not in allowed:
                expected = " or ".join(map(repr, allowed))
                raise ConfigError(f"{name}={getattr(self, name)!r}: expected {expected}")
        if not 0 <= self.average_s <= 1:
            raise ConfigError(f"average_s={self.average_s!r}: expected seconds from 0 to 1")
