"""The 36 regions of a face, and MDMO in them."""

from __future__ import annotations

import importlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from merkit.descriptors import MDMO_REGIONS, main_flow, mdmo, mdmo_regions
from merkit.descriptors.mdmo_regions import _MIRROR, MESH_OF_68
from merkit.errors import ConfigError, DataError
from merkit.faces.landmarks import (
    INNER_LIPS,
    LEFT_BROW_UPPER,
    LEFT_EYE,
    OUTER_LIPS,
    RIGHT_BROW_UPPER,
    RIGHT_EYE,
)

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SHAPE = (300, 240)


def mesh() -> np.ndarray:
    """The mean face mesh, about 180 px wide in a picture of 240×300."""
    with (files("merkit") / "weights" / "face_template.npz").open("rb") as stream, np.load(stream) as data:
        points = data["points"].astype(float)
    points = (points - points.min(axis=0)) / np.ptp(points[:, 0]) * 180
    return points + np.array([31.3, 62.7])


def test_there_are_eighteen_regions_on_each_side() -> None:
    assert len(MDMO_REGIONS) == 36
    assert [r.name for r in MDMO_REGIONS[:18]] == [r.name for r in MDMO_REGIONS[18:]]
    assert {r.side for r in MDMO_REGIONS[:18]} == {"right"}
    assert {r.side for r in MDMO_REGIONS[18:]} == {"left"}
    assert len({r.name for r in MDMO_REGIONS}) == 18


def test_landmarks_are_mirrored_to_landmarks() -> None:
    assert sorted(_MIRROR) == sorted(_MIRROR.values()) == list(range(79))
    assert all(_MIRROR[_MIRROR[i]] == i for i in _MIRROR)
    # On a symmetric face, a landmark of the mesh and its mirror image lie at one height.
    points = mesh()[list(MESH_OF_68)]
    middle = points[27:31, 0].mean()
    for i in range(68):
        assert np.abs(points[i] + points[_MIRROR[i]] - (2 * middle, 2 * points[i, 1])).max() < 4


def test_mesh_points_are_those_of_the_parts_they_stand_for() -> None:
    assert set(MESH_OF_68[17:27]) <= {*RIGHT_BROW_UPPER, *LEFT_BROW_UPPER}
    assert set(MESH_OF_68[36:42]) <= set(RIGHT_EYE)
    assert set(MESH_OF_68[42:48]) <= set(LEFT_EYE)
    assert set(MESH_OF_68[48:60]) <= set(OUTER_LIPS)
    assert set(MESH_OF_68[60:68]) <= set(INNER_LIPS)
    assert len(set(MESH_OF_68)) == 68


def test_regions_divide_the_face_and_leave_out_eyes_and_mouth() -> None:
    points = mesh()
    regions = mdmo_regions(points, SHAPE)
    sizes = np.bincount(regions[regions >= 0], minlength=36)
    assert regions.shape == SHAPE
    assert sizes.min() > 100
    # Regions do not overlap: together they are as large as their polygons.
    areas = []
    corners = np.concatenate([points[list(MESH_OF_68)]])
    for region in MDMO_REGIONS:
        if max(region.corners) < 68:
            x, y = corners[list(region.corners)].T
            areas.append(abs(np.sum(x * np.roll(y, 1) - y * np.roll(x, 1))) / 2)
            number = MDMO_REGIONS.index(region)
            assert sizes[number] == pytest.approx(areas[-1], rel=0.12), region
    for eye in (RIGHT_EYE, LEFT_EYE):
        x, y = points[list(eye)].mean(axis=0)
        assert regions[round(y), round(x)] == -1
    x, y = points[list(INNER_LIPS)].mean(axis=0)
    assert regions[round(y), round(x)] == -1 or np.ptp(points[list(INNER_LIPS), 1]) < 4


def test_the_mesh_and_its_68_points_give_the_same_regions() -> None:
    assert (mdmo_regions(mesh(), SHAPE) == mdmo_regions(mesh()[list(MESH_OF_68)], SHAPE)).all()


def test_a_mirrored_face_has_mirrored_regions() -> None:
    points = mesh()[list(MESH_OF_68)] + np.random.default_rng(0).normal(0, 0.7, (68, 2))
    mirrored = points[[_MIRROR[i] for i in range(68)]] * (-1, 1) + (SHAPE[1] - 1, 0)
    regions, other = mdmo_regions(points, SHAPE), mdmo_regions(mirrored, SHAPE)[:, ::-1]
    swapped = np.where(other < 0, -1, (other + 18) % 36)
    # A pixel on a common border may fall to either.
    assert (swapped != regions).mean() < 0.002


def test_regions_turn_and_grow_with_the_face() -> None:
    points, centre = mesh(), np.array([120.0, 150.0])
    turn = np.deg2rad(20)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    plain = np.bincount(mdmo_regions(points, SHAPE)[mdmo_regions(points, SHAPE) >= 0], minlength=36)
    turned = mdmo_regions((points - centre) @ rotation * 2 + 2 * centre, (600, 480))
    assert np.allclose(np.bincount(turned[turned >= 0], minlength=36), 4 * plain, rtol=0.15)


def test_landmarks_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\(68, 2\) or \(468, 2\)"):
        mdmo_regions(np.zeros((66, 2)), SHAPE)
    with pytest.raises(DataError, match="not finite"):
        mdmo_regions(np.full((68, 2), np.nan), SHAPE)
    with pytest.raises(DataError, match="left chin"):
        mdmo_regions(mesh() + np.array([0, 170]), SHAPE)


def test_it_is_the_loop_over_frames_and_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    plain = importlib.import_module("plain.descriptors")
    rng = np.random.default_rng(0)
    flow = rng.normal(size=(5, 30, 20, 2)).astype(np.float32)
    flow[:, 5:9] = 0
    regions = rng.integers(-1, 7, (30, 20))
    assert np.abs(mdmo(flow, regions) - plain.mdmo(flow, regions)).max() < 1e-6


def test_the_mean_of_the_fullest_direction_by_hand() -> None:
    flow = np.zeros((1, 6, 2))
    flow[0] = (1, 0.2), (2, -0.2), (0, 3), (0.1, 40), (1.5, 0), (-9, 0)
    # Right three times, down once, though far; the third pixel lies outside.
    regions = np.array([[0, 0, -1, 0, 0, 1]])
    assert np.allclose(main_flow(flow, regions), [[1.5, 0], [-9, 0]], atol=1e-6)
    assert np.allclose(mdmo(flow, regions), [[1.5 / 9, 0], [1, np.pi]], atol=1e-6)


def test_of_equally_full_directions_the_further_wins() -> None:
    flow = np.array([[[[1.0, 0.0], [-2.0, 0.0], [0.0, 1.5]]]])
    assert np.allclose(main_flow(flow, np.zeros((1, 3), int)), [[-2, 0]])


def test_a_still_clip_is_zero_and_still_pixels_do_not_vote() -> None:
    regions = np.repeat([[0, 1]], 4, axis=0)
    flow = np.zeros((3, 4, 2, 2))
    assert (mdmo(flow, regions) == 0).all()
    flow[:, 0, 1] = 0, -2
    assert np.allclose(mdmo(flow, regions), [[0, 0], [1, -np.pi / 2]])


def test_a_mirrored_clip_mirrors() -> None:
    flow = np.random.default_rng(0).normal(size=(6, 20, 20, 2)).astype(np.float32)
    regions = np.repeat(np.repeat([[0, 1, 2, 3]], 5, axis=1), 20, axis=0)
    mirrored = flow[:, :, ::-1] * np.array([-1, 1], np.float32)
    found, other = main_flow(flow, regions), main_flow(mirrored, regions[:, ::-1])
    assert np.allclose(other * (-1, 1), found, atol=1e-6)
    polar, turned = mdmo(flow, regions), mdmo(mirrored, regions[:, ::-1])
    assert np.allclose(polar[:, 0], turned[:, 0], atol=1e-5)
    assert np.allclose(np.exp(1j * (np.pi - turned[:, 1])), np.exp(1j * polar[:, 1]), atol=1e-4)


def test_order_repetition_and_amplitude_of_the_frames_change_nothing() -> None:
    flow = np.random.default_rng(0).normal(size=(6, 20, 20, 2)).astype(np.float32)
    regions = np.repeat(np.repeat([[0, 1, -1, 2]], 5, axis=1), 20, axis=0)
    found = mdmo(flow, regions)
    assert found.shape == (3, 2)
    for other in (flow[::-1], np.repeat(flow, 4, axis=0), 3 * flow):
        assert np.allclose(mdmo(other, regions), found, atol=1e-5)


def test_the_whole_face_gives_72_numbers() -> None:
    flow = np.random.default_rng(0).normal(size=(2, *SHAPE, 2)).astype(np.float32)
    found = mdmo(flow, mdmo_regions(mesh(), SHAPE))
    assert found.T.ravel().shape == (72,)
    assert found[:, 0].max() == 1


def test_a_region_without_pixels_between_others_is_zero() -> None:
    flow = np.ones((2, 4, 4, 2))
    assert (main_flow(flow, np.full((4, 4), 2))[:, :2] == 0).all()


def test_what_cannot_be_is_refused() -> None:
    flow = np.zeros((2, 4, 4, 2))
    with pytest.raises(DataError, match="number of its region"):
        mdmo(flow, np.zeros((4, 5), int))
    with pytest.raises(DataError, match="number of its region"):
        mdmo(flow, np.zeros((4, 4)))
    with pytest.raises(DataError, match="number of its region"):
        mdmo(flow, np.full((4, 4), -1))
    with pytest.raises(DataError, match="no flow field"):
        mdmo(flow[:0], np.zeros((4, 4), int))
    with pytest.raises(ConfigError, match="1 bins"):
        main_flow(flow, np.zeros((4, 4), int), bins=1)
