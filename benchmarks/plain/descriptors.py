"""The descriptors as one would first write them: a loop over slices or frames and over blocks.

What `merkit.descriptors` is timed against, and held to in the tests.  They share no code with it: bins by
`np.histogram`, patterns by scikit-image.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from skimage.feature import local_binary_pattern

PLANES = ("xy", "xt", "yt")


def blocks(height: int, width: int, rows: int, columns: int) -> Iterator[tuple[int, int, slice, slice]]:
    """Row, column and pixels of each block."""
    down = [round(k * height / rows) for k in range(rows + 1)]
    right = [round(k * width / columns) for k in range(columns + 1)]
    for i in range(rows):
        for j in range(columns):
            yield i, j, slice(down[i], down[i + 1]), slice(right[j], right[j + 1])


def unit_sum(histogram: np.ndarray) -> np.ndarray:
    return histogram / histogram.sum() if histogram.sum() > 0 else histogram.astype(float)


def lbp_volumes(frames: np.ndarray, radius: int, points: int) -> dict[str, np.ndarray]:
    """Patterns of every slice of a clip along each axis, borders cut off."""
    xy = np.stack([local_binary_pattern(frame, points, radius) for frame in frames])
    xt = np.stack(
        [local_binary_pattern(frames[:, y], points, radius) for y in range(frames.shape[1])], axis=1
    )
    yt = np.stack(
        [local_binary_pattern(frames[:, :, x], points, radius) for x in range(frames.shape[2])], axis=2
    )
    inner = slice(radius, -radius)
    volumes = zip(PLANES, (xy, xt, yt), strict=True)
    return {name: codes[inner, inner, inner].astype(int) for name, codes in volumes}


def lbp_top(
    frames: np.ndarray, grid: tuple[int, int], radius: int, points: int, planes: tuple[str, ...] = PLANES
) -> np.ndarray:
    volumes = lbp_volumes(frames, radius, points)
    found = np.zeros((*grid, len(planes), 2**points))
    for k, plane in enumerate(planes):
        codes = volumes[plane]
        for i, j, down, right in blocks(*codes.shape[1:], *grid):
            found[i, j, k] = unit_sum(np.bincount(codes[:, down, right].ravel(), minlength=2**points))
    return found


def lbp_sip(frames: np.ndarray, grid: tuple[int, int], radii: tuple[int, int, int]) -> np.ndarray:
    rx, ry, rt = radii
    cut = (slice(rt, -rt), slice(ry, -ry), slice(rx, -rx))
    steps = {"right": (2, -rx), "up": (1, ry), "left": (2, rx), "down": (1, -ry)}
    around = [np.roll(frames, step, axis)[cut] >= frames[cut] for axis, step in steps.values()]
    spatial = sum(bit.astype(int) << p for p, bit in enumerate(around))
    earlier, later = (np.roll(frames, step, 0)[cut] >= frames[cut] for step in (rt, -rt))
    temporal = earlier.astype(int) + 2 * later
    found = np.zeros((*grid, 20))
    for i, j, down, right in blocks(*spatial.shape[1:], *grid):
        found[i, j, :16] = unit_sum(np.bincount(spatial[:, down, right].ravel(), minlength=16))
        found[i, j, 16:] = unit_sum(np.bincount(temporal[:, down, right].ravel(), minlength=4))
    return found


def circle(bins: int) -> np.ndarray:
    """Edges of bins of direction."""
    return np.linspace(-np.pi, np.pi, bins + 1)


def hoof(flow: np.ndarray, grid: tuple[int, int], bins: int) -> np.ndarray:
    found = np.zeros((len(flow), *grid, bins))
    for t, field in enumerate(flow.astype(float)):
        angle, length = np.arctan2(field[..., 1], field[..., 0]), np.hypot(field[..., 0], field[..., 1])
        for i, j, down, right in blocks(*angle.shape, *grid):
            votes, _ = np.histogram(angle[down, right], circle(bins), weights=length[down, right])
            found[t, i, j] = unit_sum(votes)
    return found


def fhofo(flow: np.ndarray, grid: tuple[int, int], bins: int, fine: int, variance: float) -> np.ndarray:
    found = np.zeros((len(flow), *grid, bins))
    width = 2 * np.pi / fine
    middles = circle(fine)[:-1] + width / 2
    for t, field in enumerate(flow.astype(float)):
        angle, length = np.arctan2(field[..., 1], field[..., 0]), np.hypot(field[..., 0], field[..., 1])
        for i, j, down, right in blocks(*angle.shape, *grid):
            counts, _ = np.histogram(angle[down, right][length[down, right] > 0], circle(fine))
            soft = np.zeros(bins)
            for k in range(bins):
                towards = -np.pi + (k + 0.5) * 2 * np.pi / bins
                apart = np.angle(np.exp(1j * (middles - towards))) / width
                soft[k] = (counts * np.exp(-(apart**2) / (2 * variance))).sum()
            found[t, i, j] = unit_sum(soft)
    return found


def bi_woof(flow: np.ndarray, grid: tuple[int, int], bins: int) -> np.ndarray:
    found = np.zeros((len(flow), *grid, bins))
    for t, field in enumerate(flow.astype(float)):
        u, v = field[..., 0], field[..., 1]
        angle, length = np.arctan2(v, u), np.hypot(u, v)
        u_y, u_x = np.gradient(u)
        v_y, v_x = np.gradient(v)
        shear = 0.5 * (u_y + v_x)
        strain = np.sqrt(u_x**2 + v_y**2 + shear**2 + shear**2)
        for i, j, down, right in blocks(*angle.shape, *grid):
            votes, _ = np.histogram(angle[down, right], circle(bins), weights=length[down, right])
            found[t, i, j] = votes * strain[down, right].mean()
    return found


def mdmo(flow: np.ndarray, regions: np.ndarray) -> np.ndarray:
    number = int(regions.max()) + 1
    vectors = np.zeros((len(flow), number, 2))
    for t, field in enumerate(flow.astype(float)):
        for region in range(number):
            inside = field[regions == region]
            inside = inside[(inside != 0).any(axis=1)]
            if not len(inside):
                continue
            turns = np.round(np.arctan2(inside[:, 1], inside[:, 0]) / (np.pi / 4)).astype(int) % 8
            groups = [inside[turns == k] for k in range(8)]
            main = max(groups, key=lambda group: (len(group), np.hypot(*group.sum(axis=0))))
            vectors[t, region] = main.mean(axis=0)
    u, v = vectors.mean(axis=0).T
    return np.stack([np.hypot(u, v) / np.hypot(u, v).max(), np.arctan2(v, u)], axis=1)


def higo(frames: np.ndarray, grid: tuple[int, int], bins: int) -> np.ndarray:
    volume = frames.astype(float)
    cut = slice(1, -1)
    rise = {
        axis: (np.roll(volume, -1, n) - np.roll(volume, 1, n))[cut, cut, cut] for n, axis in enumerate("tyx")
    }
    found = np.zeros((*grid, 3, bins))
    for k, plane in enumerate(PLANES):
        along, across = rise[plane[1]], rise[plane[0]]
        angle, moves = np.arctan2(along, across), (along != 0) | (across != 0)
        for i, j, down, right in blocks(*angle.shape[1:], *grid):
            inside = angle[:, down, right][moves[:, down, right]]
            # Along an edge is in the next bin, and left, the end of the last, the beginning of the first.
            votes, _ = np.histogram(np.where(inside == np.pi, -np.pi, inside) + 1e-9, circle(bins))
            found[i, j, k] = unit_sum(votes)
    return found
