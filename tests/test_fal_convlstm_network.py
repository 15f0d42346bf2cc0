"""The FAL-ConvLSTM network against its specification: counts, shapes, actions, the cell, losses."""

from __future__ import annotations

import math

import numpy as np
import pandas
import pytest
import torch

from merkit.datasets.action_units import action_unit_texts
from merkit.errors import ConfigError, DataError
from merkit.methods.fal_convlstm.actions import soft_maximum
from merkit.methods.fal_convlstm.convlstm import ConvLSTM
from merkit.methods.fal_convlstm.examples import as_seen
from merkit.methods.fal_convlstm.losses import (
    action_unit_loss,
    clustering_loss,
    moved_centres,
    pair_loss,
    relation_loss,
)
from merkit.methods.fal_convlstm.scales import MultiScale
from merkit.methods.fal_convlstm.units import (
    _LEFT,
    UNITS,
    positive_weights,
    present_units,
    prior_of,
    region_priors,
    relation_matrix,
)
from merkit.methods.networks import create_network

TINY = {"size": 32, "widths": (4, 6, 8, 12), "features": 8, "hidden": 5}


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
        return create_network("fal-convlstm", **settings)


def tiny(**settings):
    return create_network("fal-convlstm", **{**TINY, **settings})


def clips(count: int = 2, length: int = 4, size: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, length, size, size, generator=torch.Generator().manual_seed(seed))


def count(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# Counts and shapes


@pytest.mark.parametrize(("classes", "head"), [(5, 325), (4, 260), (3, 195)])
def test_parameter_counts_of_the_specification(classes, head):
    network = unmade(num_classes=classes)
    parts = (network.backbone, network.scales, network.actions, network.lstm, network.classifier)
    assert [count(part) for part in parts] == [11_176_512, 100_001, 18_137, 442_624, head]
    assert count(network) == 11_737_274 + head


def test_parameter_counts_of_the_shallow_trunk_and_of_spatial_weights():
    assert count(unmade(trunk="layer3").backbone) == 2_782_784
    assert count(unmade(spatial_weights=True).scales) == 100_001


def test_parameter_counts_of_every_layer():
    network = unmade()
    scales, actions = network.scales, network.actions
    assert sum(count(side[0]) for side in scales.lateral) == 61_440
    assert sum(count(side[1]) for side in scales.lateral) == 512
    assert count(scales.score) == 1_057
    assert [count(part) for part in scales.merge] == [36_864, 128, 0]
    assert [count(part) for part in actions.reduce] == [12_288, 128, 0]
    assert (count(actions.attention), actions.trust.numel(), count(actions.value)) == (780, 1, 4_160)
    assert create_network("fal-convlstm", config="small").actions.trust.item() == 4
    assert actions.weight.numel() + actions.bias.numel() == 780


def test_published_shapes_from_frames_to_logits():
    network = create_network("fal-convlstm").eval()
    seen = {}
    network.backbone.register_forward_hook(lambda m, got, out: seen.update(levels=[o.shape for o in out]))
    network.scales.register_forward_hook(lambda m, got, out: seen.update(merged=out[0].shape))
    network.actions.reduce.register_forward_hook(lambda m, got, out: seen.update(reduced=out.shape))
    network.lstm.register_forward_hook(
        lambda m, got, out: seen.update(into=got[0].shape, states=out[:, :, -1].shape)
    )
    with torch.inference_mode():
        judged = network(clips(1, 10, 112))
    assert {name: tuple(shape) for name, shape in seen.items() if name != "levels"} == {
        "merged": (10, 64, 14, 14),
        "reduced": (10, 64, 14, 14),
        "into": (1, 128, 10, 14, 14),
        "states": (1, 64, 14, 14),
    }
    sides = {64: 28, 128: 14, 256: 7, 512: 4}
    assert [tuple(shape) for shape in seen["levels"]] == [(10, c, s, s) for c, s in sides.items()]
    actions = judged.actions
    assert judged.logits.shape == (1, 5)
    assert judged.scales.shape == (1, 10, 4, 1, 1)
    assert torch.allclose(judged.scales.sum(dim=2), torch.ones(1))
    assert actions.clip.shape == (1, 12)
    assert actions.frames.shape == (1, 10, 12)
    assert actions.change.shape == (1, 12, 64)
    assert actions.local.shape == (1, 10, 64, 14, 14)
    assert actions.masks.shape == (1, 10, 12, 14, 14)
    assert 0 < float(actions.masks.min()) < float(actions.masks.max()) < 1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"trunk": "layer3"},
        {"spatial_weights": True},
        {"size": 40},
        {"scales": "deepest"},
        {"readout": "frames"},
    ],
)
@pytest.mark.parametrize("length", [1, 3])
def test_any_number_of_clips_and_frames_and_every_shape_of_the_network(settings, length):
    network = tiny(**settings)
    judged = network(clips(2, length, settings.get("size", 32)))
    judged.logits.square().sum().backward()
    side = settings.get("size", 32) // 8
    levels = {"trunk": 3, "scales": 1}.get(next(iter(settings), ""), 4)
    last = (side, side) if "spatial_weights" in settings else (1, 1)
    assert judged.scales.shape == (2, length, levels, *last)
    assert torch.allclose(judged.scales.sum(dim=2), torch.ones(1), atol=1e-6)
    assert bool(torch.isfinite(judged.logits).all())
    # One level alone has nothing to be weighed against.
    learnt = [p for name, p in network.named_parameters() if levels > 1 or ".score." not in name]
    assert all(bool(torch.isfinite(p.grad).all()) for p in learnt)


@pytest.mark.parametrize("shape", [(2, 1, 4, 32, 32), (2, 3, 0, 32, 32), (2, 3, 4, 32, 40), (2, 3, 32, 32)])
def test_clips_that_do_not_fit_are_refused_in_one_line(shape):
    with pytest.raises(DataError, match=r"got a batch of shape .* \(B, 3, T, 32, 32\)") as refused:
        tiny()(torch.zeros(shape))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"size": 30}, {"size": 24}, {"widths": (1, 2)}, {"widths": 3}, {"trunk": "layer2"}, {"features": 3},
        {"hidden": 0}, {"dropout": 1.0}, {"sharpness": 0}, {"readout": "first"}, {"backbone_rate": 0},
        {"num_classes": 1}, {"scales": "first"},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        create_network("fal-convlstm", **settings)


# Scales


def test_merged_maps_are_the_weighted_sum_of_levels_of_one_size():
    scales = MultiScale((4, 6, 8, 12), 8).eval()
    sizes = {4: 28, 6: 14, 8: 7, 12: 4}
    levels = [torch.rand(3, c, s, s, generator=torch.Generator().manual_seed(c)) for c, s in sizes.items()]
    with torch.no_grad():
        merged, weights = scales(levels)
        first, second, third, fourth = (side(x) for side, x in zip(scales.lateral, levels, strict=True))
        pooled = first.reshape(3, 8, 14, 2, 14, 2).mean(dim=(3, 5))
        larger = [torch.nn.functional.interpolate(x, size=(14, 14), mode="bilinear") for x in (third, fourth)]
        each = torch.stack([pooled, second, *larger], dim=1)
        assert torch.allclose(scales.merge((weights[:, :, None] * each).sum(dim=1)), merged, atol=1e-5)
        scores = [scales.score(each[:, k].mean(dim=(2, 3), keepdim=True)) for k in range(4)]
        assert torch.allclose(torch.cat(scores, dim=1).softmax(dim=1), weights, atol=1e-6)


# Actions


def test_a_still_clip_has_the_bias_for_its_logits_and_no_action():
    network = tiny().eval()
    with torch.no_grad():
        network.actions.bias.copy_(torch.linspace(-1, 1, 12))
        actions = network(clips(2, 1).expand(-1, -1, 5, -1, -1)).actions
    assert torch.allclose(actions.frames, network.actions.bias.expand(2, 5, 12), atol=1e-6)
    assert torch.allclose(actions.clip, network.actions.bias.expand(2, 12), atol=1e-6)
    assert float(actions.change.abs().max()) < 1e-6


def test_a_still_clip_has_finite_gradients_in_every_loss():
    network = tiny()
    network.eval()
    judged = network(clips(2, 1).expand(-1, -1, 5, -1, -1))
    present = torch.ones(2, 12, dtype=torch.bool)
    centres = torch.nn.functional.normalize(torch.ones(12, 8), dim=1)
    loss = clustering_loss(judged.actions.change, present, centres)
    assert float(loss.detach()) == 0
    loss.backward()
    grads = [p.grad for p in network.parameters() if p.grad is not None]
    assert grads
    assert not any(bool(grad.any()) for grad in grads)


def test_without_relative_the_logits_are_of_the_faces_themselves():
    network = tiny(relative=False).eval()
    still = network(clips(2, 1).expand(-1, -1, 5, -1, -1)).actions
    assert float((still.clip - network.actions.bias).detach().abs().max()) > 1e-3


def test_actions_are_those_of_a_slow_plain_version():
    network = tiny().eval()
    seen = {}
    network.actions.register_forward_hook(lambda m, got, out: seen.update(maps=got[0]))
    with torch.no_grad():
        actions = network(clips(1, 3)).actions
        part = network.actions
        features = part.reduce(seen["maps"])
        for j in (0, 7, 11):
            h, masks = [], []
            for t in range(3):
                a = (part.attention.weight[j, :, 0, 0, None, None] * features[t]).sum(0)
                logit = a + part.attention.bias[j] + part.trust * (part.regions[j] - 0.5)
                masks.append(1 / (1 + torch.exp(-logit)))
                h.append((masks[t] * features[t]).sum(dim=(1, 2)) / (masks[t].sum() + 1e-6))
            u = [float(part.weight[j] @ (h[t] - h[0]) + part.bias[j]) for t in range(3)]
            assert actions.frames[0, :, j].tolist() == pytest.approx(u, abs=1e-5)
            change = sum((h[t] - h[0]) / (1 + math.exp(-u[t])) for t in range(3))
            assert torch.allclose(actions.change[0, j], change, atol=1e-5)
            assert torch.allclose(actions.masks[0, :, j], torch.stack(masks), atol=1e-5)
            assert float(actions.clip[0, j]) == pytest.approx(
                math.log(sum(math.exp(5 * each) for each in u) / 3) / 5, abs=1e-5
            )


def test_the_local_map_is_the_sum_over_units_of_mask_and_value():
    network = tiny().eval()
    seen = {}
    network.actions.value.register_forward_hook(lambda m, got, out: seen.update(values=out))
    with torch.no_grad():
        actions = network(clips(1, 3)).actions
    expected = torch.zeros_like(actions.local)
    for t in range(3):
        for j in range(12):
            strength = torch.sigmoid(actions.frames[0, t, j])
            expected[0, t] += strength * actions.masks[0, t, j][None] * seen["values"][0, t, j][:, None, None]
    assert torch.allclose(actions.local, expected, atol=1e-5)


def test_the_soft_maximum_lies_between_mean_and_maximum_and_keeps_what_is_constant():
    u = drawn(6, 9, 12)
    found = soft_maximum(u, 5.0)
    assert bool((found >= u.mean(dim=1)).all())
    assert bool((found <= u.amax(dim=1)).all())
    assert torch.allclose(soft_maximum(u[:, :1].expand(-1, 9, -1), 5.0), u[:, 0])
    assert torch.allclose(soft_maximum(u, 1e-3), u.mean(dim=1), atol=1e-2)
    assert bool(torch.isfinite(soft_maximum(u * 1e4, 5.0)).all())


def test_region_priors_are_symmetric_and_highest_at_their_points():
    regions = region_priors(100)
    assert np.array_equal(regions, regions[:, :, ::-1])
    assert np.allclose(regions.max(axis=(1, 2)), 1, atol=0.01)
    rows, columns = np.unravel_index(regions[UNITS.index(12)].argmax(), (100, 100))
    assert (rows + 0.5) / 100 == pytest.approx(0.68, abs=0.01)
    assert (min(columns, 99 - columns) + 0.5) / 100 == pytest.approx(0.36, abs=0.01)
    assert dict(_LEFT) == {
        1: (0.43, 0.20), 2: (0.29, 0.21), 4: (0.45, 0.24), 5: (0.34, 0.30), 6: (0.28, 0.45), 7: (0.34, 0.35),
        9: (0.46, 0.43), 10: (0.44, 0.60), 12: (0.36, 0.68), 14: (0.33, 0.70), 15: (0.36, 0.74),
        17: (0.46, 0.83),
    }  # fmt: skip
    # One standard deviation beside the left point of AU 6, which is alone on its side.
    assert regions[4, 44, 20] == pytest.approx(math.exp(-0.5 * (0.075**2 + 0.005**2) / 0.08**2), abs=1e-4)


def test_upper_units_are_looked_for_above_lower_ones():
    masks = tiny().eval()(clips(1, 1)).actions.masks[0, 0].detach()
    at = (torch.arange(4) + 0.5) / 4
    centre = (masks.sum(dim=2) * at).sum(dim=1) / masks.sum(dim=(1, 2))
    assert float(centre[:4].max()) < float(centre[8:].min())


def test_no_unit_starts_far_below_the_first_frame():
    # Frames far below the first one would have no gradient through the soft maximum.
    frames = tiny()(clips(4, 6)).actions.frames.detach()
    assert float((frames - frames[:, :1]).abs().max()) < 0.2


# The cell


def test_one_moment_from_zero_is_that_of_the_equations():
    lstm = ConvLSTM(3, 4)
    x = torch.rand(2, 3, 1, 5, 6)
    with torch.no_grad():
        padded = torch.cat([x[:, :, 0], torch.zeros(2, 4, 5, 6)], dim=1)
        i, _, o, g = lstm.gates(padded).split(4, dim=1)
        expected = torch.sigmoid(o) * torch.tanh(torch.sigmoid(i) * torch.tanh(g))
        assert torch.allclose(lstm(x)[:, :, 0], expected, atol=1e-7)


def test_on_a_single_position_it_is_an_ordinary_lstm():
    lstm, plain = ConvLSTM(3, 4), torch.nn.LSTMCell(3, 4)
    with torch.no_grad():
        lstm.gates.bias.normal_()
        centre = lstm.gates.weight[:, :, 1, 1]
        # The order of torch is i, f, g, o.
        order = torch.cat([torch.arange(8), torch.arange(12, 16), torch.arange(8, 12)])
        plain.weight_ih.copy_(centre[order, :3])
        plain.weight_hh.copy_(centre[order, 3:])
        plain.bias_ih.copy_(lstm.gates.bias[order])
        plain.bias_hh.zero_()
        x = torch.rand(2, 3, 6, 1, 1)
        states = lstm(x)
        h = c = torch.zeros(2, 4)
        for t in range(6):
            h, c = plain(x[:, :, t, 0, 0], (h, c))
            assert torch.allclose(states[:, :, t, 0, 0], h, atol=1e-6)


def test_every_place_and_moment_is_that_of_a_plain_loop():
    lstm = ConvLSTM(2, 3).double()
    with torch.no_grad():
        lstm.gates.bias.normal_()
        x = torch.randn(1, 2, 4, 4, 5, dtype=torch.float64)
        states = lstm(x)[0].numpy()
    weight, bias = (part.detach().numpy() for part in (lstm.gates.weight, lstm.gates.bias))

    def sigma(z):
        return 1 / (1 + np.exp(-z))

    h, c = np.zeros((3, 4, 5)), np.zeros((3, 4, 5))
    for t in range(4):
        wide = np.pad(np.concatenate([x[0, :, t].numpy(), h]), ((0, 0), (1, 1), (1, 1)))
        for row, column in np.ndindex(4, 5):
            seen = wide[:, row : row + 3, column : column + 3]
            i, f, o, g = ((weight * seen).sum(axis=(1, 2, 3)) + bias).reshape(4, 3)
            c[:, row, column] = sigma(f) * c[:, row, column] + sigma(i) * np.tanh(g)
            h[:, row, column] = sigma(o) * np.tanh(c[:, row, column])
        np.testing.assert_allclose(states[:, t], h, atol=1e-12)


def test_the_bias_of_forgetting_starts_at_one_and_the_others_at_zero():
    assert ConvLSTM(3, 4).gates.bias.tolist() == [0] * 4 + [1] * 4 + [0] * 8


def test_the_last_state_depends_on_the_order_of_frames():
    lstm = ConvLSTM(3, 4)
    x = torch.rand(1, 3, 6, 5, 5)
    straight, turned = lstm(x), lstm(x[:, :, [0, 2, 1, 4, 3, 5]])
    assert torch.equal(straight[:, :, 0], turned[:, :, 0])
    assert float((straight[:, :, -1] - turned[:, :, -1]).detach().abs().max()) > 1e-5


def test_the_mean_over_states_can_be_read_instead_of_the_last():
    networks = {readout: tiny(readout=readout).eval() for readout in ("last", "mean")}
    given = clips(1, 5)
    for readout, network in networks.items():
        seen = {}
        network.lstm.register_forward_hook(lambda m, got, out, seen=seen: seen.update(states=out))
        with torch.no_grad():
            logits = network(given).logits
            state = seen["states"][:, :, -1] if readout == "last" else seen["states"].mean(dim=2)
            assert torch.allclose(network.classifier(state.mean(dim=(2, 3))), logits, atol=1e-6)


def test_without_a_convlstm_the_order_of_the_later_frames_is_nothing():
    given = clips(1, 5)
    turned = given[:, :, [0, 3, 1, 4, 2]]
    for readout, alike in (("frames", True), ("last", False)):
        network = tiny(readout=readout).eval()
        with torch.no_grad():
            difference = (network(given).logits - network(turned).logits).abs().max()
        assert (float(difference) < 1e-6) == alike


def test_without_the_local_map_it_is_the_plain_network():
    network = tiny(local=False, dropout=0.0)
    stacked = {}
    network.stack.register_forward_hook(lambda m, got, out: stacked.update(out=out.detach()))
    loss = torch.nn.functional.cross_entropy(network(clips()).logits, torch.tensor([0, 1]))
    loss.backward()
    assert bool(stacked["out"][:, :8].any())
    assert not stacked["out"][:, 8:].any()
    assert all(part.grad is None for part in network.actions.parameters())
    assert network.scales.score[0].weight.grad.abs().max() > 0


# Training details


def test_the_backbone_learns_at_its_own_rate():
    network = tiny()
    groups = network.parameter_groups(1e-4)
    assert groups[0]["lr_scale"] == 0.1
    assert sum(p.numel() for p in groups[0]["params"]) == count(network.backbone)
    assert sum(p.numel() for group in groups for p in group["params"]) == count(network)


def test_frozen_normalisation_stays_as_it_is_while_the_rest_learns():
    network = tiny()
    network.freeze_norm()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameter_groups(0.1), lr=0.1)
    network.train()(clips()).logits.square().sum().backward()
    optimiser.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    norms = {
        f"backbone.{name}.{what}"
        for name, module in network.backbone.named_modules()
        if isinstance(module, torch.nn.BatchNorm2d)
        for what in module.state_dict()
    }
    assert len(norms) == 5 * 20  # a stem, four layers of two blocks, three shortcuts
    assert not norms & changed
    assert {name for name in before if name.startswith("backbone.")} - norms <= changed
    assert "scales.lateral.0.1.running_mean" in changed


# Behaviour


def moving_patches(rng: np.random.Generator, size: int = 64) -> tuple[torch.Tensor, int]:
    """Two frames (3, 2, size, size) of a texture that moves by 3 pixels where one unit acts; and which."""
    row = int(rng.integers(len(UNITS)))
    y, x = np.mgrid[:size, :size] / size
    direction = {4: 1.0, 7: 1.0, 15: 1.0}  # these move down, 14 apart, and the others up
    moved_x, moved_y = np.zeros_like(x), np.zeros_like(x)
    left, height = _LEFT[UNITS[row]]
    for side, middle in ((-1.0, left), (1.0, 1.0 - left)):
        patch = np.exp(-0.5 * (((x - middle) / 0.07) ** 2 + ((y - height) / 0.07) ** 2)) * 3 / size
        moved_x += patch * side * (UNITS[row] == 14)
        moved_y += patch * direction.get(UNITS[row], -1.0) * (UNITS[row] != 14)
    phases, rates = rng.uniform(0, 6, 6)[:, None, None], rng.uniform(30, 80, 6)[:, None, None]

    def texture(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.sin(rates * (x * np.cos(phases) + y * np.sin(phases)) + phases).mean(axis=0)

    frames = np.stack([texture(x, y), texture(x - moved_x, y - moved_y)])
    noisy = 0.5 + 0.25 * frames + rng.normal(0, 0.002, frames.shape)
    return as_seen(torch.from_numpy(noisy[:, None]).float(), "diff"), row


@pytest.mark.slow
def test_patches_that_move_where_units_act_are_told_and_looked_for_there():
    def batch(count: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        drawn = [moving_patches(rng) for _ in range(count)]
        rows = torch.tensor([row for _, row in drawn])
        return torch.stack([each for each, _ in drawn]), torch.nn.functional.one_hot(rows, len(UNITS)).bool()

    network, rng, steps = create_network("fal-convlstm", config="small"), np.random.default_rng(0), 300
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.015)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.015, total_steps=steps)
    weights, every = torch.full((12,), 10.0), torch.ones(12, dtype=torch.bool)
    for _ in range(steps):
        given, present = batch(16, rng)
        units = network.see(given)[1].clip
        optimiser.zero_grad()
        action_unit_loss(units, present, torch.ones(16, dtype=torch.bool), weights, every).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        falling.step()
    with torch.inference_mode():
        given, present = batch(96, np.random.default_rng(99))
        actions = network.eval().see(given)[1]
    said = actions.clip > 0
    f1 = 2 * (said & present).sum(dim=0) / (said.sum(dim=0) + present.sum(dim=0))
    assert float(f1.mean()) > 0.95
    masks, inside = actions.masks.mean(dim=(0, 1)), network.actions.regions > 0.05
    share = (masks * inside).sum(dim=(1, 2)) / masks.sum(dim=(1, 2))
    assert float(share.mean()) > 0.6
    # By area alone it would be less than a fourth.
    assert float(inside.float().mean()) < 0.25


# The relation of units and classes


def test_the_relation_matrix_of_the_coding_of_casme_2(real_data):
    file = real_data / "annotations" / "CASME2-coding-20140508.compact.xlsx"
    if not file.is_file():
        pytest.skip("CASME2-coding-20140508.compact.xlsx is not in MERKIT_TEST_DATA")
    table = pandas.read_excel(file, dtype=str)
    names = ["happiness", "disgust", "repression", "surprise", "others"]
    table = table[table["Estimated Emotion"].isin(names)]
    present = np.stack([present_units(action_unit_texts(text)) for text in table["Action Units"]])
    truth = np.array([names.index(name) for name in table["Estimated Emotion"]])
    assert np.bincount(truth).tolist() == [32, 63, 27, 25, 99]
    found = relation_matrix(present, np.ones(len(truth), dtype=bool), truth, names, prior_weight=0)
    expected = [
        [0.03, 0, 0.03, 0, 0.25, 0.03, 0, 0, 0.84, 0.16, 0.09, 0.03],
        [0, 0.02, 0.94, 0.03, 0.05, 0.48, 0.21, 0.27, 0, 0.02, 0.02, 0.02],
        [0, 0, 0.04, 0, 0, 0, 0, 0, 0.07, 0.15, 0.41, 0.70],
        [0.72, 0.80, 0, 0, 0, 0, 0, 0, 0.04, 0.04, 0, 0],
        [0, 0, 0.68, 0, 0.02, 0.07, 0, 0, 0.04, 0.16, 0.01, 0.04],
    ]
    assert np.abs(found - expected).max() <= 0.005 + 1e-9
    assert int(present.any(axis=1).sum()) == 237


def test_the_relation_matrix_is_smoothed_by_the_prior():
    present = np.zeros((4, 12), dtype=bool)
    present[:3, UNITS.index(12)] = True
    labelled = np.array([True, True, False, True])
    found = relation_matrix(present, labelled, np.array([0, 0, 0, 1]), ["happiness", "disgust", "fear"])
    # Two labelled clips of happiness, both with AU 12, and a prior of 0.8 that counts for two.
    assert found[0, UNITS.index(12)] == pytest.approx((2 + 2 * 0.8) / 4)
    assert found[0, UNITS.index(1)] == pytest.approx((0 + 2 * 0.05) / 4)
    assert found[1, UNITS.index(9)] == pytest.approx((0 + 2 * 0.8) / 3)
    assert np.array_equal(found[2], prior_of("fear"))
    assert found.min() > 0
    assert found.max() < 1


def test_a_class_without_clips_has_its_prior_even_without_smoothing():
    present, truth = np.ones((2, 12), dtype=bool), np.array([0, 0])
    found = relation_matrix(present, np.ones(2, dtype=bool), truth, ["anger", "sadness"], prior_weight=0)
    assert np.array_equal(found, [np.ones(12), prior_of("sadness")])


def test_priors_are_those_of_the_prototypes():
    shown = {
        name: [unit for unit, value in zip(UNITS, prior_of(name), strict=True) if value == 0.8]
        for name in ("happiness", "Surprise", "disgust", "contempt")
    }
    assert shown == {
        "happiness": [6, 12], "Surprise": [1, 2, 5], "disgust": [9, 10], "contempt": [12, 14],
    }  # fmt: skip
    assert np.array_equal(prior_of("positive"), prior_of("happiness"))
    five = [prior_of(name) for name in ("anger", "contempt", "disgust", "fear", "sadness")]
    assert np.allclose(prior_of("negative"), np.mean(five, axis=0))
    seven = [*five, prior_of("happiness"), prior_of("surprise")]
    for name in ("others", "tense", "repression", "whatever"):
        assert np.allclose(prior_of(name), np.mean(seven, axis=0))


def test_a_relation_matrix_of_arrays_that_do_not_fit_is_refused():
    with pytest.raises(DataError, match="relation matrix"):
        relation_matrix(np.ones((2, 5), bool), np.ones(2, bool), np.zeros(2, int), ["a"])


def test_units_are_read_without_side_intensity_and_doubt():
    texts = ("L12", "4B", "7?", "loses 9", "(1 or 2)", "AD38", "17(k)", "43")
    there = present_units(texts)
    assert [unit for unit, each in zip(UNITS, there, strict=True) if each] == [4, 12]
    assert not present_units(("?",)).any()


def test_rare_units_weigh_up_to_ten_and_those_without_a_clip_are_left_out():
    present = np.zeros((30, 12), dtype=bool)
    present[:10, 0] = present[:1, 1] = present[29, 2] = True
    weights, learnable = positive_weights(present, np.arange(30) < 25)
    assert weights[:3].tolist() == [1.5, 10.0, 1.0]
    assert learnable.tolist() == [True, True] + [False] * 10


# Losses


def test_the_unit_loss_is_the_mean_over_labelled_clips_and_learnable_units():
    logits, present = drawn(3, 12), drawn(3, 12, seed=1) > 0
    labelled = torch.tensor([True, False, True])
    weights, learnable = torch.linspace(1, 4, 12, dtype=torch.float64), torch.arange(12) != 3
    found = action_unit_loss(logits, present, labelled, weights, learnable)
    terms = []
    for i in (0, 2):
        for j in (j for j in range(12) if j != 3):
            q = 1 / (1 + math.exp(-float(logits[i, j])))
            terms.append(-float(weights[j]) * math.log(q) if present[i, j] else -math.log(1 - q))
    assert float(found) == pytest.approx(np.mean(terms))


def test_clips_without_units_contribute_exactly_nothing():
    logits = drawn(4, 12).requires_grad_()
    present, labelled = drawn(4, 12, seed=1) > 0, torch.tensor([True, False, True, False])
    ones, every = torch.ones(12), torch.ones(12, dtype=torch.bool)
    loss = action_unit_loss(logits, present, labelled, ones, every)
    (grad,) = torch.autograd.grad(loss, logits)
    assert not grad[~labelled].any()
    alone = action_unit_loss(logits[labelled], present[labelled], labelled[labelled], ones, every)
    assert torch.equal(loss, alone)
    changed = torch.where(labelled[:, None], present, ~present)
    assert torch.equal(action_unit_loss(logits, changed, labelled, ones, every), loss)
    none = action_unit_loss(logits, present, torch.zeros(4, dtype=torch.bool), ones, every)
    (grad,) = torch.autograd.grad(none, logits)
    assert float(none.detach()) == 0
    assert not grad.any()


def test_units_and_classes_that_agree_have_no_relation_loss():
    relation = torch.from_numpy(
        relation_matrix(np.zeros((0, 12), bool), np.zeros(0, bool), np.zeros(0, int), ["anger", "fear"])
    )
    sure = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], dtype=torch.float64)
    agreeing = torch.logit(relation)
    assert float(relation_loss(sure, agreeing, relation)) == pytest.approx(0, abs=1e-20)
    assert float(relation_loss(sure.flip(1), agreeing, relation)) > 0.01


def test_the_hand_computed_relation_loss():
    relation = torch.tensor([[0.8, 0.1], [0.2, 0.5]])
    # Half of either class: 0.5 and 0.3 are expected; 0.5 and 0.5 are said.
    found = relation_loss(torch.zeros(1, 2), torch.zeros(1, 2), relation)
    assert float(found) == pytest.approx((0 + 0.04) / 2)


def test_gradients_of_the_losses_are_those_of_finite_differences():
    logits, units = drawn(3, 4).requires_grad_(), drawn(3, 12, seed=1).requires_grad_()
    relation = drawn(4, 12, seed=2).sigmoid()
    assert torch.autograd.gradcheck(lambda a, b: relation_loss(a, b, relation), (logits, units))
    assert torch.autograd.gradcheck(pair_loss, (2 * units,))
    change = drawn(3, 12, 4, seed=3).requires_grad_()
    centres = torch.nn.functional.normalize(drawn(12, 4, seed=4), dim=1)
    present = drawn(3, 12, seed=5) > 0
    assert torch.autograd.gradcheck(lambda c: clustering_loss(c, present, centres), (change,))


def test_the_hand_computed_pair_loss():
    units = torch.full((1, 12), 0.5)
    for unit, value in ((1, 0.9), (2, 0.1), (12, 0.7), (15, 0.6)):
        units[0, UNITS.index(unit)] = value
    # AU 1 and 2: 0.8 - 0.5; AU 6 and 12 are near enough; AU 12 and 15: 1.3 - 1.
    assert float(pair_loss(units.logit())) == pytest.approx(0.3**2 + 0.3**2, abs=1e-6)


def test_the_clustering_loss_is_that_of_a_slow_plain_version():
    change, present = drawn(4, 12, 3), drawn(4, 12, seed=1) > 0.4
    change[2, 5] = 0.0
    present[2, 5] = True
    centres = torch.nn.functional.normalize(drawn(12, 3, seed=2), dim=1)
    pulls, pushes = [], []
    for j in range(12):
        own = [
            change[i, j] / change[i, j].norm() for i in range(4) if present[i, j] and change[i, j].norm() > 0
        ]
        pulls += [float((g - centres[j]).square().sum()) for g in own]
        for k in range(12):
            if own and k != j:
                pushes.append(np.mean([max(0.0, 1 - float((g - centres[k]).norm())) ** 2 for g in own]))
    found = clustering_loss(change, present, centres)
    assert float(found) == pytest.approx(np.mean(pulls) + 0.1 * np.mean(pushes))


def test_actions_at_their_centres_have_no_loss_but_that_of_near_neighbours():
    centres = torch.eye(12)
    present = torch.ones(1, 12, dtype=torch.bool)
    assert float(clustering_loss(5 * torch.eye(12)[None], present, centres)) == pytest.approx(0, abs=1e-9)
    none = clustering_loss(torch.eye(12)[None], ~present, centres)
    assert float(none) == 0


def test_centres_move_by_a_tenth_and_keep_their_length():
    change = torch.zeros(2, 12, 3)
    change[:, 0] = torch.tensor([[0.0, 7.0, 0.0], [0.0, 0.0, 2.0]])
    change[0, 1] = torch.tensor([3.0, 0.0, 0.0])
    present = torch.zeros(2, 12, dtype=torch.bool)
    present[:, 0] = present[0, 1] = True
    start = torch.zeros(12, 3)
    start[0] = torch.tensor([1.0, 0.0, 0.0])
    moved = moved_centres(start, change, present)
    expected = np.array([0.9, 0.05, 0.05])
    assert moved[0].tolist() == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    # A first clip makes the centre.
    assert moved[1].tolist() == [1.0, 0.0, 0.0]
    assert not moved[2:].any()


def test_a_centre_that_was_never_moved_pushes_nothing_away():
    change = drawn(2, 12, 3).requires_grad_()
    present = torch.zeros(2, 12, dtype=torch.bool)
    present[:, 0] = True
    centres = torch.zeros(12, 3, dtype=torch.float64)
    loss = clustering_loss(change, present, centres)
    (grad,) = torch.autograd.grad(loss, change)
    assert float(loss.detach()) == pytest.approx(1.0)
    assert torch.allclose(grad, torch.zeros_like(grad), atol=1e-12)
