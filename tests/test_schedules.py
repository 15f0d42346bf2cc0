"""Rates of learning, against lists computed by hand and against PyTorch's own schedulers."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from merkit.errors import ConfigError
from merkit.training.schedules import Constant, CyclingDecay, OscillatingCosine, WarmCosine


def test_the_forty_rates_of_akmnet():
    # Eight steps down from 1e-3 to 1e-8, eight up, and so on; half a cosine of angles pi/8 · 0..8.
    c1, c2, c3 = math.cos(math.pi / 8), math.sqrt(0.5), math.cos(3 * math.pi / 8)
    down = [1e-8 + (1e-3 - 1e-8) / 2 * (1 + c) for c in (1, c1, c2, c3, 0, -c3, -c2, -c1)]
    up = [1e-8 + (1e-3 - 1e-8) / 2 * (1 + c) for c in (-1, -c1, -c2, -c3, 0, c3, c2, c1)]
    expected = [*down, *up, *down, *up, *down]
    rates = [OscillatingCosine()(epoch) for epoch in range(1, 41)]
    assert rates == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("epochs", "rate"),
    [((1, 17, 33), 1e-3), ((5, 13, 21, 29, 37), 5e-4), ((9, 25), 1e-8), ((40,), 3.81e-5)],
)
def test_the_rates_that_the_specification_names(epochs, rate):
    assert [OscillatingCosine()(epoch) for epoch in epochs] == pytest.approx([rate] * len(epochs), rel=1e-3)


def test_oscillation_is_what_pytorch_does_beyond_t_max():
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=8, eta_min=1e-8)
    theirs = []
    for _ in range(40):
        theirs.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    # Theirs is a recursion, which gathers rounding.
    ours = [OscillatingCosine()(epoch) for epoch in range(1, 41)]
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_a_half_wave_is_plain_annealing():
    rates = [OscillatingCosine(1e-2, 0.0, 30)(epoch) for epoch in range(1, 31)]
    assert rates[0] == 1e-2
    assert all(a > b > 0 for a, b in itertools.pairwise(rates))


def test_the_fifteen_passes_of_strcn():
    rates = [CyclingDecay()(epoch) for epoch in range(1, 16)]
    assert rates == pytest.approx([1e-3, 8e-4, 6.4e-4] * 5)


def test_a_warm_up_is_straight_and_what_follows_is_what_pytorch_anneals():
    rates = [WarmCosine(1e-2, 1e-5, 3, 60)(epoch) for epoch in range(1, 61)]
    assert rates[:3] == pytest.approx([1e-2 / 3, 2e-2 / 3, 1e-2])
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=57, eta_min=1e-5)
    theirs = []
    for _ in range(58):
        theirs.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    assert rates[2:] == pytest.approx(theirs, rel=1e-6)
    assert rates[-1] == pytest.approx(1e-5)


@pytest.mark.parametrize(("warm_up", "epochs"), [(0, 1), (3, 1), (3, 3), (0, 5)])
def test_a_short_training_is_warmed_up_as_far_as_it_goes(warm_up, epochs):
    rates = [WarmCosine(1e-2, 1e-5, warm_up, epochs)(epoch) for epoch in range(1, epochs + 1)]
    assert all(0 < rate <= 1e-2 for rate in rates)
    assert rates[0] == pytest.approx(1e-2 / max(warm_up, 1))


@pytest.mark.parametrize(
    "settings", [{"top": 0.0}, {"bottom": 2.0}, {"bottom": "low"}, {"warm_up": -1}, {"epochs": 0}]
)
def test_a_warm_cosine_that_cannot_be_is_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        WarmCosine(**settings)


def test_a_constant_stays():
    assert {Constant(0.5)(epoch) for epoch in range(1, 9)} == {0.5}


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Constant(0.0), "rate"),
        (lambda: OscillatingCosine(bottom=1.0), "bottom"),
        (lambda: OscillatingCosine(half=0), "half"),
        (lambda: CyclingDecay(factor=1.2), "factor"),
        (lambda: CyclingDecay(cycle=0), "cycle"),
        (lambda: Constant(1.0)(0), "epoch 0"),
    ],
)
def test_what_cannot_be_is_refused(make, name):
    with pytest.raises(ConfigError, match=name):
        make()
