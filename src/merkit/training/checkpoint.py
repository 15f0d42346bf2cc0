"""The state of a training on disk, whole or not at all, and refused where it belongs to another training."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from merkit.errors import DataError
from merkit.saving import write_whole

# 2: Adam steps all parameters at once, so states of before would go on otherwise.
_FORMAT = 2


def save_checkpoint(path: Path, owner: str, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain values.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    owner : str
        What the state belongs to: all settings that it depends on.
    state : dict

    Raises
    ------
    DataError
        If it cannot be written.
    """
    # Through memory, so that Python opens the file: torch alone would do so out of sight of the guard.
    buffer = io.BytesIO()
    torch.save({"format": _FORMAT, "owner": owner, **state}, buffer)
    write_whole(path, buffer.getvalue())


def load_checkpoint(path: Path, owner: str) -> dict[str, Any] | None:
    """Read what `save_checkpoint` wrote; ``None`` if there is no file.

    Raises
    ------
    DataError
        If the file is broken or belongs to something else.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        stored = (state.pop("format"), state.pop("owner"))
    except (RuntimeError, ValueError, EOFError, KeyError, AttributeError, pickle.UnpicklingError) as error:
        raise DataError(f"{path}: is no checkpoint of merkit, or broken; delete it to start anew") from error
    if stored != (_FORMAT, owner):
        raise DataError(
            f"{path}: is of another training (settings, seed or clips differ); delete it to start anew, or "
            "choose another folder"
        )
    return state
