"""The shipped flow-svm: what the script gives, what its card says, and right on motion it has never seen."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from merkit.methods import load_shipped
from merkit.methods.baselines.flow_svm.recognizer import FlowSVM
from merkit.methods.registry import shipped_folder

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MERKIT_TEST_DATA", ROOT / ".." / "shared" / "data"))
needs_maps = pytest.mark.skipif(
    not (DATA / "megc2019_flow_phases").is_dir(), reason="megc2019_flow_phases is not in MERKIT_TEST_DATA"
)
needs_head = pytest.mark.skipif(
    not (DATA / "face3d_ict").is_dir(), reason="face3d_ict is not in MERKIT_TEST_DATA"
)
CLASSES = ["negative", "positive", "surprise"]


@pytest.fixture(scope="module")
def fields():
    """The benchmark's module of action-unit motion, which lives beside the training script."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import action_unit_fields
    finally:
        sys.path.pop(0)
    return action_unit_fields


def test_shipped_weights_come_with_card_and_notice():
    model = load_shipped("flow-svm")
    assert model.classes_.tolist() == CLASSES
    assert 0.6 < model.card["nested_uf1"] < model.card["loso_uf1"] < 0.85
    assert 1 / 3 < model.abstain_below < 0.8
    notice = (shipped_folder("flow-svm") / "NOTICE.md").read_text("utf-8")
    for words in ("Copyright (c) 2025 tony19980810", "CASME II", "SMIC", "SAMM", "research only"):
        assert words in notice


def test_the_claim_sheet_quotes_the_result_file():
    card = load_shipped("flow-svm").card
    stored = json.loads((ROOT / card["result_file"]).read_text("utf-8"))["result"]
    sheet = (ROOT / "src/merkit/methods/baselines/flow_svm/README.md").read_text("utf-8")
    overall, nested = stored["loso"]["overall"], stored["nested"]["overall"]
    for scores in (overall, nested, *stored["loso"]["by_dataset"].values()):
        low, high = scores["ci95"]["uf1"]
        assert f"{scores['uf1']:.3f} ({low:.2f} to {high:.2f})" in sheet
        assert f"{scores['uar']:.3f}" in sheet
    for value in (
        stored["calibration"]["clips_equal"]["ece"],
        stored["calibration"]["classes_equal"]["ece"],
        stored["calibration"]["clips_equal"]["brier"],
        stored["abstention"]["coverage"],
        stored["abstention"]["kept"]["accuracy"],
        stored["abstention"]["abstained"]["accuracy"],
        stored["abstain_below"],
        stored["label_rules"]["most pairs won (SVC.predict)"]["uf1"],
        *(b["uf1"] for b in stored["baselines"].values()),
    ):
        assert f"{value:.3f}" in sheet
    for unit, by_noise in stored["action_units"]["head_3d"].items():
        if "right" in by_noise["0"]:
            shares = " | ".join(f"{by_noise[n]['right']:.2f}" for n in ("0", "0.2", "0.4"))
            assert any(f"| {unit} |" in line and shares in line for line in sheet.splitlines()), unit
    assert card["loso_uf1"] == round(overall["uf1"], 4)


@needs_maps
def test_shipped_weights_are_what_the_training_script_gives(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from phase_maps import load_phase_maps

    data = load_phase_maps(DATA)
    shipped = load_shipped("flow-svm")
    again = FlowSVM().fit_maps(data.maps, data.labels, data.subjects)
    np.testing.assert_allclose(again.svm_.coef, shipped.svm_.coef, atol=1e-6)
    np.testing.assert_allclose(again.predict_maps(data.maps), shipped.predict_maps(data.maps), atol=1e-4)
    assert again.abstain_below == pytest.approx(shipped.abstain_below, abs=1e-4)


@needs_maps
def test_class_means_show_brows_and_lip_corners_the_right_way_round(monkeypatch):
    # v is positive downwards; columns 0-13 are image left.
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from class_means import class_means
    from phase_maps import load_phase_maps

    means = class_means(load_phase_maps(DATA))

    def at(name: str, x: float, y: float) -> np.ndarray:
        column, row = int(x * 28), int(y * 28)
        return means[name][row - 1 : row + 2, column - 1 : column + 2].mean(axis=(0, 1))

    for x, inwards in ((0.278, 1), (0.722, -1)):
        u, v = at("negative", x, 0.282)
        assert v > 0.1, "negative: brows come down"
        assert u * inwards > 0.05, "negative: brows draw together"
        assert at("surprise", x, 0.282)[1] < -0.3, "surprise: brows go up"
    for x, outwards in ((0.327, -1), (0.673, 1)):
        u, v = at("positive", x, 0.738)
        assert v < -0.2, "positive: lip corners go up"
        assert u * outwards > 0.1, "positive: lip corners go out"


@pytest.mark.parametrize(
    ("unit", "label"), [("AU12", "positive"), ("AU4", "negative"), ("AU1+2", "surprise")]
)
def test_shipped_weights_know_drawn_action_units(fields, unit: str, label: str):
    model = load_shipped("flow-svm")
    rng = np.random.default_rng(11)
    maps = np.stack([fields.drawn_field(unit, rng) for _ in range(60)])
    said = model.classes_[model.predict_maps(fields.with_noise(maps, 0.1, rng)).argmax(axis=1)]
    assert np.mean(said == label) >= 0.85


@needs_head
def test_shipped_weights_know_action_units_of_a_3d_head(fields):
    model = load_shipped("flow-svm")
    file = DATA / "face3d_ict" / "face3d_ict.npz"
    known = ("AU12", "AU6+12", "AU4", "AU4+7", "AU9", "AU1+2", "AU1", "AU2")
    maps = fields.head_fields(file, known, fields.head_identities(5, seed=7), seed=7)
    rng = np.random.default_rng(7)
    for unit in known:
        noisy = fields.with_noise(np.repeat(maps[unit], 4, axis=0), 0.1, rng)
        said = model.classes_[model.predict_maps(noisy).argmax(axis=1)]
        assert np.mean(said == fields.EXPECTED[unit]) >= 0.9, unit


@needs_head
def test_the_3d_head_fits_the_geometry_of_the_maps(fields):
    # Independent of the recognizer: with its eyes in place, mouth and chin must come out where the maps
    # have them, or the crop is another one.
    from merkit.inputs.flow_map import LANDMARKS

    file = DATA / "face3d_ict" / "face3d_ict.npz"
    marks = np.mean([fields.Head3D(file, w).landmarks for w in fields.head_identities(10, seed=0)], axis=0)
    for name, seen in (
        ("brow, image left", marks[17:22].mean(axis=0)),
        ("nose base", marks[33]),
        ("lip corner, image left", marks[48]),
        ("lip corner, image right", marks[54]),
        ("chin", marks[8]),
    ):
        np.testing.assert_allclose(seen, LANDMARKS[name], atol=0.06, err_msg=name)


@needs_head
def test_a_picture_that_moves_is_recognized_through_real_optical_flow(fields):
    # The way of a video: picture → crop by the eyes → flow → map. 1 px at the peak, camera noise sigma 2.
    import cv2
    from scipy.ndimage import map_coordinates
    from skimage.data import astronaut

    from merkit.faces.geometry import CropGeometry
    from merkit.inputs.flow_map import flow_to_map
    from merkit.motion import optical_flow

    crop = CropGeometry(160)
    eyes = np.array([[202.4, 102.5], [247.0, 102.5]])  # read off the picture by eye
    grey = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)
    onset = cv2.warpAffine(grey, crop.matrix(eyes), crop.shape[::-1], flags=cv2.INTER_CUBIC).astype(float)
    y, x = np.mgrid[: crop.height, : crop.width].astype(float)
    rng = np.random.default_rng(3)
    model = load_shipped("flow-svm")
    file = DATA / "face3d_ict" / "face3d_ict.npz"
    units = ("AU12", "AU4", "AU1+2")
    for unit, moves in fields.head_fields(file, units, fields.head_identities(5, seed=3), seed=3).items():
        for move in moves:
            move = move / np.hypot(move[..., 0], move[..., 1]).max()
            dense = cv2.resize(move, crop.shape[::-1], interpolation=cv2.INTER_CUBIC)
            apex = map_coordinates(onset, [y - dense[..., 1], x - dense[..., 0]], order=3, mode="nearest")
            noisy = [
                np.clip(f + rng.normal(0, 2, f.shape), 0, 255).round().astype(np.uint8) for f in (onset, apex)
            ]
            said = model.predict_maps(flow_to_map(optical_flow(*noisy))[None])[0]
            assert model.classes_[said.argmax()] == fields.EXPECTED[unit], unit
