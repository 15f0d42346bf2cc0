"""Where a network looks: class-activation maps from its gradients, and maps from what is covered up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from merkit.errors import ConfigError, DataError

Pair = int | tuple[int, int]
"""Rows and columns, or one number for both."""


def logits_of(output: Any) -> Tensor:
    """The logits of what a registered network returns: itself, or its part of that name."""
    found: Tensor = getattr(output, "logits", output)
    return found


def grad_cam(
    network: nn.Module,
    layer: nn.Module,
    inputs: Tensor,
    target: int,
    *,
    logits: Callable[[Any], Tensor] = logits_of,
    upsample: bool = False,
) -> NDArray[np.float32]:
    """What in the output of a layer speaks for a class, position by position (Grad-CAM).

    The network is judged in evaluation mode and left as it was: its mode, its gradients and its hooks.

    Parameters
    ----------
    network : torch.nn.Module
    layer : torch.nn.Module
        Any module inside it that is used once and gives a tensor (N, channels, ..., h, w).
    inputs : tensor
        One input, as the network takes it.
    target : int
        Column of the class.
    logits : callable
        The logits (1, num_classes) in what the network returns.
    upsample : bool
        Bring the maps to the last two axes of the input, bilinearly.

    Returns
    -------
    float32 array, shape (N, ..., h, w)
        0 or more, not scaled.  N is the first axis of the layer: 1, or the frames where a network takes
        these for a batch, as AKMNet does.

    Raises
    ------
    ConfigError
        If the layer is not used exactly once or does not lead to the logits, or there is no such class.

    Notes
    -----
    Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization"
    (ICCV 2017), equations 1 and 2.  A batch of frames has weights of its own for each.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    >>> grad_cam(network, network[0], torch.rand(1, 1, 8, 6), 2).shape
    (1, 6, 4)
    """
    seen: list[Tensor] = []

    def cut(module: nn.Module, given: Any, out: Any) -> Tensor:
        if not isinstance(out, Tensor) or out.ndim < 4:
            raise ConfigError(
                f"grad_cam: {type(module).__name__} gives no tensor (N, channels, h, w); name another layer"
            )
        # Nothing before the layer is needed, and it may be changed in place after it.
        seen.append(out.detach().requires_grad_())
        return seen[-1].clone()

    # Tensors of the inference mode take no part in gradients, even copies that are made in it.
    with torch.inference_mode(False), torch.enable_grad(), _evaluation(network):
        handle = layer.register_forward_hook(cut)
        try:
            with _recurrent_gradients(network):
                scores = logits(network(inputs.clone()))
                if len(seen) != 1:
                    raise ConfigError(
                        f"grad_cam: {type(layer).__name__} was used {len(seen)} times; name a layer of the "
                        "network that is used once"
                    )
                score = _one(scores, target)
                gradient = (
                    torch.autograd.grad(score, seen, allow_unused=True)[0] if score.requires_grad else None
                )
        finally:
            handle.remove()
    if gradient is None:
        raise ConfigError(
            f"grad_cam: no way leads from {type(layer).__name__} to the logits; name another layer"
        )
    values = seen[0].detach()
    weights = gradient.flatten(2).mean(dim=2).reshape(*values.shape[:2], *[1] * (values.ndim - 2))
    maps = functional.relu((weights * values).sum(dim=1))
    if upsample:
        size = (inputs.shape[-2], inputs.shape[-1])
        flat = maps.reshape(1, -1, *maps.shape[-2:])
        maps = functional.interpolate(flat, size, mode="bilinear").reshape(*maps.shape[:-2], *size)
    found: NDArray[np.float32] = maps.float().cpu().numpy()
    return found


def occlusion(
    predict: Callable[[Tensor], Tensor],
    inputs: Tensor,
    *,
    patch: Pair,
    stride: Pair,
    fill: float | Tensor = 0.0,
    batch: int = 16,
) -> NDArray[np.float64]:
    """How much the probability of each class drops when a patch is covered, pixel by pixel.

    Patches start every `stride` pixels and once more at the far edges, so that every pixel is covered.

    Parameters
    ----------
    predict : callable
        Probabilities (B, C) of a tensor (B, ..., H, W).
    inputs : tensor, shape (1, ..., H, W)
        One input; a patch is covered in all that lies between the first axis and the last two.
    patch, stride : int or (rows, columns)
        `stride` up to `patch`.
    fill : float or tensor
        What a patch is replaced by; a tensor must broadcast to `inputs`.
    batch : int
        Covered inputs that are judged at once; 1 for a network that takes one clip at a time.

    Returns
    -------
    float64 array, shape (C, H, W)
        The mean over the patches that cover a pixel; below 0 where covering it helps the class.

    Raises
    ------
    ConfigError
        For a patch, stride or batch that cannot be.
    DataError
        If there is more than one input, or `predict` gives no row for each.

    Notes
    -----
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (ECCV 2014), section 4.2.

    Examples
    --------
    >>> def predict(given):
    ...     bright = given[:, 0, :2, :2].mean(dim=(1, 2))
    ...     return torch.stack([bright, 1 - bright], dim=1)
    >>> occlusion(predict, torch.ones(1, 1, 4, 4), patch=2, stride=2)[0].tolist()[0]
    [1.0, 1.0, 0.0, 0.0]
    """
    if len(inputs) != 1 or inputs.ndim < 3:
        raise DataError(f"occlusion got inputs of shape {tuple(inputs.shape)}: give one, (1, ..., H, W)")
    if batch < 1:
        raise ConfigError(f"batch={batch}: expected a whole number of 1 or more")
    size = (inputs.shape[-2], inputs.shape[-1])
    patches, strides = _pair("patch", patch), _pair("stride", stride)
    for name, least, most in (("patch", patches, size), ("stride", strides, patches)):
        if least[0] > most[0] or least[1] > most[1]:
            raise ConfigError(f"{name}={least}: expected {most[0]} rows and {most[1]} columns at most")
    places = [(top, left) for top in _starts(size[0], patches[0], strides[0])
              for left in _starts(size[1], patches[1], strides[1])]  # fmt: skip
    with torch.no_grad():
        whole = _probabilities(predict, inputs)[0]
        filled = torch.as_tensor(fill, dtype=inputs.dtype, device=inputs.device).expand_as(inputs)
        drops, times = np.zeros((len(whole), *size)), np.zeros(size)
        for start in range(0, len(places), batch):
            part = places[start : start + batch]
            covered = inputs.repeat(len(part), *[1] * (inputs.ndim - 1))
            where = [(slice(top, top + patches[0]), slice(left, left + patches[1])) for top, left in part]
            for row, (rows, columns) in enumerate(where):
                covered[row, ..., rows, columns] = filled[0, ..., rows, columns]
            for (rows, columns), left_over in zip(where, _probabilities(predict, covered), strict=True):
                drops[:, rows, columns] += (whole - left_over)[:, None, None]
                times[rows, columns] += 1
    return drops / times


def _one(scores: Tensor, target: int) -> Tensor:
    if scores.ndim != 2 or len(scores) != 1 or not 0 <= target < scores.shape[1]:
        raise ConfigError(
            f"grad_cam: class {target} of logits of shape {tuple(scores.shape)}; give one input and a class "
            "from 0 to the last"
        )
    return scores[0, target]


def _probabilities(predict: Callable[[Tensor], Tensor], inputs: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = predict(inputs).double().cpu().numpy()
    if found.ndim != 2 or len(found) != len(inputs):
        raise DataError(
            f"occlusion: predict gave shape {found.shape} for {len(inputs)} inputs; it must give one row "
            "of probabilities each"
        )
    return found


def _pair(name: str, value: Pair) -> tuple[int, int]:
    rows, columns = (value, value) if isinstance(value, int) else value
    if rows < 1 or columns < 1:
        raise ConfigError(f"{name}={value}: expected whole numbers of 1 or more")
    return rows, columns


def _starts(length: int, patch: int, stride: int) -> list[int]:
    """Where patches begin; the last one ends at the edge."""
    last = length - patch
    return sorted({*range(0, last + 1, stride), last})


@contextmanager
def _evaluation(network: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards every module has the mode again that it had."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _recurrent_gradients(network: nn.Module) -> Iterator[None]:
    """Without cuDNN where there is a recurrent layer: it has no gradients for these in evaluation mode."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and not recurrent):
        yield
