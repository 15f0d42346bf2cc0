"""Measured motion in words, and the action units it is consistent with."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_scan import FROWN, NAMES, SMILE, SURPRISE

from merkit.analysis.words import action_units, describe_regions, direction_words


def motion_of(moves: dict[str, tuple[float, float]], scale: float = 1.5) -> np.ndarray:
    motion = np.zeros((len(NAMES), 2))
    for i, (name, side) in enumerate(NAMES):
        out, up = moves.get(name, (0.0, 0.0))
        motion[i] = scale * np.array([{"left": 1.0, "right": -1.0, "both": 0.0}[side] * out, -up])
    return motion


@pytest.mark.parametrize(
    ("moves", "units", "first"),
    [
        (SMILE, {"AU12", "AU6"}, "lip corners"),
        (FROWN, {"AU4"}, "brows"),
        (SURPRISE, {"AU1", "AU2"}, "brows"),
        ({"nose wing": (0.0, 0.8), "upper lip": (0.0, 0.7)}, {"AU9", "AU10"}, "nose"),
        ({"lip corner": (0.1, -0.8)}, {"AU15"}, "lip corners"),
        ({"chin": (0.0, 0.7)}, {"AU17"}, "chin"),
        ({"lip corner": (0.8, 0.0)}, {"AU14 or AU20"}, "lip corners"),
        ({"inner brow": (-0.8, 0.0)}, {"AU4"}, "brows"),
    ],
)
def test_patterns_name_their_action_units(moves: dict, units: set[str], first: str) -> None:
    motion = motion_of(moves)
    assert {e.au for e in action_units(motion)} == units
    assert describe_regions(motion, 1.0)[0].name == first


def test_one_sided_motion_is_said_to_be_one_sided() -> None:
    motion = motion_of(SMILE)
    motion[[side == "left" for _, side in NAMES]] = 0.0
    (smile,) = [e for e in action_units(motion) if e.au == "AU12"]
    assert smile.because.startswith("the right lip corner moved up")
    assert {r.side for r in describe_regions(motion, 1.0)} == {"right"}


def test_a_mirrored_face_mirrors_its_words() -> None:
    rng = np.random.default_rng(0)
    motion = rng.normal(0, 1, (len(NAMES), 2))
    swap = [NAMES.index((n, {"left": "right", "right": "left", "both": "both"}[s])) for n, s in NAMES]
    mirrored = motion[swap] * (-1.0, 1.0)
    swapped = {"left": "right", "right": "left", "both": "both"}
    here = {(r.name, r.side, r.words) for r in describe_regions(motion, 1.0) if r.side != "both"}
    there = {(r.name, swapped[r.side], r.words) for r in describe_regions(mirrored, 1.0) if r.side != "both"}
    assert here == there
    assert {e.au for e in action_units(motion)} == {e.au for e in action_units(mirrored)}


def test_a_still_face_says_nothing() -> None:
    still = np.full((len(NAMES), 2), 0.01)
    assert describe_regions(still, 1.0) == ()
    assert action_units(still) == ()


@pytest.mark.parametrize(
    ("vector", "side", "words", "degrees"),
    [
        ((1, 0), "left", "outwards", 0),
        ((-1, 0), "left", "inwards", 180),
        ((-1, 0), "right", "outwards", 180),
        ((0, -1), "right", "up", 90),
        ((0, 1), "both", "down", 270),
        ((0.7, -0.7), "left", "up and outwards", 45),
        ((1, 0), "both", "to the person's left", 0),
    ],
)
def test_directions(vector: tuple[float, float], side: str, words: str, degrees: float) -> None:
    assert direction_words(np.array(vector, float), side) == words
    motion = np.zeros((len(NAMES), 2))
    rows = [i for i, (_, s) in enumerate(NAMES) if s == side]
    motion[rows] = vector
    found = [r for r in describe_regions(motion, 1.0) if r.side == side]
    assert found
    assert all(r.direction_deg == pytest.approx(degrees) for r in found)
