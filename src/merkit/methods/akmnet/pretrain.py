"""Pre-train the backbone of AKMNet on pictures of expressions, as the paper did on AffectNet (§IV-B)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from merkit.errors import ConfigError, DataError
from merkit.inputs.placement import FACES
from merkit.methods.akmnet.config import AKMNetSettings
from merkit.methods.akmnet.pictures import Pictures, left_out, read_pictures
from merkit.methods.akmnet.pretraining import ExpressionNet
from merkit.methods.network_config import check_range, check_whole, check_word
from merkit.saving import plain_refusals, write_whole
from merkit.training.loop import train
from merkit.training.pretrained import CARD, WEIGHTS, Pretrained, load_pretrained
from merkit.training.schedules import OscillatingCosine
from merkit.training.stage import Stage
from merkit.training.weights import write_weights

FORMAT = 1
KIND = "pretrained"
_UNFINISHED = "unfinished"
_HELD_OUT = 10  # one picture of so many
_NOBODY = "the pictures show nobody of the datasets that are evaluated, as whoever trained this says"
_SOMEBODY = "the pictures show these people of datasets that are evaluated, as whoever trained this says"


@dataclass(frozen=True)
class Pretraining:
    """How the backbone is pre-trained.

    The paper tells the number of pictures alone; everything else is merkit's choice.

    Parameters
    ----------
    per_class : int
        Pictures of a class at most, drawn by the seed.
    face : {"whole", "detect"}
        Whether pictures are faces already, as those of the usual sets, or faces are to be found in them.
    epochs : int
    batch : int
    rate : float
        First rate of learning; it falls along half a cosine.
    augment : bool
        Whether half of the pictures are mirrored, and half enlarged and cropped as clips are in training,
        anew in every epoch.
    """

    per_class: int = 1000
    face: str = "whole"
    epochs: int = 30
    batch: int = 64
    rate: float = 1e-2
    augment: bool = True

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        for name, least in (("per_class", 2), ("epochs", 1), ("batch", 2)):
            check_whole(self, name, least)
        check_word(self, "face", FACES)
        check_range(self, "rate", 1e-9, 10.0)

    @property
    def stage(self) -> Stage:
        """The same for the training loop; all classes come equally often."""
        return Stage(
            self.epochs,
            OscillatingCosine(self.rate, min(1e-8, self.rate), self.epochs),
            name=KIND,
            batch=self.batch,
            balance="oversample",
        )


def pretrain_akmnet(
    images: str | Path,
    folder: str | Path | None = None,
    *,
    settings: AKMNetSettings | None = None,
    how: Pretraining | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
    subjects: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    on_note: Callable[[str], None] | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Pretrained:
    """Train the backbone to tell expressions in single pictures.

    A tenth of the pictures is held out to report how well that works; nothing is chosen by it.

    Parameters
    ----------
    images : path
        One folder of pictures a class, also further down.
    folder : path, optional
        Where weights and card are written; made if missing.  A training that was stopped goes on from there,
        and one that is finished is read.
    settings : AKMNetSettings, optional
        Of the network that is to take the backbone; the number of classes is that of the pictures.
    how : Pretraining, optional
    names : mapping of str to str
        What folders mean beside the usual names: a class, or ``skip``.
    subjects : sequence of str
        Everybody in the pictures who is also in a dataset that will be evaluated, as ``dataset/subject``.
    seed : int
        Of the draw, the weights and the training.
    device : str
    on_note : callable, optional
        Told in one line what was left out.
    on_progress : callable, optional
        ``on_progress(done, all, stage)``.

    Returns
    -------
    Pretrained

    Raises
    ------
    DataError
        If the pictures will not do, or the folder holds another training.
    ConfigError
        For a value that is not allowed.
    """
    settings, how = settings or AKMNetSettings(), how or Pretraining()
    for who in subjects:
        if not re.fullmatch(r"[^/]+/[^/]+", who):
            raise ConfigError(f"subject {who!r}: expected dataset/subject, such as casme2/sub01")
    pictures = read_pictures(
        Path(images), size=settings.size, per_class=how.per_class, face=how.face, names=names, seed=seed,
        on_progress=on_progress,
    )  # fmt: skip
    if on_note is not None and (lacking := left_out(pictures)):
        on_note(lacking)
    settings = replace(settings, num_classes=len(pictures.classes))
    held_out = _held_out(pictures.labels, seed)
    planned = _plan(pictures, held_out, settings, how, subjects, seed)
    target = None if folder is None else Path(folder)
    if target is not None and (target / CARD).exists():
        return _finished(target, planned)
    resting = None if target is None else _resting_place(target, planned)
    learnt = np.setdiff1d(np.arange(len(pictures.labels)), held_out)
    network = _new_network(settings, seed)
    trained = train(
        network, _Faces(pictures.faces[learnt], pictures.labels[learnt], how.augment), _loss, how.stage,
        seed=seed, device=device, checkpoints=resting, on_progress=on_progress,
    )  # fmt: skip
    accuracy = _accuracy(network, _Faces(pictures.faces[held_out], pictures.labels[held_out]), how.batch)
    card = {**planned, "accuracy": round(accuracy, 6), "history": trained.history}
    state = {name: value.detach().cpu() for name, value in network.state_dict().items()}
    if target is not None and resting is not None:
        write_weights(target / WEIGHTS, state)
        write_whole(target / CARD, json.dumps(card, indent=2, ensure_ascii=False) + "\n")
        _tidy(resting)
    return Pretrained(state, tuple(subjects), card)


class _Faces:
    """Examples for the training loop."""

    def __init__(self, faces: NDArray[np.uint8], labels: NDArray[np.intp], augment: bool = False) -> None:
        self.faces, self.labels, self.augment = faces, labels, augment

    def batch(self, rows: NDArray[np.intp], rng: np.random.Generator) -> Tensor:
        """Faces (N, 1, S, S), 0 to 1."""
        faces = torch.from_numpy(self.faces[rows]).float().div(255)[:, None]
        return augmented(faces, rng) if self.augment else faces


def augmented(faces: Tensor, rng: np.random.Generator) -> Tensor:
    """Faces (N, 1, S, S), half of them mirrored, and half enlarged by an eighth and cropped to their size."""
    side = faces.shape[-1]
    larger = side + side // 8
    seen = faces.clone()
    mirrored, enlarged = rng.random((2, len(faces))) < 0.5
    seen[mirrored] = seen[mirrored].flip(3)
    places = rng.integers(larger - side + 1, size=(len(faces), 2))
    big = functional.interpolate(seen, size=(larger, larger), mode="bilinear", align_corners=False)
    for row in np.flatnonzero(enlarged):
        top, left = places[row]
        seen[row] = big[row, :, top : top + side, left : left + side]
    return seen


def _loss(network: nn.Module, faces: Any, labels: Tensor, weights: Tensor | None) -> Mapping[str, Tensor]:
    return {"loss": functional.cross_entropy(network(faces), labels, weights)}


def _new_network(settings: AKMNetSettings, seed: int) -> ExpressionNet:
    with torch.random.fork_rng(devices=()):
        torch.random.default_generator.manual_seed(seed)
        return ExpressionNet(settings)


def _held_out(labels: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """A tenth of the pictures of each class, one at least; drawn by picture, as people are not known."""
    rng = np.random.default_rng([seed, len(labels)])
    rows = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
    chosen = [rng.choice(own, max(round(len(own) / _HELD_OUT), 1), replace=False) for own in rows]
    return np.sort(np.concatenate(chosen))


def _accuracy(network: nn.Module, faces: _Faces, batch: int) -> float:
    """Share of the pictures whose class is told; the network is in evaluation mode."""
    device = next(network.parameters()).device
    hits, rng = 0, np.random.default_rng(0)
    with torch.inference_mode():
        for start in range(0, len(faces.labels), batch):
            rows = np.arange(start, min(start + batch, len(faces.labels)))
            said = network(faces.batch(rows, rng).to(device)).argmax(dim=1).cpu().numpy()
            hits += int((said == faces.labels[rows]).sum())
    return hits / len(faces.labels)


def _plan(
    pictures: Pictures, held_out: NDArray[np.intp], settings: AKMNetSettings, how: Pretraining,
    subjects: Sequence[str], seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Everything that a card says before there is a result, as plain values."""
    counts = {}
    for label, name in enumerate(pictures.classes):
        used, tested = (int((part == label).sum()) for part in (pictures.labels, pictures.labels[held_out]))
        counts[name] = {"files": pictures.found[name], "trained": used - tested, "held_out": tested}
    plan = {
        "format": FORMAT,
        "method": "akmnet",
        "kind": KIND,
        "classes": pictures.classes,
        "config": asdict(settings),
        "pretraining": asdict(how),
        "seed": seed,
        "pictures": counts,
        "folders": pictures.folders,
        "left_out": {"unreadable": len(pictures.unreadable), "without_a_face": len(pictures.faceless)},
        "sha256_of_faces": pictures.digest,
        "held_out": "a tenth of each class, drawn by picture: of one person some may be held out and others "
        "not; nothing was chosen by it",
        "about": {"trained_subjects": list(subjects), "statement": _SOMEBODY if subjects else _NOBODY},
    }
    plain: dict[str, Any] = json.loads(json.dumps(plan))
    return plain


def _finished(folder: Path, planned: Mapping[str, Any]) -> Pretrained:
    """What a folder holds, if it is what is wanted."""
    found = load_pretrained(folder)
    other = [name for name, value in _flat(planned) if (name, value) not in _flat(found.card)]
    if other:
        raise DataError(
            f"{folder / CARD}: is of a training with another {', '.join(other)}; choose another folder, or "
            "delete this one"
        )
    return found


def _flat(card: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Every value of a card with the names that lead to it."""
    pairs: list[tuple[str, Any]] = []
    for name, value in card.items():
        inner = isinstance(value, Mapping)
        pairs += _flat(value, f"{before}{name}.") if inner else [(before + name, value)]
    return pairs


def _resting_place(folder: Path, planned: Mapping[str, Any]) -> Path:
    """Where the state of this training is kept until it is finished, and of no other.

    The loop knows its examples by their labels alone.
    """
    own = hashlib.sha256(json.dumps(planned).encode()).hexdigest()[:12]
    place = folder / _UNFINISHED / own
    with plain_refusals(place):
        place.mkdir(parents=True, exist_ok=True)
    return place


def _tidy(resting: Path) -> None:
    """Remove the state of a training that is finished; what other trainings left stays."""
    (resting / f"{KIND}.pt").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        resting.rmdir()
        resting.parent.rmdir()
