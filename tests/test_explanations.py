"""Maps of what a network looks at: computed by hand, by a slow plain version, and leaving no trace."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from merkit.errors import ConfigError, DataError
from merkit.methods import create_network
from merkit.methods.explanations import grad_cam, occlusion

TINY = {"size": 64, "widths": (4, 6, 8, 12), "hidden": 3}


class Region(nn.Module):
    """Class 1 is the sum of one region of the picture, class 0 nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        seen = self.layer(given)[:, :, 2:5, 1:3].sum(dim=(1, 2, 3))
        return torch.stack([torch.zeros_like(seen), seen], dim=1)


def picture(height: int = 8, width: int = 6, channels: int = 1) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(0))


def convolutional(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True),
        nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(),
        nn.Linear(5, 3),
    )  # fmt: skip


def chances(network: nn.Module):
    return lambda given: network(given).softmax(dim=1)


# Grad-CAM


def test_a_map_of_two_channels_is_that_computed_by_hand():
    # Logit of class 1: 3 · mean of the first channel - 2 · mean of the second.  Its gradients are 3/4 and
    # -2/4 everywhere, so the map is relu(0.75 · first - 0.5 · second).
    head = nn.Linear(2, 2, bias=False)
    head.weight.data = torch.tensor([[0.0, 0.0], [3.0, -2.0]])
    network = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    given = torch.tensor([[[[4.0, 0.0], [1.0, 2.0]], [[2.0, 2.0], [1.5, 5.0]]]])
    found = grad_cam(network, network[0], given, 1)
    assert found.tolist() == [[[2.0, 0.0], [0.0, 0.0]]]


def test_weights_are_the_mean_gradient_and_values_those_before_a_change_in_place():
    network = convolutional().eval()
    layer = network[1]  # a ReLU in place follows it
    given = picture()
    found = grad_cam(network, layer, given, 2)[0]
    values = layer(network[0](given)).detach().requires_grad_()
    score = network[3:](torch.relu(values))[0, 2]
    gradient = torch.autograd.grad(score, values)[0][0].numpy()
    expected = np.zeros(found.shape)
    for channel in range(4):
        expected += gradient[channel].mean() * values[0, channel].detach().numpy()
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-7)
    assert found.max() > 0


def test_every_frame_of_akmnet_has_a_map_of_its_own():
    network = create_network("akmnet", **TINY).eval()
    clip = torch.rand(1, 1, 7, 64, 64, generator=torch.Generator().manual_seed(1))
    found = grad_cam(network, network.backbone, clip, 3)
    assert found.shape == (7, 2, 2)
    assert grad_cam(network, network.backbone, clip, 3, upsample=True).shape == (7, 64, 64)
    assert np.abs(found[0] - found[1]).max() > 0


def test_the_whole_of_an_upsampled_map_is_seen_at_once():
    # Bilinear: a map of 2×2 has its own values at the corners.
    network = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(4, 2))
    network[2].weight.data.fill_(1.0)
    small = grad_cam(network, network[0], picture(8, 8), 0)[0]
    large = grad_cam(network, network[0], picture(8, 8), 0, upsample=True)[0]
    assert large.shape == (8, 8)
    np.testing.assert_allclose(large[[0, 0, -1, -1], [0, -1, 0, -1]], small.ravel(), rtol=1e-6)


def test_a_mirrored_network_and_input_give_a_mirrored_map():
    network, mirrored = convolutional().eval(), convolutional().eval()
    for module in mirrored:
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.flip(3)
    one = grad_cam(network, network[3], picture(), 1)
    other = grad_cam(mirrored, mirrored[3], picture().flip(3), 1)
    np.testing.assert_allclose(other, one[..., ::-1], atol=1e-6)
    assert one.max() > 0


def test_the_same_map_comes_twice_and_in_any_surroundings():
    network = convolutional()  # in training mode, where dropout would draw
    network[7].p = 0.5
    one = grad_cam(network, network[3], picture(), 0)
    with torch.inference_mode():
        other = grad_cam(network, network[3], picture(), 0)
    assert np.array_equal(one, other)


def state_of(network: nn.Module) -> list:
    return [
        *(module.training for module in network.modules()),
        *(len(module._forward_hooks) for module in network.modules()),
        *(part.grad is None for part in network.parameters()),
        *(part.requires_grad for part in network.parameters()),
        *(value.sum().item() for value in network.state_dict().values()),
        torch.is_grad_enabled(),
        torch.backends.cudnn.enabled,
    ]


@pytest.mark.parametrize("target", [1, 7], ids=["in order", "with an error"])
def test_the_network_is_left_as_it_was(target):
    network = convolutional()
    network[1].eval()  # a mixed mode, as in fine-tuning
    network[0].weight.requires_grad_(False)
    before = state_of(network)
    if target == 1:
        grad_cam(network, network[3], picture(), target)
    else:
        with pytest.raises(ConfigError, match="class 7"):
            grad_cam(network, network[3], picture(), target)
    assert state_of(network) == before


def test_an_error_inside_the_network_leaves_it_as_it_was():
    network = convolutional()
    before = state_of(network)
    with pytest.raises(RuntimeError):
        grad_cam(network, network[3], picture(channels=2), 0)
    assert state_of(network) == before


def test_a_frozen_network_is_explained_too():
    network, frozen = convolutional(), convolutional().requires_grad_(False)
    assert np.array_equal(
        grad_cam(network, network[3], picture(), 1), grad_cam(frozen, frozen[3], picture(), 1)
    )


def test_layers_that_cannot_be_explained_are_refused():
    network = convolutional()
    with pytest.raises(ConfigError, match="used 0 times"):
        grad_cam(network, nn.Conv2d(1, 1, 1), picture(), 0)
    with pytest.raises(ConfigError, match=r"gives no tensor"):
        grad_cam(network, network[8], picture(), 0)
    shared = nn.ReLU()
    twice = nn.Sequential(shared, nn.Conv2d(1, 1, 1), shared, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ConfigError, match="used 2 times"):
        grad_cam(twice, shared, picture(), 0)


def test_a_layer_without_influence_is_refused():
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.aside, self.head = nn.Conv2d(1, 1, 1), nn.Linear(48, 2)

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            self.aside(given)
            return self.head(given.flatten(1))

    network = Aside()
    with pytest.raises(ConfigError, match="no way leads"):
        grad_cam(network, network.aside, picture(), 0)


# Occlusion


def test_only_the_region_that_counts_is_on_the_map():
    network = Region()
    given = torch.ones(1, 1, 8, 6)
    found = occlusion(lambda x: network(x) / 6, given, patch=1, stride=1)
    expected = np.zeros((8, 6))
    expected[2:5, 1:3] = 1 / 6
    np.testing.assert_allclose(found[1], expected, atol=1e-6)
    assert not found[0].any()
    # The map of the gradients is there as well: it is the picture, by the mean gradient 6/48.
    np.testing.assert_allclose(grad_cam(network, network.layer, given, 1), 6 / 48)


@pytest.mark.parametrize(
    ("patch", "stride"), [(2, 1), (3, 2), ((2, 3), (2, 3)), ((5, 2), (4, 1)), ((8, 6), (8, 6))]
)
@pytest.mark.parametrize("fill", [0.0, 0.4])
def test_it_is_equal_to_a_slow_plain_version(patch, stride, fill):
    predict, given = chances(convolutional().eval()), picture()
    found = occlusion(predict, given, patch=patch, stride=stride, fill=fill, batch=5)
    (high, wide), (down, across) = (
        value if isinstance(value, tuple) else (value, value) for value in (patch, stride)
    )
    drops = [[[] for _ in range(6)] for _ in range(8)]
    with torch.no_grad():
        whole = predict(given)[0]
        tops, lefts = {*range(0, 8 - high + 1, down), 8 - high}, {*range(0, 6 - wide + 1, across), 6 - wide}
        for top in tops:
            for left in lefts:
                covered = given.clone()
                covered[0, 0, top : top + high, left : left + wide] = fill
                drop = (whole - predict(covered)[0]).numpy()
                for row in range(top, top + high):
                    for column in range(left, left + wide):
                        drops[row][column].append(drop)
    expected = np.array([[np.mean(pixel, axis=0) for pixel in row] for row in drops]).transpose(2, 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_size_of_a_batch_changes_nothing_but_time():
    predict, given = chances(convolutional().eval()), picture()
    one = occlusion(predict, given, patch=3, stride=2, batch=1)
    np.testing.assert_allclose(occlusion(predict, given, patch=3, stride=2, batch=64), one, atol=1e-6)


def test_a_network_that_takes_one_clip_at_a_time_is_explained():
    network = create_network("akmnet", **TINY).eval()
    clip = torch.rand(1, 1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    found = occlusion(lambda given: network(given).logits.softmax(dim=1), clip, patch=32, stride=32, batch=1)
    assert found.shape == (4, 64, 64)
    # What one class loses, the others gain.
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-6)
    assert np.abs(found).max() > 0


def test_a_patch_can_be_replaced_by_another_picture_and_the_input_stays():
    predict, given = chances(convolutional().eval()), picture()
    before = given.clone()
    assert not occlusion(predict, given, patch=2, stride=2, fill=given).any()
    assert occlusion(predict, given, patch=2, stride=2, fill=given.flip(2)).any()
    assert torch.equal(given, before)


def test_the_map_of_a_mirrored_network_is_mirrored():
    network, mirrored = convolutional().eval(), convolutional().eval()
    for module in mirrored:
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.flip(3)
    one = occlusion(chances(network), picture(), patch=2, stride=2)
    other = occlusion(chances(mirrored), picture().flip(3), patch=2, stride=2)
    np.testing.assert_allclose(other, one[..., ::-1], atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patch": 9, "stride": 1}, "8 rows and 6 columns at most"),
        ({"patch": 2, "stride": 3}, r"stride=\(3, 3\): expected 2 rows"),
        ({"patch": 0, "stride": 1}, "patch=0"),
        ({"patch": 2, "stride": 2, "batch": 0}, "batch=0"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        occlusion(chances(convolutional()), picture(), **settings)


def test_what_is_no_single_input_or_no_probabilities_is_refused():
    with pytest.raises(DataError, match="give one"):
        occlusion(chances(convolutional()), torch.rand(2, 1, 8, 6), patch=2, stride=2)
    with pytest.raises(DataError, match="one row of probabilities each"):
        occlusion(lambda given: given.mean(dim=(1, 2, 3)), picture(), patch=2, stride=2)
