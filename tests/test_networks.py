"""Every registered network keeps the contract, and names are found without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

import merkit.methods.networks as networks
from merkit.errors import ConfigError, DataError
from merkit.methods import create_network, list_networks
from merkit.methods.networks import get_network, register_network
from merkit.training.loop import train
from merkit.training.schedules import Constant
from merkit.training.stage import Stage

# One input of each network, small enough to be quick: settings, shape, and a shape that does not fit.
CASES = {
    "akmnet": ({"widths": (4, 6, 8, 12), "hidden": 3}, (1, 1, 5, 64, 64), (1, 1, 5, 64, 80)),
    "fal-convlstm": (
        {"size": 32, "widths": (8, 12, 16, 20), "features": 8, "hidden": 12, "dropout": 0.0},
        (3, 3, 4, 32, 32),
        (3, 1, 4, 32, 32),
    ),
    "mersiamc3d": (
        {"widths": (8, 12, 16, 24), "hidden": 24, "dropout": 0.0, "encoder_rate": 1.0, "num_classes": 4},
        (3, 3, 8, 16, 16),
        (3, 2, 8, 16, 16),
    ),
    "sma-stn": ({"size": 32, "widths": (4, 6, 8)}, (3, 4, 3, 32, 32), (3, 4, 3, 32, 48)),
    "strcn-a": ({"width": 8}, (3, 1, 70, 30), (3, 1, 70, 15)),
    "strcn-g": ({"width": 8}, (3, 2, 80, 70), (3, 1, 80, 70)),
}
# Biases that the next step takes away again: a softmax, or batch normalisation.
CANCELLED = {
    "mersiamc3d": {f"encoder.stages.{stage}.0.conv.bias" for stage in range(4)},
    "sma-stn": {"places.key.bias", "places.out.bias", "weighting.score.bias"},
}
METHODS_FOLDER = Path(networks.__file__).parent


@pytest.fixture(autouse=True)
def one_thread():
    # Networks this small gain nothing from a second one.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(name: str, seed: int = 0, **settings) -> torch.nn.Module:
    return create_network(name, config="small", seed=seed, **{**CASES[name][0], **settings})


def example(name: str, seed: int = 0) -> torch.Tensor:
    """Coarse patches that tell one seed from another, in some noise."""
    shape, generator = CASES[name][1], torch.Generator().manual_seed(seed)
    height, width = shape[-2:]
    patches = torch.rand(1, shape[1], -(-height // 16), -(-width // 16), generator=generator)
    image = patches.repeat_interleave(16, 2).repeat_interleave(16, 3)[..., :height, :width]
    if len(shape) == 5:
        image = image[:, :, None]
    return image + 0.3 * torch.rand(shape, generator=generator)


def logits_of(out) -> torch.Tensor:
    return getattr(out, "logits", out)


def test_every_network_has_its_case():
    assert set(CASES) == set(list_networks())


@pytest.mark.parametrize("name", list_networks())
@pytest.mark.parametrize("classes", [2, 4, 7])
def test_every_network_gives_one_logit_a_class(name, classes):
    network = made(name, num_classes=classes)
    given = example(name)
    assert logits_of(network(given)).shape == (len(given), classes)
    network.eval()
    with torch.inference_mode():
        once, again = logits_of(network(given)), logits_of(network(given))
    assert torch.equal(once, again)
    assert bool(torch.isfinite(once).all())


@pytest.mark.parametrize("name", list_networks())
def test_the_gradient_reaches_every_parameter(name):
    network = made(name)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for part, parameter in network.named_parameters():
        # A layer that begins at 0 hides those before it.
        if part.endswith("weight") and not parameter.any():
            torch.nn.init.ones_(parameter)
    out = logits_of(network(example(name)))
    torch.nn.functional.cross_entropy(out, torch.arange(len(out)) % 4).backward()
    for part, parameter in network.named_parameters():
        assert parameter.grad is not None, part
        if part not in CANCELLED.get(name, ()):
            assert parameter.grad.abs().max() > 0, part


@pytest.mark.parametrize("name", list_networks())
def test_a_seed_gives_the_same_weights_and_leaves_the_generator_alone(name):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    states = [made(name, seed).state_dict() for seed in (3, 3, 4)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(not torch.equal(states[0][key], states[2][key]) for key in states[0])


@pytest.mark.parametrize("name", list_networks())
def test_saved_weights_give_the_same_output(name, tmp_path):
    network, other = made(name), made(name, seed=1).eval()
    network(example(name))  # moves the running averages
    torch.save(network.eval().state_dict(), tmp_path / "weights.pt")
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert torch.equal(logits_of(network(example(name))), logits_of(other(example(name))))


@pytest.mark.parametrize("name", list_networks())
def test_an_input_that_does_not_fit_is_refused_in_one_line(name):
    with pytest.raises(DataError, match="got a") as refused:
        made(name)(torch.zeros(CASES[name][2]))
    assert str(CASES[name][2]) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", list_networks())
def test_eight_clips_are_learnt_by_heart(name):
    class Noise:
        labels = np.arange(8) % 4

        def batch(self, rows, rng):
            return torch.cat([example(name, int(row))[:1] for row in rows])

    def loss(network, given, labels, weights):
        return {"loss": torch.nn.functional.cross_entropy(logits_of(network(given)), labels)}

    network = made(name)
    one_by_one = {"batch": 1, "accumulate": 8} if CASES[name][1][0] == 1 else {"batch": 8}
    stage = Stage(epochs=40, schedule=Constant(1e-2), optimiser="adam", weight_decay=0.0, **one_by_one)
    train(network, Noise(), loss, stage)
    with torch.inference_mode():
        predicted = [int(logits_of(network(Noise().batch([row], None))).argmax()) for row in range(8)]
    assert predicted == Noise.labels.tolist()


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
def test_settings_come_back_from_a_file(name):
    entry = get_network(name)
    for config in entry.configs:
        settings = entry.config(**entry.configs[config])
        assert entry.config(**json.loads(json.dumps(asdict(settings)))) == settings


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
