"""Can a reported figure arise at all from these class sizes?

A UAR of pooled predictions is the mean of k_c / n_c with whole numbers k_c of right clips, an accuracy is
k / N.  A figure that is none of these to its last digit is a misprint, comes from another list of clips, or
is a mean over folds or seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from merkit.errors import ConfigError, did_you_mean

METRICS = ("uar", "accuracy")
"""Scores whose values are so few that a check says something."""

# Steps between 0 and 1: up to here sums of recalls are exact, beyond they are counted on a grid.
_EXACT, _GRID = 30_000_000, 2_000_000
_MOST_COMBINATIONS = 20_000_000


@dataclass(frozen=True)
class Reported:
    """A figure as printed.

    Attributes
    ----------
    metric : str
    text : str
        As printed.
    value : Fraction
        0 to 1.
    half : Fraction
        Half a unit of the last digit.
    """

    metric: str
    text: str
    value: Fraction
    half: Fraction

    @classmethod
    def parse(cls, text: str) -> Reported:
        """Read ``UAR=0.8763`` or ``accuracy=78.6%``; figures above 1 are percentages.

        Raises
        ------
        ConfigError
            If it names no metric that can be checked, or no number.

        Examples
        --------
        >>> Reported.parse("UAR=87.63") == Reported("uar", "87.63", Fraction(8763, 10000), Fraction(1, 20000))
        True
        """
        name, equals, figure = (part.strip() for part in text.partition("="))
        metric = {"acc": "accuracy", "war": "accuracy"}.get(name.casefold(), name.casefold())
        if metric not in METRICS:
            raise ConfigError(
                f"--check-reported {text!r}: only UAR and accuracy can be checked"
                f"{did_you_mean(metric, METRICS)}, as in UAR=0.8763"
            )
        number = figure.removesuffix("%").strip()
        try:
            value = Fraction(number) if "/" not in number else None
        except ValueError:
            value = None
        if not equals or value is None or not 0 <= value <= 100:
            raise ConfigError(
                f"--check-reported {text!r}: give a number of 0 to 1 or 0 to 100, as in UAR=0.8763"
            )
        digits = len(number.partition(".")[2])
        percent = 100 if value > 1 or figure.endswith("%") else 1
        return cls(metric, figure, value / percent, Fraction(1, 2 * 10**digits * percent))


@dataclass(frozen=True)
class Finding:
    """Whether reported figures can arise.

    Attributes
    ----------
    what : str
        The figures.
    possible : bool
    why : str
        In words; the nearest possible values where it is not.
    """

    what: str
    possible: bool
    why: str


def check_reported(figures: Sequence[Reported], class_sizes: Sequence[int]) -> list[Finding]:
    """Check each figure by itself and, if each can arise, UAR and accuracy together.

    Parameters
    ----------
    figures : sequence of Reported
    class_sizes : sequence of int
        True clips of each class.

    Raises
    ------
    ConfigError
        If a class has no clip or a metric is given twice.

    Examples
    --------
    >>> for finding in check_reported([Reported.parse("UAR=0.8763")], [88, 32, 25]):
    ...     print(finding.possible, finding.why)
    False no whole numbers of right clips give it; the nearest are 0.8762 and 0.8764
    >>> check_reported([Reported.parse("UAR=0.7598")], [70, 51, 43])[0].possible
    True
    """
    sizes = [int(n) for n in class_sizes]
    if not sizes or min(sizes) < 1:
        raise ConfigError(f"class sizes {list(class_sizes)}: give one or more clips for every class")
    by_metric: Mapping[str, Reported] = {figure.metric: figure for figure in figures}
    if len(by_metric) < len(figures):
        raise ConfigError("--check-reported: a metric is given twice; give each once")
    findings = [_alone(figure, sizes) for figure in figures]
    if len(figures) == len(METRICS) and all(finding.possible for finding in findings):
        findings += _together(by_metric["uar"], by_metric["accuracy"], sizes)
    return findings


def _alone(figure: Reported, sizes: list[int]) -> Finding:
    name = f"{figure.metric} {figure.text}"
    if figure.metric == "accuracy":
        total = sum(sizes)
        below = math.floor(figure.value * total)
        near = [Fraction(k, total) for k in (below, below + 1) if k <= total]
        hit = next((v for v in near if abs(v - figure.value) <= figure.half), None)
        if hit is not None:
            return Finding(name, True, f"{hit * total} of {total} clips")
        return Finding(name, False, f"no number of right clips of {total} gives it; {_nearest(near, figure)}")
    reach, step, slack = _sums_of_recalls(tuple(sizes))
    classes = len(sizes)
    # Positions of the sums of recalls that round to the figure.
    low = math.ceil((figure.value - figure.half) * classes * step - slack)
    high = math.floor((figure.value + figure.half) * classes * step + slack)
    low = max(low, 0)
    window = (reach >> low) & ((1 << max(high - low + 1, 0)) - 1)
    if window:
        return Finding(name, True, "some whole numbers of right clips give it")
    near = []
    lower = (reach & ((1 << low) - 1)).bit_length() - 1
    if lower >= 0:
        near.append(Fraction(lower, classes * step))
    above = reach >> (high + 1)
    if above:
        near.append(Fraction(high + (above & -above).bit_length(), classes * step))
    return Finding(name, False, f"no whole numbers of right clips give it; {_nearest(near, figure)}")


def _sums_of_recalls(sizes: tuple[int, ...]) -> tuple[int, int, int]:
    """Which sums of k_c / n_c there are, as the bits of a number; steps between 0 and 1; error in steps."""
    step = math.lcm(*sizes)
    reach = 1
    if step <= _EXACT:
        for n in sizes:
            reach = _shifted(reach, n, step // n)
        return reach, step, 0
    # Too many steps to hold.  On a coarser grid each recall is off by half a step at most; the window is
    # widened by that, so that "cannot arise" stays certain.
    for n in sizes:
        positions = {round(Fraction(k * _GRID, n)) for k in range(n + 1)}
        total = 0
        for position in positions:
            total |= reach << position
        reach = total
    return reach, _GRID, len(sizes)


def _shifted(reach: int, n: int, shift: int) -> int:
    """``reach`` shifted by 0, 1, ... n times ``shift``, joined; by doubling, so that it takes log n steps."""
    result, done = reach, 0
    while done < n:
        more = min(done + 1, n - done)
        result |= result << (more * shift)
        done += more
    return result


def _together(uar: Reported, accuracy: Reported, sizes: list[int]) -> list[Finding]:
    """Whether the same right clips can give both; empty where there are too many ways to try."""
    ordered = sorted(sizes)
    if math.prod(n + 1 for n in ordered[:-1]) > _MOST_COMBINATIONS:
        return []
    right, recalls = np.zeros(1, dtype=np.int64), np.zeros(1)
    for n in ordered[:-1]:
        k = np.arange(n + 1)
        right = np.add.outer(right, k).ravel()
        recalls = np.add.outer(recalls, k / n).ravel()
    largest, total, classes = ordered[-1], sum(sizes), len(sizes)
    low = math.ceil((accuracy.value - accuracy.half) * total)
    high = math.floor((accuracy.value + accuracy.half) * total)
    wanted, half = float(uar.value * classes), float(uar.half * classes) + 1e-9
    name = f"uar {uar.text} with accuracy {accuracy.text}"
    for hits in range(low, high + 1):
        rest = hits - right
        fits = (rest >= 0) & (rest <= largest) & (np.abs(recalls + rest / largest - wanted) <= half)
        if fits.any():
            return [Finding(name, True, f"the same {hits} right clips can give both")]
    return [Finding(name, False, "each can arise, but no right clips give both")]


def _nearest(values: Sequence[Fraction], figure: Reported) -> str:
    """The nearest possible values, written like the figure."""
    number = figure.text.rstrip("% ")
    scale = 100 if Fraction(number) != figure.value else 1
    digits = max(len(number.partition(".")[2]), 1)
    shown = [f"{float(value * scale):.{digits}f}" for value in values]
    return "the nearest are " + " and ".join(shown) if len(shown) > 1 else f"the nearest is {shown[0]}"
