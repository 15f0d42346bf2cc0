"""Weights of another training, as far as they fit."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from merkit.errors import DataError


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
        If nothing fits.

    Examples
    --------
    >>> load_matching(nn.Linear(2, 3), {"weight": nn.Linear(2, 3).weight, "bias": nn.Linear(2, 5).bias})
    ('weight',)
    """
    own = network.state_dict()
    fits = {name: value for name, value in state.items() if name in own and value.shape == own[name].shape}
    if not fits:
        raise DataError(
            f"none of {len(state)} stored tensors fits the {len(own)} of {type(network).__name__} by name "
            "and shape: they are of another network"
        )
    network.load_state_dict(fits, strict=False)
    return tuple(fits)
