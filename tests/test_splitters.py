"""Splits by subject against scikit-learn and against a plain re-derivation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from merkit.errors import ConfigError, DataError
from merkit.protocols import LeaveOneDatasetOut, LeaveOneSubjectOut, SubjectKFold

GROUPS = st.lists(
    st.sampled_from([f"{d}/s{k}" for d in ("a", "b") for k in range(4)]), min_size=2, max_size=40
)


@given(GROUPS.filter(lambda groups: len(set(groups)) > 1))
def test_leave_one_subject_out_is_that_of_scikit_learn(groups: list[str]):
    ours = list(LeaveOneSubjectOut().split(groups, groups=groups))
    theirs = list(LeaveOneGroupOut().split(groups, groups=groups))
    as_sets = [{(tuple(train), tuple(test)) for train, test in folds} for folds in (ours, theirs)]
    assert as_sets[0] == as_sets[1]
    assert LeaveOneSubjectOut().get_n_splits(groups=groups) == len(theirs)


@given(GROUPS.filter(lambda groups: len(set(groups)) > 2), st.integers(2, 3), st.integers(0, 5))
def test_k_folds_share_nobody_and_test_everybody_once(groups: list[str], k: int, seed: int):
    labels = [str(row % 2) for row in range(len(groups))]
    names, tested = np.array(groups), []
    for train, test in SubjectKFold(k, seed).split(groups, labels, groups):
        assert not set(names[train]) & set(names[test])
        assert sorted([*train, *test]) == list(range(len(groups)))
        tested += test.tolist()
    assert sorted(tested) == list(range(len(groups)))


def test_k_folds_balance_the_classes():
    groups = [f"s{row // 4}" for row in range(160)]
    labels = ["rare" if row // 4 % 4 == 0 else "common" for row in range(160)]
    shares = [
        np.mean([labels[row] == "rare" for row in test])
        for _, test in SubjectKFold(5).split(groups, labels, groups)
    ]
    assert shares == pytest.approx([0.25] * 5)


def test_k_folds_are_the_same_for_the_same_seed():
    groups, labels = [f"s{row // 2}" for row in range(40)], ["x", "y"] * 20

    def tests(seed: int) -> list[list[int]]:
        return [test.tolist() for _, test in SubjectKFold(4, seed).split(groups, labels, groups)]

    assert tests(1) == tests(1)
    assert tests(1) != tests(2)


def test_units_can_be_split_too():
    groups = [f"s{row // 2}" for row in range(12)]
    folds = list(SubjectKFold(3).split(groups, np.eye(12, dtype=int), groups))
    assert sorted(row for _, test in folds for row in test) == list(range(12))


def test_subjects_of_one_name_in_two_datasets_are_two_people():
    groups = ["a/s1", "b/s1", "a/s2"]
    assert LeaveOneSubjectOut().get_n_splits(groups=groups) == 3
    assert LeaveOneDatasetOut().get_n_splits(groups=groups) == 2


def test_they_work_inside_scikit_learn():
    groups = np.repeat([f"s{k}" for k in range(6)], 5)
    x = np.arange(30.0)[:, None]
    y = (np.arange(30) % 2).astype(str)
    said = cross_val_predict(KNeighborsClassifier(1), x, y, groups=groups, cv=LeaveOneSubjectOut())
    plain = np.empty(30, dtype=y.dtype)
    for name in set(groups):
        train, test = groups != name, groups == name
        plain[test] = KNeighborsClassifier(1).fit(x[train], y[train]).predict(x[test])
    assert (said == plain).all()


def test_what_cannot_be_split_is_refused():
    with pytest.raises(DataError, match="all 2 clips are of s1"):
        list(LeaveOneSubjectOut().split("ab", groups=["s1", "s1"]))
    with pytest.raises(ConfigError, match="needs groups"):
        list(LeaveOneSubjectOut().split("ab"))
    with pytest.raises(DataError, match="one subject a clip"):
        list(LeaveOneSubjectOut().split("abc", groups=["s1", "s2"]))
    with pytest.raises(DataError, match="2 subjects cannot be dealt out to 3 folds"):
        list(SubjectKFold(3).split("ab", ["x", "y"], ["s1", "s2"]))
    with pytest.raises(ConfigError, match="n_splits=1"):
        SubjectKFold(1)
    with pytest.raises(DataError, match="empty"):
        LeaveOneSubjectOut().get_n_splits(groups=[])
