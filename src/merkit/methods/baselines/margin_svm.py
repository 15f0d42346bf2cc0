"""What both linear baselines do once they are trained: tell the class, abstain, save, load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from merkit.errors import ConfigError, DataError
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM
from merkit.methods.saved_model import SavedRecognizer, read_card

_MODEL = "model.npz"
_ARRAYS = ("mean", "scale", "coef", "intercept")

_Self = TypeVar("_Self", bound="MarginSVM")


class MarginSVM(SavedRecognizer):
    """A recognizer whose ``svm_`` is there once it is trained.

    Attributes
    ----------
    classes_ : array, shape (K,)
        Labels in sorted order, the order of the probabilities.
    abstain_below : float
        Top probability below which it abstains.
    sharpness_ : float
        Factor on the margins before the softmax.
    svm_ : PairwiseSVM
    settings_
        The settings in use: `config`, with what nested selection chose.
    card : dict
        What was written beside the weights, such as data and scores; after `fit`, ``trained_subjects``.
    """

    weights_file = _MODEL
    config_type: ClassVar[type[Any]]
    abstain_below: float
    sharpness_: float
    svm_: PairwiseSVM
    settings_: Any

    def __init__(self, config: Any = None) -> None:
        self.config: Any = config or self.config_type()
        self.card = {}

    def abstains(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Whether each row of probabilities (N, K) is too unsure to rely on, shape (N,)."""
        self._fitted()
        return np.asarray(np.asarray(probabilities).max(axis=1) < self.abstain_below)

    def _told(self) -> dict[str, Any]:
        return {
            "config": asdict(self.settings_),
            **self._learnt(),
            "sharpness": self.sharpness_,
            "abstain_below": self.abstain_below,
        }

    def _write_weights(self, path: Path) -> None:
        svm = self._fitted()
        np.savez(path, **{name: getattr(svm, name) for name in _ARRAYS})

    @classmethod
    def load(cls: type[_Self], folder: str | Path) -> _Self:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If a file is missing or does not hold such a recognizer.
        """
        try:
            text = read_card(folder, _MODEL, cls.name)
            with np.load(Path(folder) / _MODEL, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in _ARRAYS}
            _check_shapes(arrays, len(text["classes"]))
            model = cls(cls.config_type(**text["config"]))
            model.settings_ = model.config
            model.svm_ = PairwiseSVM(**arrays, n_classes=len(text["classes"]))
            model.classes_ = np.asarray(text["classes"])
            model._take_learnt(text)
            model.sharpness_, model.abstain_below = float(text["sharpness"]), float(text["abstain_below"])
            model.card = text["about"]
        except (OSError, EOFError, ValueError, KeyError, TypeError, ConfigError, BadZipFile) as error:
            raise DataError(f"{folder} does not hold a saved {cls.name} ({error}): save one there") from error
        return model

    def _learnt(self) -> dict[str, Any]:
        """What else was learnt, for the card, as plain values."""
        return {}

    def _take_learnt(self, card: Mapping[str, Any]) -> None:
        """Take back from a card what `_learnt` put there."""

    def _forget(self) -> None:
        """If a training is stopped, the machine of one before must not answer with the new classes."""
        self.__dict__.pop("svm_", None)

    def _fitted(self) -> PairwiseSVM:
        if not hasattr(self, "svm_"):
            raise ConfigError(f"this {self.name} has not been trained: call fit first, or load a trained one")
        return self.svm_


def _check_shapes(arrays: Mapping[str, NDArray[Any]], classes: int) -> None:
    pairs, features = classes * (classes - 1) // 2, arrays["mean"].size
    wanted = {"mean": (features,), "scale": (features,), "coef": (pairs, features), "intercept": (pairs,)}
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, {classes} classes need {shape}")
