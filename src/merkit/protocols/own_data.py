"""Protocols for data with labels of their own: classes as they stand in a manifest or in folder names."""

from __future__ import annotations

from types import MappingProxyType

import pandas as pd

from merkit.protocols.folds import by_subject
from merkit.protocols.protocol import Protocol

SOURCES = ("manifest", "folders")


class AsLabelled:
    """Every emotion is a class, spelled as in the data.

    Examples
    --------
    >>> AsLabelled().assign(pd.DataFrame({"id": ["a", "b"], "emotion": ["joy", None]}))
    [('joy', ''), (None, 'no emotion annotated')]
    """

    def assign(self, frame: pd.DataFrame) -> list[tuple[str | None, str]]:
        """Return (emotion, "") of every row, or ``None`` and why."""
        return [
            (text.strip(), "") if isinstance(text, str) and text.strip() else (None, "no emotion annotated")
            for text in frame["emotion"]
        ]


def own_data(source: str, n_classes: int) -> Protocol:
    """Return the protocol of data that say themselves which classes there are.

    Parameters
    ----------
    source : str
        ``manifest`` or ``folders``.
    n_classes : int
        How many there have to be, so that a misspelt label is seen.
    """
    return Protocol(
        name=f"{source}-{n_classes}class",
        classes=(),
        datasets=(),
        label_maps=MappingProxyType({"*": AsLabelled()}),
        kind="single",
        summary=f"your own labels, {n_classes} of them; leave one subject out",
        splits=by_subject,
        n_classes=n_classes,
    )
