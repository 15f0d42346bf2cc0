"""SMA-STN from frames to a class: sampling, dynamic images, their scale, training, what it tells."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_recognizers import CLIPS, GROUPS, LABELS, toy_clip

from merkit.clips import Clip
from merkit.errors import ConfigError, DataError
from merkit.methods import FitContext, create_network
from merkit.methods.explanations import grad_cam
from merkit.methods.sma_stn.augmentation import augmented
from merkit.methods.sma_stn.config import CONFIGS, FEATURE, SMASTNConfig
from merkit.methods.sma_stn.examples import TrainingExamples, judged_tokens, tokens_of
from merkit.methods.sma_stn.images import dynamic_tokens, image_limits, image_weights, scaled_tokens
from merkit.methods.sma_stn.losses import class_deviation, movement_deviation, sma_stn_loss
from merkit.methods.sma_stn.network import Trunk
from merkit.methods.sma_stn.recognizer import SMASTNRecognizer
from merkit.methods.sma_stn.sampling import sampled_frames, segment_ends
from merkit.methods.sma_stn.trunk_weights import trunk_weights
from merkit.motion import approximate_rank_pooling
from merkit.training.loop import train
from merkit.training.weights import read_weights, write_weights

TINY = {
    "face": "whole", "size": 32, "widths": (8, 12, 16), "epochs": 3, "rate": 3e-3, "augment": False,
    "dropout": 0.0, "realisations": 1, "batch": 12, "warm_up": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(**settings) -> SMASTNRecognizer:
    return SMASTNRecognizer(SMASTNConfig(**{**TINY, **settings}))


def config(**settings) -> SMASTNConfig:
    return SMASTNConfig(**{**TINY, **settings})


def moving(length: int, side: int = 32, seed: int = 0) -> np.ndarray:
    """Faces (T, side, side, 3) in which everything changes slowly, as floats."""
    rng = np.random.default_rng(seed)
    start, end, phase = rng.uniform(50, 200, (3, side, side, 3))
    time = np.linspace(0, 1, length)[:, None, None, None]
    return start + (end - start) * np.sin(2 * time + phase / 100)


# Sampling


@pytest.mark.parametrize("draw", [False, True])
@pytest.mark.parametrize(("segments", "samples"), [(3, 4), (1, 4), (5, 2), (3, 1)])
@pytest.mark.parametrize("length", [5, 7, 11, 12, 30, 141])
def test_samples_are_in_order_and_each_inside_its_bin(length, segments, samples, draw):
    for seed in range(20 if draw else 1):
        frames = sampled_frames(length, segments, samples, np.random.default_rng(seed) if draw else None)
        assert frames.shape == (segments, samples)
        assert (np.diff(frames.ravel()) >= 0).all()
        for k in range(segments):
            first, end = round(k * length / segments), round((k + 1) * length / segments)
            for m in range(samples):
                # A frame lasts from its position to the next, and the moment that was taken is in it.
                low = first + m * (end - first) / samples
                high = first + (m + 1) * (end - first) / samples
                assert low - 1 < frames[k, m] < high
                assert first <= frames[k, m] < end


def test_drawn_frames_are_all_frames_of_a_bin_equally_often():
    rng = np.random.default_rng(0)
    drawn = np.array([sampled_frames(24, 3, 2, rng)[1, 1] for _ in range(4000)])
    values, times = np.unique(drawn, return_counts=True)
    assert values.tolist() == [12, 13, 14, 15]
    assert times == pytest.approx(1000, abs=120)


def test_as_many_frames_as_segments_repeat_each_of_them():
    assert sampled_frames(3, 3, 4).tolist() == [[0] * 4, [1] * 4, [2] * 4]


@pytest.mark.parametrize(("length", "expected"), [(1, [[0] * 4] * 3), (2, [[0] * 4, [0, 0, 1, 1], [1] * 4])])
def test_a_clip_with_fewer_frames_than_segments_is_repeated(length, expected):
    assert sampled_frames(length, 3, 4).tolist() == expected


def test_a_clip_without_frames_is_refused():
    with pytest.raises(DataError, match="a clip of 0 frames"):
        sampled_frames(0, 3, 4)


def test_without_a_draw_the_samples_are_always_the_same_and_with_one_they_follow_from_the_seed():
    assert np.array_equal(sampled_frames(50, 3, 4), sampled_frames(50, 3, 4))
    one, same, other = (sampled_frames(50, 3, 4, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("length", [3, 4, 13, 141])
def test_segments_cover_every_frame_once(length):
    covered = [frame for first, last in segment_ends(length, 3, 4) for frame in range(first, last + 1)]
    assert covered == list(range(length))


def test_doubling_the_frame_rate_hardly_changes_what_is_seen():
    once = moving(40)
    twice = once.repeat(2, axis=0)
    tokens, doubled = (
        dynamic_tokens(faces, sampled_frames(len(faces), 3, 4), anchor="onset", images="both")
        for faces in (once, twice)
    )
    assert np.abs(doubled - tokens).max() < 0.1 * np.abs(tokens).max()
    # With borders that fall between two frames, not at all.
    whole, doubled = (
        dynamic_tokens(faces, sampled_frames(len(faces), 3, 4), anchor="onset", images="both")
        for faces in (once[:36], twice[:72])
    )
    assert np.array_equal(whole, doubled)


# Dynamic images


def test_weights_of_frames_are_those_of_the_table():
    weights = image_weights(1, 4, anchor="onset", images="both")
    assert weights == pytest.approx(np.array([[-3.7, 0.3, 1.3, 1.3, 0.8]] * 2))
    bare = image_weights(2, 4, anchor="none", images="both")
    assert bare[0] == pytest.approx([0, -2.4167, 0.5833, 1.0833, 0.75, 0, 0, 0, 0], abs=1e-4)
    expected = [0, -8.4607, -1.4607, 1.0393, 2.0393, 2.2893, 2.0893, 1.5893, 0.875]
    assert bare[2] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("anchor", ["onset", "none"])
@pytest.mark.parametrize(("segments", "samples"), [(1, 2), (3, 4), (5, 7)])
def test_weights_of_every_image_sum_to_zero(segments, samples, anchor):
    weights = image_weights(segments, samples, anchor=anchor, images="both")
    assert weights.shape == (segments + 1, 1 + segments * samples)
    assert weights.sum(axis=1) == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("anchor", ["onset", "none"])
def test_images_are_rank_pooled_snippets_one_by_one(anchor):
    faces, frames = moving(30), sampled_frames(30, 3, 4)
    tokens = dynamic_tokens(faces, frames, anchor=anchor, images="both")
    first = [0] if anchor == "onset" else []
    for token, snippet in zip(tokens, (*frames, frames.ravel()), strict=True):
        expected = approximate_rank_pooling(faces[[*first, *snippet]])
        assert token.transpose(1, 2, 0) == pytest.approx(expected, abs=2e-3)


def test_local_and_global_images_are_those_of_both():
    faces, frames = moving(30), sampled_frames(30, 3, 4)
    both = dynamic_tokens(faces, frames, anchor="onset", images="both")
    for images, part in (("local", both[:3]), ("global", both[3:])):
        assert dynamic_tokens(faces, frames, anchor="onset", images=images) == pytest.approx(part, abs=2e-3)


@pytest.mark.parametrize("anchor", ["onset", "none"])
@pytest.mark.parametrize("length", [1, 2, 5, 30])
def test_a_still_clip_has_images_of_exactly_zero(length, anchor):
    still = moving(1)[:1].astype(np.uint8).repeat(length, axis=0)
    tokens = dynamic_tokens(still, sampled_frames(length, 3, 4), anchor=anchor, images="both")
    assert not tokens.any()
    assert not scaled_tokens(tokens, np.full(4, 2.0)).any()


def test_reversing_two_frames_negates_their_image():
    faces, frames = moving(2), np.array([[1]])
    straight = dynamic_tokens(faces, frames, anchor="onset", images="both")
    reversed_ = dynamic_tokens(faces[::-1], frames, anchor="onset", images="both")
    assert np.abs(straight).max() > 1
    assert reversed_ == pytest.approx(-straight, abs=1e-4)


def test_brightness_changes_nothing_and_contrast_scales():
    faces, frames = moving(30), sampled_frames(30, 3, 4)

    def tokens(given: np.ndarray) -> np.ndarray:
        return dynamic_tokens(given, frames, anchor="onset", images="both")

    assert tokens(faces + 40) == pytest.approx(tokens(faces), abs=2e-3)
    assert tokens(1.7 * faces) == pytest.approx(1.7 * tokens(faces), rel=1e-4, abs=2e-3)


# Scale


def test_limits_are_percentiles_of_all_local_and_of_all_global_images():
    rng = np.random.default_rng(0)
    tokens = [gain * rng.normal(size=(4, 3, 8, 8)).astype(np.float32) for gain in (1, 2, 5)]
    limits = image_limits(tokens, "both")
    local = np.percentile(np.abs(np.concatenate([each[:3].ravel() for each in tokens])), 99)
    whole = np.percentile(np.abs(np.concatenate([each[3].ravel() for each in tokens])), 99)
    assert limits == pytest.approx([local, local, local, whole], rel=1e-5)
    assert image_limits([each[:3] for each in tokens], "local") == pytest.approx([local] * 3, rel=1e-5)
    assert image_limits([each[3:] for each in tokens], "global") == pytest.approx([whole], rel=1e-5)


def test_scaled_images_keep_zero_and_end_at_three():
    tokens = np.zeros((2, 3, 2, 2), np.float32)
    tokens[0, 0, 0], tokens[1, 0, 0] = (1.0, -50.0), (2.0, -1.0)
    scaled = scaled_tokens(tokens, np.array([4.0, 0.5]))
    assert scaled[0, 0, 0].tolist() == [0.25, -3.0]
    assert scaled[1, 0, 0].tolist() == [3.0, -2.0]
    assert not scaled[:, 1:].any()


def test_scaling_by_image_makes_full_contrast_of_noise():
    noise = np.random.default_rng(0).normal(0, 1e-6, (1, 3, 8, 8)).astype(np.float32)
    assert np.abs(scaled_tokens(noise, np.ones(1))).max() < 1e-5
    stretched = scaled_tokens(noise, None)
    assert (stretched.min(), stretched.max()) == (-1.0, 1.0)


# Augmentation


def test_all_images_of_a_clip_are_augmented_alike():
    token = moving(1, side=64)[0].transpose(2, 0, 1).astype(np.float32)
    for seed in range(5):
        moved = augmented(np.stack([token, token, 2 * token]), np.random.default_rng(seed))
        assert np.array_equal(moved[0], moved[1])
        assert moved[2] == pytest.approx(2 * moved[0], rel=1e-4, abs=1e-3)


def test_augmentation_mirrors_half_of_the_clips_and_moves_a_dot_by_a_few_pixels():
    token = np.zeros((1, 3, 112, 112), np.float32)
    token[:, :, 40:43, 20:23] = 1.0
    places, masses = [], []
    for seed in range(60):
        moved = augmented(token, np.random.default_rng(seed))[0, 0]
        rows, columns = np.indices(moved.shape)
        masses.append(moved.sum() / 9)
        places.append(((rows * moved).sum() / moved.sum(), (columns * moved).sum() / moved.sum()))
    row, column = np.array(places).T
    mirrored = column > 56
    assert 15 < mirrored.sum() < 45
    column = np.where(mirrored, 111 - column, column)
    # Four pixels and four degrees at 37 pixels from the middle.
    assert np.abs(row - 41).max() < 4 + 0.07 * 37 + 0.5
    assert np.abs(column - 21).max() < 4 + 0.07 * 37 + 0.5
    assert row.std() > 1
    assert column.std() > 1
    assert 0.78 < min(masses) < 0.9 < 1.15 < max(masses) < 1.28


def test_augmentation_turns_by_up_to_four_degrees():
    token = np.zeros((1, 3, 112, 112), np.float32)
    for column in (30, 80):
        token[:, :, 54:57, column : column + 3] = 1.0
    angles = []
    for seed in range(40):
        moved = augmented(token, np.random.default_rng(seed))[0, 0]
        rows, columns = np.indices(moved.shape)
        left, right = (np.where(side, moved, 0) for side in (columns < 56, columns >= 56))
        at = [((rows * dot).sum() / dot.sum(), (columns * dot).sum() / dot.sum()) for dot in (left, right)]
        angles.append(np.degrees(np.arctan2(at[1][0] - at[0][0], at[1][1] - at[0][1])))
    assert np.abs(angles).max() < 4.5
    assert min(angles) < -2 < 2 < max(angles)


def test_an_image_of_nothing_stays_nothing():
    assert not augmented(np.zeros((4, 3, 32, 32), np.float32), np.random.default_rng(0)).any()


# What the network is given


def test_a_clip_is_always_judged_by_the_same_frames_the_first_view_by_those_in_the_centre():
    faces, how = moving(50).astype(np.uint8), config(realisations=5)
    views = judged_tokens(faces, how, np.full(4, 100.0))
    assert views.shape == (6, 4, 3, 32, 32)
    assert torch.equal(views, judged_tokens(faces, how, np.full(4, 100.0)))
    centre = scaled_tokens(tokens_of(faces, how), np.full(4, 100.0))
    assert np.array_equal(views[0].numpy(), centre)
    assert len({views[k].numpy().tobytes() for k in range(6)}) == 6
    assert len(judged_tokens(faces, config(realisations=0), None)) == 1


def test_logits_are_averaged_over_the_views_before_they_become_probabilities():
    recognizer = made(realisations=2).fit(CLIPS, LABELS, GROUPS)
    given = recognizer._given(recognizer.step(CLIPS[0]))
    with torch.inference_mode():
        logits = recognizer.network_(given).logits.double()
    expected = logits.mean(dim=0).softmax(dim=0).numpy()
    assert recognizer.predict_proba(CLIPS[:1])[0] == pytest.approx(expected, abs=1e-6)
    told = recognizer.explain(CLIPS[:1])[0]
    assert told["centre_probabilities"] == pytest.approx(logits[0].softmax(dim=0).tolist(), abs=1e-6)


def test_grey_frames_are_copied_to_three_channels():
    faces = made().step(CLIPS[0]).features[FEATURE]
    assert faces.shape == (9, 32, 32, 3)
    assert faces.dtype == np.uint8
    assert np.array_equal(faces[..., 0], faces[..., 2])


def test_the_scale_is_that_of_the_training_clips_alone():
    recognizer = made().fit(CLIPS[:12], LABELS[:12], GROUPS[:12])
    tokens = [tokens_of(recognizer.step(clip).features[FEATURE], recognizer.config) for clip in CLIPS]
    assert np.array_equal(recognizer.limits_, image_limits(tokens[:12], "both"))
    assert not np.array_equal(recognizer.limits_, image_limits(tokens, "both"))


def test_scaling_by_image_learns_no_scale(tmp_path):
    recognizer = made(scaling="minmax", epochs=1).fit(CLIPS, LABELS, GROUPS)
    assert recognizer.limits_ is None
    recognizer.save(tmp_path)
    loaded = SMASTNRecognizer.load(tmp_path)
    assert np.array_equal(loaded.predict_proba(CLIPS[:2]), recognizer.predict_proba(CLIPS[:2]))


@pytest.mark.parametrize("length", [1, 2, 3, 141])
def test_clips_of_any_length_are_judged_and_explained(length):
    recognizer = made(epochs=1).fit(CLIPS, LABELS, GROUPS)
    clip = Clip.from_array(toy_clip(1, length=max(length, 2)).frames[:length], fps=100.0)
    assert np.isfinite(recognizer.predict_proba([clip])).all()
    told = recognizer.explain([clip])[0]
    assert len(told["segments"]) == 3
    assert all(0 <= first <= last < length for first, last in (s["frames"] for s in told["segments"]))


# Training


def test_a_training_clip_comes_by_drawn_frames_and_augmented_where_that_is_wanted():
    faces, limits, row = [moving(50).astype(np.uint8)], np.full(4, 100.0), np.array([0])

    def one(seed: int, **settings) -> np.ndarray:
        examples = TrainingExamples(faces, row, config(**settings), limits)
        return examples.batch(row, np.random.default_rng(seed))[0].numpy()

    expected = scaled_tokens(tokens_of(faces[0], config(), np.random.default_rng(3)), limits)
    assert np.array_equal(one(3), expected)
    assert not np.array_equal(one(3), one(4))
    assert not np.allclose(one(3, augment=True), expected, atol=1e-2)


def test_the_loss_measures_against_the_centres_from_before_and_these_follow_after():
    network = create_network("sma-stn", config="small", num_classes=2, dropout=0.0).eval()
    size = network.config.size
    tokens = torch.randn(4, 4, 3, size, size, generator=torch.Generator().manual_seed(0))
    first, second = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 0])
    sma_stn_loss(network, tokens, first, None, margin=1.5)
    before = network.centres.points.clone()
    found = sma_stn_loss(network, tokens, second, None, weight=0.3, margin=1.5)
    directions = torch.nn.functional.normalize(network(tokens).features, dim=1)
    value = class_deviation(directions, second, before, network.centres.seen, margin=1.5)
    assert float(found["deviation"].detach()) == pytest.approx(float(value.detach()), rel=1e-5)
    assert float(value.detach()) != pytest.approx(
        float(class_deviation(directions, second, before, network.centres.seen, margin=0.5).detach())
    )
    for column in (0, 1):
        mean = directions[second == column].mean(dim=0)
        after = torch.nn.functional.normalize(0.9 * before[column] + 0.1 * mean, dim=0)
        assert torch.allclose(network.centres.points[column], after, atol=1e-6)
        assert not torch.allclose(after, before[column], atol=1e-6)


def test_the_other_reading_measures_against_an_image_of_nothing():
    network = create_network("sma-stn", config="small", num_classes=2, dropout=0.0).eval()
    size = network.config.size
    tokens = torch.randn(3, 4, 3, size, size, generator=torch.Generator().manual_seed(0))
    found = sma_stn_loss(
        network, tokens, torch.tensor([0, 1, 1]), None, deviation="movement", weight=1.0, margin=2.0
    )
    still = network(torch.zeros_like(tokens[:1])).vectors[0].mean(dim=0)
    value = movement_deviation(network(tokens).vectors, still, margin=2.0)
    assert float(found["deviation"].detach()) == pytest.approx(float(value.detach()), rel=1e-5)


def test_features_are_dropped_in_training_alone():
    network = create_network("sma-stn", config="small", dropout=0.5)
    size = network.config.size
    tokens = torch.randn(2, 4, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.train()
        assert not torch.equal(network(tokens).logits, network(tokens).logits)
        network.eval()
        assert torch.equal(network(tokens).logits, network(tokens).logits)


def test_without_deviation_loss_training_is_that_of_cross_entropy_to_the_bit():
    recognizer = made(deviation_weight=0.0, balance="none")
    recognizer.fit(CLIPS, LABELS, GROUPS, context=FitContext(seed=4))
    plain = made(balance="none")
    plain.classes_ = recognizer.classes_
    network = plain._new_network(4)
    truth = np.array([plain.classes_.tolist().index(label) for label in LABELS])

    def cross_entropy(net, given, labels, weights):
        return {"loss": torch.nn.functional.cross_entropy(net(given).logits, labels, reduction="none").mean()}

    examples = plain._examples([plain.step(clip) for clip in CLIPS], truth)
    train(network, examples, cross_entropy, plain.stage, seed=4)
    mine, theirs = recognizer.network_.state_dict(), network.state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert "deviation" not in recognizer.history_[0]


@pytest.mark.parametrize("deviation", ["class", "movement"])
def test_the_deviation_loss_is_added_with_its_weight(deviation):
    recognizer = made(deviation=deviation, deviation_weight=0.3, epochs=2).fit(CLIPS, LABELS, GROUPS)
    for row in recognizer.history_:
        assert row["deviation"] > 0
        assert row["loss"] == pytest.approx(row["classification"] + 0.3 * row["deviation"], rel=1e-5)
    assert bool(recognizer.network_.centres.seen.all()) is (deviation == "class")


def test_classes_are_weighed_by_the_root_of_how_rare_they_are():
    recognizer = made(deviation_weight=0.0)
    recognizer.classes_ = np.array(["a", "b"])
    network, loss = recognizer._new_network(0).eval(), recognizer._loss()
    given, labels = torch.zeros(3, 4, 3, 32, 32), torch.tensor([0, 1, 1])
    each = torch.nn.functional.cross_entropy(network(given).logits, labels, reduction="none")
    weights = torch.tensor([1.5, 0.5])
    expected = (1.5 * each[0] + 0.5 * each[1] + 0.5 * each[2]) / 3
    assert torch.allclose(loss(network, given, labels, weights)["loss"], expected)
    assert recognizer.stage.balance == "soft-weights"


@pytest.mark.parametrize(
    "settings",
    [
        {"attention": "joint"},
        {"attention": "none", "weighting": "mean"},
        {"images": "local", "anchor": "none"},
        {"images": "global"},
        {"segments": 1},
        {"token_type": True},
        {"deviation": "movement"},
        {"augment": True},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_every_variant_learns_a_step_judges_and_explains(settings, tmp_path):
    recognizer = made(**settings, epochs=1).fit(CLIPS, LABELS, GROUPS)
    told = recognizer.explain(CLIPS[:1])[0]
    tokens = recognizer.config.tokens
    assert told["attention"].shape == (tokens, 2, 2)
    weights = [segment["weight"] for segment in told["segments"]]
    assert len(weights) == {"global": 0}.get(recognizer.config.images, recognizer.config.segments)
    whole = told["whole_clip_weight"]
    assert (whole is None) is (recognizer.config.images == "local")
    assert sum(weights) + (whole or 0.0) == pytest.approx(1)
    recognizer.save(tmp_path)
    loaded = SMASTNRecognizer.load(tmp_path)
    assert np.array_equal(loaded.predict_proba(CLIPS[:2]), recognizer.predict_proba(CLIPS[:2]))


def test_the_weight_of_the_segment_that_moves_comes_to_exceed_an_equal_share():
    def clip(number: int) -> Clip:
        """A face of which one of two patches moves down and back, in one of three thirds."""
        rng = np.random.default_rng(number)
        y, x = np.mgrid[:32, :32].astype(float)
        phase = rng.uniform(0, 6, 3)
        part = np.exp(-0.5 * (((y - (9, 22)[number // 3 % 2]) / 4) ** 2 + ((x - 16) / 6) ** 2))
        frames = []
        for t in range(24):
            time = (t - 8 * (number % 3)) / 8
            moved = y - (2 * np.sin(np.pi * time) if 0 <= time <= 1 else 0) * part
            waves = np.sin(x / 3 + phase[0]) * np.sin(moved / 2 + phase[1]) + np.sin(moved / 1.5 + phase[2])
            frames.append(128 + 40 * waves + rng.normal(0, 0.5, x.shape))
        return Clip.from_array(np.clip(frames, 0, 255).round().astype(np.uint8), fps=100.0)

    clips = [clip(number) for number in range(24)]
    labels = [f"third {number % 3}, patch {number // 3 % 2}" for number in range(24)]
    groups = [f"s{number // 12}" for number in range(24)]
    recognizer = made(epochs=20, realisations=0, rate=1e-2, batch=8).fit(clips, labels, groups)
    assert np.mean(recognizer.predict(clips) == labels) > 0.9
    # Of other faces.
    told = recognizer.explain([clip(number) for number in range(102, 120)])
    weights = np.array([[segment["weight"] for segment in each["segments"]] for each in told])
    of_the_moving = weights[np.arange(18), np.arange(18) % 3]
    assert of_the_moving.mean() > 1 / 4 + 0.1
    assert (weights.argmax(axis=1) == np.arange(18) % 3).mean() > 0.9


# What it tells


def test_it_tells_the_frames_of_its_segments_as_annotated_and_their_weights():
    recognizer = made().fit(CLIPS, LABELS, GROUPS)
    told = recognizer.explain([replace(toy_clip(1, length=24), onset=13, offset=27)])[0]
    assert [segment["frames"] for segment in told["segments"]] == [[13, 17], [18, 22], [23, 27]]
    assert told["key_frames"] == [13, 14, 16, 17, 18, 19, 21, 22, 23, 24, 26, 27]
    assert sum(s["weight"] for s in told["segments"]) + told["whole_clip_weight"] == pytest.approx(1)
    json.dumps(told, default=lambda array: array.tolist())


# Weights to start from


@pytest.mark.parametrize("kind", [".safetensors", ".pth"])
def test_a_file_with_a_resnet18_becomes_the_trunk(kind, tmp_path):
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(9)
        state = {**Trunk((8, 12, 16)).state_dict(), "layer4.0.conv1.weight": torch.ones(2, 2)}
    # Older files do not count batches.
    state = {name: value for name, value in state.items() if "num_batches" not in name}
    file = tmp_path / f"resnet18{kind}"
    write_weights(file, state) if kind == ".safetensors" else torch.save(state, file)
    recognizer = made(pretrained=str(file), epochs=1, rate=1e-9).fit(CLIPS, LABELS, GROUPS)
    for name, value in recognizer.network_.trunk.named_parameters():
        assert torch.allclose(value, state[name], atol=1e-6), name
    assert recognizer.card["pretrained"]["file"] == file.name
    assert len(recognizer.card["pretrained"]["sha256"]) == 64


def test_a_file_that_is_no_resnet18_is_refused_in_one_line(tmp_path):
    state = Trunk((8, 12, 16)).state_dict()
    cases = {
        "of another width": (state, "the trunk needs"),
        "of nothing": ({"a": torch.ones(1)}, "conv1.weight is missing"),
    }
    for name, (held, said) in cases.items():
        write_weights(tmp_path / f"{name}.safetensors", held)
        with pytest.raises(DataError, match=said) as refused:
            trunk_weights(tmp_path / f"{name}.safetensors", (64, 128, 256))
        assert "\n" not in str(refused.value)
    with pytest.raises(DataError, match="cannot be read"):
        made(pretrained=str(tmp_path / "nowhere.pth")).fit(CLIPS, LABELS, GROUPS)
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(DataError, match="is no file of weights"):
        trunk_weights(tmp_path / "text.pth", (8, 12, 16))
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(DataError, match="holds more than tensors by name"):
        trunk_weights(tmp_path / "list.pth", (8, 12, 16))


def test_fine_tuning_keeps_early_normalisation_and_needs_weights(tmp_path):
    how = {**CONFIGS["fine-tune"], "epochs": 2}
    with pytest.raises(ConfigError, match="there are no weights to keep"):
        made(**how).fit(CLIPS, LABELS, GROUPS)
    state = Trunk((8, 12, 16)).state_dict()
    write_weights(tmp_path / "trunk.safetensors", state)
    recognizer = made(**how, pretrained=str(tmp_path / "trunk.safetensors")).fit(CLIPS, LABELS, GROUPS)
    after = recognizer.network_.trunk.state_dict()
    kept = [name for name in state if name.startswith(("bn1", "layer1")) and "bn" in name]
    assert all(torch.equal(after[name], state[name]) for name in kept)
    assert not torch.equal(after["layer3.1.conv2.weight"], state["layer3.1.conv2.weight"])


def test_centres_of_another_training_are_not_taken_over(tmp_path):
    made().fit(CLIPS, LABELS, GROUPS).save(tmp_path)
    assert read_weights(tmp_path / "model.safetensors")["centres.seen"].all()
    start = made(pretrained=str(tmp_path))._weights_to_start_from(FitContext())
    assert not any(name.startswith("centres") for name in start.state)
    assert "trunk.conv1.weight" in start.state


# Settings


def test_the_recipes_of_the_specification():
    scratch, tuned = SMASTNConfig(), SMASTNConfig(**CONFIGS["fine-tune"])
    assert (scratch.optimiser, scratch.rate, scratch.epochs) == ("adamw", 3e-4, 100)
    assert (tuned.optimiser, tuned.rate, tuned.rate * tuned.trunk_rate) == ("sgd", 1e-2, pytest.approx(1e-3))
    assert (tuned.epochs, tuned.freeze, tuned.stage.momentum) == (60, True, 0.9)
    for each in (scratch, tuned):
        assert (each.stage.batch, each.stage.clip_norm, each.stage.weight_decay) == (16, 5.0, 5e-4)
        assert each.stage.schedule(3) == each.rate
        assert each.stage.schedule(each.epochs) == pytest.approx(1e-5)
        assert (each.segments, each.samples, each.realisations) == (3, 4, 5)
        assert (each.deviation_weight, each.margin, each.dropout) == (0.1, 0.5, 0.5)
        assert (each.images, each.anchor, each.attention, each.weighting) == (
            "both",
            "onset",
            "token",
            "learnt",
        )
        assert (each.token_type, each.deviation) == (False, "class")


def test_where_it_looks_is_told_image_by_image_also_where_they_attend_to_each_other():
    tokens = torch.randn(1, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    maps = []
    for attention in ("token", "joint"):
        # Attention begins as the identity: both see the same.
        network = create_network("sma-stn", config="small", size=32, attention=attention, seed=3).eval()
        maps.append(grad_cam(network, network.related, tokens, 1))
    assert maps[0].shape == (4, 2, 2)
    assert np.allclose(maps[0], maps[1], atol=1e-6)


def test_a_clip_in_which_nothing_moves_is_told():
    recognizer = made().fit(CLIPS, LABELS, GROUPS)
    still = replace(CLIPS[0], source=Clip.from_array(np.repeat(CLIPS[0].frames[:1], 9, axis=0)).source)
    told = recognizer.explain([replace(still, onset=None, apex=None, offset=None), CLIPS[1]])
    assert [each["still"] for each in told] == [True, False]


@pytest.mark.parametrize("limits", [[1.0, 1.0, 1.0], 2.0, [1.0, 1.0, 1.0, 0.0], [1.0, 1.0, np.nan, 1.0]])
def test_a_saved_scale_that_cannot_be_is_refused(limits, tmp_path):
    recognizer = made(epochs=1).fit(CLIPS, LABELS, GROUPS)
    # Saved by merkit itself: weights that somebody else changed are refused before they are looked at.
    recognizer._statistics = lambda: {"limits": np.array(limits)}
    recognizer.save(tmp_path)
    with pytest.raises(DataError, match="limits") as refused:
        SMASTNRecognizer.load(tmp_path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"augment": "no"}, {"freeze": "off"}, {"token_type": 1}, {"widths": [8.5, 12, 16]}, {"widths": "888"},
        {"samples": 0}, {"samples": 1, "anchor": "none"}, {"anchor": "apex"}, {"scaling": "z"},
        {"deviation": "both"}, {"deviation_weight": -1}, {"margin": 5}, {"realisations": -1}, {"batch": 0},
        {"warm_up": -1}, {"optimiser": "lion"}, {"face": "hole"}, {"head": "off"}, {"segments": 0},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        SMASTNConfig(**settings)
