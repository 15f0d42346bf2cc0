"""The losses of the networks, by hand and against other ways to compute them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from merkit.errors import ConfigError, DataError
from merkit.methods.akmnet.losses import akmnet_loss, global_sparsity, mean_margin
from merkit.methods.akmnet.mining import binarise
from merkit.methods.akmnet.network import Mined
from merkit.training.balance import balanced_weights, softened_weights
from merkit.training.losses import focal_loss


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def value(of: torch.Tensor) -> float:
    return float(of.detach())


def batch(count: int = 12, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(count, classes, dtype=torch.float64, generator=generator)
    return logits, torch.randint(classes, (count,), generator=generator)


# STRCN: focal and balanced


def test_focal_loss_without_focus_is_cross_entropy():
    logits, labels = batch()
    expected = functional.cross_entropy(logits, labels)
    assert float(focal_loss(logits, labels, gamma=0.0)) == pytest.approx(float(expected), abs=1e-12)


def test_focal_loss_at_a_half_by_hand():
    half = focal_loss(torch.zeros(1, 2, dtype=torch.float64), torch.tensor([1]))
    assert float(half) == pytest.approx(0.25 * math.log(2), abs=1e-12)
    assert round(float(half), 4) == 0.1733


def test_focal_loss_is_its_formula():
    logits, labels = batch()
    p = logits.softmax(1)[range(len(labels)), labels]
    alpha = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
    expected = (-alpha[labels] * (1 - p) ** 2 * p.log()).mean()
    assert float(focal_loss(logits, labels, class_weights=alpha)) == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_gradient_is_that_of_finite_differences(gamma):
    logits, labels = batch(3)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda given: focal_loss(given, labels, gamma=gamma), logits)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("label", [0, 1])
def test_focal_loss_of_a_certain_prediction_stays_finite(gamma, label):
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([label]), gamma=gamma)
    loss.backward()
    assert value(loss) == pytest.approx(400.0 * label)
    assert bool(torch.isfinite(logits.grad).all())


def test_a_negative_gamma_is_refused():
    with pytest.raises(ConfigError, match="gamma -1"):
        focal_loss(*batch(), gamma=-1)


def test_balanced_weights_by_hand():
    # CASME II: 255 / (4 n).
    weights = balanced_weights([32, 72, 25, 126])
    assert weights.tolist() == pytest.approx([1.9921875, 0.8854167, 2.55, 0.5059524], abs=1e-6)


def test_balanced_weights_make_every_class_count_the_same():
    counts = np.array([32, 72, 25, 126])
    assert balanced_weights(counts) * counts == pytest.approx(255 / 4)


def test_softened_weights_make_up_for_half_of_the_imbalance():
    counts = np.array([32, 63, 27, 25, 99])
    weights = softened_weights(counts)
    assert weights.mean() == pytest.approx(1, abs=1e-6)
    assert weights * np.sqrt(counts) == pytest.approx(weights[0] * 32**0.5, rel=1e-6)


def test_a_class_without_clips_cannot_be_weighted():
    with pytest.raises(DataError, match=r"class counts \[3, 0\]"):
        balanced_weights([3, 0])


# AKMNet: sparsity and margin


def by_hand(ste: str = "code") -> tuple[torch.Tensor, torch.Tensor]:
    scores = torch.tensor([0.9, 0.8, 0.4, 0.3], requires_grad=True)
    return scores, binarise(scores, ste)


def test_sparsity_by_hand():
    assert value(global_sparsity(by_hand()[1])) == 1.0


def test_margin_by_hand():
    assert value(mean_margin(*by_hand())) == pytest.approx(1.5)


def test_weighted_sum_by_hand():
    scores, chosen = by_hand()
    losses = akmnet_loss(Mined(scores[None], chosen[None], torch.zeros(1, 4)), torch.tensor([0]))
    assert value(losses.classification) == pytest.approx(math.log(4))
    assert value(losses.total - losses.classification) == pytest.approx(1.6)


def test_margin_gradient_by_hand():
    scores, chosen = by_hand()
    mean_margin(scores, chosen).backward()
    assert scores.grad.tolist() == pytest.approx([-0.5, -0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    ("ste", "expected"), [("code", [-0.4, -0.4, 0.6, 0.6]), ("paper", [-0.4, -0.4, 0.5, 0.5])]
)
def test_gradient_of_the_weighted_sum_by_hand(ste, expected):
    # 0.1 from the sparsity, -1/N and 1/(T - N) from the margin.
    scores, chosen = by_hand(ste)
    akmnet_loss(Mined(scores[None], chosen[None], torch.zeros(1, 4)), torch.tensor([0])).total.backward()
    assert scores.grad.tolist() == pytest.approx(expected)


def test_weights_of_zero_leave_the_cross_entropy():
    scores, chosen = by_hand()
    losses = akmnet_loss(
        Mined(scores[None], chosen[None], torch.tensor([[1.0, 2.0]])),
        torch.tensor([1]),
        sparsity_weight=0.0,
        margin_weight=0.0,
    )
    assert value(losses.total) == value(losses.classification)


def test_sparsity_grows_with_the_number_of_key_frames():
    assert [value(global_sparsity(torch.ones(n))) for n in (1, 2, 9)] == [0.0, 1.0, 8.0]


@pytest.mark.parametrize("length", [1, 5])
def test_margin_without_other_frames_is_two_and_has_no_gradient(length):
    scores = torch.full((length,), 0.7, requires_grad=True)
    loss = mean_margin(scores, torch.ones(length))
    loss.backward()
    assert value(loss) == 2.0
    assert scores.grad.tolist() == [0.0] * length


def test_margin_lies_between_one_and_two():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        scores = torch.rand(6, generator=generator)
        assert 1 <= value(mean_margin(scores, binarise(scores))) <= 2
