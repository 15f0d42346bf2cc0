"""Motion of action units in the geometry of the flow maps, made without any video or recognizer.

Two sources that share nothing: smooth bumps drawn by hand at the landmarks of the map, and the
expression shapes of a 3D head (``face3d_ict``) seen from the front and put into the crop by its own
eye centres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import gaussian_filter
from scipy.spatial import Delaunay

from merkit.faces.geometry import ASPECT, EYES
from merkit.inputs.flow_map import LANDMARKS, MAP_SIZE, map_p95

EXPECTED: Mapping[str, str] = {
    "AU12": "positive",
    "AU6+12": "positive",
    "AU4": "negative",
    "AU4+7": "negative",
    "AU7": "negative",
    "AU9": "negative",
    "AU10": "negative",
    "AU15": "negative",
    "AU17": "negative",
    "AU14": "negative",
    "AU1+2": "surprise",
    "AU1": "surprise",
    "AU2": "surprise",
}
"""The class an action unit should get, by the coding of the datasets behind the maps."""

NOT_EXPRESSIONS = ("AU45",)
"""Blinks: what the recognizer makes of them says how much a gate before it is needed."""

# One bump: landmark, offset from it, (outwards, down), standard deviations (x, y); all in crop widths.
_BUMPS: Mapping[str, Sequence[tuple[str, tuple[float, float], tuple[float, float], tuple[float, float]]]] = {
    "AU12": (
        ("lip corner", (0.0, 0.0), (0.8, -1.0), (0.09, 0.11)),
        ("lip corner", (0.06, -0.2), (0.1, -0.5), (0.10, 0.10)),
    ),
    "AU4": (
        ("brow", (-0.11, 0.02), (-0.6, 0.9), (0.09, 0.10)),
        ("brow", (0.0, 0.0), (-0.3, 0.6), (0.09, 0.10)),
    ),
    "AU1+2": (
        ("brow", (-0.11, -0.02), (0.0, -1.0), (0.09, 0.13)),
        ("brow", (0.05, 0.0), (0.0, -0.9), (0.10, 0.13)),
    ),
}

_SHAPES: Mapping[str, Sequence[str]] = {
    "AU12": ("mouthSmile",),
    "AU6+12": ("mouthSmile", "cheekSquint"),
    "AU4": ("browDown",),
    "AU4+7": ("browDown", "eyeSquint"),
    "AU7": ("eyeSquint",),
    "AU9": ("noseSneer",),
    "AU10": ("mouthUpperUp",),
    "AU15": ("mouthFrown",),
    "AU17": ("mouthShrugLower",),
    "AU14": ("mouthDimple",),
    "AU1+2": ("browInnerUp", "browOuterUp"),
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUp",),
    "AU45": ("eyeBlink",),
}


def drawn_field(unit: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """A hand-drawn motion of an action unit, shape (28, 28, 2), in crop widths times an arbitrary gain.

    Size (0.75 to 1.35), strength of each side (0.6 to 1.4), position (2 % of the width) and direction
    (15 degrees) vary.
    """
    centre = (np.arange(MAP_SIZE) + 0.5) / MAP_SIZE
    x, y = np.meshgrid(centre, centre * ASPECT)
    flow = np.zeros((MAP_SIZE, MAP_SIZE, 2))
    size = rng.uniform(0.75, 1.35)
    for side, outwards in (("image left", -1.0), ("image right", 1.0)):
        strength = rng.uniform(0.6, 1.4)
        shift = rng.normal(0.0, 0.02, 2)
        turn = np.deg2rad(rng.normal(0.0, 15.0))
        for name, (out, down), (u, v), (wide, tall) in _BUMPS[unit]:
            at_x, at_y = LANDMARKS[f"{name}, {side}"]
            dx = (x - at_x - outwards * out - shift[0]) / (wide * size)
            dy = (y - at_y * ASPECT - down - shift[1]) / (tall * size)
            bump = strength * np.exp(-0.5 * (dx**2 + dy**2))
            flow[..., 0] += bump * (np.cos(turn) * outwards * u - np.sin(turn) * v)
            flow[..., 1] += bump * (np.sin(turn) * outwards * u + np.cos(turn) * v)
    return flow


def with_noise(flow: NDArray[np.float64], share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Flow maps (N, 28, 28, 2) plus smooth noise whose deviation is `share` of each map's p95."""
    noise = gaussian_filter(rng.normal(size=flow.shape), (0, 1, 1, 0))
    return flow + noise / noise.std() * share * map_p95(flow)[:, None, None, None]


@dataclass
class Head3D:
    """The front of a 3D head of one identity, projected into the crop of the flow maps.

    Parameters
    ----------
    file : Path
        ``face3d_ict.npz``.
    identity : float array, shape (K,)
        Weights of the first K identity modes, in standard deviations.
    shift : (x, y)
        Moves the face within the crop (right, down), in shares of its size, to see what misplacement does.
    zoom : float
        Enlarges the crop.
    """

    file: Path
    identity: NDArray[np.float64]
    shift: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    landmarks: NDArray[np.float64] = field(init=False)
    """The 68 landmarks as fractions (x, y) of the crop."""

    def __post_init__(self) -> None:
        """Project the neutral face."""
        stored = _stored(self.file)
        modes = stored["identity_deltas"][: len(self.identity)].astype(np.float64)
        vertices = stored["neutral"] + np.tensordot(self.identity, modes, 1)
        marks = stored["landmark68"]
        eyes = np.stack([vertices[marks[36:42], :2].mean(0), vertices[marks[42:48], :2].mean(0)])
        self._width = float(eyes[1, 0] - eyes[0, 0]) / (EYES[1][0] - EYES[0][0]) * self.zoom
        middle = eyes.mean(0)
        # The point between the eyes stays put when the crop is zoomed, and moves with a shift.
        seen = (vertices[:, :2] - middle) / (self._width, -self._width * ASPECT)
        seen += (0.5 + self.shift[0], EYES[0][1] + self.shift[1])
        self.landmarks = seen[marks]
        front = (stored["part"] == 0) & (_normals(vertices, stored["quads"])[:, 2] > 0.05)
        self._vertices, self._front, self._triangles = vertices, front, Delaunay(seen[front])

    def field(self, unit: str, left: float = 1.0, right: float = 1.0, fine: int = 4) -> NDArray[np.float64]:
        """Motion of an action unit in crop widths, shape (28, 28, 2), averaged over `fine`² points a cell.

        ``left`` and ``right`` weigh the two sides of the person.
        """
        stored = _stored(self.file)
        names = stored["expression_names"].tolist()
        moved = np.zeros_like(stored["neutral"], dtype=np.float64)
        for shape in _SHAPES[unit]:
            parts = {f"{shape}_L": left, f"{shape}_R": right, shape: (left + right) / 2}
            for name, weight in parts.items():
                if name in names:
                    moved += weight * stored["expression_deltas"][names.index(name)].astype(np.float64)
        return self._seen(moved, fine)

    def turned(self, axis: str, degrees: float, fine: int = 4) -> NDArray[np.float64]:
        """Motion in crop widths, shape (28, 28, 2), when the whole head turns about its middle.

        ``axis`` is ``"pitch"`` (positive nods down), ``"yaw"`` (positive to the person's left) or
        ``"roll"``; the crop stays where it is.
        """
        turn = np.zeros(3)
        turn[["pitch", "yaw", "roll"].index(axis)] = np.deg2rad(degrees)
        centre = self._vertices.mean(axis=0)
        return self._seen(np.cross(turn, self._vertices - centre), fine)

    def _seen(self, moved: NDArray[np.float64], fine: int) -> NDArray[np.float64]:
        flow = np.column_stack([moved[:, 0], -moved[:, 1]])[self._front] / self._width
        centre = (np.arange(MAP_SIZE * fine) + 0.5) / (MAP_SIZE * fine)
        dense = LinearNDInterpolator(self._triangles, flow, fill_value=0.0)(*np.meshgrid(centre, centre))
        return np.asarray(dense.reshape(MAP_SIZE, fine, MAP_SIZE, fine, 2).mean(axis=(1, 3)))


_CACHE: dict[Path, dict[str, NDArray[np.generic]]] = {}


def _stored(file: Path) -> dict[str, NDArray[np.generic]]:
    if file not in _CACHE:
        with np.load(file, allow_pickle=False) as arrays:
            _CACHE[file] = {name: arrays[name] for name in arrays.files}
    return _CACHE[file]


def _normals(vertices: NDArray[np.float64], quads: NDArray[np.integer]) -> NDArray[np.float64]:
    """Unit normals of vertices; a triangle's fourth index is -1."""
    triangles = np.vstack([quads[:, :3], quads[quads[:, 3] >= 0][:, [0, 2, 3]]])
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, triangles[:, k], face)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))


def head_identities(count: int, seed: int) -> NDArray[np.float64]:
    """Random identities: 50 weights each, deviation 0.7, none beyond 1.4."""
    rng = np.random.default_rng(seed)
    return np.asarray(0.7 * rng.normal(size=(count, 50)).clip(-2, 2))


def head_fields(
    file: Path, units: Sequence[str], identities: NDArray[np.float64], seed: int, **crop: object
) -> dict[str, NDArray[np.float64]]:
    """Fields (identities, 28, 28, 2) of each unit, the sides weighing 0.6 to 1.4 at random.

    ``crop`` holds ``shift`` and ``zoom`` of :class:`Head3D`.
    """
    rng = np.random.default_rng(seed)
    heads = [Head3D(file, identity, **crop) for identity in identities]  # type: ignore[arg-type]
    return {u: np.stack([h.field(u, *rng.uniform(0.6, 1.4, 2)) for h in heads]) for u in units}
