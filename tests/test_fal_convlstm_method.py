"""What the FAL-ConvLSTM recognizer does of its own: frames, augmentation, action units, statistics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_recognizers import CLASSES, CLIPS, GROUPS, LABELS, made, toy_clip

from merkit.clips import Clip
from merkit.errors import ConfigError, DataError
from merkit.methods import FitContext, create_recognizer
from merkit.methods.fal_convlstm.config import FEATURE, POSITIONS, FALConfig, FALInput
from merkit.methods.fal_convlstm.examples import (
    Annotated,
    Examples,
    as_seen,
    augmented,
    judged,
    onset_and_apex,
    seen_frames,
)
from merkit.methods.fal_convlstm.inputs import geometry, picked
from merkit.methods.fal_convlstm.recognizer import FALConvLSTMRecognizer
from merkit.methods.fal_convlstm.units import UNITS, present_units, relation_matrix

NAME = "fal-convlstm"
UNITS_OF = {"negative": ("4", "R7"), "positive": ("L12",), "surprise": ("1", "2B")}
ANNOTATED = [replace(clip, aus=UNITS_OF[str(clip.emotion)]) for clip in CLIPS]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def config(**settings) -> FALConfig:
    return made(NAME, **settings).config


def ready(clip: Clip, **settings) -> Clip:
    return made(NAME, **settings).step(clip)


# What is kept of a clip, and what the network sees


def test_published_settings_are_those_of_the_specification():
    recognizer = create_recognizer(NAME)
    stage = recognizer.stage
    assert (stage.optimiser, stage.weight_decay, stage.batch, stage.epochs) == ("adamw", 1e-4, 8, 50)
    assert (stage.clip_norm, stage.balance) == (5.0, "soft-weights")
    assert [stage.schedule(epoch) for epoch in (1, 3, 50)] == pytest.approx([1e-3 / 3, 1e-3, 1e-6])
    weights = recognizer.config
    assert (weights.action_weight, weights.relation_weight, weights.cluster_weight) == (0.5, 0.1, 0.01)
    assert (weights.cluster_after, weights.prior_weight, weights.backbone_rate) == (5, 2.0, 0.1)
    assert (weights.size, weights.length, weights.margin) == (112, 10, 4)
    assert (weights.dropout, weights.sharpness, weights.hidden, weights.features) == (0.5, 5.0, 64, 64)
    assert (weights.view, weights.mode, weights.trunk, weights.readout) == ("rgb", "sample", "layer4", "last")
    assert (weights.scales, weights.spatial_weights, weights.relative, weights.local) == (
        "all", False, True, True,
    )  # fmt: skip


def test_a_face_is_kept_with_a_margin_in_which_the_recipe_holds():
    how = FALInput()
    assert geometry(how).shape == (120, 120)
    (x0, y0), (x1, y1) = (np.array(eye) * 120 - how.margin for eye in geometry(how).eyes_at)
    assert (x0 / 112, y0 / 112, x1 / 112, y1 / 112) == pytest.approx((0.34, 0.33, 0.66, 0.33))


@pytest.mark.parametrize("length", [1, 2, 5, 9, 40])
def test_the_frames_of_every_moved_end_are_kept(length):
    frames = np.arange(length + 6, dtype=np.uint8)[:, None, None] * np.ones((1, 48, 48), np.uint8)
    clip = Clip.from_array(frames, fps=100.0, onset=3, offset=3 + length - 1)
    kept = ready(clip, augment=True)
    settings = config(augment=True)
    inside = seen_frames(kept, settings)[:, 20, 20]
    assert inside.tolist() == (3 + picked(0, length - 1, settings.length)).tolist()
    firsts, lasts = set(), set()
    for seed in range(60):
        seen = seen_frames(kept, settings, np.random.default_rng(seed))[:, 20, 20].astype(int)
        assert (np.diff(seen) >= 0).all()
        firsts.add(seen[0] - 3)
        lasts.add(seen[-1] - 3 - (length - 1))
        assert seen.tolist() == picked(seen[0], seen[-1], settings.length).tolist()
    if length > 5:
        assert firsts == lasts == {-2, -1, 0, 1, 2}
    assert len(kept.features[FEATURE]) <= 5 * settings.length


def test_ends_do_not_move_beyond_the_frames_there_are():
    kept = ready(CLIPS[0])
    assert (kept.features[POSITIONS].min(), kept.features[POSITIONS].max()) == (0, 8)
    for seed in range(30):
        assert len(seen_frames(kept, config(), np.random.default_rng(seed))) == config().length


def test_interpolated_frames_are_what_the_network_sees():
    kept = ready(CLIPS[0], mode="tim", length=7)
    assert kept.features[FEATURE].shape[0] == 7
    assert kept.features[POSITIONS].tolist() == pytest.approx(np.linspace(0, 8, 7).tolist())
    settings = config(mode="tim", length=7)
    rng = np.random.default_rng(0)
    assert np.array_equal(seen_frames(kept, settings, rng), kept.features[FEATURE])


def test_differences_are_to_the_first_frame_and_four_times_as_large():
    grey = torch.rand(5, 1, 8, 8)
    seen = as_seen(grey, "diff")
    assert seen.shape == (3, 5, 8, 8)
    assert torch.allclose(seen[1], 4 * (seen[0] - seen[0, :1]), atol=1e-6)
    assert torch.allclose(seen[2], seen[0, :1].expand(5, -1, -1), atol=1e-6)
    assert not seen[1, 0].any()


def test_changes_are_to_the_first_frame_and_to_both_neighbours():
    grey = torch.rand(5, 1, 8, 8)
    seen, g = as_seen(grey, "change"), as_seen(grey, "diff")[0]
    for t in range(5):
        before, behind = g[max(t - 1, 0)], g[min(t + 1, 4)]
        expected = 4 * torch.stack([g[t] - g[0], g[t] - before, behind - g[t]])
        assert torch.allclose(seen[:, t], expected, atol=1e-5)
    assert not as_seen(grey[:1].expand(4, 1, 8, 8), "change").any()


def test_colours_are_normalised_one_by_one():
    colour = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None].expand(2, 3, 4, 4)
    assert torch.allclose(as_seen(colour, "rgb"), torch.zeros(3, 2, 4, 4), atol=1e-6)
    white = as_seen(torch.ones(2, 3, 4, 4), "rgb")[:, 0, 0, 0]
    assert white.tolist() == pytest.approx([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225], abs=1e-5)


def test_a_judged_clip_is_cut_from_the_middle_and_never_augmented():
    settings = config(augment=True, view="diff")
    kept = ready(CLIPS[0], view="diff")
    once, again = judged(kept, settings), judged(kept, settings)
    assert torch.equal(once, again)
    margin, size = settings.margin, settings.size
    assert once.shape == (1, 3, settings.length, size, size)
    whole = kept.features[FEATURE][0, margin : margin + size, margin : margin + size] / np.float32(255)
    assert torch.allclose(once[0, 0, 0], (torch.from_numpy(whole) - 0.449) / 0.226, atol=1e-5)


# Augmentation


class Drawn:
    """A generator that draws what it is told."""

    def __init__(self, flip=0.9, angle=0.0, shift=(0, 0), light=(1.0, 1.0)):
        self._flip, self._shift = flip, np.array(shift)
        self._uniform = [angle, np.array(light)]

    def random(self):
        return self._flip

    def uniform(self, low, high, size=None):
        return self._uniform.pop(0)

    def integers(self, low, high, size=None):
        return self._shift


def frames_of(settings: FALConfig) -> torch.Tensor:
    side = settings.size + 2 * settings.margin
    return torch.rand(3, 1, side, side, generator=torch.Generator().manual_seed(0))


def test_nothing_drawn_is_the_middle():
    settings = config()
    m, s = settings.margin, settings.size
    frames = frames_of(settings)
    assert torch.allclose(augmented(frames, settings, Drawn()), frames[..., m : m + s, m : m + s], atol=1e-5)


def test_a_clip_is_flipped_moved_and_lit_alike_in_all_frames():
    settings = config()
    m, s = settings.margin, settings.size
    frames = frames_of(settings)
    middle = frames[..., m : m + s, m : m + s]
    flipped = augmented(frames, settings, Drawn(flip=0.1))
    assert torch.allclose(flipped, middle.flip(3), atol=1e-5)
    moved = augmented(frames, settings, Drawn(shift=(m, -m)))
    assert torch.allclose(moved, frames[..., :s, 2 * m : 2 * m + s], atol=1e-5)
    bright = augmented(frames / 2, settings, Drawn(light=(1.1, 0.9)))
    mean = middle.mean() / 2
    assert torch.allclose(bright, (middle / 2 - mean) * 0.9 + mean * 1.1, atol=1e-5)


def test_a_clip_is_turned_about_its_middle():
    settings = config(size=64)
    y, x = torch.meshgrid(torch.arange(68) - 33.5, torch.arange(68) - 33.5, indexing="ij")
    spot = torch.exp(-((x - 20) ** 2 + y**2) / 20)[None, None]
    turned = augmented(spot, settings, Drawn(angle=4.0))[0, 0]
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    at = float((turned * x).sum() / turned.sum()), float((turned * y).sum() / turned.sum())
    assert at == pytest.approx((20 * np.cos(np.pi / 45), -20 * np.sin(np.pi / 45)), abs=0.05)


def test_every_clip_of_a_batch_is_augmented_in_its_own_way_and_by_the_generator_alone():
    settings = config(augment=True)
    kept = [ready(CLIPS[0])] * 2
    examples = Examples(kept, np.array([0, 1]), settings)
    batch, _, _ = examples.batch(np.array([0, 1]), np.random.default_rng(3))
    again, _, _ = examples.batch(np.array([0, 1]), np.random.default_rng(3))
    assert torch.equal(batch, again)
    assert not torch.equal(batch[0], batch[1])


# Action units


def test_batches_carry_the_annotated_units_and_who_has_some():
    clips = [replace(CLIPS[0], aus=("R4", "7?")), CLIPS[1], replace(CLIPS[2], aus=("?",))]
    examples = Examples([ready(clip) for clip in clips], np.arange(3), config())
    _, present, labelled = examples.batch(np.array([2, 0, 1]), np.random.default_rng(0))
    assert labelled.tolist() == [True, True, False]
    assert present.sum(dim=1).tolist() == [0, 1, 0]
    assert bool(present[1, UNITS.index(4)])


@pytest.fixture(scope="module")
def annotated():
    torch.set_num_threads(1)
    return made(NAME, action_weight=2.0, epochs=30).fit(ANNOTATED, LABELS, GROUPS, context=FitContext(seed=1))


def test_it_tells_the_action_units_that_it_learnt(annotated):
    blind = [clip.blind() for clip in ANNOTATED]
    told = annotated.explain(blind)
    unlearnt = [f"AU{unit}" for unit in UNITS if unit not in (1, 2, 4, 7, 12)]
    right = []
    for clip, each in zip(ANNOTATED, told, strict=True):
        assert each["aus_unlearnt"] == unlearnt
        assert each["frames"] == [10, 12, 14, 16, 18]
        assert each["aus_over_time"].shape == (5, 12)
        assert each["aus_where"].shape == (12, 4, 4)
        assert sum(each["scales"]) == pytest.approx(1, abs=1e-5)
        shown = {f"AU{unit}" for unit, there in zip(UNITS, present_units(clip.aus), strict=True) if there}
        right += [
            (each["aus"][unit] > 0.5) == (unit in shown) for unit in each["aus"] if unit not in unlearnt
        ]
    assert np.mean(right) > 0.9
    assert annotated.card["notes"] == [
        f"action units not learnt, as no training clip shows them: {', '.join(unlearnt)}"
    ]


def test_what_is_expected_of_a_class_is_its_row_of_the_relation_matrix(annotated):
    called = annotated.predict(ANNOTATED[:1])[0]
    told = annotated.explain(ANNOTATED[:1])[0]
    row = annotated.relation_[annotated.classes_.tolist().index(called)]
    assert list(told["aus_expected"].values()) == row.tolist()


def test_the_controls_of_the_ablation_take_knowledge_away_and_nothing_else(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    from fal_controls import MeanRelation, ShuffledUnits

    learnt = []
    with monkeypatch.context() as patch:
        patch.setattr(
            FALConvLSTMRecognizer,
            "fit",
            lambda self, clips, labels, groups, context=None: learnt.append((list(clips), labels, groups)),
        )
        ShuffledUnits(config()).fit(ANNOTATED, LABELS, GROUPS, context=FitContext(seed=1))
    clips, labels, groups = learnt[0]
    units = [clip.aus for clip in ANNOTATED]
    assert [clip.aus for clip in clips] != units
    assert sorted(clip.aus for clip in clips) == sorted(units)
    for clip, own in zip(clips, ANNOTATED, strict=True):
        assert (clip.id, clip.subject, clip.emotion) == (own.id, own.subject, own.emotion)
        assert clip.source is own.source
    assert (labels, groups) == (LABELS, GROUPS)

    relations = []
    for control in (FALConvLSTMRecognizer(config()), MeanRelation(config())):
        control.classes_, truth = np.unique(LABELS, return_inverse=True)
        control._examples([control.step(clip) for clip in ANNOTATED], truth)
        relations.append(control.relation_)
    assert float(np.ptp(relations[0], axis=0).max()) > 0.3
    assert np.allclose(relations[1], relations[0].mean(axis=0), atol=1e-12)


def test_the_relation_is_learnt_from_the_training_clips_alone(annotated):
    units = Annotated(ANNOTATED)
    truth = np.array([sorted(CLASSES).index(label) for label in LABELS])
    assert np.array_equal(
        annotated.relation_, relation_matrix(units.present, units.labelled, truth, sorted(CLASSES))
    )
    fold = made(NAME, epochs=1).fit(ANNOTATED[:12], LABELS[:12], GROUPS[:12])
    others = [*ANNOTATED[:12], *(replace(clip, aus=("17",)) for clip in ANNOTATED[12:])]
    inner = made(NAME, epochs=1, select="inner").fit(
        others, LABELS, GROUPS, context=FitContext(inner_splits=[(range(12), range(12, 18))])
    )
    # Those who are held out for the choice of the epoch are not learnt from either.
    assert np.array_equal(fold.relation_, inner.relation_)
    assert not inner.learnable_[UNITS.index(17)]


def test_what_was_learnt_of_units_is_saved(annotated, tmp_path):
    annotated.save(tmp_path)
    loaded = type(annotated).load(tmp_path)
    assert np.array_equal(loaded.relation_, annotated.relation_)
    assert np.array_equal(loaded.learnable_, annotated.learnable_)
    assert torch.equal(loaded.network_.centres, annotated.network_.centres)
    assert loaded.explain(CLIPS[:1])[0]["aus"] == annotated.explain(CLIPS[:1])[0]["aus"]


def test_centres_are_learnt_for_the_units_that_clips_show(annotated):
    lengths = annotated.network_.centres.norm(dim=1)
    learnt = torch.tensor([unit in (1, 2, 4, 7, 12) for unit in UNITS])
    assert torch.allclose(lengths[learnt], torch.ones(5), atol=1e-5)


def test_the_same_clips_without_units_are_learnt_from_too_and_the_unit_loss_is_exactly_nothing():
    recognizer = made(NAME, epochs=2).fit(CLIPS, LABELS, GROUPS)
    assert {row["actions"] for row in recognizer.history_} == {0.0}
    assert not recognizer.learnable_.any()
    assert len(recognizer.explain(CLIPS[:1])[0]["aus_unlearnt"]) == 12
    assert recognizer.card["notes"] == [
        "action units: no training clip has any that is known, so none was learnt"
    ]


def parts_of(epoch: int, clips=tuple(ANNOTATED), **settings) -> dict[str, torch.Tensor]:
    """The losses of one batch in some epoch, from an untrained network."""
    recognizer = made(NAME, **settings)
    recognizer.classes_ = np.array(sorted(CLASSES))
    truth = np.array([sorted(CLASSES).index(str(clip.emotion)) for clip in clips])
    examples = recognizer._examples([recognizer.step(clip) for clip in clips], truth)
    network = recognizer._new_network(0)
    recognizer._before_epoch(epoch, network)
    given = examples.batch(np.arange(len(clips)), np.random.default_rng(0))
    return dict(recognizer._loss()(network, given, torch.from_numpy(truth), None))


def test_the_loss_is_the_weighted_sum_of_its_parts_and_clusters_count_later():
    weights = {"action_weight": 0.5, "relation_weight": 0.1, "cluster_weight": 0.01, "cluster_after": 5}
    early, late = parts_of(5, **weights), parts_of(6, **weights)
    both = early["classification"] + 0.5 * early["actions"] + 0.1 * early["relation"]
    assert torch.allclose(early["loss"], both)
    assert torch.allclose(late["loss"], both + 0.01 * late["clusters"])
    assert float(late["clusters"].detach()) > 0


def test_without_weights_and_local_map_it_is_trained_as_the_plain_network():
    plain = {"action_weight": 0, "relation_weight": 0, "cluster_weight": 0, "local": False}
    parts = parts_of(9, **plain)
    assert torch.equal(parts["loss"], parts["classification"])
    stripped = parts_of(9, clips=tuple(CLIPS), **plain)
    assert torch.equal(stripped["loss"], parts["loss"])


def fake_network(clips: torch.Tensor) -> SimpleNamespace:
    """What a network might say: units rather sure in the first half of the clips, unsure in the second."""
    generator, half = torch.Generator().manual_seed(0), len(clips) // 2
    units = torch.cat([torch.full((half, len(UNITS)), 1.0), torch.full((len(clips) - half, len(UNITS)), 0.6)])
    units[:, ::2] *= -1
    change = torch.randn(len(clips), len(UNITS), 8, generator=generator)
    logits = torch.randn(len(clips), 3, generator=generator)
    return SimpleNamespace(logits=logits, actions=SimpleNamespace(clip=units, change=change))


class Fake:
    """A network that answers as `fake_network`."""

    def __init__(self) -> None:
        self.centres = torch.zeros(len(UNITS), 8)

    def __call__(self, clips):
        return fake_network(clips)


def test_classes_are_weighed_and_units_of_clips_without_are_those_that_are_sure(monkeypatch):
    from merkit.methods.fal_convlstm import losses

    seen = []
    original = losses.clustering_loss
    monkeypatch.setattr(losses, "clustering_loss", lambda *given: seen.append(given[1]) or original(*given))
    clips = [*ANNOTATED[:3], *CLIPS[3:6], *ANNOTATED[6:9], *CLIPS[9:12]]
    recognizer = made(NAME)
    recognizer.classes_ = np.array(sorted(CLASSES))
    truth = np.array([sorted(CLASSES).index(str(clip.emotion)) for clip in clips])
    examples = recognizer._examples([recognizer.step(clip) for clip in clips], truth)
    recognizer._before_epoch(1, None)
    given = examples.batch(np.arange(12), np.random.default_rng(0))
    weights = torch.tensor([0.5, 1.0, 2.0])
    found = recognizer._loss()(Fake(), given, torch.from_numpy(truth), weights)
    said, each = fake_network(given[0]), torch.arange(12)
    log_p = torch.log_softmax(said.logits, dim=1)[each, torch.from_numpy(truth)]
    assert float(found["classification"]) == pytest.approx(float(-(weights[truth] * log_p).mean()), rel=1e-5)
    (shown,) = seen
    labelled = torch.tensor([bool(clip.aus) for clip in clips])
    assert torch.equal(shown[labelled], given[1][labelled])
    # Probabilities of 0.73 and 0.27 in the first half, 0.65 and 0.35 in the second; sure is above 0.7.
    sure = torch.tensor([[False, True] * 6] * 6 + [[False] * 12] * 6)
    assert torch.equal(shown[~labelled], sure[~labelled])


def test_training_clips_are_seen_from_moved_ends(monkeypatch):
    from merkit.methods.fal_convlstm import examples as module

    monkeypatch.setattr(module, "augmented", lambda frames, config, rng: frames[..., 1:-1, 1:-1])
    clip, rows = ready(toy_clip(0, length=40)), np.array([0])
    for augment, kinds in ((True, True), (False, False)):
        examples = Examples([clip], rows, config(augment=augment))
        seen = {examples.batch(rows, np.random.default_rng(seed))[0].numpy().tobytes() for seed in range(8)}
        assert (len(seen) > 1) is kinds


def test_values_are_dropped_in_training_alone():
    recognizer = made(NAME, dropout=0.5)
    recognizer.classes_ = np.array(CLASSES)
    network, given = (
        recognizer._new_network(0),
        recognizer._given(recognizer.step(CLIPS[0])).repeat(2, 1, 1, 1, 1),
    )
    with torch.no_grad():
        network.train()
        assert not torch.equal(network(given).logits, network(given).logits)
        network.eval()
        assert torch.equal(network(given).logits, network(given).logits)


def test_pairs_of_units_can_be_added_to_the_relation(monkeypatch):
    from merkit.methods.fal_convlstm import losses

    monkeypatch.setattr(losses, "pair_loss", lambda units: units.new_tensor(0.75))
    with_pairs, without = (float(parts_of(1, pairs=pairs)["relation"].detach()) for pairs in (True, False))
    assert with_pairs == pytest.approx(without + 0.75)


# Pre-training


def test_onset_and_apex_are_annotated_or_found_by_what_changes():
    kept = ready(toy_clip(0, length=21))
    first, apex = onset_and_apex(kept)
    assert np.array_equal(first, kept.features[FEATURE][0])
    assert np.array_equal(apex, kept.features[FEATURE][kept.features[POSITIONS].tolist().index(10)])
    late = replace(kept, apex=15)
    assert np.array_equal(
        onset_and_apex(late)[1], kept.features[FEATURE][kept.features[POSITIONS].tolist().index(5)]
    )
    found = onset_and_apex(replace(kept, apex=None))[1]
    change = np.abs(kept.features[FEATURE].astype(float) - first).mean(axis=(1, 2))
    assert np.array_equal(found, kept.features[FEATURE][change.argmax()])


def test_action_units_can_be_learnt_before_the_classes():
    seen = []
    context = FitContext(on_progress=lambda done, total, stage: seen.append((done, total, stage)))
    recognizer = made(NAME, epochs=1, pretrain_epochs=2).fit(ANNOTATED, LABELS, GROUPS, context=context)
    plain = made(NAME, epochs=1).fit(ANNOTATED, LABELS, GROUPS)
    assert seen == [(1, 2, "actions"), (2, 2, "actions"), (1, 1, "target")]
    mine, theirs = recognizer.network_.state_dict(), plain.network_.state_dict()
    assert not torch.allclose(mine["backbone.conv1.weight"], theirs["backbone.conv1.weight"], atol=1e-3)


def test_pre_training_without_action_units_is_refused():
    with pytest.raises(DataError, match="no training clip shows an action unit") as refused:
        made(NAME, pretrain_epochs=2).fit(CLIPS, LABELS, GROUPS)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("before", "view"), [("rgb", "rgb"), ("diff", "diff"), ("diff", "rgb")])
def test_normalisation_of_given_weights_is_left_as_it_is_where_colours_are_seen(before, view, tmp_path):
    start = made(NAME, epochs=1, view=before).fit(ANNOTATED, LABELS, GROUPS)
    start.save(tmp_path)
    tuned = made(NAME, epochs=2, view=view, pretrained=str(tmp_path)).fit(ANNOTATED, LABELS, GROUPS)
    mine, theirs = tuned.network_.state_dict(), start.network_.state_dict()
    kept = torch.equal(mine["backbone.bn1.running_mean"], theirs["backbone.bn1.running_mean"])
    assert kept == (before == view == "rgb")
    assert not torch.equal(mine["scales.merge.1.running_mean"], theirs["scales.merge.1.running_mean"])


@pytest.mark.parametrize(
    "settings",
    [
        {"length": 0}, {"mode": "nearest"}, {"view": "grey"}, {"head": "keeps"}, {"batch": 0},
        {"warm_up": -1}, {"cluster_after": -1}, {"action_weight": -1.0}, {"prior_weight": -1.0},
        {"pretrain_epochs": -1}, {"relation_weight": "much"},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        made(NAME, **settings)
