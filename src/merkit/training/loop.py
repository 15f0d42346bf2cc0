"""The training loop of all networks: one stage, the same bytes for the same seed, also when resumed.

Every epoch starts from the state of the network and the optimiser and from random numbers of its own, which
follow from the seed and its number; so a checkpoint needs no state of a generator.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from merkit.errors import ConfigError, DataError
from merkit.training.balance import balanced_weights, oversampled, softened_weights
from merkit.training.checkpoint import load_checkpoint, save_checkpoint
from merkit.training.stage import Stage


class Examples(Protocol):
    """Training examples, made when they are asked for.

    Attributes
    ----------
    labels : int array, shape (N,)
        Classes 0 to C - 1.
    """

    labels: NDArray[np.intp]

    def batch(self, rows: NDArray[np.intp], rng: np.random.Generator) -> Any:
        """Inputs of the given rows, a tensor or a tuple of tensors; `rng` for augmentation."""
        ...


Loss = Callable[[nn.Module, Any, Tensor, Tensor | None], Mapping[str, Tensor]]
"""``loss(network, inputs, labels, class_weights)``: scalars by name, all of which are logged.

``"loss"`` is learnt from; it must be a mean over the examples of the batch.
"""


@dataclass(frozen=True)
class Trained:
    """How a stage went.

    Attributes
    ----------
    history : list of dict
        One an epoch: ``epoch``, ``lr``, the mean of every loss, and ``score`` where one was validated.
    epoch : int
        Whose weights the network has now.
    """

    history: list[dict[str, float]]
    epoch: int


def train(
    network: nn.Module,
    examples: Examples,
    loss: Loss,
    stage: Stage,
    *,
    seed: int = 0,
    device: str = "cpu",
    owner: str = "",
    checkpoints: Path | None = None,
    every: int = 5,
    validate: Callable[[nn.Module], float] | None = None,
    before_epoch: Callable[[int, nn.Module], None] | None = None,
    on_epoch: Callable[[int, nn.Module], None] | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Trained:
    """Train a network through one stage, and leave it in evaluation mode.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place and moved to `device`.  It may have ``parameter_groups(weight_decay)``: groups as
        an optimiser of torch takes them, with ``lr_scale`` where one learns at another rate.
    examples : Examples
    loss : callable
        See :data:`Loss`.
    stage : Stage
    seed : int
        Of the order of the examples, their augmentation and dropout.
    device : str
    owner : str
        Whatever else decides what is learnt, such as the settings of the augmentation and a digest of the
        examples, of which only the labels are known here: a checkpoint of another owner is not continued.
    checkpoints : Path, optional
        Folder, made if missing, in which the state is kept; a stage that finds its own state there goes on
        from it.
    every : int
        Epochs from one checkpoint to the next; the last epoch always makes one.
    validate : callable, optional
        Score of the network on clips that are held out *of the training clips*, higher is better.  With it
        the best epoch is kept, the earlier of equal ones; without it the last.
    before_epoch : callable, optional
        ``before_epoch(epoch, network)``, the network in training mode: sets what differs from epoch to epoch,
        such as which layers are frozen.  What it sets must follow from the epoch alone.
    on_epoch : callable, optional
        ``on_epoch(epoch, network)``, the network in evaluation mode.
    on_progress : callable, optional
        ``on_progress(epochs done, epochs, name of the stage)``.

    Returns
    -------
    Trained

    Raises
    ------
    DataError
        If there are no examples, a loss or a weight is not finite, or a checkpoint is of another training.
    """
    labels = np.asarray(examples.labels)
    if not len(labels):
        raise DataError(f"stage {stage.name}: no training examples")
    if every < 1:
        raise ConfigError(f"every={every}: expected a whole number of 1 or more")
    network.to(device)
    optimiser = _optimiser(network, stage)
    weights = _class_weights(labels, stage, device)
    file = None if checkpoints is None else checkpoints / f"{stage.name}.pt"
    known_by = _owner(network, labels, stage, seed, owner, selects=validate is not None)
    history: list[dict[str, float]] = []
    best: dict[str, Any] | None = None
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        stored = load_checkpoint(file, known_by)
        if stored is not None:
            network.load_state_dict(stored["network"])
            optimiser.load_state_dict(stored["optimiser"])
            history, best = stored["history"], stored["best"]
    with _reproducible(device):
        for epoch in range(len(history) + 1, stage.epochs + 1):
            rate = stage.schedule(epoch)
            for group in optimiser.param_groups:
                group["lr"] = rate * group.get("lr_scale", 1.0)
            network.train()
            if before_epoch is not None:
                before_epoch(epoch, network)
            means = _one_epoch(network, examples, labels, loss, weights, optimiser, stage, seed, epoch)
            history.append({"epoch": epoch, "lr": rate, **means})
            network.eval()
            if validate is not None:
                score = float(validate(network))
                history[-1]["score"] = score
                if best is None or score > best["score"]:
                    best = {"score": score, "epoch": epoch, "network": copy.deepcopy(network.state_dict())}
            if on_epoch is not None:
                on_epoch(epoch, network)
            if file is not None and (epoch % every == 0 or epoch == stage.epochs):
                state = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
                save_checkpoint(file, known_by, {**state, "history": history, "best": best})
            if on_progress is not None:
                on_progress(epoch, stage.epochs, stage.name)
    if best is not None:
        network.load_state_dict(best["network"])
    network.eval()
    return Trained(history, stage.epochs if best is None else int(best["epoch"]))


def _one_epoch(
    network: nn.Module, examples: Examples, labels: NDArray[np.intp], loss: Loss, weights: Tensor | None,
    optimiser: torch.optim.Optimizer, stage: Stage, seed: int, epoch: int,
) -> dict[str, float]:  # fmt: skip
    """All examples once; the mean of every loss over the examples."""
    rng = np.random.default_rng(_seed(seed, stage.name, epoch))
    torch.manual_seed(int(rng.integers(2**63)))
    device = next(network.parameters()).device
    rows = oversampled(labels, rng) if stage.balance == "oversample" else rng.permutation(len(labels))
    sums: defaultdict[str, float] = defaultdict(float)
    for group in _parts(rows, stage.batch * stage.accumulate):
        optimiser.zero_grad(set_to_none=True)
        for part in _parts(group, stage.batch):
            inputs = to_device(examples.batch(part, rng), device)
            with torch.autocast(device.type, torch.bfloat16, enabled=stage.precision == "bfloat16"):
                losses = loss(network, inputs, torch.as_tensor(labels[part], device=device), weights)
            # Of the whole group, so that a last one of fewer examples has its own mean.
            (losses["loss"] * (len(part) / len(group))).backward()
            for name, value in losses.items():
                sums[name] += float(value.detach()) * len(part)
        if not math.isfinite(sums["loss"]):
            raise _diverged(stage, epoch, f"the loss is {sums['loss']}")
        if stage.clip_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), stage.clip_norm)
        optimiser.step()
    # The step after the last loss may have been the one too far.
    if not all(bool(part.isfinite().all()) for part in network.state_dict().values()):
        raise _diverged(stage, epoch, "weights are not finite any more")
    return {name: total / len(rows) for name, total in sums.items()}


def _diverged(stage: Stage, epoch: int, what: str) -> DataError:
    return DataError(
        f"stage {stage.name}, epoch {epoch}: {what}; lower the rate of learning, set clip_norm, or look for "
        "values in the clips that are not finite"
    )


def _optimiser(network: nn.Module, stage: Stage) -> torch.optim.Optimizer:
    own = getattr(network, "parameter_groups", None)
    decay = stage.weight_decay
    groups: Any = own(decay) if own is not None else [{"params": list(network.parameters())}]
    if stage.optimiser == "sgd":
        return torch.optim.SGD(
            groups, lr=1.0, momentum=stage.momentum, nesterov=stage.nesterov, weight_decay=decay
        )
    kind = torch.optim.Adam if stage.optimiser == "adam" else torch.optim.AdamW
    # All parameters at once: of small networks on a CPU, a step takes a seventh less time.
    return kind(groups, lr=1.0, weight_decay=decay, fused=True)


def _class_weights(labels: NDArray[np.intp], stage: Stage, device: str) -> Tensor | None:
    weigh = {"weights": balanced_weights, "soft-weights": softened_weights}.get(stage.balance)
    if weigh is None:
        return None
    # A class of which all clips are held out does not come up in the loss.
    counts = np.bincount(labels)
    weights = np.ones(len(counts), np.float32)
    weights[counts > 0] = weigh(counts[counts > 0])
    return torch.from_numpy(weights).to(device)


def _parts(rows: NDArray[np.intp], size: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def to_device(inputs: Any, device: torch.device) -> Any:
    """A tensor, or a tuple of tensors, on a device."""
    if isinstance(inputs, tuple):
        return tuple(to_device(each, device) for each in inputs)
    return inputs.to(device)


def _seed(*parts: object) -> int:
    """A seed that no other parts give."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big")


def _owner(
    network: nn.Module, labels: NDArray[np.intp], stage: Stage, seed: int, owner: str, *, selects: bool
) -> str:
    """Everything that a checkpoint depends on, as far as it is known here."""
    sha = hashlib.sha256(labels.astype(np.int64).tobytes())
    for name, value in network.state_dict().items():
        sha.update(name.encode() + value.cpu().numpy().tobytes())
    return repr((stage, seed, selects, owner, sha.hexdigest()))


@contextlib.contextmanager
def _reproducible(device: str) -> Iterator[None]:
    """Deterministic operations, and the generators of torch left as they were."""
    kind = torch.device(device)
    devices = [kind.index or 0] if kind.type == "cuda" else []
    if devices:
        # Without it cuBLAS may add up in another order from call to call.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    memory: Any = torch.utils.deterministic
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
        memory.fill_uninitialized_memory,
    )
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    # Filling memory that is written next anyway takes a twentieth of the time of a small network.
    memory.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.backends.cudnn.benchmark = before[2]
        memory.fill_uninitialized_memory = before[3]
