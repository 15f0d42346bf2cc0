"""One dataset at a time, in the classes that papers use; the class counts are those of complete copies."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from merkit.protocols import composite
from merkit.protocols.folds import by_subject
from merkit.protocols.label_map import LabelMap, by_name
from merkit.protocols.protocol import Protocol

THREE = LabelMap(
    MappingProxyType(
        {
            "negative": ("negative", "anger", "contempt", "disgust", "fear", "repression", "sadness"),
            "positive": ("positive", "happiness"),
            "surprise": ("surprise",),
        }
    )
)
"""The classes of MEGC2019, for any dataset; tense and others are left out."""

FOUR = LabelMap(
    MappingProxyType(
        {
            "positive": ("positive", "happiness"),
            "negative": ("negative", "anger", "contempt", "disgust", "fear", "sadness"),
            "surprise": ("surprise",),
            "others": ("others", "repression", "tense"),
        }
    )
)
"""The merge of STRCN and AKMNet: nothing is left out, repression and tense are others."""

THREE_OF = MappingProxyType({"casme2": composite.CASME2, "*": THREE})
"""Three classes of every dataset, CASME II by the list of MEGC2019."""

_SEVEN = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
_CASME2_FIVE = ("happiness", "disgust", "surprise", "repression", "others")
_SAMM_FIVE = ("anger", "contempt", "happiness", "others", "surprise")
_MMEW_SEVEN = ("happiness", "surprise", "disgust", "others", "fear", "sadness", "anger")

Counts = Mapping[str, tuple[int, ...]]

# Dataset, name, map, and the counts in the order of its classes by version of the annotation table.
_SINGLE: tuple[tuple[str, str, LabelMap, Counts], ...] = (
    ("casme", "3class", THREE, {"189 rows": (94, 7, 20)}),
    ("casme", "4class", FOUR, {"189 rows": (7, 55, 20, 107)}),
    (
        "casme",
        "4emotions",
        by_name("tense", "disgust", "repression", "surprise"),
        {"189 rows": (68, 45, 39, 20)},
    ),
    (
        "casme",
        "8class",
        by_name("tense", "disgust", "repression", "surprise", "happiness", "sadness", "contempt", "fear"),
        {"189 rows": (68, 45, 39, 20, 7, 6, 2, 2)},
    ),
    ("casme2", "3class", composite.CASME2, {"*": (88, 32, 25)}),
    ("casme2", "4class", FOUR, {"2014-05-08": (32, 72, 25, 126), "2019-07-01": (32, 69, 28, 126)}),
    (
        "casme2",
        "5class",
        by_name(*_CASME2_FIVE),
        {"2014-05-08": (32, 63, 25, 27, 99), "2019-07-01": (32, 63, 28, 27, 99)},
    ),
    (
        "casme2",
        "7class",
        by_name(*_CASME2_FIVE, "sadness", "fear"),
        {"2014-05-08": (32, 63, 25, 27, 99, 7, 2), "2019-07-01": (32, 63, 28, 27, 99, 4, 2)},
    ),
    ("smic-hs", "3class", composite.SMIC, {"*": (70, 51, 43)}),
    ("smic-vis", "3class", composite.SMIC, {}),
    ("smic-nir", "3class", composite.SMIC, {}),
    ("smic-hs-long", "3class", composite.SMIC, {"HS-E apex": (70, 51, 43)}),
    ("samm", "3class", composite.SAMM, {"*": (92, 26, 15)}),
    ("samm", "4class", FOUR, {"v2": (26, 92, 15, 26)}),
    ("samm", "5class", by_name(*_SAMM_FIVE), {"v2": (57, 12, 26, 26, 15)}),
    ("samm", "7class", by_name(*_SEVEN), {"v2": (57, 12, 9, 8, 26, 6, 15)}),
    ("samm", "8class", by_name(*_SEVEN, "others"), {"v2": (57, 12, 9, 8, 26, 6, 15, 26)}),
    ("casme-sq", "3class", THREE, {"*": (21, 8, 9)}),
    ("casme-sq", "4class", FOUR, {"*": (8, 21, 9, 19)}),
    ("casme3-a", "3class", THREE, {"*": (457, 55, 187)}),
    ("casme3-a", "4class", FOUR, {"*": (55, 457, 187, 161)}),
    (
        "casme3-a",
        "7class",
        by_name("anger", "disgust", "fear", "happiness", "others", "sadness", "surprise"),
        {"*": (64, 250, 86, 55, 161, 57, 187)},
    ),
    ("mmew", "3class", THREE, {"*": (109, 36, 89)}),
    ("mmew", "4class", FOUR, {"*": (36, 109, 89, 66)}),
    ("mmew", "7class", by_name(*_MMEW_SEVEN), {"*": (36, 89, 72, 66, 16, 13, 8)}),
    ("4dme", "3class", THREE, {}),
    ("4dme", "5class", by_name("positive", "negative", "surprise", "repression", "others"), {}),
    (
        "dfme",
        "3class",
        THREE,
        {"train": (1352, 206, 298), "test A": (310, 63, 101), "test B": (209, 42, 48)},
    ),
    (
        "dfme",
        "7class",
        by_name(*_SEVEN),
        {
            "train": (161, 100, 548, 265, 206, 278, 298),
            "test A": (39, 34, 129, 62, 63, 46, 101),
            "test B": (41, 37, 58, 38, 42, 35, 48),
        },
    ),
)


def _protocol(dataset: str, name: str, labels: LabelMap, counts: Counts) -> Protocol:
    classes = tuple(labels.classes)
    return Protocol(
        name=f"{dataset}-{name}",
        classes=classes,
        datasets=(dataset,),
        label_maps=MappingProxyType({dataset: labels}),
        expected_counts=MappingProxyType(
            {dataset: {version: dict(zip(classes, row, strict=True)) for version, row in counts.items()}}
        ),
        kind="single",
        summary=f"{dataset} in {len(classes)} classes: {', '.join(classes)}; leave one subject out",
        splits=by_subject,
        need_all=True,
    )


SINGLE: Mapping[str, Protocol] = MappingProxyType(
    {protocol.name: protocol for protocol in (_protocol(*row) for row in _SINGLE)}
)
"""Protocols of one dataset, by name."""
