"""Settings of flow-svm."""

from __future__ import annotations

from dataclasses import dataclass

from merkit.checks import check_flags, check_positive, check_range, check_whole, check_word

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
        check_whole(self, "grid", 2, 28)
        check_whole(self, "inner_folds", 2)
        check_positive(self, "c")
        check_range(self, "target_accuracy", 0.0, 1.0)
        check_range(self, "average_s", 0.0, 1.0)
        for name, allowed in _WORDS.items():
            check_word(self, name, allowed)
        check_flags(self)
