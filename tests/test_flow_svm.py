"""flow-svm: equal to scikit-learn, blind to amplitude, honest about doubt, the same after saving."""

from __future__ import annotations

import errno

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from merkit.clips import Clip
from merkit.errors import ConfigError, DataError, LeakageError
from merkit.inputs.flow_map import flow_features
from merkit.methods import FitContext
from merkit.methods.baselines.flow_svm.calibration import choose_threshold, fit_sharpness, softmax
from merkit.methods.baselines.flow_svm.pairwise import PairwiseSVM
from merkit.methods.baselines.flow_svm.recognizer import FlowSVM, FlowSVMConfig

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
    assert again.card == {"data": "toy", "trained_subjects": sorted(map(str, range(12)))}
    again.save(tmp_path / "again")
    for name in ("model.npz", "card.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()


def test_training_twice_gives_the_same_bytes(toy, trained, tmp_path):
    trained.save(tmp_path / "a")
    FlowSVM().fit_maps(*toy).save(tmp_path / "b")
    for name in ("model.npz", "card.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_full_disk_leaves_the_model_that_was_there(trained, tmp_path, monkeypatch):
    trained.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def half_written(path, **arrays):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", half_written)
    with pytest.raises(DataError, match=r"model\.npz: cannot be written, the disk is full"):
        trained.save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


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
    bad = [*clips_of(maps[:1]), Clip.from_array(np.zeros((2, 64, 64), np.uint8), id="c1", apex=1)]
    mixed = [clips_of(maps[:1])[0], clips_of(maps[:1, :14])[0]]
    text_folder = tmp_path / "text"
    text_folder.mkdir()
    (text_folder / "card.json").write_text("{}")
    for call, error, words in (
        (lambda: trained.predict(bad), DataError, "clip 'c1': no face was found"),
        (lambda: trained.predict([mixed[1], bad[1]]), DataError, r"shape \(14, 28, 2\)"),
        (lambda: FlowSVMConfig(apex="guessed"), ConfigError, "apex='guessed'"),
        (lambda: FlowSVMConfig(average_s=22), ConfigError, "average_s=22"),
        (lambda: trained.predict(mixed), DataError, "the others"),
        (lambda: trained.predict([]), DataError, "no clips"),
        (lambda: FlowSVM().predict_maps(maps), ConfigError, "not been trained"),
        (lambda: FlowSVM().predict(clips_of(maps)), ConfigError, "not been trained"),
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
