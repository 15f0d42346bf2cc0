"""flow-svm: equal to scikit-learn, blind to amplitude, honest about doubt, the same after saving."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from merkit.clips import Clip
from merkit.errors import ConfigError, DataError, LeakageError
from merkit.inputs.flow_map import flow_features
from merkit.methods import FitContext, load_shipped
from merkit.methods.baselines.flow_svm.calibration import choose_threshold, fit_sharpness, softmax
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM
from merkit.methods.baselines.flow_svm.recognizer import FlowSVM, FlowSVMConfig
from merkit.methods.registry import shipped_folder

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("MERKIT_TEST_DATA", ROOT / ".." / "shared" / "data"))
needs_maps = pytest.mark.skipif(
    not (DATA / "megc2019_flow_phases").is_dir(), reason="megc2019_flow_phases is not in MERKIT_TEST_DATA"
)
needs_head = pytest.mark.skipif(
    not (DATA / "face3d_ict").is_dir(), reason="face3d_ict is not in MERKIT_TEST_DATA"
)
CLASSES = np.array(["negative", "positive", "surprise"])


@pytest.fixture(scope="module")
def toy() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """120 maps of 12 subjects: each class moves another third of the face, in noise."""
    rng = np.random.default_rng(0)
    labels = np.tile(CLASSES, 40)
    maps = rng.normal(0.0, 1.6, size=(120, 28, 28, 2))
    for k, name in enumerate(CLASSES):
        maps[labels == name, 9 * k : 9 * k + 9, 8:20, 1] += 0.8
    return maps, labels, np.repeat(np.arange(12), 10)


@pytest.fixture(scope="module")
def trained(toy) -> FlowSVM:
    return FlowSVM().fit_maps(*toy)


@pytest.fixture(scope="module")
def fields():
    """The benchmark's module of action-unit motion, which lives beside the training script."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import action_unit_fields
    finally:
        sys.path.pop(0)
    return action_unit_fields


def clips_of(maps: np.ndarray) -> list[Clip]:
    still = np.zeros((2, 8, 8), np.uint8)
    return [Clip.from_array(still, id=f"c{i}", features={"flow_map": m}) for i, m in enumerate(maps)]


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_decisions_equal_those_of_scikit_learn(n_classes: int):
    rng = np.random.default_rng(n_classes)
    truth = rng.integers(0, n_classes, 150)
    features = rng.normal(size=(150, 20)) + 0.5 * np.eye(20)[truth * 3] * 3
    features[:, -1] = 4.2  # never changes
    reference = make_pipeline(
        StandardScaler(),
        SVC(kernel="linear", C=0.01, class_weight="balanced", decision_function_shape="ovo"),
    ).fit(features, truth)
    ours = PairwiseSVM.fit(features, truth, 0.01)
    fresh = rng.normal(size=(300, 20)) * 2
    expected = np.asarray(reference.decision_function(fresh))
    # With two classes scikit-learn's sign speaks for the second, ours for the first.
    expected = -expected[:, None] if n_classes == 2 else expected
    np.testing.assert_allclose(ours.pair_decisions(fresh), expected, atol=1e-9)
    np.testing.assert_array_equal(ours.votes(fresh), reference.predict(fresh))


def test_saving_and_loading_changes_no_bit_of_a_prediction(toy, trained, tmp_path):
    trained.save(tmp_path / "model", {"data": "toy"})
    again = FlowSVM.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_maps(toy[0]), trained.predict_maps(toy[0]))
    assert again.config == trained.config
    assert again.abstain_below == trained.abstain_below
    assert again.classes_.tolist() == trained.classes_.tolist()
    assert again.card == {"data": "toy"}
    again.save(tmp_path / "again")
    for name in ("model.npz", "card.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()


def test_training_twice_gives_the_same_bytes(toy, trained, tmp_path):
    trained.save(tmp_path / "a")
    FlowSVM().fit_maps(*toy).save(tmp_path / "b")
    for name in ("model.npz", "card.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_saved_models_hold_no_pickle(trained, tmp_path):
    trained.save(tmp_path)
    with np.load(tmp_path / "model.npz", allow_pickle=False) as stored:
        assert {name: stored[name].dtype.kind for name in stored.files} == dict.fromkeys(
            ("mean", "scale", "coef", "intercept"), "f"
        )


def test_probabilities_sum_to_one_and_the_label_is_the_most_probable(toy, trained):
    maps, labels, _ = toy
    chances = trained.predict_maps(maps)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    said = trained.predict(clips_of(maps))
    assert said.tolist() == trained.classes_[chances.argmax(axis=1)].tolist()
    assert np.mean(said == labels) > 0.9


def test_gain_and_constant_motion_do_not_change_the_answer(toy, trained):
    maps = toy[0]
    expected = trained.predict_maps(maps)
    np.testing.assert_allclose(trained.predict_maps(0.01 * maps + np.array([3.0, -1.0])), expected, atol=1e-9)


def test_clips_and_maps_give_the_same_and_blinding_changes_nothing(toy, trained):
    maps, labels, groups = toy
    from_clips = FlowSVM().fit(clips_of(maps), labels, groups)
    blind = [clip.blind() for clip in clips_of(maps)]
    np.testing.assert_array_equal(from_clips.predict_proba(blind), trained.predict_maps(maps))


def test_explanations_add_up_to_the_margins(toy, trained):
    maps = toy[0][:5]
    margins = trained.svm_.margins(flow_features(maps, trained.config.grid))
    for row, told in zip(margins, trained.explain(clips_of(maps)), strict=True):
        for k, name in enumerate(CLASSES):
            assert told["contributions"][name].shape == (10, 10)
            assert told["contributions"][name].sum() + told["bias"][name] == pytest.approx(row[k])
        assert told["p95"] > 0


def test_explanations_point_to_where_a_class_moves(toy, trained):
    maps, labels, _ = toy
    told = trained.explain_maps(maps[labels == "surprise"])
    mean = np.mean([t["contributions"]["surprise"] for t in told], axis=0)
    assert mean[7:].sum() > abs(mean[:6].sum())


def test_calibration_uses_held_out_subjects_only(toy):
    # Labels drawn at random cannot be told for a new subject, so confidence must be near one third,
    # although the machine fits its own training clips well.
    maps, labels, groups = toy
    random = np.random.default_rng(5).permutation(labels)
    model = FlowSVM(FlowSVMConfig(c=1.0)).fit_maps(maps, random, groups)
    fresh = np.random.default_rng(6).normal(size=(100, 28, 28, 2))
    assert model.predict_maps(fresh).max(axis=1).mean() < 0.45


def test_inner_splits_of_the_context_are_used_and_checked(toy):
    maps, labels, groups = toy
    rows = np.arange(120)
    by_subject = [(rows[groups < 6], rows[groups >= 6]), (rows[groups >= 6], rows[groups < 6])]
    given = FlowSVM().fit_maps(*toy, context=FitContext(inner_splits=by_subject))
    assert given.sharpness_ != FlowSVM().fit_maps(*toy).sharpness_
    leaking = [(rows[::2], rows[1::2])]
    with pytest.raises(LeakageError, match="both sides"):
        FlowSVM().fit_maps(maps, labels, groups, context=FitContext(inner_splits=leaking))


def test_sharpness_is_found_again():
    # Truth drawn from softmax(1.7 * margins): the fit must find 1.7.
    rng = np.random.default_rng(0)
    margins = rng.normal(size=(40000, 3))
    chances = softmax(1.7 * margins)
    truth = (rng.random(40000)[:, None] > chances.cumsum(axis=1)).sum(axis=1)
    assert fit_sharpness(margins, truth) == pytest.approx(1.7, rel=0.03)


def test_threshold_rule_by_hand():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])
    wrong_twice = np.array([0, 0, 1, 1])
    assert choose_threshold(p, wrong_twice, 0.5) == 0.6
    assert choose_threshold(p, wrong_twice, 0.6) == 0.7
    assert choose_threshold(p, wrong_twice, 0.7) == 0.8
    assert choose_threshold(p, np.ones(4, int), 0.5) == 0.9  # never right: practically always abstain


def test_it_abstains_below_its_threshold(trained):
    low, high = trained.abstain_below - 0.01, trained.abstain_below + 0.01
    rows = [[p, (1 - p) / 2, (1 - p) / 2] for p in (low, high)]
    assert trained.abstains(rows).tolist() == [True, False]


def test_wrong_input_is_refused_in_one_line(toy, trained, tmp_path):
    maps, labels, groups = toy
    bad = [*clips_of(maps[:1]), Clip.from_array(np.zeros((2, 8, 8), np.uint8), id="c1")]
    mixed = [clips_of(maps[:1])[0], clips_of(maps[:1, :14])[0]]
    text_folder = tmp_path / "text"
    text_folder.mkdir()
    (text_folder / "card.json").write_text("{}")
    for call, error, words in (
        (lambda: trained.predict(bad), DataError, "clip 'c1' has no flow_map"),
        (lambda: trained.predict(mixed), DataError, "the others"),
        (lambda: trained.predict([]), DataError, "no clips"),
        (lambda: FlowSVM().predict_maps(maps), ConfigError, "not been trained"),
        (lambda: FlowSVM().fit_maps(maps, labels[:-1], groups), DataError, "labels have shape"),
        (lambda: FlowSVM().fit_maps(maps, np.zeros(120), groups), DataError, "two classes"),
        (lambda: FlowSVM().fit_maps(maps, labels, np.zeros(120)), DataError, "two subjects"),
        (lambda: FlowSVM().fit_maps(maps, groups == 0, groups), DataError, "too few subjects"),
        (lambda: FlowSVM.load(tmp_path / "absent"), DataError, "absent"),
        (lambda: FlowSVM.load(text_folder), DataError, "text"),
        (lambda: FlowSVMConfig(c=0), ConfigError, "c=0"),
        (lambda: FlowSVMConfig(inner_folds=1), ConfigError, "inner_folds=1"),
        (lambda: FlowSVMConfig(target_accuracy=80), ConfigError, "target_accuracy=80"),
    ):
        with pytest.raises(error, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_shipped_weights_come_with_card_and_notice():
    model = load_shipped("flow-svm")
    assert model.classes_.tolist() == CLASSES.tolist()
    assert 0.6 < model.card["nested_uf1"] < model.card["loso_uf1"] < 0.85
    assert 1 / 3 < model.abstain_below < 0.8
    notice = (shipped_folder("flow-svm") / "NOTICE.md").read_text("utf-8")
    for words in ("Copyright (c) 2025 tony19980810", "CASME II", "SMIC", "SAMM", "research only"):
        assert words in notice


def test_the_claim_sheet_quotes_the_result_file():
    import json

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
