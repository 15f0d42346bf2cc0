"""Training examples of FAL-ConvLSTM: frames of a clip, all augmented alike, and its action units."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merkit.cache.step import in_memory
from merkit.clips import Clip
from merkit.layers.resampling import resampled
from merkit.methods.fal_convlstm.config import FEATURE, JITTER, POSITIONS, FALConfig
from merkit.methods.fal_convlstm.inputs import picked
from merkit.methods.fal_convlstm.units import UNITS, present_units

# Of the pictures that usual weights of ResNet-18 were learnt from, by colour.
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_GREY_MEAN, _GREY_SPREAD = 0.449, 0.226
_ENHANCED = 4.0
_TURN = 4.0  # degrees
_LIGHT = 0.1


class Annotated:
    """The action units of some clips.

    Attributes
    ----------
    present : bool array, shape (N, J)
    labelled : bool array, shape (N,)
        Which clips have annotated units; the others say nothing of any.
    """

    def __init__(self, clips: Sequence[Clip]) -> None:
        self.present: NDArray[np.bool_] = np.array([present_units(clip.aus) for clip in clips]).reshape(
            -1, len(UNITS)
        )
        self.labelled: NDArray[np.bool_] = np.array([bool(clip.aus) for clip in clips])


class Examples:
    """Training clips with their faces and action units.

    Batches are tuples: clips (B, 3, T, S, S), present units (B, J), and which clips are labelled (B,).

    Parameters
    ----------
    clips : sequence of Clip
    labels : int array, shape (N,)
    config : FALConfig
    pairs : bool
        Give onset and apex alone, see :func:`onset_and_apex`.
    """

    def __init__(
        self, clips: Sequence[Clip], labels: NDArray[np.intp], config: FALConfig, *, pairs: bool = False
    ) -> None:
        self.labels = labels
        self.units = Annotated(clips)
        # Read once: in every epoch a clip is asked for again.
        self._clips = [in_memory(clip, FEATURE, POSITIONS) for clip in clips]
        self._config, self._pairs = config, pairs

    def batch(self, rows: NDArray[np.intp], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Clips of the given rows, each augmented in its own way."""
        given = torch.stack([self._one(self._clips[row], rng) for row in rows])
        units = self.units
        return given, torch.from_numpy(units.present[rows]), torch.from_numpy(units.labelled[rows])

    def _one(self, clip: Clip, rng: np.random.Generator) -> Tensor:
        config = self._config
        moves = rng if config.augment else None
        frames = onset_and_apex(clip) if self._pairs else seen_frames(clip, config, moves)
        cut = augmented(_tensor(frames), config, rng) if config.augment else _inner(frames, config)
        return as_seen(cut, config.view)


def judged(clip: Clip, config: FALConfig) -> Tensor:
    """What the network is given of a clip that is judged, (1, 3, T, S, S)."""
    return as_seen(_inner(seen_frames(clip, config), config), config.view)[None]


def seen_frames(clip: Clip, config: FALConfig, rng: np.random.Generator | None = None) -> NDArray[np.uint8]:
    """The T faces that the network sees, (T, S', S'[, 3]); with `rng` from ends that are moved a little."""
    frames = np.asarray(clip.features[FEATURE])
    if config.mode == "tim":
        return frames
    positions = np.asarray(clip.features[POSITIONS])
    first, last = 0, clip.n_frames - 1
    if rng is not None:
        moves = rng.integers(-JITTER, JITTER + 1, size=2)
        start, stop = max(int(moves[0]), int(positions[0])), min(last + int(moves[1]), int(positions[-1]))
        # A clip may be too short for both ends to move towards each other.
        first, last = (start, stop) if start <= stop else (first, last)
    return frames[np.searchsorted(positions, picked(first, last, config.length))]


def onset_and_apex(clip: Clip) -> NDArray[np.uint8]:
    """The faces at onset and apex, (2, S', S'[, 3]), of those that are kept.

    The apex is the face that is nearest to the annotated one; where none is annotated, the one that differs
    most from the onset.
    """
    frames, positions = np.asarray(clip.features[FEATURE]), np.asarray(clip.features[POSITIONS])
    onset = int(np.abs(positions).argmin())
    if clip.apex is not None:
        start = 0 if clip.onset is None else clip.index(clip.onset)
        apex = int(np.abs(positions - (clip.index(clip.apex) - start)).argmin())
    else:
        inside = (positions >= 0) & (positions <= clip.n_frames - 1)
        change = np.abs(frames.astype(np.float32) - frames[onset]).reshape(len(frames), -1).mean(axis=1)
        apex = int(np.where(inside, change, -1.0).argmax())
    return frames[[onset, apex]]


def augmented(frames: Tensor, config: FALConfig, rng: np.random.Generator) -> Tensor:
    """Faces (T, C, S', S') flipped, turned, moved, cropped to S and lit anew, all in the same way.

    Half of the clips are flipped; they are turned by up to 4 degrees, moved by up to the margin, and their
    brightness and contrast change by up to a tenth.
    """
    margin, size = config.margin, config.size
    flip = -1.0 if rng.random() < 0.5 else 1.0
    angle = math.radians(rng.uniform(-_TURN, _TURN))
    shift = rng.integers(-margin, margin + 1, size=2) * (2.0 / frames.shape[-1])
    scale = size / frames.shape[-1]
    matrix = [
        [scale * flip * math.cos(angle), -scale * math.sin(angle), shift[0]],
        [scale * flip * math.sin(angle), scale * math.cos(angle), shift[1]],
    ]
    cut = resampled(frames, matrix, size, "border")
    brightness, contrast = rng.uniform(1 - _LIGHT, 1 + _LIGHT, size=2)
    middle = cut.mean()
    return ((cut - middle) * contrast + middle * brightness).clamp(0.0, 1.0)


def as_seen(frames: Tensor, view: str) -> Tensor:
    """Faces (T, C, S, S), 0 to 1, as the network takes them, (3, T, S, S).

    Colours are normalised one by one.  Of grey frames g, normalised, the channels are with ``view="diff"``
    g_t, 4 (g_t − g_1) and g_1, and with ``"change"`` 4 (g_t − g_1), 4 (g_t − g_{t−1}) and 4 (g_{t+1} − g_t),
    the last two 0 where there is no such frame.
    """
    if view == "rgb":
        mean, spread = (torch.tensor(values)[:, None, None] for values in (_MEAN, _SPREAD))
        return ((frames - mean) / spread).transpose(0, 1)
    grey = (frames[:, 0] - _GREY_MEAN) / _GREY_SPREAD
    first = grey[:1]
    if view == "diff":
        return torch.stack([grey, _ENHANCED * (grey - first), first.expand_as(grey)])
    none = torch.zeros_like(first)
    return _ENHANCED * torch.stack(
        [grey - first, torch.cat([none, grey.diff(dim=0)]), torch.cat([grey.diff(dim=0), none])]
    )


def _inner(frames: NDArray[np.uint8], config: FALConfig) -> Tensor:
    margin, size = config.margin, config.size
    return _tensor(frames[:, margin : margin + size, margin : margin + size])


def _tensor(frames: NDArray[np.uint8]) -> Tensor:
    """(T, S, S[, 3]) as (T, C, S, S), 0 to 1."""
    values = torch.from_numpy(np.ascontiguousarray(frames)).to(torch.float32) / 255.0
    return values[:, None] if values.ndim == 3 else values.permute(0, 3, 1, 2)
