"""Weights of a usual ResNet-18, such as those learnt on ImageNet, as a start for the trunk."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from merkit.errors import DataError
from merkit.methods.sma_stn.network import Trunk
from merkit.saving import refusal
from merkit.training.pretrained import Pretrained
from merkit.training.weights import read_weights

PREFIX = "trunk."
_COUNTER = "num_batches_tracked"  # which older files lack, and nothing needs


def trunk_weights(file: str | Path, widths: tuple[int, int, int]) -> Pretrained:
    """Read the weights of a ResNet-18 from a file on this machine.

    Parameters
    ----------
    file : path
        ``.safetensors``, or what ``torch.save(network.state_dict(), file)`` wrote, with the usual names:
        ``conv1.weight``, ``layer1.0.bn1.running_mean`` and so on.
    widths : three int
        Channels of the trunk.

    Returns
    -------
    Pretrained
        It names no subjects: give no file that was learnt from people who are tested.

    Raises
    ------
    DataError
        If the file cannot be read, or lacks a tensor of the trunk, or has it in another shape.
    """
    source = Path(file)
    state = read_weights(source) if source.suffix == ".safetensors" else _read_torch(source)
    with torch.device("meta"):
        wanted = Trunk(widths).state_dict()
    for name, value in wanted.items():
        found = tuple(state[name].shape) if name in state else None
        if found != tuple(value.shape) and not (found is None and name.endswith(_COUNTER)):
            raise DataError(
                f"{source}: {name} is {found or 'missing'}, the trunk needs {tuple(value.shape)}; give the "
                "weights of a ResNet-18 for RGB pictures, or the folder of a saved model"
            )
    fits = {PREFIX + name: state[name] for name in wanted if name in state}
    card = {"file": source.name, "sha256": hashlib.sha256(source.read_bytes()).hexdigest()}
    return Pretrained(fits, (), card)


def _read_torch(source: Path) -> dict[str, Tensor]:
    try:
        content = source.read_bytes()
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({refusal(error)}); name a file of weights") from error
    try:
        state: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, KeyError, AttributeError, pickle.UnpicklingError) as error:
        raise DataError(f"{source}: is no file of weights, or broken; give a state_dict of torch") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(f"{source}: holds more than tensors by name; give a state_dict of torch")
    return state
