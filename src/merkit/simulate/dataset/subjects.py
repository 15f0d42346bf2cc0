"""The people of a simulated dataset: what differs between them, drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from merkit.simulate.dataset.streams import stream

_EXPRESSIVE_SPREAD, _EXPRESSIVE = 0.25, (0.6, 1.6)
_LEAN = 0.1
_NOISE, _SWAY = (0.85, 1.15), (0.5, 1.5)
_BRIGHTNESS, _WARMTH, _SIDE_LIGHT = (0.88, 1.08), 0.04, 0.12


@dataclass(frozen=True)
class Subject:
    """One subject.

    Parameters
    ----------
    number : int
        From 0.
    identity : int
        Seed of the face that the 3D head draws, with its skin and light.
    mirrored : bool
        Whether a portrait is turned left to right.
    face_px : float
        Width of the face in the frames.
    brightness, warmth, side_light : float
        How a portrait is lit: a factor, a shift from blue to red, and how much brighter its right side
        is than its left, as shares.
    expressive : float
        Factor on every displacement.
    place : float
        The same for recipes that draw displacements from a range: where in it, 0 to 1.
    lean : float
        Added to the asymmetry of every movement.
    noise, sway : float
        Factors on the noise of the camera and on the movements of the head.
    """

    number: int
    identity: int
    mirrored: bool
    face_px: float
    brightness: float
    warmth: float
    side_light: float
    expressive: float
    place: float
    lean: float
    noise: float
    sway: float


def draw_subject(seed: int, number: int, face_px: tuple[float, float]) -> Subject:
    """Draw the ``number``-th person, whose face is so many pixels wide.

    Equal seeds and numbers give equal people, however many there are.
    """
    rng = stream(seed, "subject", number)

    def between(low: float, high: float) -> float:
        return round(float(rng.uniform(low, high)), 4)

    return Subject(
        number=number,
        identity=int(rng.integers(2**31)),
        mirrored=bool(rng.random() < 0.5),
        face_px=round(float(rng.uniform(*face_px)), 2),
        brightness=between(*_BRIGHTNESS),
        warmth=between(-_WARMTH, _WARMTH),
        side_light=between(-_SIDE_LIGHT, _SIDE_LIGHT),
        expressive=round(float(np.clip(np.exp(_EXPRESSIVE_SPREAD * rng.standard_normal()), *_EXPRESSIVE)), 4),
        place=between(0, 1),
        # In steps, so that few fields have to be made.
        lean=round(round(float(rng.uniform(-_LEAN, _LEAN)) / 0.05) * 0.05, 2),
        noise=between(*_NOISE),
        sway=between(*_SWAY),
    )


def deal(shares: dict[str, float], subjects: int, clips: int, rng: np.random.Generator) -> list[list[str]]:
    """Deal classes to the clips of each person, together as often as ``shares`` say.

    A class with any share is dealt at least once where there are enough clips; who gets which is drawn,
    so people differ.

    Examples
    --------
    >>> dealt = deal({"a": 0.7, "b": 0.3}, 2, 5, np.random.default_rng(0))
    >>> sorted(sum(dealt, []))
    ['a', 'a', 'a', 'a', 'a', 'a', 'a', 'b', 'b', 'b']
    """
    total = subjects * clips
    wanted = {name: share * total for name, share in shares.items()}
    counts = {name: max(int(count), 1) for name, count in wanted.items()}
    # Largest remainders: first add, then take away where the least was forced up.
    while sum(counts.values()) < total:
        counts[max(wanted, key=lambda name: wanted[name] - counts[name])] += 1
    while sum(counts.values()) > total:
        # The last clip of a class goes only where there are fewer clips than classes.
        counts[
            min(wanted, key=lambda name: (counts[name] < 2, counts[name] < 1, wanted[name] - counts[name]))
        ] -= 1
    names = [name for name, count in counts.items() for _ in range(count)]
    order = rng.permutation(total)
    return [[names[order[subject * clips + clip]] for clip in range(clips)] for subject in range(subjects)]


def deal_evenly(classes: list[str], subjects: int, clips: int, rng: np.random.Generator) -> list[list[str]]:
    """Deal classes so that every person has each equally often, as far as the number of clips allows."""
    dealt = []
    for subject in range(subjects):
        # What is left over goes round, so that all classes are equally often in all people together.
        left = [
            classes[(subject * (clips % len(classes)) + k) % len(classes)]
            for k in range(clips % len(classes))
        ]
        mine = [*classes * (clips // len(classes)), *left]
        dealt.append([mine[place] for place in rng.permutation(clips)])
    return dealt
