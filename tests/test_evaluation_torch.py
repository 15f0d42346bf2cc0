"""Recognizers that compute with torch, in the runner."""

from __future__ import annotations

import functools

import numpy as np
from evaluation_kit import BySubject, ByThirds, toy_table

from merkit.evaluation import evaluate

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
