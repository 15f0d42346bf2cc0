"""What is known of action units beforehand: which, where in the face, and in which emotions."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)
"""J: the action units that are learnt, in the order of all columns."""
_WIDTH = 0.08  # standard deviation of a region, as a fraction of the width of the face
# Where a unit acts on the image-left side of the aligned face; the right side is its mirror image.
_LEFT = MappingProxyType(
    {
        1: (0.43, 0.20), 2: (0.29, 0.21), 4: (0.45, 0.24), 5: (0.34, 0.30),
        6: (0.28, 0.45), 7: (0.34, 0.35), 9: (0.46, 0.43), 10: (0.44, 0.60),
        12: (0.36, 0.68), 14: (0.33, 0.70), 15: (0.36, 0.74), 17: (0.46, 0.83),
    }
)  # fmt: skip
_PROTOTYPES = MappingProxyType(
    {
        "happiness": (6, 12),
        "sadness": (1, 4, 15),
        "surprise": (1, 2, 5),
        "fear": (1, 2, 4, 5, 7),
        "anger": (4, 5, 7),
        "disgust": (9, 10),
        "contempt": (12, 14),
    }
)
"""Those of `UNITS` that are part of an emotion whenever it is shown (EMFACS; Ekman, Friesen and Hager)."""
# Classes of several emotions; any other name, such as others, repression or tense, may be each of them.
_MEMBERS = MappingProxyType(
    {"positive": ("happiness",), "negative": ("anger", "contempt", "disgust", "fear", "sadness")}
)
_IN, _OUT = 0.8, 0.05  # how often a unit is shown with an emotion whose prototype has it, or has it not
_MOST_WEIGHT = 10.0


def region_priors(side: int) -> NDArray[np.float32]:
    """Where each unit acts: the larger of two Gaussians at its points, (J, side, side), up to 1.

    Valid for faces that are aligned by the recipe of :data:`merkit.inputs.aligned.RECIPE`.

    Parameters
    ----------
    side : int
        Rows and columns; the face is looked at in the middle of every cell.

    Examples
    --------
    >>> region_priors(14).shape
    (12, 14, 14)
    """
    at = (np.arange(side) + 0.5) / side
    maps = []
    for unit in UNITS:
        x, y = _LEFT[unit]
        rows = np.exp(-0.5 * ((at - y) / _WIDTH) ** 2)
        columns = np.maximum(*(np.exp(-0.5 * ((at - place) / _WIDTH) ** 2) for place in (x, 1.0 - x)))
        maps.append(np.outer(rows, columns))
    return np.stack(maps).astype(np.float32)


def present_units(aus: Sequence[str]) -> NDArray[np.bool_]:
    """Which of `UNITS` the annotation of a clip has, (J,).

    Side and intensity do not count; undecided and static units, and units that go away, are absent.

    Parameters
    ----------
    aus : sequence of str
        As of :class:`~merkit.clips.Clip`.

    Raises
    ------
    DataError
        If it is one text or holds anything but texts.
    AnnotationError
        If a text is no annotation of action units.

    Examples
    --------
    >>> [unit for unit, there in zip(UNITS, present_units(("L12", "4B", "7?"))) if there]
    [4, 12]
    """
    from merkit.datasets.action_units import ActionUnit, parse_action_units, present_numbers

    if isinstance(aus, str) or not all(isinstance(text, str) for text in aus):
        raise DataError(f"action units {aus!r}: expected a sequence of texts, such as ('4', 'L12')")
    items = [item for text in aus for item in parse_action_units(text)]
    numbers = present_numbers(
        item for item in items if not (isinstance(item, ActionUnit) and item.mark == "k")
    )
    return np.array([unit in numbers for unit in UNITS])


def prior_of(name: str) -> NDArray[np.float64]:
    """π: how often a clip of a class is thought to show each unit, before any clip was seen, (J,).

    Parameters
    ----------
    name : str
        An emotion, or a class of several: the mean over these; a name that is neither may be any emotion.

    Examples
    --------
    >>> prior_of("happiness")[[0, 4, 8]].tolist(), prior_of("negative")[2].round(2).item()
    ([0.05, 0.8, 0.8], 0.5)
    """
    key = name.strip().casefold()
    members = (key,) if key in _PROTOTYPES else _MEMBERS.get(key, tuple(_PROTOTYPES))
    rows = [[_IN if unit in _PROTOTYPES[each] else _OUT for unit in UNITS] for each in members]
    return np.asarray(np.mean(rows, axis=0))


def relation_matrix(
    present: NDArray[np.bool_],
    labelled: NDArray[np.bool_],
    truth: NDArray[np.intp],
    classes: Sequence[str],
    *,
    prior_weight: float = 2.0,
) -> NDArray[np.float64]:
    """R: how often the clips of a class show a unit, (C, J), smoothed by the prior.

    R_cj = (n_cj + η π_cj) / (n_c + η), of the labelled clips alone; a class without any has its prior.

    Parameters
    ----------
    present : bool array, shape (N, J)
        Of the training clips.
    labelled : bool array, shape (N,)
        Which clips have annotated units.
    truth : int array, shape (N,)
        Columns of their classes.
    classes : sequence of str
        Names of the C classes.
    prior_weight : float
        η; 0 for the plain frequencies.

    Raises
    ------
    DataError
        If the arrays do not fit each other.
    """
    labelled = np.asarray(labelled, dtype=bool)
    if present.shape != (len(truth), len(UNITS)) or labelled.shape != (len(truth),):
        raise DataError(
            f"relation matrix: units of shape {present.shape}, labelled {labelled.shape}: of {len(truth)} "
            f"labels give ({len(truth)}, {len(UNITS)}) and ({len(truth)},)"
        )
    rows = []
    for column, name in enumerate(classes):
        own = present[labelled & (truth == column)]
        prior = prior_of(str(name))
        clips = len(own) + prior_weight
        rows.append((own.sum(axis=0) + prior_weight * prior) / clips if clips else prior)
    return np.stack(rows)


def positive_weights(
    present: NDArray[np.bool_], labelled: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What a clip that shows a unit counts against one that does not, and which units can be learnt.

    Parameters
    ----------
    present : bool array, shape (N, J)
    labelled : bool array, shape (N,)

    Returns
    -------
    weights : float array, shape (J,)
        Clips without the unit by clips with it, 10 at most; 1 where it cannot be learnt.
    learnable : bool array, shape (J,)
        Whether some clips show it and some do not.

    Examples
    --------
    >>> present = np.zeros((5, 12), bool); present[:2, 0] = True; present[4, 1] = True
    >>> weights, learnable = positive_weights(present, np.array([True] * 4 + [False]))
    >>> weights[:2].tolist(), learnable[:2].tolist()
    ([1.0, 1.0], [True, False])
    """
    labelled = np.asarray(labelled, dtype=bool)
    shown = present[labelled].sum(axis=0)
    learnable = (shown > 0) & (shown < labelled.sum())
    weights = np.where(learnable, (labelled.sum() - shown) / np.maximum(shown, 1), 1.0)
    return np.minimum(weights, _MOST_WEIGHT), learnable
