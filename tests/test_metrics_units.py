"""Scores of action units against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from merkit.errors import DataError
from merkit.metrics.units import unit_scores


def test_binary_and_macro_f1_worked_out_by_hand():
    truth = [[1, 0], [1, 0], [0, 0], [0, 1]]
    said = [[1, 0], [0, 0], [1, 0], [0, 0]]
    scores = unit_scores(truth, said, ["AU1", "AU4"])
    # AU1: presence 2 * 1 / (2 + 1 + 1), absence the same; AU4: presence 0, absence 2 * 3 / (6 + 1).
    assert scores["by_unit"]["AU1"] == {"n": 2, "f1_binary": 0.5, "f1_macro": 0.5}
    assert scores["by_unit"]["AU4"]["f1_macro"] == pytest.approx(3 / 7)
    assert scores["f1_binary"] == pytest.approx(0.25)
    assert scores["f1_macro"] == pytest.approx((1 / 2 + 3 / 7) / 2)


def test_always_present_scores_by_how_common_a_unit_is():
    truth = np.zeros((10, 1), int)
    truth[:2] = 1
    assert unit_scores(truth, np.ones_like(truth), ["AU4"])["f1_binary"] == pytest.approx(2 * 2 / (2 * 2 + 8))


def test_a_unit_that_nobody_has_counts_as_zero():
    assert unit_scores([[0]], [[0]], ["AU4"])["f1_binary"] == 0


def test_other_shapes_and_values_are_refused():
    with pytest.raises(DataError, match="shape"):
        unit_scores([[1, 0]], [[1, 0]], ["AU1"])
    with pytest.raises(DataError, match="0 and 1"):
        unit_scores([[2]], [[1]], ["AU1"])
