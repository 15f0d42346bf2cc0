"""Which action units occur together in each emotion of each imitated dataset.

``patterns.csv`` holds the counted combinations: how many clips of a class were coded with exactly
these units (``benchmarks/count_patterns.py``, from the coding tables of the datasets).  Drawing one of
them as often as it was counted gives the observed counts of every unit and of every pair, so classes
overlap as they do in life: AU4 is in the disgust *and* in the others of CASME II.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from merkit.errors import ConfigError, did_you_mean
from merkit.simulate.action_units import Side
from merkit.simulate.performance import EventKind

_FILE = Path(__file__).with_name("patterns.csv")

LIKES = ("casme2", "smic-hs", "samm", "casme-sq", "samm-lv", "default")
"""Datasets that can be imitated, by their names in merkit; ``default`` is the pool of CASME II and SAMM."""
_PATTERNS_OF: Mapping[tuple[str, EventKind], str] = {
    ("smic-hs", "micro"): "default",
    ("casme2", "macro"): "casme-sq",
    ("smic-hs", "macro"): "casme-sq",
    ("samm", "macro"): "casme-sq",
    ("default", "macro"): "casme-sq",
}
"""Whose combinations are drawn where a dataset has none: SMIC is not coded in action units, and only
CAS(ME)^2 and SAMM Long Videos hold macro-expressions."""
CLIPS: Mapping[str, Mapping[str, int]] = {
    "casme2": {
        "others": 99,
        "disgust": 63,
        "happiness": 32,
        "repression": 27,
        "surprise": 25,
        "sadness": 7,
        "fear": 2,
    },
    "smic-hs": {"negative": 70, "positive": 51, "surprise": 43},
    "samm": {
        "Anger": 57,
        "Other": 26,
        "Happiness": 26,
        "Surprise": 15,
        "Contempt": 12,
        "Disgust": 9,
        "Fear": 8,
        "Sadness": 6,
    },
    "casme-sq": {"negative": 21, "others": 19, "surprise": 9, "positive": 8},
    "samm-lv": {"": 159},
    "default": {"negative": 180, "positive": 58, "surprise": 40},
}
"""Micro-expressions of each class, spelled as the dataset spells it; SAMM Long Videos labels none.

Counted in the coding tables (CASME II: that of 2014); ``default`` is the MEGC 2019 composite without
SMIC."""
SIDES: Mapping[int, tuple[float, float]] = {
    1: (0.19, 0.03),
    2: (0.49, 0.23),
    4: (0.01, 0.01),
    6: (0.06, 0.12),
    7: (0.04, 0.0),
    9: (0.06, 0.0),
    10: (0.30, 0.35),
    12: (0.19, 0.10),
    14: (0.22, 0.16),
    15: (0.05, 0.10),
    20: (0.12, 0.25),
}
"""Shares of a unit that are on the left and on the right side alone, in CASME II and SAMM."""


def check_like(like: str) -> None:
    """Raise unless a dataset of this name can be imitated."""
    if like not in LIKES:
        raise ConfigError(
            f"like: {like!r} cannot be imitated{did_you_mean(like, LIKES)}; choose from {', '.join(LIKES)}"
        )


def emotion_shares(like: str, kind: EventKind = "micro") -> dict[str, float]:
    """How often each class occurs in a dataset; the shares sum to 1.

    >>> {name: round(share, 2) for name, share in emotion_shares("smic-hs").items()}
    {'negative': 0.43, 'positive': 0.31, 'surprise': 0.26}
    """
    check_like(like)
    if kind == "micro":
        clips: Mapping[str, int] = CLIPS[like]
    else:
        clips = {name: sum(found.values()) for name, found in _patterns(like, kind).items()}
    return {name: count / sum(clips.values()) for name, count in clips.items()}


def draw_pattern(
    like: str, rng: np.random.Generator, emotion: str | None = None, kind: EventKind = "micro"
) -> tuple[str, tuple[int, ...]]:
    """An emotion as the dataset spells it, and the action units of one expression of it.

    Parameters
    ----------
    like : str
        One of :data:`LIKES`.
    rng : numpy.random.Generator
    emotion : str, optional
        Drawn from :func:`emotion_shares` where it is not given; upper and lower case are equal.
    kind : {"micro", "macro"}
    """
    shares = emotion_shares(like, kind)
    if emotion is None:
        emotion = list(shares)[int(rng.choice(len(shares), p=list(shares.values())))]
    spelled = {name.casefold(): name for name in shares}
    if emotion.casefold() not in spelled:
        raise ConfigError(
            f"emotion: {emotion!r} is not labelled in {like}{did_you_mean(emotion, shares)}; choose from "
            + ", ".join(repr(name) for name in shares)
        )
    emotion = spelled[emotion.casefold()]
    found = _patterns(like, kind)[emotion]
    weights = np.array(list(found.values()), dtype=np.float64)
    return emotion, list(found)[int(rng.choice(len(found), p=weights / weights.sum()))]


def draw_sides(units: tuple[int, ...], rng: np.random.Generator) -> tuple[Side, ...]:
    """On which side each unit of one expression moves; units that are one-sided share the side."""
    place = rng.random()

    def side(unit: int) -> Side:
        left, right = SIDES.get(unit, (0.0, 0.0))
        return "left" if place < left else "right" if place >= 1 - right else "both"

    return tuple(side(unit) for unit in units)


@cache
def _patterns(like: str, kind: EventKind) -> dict[str, dict[tuple[int, ...], int]]:
    """Clips of each combination, by emotion."""
    source = _PATTERNS_OF.get((like, kind), like)
    found: dict[str, dict[tuple[int, ...], int]] = {}
    with _FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row["like"], row["kind"]) == (source, kind):
                units = tuple(int(unit) for unit in row["action_units"].split("+"))
                found.setdefault(row["emotion"], {})[units] = int(row["clips"])
    return found
