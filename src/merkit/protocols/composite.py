"""The composite of MEGC2019: CASME II, SMIC-HS and SAMM in three classes, 442 clips of 68 subjects."""

from __future__ import annotations

from types import MappingProxyType

from merkit.protocols.folds import by_subject
from merkit.protocols.label_map import LabelMap
from merkit.protocols.protocol import Protocol

CLASSES = ("negative", "positive", "surprise")
"""In the order of the organisers' numbers."""

SMIC = LabelMap(MappingProxyType({name: (name,) for name in CLASSES}))
"""Three classes as annotated."""

# The organisers' list of CASME II is disgust and repression without two clips, and surprise as in the
# coding of 2014; the sadness and fear of CASME II are not in it, those of SAMM are.
CASME2 = LabelMap(
    MappingProxyType(
        {
            "negative": ("negative", "disgust", "repression"),
            "positive": ("positive", "happiness"),
            "surprise": ("surprise",),
        }
    ),
    excluded=MappingProxyType(
        {
            "sub04_EP12_01f": "not in the list of MEGC2019: has no apex",
            "sub05_EP09_05f": "not in the list of MEGC2019",
            "sub24_EP07_01": "not in the list of MEGC2019: sadness in the coding of 2014",
            "sub24_EP07_04f": "not in the list of MEGC2019: sadness in the coding of 2014",
            "sub24_EP10_03": "not in the list of MEGC2019: sadness in the coding of 2014",
        }
    ),
)
"""145 of the 255 clips, with either coding."""

SAMM = LabelMap(
    MappingProxyType(
        {
            "negative": ("negative", "anger", "contempt", "disgust", "fear", "sadness"),
            "positive": ("positive", "happiness"),
            "surprise": ("surprise",),
        }
    )
)
"""All but Other: 133 clips."""


def counts(negative: int, positive: int, surprise: int) -> dict[str, dict[str, int]]:
    """Return class counts that hold for every version of a table."""
    return {"*": {"negative": negative, "positive": positive, "surprise": surprise}}


EXPECTED = MappingProxyType(
    {"casme2": counts(88, 32, 25), "smic-hs": counts(70, 51, 43), "samm": counts(92, 26, 15)}
)

MEGC2019 = Protocol(
    name="megc2019",
    classes=CLASSES,
    datasets=("casme2", "smic-hs", "samm"),
    label_maps=MappingProxyType({"casme2": CASME2, "smic-hs": SMIC, "samm": SAMM}),
    expected_counts=EXPECTED,
    kind="composite",
    summary="MEGC2019 composite (CDE): 442 clips of CASME II, SMIC-HS and SAMM, 3 classes, 68 folds",
    splits=by_subject,
    need_all=True,
)
