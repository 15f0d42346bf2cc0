"""Where the skin of the model ends: at the lids, inside the lips, at the shoulders; and its eyeballs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from merkit.errors import DataError
from merkit.simulate.head3d.model import HeadModel

Ints = NDArray[np.intp]


def outer_shell(model: HeadModel, part: int) -> Ints:
    """Points of the connected piece of an eyeball that reaches furthest to the front."""
    quads = model.quads
    inside = quads[model.part[quads[:, 0]] == part]
    ends = np.concatenate([inside[:, [0, 1]], inside[:, [1, 2]], inside[:, [2, 0]]])
    n = len(model.neutral)
    graph = coo_matrix((np.ones(len(ends)), ends.T), (n, n))
    _, piece = connected_components(graph, directed=False)
    own = np.flatnonzero(model.part == part)
    if not len(inside):
        raise DataError("3D head: an eyeball has no faces; make the file again")
    front = own[model.neutral[own, 2].argmax()]
    return np.flatnonzero(piece == piece[front])


def openings(
    model: HeadModel, quads: Ints, eyes: NDArray[np.floating]
) -> tuple[tuple[Ints, Ints], Ints, Ints]:
    """Edges of the lids (left, right), of the lips and of the bust."""
    loops = _edges(quads)
    if len(loops) != 4:
        raise DataError(
            f"3D head: the skin has {len(loops)} openings instead of four; this is not the ICT face, "
            "make the file again"
        )
    middles = np.array([model.neutral[loop].mean(axis=0) for loop in loops])
    bust = int(middles[:, 1].argmin())
    left, right = (int(np.linalg.norm(middles - eye, axis=1).argmin()) for eye in eyes)
    lips = ({0, 1, 2, 3} - {bust, left, right}).pop()
    return (loops[left], loops[right]), loops[lips], loops[bust]


def _edges(quads: Ints) -> list[Ints]:
    """The edges of the holes, each as a closed ring of points, in the direction of the faces beyond it."""
    starts, ends = [], []
    for k in range(4):
        a, b = quads[:, k], quads[:, (k + 1) % 4]
        b = np.where(b < 0, quads[:, 0], b)
        real = a >= 0
        starts.append(a[real])
        ends.append(b[real])
    a, b = np.concatenate(starts), np.concatenate(ends)
    n = int(quads.max()) + 1
    alone = ~np.isin(a * n + b, b * n + a)
    # Faces beyond the edge run against the faces on this side.
    following = dict(zip(b[alone].tolist(), a[alone].tolist(), strict=True))
    loops = []
    while following:
        first, point = following.popitem()
        loop = [first]
        while point != first:
            loop.append(point)
            point = following.pop(point, first)
        loops.append(np.array(loop))
    return sorted(loops, key=lambda loop: int(loop.min()))
