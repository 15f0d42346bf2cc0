"""Motion curves with planted movements, for tests of everything after the tracker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from merkit.analysis.scan import Scan
from merkit.faces.geometry import PARTS, CropGeometry

NAMES = [(part.name, part.side) for part in PARTS]


def still_scan(seconds: float = 12.0, fps: float = 100.0, noise: float = 0.05, seed: int = 0) -> Scan:
    """A tracked, quiet face: white noise and a slow drift of every part."""
    rng = np.random.default_rng(seed)
    n = round(seconds * fps)
    motion = rng.normal(0, noise, (n, len(PARTS), 2))
    drift = gaussian_filter1d(rng.normal(size=(n, len(PARTS), 2)), 2.0 * fps, axis=0)
    motion += 0.15 * drift / drift.std()
    geometry = CropGeometry()
    matrix = geometry.matrix(np.array([[152.0, 190.0], [248.0, 190.0]]))
    return Scan(
        times=np.arange(n) / fps,
        status=np.full(n, 2, np.int8),
        segment=np.zeros(n, np.int32),
        matrices=np.repeat(matrix[None], n, axis=0),
        motion=motion.astype(np.float32),
        turn=rng.normal(0, 0.02, (n, 2)).astype(np.float32),
        likeness=np.ones(n, np.float32),
        renewed=np.zeros(n, bool),
        reference=np.zeros(n, np.int32),
        landmarks=[np.zeros((468, 3), np.float32)],
        geometry=geometry,
        n_faces=1,
    )


def bump(scan: Scan, onset: float, apex: float, offset: float) -> NDArray[np.float64]:
    """Raised-cosine rise and fall between times in seconds, peak 1, shape (T,)."""
    t = scan.times
    rise = np.clip((t - onset) / (apex - onset), 0, 1)
    fall = np.clip((offset - t) / (offset - apex), 0, 1)
    return np.asarray(0.25 * (1 - np.cos(np.pi * rise)) * (1 - np.cos(np.pi * fall)))


def plant(scan: Scan, curve: NDArray[np.float64], moves: dict[str, tuple[float, float]]) -> None:
    """Add ``(outwards, up)`` px200 times a curve to every part of a name."""
    for i, (name, side) in enumerate(NAMES):
        if name in moves:
            out, up = moves[name]
            sign = {"left": 1.0, "right": -1.0, "both": 0.0}[side]
            scan.motion[:, i] += (curve[:, None] * np.array([sign * out, -up])).astype(np.float32)


SMILE = {"lip corner": (0.45, 0.7), "cheek": (0.05, 0.4)}
FROWN = {"inner brow": (-0.45, -0.7), "outer brow": (-0.1, -0.3)}
SURPRISE = {"inner brow": (0.0, 0.9), "outer brow": (0.0, 0.8), "upper lid": (0.0, 0.2)}
BLINK = {"upper lid": (0.0, -5.0), "inner brow": (0.0, -0.3), "cheek": (0.0, 0.2)}
TALK = {"lower lip": (0.0, -1.5), "chin": (0.0, -1.5), "lip corner": (-0.3, -0.2)}
