"""The rasterizer of the 3D head against plain loops: what is seen, exactly, without cracks."""

from __future__ import annotations

import numpy as np
import pytest

from merkit.simulate.head3d.lookup import nearest_surface
from merkit.simulate.head3d.raster import CENTRES, ROOKS, draw

HEIGHT, WIDTH = 14, 17


def soup(seed: int, n: int = 40) -> tuple[np.ndarray, ...]:
    """Random triangles of all sizes, some of them partly outside: x, y, triangles, values."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-2, 19, (n, 1, 2))
    corners = centre + rng.normal(0, 1, (n, 3, 2)) * rng.choice([0.3, 2.0, 6.0], (n, 1, 1))
    x, y = corners.reshape(-1, 2).T
    return x, y, np.arange(3 * n).reshape(n, 3), np.stack([rng.uniform(1, 2, 3 * n), rng.normal(size=3 * n)])


def plainly(at_x, at_y, x, y, triangles, values):
    """The foremost triangle at a point and its values there, or None."""
    best = None
    for number, (a, b, c) in enumerate(triangles):
        area = (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
        if area >= 0:
            continue
        shares = []
        for p, q in ((b, c), (c, a), (a, b)):
            shares.append(((x[p] - at_x) * (y[q] - at_y) - (x[q] - at_x) * (y[p] - at_y)) / area)
        if min(shares) < 0:
            continue
        found = values[:, [a, b, c]] @ shares
        if best is None or found[0] > best[1][0]:
            best = number, found
    return best


@pytest.mark.parametrize("across", [CENTRES, ROOKS])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_samples_are_those_of_a_plain_loop(seed: int, across: tuple[float, ...]) -> None:
    x, y, triangles, values = soup(seed)
    seen = draw(x, y, triangles, values, (HEIGHT, WIDTH), across)
    rows = len(across)
    result = {int(p): (int(t), v) for p, t, v in zip(seen.place, seen.triangle, seen.values.T, strict=True)}
    for row in range(HEIGHT * rows):
        for column in range(WIDTH):
            at_y = (row + 0.5) / rows - 0.5
            expected = plainly(column + across[row % rows], at_y, x, y, triangles, values)
            found = result.get(row * WIDTH + column)
            assert (found is None) == (expected is None), (row, column)
            if expected is not None:
                assert found[0] == expected[0]
                np.testing.assert_allclose(found[1], expected[1], atol=1e-9)


def sheet(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A crumpled but unfolded sheet that covers the picture: x, y, triangles."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:30, 0:36]
    x = (columns * 0.61 - 2 + rng.uniform(-0.25, 0.25, rows.shape)).ravel()
    y = (rows * 0.61 - 2 + rng.uniform(-0.25, 0.25, rows.shape)).ravel()
    # Points on pixel centres and on edges of others are where cracks would open.
    x[::7], y[::7] = np.rint(x[::7]), np.rint(y[::7])
    first = (rows[:-1, :-1] * 36 + columns[:-1, :-1]).ravel()
    triangles = np.concatenate(
        [np.stack([first, first + 36, first + 37], 1), np.stack([first, first + 37, first + 1], 1)]
    )
    area = (x[triangles[:, 1]] - x[triangles[:, 0]]) * (y[triangles[:, 2]] - y[triangles[:, 0]])
    area -= (x[triangles[:, 2]] - x[triangles[:, 0]]) * (y[triangles[:, 1]] - y[triangles[:, 0]])
    return x, y, triangles[area < 0]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("seed", [0, 1])
def test_neighbours_leave_no_crack_and_do_not_overlap(seed: int, kind: type) -> None:
    x, y, triangles = sheet(seed)
    flat = np.ones((1, len(x)), kind)
    seen = draw(x.astype(kind), y.astype(kind), triangles, flat, (HEIGHT, WIDTH), ROOKS)
    # All samples are equally near, so that two triangles on one of them would both be kept.
    counts = np.bincount(seen.place, minlength=HEIGHT * WIDTH * 4)
    folded = len(triangles) < 2 * 29 * 35
    assert (counts == 1).mean() > (0.97 if folded else 0.999)
    assert counts.min() >= (0 if folded else 1)


def test_backs_are_culled_unless_both_sides_are_asked_for() -> None:
    x, y = np.array([2.0, 2.0, 9.0]), np.array([2.0, 9.0, 2.0])
    values = np.ones((1, 3))
    front, back = np.array([[0, 1, 2]]), np.array([[0, 2, 1]])
    n = len(draw(x, y, front, values, (HEIGHT, WIDTH)).place)
    assert n == 28
    assert len(draw(x, y, back, values, (HEIGHT, WIDTH)).place) == 0
    assert len(draw(x, y, back, values, (HEIGHT, WIDTH), both_sides=True).place) == n


def test_an_empty_picture_and_degenerate_triangles_are_no_trouble() -> None:
    x, y = np.array([50.0, 51.0, 52.0, 3.0, 3.0, 3.0]), np.array([50.0, 53.0, 50.0, 1.0, 4.0, 9.0])
    triangles = np.array([[0, 1, 2], [3, 4, 5], [3, 3, 4]])
    seen = draw(x, y, triangles, np.ones((2, 6)), (HEIGHT, WIDTH), both_sides=True)
    assert len(seen.place) == 0
    assert seen.values.shape == (2, 0)


@pytest.mark.parametrize("seed", [0, 1])
def test_lookup_between_pixels_is_that_of_a_plain_loop(seed: int) -> None:
    x, y, triangles, values = soup(seed)
    rng = np.random.default_rng(seed)
    at_x, at_y = rng.uniform(-1, 18, (2, 150))
    found = nearest_surface(at_x, at_y, x, y, values[0], triangles)
    for k in range(150):
        expected = plainly(at_x[k], at_y[k], x, y, triangles, values)
        assert np.isneginf(found[k]) == (expected is None)
        if expected is not None:
            assert found[k] == pytest.approx(expected[1][0], abs=1e-9)
    assert np.isfinite(found).any()
    assert len(nearest_surface(at_x[:0], at_y[:0], x, y, values[0], triangles)) == 0


def test_lookup_finds_a_surface_everywhere_on_a_sheet_without_cracks() -> None:
    x, y, triangles = sheet(0)
    corners = np.stack([x, y], 1)[triangles]
    # Points on edges and corners belong to somebody.
    points = np.concatenate([corners[:, 0], corners[:, :2].mean(axis=1)])
    found = nearest_surface(points[:, 0], points[:, 1], x, y, np.ones(len(x)), triangles)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("across", [CENTRES, ROOKS])
def test_slivers_without_an_area_are_drawn_without_a_warning(across: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    n = 20_000
    start, way = rng.uniform(0, 60, (n, 2)), rng.uniform(-4, 4, (n, 2))
    between = start + rng.uniform(0, 1, (n, 1)) * way + rng.normal(0, 1e-7, (n, 2))
    x, y = np.stack([start, start + way, between], 1).reshape(-1, 2).T.astype(np.float32)
    values = np.ones((1, 3 * n), np.float32)
    with np.errstate(divide="raise", invalid="raise"):
        seen = draw(x, y, np.arange(3 * n).reshape(n, 3), values, (64, 64), across, both_sides=True)
    assert np.array_equal(seen.values, np.ones_like(seen.values))
