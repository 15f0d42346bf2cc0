"""Label maps: which emotions make a class, and which clips are left out, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pandas as pd

# Spellings of the tables beside those used here.
_SPELLINGS = MappingProxyType(
    {
        "happy": "happiness",
        "happyiness": "happiness",
        "sad": "sadness",
        "other": "others",
        "angry": "anger",
        "tension": "tense",
        "fearful": "fear",
        "disgusted": "disgust",
        "surprised": "surprise",
    }
)


def emotion_name(text: str) -> str:
    """Return the one spelling of an emotion that label maps use.

    Examples
    --------
    >>> emotion_name(" Happy"), emotion_name("happyiness"), emotion_name("Others"), emotion_name("tense")
    ('happiness', 'happiness', 'others', 'tense')
    """
    name = text.strip().casefold()
    return _SPELLINGS.get(name, name)


@dataclass(frozen=True)
class LabelMap:
    """From the emotions of one dataset to the classes of a protocol.

    Parameters
    ----------
    classes : mapping of str to tuple of str
        The emotions of each class; an emotion of none is left out.
    excluded : mapping of str to str
        Clips that are left out although they have a class, by id, each with the reason.

    Examples
    --------
    >>> valence = LabelMap({"negative": ("fear", "sadness"), "positive": ("happiness",)})
    >>> frame = pd.DataFrame({"id": ["a", "b", "c"], "emotion": ["Happy", "others", None]})
    >>> valence.assign(frame)
    [('positive', ''), (None, 'others is in no class'), (None, 'no emotion annotated')]
    """

    classes: Mapping[str, tuple[str, ...]]
    excluded: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def assign(self, frame: pd.DataFrame) -> list[tuple[str | None, str]]:
        """Return the class of every row, or ``None``, and why it has none.

        Parameters
        ----------
        frame : DataFrame
            Columns ``id``, ``emotion`` and, where a dataset holds macro-expressions too, ``kind``.
        """
        class_of = {emotion: name for name, emotions in self.classes.items() for emotion in emotions}
        kinds = frame["kind"] if "kind" in frame else ["micro"] * len(frame)
        return [
            self._assign_one(class_of, str(clip), emotion, kind)
            for clip, emotion, kind in zip(frame["id"], frame["emotion"], kinds, strict=True)
        ]

    def _assign_one(
        self, class_of: Mapping[str, str], clip: str, emotion: object, kind: object
    ) -> tuple[str | None, str]:
        if kind != "micro":
            said = kind if isinstance(kind, str) and kind else "not said to be micro"
            return None, f"{said}: no micro-expression"
        if not isinstance(emotion, str) or not emotion.strip():
            return None, "no emotion annotated"
        label = class_of.get(emotion_name(emotion))
        if label is None:
            return None, f"{emotion_name(emotion)} is in no class"
        reason = self.excluded.get(clip)
        return (label, "") if reason is None else (None, reason)


def by_name(*emotions: str) -> LabelMap:
    """Return the map that keeps some emotions as they are."""
    return LabelMap({emotion: (emotion,) for emotion in emotions})
