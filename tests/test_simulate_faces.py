"""Action units, portrait engine, lids: is what moves what was asked for, exactly?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.optimize import least_squares, minimize_scalar
from scipy.spatial import cKDTree

from merkit.errors import ConfigError, DataError
from merkit.simulate import FaceState, HeadPose, Movement, Performance, Portrait, draw_clip, load_portrait
from merkit.simulate.action_units import (
    ACTION_UNITS,
    FACE_SIDES,
    OUTER_EYE_CORNERS,
    displacement_field,
    face_width,
)


@pytest.fixture(scope="module")
def astronaut() -> Portrait:
    return load_portrait()


def texture(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A band-limited picture known at every real coordinate: waves of 5 px and longer, std 29."""
    rng = np.random.default_rng(5)
    total = np.full(np.broadcast(x, y).shape, 128.0)
    for hertz, angle, phase in zip(
        rng.uniform(0.01, 0.2, 12), rng.uniform(0, np.pi, 12), rng.uniform(0, 2 * np.pi, 12), strict=True
    ):
        total += 12 * np.sin(2 * np.pi * hertz * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    return total


@pytest.fixture(scope="module")
def textured(astronaut: Portrait) -> Portrait:
    """A portrait whose picture is the analytic texture, at the same size as its frames."""
    height, width = astronaut.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    rgb = np.repeat(texture(columns, rows)[..., None], 3, axis=2)
    made = Portrait.from_picture(rgb, astronaut.points, face_px=face_width(astronaut.points))
    np.testing.assert_allclose(made.points, astronaut.points, atol=1e-6)
    assert made.shape == astronaut.shape
    return made


@pytest.fixture(scope="module")
def small(astronaut: Portrait) -> Portrait:
    """The texture on a face 80 px wide."""
    points = load_portrait(face_px=80, size=(140, 150)).points
    rows, columns = np.mgrid[0:150, 0:140].astype(float)
    rgb = np.repeat(texture(columns, rows)[..., None], 3, axis=2)
    return Portrait.from_picture(rgb, points, face_px=face_width(points), size=(140, 150))


def at_each(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values between pixels, linear as the engine means them, in double precision."""
    return map_coordinates(np.asarray(values, float), [y, x], order=1, mode="nearest")


# Action units


@pytest.mark.parametrize("units", [f"AU{n}" for n in ACTION_UNITS] + ["AU1+2", "AU6+12", "AU4+7"])
def test_every_field_peaks_at_one_pixel_is_smooth_and_leaves_the_background(
    astronaut: Portrait, units: str
) -> None:
    field = astronaut.field(units)
    length = np.hypot(field[..., 0], field[..., 1])
    assert length.max() == pytest.approx(1, abs=1e-6)
    # The narrowest bump (a lid) is 0.03 face widths = 6 px: a step larger than this would be an edge.
    assert max(np.abs(np.diff(field, axis=axis)).max() for axis in (0, 1)) < 0.15
    assert length[0].max() < 0.02
    assert length[:, [0, -1]].max() < 0.02


def at(portrait: Portrait, field: np.ndarray, landmark: int) -> np.ndarray:
    x, y = np.rint(portrait.points[landmark]).astype(int)
    return field[y, x]


def test_smile_pulls_lip_corners_up_and_out(astronaut: Portrait) -> None:
    field = astronaut.field("AU12")
    right, left = at(astronaut, field, 61), at(astronaut, field, 291)
    assert right[0] < -0.4  # the person's right is on the left of the picture
    assert left[0] > 0.4
    assert right[1] < -0.5
    assert left[1] < -0.5
    assert np.hypot(*at(astronaut, field, 107)) < 0.02


def test_frown_pulls_brows_down_and_together_strongest_inside(astronaut: Portrait) -> None:
    field = astronaut.field("AU4")
    inner, outer = at(astronaut, field, 107), at(astronaut, field, 70)
    assert inner[1] > 0.35
    assert inner[0] > 0.3
    assert at(astronaut, field, 336)[0] < -0.2
    assert np.hypot(*outer) < 0.75 * np.hypot(*inner)


def test_surprise_raises_whole_brows_and_spares_the_mouth(astronaut: Portrait) -> None:
    field = astronaut.field("AU1+2")
    assert all(at(astronaut, field, n)[1] < -0.35 for n in (107, 105, 70, 336, 334, 300))
    assert at(astronaut, field, 105)[1] < -0.7
    assert at(astronaut, field, 151)[1] < -0.2
    assert abs(at(astronaut, field, 159)[1]) < 0.25
    assert np.hypot(*at(astronaut, field, 61)) < 0.02


ICT_SHAPES = {
    "AU1": ("browInnerUp", 0.85),
    "AU2": ("browOuterUp", 0.85),
    "AU4": ("browDown", 0.9),
    "AU5": ("eyeWide", 0.9),
    "AU7": ("eyeSquint", 0.85),
    "AU9": ("noseSneer", 0.9),
    "AU10": ("mouthUpperUp", 0.9),
    "AU12": ("mouthSmile", 0.85),
    "AU14": ("mouthDimple", 0.6),
    "AU15": ("mouthFrown", 0.65),
    "AU16": ("mouthLowerDown", 0.9),
    "AU17": ("mouthShrugLower", 0.9),
    "AU18": ("mouthPucker", 0.8),
    "AU20": ("mouthStretch", 0.7),
    "AU24": ("mouthPress", 0.85),
    "AU26": ("jawOpen", 0.9),
}


@pytest.mark.parametrize("units", ICT_SHAPES)
def test_fields_spread_like_those_of_a_sculpted_head(
    astronaut: Portrait, units: str, real_data: Path
) -> None:
    """Against the expression shapes of the ICT head, laid over the portrait by the eyes."""
    head = np.load(real_data / "face3d_ict" / "face3d_ict.npz")
    shape, least = ICT_SHAPES[units]
    names = [str(name) for name in head["expression_names"]]
    neutral, skin = head["neutral"], head["part"] == 0
    moved = sum(
        head["expression_deltas"][names.index(name)].astype(float)
        for name in (f"{shape}_L", f"{shape}_R", shape)
        if name in names
    )
    marks = neutral[head["landmark68"]][:, :2] * [1, -1]
    eyes = marks[36:42].mean(axis=0), marks[42:48].mean(axis=0)
    wanted = [astronaut.points[[33, 133]].mean(axis=0), astronaut.points[[362, 263]].mean(axis=0)]
    turn = complex(*(wanted[1] - wanted[0])) / complex(*(eyes[1] - eyes[0]))
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    at_px = (neutral[skin, :2] * [1, -1] - eyes[0]) @ linear.T + wanted[0]
    grid = np.mgrid[60:380:8, 110:290:8][::-1].reshape(2, -1).T
    near = cKDTree(at_px).query(grid)[1]
    truth = (moved[skin][near, :2] * [1, -1]) @ linear.T
    field = astronaut.field(units)[grid[:, 1], grid[:, 0]]
    assert np.corrcoef(field.ravel(), truth.ravel())[0, 1] > least


@pytest.mark.parametrize("side", ["both", "left", "right"])
def test_a_mirrored_face_mirrors_the_field(astronaut: Portrait, side: str) -> None:
    height, width = astronaut.shape
    pairs = {OUTER_EYE_CORNERS, FACE_SIDES}
    pairs |= {(bump.right, bump.left) for unit in ACTION_UNITS.values() for bump in unit.bumps}
    mirrored = astronaut.points * np.array([-1, 1]) + np.array([width - 1, 0])
    swapped = mirrored.copy()
    for right, left in pairs:
        swapped[right], swapped[left] = mirrored[left], mirrored[right]
    other = {"both": "both", "left": "right", "right": "left"}[side]
    field = displacement_field(astronaut.points, (height, width), "AU1+4+12", side, asymmetry=0.3)
    mirror = displacement_field(swapped, (height, width), "AU1+4+12", other, asymmetry=-0.3)
    np.testing.assert_allclose(mirror[:, ::-1] * [-1, 1], field, atol=1e-4)


def test_one_side_and_asymmetry(astronaut: Portrait) -> None:
    left = astronaut.field("AU12", "left")
    assert np.hypot(*at(astronaut, left, 291)) > 0.9
    assert np.hypot(*at(astronaut, left, 61)) < 0.05
    stronger = astronaut.field("AU12", asymmetry=0.25)
    ratio = np.hypot(*at(astronaut, stronger, 291)) / np.hypot(*at(astronaut, stronger, 61))
    assert ratio == pytest.approx(1.25 / 0.75, rel=0.05)


@pytest.mark.parametrize("wrong", ["AU99", "smile", "AU12+", ""])
def test_unknown_action_units_are_refused_by_name(astronaut: Portrait, wrong: str) -> None:
    with pytest.raises(ConfigError, match="choose from AU1"):
        astronaut.field(wrong)


@pytest.mark.parametrize("units", ["AU45", "AU6+43"])
def test_units_of_the_lids_have_no_field(astronaut: Portrait, units: str) -> None:
    with pytest.raises(ConfigError, match="give a closure"):
        astronaut.field(units)


# Portrait engine

HEAD = HeadPose(1.3, -0.8, 0.3, 1.004)


def test_rendering_agrees_with_an_analytic_picture(textured: Portrait) -> None:
    height, width = textured.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(float)

    def push(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * (((x - 190) / 30) ** 2 + ((y - 230) / 24) ** 2))

    field = np.stack([0.6 * push(columns, rows), -0.8 * push(columns, rows)], -1).astype(np.float32)
    for peak in (0.1, 0.5, 2.0):
        x, y = columns.copy(), rows.copy()
        for _ in range(50):  # invert the forward map in double precision
            x, y = columns - 0.6 * peak * push(x, y), rows + 0.8 * peak * push(x, y)
        frame = textured.render(FaceState((Movement(field, peak),)))[..., 0]
        moving = push(columns, rows) > 0.2
        assert np.abs(frame - texture(x, y))[moving].mean() < 0.3


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_every_unit_is_drawn_where_its_field_says_and_closes(small: Portrait, unit: int) -> None:
    """Marked movements on a small face, against an inverse found in double precision."""
    field = small.field(f"AU{unit}", asymmetry=0.1)
    total = 0.25 * ACTION_UNITS[unit].reach * face_width(small.points) / 200 * field.astype(float)
    height, width = small.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    x, y = columns, rows
    for _ in range(60):
        x, y = columns - at_each(total[..., 0], x, y), rows - at_each(total[..., 1], x, y)
    moved = FaceState((Movement(total.astype(np.float32), 1.0),))
    shift = np.hypot(columns - x, rows - y)
    error = np.abs(small.render(moved)[..., 0] - texture(x, y))
    assert error[shift > 0.1 * shift.max()].mean() < 0.3
    assert error.max() < 2
    there, _ = small.flow(FaceState(), moved)
    np.testing.assert_allclose(there, total, atol=0.01)
    back, _ = small.flow(moved, FaceState())
    again = np.stack(
        [at_each(back[..., n], columns + there[..., 0], rows + there[..., 1]) for n in (0, 1)], -1
    )
    assert np.abs(there + again).max() < 0.02


def test_skin_may_stretch_to_more_than_twice_its_length(small: Portrait) -> None:
    """No fold, though a step back by the displacement overshoots there."""
    field = small.field("AU2")
    slope = np.gradient(field[..., 1], axis=0)
    strong = Movement(field, float(1.2 / slope.max()))
    assert slope.min() * strong.peak_px > -0.9
    flow, _ = small.flow(FaceState((strong,)), FaceState())
    height, width = small.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    forth = np.stack([at_each(strong.peak_px * strong.field[..., n], x, y) for n in (0, 1)], -1)
    assert np.abs(flow + forth).max() < 0.03


def test_a_still_face_gives_the_same_bytes(astronaut: Portrait) -> None:
    still = Performance(5, 50.0, astronaut.face_px)
    frames = [astronaut.render(state).tobytes() for state in still.states(astronaut)]
    assert len(frames) == 5
    assert set(frames) == {astronaut.render(FaceState()).tobytes()}


def test_a_drawn_expression_moves_the_face_as_far_as_its_acts_say(astronaut: Portrait) -> None:
    clip = draw_clip(
        "casme2", 50, astronaut.face_px, np.random.default_rng(3), action_units="AU4+12", sway=None
    )
    (event,) = clip.events
    states = clip.states(astronaut)
    # The units are far apart, so each peak is its own.
    flow, _ = astronaut.flow(states[event.onset_frame], states[event.apex_frame])
    length = np.hypot(flow[..., 0], flow[..., 1])
    eyes, nose = int(astronaut.points[33, 1]), int(astronaut.points[4, 1])
    peaks = {act.action_units: act.peak_px for act in event.acts}
    assert length[:eyes].max() == pytest.approx(peaks["AU4"], rel=0.03)
    assert length[nose:].max() == pytest.approx(peaks["AU12"], rel=0.03)
    assert not astronaut.flow(states[event.onset_frame], states[event.offset_frame])[0].any()


def test_true_flow_leads_from_frame_to_frame(textured: Portrait) -> None:
    smile = textured.field("AU12", asymmetry=0.1)
    before = FaceState((Movement(smile, 0.4),), head=HeadPose(-0.5, 0.7, -0.2, 0.998))
    after = FaceState((Movement(smile, 2.0), Movement(textured.field("AU4"), 0.7)), head=HEAD)
    flow, visible = textured.flow(before, after)
    assert visible.all()
    height, width = textured.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(float)
    came = map_coordinates(
        textured.render(after)[..., 0], [rows + flow[..., 1], columns + flow[..., 0]], order=5
    )
    error = np.abs(came - textured.render(before)[..., 0])[8:-8, 8:-8]
    assert error.mean() < 0.3
    # And back again: flow there plus flow from there is zero.
    back, _ = textured.flow(after, before)
    again = np.stack(
        [
            map_coordinates(back[..., n], [rows + flow[..., 1], columns + flow[..., 0]], order=1)
            for n in (0, 1)
        ],
        -1,
    )
    assert np.abs(flow + again)[8:-8, 8:-8].max() < 0.02


@pytest.mark.parametrize(("units", "peak"), [("AU12", 0.5), ("AU4", 1.0), ("AU1+2", 2.0)])
def test_planted_peak_is_the_asked_one(astronaut: Portrait, units: str, peak: float) -> None:
    """Measured on the pictures: the factor at which a slow exact warp of one gives the other."""
    field = astronaut.field(units)
    neutral = astronaut.render(FaceState())[..., 1]
    moved = astronaut.render(FaceState((Movement(field, peak),)))[..., 1]
    rows, columns = np.mgrid[0 : neutral.shape[0], 0 : neutral.shape[1]].astype(float)
    inside = np.hypot(field[..., 0], field[..., 1]) > 0.05

    def misfit(factor: float) -> float:
        there = [rows[inside] + factor * field[inside, 1], columns[inside] + factor * field[inside, 0]]
        return float(np.mean((map_coordinates(moved, there, order=3) - neutral[inside]) ** 2))

    measured = minimize_scalar(misfit, bounds=(0, 2 * peak), method="bounded", options={"xatol": 1e-3}).x
    assert measured == pytest.approx(peak, abs=0.02)


def test_head_shift_is_the_asked_one_and_the_background_stays(astronaut: Portrait) -> None:
    neutral = astronaut.render(FaceState())
    shifted = astronaut.render(FaceState(head=HeadPose(0.37, -0.21)))
    x, y = np.rint(astronaut.centre).astype(int)
    rows, columns = np.mgrid[y - 80 : y + 80, x - 80 : x + 80].astype(float)

    def misfit(shift: np.ndarray) -> np.ndarray:
        came = map_coordinates(shifted[..., 1], [rows + shift[1], columns + shift[0]], order=3)
        return (came - neutral[y - 80 : y + 80, x - 80 : x + 80, 1]).ravel()

    assert least_squares(misfit, [0.0, 0.0]).x == pytest.approx((0.37, -0.21), abs=0.01)
    np.testing.assert_array_equal(shifted[:, :8], neutral[:, :8])
    np.testing.assert_array_equal(shifted[:, -8:], neutral[:, -8:])


def test_head_pose_moves_face_points_as_stated(astronaut: Portrait) -> None:
    flow, _ = astronaut.flow(FaceState(), FaceState(head=HeadPose(1, 2, 0.5, 1.01)))
    x, y = 230.0, 260.0
    angle, (cx, cy) = np.deg2rad(0.5), astronaut.centre
    expected_x = cx + 1 + 1.01 * (np.cos(angle) * (x - cx) - np.sin(angle) * (y - cy))
    expected_y = cy + 2 + 1.01 * (np.sin(angle) * (x - cx) + np.cos(angle) * (y - cy))
    np.testing.assert_allclose(flow[260, 230], [expected_x - x, expected_y - y], atol=1e-3)


def test_impossible_displacement_is_refused(astronaut: Portrait) -> None:
    with pytest.raises(ConfigError, match="too strong"):
        astronaut.render(FaceState((Movement(astronaut.field("AU7"), 60.0),)))


def test_face_width_and_frame_size_are_the_asked_ones() -> None:
    portrait = load_portrait(face_px=120, size=(200, 240))
    assert portrait.shape == (240, 200)
    assert face_width(portrait.points) == pytest.approx(120, abs=1e-4)
    # 60 px are fewer than the picture has: it is reduced, and the landmarks follow.
    small = load_portrait(face_px=60, size=(120, 140))
    assert face_width(small.points) == pytest.approx(60, abs=0.5)


def test_faces_too_small_or_cut_off_are_refused(astronaut: Portrait) -> None:
    picture = np.zeros((500, 500, 3), np.uint8)
    with pytest.raises(DataError, match="20 px wide"):
        Portrait.from_picture(picture, astronaut.points / 10)
    with pytest.raises(DataError, match="outside"):
        Portrait.from_picture(picture, astronaut.points + np.array([260, 0]))


@pytest.mark.parametrize("units", ["AU1+2", "AU6", "AU7"])
def test_narrow_movements_of_a_small_face_are_not_taken_for_folds(units: str) -> None:
    """Positions are rounded to 1/32 px, so on a steep field the inversion can only come so near."""
    small = load_portrait(face_px=110, size=(220, 240))
    state = FaceState((Movement(small.field(units), 1.2),), head=HeadPose(0.3, 0.2, 0.1, 1.002))
    assert np.isfinite(small.render(state)).all()
