"""The STRCN network against its specification: counts, shapes, the wiring of the recurrent stage."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from merkit.errors import ConfigError, DataError
from merkit.methods.networks import create_network
from merkit.methods.strcn.network import RecurrentStage
from merkit.training.loop import train
from merkit.training.losses import focal_loss
from merkit.training.schedules import CyclingDecay
from merkit.training.stage import Stage


@pytest.fixture(autouse=True)
def one_thread():
    # Networks this small gain nothing from a second one.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def unmade(name: str, **settings):
    """A network without numbers: shapes and counts cost nothing."""
    with torch.device("meta"):
        return create_network(name, **settings)


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("width", "stem", "stage", "three", "four", "tied"),
    [
        (128, 2_560, 312_064, 939_139, 939_268, 496_132),
        (256, 5_120, 1_246_720, 3_746_051, 3_746_308, 1_975_300),
        (512, 10_240, 4_983_808, 14_963_203, 14_963_716, 7_882_756),
    ],
)
def test_parameter_counts_of_the_specification(width, stem, stage, three, four, tied):
    network = unmade("strcn-g", width=width, num_classes=4)
    assert count(network) == four
    assert count(network.stem) == stem
    assert [count(each) for each in network.stages] == [stage] * 3
    assert count(unmade("strcn-g", width=width, num_classes=3)) == three
    assert count(unmade("strcn-g", width=width, num_classes=4, tied=True)) == tied


def test_defaults_are_those_of_the_released_code():
    assert count(unmade("strcn-g")) == 14_963_716


def test_tied_stages_drop_one_convolution_and_its_normalisation():
    k = 128
    stages = [unmade("strcn-g", width=k, tied=tied).stages[0] for tied in (False, True)]
    assert count(stages[0]) - count(stages[1]) == 9 * k**2 + 2 * k


def test_one_channel_drops_nine_weights_a_map():
    assert count(unmade("strcn-a", num_classes=4)) == 14_959_108
    assert count(unmade("strcn-g", in_channels=1)) == 14_959_108


def sizes_after_pools(network, shape) -> list[tuple[int, ...]]:
    found = []
    for pool in network.pools:
        pool.register_forward_hook(lambda module, given, out: found.append(tuple(out.shape[1:])))
    logits = network(torch.empty(shape, device="meta"))
    return [*found, tuple(logits.shape)]


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [
        ((2, 2, 300, 245), [(75, 61), (18, 15), (9, 7), (4, 3)]),
        ((2, 2, 220, 200), [(55, 50), (13, 12), (6, 6), (3, 3)]),
    ],
)
def test_published_shapes_of_strcn_g(shape, sizes):
    network = unmade("strcn-g")
    assert sizes_after_pools(network, shape) == [*((512, *size) for size in sizes), (2, 4)]


def test_published_shapes_of_strcn_a():
    network = unmade("strcn-a")
    assert sizes_after_pools(network, (2, 1, 700, 30)) == [
        *((512, *size) for size in [(175, 15), (43, 7), (21, 3), (10, 1)]),
        (2, 4),
    ]


def test_shapes_of_the_low_resolution_variant():
    network = unmade("strcn-g", config="map28", num_classes=3)
    assert sizes_after_pools(network, (2, 2, 28, 28)) == [
        *((64, *size) for size in [(14, 14), (7, 7), (3, 3), (3, 3)]),
        (2, 3),
    ]


def test_layers_are_those_of_matconvnet():
    network = unmade("strcn-g", config="small")
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    normalisations = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(convolutions) == 11
    assert len(normalisations) == 10
    assert [m.bias is not None for m in convolutions] == [False] * 10 + [True]
    assert {(m.momentum, m.eps) for m in normalisations} == {(0.3, 1e-5)}
    assert [m.kernel_size[0] for m in convolutions] == [3] + [1, 3, 3] * 3 + [1]
    for pool in network.pools:
        assert (pool.kernel_size, pool.padding, pool.ceil_mode) == (pool.stride, 0, False)


def plain_stage(width: int = 3, *, tied: bool = False) -> RecurrentStage:
    """A stage whose normalisation does nothing, its first convolution zero and the others the identity."""
    stage = RecurrentStage(width, tied=tied).eval()
    for module in stage.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.0
    with torch.no_grad():
        stage.first.conv.weight.zero_()
        for block in [stage.second] if stage.third is None else [stage.second, stage.third]:
            block.conv.weight.zero_()
            block.conv.weight[range(width), range(width), 1, 1] = 1.0
    return stage


@pytest.mark.parametrize("tied", [False, True])
def test_the_stage_input_comes_in_again_at_every_step(tied):
    # x would mean that the second sum is missing, 3x one too many, 0 that the first response is added.
    x = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(plain_stage(tied=tied)(x), 2 * x)


def test_the_first_response_is_added_once():
    # With W1 the identity: h1 = x, h2 = 2x, h3 = 3x.
    stage = plain_stage()
    with torch.no_grad():
        stage.first.conv.weight[range(3), range(3), 0, 0] = 1.0
    x = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(stage(x), 3 * x)


def test_nothing_is_added_after_the_last_step():
    # W3 = 2·identity: h3 = 2 (x + x); a sum that comes after it instead of before would give 2x + x.
    stage = plain_stage()
    with torch.no_grad():
        stage.third.conv.weight *= 2.0
    x = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(stage(x), 4 * x)


def test_sums_are_not_rectified():
    # W1 = 0, W2 = -2·identity, x < 0: h2 = 2|x|, h2 + x = |x| = h3.  A rectified first sum would give 0.
    stage = plain_stage()
    with torch.no_grad():
        stage.second.conv.weight *= -2.0
    x = -torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(stage(x), -x)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("strcn-g", (4, 2, 80, 70)), ("strcn-a", (4, 1, 70, 30))],
)
@pytest.mark.parametrize("tied", [False, True])
def test_the_gradient_reaches_every_parameter(name, shape, tied):
    network = create_network(name, config="small", width=8, tied=tied)
    given = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch.nn.functional.cross_entropy(network(given), torch.tensor([0, 1, 2, 3])).backward()
    for name_of, parameter in network.named_parameters():
        assert parameter.grad is not None, name_of
        assert parameter.grad.abs().max() > 0, name_of


def test_initial_weights_are_he_normal():
    network = create_network("strcn-g", width=64)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            fan_in = module.in_channels * module.kernel_size[0] ** 2
            assert float(module.weight.detach().std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.15)
            assert module.bias is None or not module.bias.any()
        if isinstance(module, torch.nn.BatchNorm2d):
            assert bool((module.weight == 1).all())
            assert not module.bias.any()


def test_the_literal_first_layer_is_a_hundredth():
    plain, literal = (
        create_network("strcn-g", config="small", first_layer=how) for how in ("plain", "literal")
    )
    assert torch.allclose(literal.stem.conv.weight * 100, plain.stem.conv.weight)
    rest, first = literal.parameter_groups(5e-4)
    assert (first["lr_scale"], first["weight_decay"]) == (pytest.approx(1e-4), 5e-4)
    assert "lr_scale" not in rest
    assert rest["weight_decay"] == 5e-4


def test_the_first_convolution_does_not_decay():
    network = create_network("strcn-g", config="small")
    rest, first = network.parameter_groups(5e-4)
    assert first["params"] == [network.stem.conv.weight]
    assert (first["lr_scale"], first["weight_decay"]) == (1.0, 0.0)
    assert len(rest["params"]) + 1 == len(list(network.parameters()))


def test_twenty_flow_maps_are_learnt_by_heart():
    # By the recipe of the specification, faster and longer.
    generator = torch.Generator().manual_seed(0)

    class Noise:
        maps = torch.randn(20, 2, 28, 28, generator=generator)
        labels = np.arange(20) % 4

        def batch(self, rows, rng):
            return self.maps[rows]

    def loss(network, given, labels, weights):
        return {"loss": focal_loss(network(given), labels)}

    network = create_network("strcn-g", config="map28", width=16)
    train(network, Noise(), loss, Stage(60, CyclingDecay(0.05), nesterov=True, batch=10))
    with torch.inference_mode():
        assert network(Noise.maps).argmax(1).tolist() == Noise.labels.tolist()


def test_two_steps_of_the_optimiser_are_those_of_the_companion_code():
    # v <- 0.9 v - g, step lr (0.9 v - g), g with the decay, on f(x) = x²/2 from x = 2.
    x, v, lr, decay = 2.0, 0.0, 1e-3, 5e-4
    parameter = torch.nn.Parameter(torch.tensor([x], dtype=torch.float64))
    optimiser = torch.optim.SGD([parameter], lr=lr, momentum=0.9, nesterov=True, weight_decay=decay)
    for _ in range(2):
        optimiser.zero_grad()
        (parameter**2 / 2).sum().backward()
        optimiser.step()
        g = x + decay * x
        v = 0.9 * v - g
        x += lr * (0.9 * v - g)
    assert float(parameter.detach()) == pytest.approx(x, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("strcn-g", (1, 2, 28, 28)),
        ("strcn-g", (1, 1, 300, 245)),
        ("strcn-g", (2, 300, 245)),
        ("strcn-a", (1, 1, 63, 30)),
        ("strcn-a", (1, 1, 64, 15)),
    ],
)
def test_inputs_that_do_not_fit_are_refused_in_one_line(name, shape):
    network = create_network(name, config="small", width=2)
    with pytest.raises(DataError, match=r"STRCN got an input of shape .* at least 64 rows") as refused:
        network(torch.zeros(shape))
    assert "\n" not in str(refused.value)


def test_the_least_input_is_taken():
    assert create_network("strcn-a", config="small", width=2).eval()(torch.zeros(1, 1, 64, 16)).shape == (
        1,
        4,
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"num_classes": 1},
        {"in_channels": 3},
        {"width": 0},
        {"pools": ((2, 2),)},
        {"pools": 4},
        {"pools": ((2, 2),) * 3 + ((0, 1),)},
        {"first_layer": "odd"},
    ],
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        create_network("strcn-g", **settings)
