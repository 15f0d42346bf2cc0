"""The 3D head: is the stated motion the motion that is drawn?"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from head3d_kit import clear, fetched, model_of

from merkit.errors import ConfigError
from merkit.simulate import FaceState, HeadPose, Movement
from merkit.simulate.action_units import ACTION_UNITS
from merkit.simulate.head3d import Head, HeadModel, Light, Person
from merkit.simulate.head3d.shapes import SHAPES
from merkit.simulate.head3d.topology import EYE, SKIN

STILL = FaceState()
SIDE = 128


@pytest.fixture(scope="module")
def model(real_data: Path) -> HeadModel:
    return model_of(real_data)


@pytest.fixture(scope="module")
def head(model: HeadModel) -> Head:
    return Head.from_seed(model, 4, face_px=70, size=(SIDE, SIDE), fixed_light=True)


def smiling(head: Head, peak_px: float = 2.0, **pose: float) -> FaceState:
    return FaceState((Movement(head.field("AU12"), peak_px),), head=HeadPose(**pose))


@pytest.mark.parametrize(
    "pose", [{}, {"shift_x": 0.5, "shift_y": 0.3}, {"yaw_deg": 2, "pitch_deg": -1, "angle_deg": 0.5}]
)
def test_the_frame_fetched_along_the_flow_is_the_reference_frame(head: Head, pose: dict[str, float]) -> None:
    state = smiling(head, **pose)
    reference, frame = head.render(STILL), head.render(state)
    flow, visible = head.flow(STILL, state)
    on_head = clear(head, STILL, state, flow, visible)
    assert on_head.mean() > 0.2
    off = np.abs(fetched(frame, flow) - reference).mean(axis=-1)[on_head].mean()
    assert off < 0.3
    # And it is the flow that achieves it.
    assert off < 0.4 * np.abs(frame - reference).mean(axis=-1)[on_head].mean()


def test_flow_is_that_of_rays_and_triangles(head: Head) -> None:
    """Slow and plain: the ray of a pixel hits a triangle, and the hit point moves with its corners."""
    state = smiling(head, yaw_deg=3, shift_x=1.5, scale=1.02)
    flow, _ = head.flow(STILL, state)
    distance, kind = head.seen(STILL)
    camera, triangles = head._camera, head._surface.point[head._surface.triangles]
    start = head._anatomy.points(STILL)
    eye = np.array([camera.middle[0], camera.middle[1], camera.distance])
    a, b, c = (start[triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    rng = np.random.default_rng(0)
    rows, columns = np.nonzero(np.isin(kind, (SKIN, EYE)))
    for pick in rng.choice(len(rows), 40, replace=False):
        row, column = int(rows[pick]), int(columns[pick])
        ray = np.array([(column - 63.5) / camera.focal, (63.5 - row) / camera.focal, -1.0])
        facing = normal @ ray
        reach = np.einsum("ij,ij->i", a - eye, normal) / np.where(facing < 0, facing, np.inf)
        hit = eye + reach[:, None] * ray
        hit[~np.isfinite(hit)] = 1e9
        shares = np.stack(
            [np.einsum("ij,ij->i", np.cross(q - p, hit - p), normal) for p, q in ((b, c), (c, a), (a, b))]
        ) / np.einsum("ij,ij->i", normal, normal)
        inside = (shares > -1e-9).all(axis=0) & (facing < 0)
        first = np.flatnonzero(inside)[reach[inside].argmin()]
        assert reach[first] == pytest.approx(distance[row, column], abs=1e-6)
        # The moved surface point, projected by hand: turned about the neck, then scaled and shifted.
        corner = triangles[first]
        moved = head._anatomy.points(state)[corner]
        yaw = np.deg2rad(3)
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        pivot = np.array([0, -4, -1])
        turned = moved + head._follow[corner, None] * ((moved - pivot) @ turn.T + pivot - moved)
        point = shares[:, first] @ turned
        view = (point[:2] - eye[:2]) / (camera.distance - point[2]) * camera.focal * [1, -1] * 1.02
        there = view + 63.5 + [1.5, 0]
        np.testing.assert_allclose(flow[row, column], there - [column, row], atol=0.01)
        assert np.hypot(*(there - [column, row])) > 0.1


def test_flow_at_a_landmark_is_the_way_of_the_landmark(head: Head) -> None:
    # The pose is shifted so that each landmark in turn lies on the centre of a pixel.
    for number in (8, 30, 33, 48, 54, 19, 24):
        x, y = head.landmarks(STILL)[number]
        centred = {"shift_x": float(np.rint(x) - x), "shift_y": float(np.rint(y) - y)}
        reference, state = FaceState(head=HeadPose(**centred)), smiling(head, 3.0, **centred, angle_deg=1)
        flow, _ = head.flow(reference, state)
        way = head.landmarks(state)[number] - head.landmarks(reference)[number]
        np.testing.assert_allclose(flow[int(np.rint(y)), int(np.rint(x))], way, atol=0.01)
        assert np.hypot(*way) > 0.1


def test_there_and_back_again(head: Head) -> None:
    state = smiling(head, yaw_deg=1, shift_x=0.4)
    there, visible = head.flow(STILL, state)
    back, _ = head.flow(state, STILL)
    left = np.linalg.norm(there + fetched(back, there, order=1), axis=-1)
    clean = clear(head, STILL, state, there, visible)
    # Between pixels the way back is interpolated, which folds of the lips do not bear.
    assert left[clean].mean() < 0.005
    assert np.percentile(left[clean], 99) < 0.02


def test_nothing_moves_when_nothing_changes(head: Head) -> None:
    for state in (STILL, smiling(head, yaw_deg=4)):
        flow, visible = head.flow(state, state)
        assert np.abs(flow).max() < 1e-9
        assert visible.all()
    flow, _ = head.flow(STILL, FaceState((Movement(head.field("AU4"), 0.0),)))
    assert np.abs(flow).max() < 1e-9


def test_the_same_seed_gives_the_same_bytes(model: HeadModel, head: Head) -> None:
    state = smiling(head)
    assert head.render(state).tobytes() == head.render(state).tobytes()
    again = Head.from_seed(model, 4, face_px=70, size=(SIDE, SIDE), fixed_light=True)
    assert again.render(state).tobytes() == head.render(state).tobytes()
    assert again.person == head.person
    other = Head.from_seed(model, 5, face_px=70, size=(SIDE, SIDE), fixed_light=True)
    assert np.abs(other.render(STILL) - head.render(STILL)).mean() > 2


def test_what_a_person_is_can_be_written_down_and_read_again(model: HeadModel, head: Head) -> None:
    plain = json.loads(json.dumps(head.person))
    names = set(Person.__dataclass_fields__)
    person = Person(**{k: tuple(v) if isinstance(v, list) else v for k, v in plain.items() if k in names})
    again = Head(
        model, person, Light(**plain["light"]), 70, (SIDE, SIDE), plain["distance"], plain["fixed_light"]
    )
    assert again.render(STILL).tobytes() == head.render(STILL).tobytes()


@pytest.mark.parametrize("units", ["AU12", "AU1+2", "AU4"])
def test_left_mirrors_right_on_a_symmetric_face(model: HeadModel, units: str) -> None:
    mean = Head(model, replace(Person.from_seed(0), identity=()), face_px=70, size=(SIDE, SIDE))
    left, right = (
        mean.flow(STILL, FaceState((Movement(mean.field(units, side), 2.0),)))[0]
        for side in ("left", "right")
    )
    difference = np.linalg.norm(left - right[:, ::-1] * [-1, 1], axis=-1)
    # The model is symmetric to 0.005 units, its shapes to 0.02.
    assert np.percentile(difference, 99.8) < 0.06
    assert difference.mean() < 2e-3
    # The person's left is on the right of the picture.
    way = np.linalg.norm(left, axis=-1)
    assert way[:, SIDE // 2 :].sum() > 5 * way[:, : SIDE // 2].sum()


def test_asymmetry_strengthens_one_side(head: Head) -> None:
    flow, _ = head.flow(STILL, FaceState((Movement(head.field("AU12", asymmetry=0.5), 2.0),)))
    way = np.linalg.norm(flow, axis=-1)
    # 1.5 to 0.5.
    assert 2.5 < way[:, SIDE // 2 :].sum() / way[:, : SIDE // 2].sum() < 3.5


@pytest.mark.parametrize("units", [f"AU{n}" for n in ACTION_UNITS] + ["AU1+2", "AU6+12"])
def test_every_unit_of_the_portrait_moves_the_head_and_peaks_at_one_pixel(head: Head, units: str) -> None:
    flow, visible = head.flow(STILL, FaceState((Movement(head.field(units), 1.0),)))
    on_face = visible & (head.seen(STILL)[1] == SKIN)
    # The longest way is that of a point, which lies between pixels.
    assert 0.8 < np.linalg.norm(flow, axis=-1)[on_face].max() < 1.02


@pytest.mark.parametrize("units", ["AU5", "AU7", "AU26"])
def test_the_longest_way_of_a_visible_point_is_one_pixel(head: Head, units: str) -> None:
    # Also where lids are held off the eyeballs, so that they do not go where the shape says.
    state = FaceState((Movement(head.field(units), 1.0),))
    way = np.linalg.norm((head.positions(state) - head.positions(STILL))[:, :2], axis=1)
    assert way[head.visible_points].max() == pytest.approx(1, abs=1e-4)
    assert len(head.visible_points) > 4000


def test_units_go_the_way_their_muscles_pull(head: Head) -> None:
    def way(units: str, mark: int) -> np.ndarray:
        moved = head.landmarks(FaceState((Movement(head.field(units), 2.0),)))
        return (moved - head.landmarks(STILL))[mark]

    assert way("AU1", 22)[1] < -0.5
    assert way("AU2", 25)[1] < -0.5
    assert way("AU4", 22)[1] > 0.3
    assert way("AU5", 44)[1] < -0.3
    assert way("AU12", 54)[1] < -0.3
    assert way("AU12", 54)[0] > 0.3
    assert way("AU15", 54)[1] > 0.3
    assert way("AU20", 54)[0] > 0.3
    assert way("AU26", 8)[1] > 1
    assert way("AU25", 57)[1] > 0.3


def test_a_pose_moves_every_point_of_the_head_as_it_says(head: Head) -> None:
    flow, _ = head.flow(STILL, FaceState(head=HeadPose(1.25, -0.5)))
    on_head = np.isfinite(head.seen(STILL)[0])
    np.testing.assert_allclose(flow[on_head], np.broadcast_to([1.25, -0.5], flow[on_head].shape), atol=1e-5)
    assert np.abs(flow[~on_head]).max() == 0
    # Turned to the left of the person the nose goes to the right of the picture, raised it goes up.
    nose = head.landmarks(STILL)[30]
    turned, raised = (
        head.landmarks(FaceState(head=p))[30] for p in (HeadPose(yaw_deg=5), HeadPose(pitch_deg=5))
    )
    assert turned[0] - nose[0] > 2
    assert raised[1] - nose[1] < -2
    # The shoulders stay.
    bottom = flow_of(head, HeadPose(yaw_deg=5))[-1]
    assert np.abs(bottom).max() < 1


def flow_of(head: Head, pose: HeadPose) -> np.ndarray:
    return head.flow(STILL, FaceState(head=pose))[0]


def test_shut_eyes_hide_the_eyeballs_and_nothing_else(head: Head) -> None:
    kind = head.seen(STILL)[1]
    both = FaceState(closure=(1.0, 1.0))
    assert (kind == EYE).sum() > 60
    assert not (head.seen(both)[1] == EYE).any()
    _, visible = head.flow(STILL, both)
    assert visible[kind == EYE].mean() < 0.02
    assert visible[kind == SKIN].mean() > 0.98
    # The person's right eye is on the left of the picture.
    right = head.seen(FaceState(closure=(1.0, 0.0)))[1] == EYE
    assert not right[:, : SIDE // 2].any()
    assert right[:, SIDE // 2 :].any()
    half = (head.seen(FaceState(closure=(0.5, 0.5)))[1] == EYE).sum()
    assert 0.2 < half / (kind == EYE).sum() < 0.8


def test_gaze_turns_the_eyes_and_leaves_the_rest(head: Head) -> None:
    kind = head.seen(STILL)[1]
    flow, _ = head.flow(STILL, FaceState(gaze=(10.0, 0.0)))
    assert np.median(flow[kind == EYE][:, 0]) > 0.8
    assert np.abs(flow[70:]).max() < 1e-6
    up, _ = head.flow(STILL, FaceState(gaze=(0.0, 10.0)))
    assert np.median(up[kind == EYE][:, 1]) < -0.8


def test_what_the_head_covers_and_what_leaves_the_frame_is_not_visible(head: Head) -> None:
    on_head = np.isfinite(head.seen(STILL)[0])
    _, visible = head.flow(STILL, FaceState(head=HeadPose(shift_x=6)))
    assert (~visible & ~on_head).sum() > 100
    _, visible = head.flow(STILL, FaceState(head=HeadPose(shift_x=70)))
    assert not visible[on_head][np.nonzero(on_head)[1] > 60].any()
    gone = FaceState(head=HeadPose(shift_x=1000))
    np.testing.assert_allclose(head.render(gone), np.sqrt(head._background) * 255, atol=0.01)
    assert not head.flow(STILL, gone)[1][on_head].any()
    assert head.flow(gone, gone)[1].all()


def test_light_that_sticks_to_the_skin_and_light_that_does_not(model: HeadModel, head: Head) -> None:
    lamp = Light(azimuth_deg=50, key=0.8, ambient=0.3)
    state = FaceState(head=HeadPose(yaw_deg=-12))
    change = {}
    for fixed in (True, False):
        lit = Head(model, Person.from_seed(4), lamp, 70, (SIDE, SIDE), fixed_light=fixed)
        flow, visible = lit.flow(STILL, state)
        difference = fetched(lit.render(state), flow) - lit.render(STILL)
        clean = clear(lit, STILL, state, flow, visible)
        change[fixed] = np.abs(difference.mean(axis=-1)[clean]).mean()
    assert change[True] < 0.6
    assert change[False] > 4


def test_a_face_is_as_wide_as_asked_and_in_the_middle(head: Head) -> None:
    marks = head.landmarks(STILL)
    assert marks[16, 0] - marks[0, 0] == pytest.approx(70, abs=1e-6)
    np.testing.assert_allclose(marks[[27, 33]].mean(axis=0), [63.5, 63.5], atol=1.0)


def test_the_picture_lies_where_the_points_say(model: HeadModel) -> None:
    green = replace(Person.from_seed(4), wall_colour=(0.02, 0.8, 0.02), clothes_colour=(0.5, 0.5, 0.5))
    head = Head(model, green, face_px=70, size=(SIDE, SIDE))
    light, wall = (head.render(STILL) / 255) ** 2, head._background
    differs = light[..., 1] - light[..., 0] < 0.5 * (wall[..., 1] - wall[..., 0])
    shown = np.isfinite(head.seen(STILL)[0])
    assert (differs == shown).mean() > 0.98
    for axis in (0, 1):
        middles = [np.nonzero(mask)[axis].mean() for mask in (differs, shown)]
        assert middles[0] == pytest.approx(middles[1], abs=0.15)


def test_skin_has_grain_and_does_not_alias(head: Head) -> None:
    frame = head.render(STILL)[..., 1]
    marks = head.landmarks(STILL)
    x, y = np.rint(marks[[1, 31]].mean(axis=0)).astype(int)
    patch = frame[y - 5 : y + 6, x - 5 : x + 6]
    rows, columns = np.mgrid[-5:6, -5:6]
    flat = np.column_stack(
        [np.ones(121), rows.ravel(), columns.ravel(), (rows**2).ravel(), (columns**2).ravel()]
    )
    grain = patch.ravel() - flat @ np.linalg.lstsq(flat, patch.ravel(), rcond=None)[0]
    assert 0.8 < grain.std() < 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"face_px": 5}, "face_px: 5"),
        ({"face_px": float("nan")}, "face_px: nan"),
        ({"size": (8, 8)}, "size: 8 by 8"),
        ({"distance": 3}, "distance: 3"),
        ({"seed": -1}, "seed: -1"),
    ],
)
def test_impossible_heads_are_refused(model: HeadModel, wrong: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Head.from_seed(model, **{"seed": 0, **wrong})


def test_impossible_movements_lights_and_people_are_refused(head: Head) -> None:
    with pytest.raises(ConfigError, match="AU99"):
        head.field("AU99")
    with pytest.raises(ConfigError, match="side: 'up'"):
        head.field("AU12", "up")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="asymmetry"):
        head.field("AU12", asymmetry=2)
    with pytest.raises(ConfigError, match="light key"):
        Light(key=-1)
    with pytest.raises(ConfigError, match="hair: 'mohawk'"):
        replace(Person.from_seed(0), hair="mohawk")
    with pytest.raises(ConfigError, match="skin_tone"):
        replace(Person.from_seed(0), skin_tone=2.0)


def test_both_engines_know_the_same_units() -> None:
    assert set(SHAPES) == set(ACTION_UNITS)
