"""Laying a face on a reference crop, with an expression on it that must not be taken for head motion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from filmed import models, photograph, portrait

from merkit.faces.crop import warp
from merkit.faces.geometry import CropGeometry, compose, grid_points, invert, transform
from merkit.faces.reference import STEP, Reference, refer
from merkit.faces.settle import TURNS, Settled, settle
from merkit.simulate import FaceState, HeadPose, Movement

STEADY = [10, 33, 133, 263, 362, 4, 234, 454, 152]


def grey(states: list[FaceState], noise: float = 0.0) -> list[np.ndarray]:
    return [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in photograph(states, noise)]


def reference_on(states: list[FaceState]) -> tuple[Reference, CropGeometry]:
    (still,) = photograph(states)
    mesh, geometry = models().mesh(still, models().detect(still)[0]), CropGeometry()
    gray = cv2.cvtColor(still, cv2.COLOR_RGB2GRAY)
    found = refer(gray, mesh.points, mesh.depth, geometry, grid_points(geometry.shape, STEP))
    assert found is not None
    return found, geometry


def laid(reference: Reference, geometry: CropGeometry, gray: np.ndarray, near: float = 0.3) -> Settled:
    return settle(reference.crop, gray, reference.matrix, geometry, reference.fit, "dis", near)


def error(seen: Settled, reference: Reference, head: HeadPose, geometry: CropGeometry) -> float:
    """Root mean square distance between where the head is and where it is found, px200."""
    points = portrait().points[STEADY]
    found = transform(compose(invert(seen.pose), reference.matrix), points)
    true = transform(head.matrix(portrait().centre), points)
    zoom = float(np.hypot(*reference.matrix[:, 0])) * geometry.px200
    return float(np.sqrt(((found - true) ** 2).sum(axis=1).mean())) * zoom


@pytest.mark.parametrize("units", ["AU12", "AU4", "AU1+2", "AU7", "AU6+12", "AU4+7"])
def test_an_expression_is_not_taken_for_head_motion(units: str) -> None:
    """2 px of a 200 px face; AU4+7 moves all of the upper face, and a fifth of a pixel goes astray."""
    head = HeadPose(0.8, -0.5, 0.3)
    reference, geometry = reference_on([FaceState()])
    (moved,) = grey([FaceState((Movement(portrait().field(units), 1.6),), head=head)], noise=2.0)
    seen = laid(reference, geometry, moved)
    assert error(seen, reference, head, geometry) < (0.25 if units == "AU4+7" else 0.12)


def test_the_crop_is_moved_along_until_little_is_left() -> None:
    head = HeadPose(9.0, -6.0, 4.0, 1.04)
    reference, geometry = reference_on([FaceState()])
    (moved,) = grey([FaceState(head=head)])
    seen = laid(reference, geometry, moved)
    assert seen.rigid.size <= 0.3
    assert error(seen, reference, head, geometry) < 0.1
    assert (seen.crop == warp(moved, seen.matrix, geometry)).all()


def test_a_crop_that_is_near_enough_stays() -> None:
    """Then one flow is all it takes, and the pose still says where the head is."""
    head = HeadPose(0.6, 0.0)
    reference, geometry = reference_on([FaceState()])
    (moved,) = grey([FaceState(head=head)])
    seen = laid(reference, geometry, moved, near=1.0)
    assert (seen.matrix == reference.matrix).all()
    assert error(seen, reference, head, geometry) < 0.1


def test_it_ends_where_nothing_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    reference, geometry = reference_on([FaceState()])
    noise = np.random.default_rng(0).integers(0, 255, (320, 352)).astype(np.uint8)
    looks = []
    monkeypatch.setattr("merkit.faces.settle.warp", lambda *a: looks.append(a) or warp(*a))
    assert np.isfinite(laid(reference, geometry, noise, near=0.0).matrix).all()
    assert len(looks) == TURNS + 1
