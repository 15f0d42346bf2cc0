"""Whether a reported figure can arise, against counting all ways and against figures known to be wrong."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkit.errors import ConfigError
from merkit.metrics import granularity
from merkit.metrics.granularity import Reported, check_reported


def possible(figure: str, sizes: list[int]) -> bool:
    return check_reported([Reported.parse(figure)], sizes)[0].possible


def every_uar(sizes: list[int]) -> set[Fraction]:
    ways = product(*(range(n + 1) for n in sizes))
    return {
        sum((Fraction(k, n) for k, n in zip(way, sizes, strict=True)), Fraction(0)) / len(sizes)
        for way in ways
    }


@pytest.mark.parametrize(
    ("figure", "sizes", "can"),
    [
        # Figures of one published table; the first cannot come from these clips.
        ("UAR=0.8763", [88, 32, 25], False),
        ("UAR=0.8762", [88, 32, 25], True),
        ("UAR=0.8764", [88, 32, 25], True),
        ("UAR=0.7598", [70, 51, 43], True),
        ("UAR=0.7280", [92, 26, 15], True),
        ("UAR=0.7986", [250, 109, 83], True),
        # 208 of 254 or 199 of 243, but nothing of 246, 247 or 255.
        ("accuracy=81.89", [32, 63, 25, 27, 99], False),
        ("accuracy=81.89", [32, 64, 25, 27, 99], False),
        ("ACC=81.89", [254], True),
        ("accuracy=81.89%", [243], True),
        ("accuracy=68.75", [57, 12, 26, 26, 15], False),
    ],
)
def test_known_figures(figure: str, sizes: list[int], can: bool):
    assert possible(figure, sizes) is can


@settings(max_examples=60)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(0, 1000))
def test_agrees_with_counting_all_ways(sizes: list[int], thousandths: int):
    value = Fraction(thousandths, 1000)
    ways = every_uar(sizes)
    finding = check_reported([Reported.parse(f"UAR={thousandths / 1000:.3f}")], sizes)[0]
    assert finding.possible == any(abs(way - value) <= Fraction(1, 2000) for way in ways)
    if not finding.possible:
        near = [
            max((w for w in ways if w < value), default=None),
            min((w for w in ways if w > value), default=None),
        ]
        assert all(f"{float(w):.3f}" in finding.why for w in near if w is not None)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 7), min_size=2, max_size=3), st.integers(0, 100))
def test_the_coarse_grid_misses_nothing_that_is_possible(sizes: list[int], hundredths: int):
    figure = f"UAR={hundredths / 100:.2f}"
    exact = possible(figure, sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(granularity, "_EXACT", 0)
        coarse = possible(figure, sizes)
    assert coarse or not exact


def test_many_large_classes_are_checked_on_the_grid():
    sizes = [548, 298, 278, 265, 206, 161, 100]
    assert possible("UAR=0.9995", sizes)
    # One wrong clip of 548 costs 0.00026: nothing lies between that and all right.
    assert not possible("UAR=0.99999", sizes)


def test_two_figures_that_exclude_each_other():
    # 18 of 20 right and a mean recall of 1/2: all of the large class, none of the small one.
    # 4 of 20 cannot have it: 2 + 2 give 0.556, 3 + 1 give 0.333.
    for accuracy, together in (("0.900", True), ("0.200", False)):
        figures = [Reported.parse("UAR=0.500"), Reported.parse(f"accuracy={accuracy}")]
        findings = check_reported(figures, [18, 2])
        assert [finding.possible for finding in findings] == [True, True, together]


@settings(max_examples=60)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=3), st.data())
def test_both_figures_agree_with_counting_all_ways(sizes: list[int], data: st.DataObject):
    ways = list(product(*(range(n + 1) for n in sizes)))
    pairs = {
        (
            round(float(sum(Fraction(k, n) for k, n in zip(way, sizes, strict=True))) / len(sizes), 9),
            round(sum(way) / sum(sizes), 9),
        )
        for way in ways
    }
    uar = data.draw(st.sampled_from(sorted({pair[0] for pair in pairs})))
    accuracy = data.draw(st.sampled_from(sorted({pair[1] for pair in pairs})))
    figures = [Reported.parse(f"UAR={uar:.9f}"), Reported.parse(f"accuracy={accuracy:.9f}")]
    assert check_reported(figures, sizes)[-1].possible == ((uar, accuracy) in pairs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("UF1=0.7", "only UAR and accuracy"),
        ("UAR", "give a number"),
        ("UAR=high", "give a number"),
        ("UAR=1/2", "give a number"),
        ("UAR=101", "give a number"),
        ("UAR=-0.1", "give a number"),
    ],
)
def test_what_is_no_figure_is_refused(text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        Reported.parse(text)


def test_empty_classes_and_repeated_metrics_are_refused():
    with pytest.raises(ConfigError, match="class sizes"):
        check_reported([], [3, 0])
    with pytest.raises(ConfigError, match="twice"):
        check_reported([Reported.parse("UAR=0.5"), Reported.parse("uar=0.6")], [3, 2])
