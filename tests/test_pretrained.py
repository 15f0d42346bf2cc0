"""Weights of another network: what fits is loaded, the rest stays."""

from __future__ import annotations

import pytest
import torch

from merkit.errors import DataError
from merkit.methods import create_network
from merkit.methods.akmnet.config import AKMNetSettings
from merkit.methods.akmnet.pretraining import ExpressionNet
from merkit.training.pretrained import load_matching

TINY = {"size": 64, "widths": (4, 6, 8, 12), "hidden": 3}


def test_akmnet_takes_the_backbone_of_its_pretraining():
    pretrained = ExpressionNet(AKMNetSettings(**TINY))
    pretrained(torch.rand(6, 1, 64, 64))  # moves the running averages
    network = create_network("akmnet", **TINY)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    loaded = load_matching(network, pretrained.state_dict())
    assert set(loaded) == {name for name in before if name.startswith("backbone.")}
    for name, value in network.state_dict().items():
        expected = pretrained.state_dict()[name] if name in loaded else before[name]
        assert torch.equal(value, expected), name
    assert float(network.backbone.bn1.running_mean.abs().max()) > 0


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
    with pytest.raises(DataError, match=r"none of 1 stored tensors fits the 2 of Linear"):
        load_matching(torch.nn.Linear(2, 3), {"weight": torch.zeros(3, 3)})


def test_a_picture_that_does_not_fit_is_refused():
    network = ExpressionNet(AKMNetSettings(**TINY))
    assert network(torch.rand(2, 1, 64, 64)).shape == (2, 4)
    with pytest.raises(DataError, match=r"ExpressionNet got faces of shape \(2, 3, 64, 64\)"):
        network(torch.rand(2, 3, 64, 64))
