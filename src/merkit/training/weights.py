"""Weights of a network on disk: tensors alone, nothing that runs when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from merkit.errors import DataError
from merkit.saving import refusal, write_whole


def write_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors by name in the safetensors format; their devices and gradients are not kept.

    Parameters
    ----------
    path : Path
        Its folder must exist; a file of that name is replaced.
    tensors : mapping of str to tensor
        As of ``state_dict()``.  Equal names and tensors give equal bytes.

    Raises
    ------
    DataError
        If there are none, or the file cannot be written.
    """
    if not tensors:
        raise DataError(f"{path}: no weights to write")
    # Copies, as the format refuses tensors that share their memory; sorted, for the same bytes.
    own = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}
    write_whole(path, save(own))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read what `write_weights` wrote; all tensors are on the CPU.

    Raises
    ------
    DataError
        If the file is missing, broken or of another kind.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({refusal(error)}); name a file of weights") from error
    try:
        tensors: dict[str, Tensor] = load(content)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise DataError(f"{path}: is no file of weights, or broken; save the model again") from error
    if not tensors:
        raise DataError(f"{path}: holds no weights; save the model again")
    return tensors
