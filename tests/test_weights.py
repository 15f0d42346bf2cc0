"""Weights on disk: the same tensors back, the same bytes, and broken files refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from merkit.errors import DataError
from merkit.training.weights import read_weights, write_weights


def _network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_every_tensor_comes_back_with_its_type_and_values(tmp_path):
    state = _network().state_dict()
    write_weights(tmp_path / "weights.safetensors", state)
    back = read_weights(tmp_path / "weights.safetensors")
    assert set(back) == set(state)
    for name, value in state.items():
        assert back[name].dtype == value.dtype
        assert torch.equal(back[name], value)


def test_the_order_of_the_names_does_not_change_the_bytes(tmp_path):
    state = _network().state_dict()
    write_weights(tmp_path / "a", state)
    write_weights(tmp_path / "b", dict(reversed(state.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_views_and_parameters_that_share_memory_are_written_whole(tmp_path):
    table = nn.Parameter(torch.arange(6.0).reshape(2, 3))
    write_weights(tmp_path / "w", {"table": table, "turned": table.T, "row": table[1]})
    back = read_weights(tmp_path / "w")
    assert torch.equal(back["turned"], table.detach().T)
    assert torch.equal(back["row"], table.detach()[1])


@pytest.mark.parametrize(
    "damage",
    [lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: b"PK\x03\x04" + whole],
    ids=["half", "empty", "another format"],
)
def test_a_broken_file_is_refused_by_its_name(tmp_path, damage):
    path = tmp_path / "weights.safetensors"
    write_weights(path, _network().state_dict())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"weights\.safetensors: is no file of weights"):
        read_weights(path)


def test_a_missing_file_is_refused_by_its_name(tmp_path):
    with pytest.raises(DataError, match="none: cannot be read"):
        read_weights(tmp_path / "none")


def test_nothing_is_not_written(tmp_path):
    with pytest.raises(DataError, match="no weights"):
        write_weights(tmp_path / "w", {})
    assert not (tmp_path / "w").exists()
