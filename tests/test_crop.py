"""The face crop against an exact resampling: nothing may be shifted, at any size of the face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from merkit.faces.crop import in_picture, warp
from merkit.faces.geometry import CropGeometry, grid_points, invert, transform

CROP = CropGeometry(160)


def texture(side: int, zoom: float) -> np.ndarray:
    """A texture that is band-limited at the scale of the crop, so that averaging changes it little."""
    fine = np.random.default_rng(0).normal(size=(side, side)).astype(np.float32)
    smooth = gaussian_filter(fine, 3.0 / zoom)
    return 127.0 + 35.0 * smooth / smooth.std()


def placed(zoom: float, angle: float, centre: tuple[float, float]) -> np.ndarray:
    """Matrix that shows the picture around `centre` in the middle of the crop."""
    turn = np.deg2rad(angle)
    linear = zoom * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([linear, np.array([80.0, 113.0]) - linear @ centre])


def exact(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The crop by cubic splines at the exact places."""
    x, y = transform(invert(matrix), grid_points(CROP.shape, 1)).T
    return map_coordinates(picture, [y, x], order=3, mode="nearest").reshape(CROP.shape)


def shift_between(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Least-squares displacement (x, y) of one picture against another, in pixels."""
    inner = np.s_[8:-8, 8:-8]
    down, right = np.gradient(true)
    slopes = np.column_stack([right[inner].ravel(), down[inner].ravel(), np.ones(right[inner].size)])
    shift, *_ = np.linalg.lstsq(slopes, (found - true)[inner].ravel(), rcond=None)
    return np.asarray(shift[:2])


@pytest.mark.parametrize("angle", [0.0, 7.0, -31.0])
@pytest.mark.parametrize("zoom", [0.2, 0.5, 0.67, 1.0, 1.6])
def test_crop_is_where_it_should_be(zoom: float, angle: float) -> None:
    side = int(360 / min(zoom, 1.0))
    picture = texture(side, zoom)
    matrix = placed(zoom, angle, (side / 2 + 0.37, side / 2 - 0.21))
    found = warp(np.clip(picture.round(), 0, 255).astype(np.uint8), matrix, CROP).astype(np.float64)
    true = exact(picture, matrix)
    # cv2's 32nds of a pixel leave up to a 64th of a fine pixel.
    assert np.abs(shift_between(found, true)).max() < 0.03
    assert np.sqrt(((found - true)[8:-8, 8:-8] ** 2).mean()) < 0.05 * true.std()


def test_the_measure_of_shift_sees_a_twentieth_of_a_pixel() -> None:
    """Else the test above would pass whatever the crop does."""
    picture = texture(360, 1.0)
    true = exact(picture, placed(1.0, 0.0, (180.0, 180.0)))
    moved = exact(picture, placed(1.0, 0.0, (180.05, 179.95)))
    assert shift_between(moved, true) == pytest.approx([0.05, -0.05], abs=0.005)


def test_fine_texture_does_not_alias() -> None:
    """A fine checkerboard becomes grey in a four times smaller crop."""
    y, x = np.mgrid[0:1400, 0:1400]
    board = (255 * ((x + y) % 2)).astype(np.uint8)
    assert np.ptp(warp(board, placed(0.25, 0.0, (700.3, 700.7)), CROP).astype(int)) <= 2


def test_colour_and_grey_are_cut_alike() -> None:
    picture = np.clip(texture(900, 0.4), 0, 255).astype(np.uint8)
    matrix = placed(0.4, 5.0, (450.0, 450.0))
    grey, colour = warp(picture, matrix, CROP), warp(np.dstack([picture] * 3), matrix, CROP)
    assert (colour == grey[..., None]).all()


@pytest.mark.parametrize("zoom", [0.3, 1.0])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (900.0, 450.0), (-5000.0, 300.0), (450.0, 9000.0)])
def test_a_crop_over_the_edge_repeats_it(zoom: float, centre: tuple[float, float]) -> None:
    picture = np.clip(texture(900, 0.4), 0, 255).astype(np.uint8)
    matrix = placed(zoom, 0.0, centre)
    found = warp(picture, matrix, CROP)
    x, y = transform(invert(matrix), grid_points(CROP.shape, 1)).T
    nearest = picture[np.clip(y, 0, 899).round().astype(int), np.clip(x, 0, 899).round().astype(int)]
    assert found.shape == CROP.shape
    assert np.abs(found - nearest.reshape(CROP.shape).astype(float)).mean() < 4.0


def test_a_picture_smaller_than_the_crop_is_enlarged() -> None:
    small = cv2.resize(np.clip(texture(360, 1.0), 0, 255).astype(np.uint8), (12, 10))
    assert warp(small, placed(20.0, 0.0, (6.0, 5.0)), CROP).shape == CROP.shape


def test_points_beyond_the_edge_are_told() -> None:
    matrix = placed(0.5, 0.0, (100.0, 60.0))  # crop (80, 113) shows picture (100, 60)
    points = np.array([[80.0, 113.0], [30.0, 113.0], [29.0, 113.0], [80.0, 82.5], [129.5, 142.5], [130, 113]])
    assert in_picture(points, matrix, (120, 200)).tolist() == [True, True, False, False, True, False]
    assert in_picture(points, matrix, (120, 200), margin=2.0).tolist() == [True] + [False] * 5
