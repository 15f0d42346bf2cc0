"""Weights of another training, as far as they fit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from merkit.errors import DataError
from merkit.training.weights import read_weights

CARD, WEIGHTS = "card.json", "model.safetensors"
"""The two files of a folder of weights: what is to be said of them, and the tensors."""


@dataclass(frozen=True)
class Pretrained:
    """Weights to start from, and what is to be said of them.

    Attributes
    ----------
    state : mapping of str to tensor
        As of ``state_dict()``.
    trained_subjects : tuple of str
        The ``dataset/subject`` of everybody whose clips or pictures they were learnt from.
    card : mapping
        Plain values.
    """

    state: Mapping[str, Tensor]
    trained_subjects: tuple[str, ...]
    card: Mapping[str, Any]


def load_pretrained(folder: str | Path) -> Pretrained:
    """Read a folder of weights: of ``merkit pretrain``, or a saved network recognizer.

    Raises
    ------
    DataError
        If a file is missing or broken, or the card does not say whom the weights were learnt from.
    """
    source = Path(folder)
    if not source.is_dir():
        what = "is a file" if source.exists() else "no such folder"
        raise DataError(f"{source}: {what}; give a folder made by merkit pretrain or merkit train")
    try:
        card = json.loads((source / CARD).read_text("utf-8"))
        # Without it nobody would look whom it names.
        card["method"]
        trained: Sequence[str] = card["about"]["trained_subjects"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{source / CARD} does not say whom the weights beside it were learnt from ({error!r}): give a "
            "folder made by merkit pretrain or merkit train"
        ) from error
    return Pretrained(read_weights(source / WEIGHTS), tuple(trained), card)


def load_matching(network: nn.Module, state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Load what has the same name and shape; everything else stays as it was.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    state : mapping of str to tensor
        As of ``state_dict()`` of another network.

    Returns
    -------
    tuple of str
        What was loaded, to be told with any score.

    Raises
    ------
    DataError
        If fewer than half of the weights that both have, biases and factors left aside, have the same shape:
        those of another configuration.

    Examples
    --------
    >>> load_matching(nn.Linear(2, 3), {"weight": nn.Linear(2, 3).weight, "bias": nn.Linear(2, 5).bias})
    ('weight',)
    """
    own = network.state_dict()
    fits = {name: value for name, value in state.items() if name in own and value.shape == own[name].shape}
    # Vectors and counters fit in name and length where nothing else does.
    shared = [name for name, value in state.items() if name in own and max(value.ndim, own[name].ndim) > 1]
    good = [name for name in shared if name in fits]
    if not good or 2 * len(good) < len(shared):
        raise DataError(
            f"{len(good)} of {len(shared)} stored weights fit {type(network).__name__} by name and shape: "
            "start from weights of the same method, configuration and sizes"
        )
    network.load_state_dict(fits, strict=False)
    return tuple(fits)
