"""Every registered network keeps the contract, and names are found without torch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path

import pytest
import torch

import merkit.methods.networks as networks
from merkit.errors import ConfigError
from merkit.methods import create_network, list_networks
from merkit.methods.networks import get_network, register_network

METHODS_FOLDER = Path(networks.__file__).parent


def test_networks_are_listed_by_pattern():
    assert {"akmnet", "strcn-a", "strcn-g"} <= set(list_networks())
    assert list_networks("akm*") == ["akmnet"]
    assert list_networks() == sorted(list_networks())


def test_every_network_file_is_registered():
    # A network without its line in the registry would be invisible.
    files = {
        "merkit.methods." + ".".join(path.relative_to(METHODS_FOLDER).with_suffix("").parts)
        for path in METHODS_FOLDER.glob("*/**/network.py")
    }
    assert files == {get_network(name).place.partition(":")[0] for name in list_networks()}


def test_names_and_settings_need_no_torch():
    code = (
        "import sys; from merkit.methods.networks import get_network, list_networks; "
        "[get_network(name).config() for name in list_networks()]; "
        "print([m for m in ('torch', 'sklearn', 'cv2', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['numpy']")


@pytest.mark.parametrize("name", list_networks())
def test_every_network_has_a_frozen_config_a_small_one_and_a_claim_sheet(name):
    entry = get_network(name)
    assert is_dataclass(entry.config)
    assert entry.config.__dataclass_params__.frozen
    assert {"published", "small"} <= set(entry.configs)
    assert next(iter(entry.configs)) == "published"
    assert entry.summary
    assert "num_classes" in {field.name for field in fields(entry.config)}
    # These are parameters of create_network itself.
    assert not {"name", "config", "seed"} & {field.name for field in fields(entry.config)}
    folder = entry.place.partition(":")[0].split(".")[2:-1]
    assert METHODS_FOLDER.joinpath(*folder, "README.md").is_file()


@pytest.mark.parametrize("name", list_networks())
def test_every_configuration_makes_a_network_that_keeps_its_settings(name):
    entry = get_network(name)
    for config in entry.configs:
        with torch.device("meta"):
            network = create_network(name, config=config, num_classes=5)
        assert network.config == replace(entry.config(**entry.configs[config]), num_classes=5)
        assert network.training
        assert {p.dtype for p in network.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", list_networks())
def test_small_is_smaller(name):
    with torch.device("meta"):
        sizes = [
            sum(p.numel() for p in create_network(name, config=config).parameters())
            for config in ("small", "published")
        ]
    assert sizes[0] * 10 < sizes[1]


def test_unknown_names_and_settings_get_the_nearest_match():
    with pytest.raises(ConfigError, match=r"unknown network 'strcn-h' \(did you mean 'strcn-g'\?\)"):
        create_network("strcn-h")
    with pytest.raises(ConfigError, match=r"no setting 'widht' \(did you mean 'width'\?\)"):
        create_network("strcn-g", widht=7)
    with pytest.raises(ConfigError, match=r"no configuration 'smal' \(did you mean 'small'\?\)"):
        create_network("akmnet", config="smal")


@dataclass(frozen=True)
class _Settings:
    num_classes: int = 4


def test_two_networks_cannot_share_a_name(monkeypatch):
    list_networks()
    monkeypatch.setattr(networks, "_NETWORKS", dict(networks._NETWORKS))
    with pytest.raises(ConfigError, match=r"akmnet.network:AKMNet has it"):
        register_network("akmnet", network="elsewhere:Other", summary="an impostor")(_Settings)
    with pytest.raises(ConfigError, match="sets 'widht'"):
        register_network("new", network="m:C", summary="", configs={"small": {"widht": 1}})(_Settings)
