"""Blinks: does the lid cover the eye, and nothing else?"""

from __future__ import annotations

import numpy as np
import pytest

from merkit.simulate import FaceState, Portrait, load_portrait
from merkit.simulate.eyelids import LEFT_EYE, RIGHT_EYE, Eyelid


@pytest.fixture(scope="module")
def astronaut() -> Portrait:
    return load_portrait()


def eye_patch(portrait: Portrait, eye: dict[str, tuple[int, ...]]) -> tuple[slice, slice]:
    """The middle half of an eye opening."""
    upper, lower = portrait.points[list(eye["upper"])], portrait.points[list(eye["lower"])]
    x = np.linspace(upper[:, 0].min(), upper[:, 0].max(), 5)[[1, 3]]
    y = np.linspace(upper[3:6, 1].mean(), lower[3:6, 1].mean(), 5)[[1, 3]]
    return slice(int(y[0]), int(y[1]) + 1), slice(int(x[0]), int(x[1]) + 1)


@pytest.mark.parametrize("eye", [RIGHT_EYE, LEFT_EYE])
def test_a_closed_eye_shows_skin_and_a_half_closed_one_shows_eye(
    astronaut: Portrait, eye: dict[str, tuple[int, ...]]
) -> None:
    patch = eye_patch(astronaut, eye)
    opened, closed = (astronaut.render(FaceState(closure=(c, c)))[patch] for c in (0.0, 1.0))
    # An iris on white is the strongest contrast of a face; lid skin has little.
    assert closed.std() < 0.6 * opened.std()
    half = astronaut.render(FaceState(closure=(0.3, 0.3)))[patch]
    np.testing.assert_array_equal(half[-1], opened[-1])
    _, visible = astronaut.flow(FaceState(), FaceState(closure=(1.0, 1.0)))
    assert not visible[patch].any()
    assert visible.mean() > 0.98


def test_a_blink_changes_nothing_but_the_eyes(astronaut: Portrait) -> None:
    neutral = astronaut.render(FaceState())
    one_shut = astronaut.render(FaceState(closure=(1.0, 0.0)))
    changed = np.abs(one_shut - neutral).max(axis=2) > 0
    left, top, right, bottom = Eyelid(astronaut.points, RIGHT_EYE).box(margin=2)
    rows, columns = np.nonzero(changed)
    assert columns.min() > left
    assert columns.max() < right
    assert rows.min() > top
    assert rows.max() < bottom
    assert changed.sum() > 100


@pytest.mark.parametrize("closure", [0.2, 0.6, 1.0])
def test_lid_skin_goes_where_it_is_drawn_from(astronaut: Portrait, closure: float) -> None:
    lid = Eyelid(astronaut.points, RIGHT_EYE)
    x, lash = astronaut.points[159]
    y = lash - np.arange(1.0, 12.0)
    x = np.full_like(y, x)
    there_x, there_y, hidden = lid.moved(x, y, closure)
    assert not hidden.any()
    assert (there_y >= y - 1e-6).all()
    assert there_y[0] > y[0] + 0.5 * closure * lid.width * 0.2
    drawn = lid.source(there_x, there_y, closure)
    np.testing.assert_allclose(drawn.x, x, atol=1e-3)
    np.testing.assert_allclose(drawn.y, y, atol=1e-3)
