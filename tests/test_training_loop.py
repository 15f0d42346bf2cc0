"""The training loop on a toy network: the same bytes for the same seed, resumed or not."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
import torch
from torch import nn

from merkit.errors import ConfigError, DataError
from merkit.training.balance import balanced_weights, oversampled, softened_weights
from merkit.training.loop import train
from merkit.training.schedules import Constant, CyclingDecay
from merkit.training.stage import Stage


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Points:
    """Noisy points around the corners of a triangle; every epoch shakes them anew."""

    def __init__(self, counts=(12, 6, 4), noise: float = 0.3, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.labels = np.repeat(np.arange(len(counts)), counts)
        corners = np.array([[0, 0], [4, 0], [0, 4]])
        self.points = corners[self.labels] + rng.normal(0, 0.5, (len(self.labels), 2))
        self.noise = noise
        self.asked: list[list[int]] = []

    def batch(self, rows, rng):
        self.asked.append(rows.tolist())
        shaken = self.points[rows] + rng.normal(0, self.noise, (len(rows), 2))
        return torch.from_numpy(shaken.astype(np.float32))


def network(dropout: float = 0.3, norm: bool = True, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    middle = [nn.BatchNorm1d(8)] if norm else []
    return nn.Sequential(nn.Linear(2, 8), *middle, nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3))


def loss(net, inputs, labels, weights):
    value = nn.functional.cross_entropy(net(inputs), labels, weight=weights)
    return {"loss": value, "twice": 2 * value.detach()}


STAGE = Stage(epochs=6, schedule=CyclingDecay(0.1, 0.8, 3), batch=4, nesterov=True)


def weights_of(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def after(stage: Stage = STAGE, *, net: nn.Module | None = None, points: Points | None = None, **how):
    net = net or network()
    trained = train(net, points or Points(), loss, stage, **how)
    return weights_of(net), trained


def test_it_learns():
    net = network(dropout=0.0)
    points = Points(noise=0.0)
    trained = train(net, points, loss, replace(STAGE, epochs=20))
    assert not net.training
    predicted = net(torch.from_numpy(points.points.astype(np.float32))).argmax(1).numpy()
    assert (predicted == points.labels).all()
    assert trained.history[-1]["loss"] < trained.history[0]["loss"]
    assert trained.history[-1]["twice"] == pytest.approx(2 * trained.history[-1]["loss"])
    assert trained.epoch == 20


def test_a_seed_gives_the_same_bytes_whatever_was_drawn_before():
    one, _ = after(seed=3)
    net = network()
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    other, _ = after(net=net, seed=3)
    assert same(one, other)
    assert not same(one, after(seed=4)[0])


def test_the_generators_are_left_as_they_were():
    net = network()
    before = torch.random.get_rng_state()
    train(net, Points(), loss, STAGE)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        train(net, Points(), loss, STAGE)
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("stopped_after", [1, 2, 3, 5])
def test_a_resumed_stage_ends_with_the_same_bytes(tmp_path, stopped_after):
    whole, told = after()

    class Stopped(Exception):
        pass

    def stop(done, total, stage):
        if done == stopped_after:
            raise Stopped

    with pytest.raises(Stopped):
        after(checkpoints=tmp_path / "kept", every=2, on_progress=stop)
    points = Points()
    resumed, again = after(points=points, checkpoints=tmp_path / "kept", every=2)
    assert same(whole, resumed)
    assert told == again
    # What was kept is not done again.
    assert len(points.asked) == (6 - stopped_after // 2 * 2) * 6


def test_a_finished_stage_is_not_done_again(tmp_path):
    first, told = after(checkpoints=tmp_path)
    points = Points()
    second, again = after(points=points, checkpoints=tmp_path)
    assert same(first, second)
    assert points.asked == []
    assert told == again


def test_the_best_epoch_is_kept_the_earlier_of_equal_ones():
    scores = iter([0.2, 0.9, 0.1, 0.9, 0.3, 0.4])
    seen = {}
    best, told = after(
        validate=lambda net: next(scores), on_epoch=lambda epoch, net: seen.update({epoch: weights_of(net)})
    )
    assert told.epoch == 2
    assert same(best, seen[2])
    assert not same(best, seen[6])
    assert [row["score"] for row in told.history] == [0.2, 0.9, 0.1, 0.9, 0.3, 0.4]


def test_a_selection_stopped_and_resumed_is_the_same(tmp_path):
    def validate(net):
        with torch.inference_mode():
            return float(net(torch.ones(1, 2))[0, 0])

    whole, told = after(validate=validate)

    def stop(done, total, stage):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        after(validate=validate, checkpoints=tmp_path, every=1, on_progress=stop)
    resumed, again = after(validate=validate, checkpoints=tmp_path, every=1)
    assert same(whole, resumed)
    assert told == again
    assert told.epoch == 1 + int(np.argmax([row["score"] for row in told.history]))


@pytest.mark.parametrize(
    "how",
    [
        {"seed": 1},
        {"owner": "other settings"},
        {"stage": replace(STAGE, weight_decay=0.0)},
        {"points": Points(counts=(11, 7, 4))},
        {"net": network(seed=1)},
        {"validate": lambda net: 0.0},
    ],
    ids=lambda how: next(iter(how)),
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, how):
    after(checkpoints=tmp_path)
    with pytest.raises(DataError, match=r"target\.pt: is of another training"):
        after(**how, checkpoints=tmp_path)


@pytest.mark.parametrize("left", [0, 3, 1000, -2000, -200, -1])
def test_a_broken_checkpoint_is_refused(tmp_path, left):
    after(checkpoints=tmp_path)
    file = tmp_path / "target.pt"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(DataError, match=r"target\.pt: is no checkpoint of merkit, or broken"):
        after(checkpoints=tmp_path)


def test_accumulated_batches_are_one_large_batch():
    # Without normalisation and dropout, which see a batch as it comes; the last group has 22 - 2·8 = 6.
    large, _ = after(replace(STAGE, batch=8), net=network(0.0, norm=False), points=Points(noise=0.0))
    small, _ = after(
        replace(STAGE, batch=2, accumulate=4), net=network(0.0, norm=False), points=Points(noise=0.0)
    )
    single, _ = after(
        replace(STAGE, batch=1, accumulate=8), net=network(0.0, norm=False), points=Points(noise=0.0)
    )
    for other in (small, single):
        assert all(torch.allclose(large[name], other[name], atol=1e-6) for name in large)
    fewer, _ = after(replace(STAGE, batch=4), net=network(0.0, norm=False), points=Points(noise=0.0))
    assert not all(torch.allclose(large[name], fewer[name], atol=1e-3) for name in large)


def test_one_epoch_is_what_a_plain_loop_does():
    stage = Stage(epochs=1, schedule=Constant(0.05), batch=4, accumulate=2, nesterov=True)
    points = Points(noise=0.0)
    trained, _ = after(stage, net=network(0.0, norm=False), points=points)
    net = network(0.0, norm=False)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    order = [row for rows in points.asked for row in rows]
    assert sorted(order) == list(range(22))
    for start in (0, 8, 16):
        rows = order[start : start + 8]
        given = torch.from_numpy(points.points[rows].astype(np.float32))
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(given), torch.from_numpy(points.labels[rows])).backward()
        optimiser.step()
    assert all(torch.allclose(trained[name], value, atol=1e-6) for name, value in net.state_dict().items())


def test_every_epoch_has_an_order_of_its_own():
    points = Points()
    after(points=points)
    epochs = [list(chain(*points.asked[6 * k : 6 * k + 6])) for k in range(6)]
    assert all(sorted(epoch) == list(range(22)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 6


def test_oversampling_brings_classes_to_the_largest():
    points = Points()
    after(replace(STAGE, epochs=1, balance="oversample"), points=points)
    rows = list(chain(*points.asked))
    assert np.bincount(points.labels[rows]).tolist() == [12, 12, 12]
    # Every clip of a class about as often as the others.
    assert np.bincount(rows).tolist() == [1] * 12 + [2] * 6 + [3] * 4


def test_oversampling_draws_whom_to_repeat_once_more():
    labels = np.array([0] * 5 + [1] * 3)
    drawn = {tuple(np.bincount(oversampled(labels, np.random.default_rng(seed)))) for seed in range(20)}
    assert {counts[:5] for counts in drawn} == {(1,) * 5}
    assert {counts[5:] for counts in drawn} == {(1, 2, 2), (2, 1, 2), (2, 2, 1)}


def test_class_weights_reach_the_loss():
    given = []

    def spy(net, inputs, labels, weights):
        given.append(weights)
        return loss(net, inputs, labels, weights)

    train(network(), Points(), spy, replace(STAGE, epochs=1, balance="weights"))
    assert torch.allclose(given[0], torch.from_numpy(balanced_weights([12, 6, 4])))
    train(network(), Points(), spy, replace(STAGE, epochs=1, balance="soft-weights"))
    assert torch.allclose(given[-1], torch.from_numpy(softened_weights([12, 6, 4])))
    train(network(), Points(), spy, replace(STAGE, epochs=1))
    assert given[-1] is None


def test_the_rate_follows_the_schedule_and_the_scale_of_a_group():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.fast, self.slow = (nn.Parameter(torch.ones(3)) for _ in range(2))

        def parameter_groups(self, weight_decay):
            assert weight_decay == 0.0
            return [{"params": [self.fast]}, {"params": [self.slow], "lr_scale": 0.5}]

    def sums(net, inputs, labels, weights):
        return {"loss": net.fast.sum() + net.slow.sum()}

    net = Scaled()
    stage = Stage(epochs=3, schedule=CyclingDecay(0.1, 0.5, 3), momentum=0.0, weight_decay=0.0, batch=22)
    trained = train(net, Points(), sums, stage)
    assert [row["lr"] for row in trained.history] == pytest.approx([0.1, 0.05, 0.025])
    assert net.fast.tolist() == pytest.approx([1 - 0.175] * 3)
    assert net.slow.tolist() == pytest.approx([1 - 0.0875] * 3)


def test_long_gradients_are_shortened():
    def steep(net, inputs, labels, weights):
        return {"loss": 1000 * loss(net, inputs, labels, weights)["loss"]}

    stage = Stage(epochs=1, schedule=Constant(0.1), momentum=0.0, weight_decay=0.0, batch=22, clip_norm=0.5)
    net = network(0.0, norm=False)
    before = weights_of(net)
    train(net, Points(), steep, stage)
    moved = torch.sqrt(sum(((net.state_dict()[name] - before[name]) ** 2).sum() for name in before))
    assert float(moved) == pytest.approx(0.1 * 0.5, rel=1e-3)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_other_optimisers_learn(kind):
    _, trained = after(replace(STAGE, optimiser=kind, schedule=Constant(0.02), epochs=15), net=network(0.0))
    assert trained.history[-1]["loss"] < trained.history[0]["loss"]


def test_half_precision_is_used_where_asked():
    types = []

    def spy(net, inputs, labels, weights):
        out = net(inputs)
        types.append(out.dtype)
        return {"loss": nn.functional.cross_entropy(out.float(), labels)}

    for precision in ("bfloat16", "float32"):
        train(network(), Points(), spy, replace(STAGE, epochs=1, precision=precision))
    assert set(types[:6]) == {torch.bfloat16}
    assert set(types[6:]) == {torch.float32}


def test_who_watches_is_told():
    told, seen = [], []
    after(
        on_progress=lambda *what: told.append(what),
        on_epoch=lambda epoch, net: seen.append((epoch, net.training)),
    )
    assert told == [(epoch, 6, "target") for epoch in range(1, 7)]
    assert seen == [(epoch, False) for epoch in range(1, 7)]


def test_watching_changes_nothing():
    assert same(after()[0], after(on_epoch=lambda epoch, net: torch.rand(5), validate=None)[0])


def test_a_loss_that_is_not_finite_stops_the_training():
    points = Points()
    points.points[4] = np.nan
    with pytest.raises(DataError, match=r"stage target, epoch 1: the loss is nan; lower the rate"):
        after(points=points)


def test_a_step_to_no_number_stops_the_training_though_the_loss_was_one():
    def steep(network, given, labels, weights):
        return {"loss": (0 * network(given)).sum().sqrt()}

    with pytest.raises(DataError, match=r"stage target, epoch 1: weights are not finite any more; lower"):
        train(network(), Points(), steep, replace(STAGE, batch=22))


def test_no_examples_are_refused():
    with pytest.raises(DataError, match="no training examples"):
        after(points=Points(counts=(0,)))


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"batch": 0},
        {"optimiser": "sdg"},
        {"balance": "both"},
        {"precision": "float16"},
        {"momentum": 1.0},
        {"clip_norm": 0.0},
        {"name": "a/b"},
    ],
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Stage(**{"epochs": 1, "schedule": Constant(0.1), **settings})


def test_a_layer_can_be_frozen_for_some_epochs_also_when_resumed(tmp_path):
    def freeze(epoch, net):
        assert net.training
        net[0].requires_grad_(epoch > 3)

    frozen, _ = after(replace(STAGE, epochs=3), before_epoch=freeze)
    assert torch.equal(frozen["0.weight"], weights_of(network())["0.weight"])
    straight, _ = after(before_epoch=freeze)
    assert not torch.equal(straight["0.weight"], frozen["0.weight"])

    class Stopped(Exception):
        pass

    def stop(epoch, net):
        if epoch == 4:
            raise Stopped

    with pytest.raises(Stopped):
        after(before_epoch=freeze, checkpoints=tmp_path, every=2, on_epoch=stop)
    resumed, _ = after(before_epoch=freeze, checkpoints=tmp_path, every=2)
    assert same(straight, resumed)
