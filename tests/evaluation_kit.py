"""What the tests of the evaluation share: made-up clips, a protocol by subject, honest and other methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from merkit.clips import Clip, ClipTable

CLASSES = ("negative", "positive", "surprise")
_NAMES = {"casme2": "sub{0:02}_EP0{1}_01", "smic": "s{0:02}_s{0:02}_ne_{1:02}", "samm": "{0:03}_{0:03}_1_{1}"}


def flow_release(folder: Path) -> Path:
    """A release of 54 made-up maps of nine people in three datasets, as the published one is laid out."""
    rng = np.random.default_rng(0)
    flow, names, labels = [], [], []
    for pattern in _NAMES.values():
        for who in (1, 6, 7):
            for number in range(1, 7):
                k = number % 3
                field = rng.normal(128, 12, (28, 28, 3))
                field[9 * k : 9 * k + 9, 8:20, 1] += 12
                flow.append(field.clip(0, 255).astype(np.uint8))
                names.append(pattern.format(who, number))
                labels.append(k)
    np.savez(folder / "flow.npz", flow=np.stack(flow), sample_id=np.array(names), label=np.array(labels))
    return folder


def toy_table(
    subjects: int = 6, per_subject: int = 6, seed: int = 0, dataset: str = "toy", signal: float = 2.5
) -> ClipTable:
    """Clips with a flow map whose moving third tells the class, in noise."""
    rng = np.random.default_rng(seed)
    clips = []
    for number in range(subjects * per_subject):
        k = number % 3
        flow = rng.normal(0, 1.6, (28, 28, 2)).astype(np.float32)
        flow[9 * k : 9 * k + 9, 8:20, 1] += signal * rng.random()
        clips.append(
            Clip.from_array(
                np.zeros((2, 8, 8), np.uint8),
                id=f"s{number // per_subject:02}_{CLASSES[k]}_{number}",
                subject=f"s{number // per_subject:02}",
                dataset=dataset,
                emotion=CLASSES[k],
                features={"flow_map": flow},
            )
        )
    return ClipTable.from_clips(clips)


@dataclass
class Fold:
    name: str
    train: np.ndarray
    test: np.ndarray


@dataclass
class Selection:
    clips: ClipTable
    y: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...] = CLASSES
    dropped: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def datasets(self) -> np.ndarray:
        return self.clips.labels("dataset")


@dataclass
class BySubject:
    """Leave one subject out over all clips of all tables."""

    name: str = "toy-3class"
    kind: str = "single"

    def select(self, tables: Mapping[str, ClipTable]) -> Selection:
        clips = ClipTable.concat(tables.values())
        return Selection(clips, clips.labels("emotion"), clips.groups())

    def folds(self, selection: Selection) -> Iterator[Fold]:
        for who in sorted(set(selection.groups)):
            yield Fold(who, np.flatnonzero(selection.groups != who), np.flatnonzero(selection.groups == who))


@dataclass
class Given(BySubject):
    """The folds that a test wants, right or wrong."""

    splits: Sequence[tuple[Sequence[int], Sequence[int]]] = ()

    def folds(self, selection: Selection) -> Iterator[Fold]:
        for number, (train, test) in enumerate(self.splits):
            yield Fold(f"fold {number}", np.array(train), np.array(test))


class ByThirds:
    """Honest and quick: the class whose third of the face moved most in training."""

    name = "by-thirds"
    requires: tuple[str, ...] = ("flow_map",)
    card: Mapping[str, Any] = {}
    settings_seen_on = ("toy",)

    def __init__(self, epochs: int = 0) -> None:
        self.epochs = epochs

    def fit(self, clips, labels, groups, *, context=None):
        self.classes_ = np.unique(labels)
        motion = self.motion(clips)
        self.means_ = np.stack([motion[labels == name].mean(axis=0) for name in self.classes_])
        rng = np.random.default_rng(context.seed if context else 0)
        means = self.means_
        for epoch in range(self.epochs):
            # Every epoch is the same model in other noise, as late epochs of a small network are.
            self.means_ = means + rng.normal(0, 0.3, means.shape)
            if context is not None and context.on_epoch is not None:
                assert context.on_epoch(epoch, self.predict_proba) is None
        return self

    @staticmethod
    def motion(clips) -> np.ndarray:
        flows = np.stack([clip.features["flow_map"] for clip in clips])
        return np.stack([flows[:, 9 * k : 9 * k + 9, 8:20, 1].mean(axis=(1, 2)) for k in range(3)], axis=1)

    def predict_proba(self, clips):
        motion = self.motion(clips)
        distance = ((motion[:, None] - self.means_[None]) ** 2).sum(axis=2)
        powers = np.exp(-distance)
        return powers / powers.sum(axis=1, keepdims=True)

    def predict(self, clips):
        return self.classes_[self.predict_proba(clips).argmax(axis=1)]


def one_hot(names: Sequence[str]) -> np.ndarray:
    return np.eye(len(CLASSES))[[CLASSES.index(name) for name in names]]
