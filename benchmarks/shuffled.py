"""A recognizer that learns from shuffled labels: what is left of its score is chance, or a leak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from merkit.methods import FitContext, create_recognizer


class ShuffledLabels:
    """A registered method whose training labels are dealt out anew among the training clips of each fold."""

    def __init__(self, method: str, config: str, overrides: dict[str, Any]) -> None:
        self.name = f"{method}-shuffled"
        self.inner = create_recognizer(method, config=config, **overrides)
        self.config, self.requires = self.inner.config, self.inner.requires
        self.card: dict[str, Any] = {}

    @property
    def step(self) -> Any:
        return self.inner.step

    @property
    def classes_(self) -> Any:
        return self.inner.classes_

    def fit(
        self, clips: Sequence[Any], labels: Any, groups: Any, *, context: FitContext | None = None
    ) -> ShuffledLabels:
        context = context or FitContext()
        rng = np.random.default_rng([context.seed, len(clips), len(set(groups))])
        self.inner.fit(clips, rng.permutation(np.asarray(labels)), groups, context=context)
        self.card = self.inner.card
        return self

    def predict_proba(self, clips: Sequence[Any]) -> Any:
        return self.inner.predict_proba(clips)
