"""The MERSiamC3D networks against their specification: counts, shapes, pairs, losses, interpolation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from merkit.errors import ConfigError, DataError
from merkit.methods.mersiamc3d.config import MERSiamC3DSettings, MERSiamC3DShape
from merkit.methods.mersiamc3d.interpolation import KERNEL, Interpolator, adaptive_convolution
from merkit.methods.mersiamc3d.losses import alpha_of, contrastive_loss, focal_loss, pair_loss
from merkit.methods.mersiamc3d.network import Encoder, MERSiamC3D, Siamese, max_pool
from merkit.methods.mersiamc3d.pairs import PairSampler
from merkit.methods.mersiamc3d.triplets import MAX_STEP, Triplets, interpolation_loss
from merkit.training.schedules import Constant
from merkit.training.stage import Stage

TINY = {"widths": (4, 6, 8, 10), "hidden": 6}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(seed: int = 0, **settings) -> MERSiamC3D:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return MERSiamC3D(MERSiamC3DSettings(**{**TINY, **settings}))


def sequences(count: int = 2, size: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, 10, size, size, generator=torch.Generator().manual_seed(seed))


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# Counts and shapes


def test_parameter_counts_of_the_specification():
    with torch.device("meta"):
        siamese = Siamese(Encoder(MERSiamC3DShape()), 128)
        target = MERSiamC3D(MERSiamC3DSettings(num_classes=3))
    assert count(siamese) == 1_198_144
    convs = [count(stage[0].conv) for stage in siamese.encoder.stages]
    assert convs == [2_624, 55_360, 221_312, 884_992]
    assert sum(count(stage[0].bn) for stage in siamese.encoder.stages) == 960
    assert count(siamese.embed) == 32_896
    assert count(target.head) == 33_283
    assert count(target) == 1_198_144 - 32_896 + 33_283


def test_the_full_network_has_the_six_convolutions_of_c3d():
    with torch.device("meta"):
        full = Encoder(MERSiamC3DShape(widths=(64, 128, 256, 512), depths=(1, 1, 2, 2)))
    convs = [block.conv.out_channels for stage in full.stages for block in stage]
    assert convs == [64, 128, 256, 256, 512, 512]


def test_published_shapes_of_every_stage(monkeypatch):
    seen, pooled = [], []

    def watched(x, **how):
        pooled.append(tuple((found := max_pool(x, **how)).shape[1:]))
        return found

    monkeypatch.setattr("merkit.methods.mersiamc3d.network.max_pool", watched)
    with torch.device("meta"):
        network = MERSiamC3D(MERSiamC3DSettings()).eval()
        for stage in network.encoder.stages:
            stage.register_forward_hook(lambda module, given, out: seen.append(tuple(out.shape[1:])))
        features = network.encoder(torch.empty(2, 3, 10, 112, 112))
        embedded = Siamese(network.encoder, 128).embedded(torch.empty(2, 3, 10, 112, 112))
    assert seen[:4] == [(32, 10, 112, 112), (64, 10, 56, 56), (128, 5, 28, 28), (256, 2, 14, 14)]
    assert pooled[:4] == [(32, 10, 56, 56), (64, 5, 28, 28), (128, 2, 14, 14), (256, 1, 7, 7)]
    assert features.shape == (2, 256)
    assert embedded.shape == (2, 128)


@pytest.mark.parametrize("over_time", [False, True])
def test_the_pool_is_that_of_three_dimensions(over_time):
    x = torch.randn(2, 3, 5, 9, 8)
    sides = (2, 2, 2) if over_time else (1, 2, 2)
    assert torch.equal(max_pool(x, over_time=over_time), functional.max_pool3d(x, sides))


def test_faces_of_other_sizes_will_do_and_others_are_refused():
    network = tiny().eval()
    assert network(sequences(size=56)).shape == (2, 3)
    assert network(sequences(size=40)).shape == (2, 3)
    for wrong in ((2, 2, 10, 32, 32), (2, 3, 7, 32, 32), (2, 3, 10, 32, 15), (3, 10, 32, 32)):
        with pytest.raises(DataError, match=r"got an input of shape") as refused:
            network(torch.zeros(wrong))
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "settings", [{"widths": (4, 4, 4)}, {"depths": (1, 1, 1, 0)}, {"hidden": 0}, {"dropout": 1.0}]
)
def test_a_network_that_cannot_be_is_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        MERSiamC3DSettings(**settings)


# Both branches are one


def test_embeddings_have_length_one_and_both_branches_are_one_module():
    siamese = Siamese(tiny().encoder, 16).eval()
    one, other = siamese(sequences(), sequences(seed=1))
    assert torch.allclose(one.norm(dim=1), torch.ones(2), atol=1e-6)
    # One set of parameters: those of the encoder and of the embedding, once.
    assert count(siamese) == count(siamese.encoder) + count(siamese.embed)
    assert {id(p) for p in siamese.parameters()} >= {id(p) for p in siamese.encoder.parameters()}
    turned = siamese(sequences(seed=1), sequences())
    assert torch.allclose(turned[0], other, atol=1e-6)
    assert torch.allclose(turned[1], one, atol=1e-6)


# Losses


def unit(*angles: float) -> torch.Tensor:
    """Points on a circle; the distance of two is 2 sin of half the angle between."""
    return torch.tensor([[math.cos(a), math.sin(a)] for a in angles], dtype=torch.float64)


def test_contrastive_loss_by_hand():
    one, other = unit(0.0, 0.0), unit(math.pi / 6, math.pi / 6)
    d = 2 * math.sin(math.pi / 12)
    same = torch.tensor([1, 0])
    expected = 0.5 * (d**2 + (1 - d) ** 2) / 2
    assert float(contrastive_loss(one, other, same)) == pytest.approx(expected, abs=1e-12)


def test_an_equal_pair_costs_nothing_and_a_far_pair_neither_nor_does_it_pull():
    here = unit(0.3)
    assert float(contrastive_loss(here, here, torch.tensor([1]))) == 0.0
    far = unit(0.3 + math.pi / 2).requires_grad_()
    loss = contrastive_loss(here, far, torch.tensor([0]))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert not far.grad.any()


def test_contrastive_loss_is_symmetric():
    one, other = unit(0.0, 1.0, 2.0), unit(0.4, 1.9, 2.1)
    same = torch.tensor([1, 0, 0])
    assert torch.equal(contrastive_loss(one, other, same), contrastive_loss(other, one, same))


@pytest.mark.parametrize("same", [0, 1])
def test_the_gradient_of_two_equal_embeddings_is_finite(same):
    here = unit(0.3).requires_grad_()
    contrastive_loss(here, unit(0.3), torch.tensor([same])).backward()
    assert bool(torch.isfinite(here.grad).all())


def test_contrastive_gradient_is_that_of_finite_differences():
    one, other = unit(0.0, 1.0, 2.0).requires_grad_(), unit(0.4, 1.9, 2.1)
    assert torch.autograd.gradcheck(lambda z: contrastive_loss(z, other, torch.tensor([1, 0, 0])), one)


def test_the_loss_of_koch_compares_the_sizes_of_differences():
    siamese = Siamese(tiny().encoder, 4, compare=True)
    with torch.no_grad():
        siamese.compare.weight.copy_(torch.tensor([[1.0, -2.0, 0.0, 0.5]]))
        siamese.compare.bias.fill_(0.25)
    one, other = torch.tensor([[0.5, 0.5, 0.5, 0.5]]), torch.tensor([[0.5, -0.5, 0.5, 1.5]])
    logit = siamese.alike(one, other)
    assert float(logit.detach()) == pytest.approx(-2.0 + 0.5 + 0.25)
    expected = math.log1p(math.exp(1.25))
    assert float(pair_loss(logit, torch.tensor([1])).detach()) == pytest.approx(expected, abs=1e-6)
    assert torch.equal(siamese.alike(other, one), logit)


def test_focal_loss_of_this_method_by_hand():
    logits = torch.tensor([[2.0, 0.5, -1.0], [0.0, 1.0, 0.3]], dtype=torch.float64)
    labels = torch.tensor([0, 2])
    plain = functional.cross_entropy(logits, labels)
    assert float(focal_loss(logits, labels, gamma=0.0)) == pytest.approx(float(plain), abs=1e-6)
    # The true class at 0.9.
    at = torch.tensor([[math.log(9.0), 0.0]], dtype=torch.float64)
    loss = focal_loss(at, torch.tensor([0]), gamma=2.0)
    assert float(loss) == pytest.approx(1.0536e-3, abs=1e-7)
    quarter = focal_loss(at, torch.tensor([0]), class_weights=torch.from_numpy(alpha_of(0.25, [3, 1])))
    assert float(quarter) == pytest.approx(0.25 * float(loss), rel=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_focal_gradient_is_finite_for_large_logits(label):
    logits = torch.tensor([[50.0, -50.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([label])).backward()
    assert bool(torch.isfinite(logits.grad).all())


def test_weights_of_the_classes_by_hand():
    counts = [250, 109, 83]
    assert alpha_of("equal", counts).tolist() == [1.0, 1.0, 1.0]
    inverse = 1 / np.array(counts)
    np.testing.assert_allclose(alpha_of("inverse", counts), inverse / inverse.mean(), rtol=1e-6)
    np.testing.assert_allclose(alpha_of("sqrt", counts), inverse**0.5 / (inverse**0.5).mean(), rtol=1e-6)
    # 4 clips against 1 at β = 0.99: (1 − 0.99⁴) / 0.01 = 3.940399 effective clips.
    effective = alpha_of("effective", [4, 1])
    assert effective[1] / effective[0] == pytest.approx(3.940399, rel=1e-5)
    for kind in ("sqrt", "inverse", "effective"):
        assert alpha_of(kind, counts).mean() == pytest.approx(1.0)
        assert np.argsort(alpha_of(kind, counts)).tolist() == [0, 1, 2]
    assert alpha_of("inverse", [1, 0, 1]).tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(DataError, match="without training clips"):
        alpha_of("sqrt", [0, 0])
    with pytest.raises(ConfigError, match="alpha='squared'"):
        alpha_of("squared", counts)


# From the prior stage to the target stage


def test_the_target_network_takes_over_the_very_convolutions_of_the_prior_stage():
    network = tiny()
    before = {name: value.clone() for name, value in network.head.state_dict().items()}
    siamese = Siamese(network.encoder, 8)
    one, other = siamese(sequences(), sequences(seed=1))
    contrastive_loss(one, other, torch.tensor([1, 0])).backward()
    torch.optim.Adam(siamese.parameters(), lr=0.1).step()
    for name, value in siamese.encoder.state_dict().items():
        assert torch.equal(network.encoder.state_dict()[name], value), name
    assert all(torch.equal(network.head.state_dict()[name], value) for name, value in before.items())


def test_frozen_layers_keep_their_values_and_running_averages():
    from merkit.training.loop import train

    class Noise:
        labels = np.arange(6) % 3

        def batch(self, rows, rng):
            return sequences(len(rows), seed=int(rng.integers(1000)))

    def loss(network, given, labels, weights):
        return {"loss": functional.cross_entropy(network(given), labels)}

    network = tiny()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    states = []
    train(
        network,
        Noise(),
        loss,
        Stage(epochs=3, schedule=Constant(0.01), optimiser="adam", batch=3),
        before_epoch=lambda epoch, net: net.freeze(epoch <= 2),
        on_epoch=lambda epoch, net: states.append({k: v.clone() for k, v in net.state_dict().items()}),
    )
    frozen = [name for name in before if name.startswith(("encoder.stages.0", "encoder.stages.1"))]
    assert any("running_var" in name for name in frozen)
    assert all(torch.equal(states[1][name], before[name]) for name in frozen)
    free = [name for name in before if name not in frozen and "num_batches" not in name]
    assert all(not torch.equal(states[1][name], before[name]) for name in free)
    assert all(not torch.equal(states[2][name], before[name]) for name in frozen)


def test_convolutions_learn_at_a_tenth_of_the_rate_of_the_head():
    network = tiny()
    convolutions, head = network.parameter_groups(1e-4)
    assert convolutions["lr_scale"] == 0.1
    assert {id(p) for p in convolutions["params"]} == {id(p) for p in network.encoder.parameters()}
    assert "lr_scale" not in head
    assert len(convolutions["params"]) + len(head["params"]) == len(list(network.parameters()))


# Pairs

TRUTH = np.array([0] * 20 + [1] * 6 + [2] * 2 + [3])
SUBJECTS = np.array([f"a/{i % 4}" for i in range(20)] + ["a/0"] * 5 + ["b/0", "b/1", "b/2", "b/2"])


def drawn(same: bool, number: int = 4000, **how) -> np.ndarray:
    sampler, rng = PairSampler(TRUTH, SUBJECTS, **how), np.random.default_rng(0)
    return np.array([sampler.draw(same, rng) for _ in range(number)])


def test_pairs_are_of_one_class_or_of_two_as_asked():
    one, other = drawn(True).T
    assert (TRUTH[one] == TRUTH[other]).all()
    one, other = drawn(False).T
    assert (TRUTH[one] != TRUTH[other]).all()


def test_all_classes_come_equally_often():
    for same in (True, False):
        found = np.bincount(TRUTH[drawn(same).ravel()]) / 8000
        np.testing.assert_allclose(found, 0.25, atol=0.03)


def test_people_of_a_class_come_equally_often_however_many_clips_they_have():
    first = drawn(True)[:, 0]
    of_one = SUBJECTS[first[TRUTH[first] == 1]]
    assert np.mean(of_one == "b/0") == pytest.approx(0.5, abs=0.06)


def test_pairs_of_one_class_are_of_two_people_at_least_half_of_the_time_also_across_databases():
    one, other = drawn(True).T
    many = TRUTH[one] < 3  # The last class has one clip.
    assert np.mean(SUBJECTS[one] != SUBJECTS[other], where=many) >= 0.5
    always = drawn(True, across=1.0).T
    many = TRUTH[always[0]] < 3
    assert (SUBJECTS[always[0]] != SUBJECTS[always[1]])[many].all()
    databases = [{SUBJECTS[row][0] for row in pair} for pair in zip(*always, strict=True)]
    assert {"a", "b"} in databases


def test_a_clip_is_its_own_partner_only_where_its_class_has_no_other():
    one, other = drawn(True).T
    assert (TRUTH[one[one == other]] == 3).all()
    assert (one == other).any()


def test_pairs_need_two_classes():
    with pytest.raises(DataError, match="two classes"):
        PairSampler(np.zeros(4, dtype=int), SUBJECTS[:4])


# Interpolation


def pictures(number: int = 2, size: int = 32, seed: int = 0) -> torch.Tensor:
    coarse = torch.rand(number, 2, size // 4, size // 4, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse, size=(size, size), mode="bilinear").clamp(0, 1)


def stirred(seed: int = 0) -> Interpolator:
    """An interpolator with weights as if it had learnt something."""
    network = Interpolator()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for head in [*network.kernels, network.blend]:
            head.weight.normal_(0, 0.5, generator=generator)
            head.bias.normal_(0, 1, generator=generator)
    return network.eval()


def test_the_interpolator_has_the_layers_of_the_specification():
    with torch.device("meta"):
        network = Interpolator()
        out = network(torch.empty(2, 2, 112, 112))
    assert out.shape == (2, 1, 112, 112)
    # By the layer table: encoder, bottom, decoder with skips, four kernel heads, mask.
    down = (608 + 9_248) + (18_496 + 36_928) + (73_856 + 147_584)
    up = (73_792 + 8_256) + (18_464 + 2_080) + (9_248 + 1_056)
    assert count(network) == down + 2 * 147_584 + up + 4 * 3_757 + 289


@pytest.mark.parametrize("make", [Interpolator, stirred])
def test_constant_pictures_are_kept_and_values_stay_in_their_range(make):
    network = make()
    with torch.inference_mode():
        flat = network(torch.full((1, 2, 32, 32), 0.37))
        made = network(pictures())
    assert float((flat - 0.37).abs().max()) <= 1e-6
    given = pictures()
    assert float(made.min()) >= float(given.min()) - 1e-6
    assert float(made.max()) <= float(given.max()) + 1e-6


def test_a_new_interpolator_gives_about_the_mean():
    given = pictures()
    with torch.inference_mode():
        made = Interpolator()(given)
    assert float((made - given.mean(dim=1, keepdim=True)).abs().max()) < 0.01


def test_adaptive_convolution_is_its_definition_pixel_by_pixel():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 9, 8, generator=generator)
    rows, columns = (torch.rand(1, KERNEL, 9, 8, generator=generator) for _ in range(2))
    made = adaptive_convolution(image, rows, columns)
    half = KERNEL // 2
    wide = np.pad(image[0, 0].numpy(), half, mode="edge")
    for y in range(9):
        for x in range(8):
            kernel = np.outer(rows[0, :, y, x], columns[0, :, y, x])
            expected = float((kernel * wide[y : y + KERNEL, x : x + KERNEL]).sum())
            assert float(made[0, 0, y, x]) == pytest.approx(expected, rel=1e-5)


def test_an_input_that_the_interpolator_does_not_take_is_refused():
    for wrong in ((1, 1, 32, 32), (1, 2, 33, 32), (2, 32, 32)):
        with pytest.raises(DataError, match="interpolator got"):
            Interpolator()(torch.zeros(wrong))


def test_interpolation_loss_by_hand():
    true = torch.zeros(1, 1, 2, 2)
    made = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    # Mean difference 1/4; the two differences down are 1 and 0, and so are those to the right.
    assert float(interpolation_loss(made, true)) == pytest.approx(0.25 + 0.1 * (0.5 + 0.5))


def test_triplets_are_three_frames_at_equal_steps():
    frames = np.arange(40, dtype=np.uint8)[:, None, None] * np.ones((40, 8, 8), np.uint8)
    triplets = Triplets([frames, frames[:2]], 300)
    ends, middles = triplets.batch(np.arange(300), np.random.default_rng(0))
    assert ends.shape == (300, 2, 8, 8)
    assert middles.shape == (300, 1, 8, 8)
    first, last = (255 * ends[:, side, 0, 0] for side in (0, 1))
    assert torch.allclose((first + last) / 2, 255 * middles[:, 0, 0, 0], atol=1e-3)
    steps = ((last - first) / 2).round().int().tolist()
    # Also turned back in time.
    assert set(map(abs, steps)) == set(range(1, MAX_STEP + 1))
    assert min(steps) < 0 < max(steps)
    with pytest.raises(DataError, match="three frames"):
        Triplets([frames[:2]], 10)
