"""Simulated faces as the frames of a video that needs no file, for tests of tracking and measuring."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from merkit.analysis.scan import Scan, scan
from merkit.faces import load_face_models
from merkit.faces.geometry import grid_points, invert, part_weights, transform
from merkit.faces.reference import STEP, mask_radius
from merkit.faces.track import FaceTracker, TrackConfig
from merkit.simulate import Camera, FaceState, HeadPose, Movement, Portrait, load_portrait


@dataclass
class Still:
    """A frame as the video readers give it."""

    index: int
    time: float
    rgb: NDArray[np.uint8]

    @property
    def gray(self) -> NDArray[np.uint8]:
        return cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY)


@dataclass
class Reel:
    """Frames in memory with the `frames` of a video reader; `lost` ones cannot be read."""

    pictures: list[NDArray[np.uint8]]
    fps: float
    path: Path = Path("reel.mp4")
    lost: set[int] = field(default_factory=set)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Still]:
        for i in range(start, min(len(self.pictures), len(self.pictures) if stop is None else stop)):
            if i not in self.lost:
                yield Still(i, i / self.fps, self.pictures[i])


@cache
def models() -> object:
    return load_face_models("blazeface")


@cache
def portrait(face_px: float = 160.0, size: tuple[int, int] = (320, 352)) -> Portrait:
    return load_portrait(face_px=face_px, size=size)


def photograph(
    states: Iterable[FaceState], noise: float = 0.0, seed: int = 0, of: Portrait | None = None
) -> list[NDArray[np.uint8]]:
    """Pictures of a face in some states, by a camera of constant exposure."""
    camera, rng = Camera(noise=noise, drift=0.0), np.random.default_rng(seed)
    return [camera.expose((of or portrait()).render(state), 0.0, rng) for state in states]


def follow(pictures: list[NDArray[np.uint8]], fps: float, face: int = 0, **config: float) -> Scan:
    return scan(Reel(pictures, fps).frames(), FaceTracker(models(), face, TrackConfig(**config)))


def true_parts(seen: Scan, action_units: str, peak_px: float, side: str = "both") -> NDArray[np.float64]:
    """What the parts truly move by between the neutral face and the expression, px200.

    The simulator's own flow at the same points and weights, for a face that is neutral and unmoved in
    the first frame of the scan.
    """
    face = portrait()
    state = FaceState((Movement(face.field(action_units, side), peak_px),))
    flow, _ = face.flow(FaceState(), state)
    grid, matrix = grid_points(seen.geometry.shape, STEP), seen.matrices[0]
    x, y = np.split(transform(invert(matrix), grid).astype(np.float32), 2, axis=1)
    there = np.hstack(
        [cv2.remap(np.ascontiguousarray(flow[..., axis]), x, y, cv2.INTER_LINEAR) for axis in (0, 1)]
    )
    weights = part_weights(seen.landmarks[0][:, :2], grid, mask_radius(seen.geometry))
    return (weights @ there) * float(seen.px200_scale[0])


def pose_errors(seen: Scan, poses: list[HeadPose]) -> NDArray[np.float64]:
    """How far points that move with the head seem to move in the crop since the first frame, px200."""
    face = portrait()
    points = face.points[[10, 33, 133, 263, 362, 4, 234, 454, 61, 291, 152]]
    where = np.stack(
        [
            transform(matrix, transform(pose.matrix(face.centre), points))
            for matrix, pose in zip(seen.matrices, poses, strict=True)
        ]
    )
    away = np.sqrt(((where - where[0]) ** 2).sum(axis=2).mean(axis=1))
    return np.asarray(away * seen.geometry.px200)
