"""From frames to flow and to u, v, strain: noise beaten at a quarter of a pixel, pictures that read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import merkit.cli.flow_set as flow_set
from merkit.cli.flow_set import Wanted, make_release
from merkit.cli.main import main
from merkit.clips import Clip
from merkit.datasets import read_dataset
from merkit.errors import ConfigError, DataError
from merkit.inputs.flow_map import flow_features
from merkit.inputs.flow_strain import MAP_FLOW, flow_strain, to_picture, with_strain, write_picture
from merkit.inputs.onset_apex_flow import FlowSettings
from merkit.motion import optical_flow
from merkit.motion.clip_flow import (
    BEST,
    SINGLE_PAIR,
    FlowRecipe,
    clip_flow,
    flow_sequence,
    pair_flow,
    rise_and_fall,
)
from merkit.motion.steady import noise_variance, steady
from merkit.simulate.native import write_tree
from merkit.video.images import read_image

SHAPE = (112, 96)
RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
WHOLE = replace(MAP_FLOW, face="whole")


def texture(seed: int = 0, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    field = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=shape).astype(np.float32), (0, 0), 2)
    return 128 + 25 * field / field.std()


def bump(px: float) -> np.ndarray:
    """A patch that moves up by so many pixels, on a face that does not."""
    row, column = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    field = np.exp(-((row - 60) ** 2 + (column - 40) ** 2) / (2 * 10.0**2))
    return np.dstack([np.zeros_like(field), -px * field]).astype(np.float32)


def moved(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The picture after a small smooth flow: what is at p comes from p - flow(p), nearly."""
    row, column = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    return cv2.remap(
        picture, column - flow[..., 0], row - flow[..., 1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT
    )


def filmed(px: float, noise: float, seed: int = 0, length: int = 17, apex: int = 8) -> np.ndarray:
    """Frames that rise to the apex and fall again, with the noise of a camera; smooth on the right."""
    rng = np.random.default_rng([seed, 1])
    picture = texture(seed)
    picture[:, 70:] = 128  # nothing to see
    steps = 0.5 - 0.5 * np.cos(
        np.pi * np.minimum(np.arange(length) / apex, (length - 1 - np.arange(length)) / apex)
    )
    frames = [moved(picture, bump(px * step)) + noise * rng.normal(size=SHAPE) for step in steps]
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def error(flow: np.ndarray, px: float) -> tuple[float, float]:
    """Mean length of the error where something moves, and everywhere."""
    true = bump(px)
    off = np.hypot(*(flow - true).transpose(2, 0, 1))
    return float(off[np.hypot(*true.transpose(2, 0, 1)) > 0.1 * px].mean()), float(off.mean())


def test_a_quarter_of_a_pixel_is_seen_better_than_by_zero_and_by_single_pair_tvl1():
    found: dict[str, list[tuple[float, float]]] = {"best": [], "zero": [], "tvl1": []}
    for seed in range(3):
        frames = filmed(0.25, 2.0, seed)
        found["best"].append(error(clip_flow(frames, 0, 8, fps=100), 0.25))
        found["zero"].append(error(np.zeros((*SHAPE, 2)), 0.25))
        found["tvl1"].append(error(optical_flow(frames[0], frames[8], "tvl1"), 0.25))
    best, zero, tvl1 = (np.mean(found[name], axis=0) for name in ("best", "zero", "tvl1"))
    assert (best < zero).all()
    assert (best < tvl1).all()


def test_averaging_and_steadying_each_lower_the_error():
    frames = filmed(0.25, 2.0)
    alone, averaged, both = (
        error(clip_flow(frames, 0, 8, fps=100, recipe=recipe), 0.25)[1]
        for recipe in (SINGLE_PAIR, replace(SINGLE_PAIR, average_s=BEST.average_s), BEST)
    )
    assert both < 0.5 * averaged < 0.5 * 0.8 * alone


def test_what_is_certain_is_left_alone_and_what_is_not_goes():
    rng = np.random.default_rng(0)
    picture = texture()
    picture[:, 60:] = 128  # nothing to see
    shift = np.broadcast_to(np.float32([0.5, -0.3]), (*SHAPE, 2))
    first, second = (
        np.clip(np.rint(light + 2 * rng.normal(size=SHAPE)), 0, 255).astype(np.uint8)
        for light in (picture, moved(picture, shift))
    )
    steadied = steady(first, second, shift, window=3)
    # A twentieth is the price of noise.
    np.testing.assert_allclose(steadied[20:-20, 20:45], np.broadcast_to(shift[0, 0], (72, 25, 2)), rtol=0.05)
    assert np.abs(steadied[20:-20, 80:]).max() < 0.02


def test_pure_noise_gives_nearly_nothing():
    rng = np.random.default_rng(0)
    first, second = np.rint(128 + 2 * rng.normal(size=(2, *SHAPE))).astype(np.uint8)
    raw = optical_flow(first, second, "dis-fine")
    kept = steady(first, second, raw)
    assert np.abs(kept).mean() < 0.02 * np.abs(raw).mean()


def test_steadying_a_mirror_gives_the_mirror():
    frames = filmed(1.0, 2.0)
    flow = optical_flow(frames[0], frames[8], "dis-fine")
    turned = steady(frames[0][:, ::-1], frames[8][:, ::-1], flow[:, ::-1] * np.float32([-1, 1]))
    np.testing.assert_allclose(turned[:, ::-1] * [-1, 1], steady(frames[0], frames[8], flow), atol=1e-4)


def test_noise_is_told_from_motion_and_light():
    rng = np.random.default_rng(0)
    picture = texture().astype(np.float32)
    shift = np.full((*SHAPE, 2), 1.0, np.float32)
    second = moved(picture, shift) + 10 + 3 * rng.normal(size=SHAPE).astype(np.float32)
    assert noise_variance(picture, second.astype(np.float32), shift) == pytest.approx(9, rel=0.25)


def test_neighbours_count_as_far_as_a_quarter_of_the_way():
    frames = filmed(1.0, 2.0)
    assert (clip_flow(frames, 0, 8, fps=100) != clip_flow(frames, 0, 8)).any()
    # .022 s are 8 frames at 400 a second, and a quarter of the way is 2.
    changed = frames.copy()
    changed[[3, 4, 5, 11, 12]] = 0
    np.testing.assert_array_equal(clip_flow(changed, 0, 8, fps=400), clip_flow(frames, 0, 8, fps=400))
    changed[10] = 0
    assert (clip_flow(changed, 0, 8, fps=400) != clip_flow(frames, 0, 8, fps=400)).any()


def test_grey_and_colour_give_the_same():
    frames = filmed(1.0, 2.0)
    colour = np.repeat(frames[..., None], 3, axis=3)
    np.testing.assert_array_equal(clip_flow(colour, 0, 8, fps=100), clip_flow(frames, 0, 8, fps=100))


def test_sequences_and_phases_are_made_of_pairs():
    frames = filmed(1.0, 0.5)
    first = flow_sequence(frames, steps=[0, 4, 8, 12], fps=100)
    assert first.shape == (4, *SHAPE, 2)
    assert not first[0].any()
    np.testing.assert_array_equal(first[2], clip_flow(frames, 0, 8, fps=100))
    previous = flow_sequence(frames, "previous", steps=[0, 4, 8], fps=100)
    np.testing.assert_array_equal(previous[2], clip_flow(frames, 4, 8, fps=100))
    up, down = rise_and_fall(frames, 8, fps=100)
    np.testing.assert_array_equal(up, first[2])
    # What went up comes down.
    assert (up * down).sum() < -0.8 * (up * up).sum()


def test_each_step_of_a_recipe_does_what_it_says():
    frames = filmed(1.0, 2.0)
    first, second = frames[0], frames[8]
    bare = FlowRecipe("dis", 0.0, window=0.0)
    np.testing.assert_array_equal(pair_flow(first, second, bare), optical_flow(first, second, "dis"))
    blurred = [cv2.GaussianBlur(p, (0, 0), 1.0) for p in (first, second)]
    np.testing.assert_array_equal(
        pair_flow(first, second, replace(bare, presmooth=1.0)), optical_flow(*blurred, "dis")
    )
    middle = pair_flow(first, second, replace(bare, median=3))
    around = optical_flow(first, second, "dis")[50:53, 30:33, 0]
    assert middle[51, 31, 0] == np.median(around)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: FlowRecipe("diss"), ConfigError, "unknown flow backend 'diss'"),
        (lambda: FlowRecipe(window=-1), ConfigError, "window=-1"),
        (lambda: FlowRecipe(median=4), ConfigError, "median=4"),
        (lambda: FlowSettings(window=-1), ConfigError, "window=-1"),
        (lambda: clip_flow(np.zeros((3, 32, 32)), 0, 1), DataError, "float64"),
        (lambda: clip_flow(np.zeros((3, 32, 32), np.uint8), 0, 3), DataError, "end=3 in a clip of 3"),
        (lambda: clip_flow(np.zeros((3, 32, 32), np.uint8), 0, 2, fps=0), ConfigError, "fps=0"),
        (lambda: flow_sequence(np.zeros((3, 32, 32), np.uint8), "last"), ConfigError, "against='last'"),
        (lambda: flow_sequence(np.zeros((3, 32, 32), np.uint8), steps=[1, 1]), DataError, "rise"),
        (lambda: steady(*np.zeros((2, 9, 9), np.uint8), np.zeros((9, 9))), DataError, "give a"),
        (lambda: steady(*np.zeros((2, 9, 9), np.uint8), np.zeros((9, 9, 2)), 0), ConfigError, "window=0"),
        (lambda: to_picture(np.zeros((4, 4, 2))), DataError, "u, v and strain"),
        (lambda: to_picture(np.full((4, 4, 3), np.nan)), DataError, "not finite"),
        (lambda: to_picture(np.zeros((4, 4, 3)), "stretch"), ConfigError, "did you mean 'stretched'"),
        (lambda: to_picture(np.zeros((4, 4, 3)), "symmetric", (0, 1)), ConfigError, "above 0"),
        (lambda: write_picture("a.png", np.zeros((4, 4, 3), np.uint8), "grb"), ConfigError, "order='grb'"),
        (lambda: flow_strain(Clip.from_array(np.zeros((3, 9, 9), np.uint8)), size=4), ConfigError, "size=4"),
    ],
)  # fmt: skip
def test_wrong_input_is_refused_in_one_line(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_strain_of_a_stretch_is_in_the_third_channel():
    x = np.tile(np.arange(40.0), (56, 1))
    values = with_strain(np.dstack([0.05 * (x + 1), np.zeros_like(x)]), 28)
    np.testing.assert_allclose(values[..., 2], 0.05, rtol=1e-6)
    # Cell 0 holds pixels 0 and three sevenths of 1, where u is .05 and .1.
    assert values[0, 0, 0] == pytest.approx((0.05 + 0.1 * 3 / 7) / (10 / 7), rel=1e-5)


def test_there_is_no_strain_at_the_edge_of_what_is_seen():
    flow = np.ones((20, 20, 2))
    flow[:, 12:] = 0.0
    assert not with_strain(flow)[..., 2].any()


def test_published_scaling_fills_the_range_channel_by_channel():
    values = np.random.default_rng(0).normal(size=(28, 28, 3)) * [0.1, 3.0, 1.0] + [5.0, 0.0, 1.0]
    picture = to_picture(values)
    assert picture.min(axis=(0, 1)).tolist() == [0, 0, 0]
    assert picture.max(axis=(0, 1)).tolist() == [255, 255, 255]
    # All that may be used of such a map is what a gain and an offset do not change.
    single = np.dstack([values[..., 0], values[..., 0], values[..., 2]])
    a, b = flow_features(to_picture(single)[None]), flow_features(single[None])
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.999
    assert (to_picture(np.zeros((4, 4, 3))) == 128).all()


def test_symmetric_scaling_keeps_zero_and_amplitude():
    values = np.zeros((1, 3, 3))
    values[0, :, 0] = -5.0, 1.0, 2.0
    values[0, :, 2] = 0.0, 0.05, 0.2
    picture = to_picture(values, "symmetric")
    assert picture[0, :, 0].tolist() == [0, 192, 255]  # 128 - 317 cut off; 128 + 63.5 to the even; full
    assert (picture[..., 1] == 128).all()
    assert picture[0, :, 2].tolist() == [0, 128, 255]


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_pictures_read_back_in_the_order_that_is_stated(tmp_path, order):
    picture = np.random.default_rng(0).integers(0, 256, (28, 28, 3), np.uint8)
    path = write_picture(tmp_path / "map.png", picture, order)
    by_merkit, by_opencv = read_image(path), cv2.imread(str(path))
    np.testing.assert_array_equal(by_merkit if order == "rgb" else by_opencv, picture)
    np.testing.assert_array_equal(by_opencv if order == "rgb" else by_merkit, picture[..., ::-1])


def test_the_map_of_a_still_clip_is_zero():
    frames = np.repeat(np.clip(np.rint(texture()), 0, 255).astype(np.uint8)[None], 9, axis=0)
    seen = flow_strain(Clip.from_array(frames, fps=100, apex=4), WHOLE)
    np.testing.assert_array_equal(seen.values, np.zeros((28, 28, 3), np.float32))
    assert (seen.px200, seen.apex.origin) == (0.0, "annotated")


def test_the_map_shows_what_moves_where_it_moves():
    clip = Clip.from_array(filmed(2.0, 1.0), fps=100, apex=8)
    whole = flow_strain(clip, WHOLE, size=None).values
    assert whole.shape == (226, 160, 3)
    small = flow_strain(clip, WHOLE).values
    row, column = np.unravel_index(np.argmin(small[..., 1]), (28, 28))  # furthest up
    assert abs(row - 60 / SHAPE[0] * 28) < 2
    assert abs(column - 40 / SHAPE[1] * 28) < 2
    np.testing.assert_allclose(small, with_strain(whole[..., :2], 28), atol=1e-6)
    assert small[..., 2].min() >= 0


@pytest.fixture(scope="module")
def trees(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("trees")
    return {
        name: write_tree(name, root / name, clips=3, size=32, frames="marks") for name in ("casme2", "samm")
    }


def release(trees: dict[str, Path], out: Path, **changed: object) -> flow_set.Made:
    tables = {name: read_dataset(name, root) for name, root in trees.items()}
    return make_release(tables, out, replace(Wanted(WHOLE, 28, pictures=True), **changed), 1, lambda *_: None)


def test_a_release_is_read_as_one_of_megc2019(trees, tmp_path):
    made = release(trees, tmp_path)
    assert (made.maps, made.kept, made.failed) == (6, 0, ())
    table = read_dataset("megc2019-flow", tmp_path)
    assert len(table) == made.released
    assert set(table.frame["dataset"]) == {"casme2", "samm"}
    # SAMM's clips carry the subject twice in MEGC2019, CASME II's once.
    assert all(name.startswith(("sub0", "006_006_", "007_007_")) for name in table.frame["id"])
    own = read_dataset("casme2", trees["casme2"])[0]
    seen = flow_strain(own, WHOLE)
    row = table.frame["id"].tolist().index(own.id)
    np.testing.assert_array_equal(table[row].features["flow_map"], to_picture(seen.values))
    np.testing.assert_array_equal(
        read_image(tmp_path / "png" / "casme2" / f"{own.id}.png"), to_picture(seen.values)
    )
    with np.load(tmp_path / "maps.npz") as stored:
        assert stored["values"].shape == (6, 28, 28, 3)
        np.testing.assert_array_equal(stored["values"][0], seen.values)


def test_a_second_run_measures_only_what_is_missing_or_damaged_or_other(trees, tmp_path, monkeypatch):
    release(trees, tmp_path)
    before = (tmp_path / "flow.npz").read_bytes()
    maps = sorted((tmp_path / "maps" / "casme2").iterdir())
    maps[0].unlink()
    maps[1].write_bytes(maps[1].read_bytes()[:200])
    measured = []
    real = flow_set.flow_strain
    monkeypatch.setattr(
        flow_set, "flow_strain", lambda clip, *a, **k: measured.append(clip.id) or real(clip, *a, **k)
    )
    made = release(trees, tmp_path)
    assert sorted(measured) == sorted(path.stem for path in maps[:2])
    assert made.kept == 4
    assert (tmp_path / "flow.npz").read_bytes() == before
    release(trees, tmp_path, size=14)
    assert len(measured) == 2 + 6


def test_a_clip_without_a_face_is_left_out_and_said(trees, tmp_path):
    with pytest.raises(DataError, match=r"no map was made of 3 clips: .*no face was found"):
        release({"casme2": trees["casme2"]}, tmp_path, settings=MAP_FLOW)


def test_one_command_for_a_folder_of_frames(tmp_path, capsys):
    folder = tmp_path / "smile"
    folder.mkdir()
    for place, frame in enumerate(filmed(2.0, 1.0)):
        cv2.imwrite(str(folder / f"img{100 + place}.png"), frame)
    words = ["flow", str(folder), "--face", "whole", "--fps", "100", "-o", str(tmp_path / "out")]
    assert main([*words, "--onset", "100", "--apex", "108", "--offset", "116", "--json"]) == 0
    (about,) = json.loads(capsys.readouterr().out)
    assert (about["apex"], about["apex_is"]) == (108, "annotated")
    with np.load(tmp_path / "out" / "smile.npz") as stored:
        values = stored["values"]
        assert (stored["onset"], stored["apex"]) == (100, 108)
    expected = flow_strain(Clip.from_folder(folder, fps=100, apex=108), WHOLE).values
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "smile.png"), to_picture(values))
    assert main([*words, "--json"]) == 0
    (about,) = json.loads(capsys.readouterr().out)
    assert about["apex_is"] == "estimated"
    assert abs(about["apex"] - 108) <= 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["flow"], "give clips, or datasets"),
        (["flow", "none", "--face", "whole"], "none: no such file"),
        (["flow", "a", "b", "--face", "whole", "--apex", "3"], "are of one clip"),
        (["flow", "a", "--order", "rbg"], "--order rbg"),
        (["flow", "a", "--size", "4"], "--size 4"),
        (["flow", "--data", "casme2=x", "--apex", "3", "--face", "whole"], "--apex: datasets have their own"),
    ],
)
def test_the_command_refuses_in_one_line(words, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    printed = capsys.readouterr().err
    assert says in printed
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_default_beats_zero_and_single_pair_tvl1_in_the_newest_figures():
    newest = sorted(RESULTS.glob("flow_averaging-????-??-??.json"))[-1]
    rows = json.loads(newest.read_text(encoding="utf-8"))["result"]["rows"]
    found = {(row["engine"], row["way"], row["peak_px"]): row for row in rows}
    for engine in ("portrait", "head"):
        best = found[engine, "default: dis-fine, averaged, steadied", 0.25]
        for other in ("zero everywhere", "tvl1, single pair", "tvl1, OpenCV's defaults"):
            for where in ("moving", "overall"):
                assert best[where] < found[engine, other, 0.25][where]
