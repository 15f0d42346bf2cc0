"""Brows, lashes and lips, where the landmarks of the mean head put them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.spatial import cKDTree

from merkit.simulate.head3d.paint.noise import SolidNoise
from merkit.simulate.head3d.paint.texels import Texels

Floats = NDArray[np.float32]
Marks = NDArray[np.floating]

_BROWS = (tuple(range(21, 16, -1)), tuple(range(22, 27)))
"""Landmarks of each brow from its inner to its outer end."""
_UPPER_LIP, _LOWER_LIP = (48, 49, 50, 51, 52, 53, 54), (48, 59, 58, 57, 56, 55, 54)
_DROP = 0.2
"""The landmarks lie this far above the middle of the hairs."""


def brows(texels: Texels, marks: Marks, density: float, unit_px: float, noise: SolidNoise) -> Floats:
    """How much hair of the eyebrows covers each texel, 0 to 1.

    Parameters
    ----------
    texels : Texels
    marks : array (68, 3)
        Landmarks of the mean head.
    density : float
    unit_px : float
        Pixels of the frame to a unit.
    noise : SolidNoise
    """
    cover = np.zeros_like(texels.x)
    for brow in _BROWS:
        ends = marks[list(brow)][:, :2] - [0.0, _DROP]
        side = np.sign(ends[0, 0])
        share = np.linspace(-0.06, 1.08, 160)
        curve = PchipInterpolator(np.linspace(0, 1, 5), ends, extrapolate=True)(share)
        near = np.flatnonzero(
            (texels.x * side > 0.5)
            & (texels.x * side < 7)
            & (texels.y > 4)
            & (texels.y < 7.4)
            & (texels.z > 5)
        )
        points = np.stack([texels.x[near], texels.y[near]], 1)
        _, nearest = cKDTree(curve).query(points)
        along = share[nearest].astype(np.float32)
        above = points[:, 1] - curve[nearest, 1].astype(np.float32)
        half = np.interp(along, (-0.06, 0.06, 0.3, 0.65, 1.08), (0.26, 0.38, 0.36, 0.30, 0.08))
        edge = _fade(np.abs(above) / half, 0.55, 1.25) * _fade(along, 0.92, 1.08) * _fade(-along, 0.0, 0.07)
        # Hairs rise at the inner end and lie flat at the outer one: they slant in between.
        slant = above * np.interp(along, (0.0, 0.5, 1.0), (0.5, 1.3, 1.6)) / 5.4
        fine = max(0.10, 1.6 / unit_px)
        pattern = ((along - slant) * (5.4 / fine), above * (0.35 / fine), np.zeros_like(above))
        hairs = noise(tuple(p.astype(np.float32) for p in pattern), 2.0)
        thin = 0.75 + 0.25 * np.interp(along, (0.0, 0.25), (0.4, 1.0))
        cover[near] = np.maximum(cover[near], edge * thin * np.clip(density * (0.78 + 0.28 * hairs), 0, 0.95))
    return cover


def lashes(texels: Texels, lids: tuple[Marks, Marks], unit_px: float) -> Floats:
    """How dark the roots of the lashes make the edges of the lids, 0 to 1.

    Parameters
    ----------
    texels : Texels
    lids : (left, right), arrays (L, 3)
        Edges of the lids of the mean head.
    unit_px : float
    """
    dark = np.zeros_like(texels.x)
    near = np.flatnonzero((texels.z > 8) & (np.abs(texels.x) < 6) & (texels.y > 1.5) & (texels.y < 5.5))
    points = np.stack([texels.x[near], texels.y[near], texels.z[near]], 1)
    for lid in lids:
        far, nearest = cKDTree(lid).query(points, distance_upper_bound=1.0)
        found = np.isfinite(far)
        edge = lid[nearest[found]]
        corners = lid[[lid[:, 0].argmin(), lid[:, 0].argmax()]]
        line = np.interp(edge[:, 0], corners[:, 0], corners[:, 1])
        upper = np.clip((edge[:, 1] - line) / 0.25, 0, 1)
        # Towards the nose there are few lashes.
        outer = np.interp(np.abs(edge[:, 0]), (1.9, 2.5, 3.4, 4.6), (0.1, 0.5, 0.9, 1.0))
        # The margin of the upper lid faces downwards; from the front its outer edge is seen.
        beyond = np.maximum(far[found] - (0.08 + 0.12 * upper), 0)
        wide = 0.05 + 0.02 * upper + 0.25 / unit_px
        strength = (0.25 + 0.70 * upper) * outer
        dark[near[found]] = np.maximum(dark[near[found]], strength * np.exp(-0.5 * (beyond / wide) ** 2))
    return dark


def lips(texels: Texels, marks: Marks) -> Floats:
    """How much each texel belongs to the lips, 0 to 1."""
    cover = np.zeros_like(texels.x)
    near = np.flatnonzero((np.abs(texels.x) < 3) & (texels.y > -5) & (texels.y < -2) & (texels.z > 9))
    x, y = texels.x[near], texels.y[near]
    top, bottom = (
        PchipInterpolator(marks[list(line), 0], marks[list(line), 1], extrapolate=True)(x)
        for line in (_UPPER_LIP, _LOWER_LIP)
    )
    inside = np.minimum(top - y, y - bottom)
    ends = _fade(np.abs(x), 2.35, 2.75)
    cover[near] = ends * (1 - _fade(inside, -0.10, 0.10))
    return cover


def lip_lines(texels: Texels, unit_px: float, noise: SolidNoise) -> Floats:
    """The fine upright lines of the lips, about -1 to 1."""
    lines = np.zeros_like(texels.x)
    near = np.flatnonzero((np.abs(texels.x) < 3.2) & (texels.y > -5.2) & (texels.y < -1.8) & (texels.z > 8.8))
    fine = max(0.22, 2.6 / unit_px)
    x, y, z = texels.x[near], texels.y[near], texels.z[near]
    lines[near] = noise((x / np.float32(fine), y / np.float32(5 * fine), z / np.float32(5 * fine)), 1.0)
    return lines


def _fade(t: NDArray[np.floating], start: float, end: float) -> Floats:
    """1 below the start, 0 beyond the end, smooth between."""
    u = np.clip((end - t) / (end - start), 0, 1)
    return np.asarray(u * u * (3 - 2 * u), np.float32)
