"""Weights of another network: what fits is loaded, the rest stays."""

from __future__ import annotations

import pytest
import torch

from merkit.errors import DataError
from merkit.methods import create_network
from merkit.methods.networks import get_network, list_picture_methods
from merkit.pretraining.expressions import ExpressionNet
from merkit.training.pretrained import load_matching

TINY = {
    "akmnet": {"size": 64, "widths": (4, 6, 8, 12), "hidden": 3},
    "fal-convlstm": {"size": 32, "widths": (4, 6, 8, 12), "features": 4, "hidden": 3, "trunk": "layer4"},
    "sma-stn": {"size": 32, "widths": (4, 6, 8)},
}


def expressions(name: str) -> ExpressionNet:
    return ExpressionNet(name, get_network(name).config(**TINY[name]))


@pytest.mark.parametrize("name", list_picture_methods())
def test_a_network_takes_the_part_that_learnt_from_pictures(name):
    pretrained = expressions(name)
    pretrained(torch.rand(6, pretrained.channels, pretrained.size, pretrained.size))  # moves the averages
    network = create_network(name, **TINY[name])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    loaded = load_matching(network, pretrained.state_dict())
    part = get_network(name).pictures.part
    assert set(loaded) == {name for name in before if name.startswith(f"{part}.")}
    for key, value in network.state_dict().items():
        expected = pretrained.state_dict()[key] if key in loaded else before[key]
        assert torch.equal(value, expected), key
    assert float(network.get_submodule(part).bn1.running_mean.abs().max()) > 0


@pytest.mark.parametrize("name", list_picture_methods())
def test_every_part_that_sees_pictures_learns_from_them(name):
    network = expressions(name)
    logits = network(torch.rand(4, network.channels, network.size, network.size))
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 3])).backward()
    assert all(part.grad is not None and bool(part.grad.any()) for part in network.parameters())


def test_a_usual_resnet_fits_but_for_its_first_convolution_and_classifier():
    with torch.device("meta"):
        backbone = create_network("akmnet").backbone
    state = {name: torch.zeros(value.shape) for name, value in backbone.state_dict().items()}
    state["conv1.weight"] = torch.zeros(64, 3, 7, 7)
    state["fc.weight"], state["fc.bias"] = torch.zeros(1000, 512), torch.zeros(1000)
    real = create_network("akmnet").backbone
    first = real.conv1.weight.clone()
    loaded = load_matching(real, state)
    # 20 convolutions and 20 normalisations of five tensors, but for the first convolution.
    assert len(loaded) == 19 + 20 * 5
    assert torch.equal(real.conv1.weight, first)
    assert not real.layer4[1].conv2.weight.any()


def test_weights_that_fit_nowhere_are_refused():
    with pytest.raises(DataError, match="0 of 1 stored weights fit Linear"):
        load_matching(torch.nn.Linear(2, 3), {"weight": torch.zeros(3, 3)})


def test_a_picture_that_does_not_fit_is_refused():
    network = expressions("akmnet")
    assert network(torch.rand(2, 1, 64, 64)).shape == (2, 4)
    with pytest.raises(DataError, match=r"ExpressionNet got faces of shape \(2, 3, 64, 64\)"):
        network(torch.rand(2, 3, 64, 64))
