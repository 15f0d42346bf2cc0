"""Following a face whose every movement is known, because the simulator made it."""

from __future__ import annotations

import numpy as np
import pytest
from filmed import Still, follow, models, photograph, portrait, pose_errors, true_parts

from merkit.analysis.scan import STATUS, Scan
from merkit.faces import Mesh
from merkit.faces.geometry import PARTS, CropGeometry, invert, transform
from merkit.faces.reference import refer
from merkit.faces.track import FaceTracker
from merkit.simulate import FaceState, HeadPose, Movement, TimeCourse

FPS = 30.0
INNER = [i for i, part in enumerate(PARTS) if part.name != "outer brow"]
"""The parts that the background, which the simulated head slides over, does not reach."""


def poses(n: int, **most: float) -> list[HeadPose]:
    """A head that moves evenly from rest to the given pose."""
    start = {"shift_x": 0.0, "shift_y": 0.0, "angle_deg": 0.0, "scale": 1.0}
    return [
        HeadPose(**{k: v + (most.get(k, v) - v) * i / (n - 1) for k, v in start.items()}) for i in range(n)
    ]


def eyes(seen: Scan, frame: int) -> np.ndarray:
    """Middle between the eyes in the picture."""
    return transform(invert(seen.matrices[frame]), CropGeometry().eyes).mean(axis=0)


def words(seen: Scan) -> list[str]:
    return [STATUS[s] for s in seen.status]


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_the_path_of_the_head_is_found(noise: float) -> None:
    way = np.sin(np.linspace(0, 2 * np.pi, 20))
    path = [HeadPose(6 * a, -4 * a, 1.5 * a, 1 + 0.02 * a) for a in way]
    seen = follow(photograph([FaceState(head=pose) for pose in path], noise), FPS)
    assert seen.tracked.all()
    assert pose_errors(seen, path).max() < 0.1
    # Nothing but the head moved, so nothing may be left for the parts.
    assert np.abs(seen.motion).max() < 0.25
    assert np.abs(seen.motion).mean() < 0.05


def test_angle_and_size_are_those_of_the_head() -> None:
    seen = follow(photograph([FaceState(), FaceState(head=HeadPose(angle_deg=3.0, scale=1.05))]), FPS)
    still, moved = (invert(matrix)[:, :2] for matrix in seen.matrices)
    turn = moved @ np.linalg.inv(still)
    assert np.hypot(turn[0, 0], turn[1, 0]) == pytest.approx(1.05, abs=0.002)
    assert np.degrees(np.arctan2(turn[1, 0], turn[0, 0])) == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("peak", [0.8, 1.6])
@pytest.mark.parametrize("units", ["AU12", "AU4", "AU1+2"])
def test_parts_move_as_planted(units: str, peak: float) -> None:
    """With the head moving too.  DIS smooths, so lengths fall short; directions must be right."""
    movement = Movement(portrait().field(units), peak)
    states = [FaceState(), FaceState((movement,), head=HeadPose(1.3, -0.7, 0.4, 1.003))]
    seen = follow(photograph(states), FPS)
    true, found = true_parts(seen, units, peak), seen.motion[1].astype(float)
    moving = np.argsort(-np.hypot(*true.T))[:4]
    for part in moving:
        length = np.hypot(*true[part])
        assert found[part] @ true[part] / length**2 == pytest.approx(0.8, abs=0.35)
        assert np.hypot(*(found[part] - true[part])) < 0.55 * length
    rest = np.setdiff1d(np.arange(len(true)), moving)
    assert np.hypot(*(found - true)[rest].T).max() < 0.25 * np.hypot(*true.T).max()


def swaying(n: int, seed: int) -> list[HeadPose]:
    """A head that moves by about a pixel, back and forth, as fast as a sitting person's at most."""
    phase = 2 * np.pi * (0.8 * np.arange(n) / 60.0 + np.random.default_rng(seed).uniform())
    return [HeadPose(1.2 * np.sin(p), 0.8 * np.cos(p)) for p in phase]


def test_a_head_that_sways_leaves_a_still_face_still() -> None:
    """Flow errs with the way it has to go: measured always from one place, parts would sway along."""
    seen = follow(photograph([FaceState(head=pose) for pose in swaying(40, 0)], 1.0), 60.0)
    away = seen.motion - seen.motion.mean(axis=0)
    assert np.hypot(away[..., 0], away[..., 1]).mean() < 0.019


def test_half_a_pixel_of_frown_on_a_head_that_sways() -> None:
    n, peak = 40, 0.45
    field, rise = portrait().field("AU4"), TimeCourse(14, 22, 24, 33).intensity(np.arange(n))
    states = [
        FaceState((Movement(field, peak * float(r)),) if r > 0 else (), head=pose)
        for r, pose in zip(rise, swaying(n, 1), strict=True)
    ]
    seen = follow(photograph(states, 1.0, seed=1), 60.0)
    true = true_parts(seen, "AU4", peak)
    before, apex, after = (seen.motion[part].mean(axis=0) for part in np.s_[8:13, 21:26, 34:39])
    found = apex - 0.5 * (before + after)
    moving = np.argsort(-np.hypot(*true.T))[:4]
    # The fast flow of the scan takes a third of so small a movement away; no more may go to the head.
    assert (found[moving] * true[moving]).sum() / (true[moving] ** 2).sum() > 0.55


@pytest.mark.parametrize("most", [{"angle_deg": 12.0}, {"scale": 1.25}], ids=["turn", "zoom"])
def test_a_new_reference_leaves_the_curves_continuous(most: dict[str, float]) -> None:
    """A smile that is held while the head turns or comes nearer stays as large as it was."""
    path = poses(34, **most)
    rise = TimeCourse(2, 6, 60, 70).intensity(np.arange(len(path)))
    smile = portrait().field("AU12")
    states = [
        FaceState((Movement(smile, 2.0 * float(r)),) if r > 0 else (), head=pose)
        for r, pose in zip(rise, path, strict=True)
    ]
    seen = follow(photograph(states), FPS)
    renewed = np.flatnonzero(seen.renewed)
    assert len(renewed) >= 2
    assert set(seen.segment) == {0}
    corner = seen.motion[:, 11]  # of the person's left
    held = corner[6:]
    assert np.hypot(*held.mean(axis=0)) > 0.8
    assert np.hypot(*(held - held.mean(axis=0)).T).max() < 0.25
    assert np.hypot(*np.diff(seen.motion[6:, INNER], axis=0).T).max() < 0.35
    # The pose is taken anew from landmarks, so it may jump by as much as these are wrong.
    assert pose_errors(seen, path).max() < 4.0


def test_a_cut_begins_a_segment() -> None:
    (still,) = photograph([FaceState()])
    elsewhere = np.roll(still[:, ::-1], 40, axis=1)
    seen = follow([still] * 6 + [elsewhere] * 6, FPS)
    assert seen.segment[5] == 0
    assert seen.segment[-1] > 0
    assert seen.tracked[-1]
    assert not seen.motion[-1].any()


def test_a_face_that_leaves_and_comes_back() -> None:
    (still,) = photograph([FaceState()])
    empty = np.full_like(still, 90)
    seen = follow([still] * 5 + [empty] * 12 + [still] * 12, FPS)
    assert words(seen)[:5] == ["tracked"] * 5
    assert words(seen)[5] == "hidden"
    assert set(words(seen)[6:17]) == {"none"}
    assert words(seen)[-5:] == ["tracked"] * 5
    assert seen.segment[0] == 0
    assert seen.segment[-1] == 1
    assert np.isnan(seen.matrices[5:17]).all()
    assert np.isnan(seen.motion[5:17]).all()


@pytest.mark.parametrize("level", [0, 255])
def test_a_fade_is_no_face(level: int) -> None:
    (still,) = photograph([FaceState()])
    seen = follow([still] * 3 + [np.full_like(still, level)] * 3 + [still] * 10, FPS)
    assert "tracked" not in words(seen)[3:6]
    assert words(seen)[-1] == "tracked"


def two_people(
    large: np.ndarray | None, small: np.ndarray | None, down: int = 0, height: int = 380
) -> np.ndarray:
    picture = np.full((height, 560, 3), 90, np.uint8)
    if large is not None:
        picture[10 + down : 10 + down + large.shape[0], 5 : 5 + large.shape[1]] = large
    if small is not None:
        picture[60 : 60 + small.shape[0], 340 : 340 + small.shape[1]] = small
    return picture


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, np.ndarray]:
    (large,) = photograph([FaceState()])
    (small,) = photograph([FaceState()], of=portrait(100.0, (200, 220)))
    return large, small


def test_the_second_face_is_followed_and_kept(people) -> None:
    large, small = people
    seen = follow([two_people(large, small, down=i % 7) for i in range(16)], FPS, face=1)
    assert seen.n_faces == 2
    assert seen.tracked.all()
    assert set(seen.segment) == {0}
    assert 380 < eyes(seen, -1)[0] < 500
    assert np.abs(seen.motion).max() < 0.05


def test_the_first_face_is_the_largest(people) -> None:
    seen = follow([two_people(*people)] * 2, FPS)
    assert 100 < eyes(seen, -1)[0] < 220


def test_a_hidden_face_is_waited_for(people) -> None:
    """Where the followed person is away for a moment, the other one must not be taken for them."""
    large, small = people
    film = [two_people(large, small)] * 4 + [two_people(large, None)] * 10 + [two_people(large, small)] * 12
    seen = follow(film, FPS, face=1)
    assert not seen.tracked[4:14].any()
    assert seen.tracked[-4:].all()
    assert all(380 < eyes(seen, i)[0] < 500 for i in np.flatnonzero(seen.tracked))


def test_after_a_while_another_face_may_take_the_place(people) -> None:
    large, small = people
    film = [two_people(large, small)] * 3 + [two_people(None, small)] * 50
    seen = follow(film, FPS)
    assert not seen.tracked[4:30].any()
    assert seen.tracked[-4:].all()
    assert eyes(seen, -1)[0] > 380


def test_a_face_that_is_not_there_is_not_tracked(people) -> None:
    seen = follow([two_people(*people)] * 8, FPS, face=5)
    assert set(words(seen)) == {"none"}
    assert seen.n_faces == 2


def test_parts_beyond_the_edge_are_not_measured() -> None:
    """The chin is cut off: there the crop shows the last row, which moves against the head."""
    path = [HeadPose(0.0, 8.0 * a) for a in np.sin(np.linspace(0, 2 * np.pi, 24))]
    pictures = [p[:246] for p in photograph([FaceState(head=pose) for pose in path], 1.0)]
    seen = follow(pictures, FPS)
    assert seen.tracked.all()
    chin, corners = seen.motion[:, 14], seen.motion[:, 10:12]
    assert np.isnan(chin).all()
    assert np.nanmax(np.abs(seen.motion)) < 0.5
    assert np.isfinite(seen.motion[:, :10]).all()
    assert np.isfinite(corners).any()
    assert pose_errors(seen, path).max() < 0.3


def test_a_part_that_comes_in_is_measured_from_then_on() -> None:
    path = poses(30, shift_y=-36.0)
    pictures = [p[:238] for p in photograph([FaceState(head=pose) for pose in path])]
    seen = follow(pictures, FPS)
    assert np.isnan(seen.motion[0, 14]).all()
    assert np.isfinite(seen.motion[-1, 14]).all()
    assert np.abs(seen.motion[-1, INNER]).max() < 0.5
    assert set(seen.segment) == {0}


class Deluded:
    """Models that find a face with the given mesh points."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = points

    def detect(self, rgb: np.ndarray) -> list:
        return models().detect(rgb)

    def mesh(self, rgb: np.ndarray, face: object) -> Mesh:
        return Mesh(self.points.astype(np.float32), np.zeros(468, np.float32), 1.0)

    def mesh_from_points(self, rgb: np.ndarray, points: np.ndarray) -> Mesh:
        return self.mesh(rgb, None)


@pytest.mark.parametrize(
    "points",
    [np.zeros((468, 2)), np.full((468, 2), np.nan), portrait().points * 0.03, portrait().points - (0, 400)],
    ids=["one point", "nan", "tiny", "outside"],
)
def test_a_mesh_that_is_no_face_is_no_face(points: np.ndarray) -> None:
    (still,) = photograph([FaceState()])
    tracker = FaceTracker(Deluded(points))
    for i in range(3):
        assert tracker.step(Still(i, 0.3 * i, still)).status == "none"
    assert tracker.landmarks == []


def test_a_whole_face_can_be_referred_to_and_a_sliver_cannot() -> None:
    (still,) = photograph([FaceState()])
    mesh = models().mesh(still, models().detect(still)[0])
    geometry = CropGeometry()
    tracker = FaceTracker(models())
    gray = Still(0, 0.0, still).gray
    assert refer(gray, mesh.points, mesh.depth, geometry, tracker.grid) is not None
    sliver = np.ascontiguousarray(gray[:, :95])
    assert refer(sliver, mesh.points, mesh.depth, geometry, tracker.grid) is None


def test_the_same_frames_give_the_same_samples() -> None:
    pictures = photograph([FaceState(head=pose) for pose in poses(6, shift_x=3.0)], 2.0)
    one, two = follow(pictures, FPS), follow(pictures, FPS)
    assert (one.motion == two.motion).all()
    assert (one.matrices == two.matrices).all()
