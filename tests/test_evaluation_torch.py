"""Recognizers that compute with torch, in the runner."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from evaluation_kit import BySubject, ByThirds, toy_table

from merkit.evaluation import evaluate
from merkit.evaluation.reach import states

TABLE = toy_table(subjects=4, per_subject=3)


class CountsThreads(ByThirds):
    """Tells by its probabilities in how many threads torch computes; torch is loaded only here."""

    name = "counts-threads"

    def fit(self, clips, labels, groups, *, context=None):
        import torch

        self.threads_ = torch.get_num_threads()
        # What several threads would share, so that a fork after it would wait for ever.
        self.sum_ = float(
            torch.randn(256, 256, generator=torch.Generator().manual_seed(0)).mm(torch.eye(256)).sum()
        )
        return super().fit(clips, labels, groups, context=context)

    def predict_proba(self, clips):
        return np.tile([1 / (1 + self.threads_), 1 - 1 / (1 + self.threads_), 0.0], (len(clips), 1))


def test_torch_computes_in_one_thread_everywhere_and_in_all_of_them_afterwards() -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for engine in ("serial", "processes"):
            result = evaluate(CountsThreads, {"toy": TABLE}, BySubject(), engine=engine)
            assert set(result.predictions["p_negative"]) == {0.5}, engine
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_recognizer_made_by_a_partial_function_has_a_name() -> None:
    result = evaluate(functools.partial(ByThirds, epochs=0), {"toy": TABLE}, BySubject(), engine="serial")
    assert len(result.predictions) == len(TABLE)


@pytest.mark.parametrize("way", ["in place", "data", "replaced", "deep", "loaded"])
def test_what_a_network_learns_outside_of_a_recognizer_is_seen(way: str) -> None:
    import torch
    from torch import nn

    inner = nn.Linear(2, 2)
    kept = {
        "net": nn.Sequential(nn.Sequential(nn.Sequential(nn.Sequential(inner)))),
        "half": torch.zeros(3).bfloat16(),
    }
    before = states({"kept": kept})
    assert states({"kept": kept}) == before
    with torch.no_grad():
        if way == "in place":
            kept["half"][0] = 1
        elif way == "data":
            inner.weight.data = torch.ones(2, 2)
        elif way == "replaced":
            kept["half"] = torch.ones(3).bfloat16()
        elif way == "deep":
            inner.weight[0, 0] += 1
        else:
            kept["net"].load_state_dict({name: value + 1 for name, value in kept["net"].state_dict().items()})
    assert states({"kept": kept}) != before
