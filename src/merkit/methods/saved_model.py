"""The folder of a trained model: weights in one file, and ``card.json``, which says what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from merkit.errors import DataError
from merkit.saving import made_folder, whole_file

CARD = "card.json"
FORMAT = 1
_DIGEST = "weights_sha256"


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
    # Cards of before have no digest.
    if card.get(_DIGEST) not in (None, _digest(Path(folder) / weights)):
        raise DataError(f"{place} is the card of other weights than {weights} beside it: save it again")
    return card


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
