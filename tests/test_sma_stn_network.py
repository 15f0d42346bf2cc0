"""The SMA-STN network and its losses against their specification: counts, shapes, attention, DE-Loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from merkit.errors import ConfigError, DataError
from merkit.methods.sma_stn.config import SMASTNSettings
from merkit.methods.sma_stn.losses import ClassCentres, class_deviation, movement_deviation
from merkit.methods.sma_stn.network import SMASTN, ImageWeighting, PlaceAttention

TINY = {"size": 32, "widths": (4, 6, 8), "num_classes": 5}


@pytest.fixture(autouse=True)
def one_thread():
    # Networks this small gain nothing from a second one.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(seed: int = 0, **settings) -> SMASTN:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return SMASTN(SMASTNSettings(**{**TINY, **settings}))


def unmade(**settings) -> SMASTN:
    """A network without numbers: shapes and counts cost nothing."""
    with torch.device("meta"):
        return SMASTN(SMASTNSettings(**settings))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def awake(network: SMASTN) -> SMASTN:
    """The network with weights as if it had learnt: no block is the identity, no two images count alike."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in (*network.places.parameters(), *network.weighting.parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return network.eval()


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def directions_of(*rows: list[float]) -> torch.Tensor:
    return functional.normalize(torch.tensor(rows, dtype=torch.float64), dim=1)


# Counts and shapes


@pytest.mark.parametrize("classes", [3, 4, 5, 7])
def test_parameter_counts_of_the_specification(classes):
    network = unmade(num_classes=classes)
    trunk = network.trunk
    assert count(trunk) == 2_782_784
    assert count(trunk.conv1) + count(trunk.bn1) == 9_536
    layers = (trunk.layer1, trunk.layer2, trunk.layer3)
    assert [count(layer) for layer in layers] == [147_968, 525_568, 2_099_712]
    assert count(network.places) == 132_224
    assert [count(part) for part in (network.places.query, network.places.out)] == [32_896, 33_024]
    assert count(network.weighting) == 33_025
    assert count(network.classifier) == 257 * classes
    assert count(network) == 2_782_784 + 132_224 + 33_025 + 257 * classes


def test_the_trunk_has_the_shapes_of_the_specification():
    trunk = unmade().trunk
    shapes = []
    for module in (trunk.maxpool, trunk.layer1, trunk.layer2, trunk.layer3):
        module.register_forward_hook(lambda m, given, out: shapes.append(tuple(out.shape)))
    trunk(torch.zeros(8, 3, 112, 112, device="meta"))
    assert shapes == [(8, 64, 28, 28), (8, 64, 28, 28), (8, 128, 14, 14), (8, 256, 7, 7)]


def test_outputs_have_the_shapes_of_the_specification():
    network = unmade(num_classes=5)
    tokens = torch.zeros(2, 4, 3, 112, 112, device="meta")
    maps = network.trunk(tokens.flatten(0, 1))
    assert network.places.attention(maps).shape == (8, 49, 49)
    assert network.maps(tokens).shape == (2, 4, 256, 7, 7)
    out = network(tokens)
    assert [tuple(part.shape) for part in out] == [(2, 5), (2, 4), (2, 256), (2, 4, 256)]


def test_the_published_network_judges_a_clip():
    with torch.inference_mode():
        out = tiny(size=112, widths=(64, 128, 256)).eval()(noise(1, 4, 3, 112, 112))
    assert all(bool(torch.isfinite(part).all()) for part in out)


def test_rows_of_the_attention_and_weights_of_the_images_sum_to_one():
    network = awake(tiny())
    out = network(noise(3, 4, 3, 32, 32))
    assert torch.allclose(out.weights.sum(dim=1), torch.ones(3))
    assert out.weights.std() > 0.01
    attention = network.places.attention(noise(5, 8, 2, 2))
    assert attention.shape == (5, 4, 4)
    assert torch.allclose(attention.sum(dim=2), torch.ones(5, 4))


@pytest.mark.parametrize(
    ("settings", "tokens"),
    [({"images": "local"}, 3), ({"images": "global"}, 1), ({"segments": 1}, 2), ({"segments": 5}, 6)],
)
def test_segments_and_images_say_how_many_tokens_there_are(settings, tokens):
    network = tiny(**settings)
    assert network.config.tokens == tokens
    assert network(noise(2, tokens, 3, 32, 32)).weights.shape == (2, tokens)
    with pytest.raises(DataError, match=rf"got a batch .* \(B, {tokens}, 3, 32, 32\)"):
        network(noise(2, tokens + 1, 3, 32, 32))


@pytest.mark.parametrize(
    "shape", [(4, 3, 32, 32), (0, 4, 3, 32, 32), (2, 4, 1, 32, 32), (2, 4, 3, 32, 48), (2, 4, 3, 64, 64)]
)
def test_tokens_that_do_not_fit_are_refused_in_one_line(shape):
    with pytest.raises(DataError, match="SMASTN got a batch of shape") as refused:
        tiny()(torch.zeros(shape))
    assert str(shape) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"size": 100}, {"size": 16}, {"widths": (8, 8)}, {"widths": (8, 8, 7)}, {"widths": 8},
        {"segments": 0}, {"images": "all"}, {"attention": "yes"}, {"weighting": "none"}, {"dropout": 1.0},
        {"trunk_rate": 0.0}, {"num_classes": 1},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        SMASTNSettings(**settings)


# Attention over places (STMA-S)


@pytest.mark.parametrize("training", [True, False])
def test_the_non_local_block_begins_as_the_identity(training):
    block = PlaceAttention(8).train(training)
    maps = noise(3, 8, 4, 5)
    assert torch.equal(block(maps), maps)


def test_the_non_local_block_is_its_formula_place_by_place():
    block = PlaceAttention(4).double().eval()
    torch.nn.init.ones_(block.norm.weight)
    maps = noise(1, 4, 2, 3).double()
    with torch.no_grad():
        theta, phi, g = (part(maps)[0].flatten(1).numpy() for part in (block.query, block.key, block.value))
        expected = np.zeros((2, 6))
        for i in range(6):
            scores = np.array([theta[:, i] @ phi[:, j] / np.sqrt(2) for j in range(6)])
            share = np.exp(scores) / np.exp(scores).sum()
            expected[:, i] = sum(share[j] * g[:, j] for j in range(6))
        out = block.out(torch.from_numpy(expected).reshape(1, 2, 2, 3))
        by_hand = maps + out / (1 + block.norm.eps) ** 0.5
        assert torch.allclose(block(maps), by_hand, atol=1e-12)


def test_a_place_sees_the_farthest_one():
    block = PlaceAttention(8).eval()
    torch.nn.init.ones_(block.norm.weight)
    maps = noise(1, 8, 7, 7).requires_grad_()
    block(maps)[0, :, 0, 0].sum().backward()
    assert maps.grad[0, :, 6, 6].abs().max() > 0


def test_images_see_each_other_only_where_attention_is_joint():
    for attention, reached in (("token", False), ("joint", True)):
        network = awake(tiny(attention=attention))
        tokens = noise(2, 4, 3, 32, 32)
        changed = tokens.clone()
        changed[0, 3] += 1.0
        before, after = network(tokens).vectors, network(changed).vectors
        assert torch.allclose(before[0, 0], after[0, 0], atol=1e-6) is not reached
        # Never those of another clip.
        assert torch.allclose(before[1], after[1], atol=1e-6)


# Weights of images (STMA-T)


@pytest.mark.parametrize("images", [1, 4, 6])
def test_images_begin_with_equal_weights(images):
    weights = ImageWeighting(8)(noise(3, images, 8))
    assert torch.allclose(weights, torch.full((3, images), 1 / images))


def test_weights_are_the_softmax_of_scores_by_hand():
    weighting = ImageWeighting(2)
    with torch.no_grad():
        weighting.hidden.weight.copy_(torch.tensor([[1.0, 0.0]]))
        weighting.hidden.bias.zero_()
        weighting.score.weight.fill_(2.0)
    vectors = torch.tensor([[[0.5, 9.0], [-0.5, 9.0]]])
    score = 2 * np.tanh(0.5)
    expected = np.exp(score) / (np.exp(score) + np.exp(-score))
    assert weighting(vectors)[0, 0].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("attention", ["token", "joint", "none"])
def test_permuting_images_permutes_weights_and_nothing_else(attention):
    network = tiny(attention=attention)
    network = awake(network)
    tokens, order = noise(2, 4, 3, 32, 32), torch.tensor([2, 0, 3, 1])
    straight, permuted = network(tokens), network(tokens[:, order])
    assert torch.allclose(permuted.weights, straight.weights[:, order], atol=1e-5)
    assert torch.allclose(permuted.features, straight.features, atol=1e-5)
    assert torch.allclose(permuted.logits, straight.logits, atol=1e-5)


def test_a_token_type_tells_images_apart():
    network = awake(tiny(token_type=True))
    with torch.no_grad():
        network.types.copy_(noise(4, 8, seed=5))
    tokens, order = noise(2, 4, 3, 32, 32), torch.tensor([2, 0, 3, 1])
    assert not torch.allclose(network(tokens[:, order]).features, network(tokens).features, atol=1e-3)
    assert count(network) == count(tiny()) + 4 * 8


def test_without_learnt_weights_features_are_the_mean():
    network = tiny(weighting="mean").eval()
    out = network(noise(2, 4, 3, 32, 32))
    assert network.weighting is None
    assert torch.allclose(out.features, out.vectors.mean(dim=1), atol=1e-6)
    assert torch.allclose(out.weights, torch.full((2, 4), 0.25))


# Training


def test_what_is_frozen_stays_as_it_was_and_the_rest_learns():
    network = tiny(freeze=True, trunk_rate=0.1)
    assert network.training
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.SGD(network.parameter_groups(0.0), lr=0.1)
    for step in range(2):
        network.train()
        out = network(noise(2, 4, 3, 32, 32, seed=step))
        functional.cross_entropy(out.logits, torch.tensor([0, 1])).backward()
        optimiser.step()
    after = network.state_dict()
    frozen = [
        name for name in before if name.startswith("trunk.bn1") or ("trunk.layer1" in name and "bn" in name)
    ]
    assert len(frozen) == 5 * 5
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    for name in ("trunk.conv1.weight", "trunk.layer2.0.bn1.weight", "trunk.layer2.0.bn1.running_mean"):
        assert not torch.equal(before[name], after[name]), name


def test_the_trunk_learns_at_a_share_of_the_rate_and_every_parameter_once():
    network = tiny(trunk_rate=0.1, token_type=True)
    trunk, rest = network.parameter_groups(5e-4)
    assert trunk["lr_scale"] == 0.1
    assert "lr_scale" not in rest
    assert sorted(map(id, (*trunk["params"], *rest["params"]))) == sorted(map(id, network.parameters()))
    assert set(map(id, trunk["params"])) == set(map(id, network.trunk.parameters()))


# DE-Loss, first reading: deviation of classes


def test_features_at_centres_that_are_far_apart_cost_nothing():
    centres = directions_of([1, 0, 0], [0, 1, 0], [0, 0, -1])
    labels = torch.tensor([2, 0, 1, 1])
    loss = class_deviation(centres[labels], labels, centres, torch.ones(3, dtype=torch.bool), margin=0.5)
    assert float(loss) == 0.0


def test_class_deviation_by_hand():
    # Centres at 0 and 90 degrees.  A clip of class 0 at 60 degrees: d = 2 - 2 cos, so own 1 and other 2 - √3.
    centres, seen = directions_of([1, 0], [0, 1]), torch.ones(2, dtype=torch.bool)
    clips = directions_of([0.5, 3**0.5 / 2], [0, 1])
    loss = class_deviation(clips, torch.tensor([0, 1]), centres, seen, margin=0.5)
    assert float(loss) == pytest.approx(((1 - (2 - 3**0.5) + 0.5) + 0.5 + 0) / 2)


def test_a_class_that_was_never_seen_is_no_competitor():
    centres = directions_of([1, 0], [1, 0.01])
    clip, label = directions_of([1, 0]), torch.tensor([0])
    both, alone = torch.ones(2, dtype=torch.bool), torch.tensor([True, False])
    assert float(class_deviation(clip, label, centres, both)) > 0.4
    features = clip.clone().requires_grad_()
    loss = class_deviation(features, label, centres, alone)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert bool(torch.isfinite(features.grad).all())


def test_the_gradient_of_class_deviation_is_that_of_finite_differences_and_pulls_to_the_own_centre():
    centres = functional.normalize(noise(4, 6).double(), dim=1)
    features, labels = noise(5, 6, seed=1).double().requires_grad_(), torch.tensor([0, 1, 2, 3, 0])
    seen = torch.tensor([True, True, True, True])

    def loss(given: torch.Tensor) -> torch.Tensor:
        return class_deviation(functional.normalize(given, dim=1), labels, centres, seen, margin=4.0)

    assert torch.autograd.gradcheck(loss, features)
    loss(features).backward()
    before = functional.normalize(features.detach(), dim=1)
    after = functional.normalize(features.detach() - 0.01 * features.grad, dim=1)
    nearer = (after - centres[labels]).square().sum(1) < (before - centres[labels]).square().sum(1)
    # With such a margin each clip is pulled to its own centre and pushed from another.
    assert nearer.tolist() == [True] * 5


def test_no_gradient_reaches_the_centres():
    centres = directions_of([1, 0], [0, 1]).requires_grad_()
    clips = directions_of([1, 1]).requires_grad_()
    class_deviation(clips, torch.tensor([0]), centres, torch.ones(2, dtype=torch.bool)).backward()
    assert centres.grad is None
    assert clips.grad.abs().max() > 0


def test_centres_begin_at_the_mean_of_their_first_batch_and_then_follow():
    centres = ClassCentres(3, 2)
    first = directions_of([1, 0], [0, 1], [0, -1]).float()
    centres.meet(first, torch.tensor([0, 0, 2]))
    assert centres.seen.tolist() == [True, False, True]
    assert torch.allclose(centres.points[0], torch.full((2,), 0.5**0.5))
    assert centres.points[1].tolist() == [0, 0]
    # Another first batch changes nothing, a later one a tenth of the way, on the unit circle again.
    centres.meet(directions_of([-1, 0]).float(), torch.tensor([2]))
    assert centres.points[2].tolist() == [0, -1]
    centres.follow(directions_of([1, 0]).float(), torch.tensor([2]))
    assert torch.allclose(centres.points[2], directions_of([0.1, -0.9])[0].float())
    assert torch.allclose(centres.points[0], torch.full((2,), 0.5**0.5))


def test_centres_are_no_parameters_and_are_saved():
    network = tiny()
    assert not any(name.startswith("centres") for name, _ in network.named_parameters())
    assert {"centres.points", "centres.seen"} <= set(network.state_dict())


# DE-Loss, second reading: deviation of movement


def test_images_in_the_direction_of_no_movement_cost_the_margin():
    still = torch.tensor([3.0, 0.0])
    assert float(movement_deviation(torch.tensor([[[7.0, 0.0]]]), still)) == pytest.approx(0.5, abs=1e-5)
    assert float(movement_deviation(torch.tensor([[[0.0, 2.0]]]), still)) == 0.0


def test_movement_deviation_is_the_mean_over_images_and_clips():
    vectors, still = noise(3, 4, 5).double(), noise(5, seed=1).double()
    f0 = still.numpy() / np.linalg.norm(still.numpy())
    rows = vectors.reshape(12, 5).numpy()
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    expected = np.mean([max(0.0, 1.3 - np.linalg.norm(row - f0)) for row in rows])
    assert float(movement_deviation(vectors, still, margin=1.3)) == pytest.approx(expected, abs=1e-9)


def test_the_gradient_of_movement_deviation_is_finite_even_at_no_distance():
    still = noise(5)
    vectors = still.repeat(2, 3, 1).requires_grad_()
    movement_deviation(vectors, still).backward()
    assert bool(torch.isfinite(vectors.grad).all())
    given = (noise(2, 3, 5, seed=1).double().requires_grad_(), noise(5).double().requires_grad_())
    assert torch.autograd.gradcheck(lambda v, s: movement_deviation(v, s, margin=2.5), given)
