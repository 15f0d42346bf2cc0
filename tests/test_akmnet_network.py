"""The AKMNet network against its specification: counts, shapes, the choice of key frames, its gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from merkit.errors import ConfigError, DataError
from merkit.methods.akmnet.ablation import frames_for
from merkit.methods.akmnet.config import SELECTING, VARIANTS
from merkit.methods.akmnet.losses import akmnet_loss, global_sparsity, mean_margin
from merkit.methods.akmnet.mining import KeyFrameMining, binarise, correlation
from merkit.methods.networks import create_network

TINY = {"size": 64, "widths": (4, 6, 8, 12), "hidden": 3}


@pytest.fixture(autouse=True)
def one_thread():
    # Networks this small gain nothing from a second one.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def unmade(**settings):
    """A network without numbers: shapes and counts cost nothing."""
    with torch.device("meta"):
        return create_network("akmnet", **settings)


def tiny(**settings):
    return create_network("akmnet", **{**TINY, **settings})


def clip(length: int, size: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 1, length, size, size, generator=torch.Generator().manual_seed(seed))


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# Counts and shapes


@pytest.mark.parametrize(("classes", "total", "head"), [(4, 11_296_965, 4_100), (3, 11_295_940, 3_075)])
def test_parameter_counts_of_the_specification(classes, total, head):
    network = unmade(num_classes=classes)
    assert count(network) == total
    assert count(network.backbone) == 11_168_704
    assert count(network.mining.attention) == 513
    assert count(network.gru) == 123_648
    assert count(network.classifier) == head


def test_parameter_counts_of_every_layer():
    network = unmade()
    backbone = network.backbone
    assert (count(backbone.conv1), count(backbone.bn1)) == (1_600, 128)
    layers = [count(layer) for layer in (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4)]
    assert layers == [147_968, 525_568, 2_099_712, 8_393_728]
    gru = {name: parameter.numel() for name, parameter in network.gru.named_parameters()}
    assert sum(size for name, size in gru.items() if "_l0" in name) == 104_832
    assert sum(size for name, size in gru.items() if "_l1" in name) == 18_816


def test_published_shapes_of_the_backbone():
    backbone = unmade().backbone
    found = []
    for part in (backbone.conv1, backbone.maxpool, backbone.layer1, backbone.layer2, backbone.layer3):
        part.register_forward_hook(lambda module, given, out: found.append(tuple(out.shape)))
    last = backbone(torch.empty(20, 1, 128, 128, device="meta"))
    assert [*found, tuple(last.shape)] == [
        (20, 64, 64, 64),
        (20, 64, 32, 32),
        (20, 64, 32, 32),
        (20, 128, 16, 16),
        (20, 256, 8, 8),
        (20, 512, 4, 4),
    ]


def test_published_shapes_from_a_clip_to_logits():
    network = create_network("akmnet").eval()
    seen = {}
    network.backbone.register_forward_hook(lambda m, given, out: seen.update(frames=given[0].shape))
    network.gru.register_forward_hook(
        lambda m, given, out: seen.update(into=given[0].shape, out=out[0].shape)
    )
    network.classifier.register_forward_hook(lambda m, given, out: seen.update(flat=given[0].shape))
    with torch.inference_mode():
        mined = network(clip(20, 128))
    key = int(mined.chosen.sum())
    assert seen == {
        "frames": (20, 1, 128, 128),
        "into": (16, key, 512),
        "out": (16, key, 64),
        "flat": (1024,),
    }
    assert [tuple(part.shape) for part in mined] == [(1, 20), (1, 20), (1, 4)]


def test_all_frames_of_a_clip_go_through_the_backbone_at_once():
    network = tiny()
    calls = []
    network.backbone.register_forward_hook(lambda m, given, out: calls.append(given[0].shape[0]))
    network(clip(7))
    assert calls == [7]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("length", [1, 2, 9, 141])
def test_any_clip_length(length, variant):
    network = tiny(variant=variant)
    mined = network(clip(length))
    losses = akmnet_loss(mined, torch.tensor([1]))
    assert all(bool(torch.isfinite(part)) for part in (*losses, *mined.logits[0]))
    assert mined.logits.shape == (1, 4)
    assert mined.scores.shape == mined.chosen.shape == (1, length)
    losses.total.backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize(
    "shape", [(2, 1, 4, 64, 64), (1, 3, 4, 64, 64), (1, 1, 0, 64, 64), (1, 1, 4, 64, 72)]
)
def test_clips_that_do_not_fit_are_refused_in_one_line(shape):
    with pytest.raises(DataError, match=r"AKMNet got a clip of shape .* \(1, 1, T, 64, 64\)") as refused:
        tiny()(torch.zeros(shape))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"size": 100},
        {"widths": (1, 2, 3)},
        {"widths": 8},
        {"dropout": 1.0},
        {"variant": "s124"},
        {"ste": "cod"},
        {"hidden": 0},
    ],
)
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        create_network("akmnet", **settings)


# The choice of key frames


@pytest.mark.parametrize("seed", range(8))
def test_key_frames_are_exactly_those_that_reach_the_mean(seed):
    mined = tiny().eval()(clip(12, seed=seed))
    scores, chosen = mined.scores[0].detach(), mined.chosen[0].detach()
    assert set(chosen.tolist()) <= {0.0, 1.0}
    assert torch.equal(chosen == 1, scores >= scores.mean() - 1e-6)
    assert 1 <= chosen.sum() < 12
    assert float(scores.min()) >= 0
    assert float(scores.max()) <= 1 + 1e-6


def test_the_hand_computed_choice():
    assert binarise(torch.tensor([0.9, 0.8, 0.4, 0.3])).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("value", [0.1, 1 / 3, 0.7, 1.0])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 30, 141])
def test_equal_scores_choose_every_frame(value, length):
    # In float32 the mean of equal numbers may lie above all of them.
    assert binarise(torch.full((length,), value)).sum() == length


def test_scores_that_differ_by_rounding_alone_are_equal():
    assert binarise(torch.tensor([0.5, 0.5 - 5e-7])).tolist() == [1, 1]
    assert binarise(torch.tensor([0.5, 0.5 - 5e-6])).tolist() == [1, 0]


def test_the_best_frame_is_chosen_whatever_the_rounding():
    generator = torch.Generator().manual_seed(0)
    for _ in range(1600):
        length = int(torch.randint(1, 40, (), generator=generator))
        scores = 1 - 1e-7 * torch.rand(length, generator=generator)
        assert binarise(scores)[scores.argmax()] == 1


def test_key_frames_reach_the_gru_in_their_order():
    network = tiny().eval()
    given = {}
    network.gru.register_forward_hook(lambda m, got, out: given.update(sequences=got[0].detach()))
    with torch.no_grad():
        maps = network.backbone(clip(10)[0].transpose(0, 1))
        mined = network.judge(maps)
    key = mined.chosen[0].nonzero().squeeze(1)
    assert 1 < len(key) < 10
    assert torch.equal(given["sequences"], maps[key].flatten(2).permute(2, 0, 1))


def test_scores_are_cosines_with_the_weighted_sum():
    features = torch.rand(6, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mining = KeyFrameMining(5, "s123", "code").double()
    scores, _ = mining(features)
    linear = mining.attention.requires_grad_(False)
    alpha = [1 / (1 + math.exp(-float(linear.weight[0] @ row + linear.bias[0]))) for row in features]
    summary = np.sum([a * row.numpy() for a, row in zip(alpha, features, strict=True)], axis=0)
    expected = [
        float(row.numpy() @ summary / np.linalg.norm(row) / np.linalg.norm(summary)) for row in features
    ]
    assert scores.tolist() == pytest.approx(expected, abs=1e-12)


def test_doubling_every_frame_changes_neither_scores_nor_share():
    network = tiny().eval()
    once = network(clip(9))
    twice = network(clip(9).repeat_interleave(2, dim=2))
    assert torch.allclose(twice.scores[0, ::2], once.scores[0], atol=1e-6)
    assert torch.equal(twice.chosen[0, ::2], once.chosen[0])
    assert torch.equal(twice.chosen[0, 1::2], once.chosen[0])


@pytest.mark.parametrize("length", [1, 2, 9, 141])
def test_one_frame_repeated_is_all_key_frames(length):
    mined = tiny().eval()(clip(1).expand(-1, -1, length, -1, -1))
    assert torch.allclose(mined.scores, torch.ones(1, length), atol=1e-6)
    assert mined.chosen.sum() == length
    losses = akmnet_loss(mined, torch.tensor([0]))
    assert float(losses.margin.detach()) == 2.0
    assert float(losses.sparsity.detach()) == length - 1


def test_the_choice_does_not_depend_on_the_order_of_frames():
    network = tiny().eval()
    order = torch.randperm(11, generator=torch.Generator().manual_seed(0))
    straight, permuted = network(clip(11)), network(clip(11)[:, :, order])
    assert torch.allclose(permuted.scores[0], straight.scores[0, order], atol=1e-6)
    assert torch.equal(permuted.chosen[0], straight.chosen[0, order])
    assert not torch.allclose(permuted.logits, straight.logits, atol=1e-7)


def test_logits_depend_on_the_order_through_the_gru_alone():
    # Without the memory of the GRU, the mean over time forgets the order.
    network = tiny().eval()
    network.gru = torch.nn.Identity()
    network.gru.forward = lambda sequences: (sequences[..., :6],)
    order = torch.randperm(11, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(network(clip(11)).logits, network(clip(11)[:, :, order]).logits, atol=1e-6)


def test_positions_share_the_gru():
    network = create_network("akmnet", size=128, widths=(4, 4, 4, 8), hidden=32).eval()
    maps = torch.rand(5, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    flat = network.fuse(maps).flatten()
    assert flat.shape == (1024,)
    swapped = maps.clone()
    # Row 0, column 2 and row 1, column 3: blocks 2 and 7 of 64 values.
    swapped[:, :, 0, 2], swapped[:, :, 1, 3] = maps[:, :, 1, 3], maps[:, :, 0, 2]
    expected = flat.clone()
    expected[2 * 64 : 3 * 64], expected[7 * 64 : 8 * 64] = flat[7 * 64 : 8 * 64], flat[2 * 64 : 3 * 64]
    assert torch.allclose(network.fuse(swapped).flatten(), expected, atol=1e-6)


def test_features_are_not_negative():
    assert bool((tiny().backbone(clip(4)[0].transpose(0, 1)) >= 0).all())


# Gradients


def gradient(weight: float, scores: list[float], ste: str) -> list[float]:
    leaf = torch.tensor(scores, requires_grad=True)
    (weight * global_sparsity(binarise(leaf, ste))).backward()
    return leaf.grad.tolist()


def test_straight_through_gradient_of_the_code_reaches_all_frames():
    assert gradient(0.1, [0.9, 0.8, 0.4, 0.3], "code") == pytest.approx([0.1] * 4)


def test_straight_through_gradient_of_the_paper_reaches_key_frames():
    assert gradient(0.1, [0.9, 0.8, 0.4, 0.3], "paper") == pytest.approx([0.1, 0.1, 0, 0])


@pytest.mark.parametrize("ste", ["code", "paper"])
def test_a_single_key_frame_has_no_sparsity_gradient(ste):
    assert gradient(1.0, [0.9, 0.2, 0.2], ste) == [0, 0, 0]


@pytest.mark.parametrize("scores", [[0.0, 0.0], [1.0, 1.0, 1.0]])
def test_the_gate_of_the_code_closes_at_means_of_0_and_1(scores):
    assert gradient(1.0, scores, "code") == [0] * len(scores)


def test_the_gradient_of_the_choice_is_passed_on_frame_by_frame():
    leaf = torch.tensor([0.9, 0.8, 0.4, 0.3], requires_grad=True)
    sent = torch.tensor([1.0, 2.0, 3.0, 4.0])
    for ste, expected in (("code", [1, 2, 3, 4]), ("paper", [1, 2, 0, 0])):
        (got,) = torch.autograd.grad((binarise(leaf, ste) * sent).sum(), leaf)
        assert got.tolist() == expected


def test_attention_has_a_gradient_without_the_losses_on_the_choice():
    # Through the product with the choice and its straight-through gradient alone.
    for ste in ("code", "paper"):
        network = tiny(ste=ste)
        akmnet_loss(
            network(clip(9)), torch.tensor([2]), sparsity_weight=0.0, margin_weight=0.0
        ).total.backward()
        for parameter in network.mining.parameters():
            assert parameter.grad.abs().max() > 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_gradient_reaches_every_parameter(variant):
    network = tiny(variant=variant, dropout=0.0)
    on = float(variant in SELECTING)
    losses = akmnet_loss(network(clip(9)), torch.tensor([2]), sparsity_weight=0.1 * on, margin_weight=on)
    losses.total.backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_the_margin_gradient_is_that_of_finite_differences():
    scores = torch.tensor([0.9, 0.8, 0.4, 0.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda b: mean_margin(b, binarise(b.detach())), scores)


def test_the_correlation_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(2)
    features = torch.rand(4, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    weights = torch.rand(4, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(correlation, (features, weights))


# Variants


def test_without_selection_frames_count_by_their_score():
    network = tiny(variant="s12").eval()
    with torch.no_grad():
        maps = network.backbone(clip(6)[0].transpose(0, 1))
        mined = network.judge(maps)
        weighted = network.classifier(network.fuse(maps * mined.scores[0, :, None, None, None]).flatten())
    assert torch.equal(mined.chosen, torch.ones(1, 6))
    assert torch.allclose(mined.logits[0], weighted, atol=1e-6)


def test_without_correlation_the_attention_itself_is_the_score():
    mining = KeyFrameMining(5, "s13", "code")
    features = torch.rand(7, 5, generator=torch.Generator().manual_seed(0))
    scores, chosen = mining(features)
    alpha = torch.sigmoid(mining.attention(features)).squeeze(1)
    assert torch.equal(scores, alpha)
    assert torch.equal(chosen.detach() == 1, alpha >= alpha.mean() - 1e-6)


def test_without_attention_the_summary_is_the_plain_sum():
    mining = KeyFrameMining(5, "s23", "code")
    assert count(mining) == 0
    features = torch.rand(7, 5, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.cosine_similarity(features, features.sum(0, keepdim=True))
    assert torch.allclose(mining(features)[0], expected)


@pytest.mark.parametrize("variant", ["va-all", "va-random", "va-norm"])
def test_variants_without_mining_use_every_frame_they_are_given(variant):
    network = tiny(variant=variant).eval()
    assert network.mining is None
    with torch.no_grad():
        maps = network.backbone(clip(6)[0].transpose(0, 1))
        mined = network.judge(maps)
        assert torch.equal(mined.logits[0], network.classifier(network.fuse(maps).flatten()))
    assert torch.equal(mined.chosen, torch.ones(1, 6))


def test_frames_of_the_variants():
    frames = np.arange(10.0)[:, None, None] * np.ones((1, 2, 2))
    for variant in ("s123", "s12", "s13", "s23", "va-all"):
        assert frames_for(variant, frames) is frames
    drawn = [
        frames_for("va-random", frames, count=4, rng=np.random.default_rng(k))[:, 0, 0] for k in range(5)
    ]
    assert all(len(set(each)) == 4 and (np.diff(each) > 0).all() for each in drawn)
    assert len({tuple(each) for each in drawn}) > 1
    assert frames_for("va-norm", frames, count=16).shape == (16, 2, 2)
    assert np.allclose(frames_for("va-norm", frames, count=19)[::2], frames)


@pytest.mark.parametrize(
    "call",
    [
        {"variant": "va-randm"},
        {"variant": "va-random"},
        {"variant": "va-random", "count": 11},
        {"variant": "va-norm"},
    ],
)
def test_frames_that_cannot_be_chosen_are_refused(call):
    with pytest.raises(ConfigError, match="va-"):
        frames_for(frames=np.zeros((10, 2, 2)), rng=np.random.default_rng(0), **call)


# Training details


def test_initial_weights_are_those_of_the_code():
    network = create_network("akmnet", widths=(8, 16, 32, 64))
    for module in network.backbone.modules():
        if isinstance(module, torch.nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            assert float(module.weight.detach().std()) == pytest.approx((2 / fan_out) ** 0.5, rel=0.25)
    bound = 1 / math.sqrt(32)
    for name, parameter in network.gru.named_parameters():
        values = parameter.detach()
        if name.endswith("_reverse"):
            assert float(values.abs().max()) <= bound
        elif "bias" in name:
            assert 0 <= float(values.min()) < 0.2 < 0.8 < float(values.max()) < 1
        else:
            tall = values if values.shape[0] >= values.shape[1] else values.T
            assert torch.allclose(tall.T @ tall, torch.eye(tall.shape[1]), atol=1e-5)
    for linear in (network.mining.attention, network.classifier):
        assert not linear.bias.any()
        expected = (2 / (linear.in_features + linear.out_features)) ** 0.5
        assert float(linear.weight.detach().std()) == pytest.approx(expected, rel=0.4)


def test_frames_that_are_judged_in_parts_are_judged_alike():
    network, long = tiny().eval(), clip(70)
    frames = network._frames(long)
    assert torch.allclose(network.backbone(frames), network.backbone._maps(frames), atol=1e-6)
    seen = []
    network.backbone.conv1.register_forward_hook(lambda module, given, out: seen.append(len(out)))
    network(long)
    # In training normalisation sees all frames of a clip.
    network.train()(long)
    assert seen == [32, 32, 6, 70]


def test_normalisation_sees_one_clip_unless_told_otherwise():
    clips = [clip(4, seed=1), clip(6, seed=2)]
    evaluated = tiny().eval()
    for alone, together in zip(map(evaluated, clips), evaluated.forward_together(clips), strict=True):
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(alone, together, strict=True))
    apart, joined = tiny(dropout=0.0), tiny(dropout=0.0)
    alone, together = [apart(each) for each in clips], joined.forward_together(clips)
    assert not torch.allclose(alone[0].logits, together[0].logits, atol=1e-4)
    # Running averages move once a clip, or once for all.
    assert [int(n.backbone.bn1.num_batches_tracked) for n in (apart, joined)] == [2, 1]


def test_eight_clips_accumulated_are_the_mean_over_them():
    def step(accumulate: bool) -> dict[str, torch.Tensor]:
        network = tiny().eval()
        optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
        losses = (akmnet_loss(network(clip(3 + k, seed=k)), torch.tensor([k % 4])).total for k in range(8))
        if accumulate:
            for loss in losses:
                (loss / 8).backward()
        else:
            torch.stack(list(losses)).mean().backward()
        optimiser.step()
        return network.state_dict()

    one, other = step(True), step(False)
    start = tiny().state_dict()
    assert all(torch.allclose(one[key], other[key], atol=1e-6) for key in one)
    assert not torch.equal(one["classifier.weight"], start["classifier.weight"])
