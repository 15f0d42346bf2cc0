"""Finding faces with the BlazeFace short-range network, run by OpenCV.

The network looks at 128×128 pixels and tells for 896 anchors how likely a face is there, its box and
six points.  Anchors, decoding and the merging of overlapping boxes follow the model's paper
(Bazarevsky et al. 2019, BlazeFace, sections 3 and 4).  It sees faces from about a tenth of the view
on; smaller ones are found by looking at parts of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.faces.face import Face

SIDE = 128
"""Width and height of the network's input in pixels."""
MIN_SCORE = 0.5
MERGE_IOU = 0.3
"""Boxes that overlap by more are one face."""
SMALLEST_SHARE = 0.1
"""Smallest face that the network finds, as a share of the side of its view."""


def anchors() -> NDArray[np.float32]:
    """Anchor centres in units of the network's view, shape (896, 2).

    Two anchors in each cell of a 16×16 grid, then six in each cell of an 8×8 grid.

    Examples
    --------
    >>> anchors().shape
    (896, 2)
    >>> anchors()[[0, 511, 512]].tolist()
    [[0.03125, 0.03125], [0.96875, 0.96875], [0.0625, 0.0625]]
    """
    layers = []
    for cells, per_cell in ((16, 2), (8, 6)):
        y, x = np.mgrid[:cells, :cells]
        centres = (np.column_stack([x.ravel(), y.ravel()]) + 0.5) / cells
        layers.append(np.repeat(centres, per_cell, axis=0))
    return np.concatenate(layers).astype(np.float32)


def decode(
    regressors: NDArray[np.float32], logits: NDArray[np.float32], min_score: float = MIN_SCORE
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turn the network's outputs into boxes and points.

    Parameters
    ----------
    regressors : float32 array, shape (896, 16)
        Box centre, box size and six points in pixels of the input; centre and points are relative to
        the anchor.
    logits : float32 array, shape (896,)
    min_score : float
        Candidates below this are left out.

    Returns
    -------
    shapes : float32 array, shape (N, 8, 2)
        In units of the view: upper left corner, lower right corner, six points.
    scores : float32 array, shape (N,)
    """
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -100.0, 100.0)))
    keep = np.flatnonzero(scores >= min_score)
    raw = regressors[keep].reshape(-1, 8, 2) / SIDE
    centre = raw[:, 0] + anchors()[keep]
    half = raw[:, 1] / 2.0
    points = raw[:, 2:] + anchors()[keep][:, None]
    shapes = np.concatenate([(centre - half)[:, None], (centre + half)[:, None], points], axis=1)
    return shapes.astype(np.float32), scores[keep].astype(np.float32)


def merge(
    shapes: NDArray[np.float32], scores: NDArray[np.float32], iou: float = MERGE_IOU
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Merge overlapping candidates into their mean weighted by score, best first.

    Parameters
    ----------
    shapes : float32 array, shape (N, 8, 2)
        Corners and points as from :func:`decode`, in any unit.
    scores : float32 array, shape (N,)
    iou : float
        Least overlap (intersection over union) with the best candidate to be merged into it.

    Returns
    -------
    shapes, scores : float32 arrays, shapes (M, 8, 2) and (M,)
        A merged candidate keeps the score of its best one.
    """
    left = np.argsort(-scores, kind="stable")
    merged, best = [], []
    while len(left):
        overlap = _iou(shapes[left[0]], shapes[left])
        same = overlap > iou
        same[0] = True
        group = left[same]
        merged.append(np.average(shapes[group], axis=0, weights=scores[group]))
        best.append(scores[left[0]])
        left = left[~same]
    return np.asarray(merged, dtype=np.float32).reshape(-1, 8, 2), np.asarray(best, dtype=np.float32)


def _iou(one: NDArray[np.float32], many: NDArray[np.float32]) -> NDArray[np.float32]:
    low = np.maximum(one[0], many[:, 0])
    high = np.minimum(one[1], many[:, 1])
    common = np.prod(np.maximum(high - low, 0.0), axis=1)
    area = np.prod(one[1] - one[0]) + np.prod(many[:, 1] - many[:, 0], axis=1)
    return np.asarray(common / np.maximum(area - common, 1e-9), dtype=np.float32)


class BlazeFace:
    """The detector.

    Parameters
    ----------
    model : bytes
        Contents of ``face_detection_short_range.tflite``.
    min_score : float
        Least confidence, 0 to 1.
    """

    def __init__(self, model: bytes, min_score: float = MIN_SCORE) -> None:
        self._net = cv2.dnn.readNetFromTFLite(np.frombuffer(model, dtype=np.uint8))
        self.min_score = min_score

    def in_view(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """Faces in a picture (H, W, 3) seen as a whole, most confident first."""
        height, width = rgb.shape[:2]
        small = _resized(rgb, SIDE / max(height, width))
        left, top = (SIDE - small.shape[1]) // 2, (SIDE - small.shape[0]) // 2
        view = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
        view[top : top + small.shape[0], left : left + small.shape[1]] = small
        shapes, scores = self._look(view)
        shapes = (shapes - _pair(left, top)) * _pair(width / small.shape[1], height / small.shape[0])
        return _faces(*merge(shapes, scores))

    def in_parts(self, rgb: NDArray[np.uint8], side: int) -> list[Face]:
        """Faces in a picture (H, W, 3) seen in overlapping squares, most confident first.

        Parameters
        ----------
        rgb : uint8 array, shape (H, W, 3)
        side : int
            Of the squares, in pixels; not more than the shorter side of the picture.
        """
        small = _resized(rgb, SIDE / side)
        height, width = small.shape[:2]
        shapes, scores = [], []
        for x, y in _squares(width, height):
            found, score = self._look(small[y : y + SIDE, x : x + SIDE])
            # A face cut by the edge of one square lies whole in a neighbour.
            whole = ((found[:, 0] > 0) & (found[:, 1] < SIDE)).all(axis=1)
            shapes.append(found[whole] + _pair(x, y))
            scores.append(score[whole])
        scale = _pair(rgb.shape[1] / width, rgb.shape[0] / height)
        return _faces(*merge(np.concatenate(shapes) * scale, np.concatenate(scores)))

    def _look(self, view: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Candidates in a view (128, 128, 3), in its pixels."""
        self._net.setInput(cv2.dnn.blobFromImage(view, 1 / 127.5, mean=(127.5, 127.5, 127.5)))
        outputs = self._net.forward(("regressors", "classificators"))
        regressors, logits = (np.asarray(output, dtype=np.float32) for output in outputs)
        shapes, scores = decode(regressors.reshape(-1, 16), logits.ravel(), self.min_score)
        return shapes * SIDE, scores


def _resized(rgb: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=how), dtype=np.uint8)


def _pair(x: float, y: float) -> NDArray[np.float32]:
    return np.array([x, y], dtype=np.float32)


def _faces(shapes: NDArray[np.float32], scores: NDArray[np.float32]) -> list[Face]:
    faces = []
    for shape, score in zip(shapes, scores, strict=True):
        (x, y), (w, h) = shape[0], shape[1] - shape[0]
        # The network's points are measured from the corner of the first pixel, not from its centre.
        faces.append(Face((float(x), float(y), float(w), float(h)), float(score), shape[2:] - 0.5))
    return faces


def _squares(width: int, height: int) -> Iterator[tuple[int, int]]:
    """Upper left corners of views that cover a small picture and overlap by half or more."""
    for y in _starts(height):
        for x in _starts(width):
            yield x, y


def _starts(length: int) -> list[int]:
    steps = int(np.ceil((length - SIDE) / (SIDE / 2)))
    return [round(i * (length - SIDE) / max(steps, 1)) for i in range(steps + 1)]
