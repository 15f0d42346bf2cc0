"""Every registered recognizer keeps the contract: the same questions to SVMs and networks."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, fields, is_dataclass, replace

import numpy as np
import pandas
import pytest
import torch

from merkit.clips import Clip
from merkit.errors import ConfigError, DataError, LeakageError
from merkit.methods import FitContext, create_recognizer, list_methods, list_networks
from merkit.methods.registry import get_method
from merkit.methods.training_set import TrainingSet

CLASSES = ("negative", "positive", "surprise")
# Settings under which each method learns a toy within seconds; whole frames, as no face is drawn.
SMALL = {
    "akmnet": {
        "config": "small", "face": "whole", "alpha": 0, "epochs": 8, "widths": (4, 6, 8, 12), "hidden": 4,
        "crop": 0.0, "dropout": 0.0, "rate": 0.03, "weight_decay": 0.0, "together": 8, "half_wave": 20,
        # Two classes of the toy are left and right.
        "mirror": 0.0,
    },
    "descriptor-svm": {"config": "lbp-sip", "face": "whole", "grid": 3, "inner_folds": 2},
    "fal-convlstm": {
        "config": "small", "face": "whole", "head": "keep", "size": 32, "length": 5, "epochs": 20,
        "rate": 0.01, "warm_up": 1, "widths": (6, 8, 12, 16), "features": 8, "hidden": 8, "augment": False,
        "dropout": 0.0,
    },
    "flow-svm": {"face": "whole", "inner_folds": 2},
    "mersiamc3d": {
        "config": "small", "face": "whole", "head": "keep", "size": 24, "widths": (6, 8, 12, 16),
        "hidden": 16, "dropout": 0.0, "encoder_rate": 1.0, "rate": 0.01, "epochs": 12, "frozen": 1,
        "batch": 6, "prior_epochs": 1, "pairs": 32, "pair_batch": 16, "mirror": 0.0, "shift": 1,
    },
    "sma-stn": {
        "config": "small", "face": "whole", "head": "keep", "size": 32, "widths": (6, 8, 12), "epochs": 15,
        "rate": 0.01, "warm_up": 1, "augment": False, "dropout": 0.0, "realisations": 2, "batch": 9,
    },
    "strcn-a": {
        "config": "small", "face": "whole", "width": 8, "epochs": 12, "difference": True, "alpha": 0,
        "rate": 0.01, "copies": 1,
    },
    "strcn-g": {
        "config": "small", "face": "whole", "width": 8, "epochs": 12, "shape": (72, 68), "head": "keep",
        "rate": 0.01, "flow": "dis",
    },
}  # fmt: skip
NETWORKS = list_networks()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def toy_clip(number: int, length: int = 9, px: float = 3.0, texture: int | None = None, **about) -> Clip:
    """A textured face whose upper, left lower or right lower part moves down and back: the class."""
    rng = np.random.default_rng(number if texture is None else texture)
    k = number % 3
    y, x = np.mgrid[:72, :64].astype(float)
    phase = rng.uniform(0, 6, 4)
    part = np.exp(-0.5 * (((y - (20, 52, 52)[k]) / 9) ** 2 + ((x - (32, 16, 48)[k]) / 10) ** 2))
    frames = []
    for t in range(length):
        moved = y - px * np.sin(np.pi * t / (length - 1)) * part
        waves = np.sin(x / 5 + phase[0]) * np.sin(moved / 4 + phase[1]) + np.sin(moved / 2.5 + phase[2])
        frames.append(128 + 40 * waves + rng.normal(0, 0.5, x.shape))
    return Clip.from_array(
        np.clip(frames, 0, 255).round().astype(np.uint8),
        fps=100.0,
        numbers=range(10, 10 + length),
        **{
            "apex": 10 + length // 2, "id": f"clip{number}", "subject": f"s{number // 6}", "dataset": "toy",
            "emotion": CLASSES[k], **about,
        },
    )  # fmt: skip


CLIPS = [toy_clip(number) for number in range(18)]
LABELS = [str(clip.emotion) for clip in CLIPS]
GROUPS = [f"toy/{clip.subject}" for clip in CLIPS]


def made(name: str, **settings):
    return create_recognizer(name, **{**SMALL[name], **settings})


@pytest.fixture(scope="module")
def fitted():
    """Each method trained once on the toy."""
    torch.set_num_threads(1)
    return {
        name: made(name).fit(CLIPS, LABELS, GROUPS, context=FitContext(seed=1)) for name in list_methods()
    }


def test_every_method_has_its_case():
    assert set(SMALL) == set(list_methods())
    assert set(NETWORKS) <= set(list_methods())


@pytest.mark.parametrize("name", list_methods())
def test_settings_are_a_frozen_dataclass_that_comes_back_from_a_file(name):
    method = get_method(name)
    assert is_dataclass(method.config)
    assert method.config.__dataclass_params__.frozen
    for named, values in method.configs.items():
        config = create_recognizer(name, config=named).config
        assert config == method.config(**values)
        assert method.config(**json.loads(json.dumps(asdict(config)))) == config
        hash(config)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_a_small_configuration_and_its_recognizer_hands_settings_on(name):
    assert {"published", "small"} <= set(get_method(name).configs)
    recognizer = create_recognizer(name)
    recognizer.classes_ = np.array(["a", "b", "c"])
    with torch.device("meta"):
        settings = recognizer._new_network(0).config
    shared = {field.name for field in fields(settings)} & {field.name for field in fields(recognizer.config)}
    assert len(shared) >= 4
    assert all(getattr(settings, key) == getattr(recognizer.config, key) for key in shared)
    assert settings.num_classes == 3


@pytest.mark.parametrize("name", list_methods())
def test_it_learns_the_toy_and_keeps_its_probabilities(name, fitted):
    recognizer = fitted[name]
    chances = recognizer.predict_proba(CLIPS)
    assert chances.shape == (18, 3)
    assert np.allclose(chances.sum(axis=1), 1)
    assert chances.min() >= 0
    assert recognizer.classes_.tolist() == sorted(CLASSES)
    assert recognizer.predict(CLIPS).tolist() == recognizer.classes_[chances.argmax(axis=1)].tolist()
    assert np.mean(recognizer.predict(CLIPS) == np.array(LABELS)) >= 0.9
    assert recognizer.card["trained_subjects"] == ["toy/s0", "toy/s1", "toy/s2"]


@pytest.mark.parametrize("name", list_methods())
def test_a_clip_alone_is_judged_as_among_others(name, fitted):
    among = fitted[name].predict_proba(CLIPS[:5])
    alone = np.concatenate([fitted[name].predict_proba([clip]) for clip in CLIPS[:5]])
    np.testing.assert_allclose(alone, among, atol=1e-6)


@pytest.mark.parametrize("name", list_methods())
def test_every_explanation_can_be_written(name, fitted):
    told = fitted[name].explain(CLIPS[:2])
    assert len(told) == 2
    for each in told:
        assert isinstance(each["abstained"], bool)
        json.dumps(each, default=lambda array: array.tolist())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_tells_where_it_looks(name, fitted):
    told = fitted[name].explain(CLIPS[:1])[0]
    attention = np.asarray(told["attention"])
    assert np.isfinite(attention).all()
    assert attention.min() >= 0
    assert 0 < attention.max() <= 1


def test_akmnet_names_its_key_frames(fitted):
    told = fitted["akmnet"].explain(CLIPS[:1])[0]
    numbers, scores = np.array(told["frames"]), np.array(told["scores"])
    assert numbers.tolist() == list(CLIPS[0].source.numbers)
    assert told["key_frames"] == numbers[scores >= scores.mean() - 1e-6].tolist()
    assert told["best_frame"] == numbers[scores.argmax()]
    chosen = np.isin(numbers, told["key_frames"])
    assert not told["attention"][~chosen].any()
    assert told["attention"].shape[0] == len(numbers)


def test_strcn_a_looks_at_its_key_regions_alone(fitted):
    told = fitted["strcn-a"].explain(CLIPS[:1])[0]
    assert not told["attention"][~told["mask"]].any()
    assert told["attention_over_time"].shape == (30,)


@pytest.mark.parametrize("name", list_methods())
def test_what_was_saved_judges_the_same_to_the_bit(name, fitted, tmp_path):
    fitted[name].save(tmp_path / "a")
    fitted[name].save(tmp_path / "b", card={"note": "hello"})
    loaded = get_method(name).recognizer.load(tmp_path / "a")
    assert np.array_equal(loaded.predict_proba(CLIPS[:4]), fitted[name].predict_proba(CLIPS[:4]))
    assert loaded.card["trained_subjects"] == ["toy/s0", "toy/s1", "toy/s2"]
    about = json.loads((tmp_path / "b" / "card.json").read_text())["about"]
    assert about == {"note": "hello", "trained_subjects": ["toy/s0", "toy/s1", "toy/s2"]}
    loaded.save(tmp_path / "c")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "c" / path.name).read_bytes()


@pytest.mark.parametrize("name", list_methods())
def test_a_fitted_recognizer_can_be_sent_to_another_process(name, fitted):
    there = pickle.loads(pickle.dumps(fitted[name]))
    assert np.array_equal(there.predict_proba(CLIPS[:2]), fitted[name].predict_proba(CLIPS[:2]))


@pytest.mark.parametrize("name", list_methods())
def test_a_broken_folder_is_refused_in_one_line(name, fitted, tmp_path):
    load = get_method(name).recognizer.load
    with pytest.raises(DataError, match="does not hold a saved"):
        load(tmp_path / "nowhere")
    fitted[name].save(tmp_path)
    weights = next(path for path in tmp_path.iterdir() if path.name.startswith("model"))
    for left in (100, 0):
        weights.write_bytes(weights.read_bytes()[:left])
        with pytest.raises(DataError) as refused:
            load(tmp_path)
        assert "\n" not in str(refused.value)
    with pytest.raises(DataError, match="a file and a folder are in each other's place"):
        fitted[name].save(weights)


@pytest.mark.parametrize("name", list_methods())
def test_weights_beside_the_card_of_another_model_are_refused(name, fitted, tmp_path):
    other = made(name, **({"epochs": 1} if name in NETWORKS else {}))
    other.fit(CLIPS[1:], LABELS[1:], GROUPS[1:]).save(tmp_path)
    card = (tmp_path / "card.json").read_bytes()
    fitted[name].save(tmp_path)
    (tmp_path / "card.json").write_bytes(card)
    with pytest.raises(DataError, match="damaged, or of another model"):
        get_method(name).recognizer.load(tmp_path)


def test_a_model_of_a_version_with_more_settings_is_refused(fitted, tmp_path):
    fitted["strcn-g"].save(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    card["config"]["sharpen"] = 3
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(DataError, match="setting 'sharpen' that this merkit does not know"):
        get_method("strcn-g").recognizer.load(tmp_path)


@pytest.mark.parametrize("name", list_methods())
def test_it_refuses_what_it_cannot_learn_from(name):
    with pytest.raises(ConfigError, match="has not been trained"):
        made(name).predict_proba(CLIPS[:1])
    with pytest.raises(DataError, match="labels have shape"):
        made(name).fit(CLIPS, LABELS[:-1], GROUPS)
    with pytest.raises(DataError, match="two classes and two subjects"):
        made(name).fit(CLIPS, ["same"] * 18, GROUPS)
    with pytest.raises(DataError, match="clip 2 of 18 has no label"):
        made(name).fit(CLIPS, [*LABELS[:2], None, *LABELS[3:]], GROUPS)
    with pytest.raises(DataError, match="clip 1 of 18 has no subject"):
        made(name).fit(CLIPS, LABELS, [GROUPS[0], None, *GROUPS[2:]])
    with pytest.raises(DataError):
        made(name).fit([], [], [])


@pytest.mark.parametrize("missing", [None, float("nan"), pandas.NA, pandas.NaT, np.float64("nan")])
def test_whatever_stands_for_no_label_is_one(missing):
    labels = ["a", "b", missing, "a"]
    for given in (labels, tuple(labels), np.array(labels, object), pandas.Series(labels)):
        with pytest.raises(DataError, match="toy: clip 2 of 4 has no label"):
            TrainingSet.of("toy", 4, given, list("stst"))
    with pytest.raises(DataError, match="labels have shape"):
        TrainingSet.of("toy", 2, [np.array([1, 0])] * 2, list("st"))
    with pytest.raises(DataError, match="labels have shape"):
        TrainingSet.of("toy", 2, ["a", "b", missing], list("st"))
    known = TrainingSet.of("toy", 4, np.array([1, 0, 1, 0]), pandas.Series(list("stst")))
    assert (known.classes.tolist(), known.truth.tolist()) == ([0, 1], [1, 0, 1, 0])


@pytest.mark.parametrize("name", ["flow-svm", "descriptor-svm"])
def test_an_earlier_machine_does_not_answer_for_a_training_that_was_stopped(name, monkeypatch):
    recognizer = made(name).fit(CLIPS, LABELS, GROUPS)

    def stopped(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("merkit.methods.baselines.flow_svm.pairwise.PairwiseSVM.fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            recognizer.fit(CLIPS, [label[::-1] for label in LABELS], GROUPS)
    with pytest.raises(ConfigError, match="has not been trained"):
        recognizer.predict(CLIPS[:1])


def test_an_earlier_network_does_not_answer_for_a_training_that_was_stopped():
    class Stopped(Exception):
        pass

    def stop(done, total, stage):
        raise Stopped

    recognizer = made("strcn-g", epochs=1).fit(CLIPS, LABELS, GROUPS)
    with pytest.raises(Stopped):
        recognizer.fit(CLIPS, [label[::-1] for label in LABELS], GROUPS, context=FitContext(on_progress=stop))
    with pytest.raises(ConfigError, match="has not been trained"):
        recognizer.predict(CLIPS[:1])


@pytest.mark.parametrize("name", ["mersiamc3d", "strcn-g"])
def test_features_that_are_no_numbers_get_no_class(name, fitted):
    ready = fitted[name].step(CLIPS[3])
    gone = {key: np.full_like(value, np.nan) for key, value in ready.features.items()}
    with pytest.raises(DataError, match=r"clip3: .* no probabilities") as refused:
        fitted[name].predict([replace(ready, features=gone)])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", list_methods())
def test_what_it_computes_beforehand_is_what_it_judges_by(name, fitted):
    step = fitted[name].step
    assert step is not None
    ready = step(CLIPS[3])
    assert step.is_done(ready)
    assert np.array_equal(fitted[name].predict_proba([ready]), fitted[name].predict_proba([CLIPS[3]]))
    # A blind clip is all that it needs.
    assert np.array_equal(fitted[name].predict_proba([ready.blind()]), fitted[name].predict_proba([ready]))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_seed_gives_the_same_network_to_the_bit_and_another_seed_another(name):
    first, again, other = (
        made(name, epochs=2).fit(CLIPS, LABELS, GROUPS, context=FitContext(seed=seed)) for seed in (3, 3, 4)
    )
    state, twin, stranger = (each.network_.state_dict() for each in (first, again, other))
    assert all(torch.equal(state[key], twin[key]) for key in state)
    assert any(not torch.equal(state[key], stranger[key]) for key in state)
    assert first.history_ == again.history_


@pytest.mark.parametrize("name", NETWORKS)
def test_a_stopped_training_goes_on_to_the_same_bits(name, tmp_path):
    class Stopped(Exception):
        pass

    def stop(epoch, predict_proba):
        if epoch == 6:
            raise Stopped

    straight = made(name, epochs=7).fit(CLIPS, LABELS, GROUPS)
    stopped = made(name, epochs=7)
    with pytest.raises(Stopped):
        stopped.fit(CLIPS, LABELS, GROUPS, context=FitContext(checkpoint_dir=tmp_path, on_epoch=stop))
    with pytest.raises(ConfigError, match="has not been trained"):
        stopped.predict(CLIPS[:1])
    seen = []
    resumed = made(name, epochs=7).fit(
        CLIPS, LABELS, GROUPS,
        context=FitContext(
            checkpoint_dir=tmp_path, on_progress=lambda done, total, stage: seen.append((done, total, stage))
        ),
    )  # fmt: skip
    assert seen == [(6, 7, "target"), (7, 7, "target")]
    mine, theirs = straight.network_.state_dict(), resumed.network_.state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert straight.history_ == resumed.history_


@pytest.mark.parametrize("name", NETWORKS)
def test_every_epoch_can_be_followed_without_changing_the_training(name):
    tables = []
    followed = made(name, epochs=3).fit(
        CLIPS, LABELS, GROUPS,
        context=FitContext(on_epoch=lambda epoch, ask: tables.append((epoch, ask(CLIPS[:2])))),
    )  # fmt: skip
    plain = made(name, epochs=3).fit(CLIPS, LABELS, GROUPS)
    assert [epoch for epoch, _ in tables] == [1, 2, 3]
    assert np.array_equal(tables[-1][1], plain.predict_proba(CLIPS[:2]))
    assert followed.history_ == plain.history_


@pytest.mark.parametrize("name", NETWORKS)
def test_an_inner_selection_is_by_subject_and_on_training_clips(name):
    recognizer = made(name, epochs=3, select="inner")
    recognizer.fit(CLIPS, LABELS, GROUPS)
    assert all(0 <= row["score"] <= 1 for row in recognizer.history_)
    with pytest.raises(LeakageError, match="on both sides"):
        recognizer.fit(CLIPS, LABELS, GROUPS, context=FitContext(inner_splits=[(range(12), range(10, 18))]))


@pytest.mark.parametrize("name", NETWORKS)
def test_no_class_is_held_out_whole(name):
    # Only the last subject shows the last class: the others are held out.
    kept = [row for row in range(18) if row % 3 != 2 or row >= 12]
    clips, labels, groups = ([those[row] for row in kept] for those in (CLIPS, LABELS, GROUPS))
    last = [place for place, row in enumerate(kept) if row >= 12]
    first = [place for place, row in enumerate(kept) if row < 6]
    others = [place for place in range(len(kept)) if place not in last]
    recognizer = made(name, epochs=1, select="inner")
    for splits in (None, [(others, last), (last, first)]):
        recognizer.fit(clips, labels, groups, context=FitContext(inner_splits=splits))
        assert "score" in recognizer.history_[0]
    for splits, message in (
        ([(others, last)], "all clips of a class"),
        ([(range(len(kept)), [])], "holds out no clip"),
        ([], "give one or more"),
    ):
        with pytest.raises(DataError, match=message):
            recognizer.fit(clips, labels, groups, context=FitContext(inner_splits=splits))


class Counted(dict):
    """Features that count how often they are read."""

    read = 0

    def __getitem__(self, name):
        Counted.read += 1
        return super().__getitem__(name)


@pytest.mark.parametrize("name", NETWORKS)
def test_features_are_not_read_anew_in_every_epoch(name):
    # They may lie in the cache, which others may have emptied by then.
    step = made(name).step
    ready = [replace(clip, features=Counted(step(clip).features)) for clip in CLIPS]
    reads = []
    for epochs in (1, 4):
        Counted.read = 0
        made(name, epochs=epochs, select="inner").fit(ready, LABELS, GROUPS)
        reads.append(Counted.read)
    assert reads[0] == reads[1]


@pytest.mark.parametrize("name", ["strcn-g", "sma-stn"])
def test_a_state_of_other_settings_or_clips_is_not_gone_on_from(name, tmp_path):
    context = FitContext(checkpoint_dir=tmp_path)
    settings = {"copies": 2} if name == "strcn-g" else {"deviation_weight": 0.0}
    made(name, epochs=1).fit(CLIPS, LABELS, GROUPS, context=context)
    with pytest.raises(DataError, match="is of another training"):
        made(name, epochs=1, **settings).fit(CLIPS, LABELS, GROUPS, context=context)
    others = [toy_clip(number, px=2.0) for number in range(18)]
    with pytest.raises(DataError, match="is of another training"):
        made(name, epochs=1).fit(others, LABELS, GROUPS, context=context)
    with pytest.raises(DataError, match="is of another training"):
        made(name, epochs=1).fit(CLIPS, [f"very {label}" for label in LABELS], GROUPS, context=context)
    apart = replace(context, checkpoint_dir=tmp_path / "inner")
    chosen = made(name, epochs=1, select="inner")
    chosen.fit(CLIPS, LABELS, GROUPS, context=replace(apart, inner_splits=[(range(6), range(6, 12))]))
    with pytest.raises(DataError, match="is of another training"):
        chosen.fit(CLIPS, LABELS, GROUPS, context=replace(apart, inner_splits=[(range(6), range(12, 18))]))


def test_whom_a_shared_artifact_knows_is_on_the_card():
    artifacts = {"some": {"trained_subjects": ["toy/stranger"]}}
    recognizer = made("strcn-g", epochs=1).fit(CLIPS, LABELS, GROUPS, context=FitContext(artifacts=artifacts))
    assert recognizer.card["trained_subjects"] == ["toy/s0", "toy/s1", "toy/s2", "toy/stranger"]


def test_an_artifact_that_is_no_weights_is_refused():
    context = FitContext(artifacts={"pretrained": {"trained_subjects": []}})
    with pytest.raises(DataError, match="artifact 'pretrained' is a dict"):
        made("strcn-g").fit(CLIPS, LABELS, GROUPS, context=context)


def test_weights_of_another_size_or_method_are_refused(fitted, tmp_path):
    fitted["strcn-g"].save(tmp_path)
    with pytest.raises(DataError, match="stored weights fit STRCN by name and shape"):
        made("strcn-g", width=6, pretrained=str(tmp_path)).fit(CLIPS, LABELS, GROUPS)
    with pytest.raises(DataError, match="these weights are of strcn-g"):
        made("akmnet", pretrained=str(tmp_path)).fit(CLIPS, LABELS, GROUPS)


@pytest.mark.parametrize("name", NETWORKS)
def test_training_starts_from_weights_that_say_whom_they_know(name, fitted, tmp_path):
    fitted[name].save(tmp_path)
    others = [replace(clip, subject=f"t{clip.subject}") for clip in CLIPS]
    groups = [f"toy/{clip.subject}" for clip in others]
    tuned = made(name, epochs=1, rate=1e-9, pretrained=str(tmp_path)).fit(others, LABELS, groups)
    weights = dict(fitted[name].network_.named_parameters())
    for key, value in tuned.network_.named_parameters():
        assert torch.allclose(value, weights[key], atol=1e-6), key
    assert set(tuned.card["trained_subjects"]) == {*groups, "toy/s0", "toy/s1", "toy/s2"}
    assert tuned.card["pretrained"]["method"] == name


@pytest.mark.parametrize("name", NETWORKS)
def test_it_says_on_which_clips_its_settings_were_chosen(name):
    # The units of FAL-ConvLSTM are those that CASME II shows often.
    more = ("casme2",) if name == "fal-convlstm" else ()
    assert create_recognizer(name, config="small").settings_seen_on == ("simulated", *more)
    assert create_recognizer(name, config="small", epochs=1).settings_seen_on == ("simulated", *more)
    assert "casme2" in create_recognizer(name).settings_seen_on
    assert "simulated" not in create_recognizer(name, epochs=1).settings_seen_on
    mixed = create_recognizer(name, config="small", head="keep")
    assert {"simulated", "casme2"} <= set(mixed.settings_seen_on)


@pytest.mark.parametrize("name", ["akmnet", "strcn-a", "strcn-g"])
def test_published_settings_train_a_step(name):
    # The counts are in the tests of the networks; here, that the recipe and the network fit each other.
    stage = create_recognizer(name).stage
    assert stage.optimiser == "sgd"
    assert stage.batch * stage.accumulate in (8, 10)
    assert stage.momentum == 0.9
    assert stage.weight_decay == 5e-4
    assert stage.schedule(1) == 1e-3


@pytest.mark.parametrize("name", list_methods())
def test_unknown_and_wrong_settings_are_refused(name):
    with pytest.raises(ConfigError, match="no setting 'wrong'"):
        made(name, wrong=1)
    with pytest.raises(ConfigError, match="face='hole'"):
        made(name, face="hole")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_word_where_true_or_false_belongs_is_refused(name):
    config = create_recognizer(name, config="small").config
    flags = [field.name for field in fields(config) if isinstance(field.default, bool)]
    for flag in flags:
        for word in ("off", "no", 0, None):
            with pytest.raises(ConfigError, match=f"{flag}=.*expected true or false"):
                create_recognizer(name, config="small", **{flag: word})


def test_none_is_also_a_word():
    config = create_recognizer("sma-stn", anchor=None, attention=None, balance=None, samples=3).config
    assert (config.anchor, config.attention, config.balance) == ("none", "none", "none")
    assert (
        config
        == create_recognizer("sma-stn", anchor="none", attention="none", balance="none", samples=3).config
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"epochs": "long"},
        {"epochs": None},
        {"rate": 0},
        {"rate": 10**400},
        {"select": "best"},
        {"balance": "both"},
        {"abstain_below": 2},
        {"pretrained": 5},
        {"rate": "fast"},
        {"abstain_below": "low"},
        {"weight_decay": None},
        {"clip_norm": "high"},
    ],
)
def test_a_training_that_cannot_work_is_refused_before_it_begins(name, settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        made(name, **settings)
