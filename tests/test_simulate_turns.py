"""Turns of the head and glances of a portrait: as far as asked, exactly, and nothing else."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree
from skimage.data import astronaut as picture

from merkit.errors import ConfigError
from merkit.faces.landmarks import FACE_OVAL
from merkit.simulate import FaceState, HeadPose, Movement, Portrait
from merkit.simulate.action_units import face_axes
from merkit.simulate.eyelids import LEFT_EYE, RIGHT_EYE, Eyelid
from merkit.simulate.gaze import Iris
from merkit.simulate.picture import face_landmarks

SIZE = (256, 256)


@pytest.fixture(scope="module")
def mesh() -> np.ndarray:
    return face_landmarks(picture(), "astronaut")


@pytest.fixture(scope="module")
def face(mesh: np.ndarray) -> Portrait:
    return Portrait.from_picture(picture(), mesh, 150, SIZE)


def waves(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A picture known everywhere, of waves of 5 px and longer."""
    return 128 + 40 * np.sin(1.2 * x + 0.3) * np.cos(0.4 * y) + 30 * np.sin(0.5 * y + 0.2 * x)


@pytest.fixture(scope="module")
def waving(face: Portrait, mesh: np.ndarray) -> Portrait:
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(float)
    rgb = np.repeat(waves(columns, rows)[..., None], 3, axis=2)
    factor = 150 / np.hypot(*(mesh[454, :2] - mesh[234, :2]))
    points = np.column_stack([face.points, mesh[:, 2] * factor])
    return Portrait.from_picture(rgb, points, face.face_px, SIZE)


def grid() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(float)
    return columns, rows


def closing_error(portrait: Portrait, before: FaceState, after: FaceState) -> float:
    """How far flow there and flow back miss each other, inside the frame; it bends between pixels."""
    columns, rows = grid()
    there, _ = portrait.flow(before, after)
    back, _ = portrait.flow(after, before)
    x, y = columns + there[..., 0], rows + there[..., 1]
    again = np.stack([map_coordinates(back[..., n], [y, x], order=3) for n in (0, 1)], -1)
    return float(np.abs(there + again)[12:-12, 12:-12].max())


# Turns


def test_a_head_turns_by_the_depth_of_its_mesh(face: Portrait, mesh: np.ndarray) -> None:
    """Landmarks against a rotation of the mesh in space; the relief is smoothed, so not to a hair."""
    factor = 150 / np.hypot(*(mesh[454, :2] - mesh[234, :2]))
    depth = mesh[:, 2] * factor
    across, down = face_axes(face.points)
    local = face.points @ np.stack([across, down], 1)
    local -= (local.min(axis=0) + local.max(axis=0)) / 2
    front = depth[list(FACE_OVAL)].mean() - depth
    for yaw, pitch in ((5.0, 0.0), (0.0, -5.0), (-4.0, 3.0)):
        a, b = np.deg2rad([yaw, pitch])
        raised, nearer = (
            local[:, 1] * np.cos(b) - front * np.sin(b),
            local[:, 1] * np.sin(b) + front * np.cos(b),
        )
        turned = np.stack([local[:, 0] * np.cos(a) + nearer * np.sin(a), raised], 1)
        expected = (turned - local) @ np.stack([across, down])
        found = face.landmarks(FaceState(head=HeadPose(yaw_deg=yaw, pitch_deg=pitch))) - face.points
        inner = np.setdiff1d(np.arange(468), FACE_OVAL)
        error = np.hypot(*(found - expected)[inner].T)
        assert error.mean() < 0.1 * np.hypot(*expected[inner].T).mean()
        assert np.corrcoef(found[inner].ravel(), expected[inner].ravel())[0, 1] > 0.98


def test_turns_to_the_persons_left_and_up_go_right_and_up_in_the_picture(face: Portrait) -> None:
    nose = 4
    left = face.landmarks(FaceState(head=HeadPose(yaw_deg=4)))[nose] - face.points[nose]
    up = face.landmarks(FaceState(head=HeadPose(pitch_deg=4)))[nose] - face.points[nose]
    assert left[0] > 3
    assert abs(left[1]) < 0.3 * left[0]
    assert up[1] < -3
    assert abs(up[0]) < 0.3 * -up[1]


@pytest.mark.parametrize(("yaw", "pitch"), [(3, 0), (-8, 0), (0, 8), (5, -5)])
def test_turned_frames_and_flow_agree(waving: Portrait, yaw: float, pitch: float) -> None:
    """The inverse of the stated motion in double precision leads to the analytic picture."""
    turned = FaceState(head=HeadPose(yaw_deg=yaw, pitch_deg=pitch))
    flow, visible = waving.flow(FaceState(), turned)
    assert visible.all()
    columns, rows = grid()
    x, y = columns, rows
    for _ in range(200):
        x, y = (
            where - map_coordinates(flow[..., n].astype(float), [y, x], order=1, mode="nearest")
            for n, where in enumerate((columns, rows))
        )
    error = np.abs(waving.render(turned)[..., 0] - waves(x, y))[12:-12, 12:-12]
    assert np.hypot(*flow.transpose(2, 0, 1)).max() > 3
    assert error.mean() < 0.3
    assert error.max() < 4
    assert closing_error(waving, FaceState(), turned) < 0.02


def test_turns_go_with_everything_else(waving: Portrait) -> None:
    before = FaceState(
        (Movement(waving.field("AU12"), 0.8),), head=HeadPose(0.4, -0.6, 0.5, 1.003, yaw_deg=2, pitch_deg=-1)
    )
    after = FaceState(
        (Movement(waving.field("AU12"), 2.0), Movement(waving.field("AU4"), 0.5)),
        head=HeadPose(-0.8, 0.2, -0.4, 0.998, yaw_deg=-3, pitch_deg=2),
    )
    assert closing_error(waving, before, after) < 0.02
    columns, rows = grid()
    flow, _ = waving.flow(before, after)
    came = map_coordinates(
        waving.render(after)[..., 0], [rows + flow[..., 1], columns + flow[..., 0]], order=5
    )
    assert np.abs(came - waving.render(before)[..., 0])[16:-16, 16:-16].mean() < 0.3


def test_the_background_does_not_turn(face: Portrait) -> None:
    still, turned = face.render(FaceState()), face.render(FaceState(head=HeadPose(yaw_deg=6, pitch_deg=4)))
    np.testing.assert_array_equal(turned[:4, :4], still[:4, :4])
    flow, _ = face.flow(FaceState(), FaceState(head=HeadPose(yaw_deg=6)))
    assert not flow[:4, :4].any()


@pytest.mark.parametrize("pose", [HeadPose(yaw_deg=8.5), HeadPose(pitch_deg=-9), HeadPose(yaw_deg=np.nan)])
def test_turns_too_far_are_refused(face: Portrait, pose: HeadPose) -> None:
    with pytest.raises(ConfigError, match="at most 8; use the 3D head"):
        face.render(FaceState(head=pose))


def test_without_depth_a_portrait_does_not_turn(mesh: np.ndarray) -> None:
    flat = Portrait.from_picture(picture(), mesh[:, :2], 150, SIZE)
    with pytest.raises(ConfigError, match=r"without depth .* shape \(468, 3\)"):
        flat.render(FaceState(head=HeadPose(yaw_deg=1)))
    assert flat.render(FaceState(head=HeadPose(shift_x=1))).shape == (256, 256, 3)


# Gaze


def middle_of_eye(portrait: Portrait, eye: dict[str, tuple[int, ...]]) -> tuple[float, float]:
    x, y = portrait.points[list(eye["upper"][3:6] + eye["lower"][3:6])].mean(axis=0)
    return float(x), float(y)


@pytest.mark.parametrize("eye", [RIGHT_EYE, LEFT_EYE])
def test_an_iris_shifts_as_an_eyeball_would(face: Portrait, eye: dict[str, tuple[int, ...]]) -> None:
    lid = Eyelid(face.points, eye)
    x, y = middle_of_eye(face, eye)
    flow, _ = face.flow(FaceState(), FaceState(gaze=(6.0, 0.0)))
    u, v = flow[round(y), round(x)]
    assert np.hypot(u, v) == pytest.approx(0.4 * lid.width * np.sin(np.deg2rad(6)), rel=0.02)
    assert u > 5 * abs(v)
    up, _ = face.flow(FaceState(), FaceState(gaze=(0.0, 4.0)))
    assert up[round(y), round(x), 1] == pytest.approx(-0.4 * lid.width * np.sin(np.deg2rad(4)), rel=0.05)


def test_a_glance_changes_the_eyes_alone_and_closes(face: Portrait, waving: Portrait) -> None:
    aside = FaceState(gaze=(7.0, -4.0))
    changed = np.abs(face.render(aside) - face.render(FaceState())).max(axis=2) > 0
    assert changed.sum() > 100
    columns, rows = grid()
    for eye in (RIGHT_EYE, LEFT_EYE):
        along, below = Eyelid(face.points, eye).opening(columns, rows)
        changed &= ~((along > 0) & (along < 1) & (below > 0) & (below < 1))
        # There and back again, at points between the pixels too.
        iris = Iris(Eyelid(face.points, eye))
        shift = iris.shift(aside.gaze)
        there = iris.moved(columns + 0.3, rows + 0.4, shift)
        back = iris.source(*there, shift)
        np.testing.assert_allclose(back[0], columns + 0.3, atol=2e-3)
        np.testing.assert_allclose(back[1], rows + 0.4, atol=2e-3)
    assert not changed.any()
    x, y = columns, rows
    for eye in (RIGHT_EYE, LEFT_EYE):
        iris = Iris(Eyelid(face.points, eye))
        x, y = iris.source(x, y, iris.shift(aside.gaze))
    assert np.hypot(x - columns, y - rows).max() > 1
    assert np.abs(waving.render(aside)[..., 0] - waves(x, y))[12:-12, 12:-12].mean() < 0.3


def test_lids_close_over_eyes_that_look_aside(face: Portrait) -> None:
    ahead, aside = (face.render(FaceState(closure=(1, 1), gaze=gaze)) for gaze in ((0.0, 0.0), (6.0, 3.0)))
    # At the very corners of an eye the lid covers a pixel in part.
    assert np.abs(ahead - aside).max() < 0.1
    x, y = middle_of_eye(face, RIGHT_EYE)
    _, visible = face.flow(FaceState(gaze=(6.0, 3.0)), FaceState(closure=(1, 1), gaze=(-6.0, 0.0)))
    assert not visible[round(y), round(x)]


@pytest.mark.parametrize(("gaze", "name"), [((9.0, 0.0), "yaw"), ((0.0, -6.0), "pitch")])
def test_glances_too_far_are_refused(face: Portrait, gaze: tuple[float, float], name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}.*use the 3D head"):
        face.render(FaceState(gaze=gaze))


# Mirror


def partners() -> np.ndarray:
    """For each mesh point the one on the other side, found on the symmetric mean face."""
    with np.load(str(files("merkit") / "weights" / "face_template.npz")) as mean:
        points = np.column_stack([mean["points"], mean["depth"]])
    partner = cKDTree(points).query(points * [-1, 1, 1])[1]
    assert sorted(partner) == list(range(468))
    return partner


def test_a_mirrored_picture_and_side_mirror_frames_and_flow(mesh: np.ndarray, face: Portrait) -> None:
    mirrored = mesh[partners()] * [-1, 1, 1] + [picture().shape[1] - 1, 0, 0]
    other = Portrait.from_picture(np.ascontiguousarray(picture()[:, ::-1]), mirrored, 150, SIZE)

    def state(portrait: Portrait, sign: int) -> FaceState:
        return FaceState(
            (
                Movement(portrait.field("AU12", "left" if sign > 0 else "right"), 2.0),
                Movement(portrait.field("AU1+7", asymmetry=0.2 * sign), 1.0),
            ),
            (0.3, 0.0) if sign > 0 else (0.0, 0.3),
            HeadPose(0.5 * sign, 0.3, 0.4 * sign, 1.002, yaw_deg=3.0 * sign, pitch_deg=2.0),
            (4.0 * sign, 2.0),
        )

    flow, visible = face.flow(FaceState(), state(face, 1))
    mirror, seen = other.flow(FaceState(), state(other, -1))
    # Where a lid ends, a rounding decides.
    assert (seen[:, ::-1] == visible).mean() > 0.999
    both = seen[:, ::-1] & visible
    assert np.abs(mirror[:, ::-1] * [-1, 1] - flow)[both].max() < 0.03
    frame, reflected = face.render(state(face, 1)), other.render(state(other, -1))[:, ::-1]
    assert np.abs(frame - reflected).mean() < 0.1
