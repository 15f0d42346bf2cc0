"""A trained model and its folder: weights in one file, and ``card.json``, which says what they are."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merkit.errors import DataError
from merkit.methods.training_set import about_with_people
from merkit.saving import made_folder, whole_file

if TYPE_CHECKING:
    from merkit.clips import Clip

CARD = "card.json"
FORMAT = 1
_DIGEST = "weights_sha256"


class SavedRecognizer(ABC):
    """A recognizer that tells classes by its probabilities, and can be saved once it is trained.

    Attributes
    ----------
    name : str
        Registered name.
    weights_file : str
        Name of the file of its weights.
    classes_ : array, shape (K,)
        Labels in sorted order, the order of the probabilities.
    card : dict
        What was written beside the weights; after `fit`, ``trained_subjects``.
    """

    name: str
    weights_file: ClassVar[str]
    classes_: NDArray[Any]
    card: dict[str, Any]

    @abstractmethod
    def predict_proba(self, clips: Sequence[Clip]) -> NDArray[np.float64]:
        """Class probabilities, shape (N, K)."""

    def predict(self, clips: Sequence[Clip]) -> NDArray[Any]:
        """The most probable class of each clip, shape (N,)."""
        best = self.predict_proba(clips).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def save(self, folder: str | Path, card: Mapping[str, Any] | None = None) -> None:
        """Write the weights (plain arrays) and ``card.json`` into a folder.

        Equal recognizers give equal bytes.

        Parameters
        ----------
        folder : path
            Made if it does not exist.
        card : mapping, optional
            More to say in the card (data, licence, scores), under ``about``; whom the model was trained on
            stays in it unless this says otherwise.
        """
        self._fitted()
        text = {
            "method": self.name,
            "classes": self.classes_.tolist(),
            **self._told(),
            "about": about_with_people(card, self.card),
        }
        write_model(folder, self.weights_file, self._write_weights, text)

    @abstractmethod
    def _fitted(self) -> Any:
        """What was learnt; refused where nothing was."""

    @abstractmethod
    def _told(self) -> dict[str, Any]:
        """What the card says of what was learnt, as plain values."""

    @abstractmethod
    def _write_weights(self, path: Path) -> None:
        """Write the weights to a file."""


def write_model(
    folder: str | Path, weights: str, write: Callable[[Path], object], card: Mapping[str, Any]
) -> None:
    """Write both files into a folder, which is made; a model that is there stays where one cannot be written.

    Parameters
    ----------
    folder : path
    weights : str
        Name of the file that ``write(path)`` writes.
    write : callable
    card : mapping
        Plain values; the format and a digest of the weights are added.

    Raises
    ------
    DataError
        If they cannot be written.
    """
    target = made_folder(folder)
    # Both are whole before either takes its name.
    with whole_file(target / CARD) as card_part, whole_file(target / weights) as part:
        write(part)
        text = {"format": FORMAT, **card, _DIGEST: _digest(part)}
        card_part.write_text(json.dumps(text, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_card(folder: str | Path, weights: str, method: str) -> dict[str, Any]:
    """The card of a model of this method; the weights beside it are those that it was written with.

    Raises
    ------
    DataError
        If it is of another method or format, or of other weights.
    OSError, ValueError, KeyError, TypeError
        If it cannot be read, or is no card.
    """
    place = Path(folder) / CARD
    card: dict[str, Any] = json.loads(place.read_text("utf-8"))
    if (card["method"], card["format"]) != (method, FORMAT):
        raise DataError(
            f"{place} is of method {card['method']}, format {card['format']}: "
            f"expected {method}, format {FORMAT}"
        )
    file = Path(folder) / weights
    if not file.is_file():
        raise DataError(f"{folder}: no {weights} here; copy the whole folder of the model")
    # Cards of before have no digest.
    if card.get(_DIGEST) not in (None, _digest(file)):
        raise DataError(
            f"{file}: damaged, or of another model than card.json beside it; copy the whole folder again, or "
            "train the model again"
        )
    return card


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
