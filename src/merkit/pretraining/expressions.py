"""Pre-train the part of a network that sees single pictures on expressions, as AKMNet's was on AffectNet."""

from __future__ import annotations

import contextlib
import hashlib
import json
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

from merkit.checks import check_flags, check_range, check_whole, check_word
from merkit.errors import ConfigError, DataError
from merkit.evaluation.run import check_device
from merkit.inputs.placement import FACES
from merkit.layers.seeding import seeded
from merkit.methods.networks import Network, PictureInput, get_network, list_picture_methods
from merkit.methods.settings import PUBLISHED, make_config
from merkit.pretraining.pictures import Pictures, left_out, read_pictures
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
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the colours of ImageNet, as is usual
_NOBODY = "the pictures show nobody of the datasets that are evaluated, as whoever trained this says"
_SOMEBODY = "the pictures show these people of datasets that are evaluated, as whoever trained this says"


@dataclass(frozen=True)
class Pretraining:
    """How the pictures are learnt.

    AKMNet's paper gives the classes and 1,000 pictures of each; everything else is merkit's choice.

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
        check_flags(self)
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


class ExpressionNet(nn.Module):
    """The part of a network that sees single pictures, the mean over the positions, a linear classifier.

    Input (N, 1, S, S) of a network that sees grey, else (N, 3, S, S), values from 0 to 1.  Output: logits
    (N, num_classes).  Give its ``state_dict()`` to :func:`merkit.training.pretrained.load_matching` with a
    network of the same method and settings: the part fits.

    Parameters
    ----------
    method : str
        A network that has such a part, see :class:`merkit.methods.networks.PictureInput`.
    settings : dataclass
        Of that network, with ``size`` and ``num_classes``.
    """

    def __init__(self, method: str, settings: Any) -> None:
        super().__init__()
        entry = get_network(method)
        seen = _seen(entry)
        self.size, self._part = settings.size, seen.part
        self.channels = 1 if seen.colour == "grey" else 3
        self.add_module(seen.part, entry.create(settings).get_submodule(seen.part))
        with torch.no_grad():
            width = self.eval()._maps(torch.zeros(1, self.channels, self.size, self.size)).shape[1]
        self.train()
        self.expression = nn.Linear(width, settings.num_classes)
        nn.init.xavier_normal_(self.expression.weight)
        nn.init.zeros_(self.expression.bias)

    def forward(self, faces: Tensor) -> Tensor:
        """Logits (N, num_classes) of faces (N, C, S, S).

        Raises
        ------
        DataError
            If the shape of the faces is not one that the network takes.
        """
        wanted = (self.channels, self.size, self.size)
        if faces.ndim != 4 or tuple(faces.shape[1:]) != wanted:
            shape = ", ".join(map(str, wanted))
            raise DataError(f"ExpressionNet got faces of shape {tuple(faces.shape)}: give (N, {shape})")
        out: Tensor = self.expression(self._maps(faces).mean(dim=(2, 3)))
        return out

    def _maps(self, faces: Tensor) -> Tensor:
        """The last maps (N, F, h, w) of the part."""
        if self.channels == 3:
            mean, spread = (faces.new_tensor(values)[:, None, None] for values in (_MEAN, _SPREAD))
            faces = (faces - mean) / spread
        out = self.get_submodule(self._part)(faces)
        maps: Tensor = out[-1] if isinstance(out, list) else out
        return maps


def pretrain_on_pictures(
    method: str,
    images: str | Path,
    folder: str | Path | None = None,
    *,
    config: str = PUBLISHED,
    overrides: Mapping[str, Any] = MappingProxyType({}),
    how: Pretraining | None = None,
    names: Mapping[str, str] = MappingProxyType({}),
    subjects: Sequence[str] = (),
    seed: int = 0,
    device: str = "cpu",
    on_note: Callable[[str], None] | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Pretrained:
    """Train the part of a network that sees single pictures to tell expressions.

    A tenth of the pictures is held out to report how well that works; nothing is chosen by it.

    Parameters
    ----------
    method : str
        See :func:`merkit.methods.networks.list_picture_methods`.
    images : path
        One folder of pictures a class, also further down.
    folder : path, optional
        Where weights and card are written; made if missing.  A training that was stopped goes on from there,
        and one that is finished is read.
    config : str
        Named configuration of the network that is to take the part.
    overrides : mapping, optional
        Settings that differ from it; the number of classes is that of the pictures.
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
    entry, how = get_network(method), how or Pretraining()
    seen = _seen(entry)
    if "num_classes" in overrides:
        raise ConfigError("num_classes: there are as many as the folders mean; leave it out")
    settings = make_config(method, entry.config, entry.configs, config, overrides)
    subjects = [_person(who) for who in subjects]
    check_device(device)
    pictures = read_pictures(
        Path(images), size=settings.size, per_class=how.per_class, colour=seen.colour, face=how.face,
        names=names, seed=seed, on_progress=on_progress,
    )  # fmt: skip
    if on_note is not None and (lacking := left_out(pictures)):
        on_note(lacking)
    settings = replace(settings, num_classes=len(pictures.classes))
    held_out = _held_out(pictures.labels, seed)
    planned = _plan(method, pictures, held_out, settings, how, subjects, seed)
    target = None if folder is None else Path(folder)
    if target is not None and (target / CARD).exists():
        return _finished(target, planned)
    resting = None if target is None else _resting_place(target, planned)
    learnt = np.setdiff1d(np.arange(len(pictures.labels)), held_out)
    network = seeded(seed, lambda: ExpressionNet(method, settings))
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
        """Faces (N, C, S, S), 0 to 1."""
        faces = torch.from_numpy(self.faces[rows]).float().div(255)
        faces = faces[:, None] if faces.ndim == 3 else faces.permute(0, 3, 1, 2).contiguous()
        return augmented(faces, rng) if self.augment else faces


def augmented(faces: Tensor, rng: np.random.Generator) -> Tensor:
    """Faces (N, C, S, S), half of them mirrored, and half enlarged by an eighth and cropped to their size."""
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


def _person(who: str) -> str:
    """A ``dataset/subject`` without blanks around its parts."""
    dataset, _, subject = (part.strip() for part in who.partition("/"))
    if not dataset or not subject or "/" in subject:
        raise ConfigError(f"subject {who!r}: expected dataset/subject, such as casme2/sub01")
    return f"{dataset}/{subject}"


def _seen(entry: Network) -> PictureInput:
    """How a network sees single pictures."""
    if entry.pictures is None:
        raise ConfigError(
            f"{entry.name!r} learns nothing from single pictures; {', '.join(list_picture_methods())} do, "
            "and every network learns from simulated clips"
        )
    return entry.pictures


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
    method: str, pictures: Pictures, held_out: NDArray[np.intp], settings: Any, how: Pretraining,
    subjects: Sequence[str], seed: int,
) -> dict[str, Any]:  # fmt: skip
    """Everything that a card says before there is a result, as plain values."""
    counts = {}
    for label, name in enumerate(pictures.classes):
        used, tested = (int((part == label).sum()) for part in (pictures.labels, pictures.labels[held_out]))
        counts[name] = {"files": pictures.found[name], "trained": used - tested, "held_out": tested}
    plan = {
        "format": FORMAT,
        "method": method,
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
