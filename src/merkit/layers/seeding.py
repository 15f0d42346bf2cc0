"""New modules whose first weights follow from a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

_M = TypeVar("_M")


def seeded(seed: int, make: Callable[[], _M]) -> _M:
    """What `make` makes with the generator of torch set to a seed; then that is as it was before.

    Examples
    --------
    >>> bool((seeded(3, lambda: torch.rand(4)) == seeded(3, lambda: torch.rand(4))).all())
    True
    """
    with torch.random.fork_rng(devices=()):
        torch.random.default_generator.manual_seed(seed)
        return make()
