"""First pass over a video: follow the face and write down how its parts move. Keeps no picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merkit.faces.geometry import PARTS, CropGeometry
from merkit.faces.track import FaceTracker, Sample

STATUS = ("none", "hidden", "tracked")
_WIDTH = 1 + 1 + 6 + 2 * len(PARTS) + 2 + 1 + 1 + 1


@dataclass
class Scan:
    """Measurements of every frame of one video, T frames.

    Attributes
    ----------
    times : float array, shape (T,)
        Seconds from the first frame.
    status : int array, shape (T,)
        Position in :data:`STATUS`.
    segment : int array, shape (T,)
        Runs of unbroken tracking are numbered from 0; -1 without a face.
    matrices : float array, shape (T, 2, 3)
        From picture to crop pixels, NaN without a face.
    motion : float array, shape (T, len(PARTS), 2)
        Residual motion of every part in px200; NaN where a part is not in the picture.
    turn : float array, shape (T, 2)
        Parallax by turning and nodding in px200.
    likeness : float array, shape (T,)
        Correlation with the reference frame.
    renewed : bool array, shape (T,)
        Whether a new reference was taken.
    reference : int array, shape (T,)
        Which of `landmarks` a matrix belongs to, -1 without a face.
    landmarks : list of float32 array, shape (468, 3)
        Mesh of every reference in crop pixels.
    """

    times: NDArray[np.float64]
    status: NDArray[np.int8]
    segment: NDArray[np.int32]
    matrices: NDArray[np.float64]
    motion: NDArray[np.float32]
    turn: NDArray[np.float32]
    likeness: NDArray[np.float32]
    renewed: NDArray[np.bool_]
    reference: NDArray[np.int32]
    landmarks: list[NDArray[np.float32]]
    geometry: CropGeometry
    n_faces: int

    def __len__(self) -> int:
        return len(self.times)

    @property
    def tracked(self) -> NDArray[np.bool_]:
        """Frames in which the face was followed, shape (T,)."""
        return self.status == STATUS.index("tracked")

    @property
    def px200_scale(self) -> NDArray[np.float64]:
        """How many px200 one pixel of the video is, shape (T,)."""
        zoom = np.hypot(self.matrices[:, 0, 0], self.matrices[:, 1, 0])
        return np.asarray(zoom * self.geometry.px200)

    def anchors(self, frames: NDArray[np.intp]) -> NDArray[np.float64]:
        """Eyes and mouth in the video as the rigid head carries them, (n, 3, 2) pixels."""
        height, width = self.geometry.shape
        fixed = np.vstack([self.geometry.eyes, [[0.5 * width, 0.74 * height]]])
        matrices = self.matrices[frames]
        back = np.linalg.inv(matrices[:, :, :2])
        return np.asarray(np.einsum("nij,nkj->nki", back, fixed[None] - matrices[:, None, :, 2]))


class _Rows:
    """A growing table: blocks of float32 rows and float64 times, never copied while it grows."""

    block = 1024

    def __init__(self) -> None:
        self.n = 0
        self._times: list[NDArray[np.float64]] = []
        self._blocks: list[NDArray[np.float32]] = []

    def append(self, time: float, sample: Sample) -> None:
        at = self.n % self.block
        if at == 0:
            self._times.append(np.empty(self.block))
            self._blocks.append(np.empty((self.block, _WIDTH), dtype=np.float32))
        self._times[-1][at] = time
        self._blocks[-1][at] = np.concatenate(
            [
                [STATUS.index(sample.status), sample.segment],
                sample.matrix.ravel(),
                sample.motion.ravel(),
                sample.turn,
                [sample.likeness, sample.renewed, sample.reference],
            ]
        )
        self.n += 1

    def times(self) -> NDArray[np.float64]:
        """Seconds, (n,)."""
        return np.concatenate([*self._times, np.empty(0)])[: self.n]

    def columns(self, first: int, last: int) -> NDArray[np.float32]:
        """Some columns of all rows, (n, last - first)."""
        parts = [block[:, first:last] for block in self._blocks]
        return np.concatenate([*parts, np.empty((0, last - first), dtype=np.float32)])[: self.n]


def scan(frames: Iterable[Any], tracker: FaceTracker, on_frame: Callable[[int], None] | None = None) -> Scan:
    """Run a tracker over frames in order.

    Parameters
    ----------
    frames : iterable of merkit.video.Frame
    tracker : FaceTracker
        A fresh one.
    on_frame : callable, optional
        Called with the number of frames done.
    """
    rows = _Rows()
    for frame in frames:
        rows.append(frame.time, tracker.step(frame))
        if on_frame is not None:
            on_frame(rows.n)
    k = 2 * len(PARTS)

    def column(number: int) -> NDArray[np.float32]:
        return rows.columns(number, number + 1)[:, 0]

    return Scan(
        times=rows.times(),
        status=column(0).astype(np.int8),
        segment=column(1).astype(np.int32),
        matrices=rows.columns(2, 8).astype(np.float64).reshape(-1, 2, 3),
        motion=rows.columns(8, 8 + k).reshape(-1, len(PARTS), 2),
        turn=rows.columns(8 + k, 10 + k),
        likeness=column(10 + k),
        renewed=column(11 + k) > 0.5,
        reference=column(12 + k).astype(np.int32),
        landmarks=tracker.landmarks,
        geometry=tracker.geometry,
        n_faces=tracker.max_faces,
    )
