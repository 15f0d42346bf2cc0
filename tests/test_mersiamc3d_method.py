"""What the MERSiamC3D recognizer does: key frames, flow sequences, two stages, alpha by inner folds."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_recognizers import CLIPS, GROUPS, LABELS, toy_clip

from merkit.cli.main import main
from merkit.clips import Clip
from merkit.errors import AnnotationError, ConfigError, DataError
from merkit.methods import FitContext
from merkit.methods.mersiamc3d.config import (
    ALPHA_GRID,
    CONFIGS,
    FACES_FEATURE,
    FLOW_FEATURE,
    INTERPOLATOR,
    MARKS_FEATURE,
    MERSiamC3DConfig,
    MERSiamC3DSettings,
)
from merkit.methods.mersiamc3d.inputs import flow_sequence, moved_marks
from merkit.methods.mersiamc3d.interpolation import Interpolator
from merkit.methods.mersiamc3d.keyframes import (
    Marks,
    apex_index,
    blended,
    dyadic_fractions,
    key_times,
    recorded,
    split_transitions,
    synthesised,
)
from merkit.methods.mersiamc3d.losses import alpha_of
from merkit.methods.mersiamc3d.network import MERSiamC3D
from merkit.methods.mersiamc3d.prior import learn_prior
from merkit.methods.mersiamc3d.recognizer import MERSiamC3DRecognizer
from merkit.methods.mersiamc3d.sequences import (
    ClipSequences,
    as_input,
    as_tensor,
    augmented,
    flow_scale,
    mirrored,
    shifted,
)
from merkit.methods.mersiamc3d.triplets import learn_interpolator
from merkit.methods.training_set import TrainingSet
from merkit.simulate.native import write_tree

TINY = {
    **CONFIGS["small"],
    "face": "whole",
    "head": "keep",
    "size": 24,
    "widths": (6, 8, 12, 16),
    "hidden": 16,
    "dropout": 0.0,
    "encoder_rate": 1.0,
    "rate": 0.01,
    "epochs": 7,
    "frozen": 1,
    "batch": 6,
    "prior_epochs": 1,
    "pairs": 32,
    "pair_batch": 16,
    "embedding": 8,
    # Two of the classes of the toy are mirror images.
    "mirror": 0.0,
    "shift": 1,
    "jittered": 1,
    "interpolation_epochs": 1,
    "triplets": 16,
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(**settings) -> MERSiamC3DRecognizer:
    return MERSiamC3DRecognizer(MERSiamC3DConfig(**{**TINY, **settings}))


# Key frames


@pytest.mark.parametrize(
    ("rise", "fall", "first"),
    [(1, 1, 4), (1, 3, 2), (13, 27, 3), (99, 1, 7), (1, 99, 1), (0, 9, 0), (9, 0, 8)],
)
def test_eight_frames_are_split_by_the_durations(rise, fall, first):
    assert split_transitions(rise, fall) == (first, 8 - first)


def test_a_half_is_rounded_up():
    # 8 · 3 / 16 = 1.5 and 8 · 5 / 16 = 2.5.
    assert split_transitions(3, 13)[0] == 2
    assert split_transitions(5, 11)[0] == 3


MARKS = [Marks(0, 10, 20), Marks(2, 5, 30), Marks(0, 0, 12), Marks(1, 9, 9), Marks(3, 4, 5), Marks(4, 4, 4)]
FRAMES = np.random.default_rng(0).integers(0, 256, (31, 32, 32)).astype(np.uint8)
MAKERS = {
    "nearest": recorded,
    "linear": blended,
    "adaconv": lambda frames, marks: synthesised(frames, marks, lambda one, other: (one + other) / 2),
}


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize("maker", MAKERS)
def test_eleven_key_frames_with_onset_apex_and_offset_to_the_bit(maker, marks):
    found = MAKERS[maker](FRAMES, marks)
    assert found.shape == (11, 32, 32)
    assert found.dtype == np.uint8
    for place, mark in ((0, marks.onset), (apex_index(marks), marks.apex), (10, marks.offset)):
        assert np.array_equal(found[place], FRAMES[mark])
    times = key_times(marks)
    assert len(times) == 11
    assert (np.diff(times) >= 0).all()
    assert times[apex_index(marks)] == marks.apex


def test_transition_frames_are_evenly_spread_in_each_phase():
    assert key_times(Marks(0, 3, 12)).tolist() == [0, 1, 2, 3, *(3 + 9 * i / 7 for i in range(1, 8))]


def test_the_nearest_frame_is_recorded_and_a_blend_is_between_two():
    ramp = (10 * np.arange(9, dtype=np.uint8))[:, None, None] * np.ones((9, 2, 2), np.uint8)
    marks = Marks(0, 4, 8)
    # At 0, 0.8, 1.6, 2.4, 3.2, 4 and the same again.
    assert recorded(ramp, marks)[:6, 0, 0].tolist() == [0, 10, 20, 20, 30, 40]
    assert blended(ramp, marks)[:6, 0, 0].tolist() == [0, 8, 16, 24, 32, 40]


def test_frames_are_synthesised_of_the_marked_ones_alone():
    ramp = (8 * np.arange(21, dtype=np.uint8))[:, None, None] * np.ones((21, 2, 2), np.uint8)
    other = ramp.copy()
    other[[place for place in range(21) if place not in (0, 10, 20)]] = 255
    marks = Marks(0, 10, 20)
    found = MAKERS["adaconv"](other, marks)
    assert np.array_equal(found, MAKERS["adaconv"](ramp, marks))
    # Four frames in eight parts: borders 2, 3, 5 and 6.
    assert found[:6, 0, 0].tolist() == [0, 20, 30, 50, 60, 80]


@pytest.mark.parametrize("count", range(1, 9))
def test_halving_goes_as_deep_as_the_frames_need(count):
    places, parts = dyadic_fractions(count)
    assert parts == 2 ** int(np.ceil(np.log2(count + 1)))
    assert 0 < places[0] <= places[-1] < parts
    assert np.abs(places / parts - np.arange(1, count + 1) / (count + 1)).max() <= 0.5 / parts


def test_every_frame_between_is_made_once():
    asked = []

    def between(one, other):
        asked.append(1)
        return (one + other) / 2

    synthesised(FRAMES, Marks(0, 0, 30), between)
    # Eight frames at borders of 16 parts, none needs more than the 15 there are.
    assert len(asked) <= 15


def test_marks_out_of_order_or_out_of_range_are_refused():
    for wrong in (Marks(3, 2, 5), Marks(0, 2, 31), Marks(-1, 2, 5)):
        with pytest.raises(DataError, match="in this order"):
            recorded(FRAMES, wrong)


@pytest.mark.parametrize("marks", MARKS)
def test_moved_marks_stay_in_order_and_within_two_frames(marks):
    config = MERSiamC3DConfig(jitter=2, jittered=30)
    moved = moved_marks(marks, len(FRAMES), config)
    assert len(moved) == 30
    for each in moved:
        each.checked(len(FRAMES))
        assert np.abs(np.subtract(each, marks)).max() <= 2
    assert moved == moved_marks(marks, len(FRAMES), config)


# Flow sequences


def texture(size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size].astype(float)
    return 128 + 50 * np.sin(x / 3.1) * np.sin(y / 3.7) + 30 * np.sin((x + y) / 5.3)


def test_a_still_clip_does_not_flow():
    still = np.repeat(texture().round().astype(np.uint8)[None], 11, axis=0)
    assert np.abs(flow_sequence(still)).max() < 1e-3


def test_a_step_of_one_pixel_to_the_right_is_u_of_one():
    wide = texture(80)
    frames = np.stack([wide[:64, 12 - t : 76 - t] for t in range(11)]).round().astype(np.uint8)
    u, v = flow_sequence(frames)[:, :, 12:-12, 12:-12]
    assert u.shape == (10, 40, 40)
    assert np.median(u) == pytest.approx(1.0, abs=0.1)
    assert np.median(v) == pytest.approx(0.0, abs=0.1)


def test_the_third_channel_is_the_length_of_the_flow():
    flow = np.random.default_rng(0).normal(size=(2, 10, 6, 5))
    u, v, m = as_input(flow, 1e3)
    np.testing.assert_allclose(m, np.sqrt(u**2 + v**2), rtol=1e-5)
    assert as_input(100 * flow, 1.0).max() == 3.0
    assert as_input(100 * flow, 1.0).min() == -3.0


def test_the_scale_is_a_percentile_over_all_training_clips():
    rng = np.random.default_rng(0)
    flows = [rng.normal(size=(2, 10, 8, 8)) for _ in range(3)]
    lengths = np.sqrt(np.square(np.stack(flows)).sum(axis=1)).ravel()
    assert flow_scale(flows) == pytest.approx(np.percentile(lengths, 99.5), rel=1e-5)
    assert flow_scale([np.zeros((2, 10, 8, 8))]) == 1.0


def test_mirrored_twice_is_the_same_and_once_turns_u():
    flow = np.random.default_rng(0).normal(size=(2, 10, 6, 5))
    assert np.array_equal(mirrored(mirrored(flow)), flow)
    assert np.array_equal(mirrored(flow)[0], -flow[0, ..., ::-1])
    assert np.array_equal(mirrored(flow)[1], flow[1, ..., ::-1])


def test_the_mirrored_flow_is_that_of_mirrored_frames():
    frames = np.stack([np.roll(texture(), t, axis=1) for t in range(11)]).round().astype(np.uint8)
    inside = (..., slice(14, -14), slice(14, -14))
    one, other = mirrored(flow_sequence(frames)), flow_sequence(np.ascontiguousarray(frames[:, :, ::-1]))
    np.testing.assert_allclose(one[inside], other[inside], atol=0.05)


@pytest.mark.parametrize(("down", "right"), [(0, 0), (2, -1), (-3, 2), (0, 4)])
def test_a_shift_moves_whole_pixels_and_lets_nothing_in(down, right):
    flow = np.random.default_rng(0).normal(size=(2, 1, 7, 6))
    moved = shifted(flow, down, right)
    for y in range(7):
        for x in range(6):
            there = 0 <= y - down < 7 and 0 <= x - right < 6
            expected = flow[:, 0, y - down, x - right] if there else 0
            assert np.array_equal(moved[:, 0, y, x], np.broadcast_to(expected, 2))


def test_a_training_clip_comes_in_all_versions_mirrored_and_stronger_or_weaker():
    versions = np.stack([np.full((2, 10, 4, 4), float(level)) for level in (1, 10)])
    rng = np.random.default_rng(0)
    seen = np.array([augmented(versions, rng, mirror=0.5, shift=0)[:, 0, 0, 0] for _ in range(400)])
    for level in (1, 10):
        of_it = seen[(seen[:, 1] > 0.7 * level) & (seen[:, 1] < 1.3 * level)]
        assert 120 < len(of_it) < 280
        assert 0.8 <= of_it[:, 1].min() / level < 0.85
        assert 1.2 < of_it[:, 1].max() / level <= 1.2501
        assert 0.3 < np.mean(of_it[:, 0] < 0) < 0.7


def test_training_sequences_are_scaled_and_batched():
    versions = [np.full((1, 2, 10, 4, 4), 2.0, np.float16) for _ in range(3)]
    clips = ClipSequences(versions, np.array([0, 1, 1]), scale=2.0, mirror=0.5, shift=0)
    batch = clips.batch(np.array([2, 0]), np.random.default_rng(0))
    assert batch.shape == (2, 3, 10, 4, 4)
    assert batch.dtype == torch.float32
    assert 0.8 <= float(batch[:, 1].min()) <= float(batch[:, 1].max()) <= 1.25


# From frames


@pytest.mark.parametrize("transition", ["nearest", "linear"])
def test_a_face_part_that_goes_down_flows_down_and_up_again(transition):
    clip = toy_clip(0, length=21)
    flow = made(transition=transition, size=64).step(clip).features[FLOW_FEATURE]
    assert flow.shape == (2, 2, 10, 64, 64)
    down = flow[0, 1].astype(float)[:, 12:24, 26:38].mean(axis=(1, 2))
    assert down[:5].sum() > 1
    assert down[5:].sum() < -1


def test_faces_come_with_neighbours_and_the_places_of_the_marks():
    frames = np.random.default_rng(0).integers(0, 256, (12, 40, 40)).astype(np.uint8)
    clip = Clip.from_array(frames, numbers=range(100, 112), onset=101, apex=105, offset=110)
    ready = made(transition="adaconv", size=40).step(clip)
    # One frame before the onset, as there is no more, and one behind the offset.
    assert np.array_equal(ready.features[FACES_FEATURE], frames)
    assert ready.features[MARKS_FEATURE].tolist() == [1, 5, 10]


def test_frames_outside_of_the_clip_have_no_influence_on_what_is_judged():
    frames = np.random.default_rng(0).integers(0, 256, (12, 40, 40)).astype(np.uint8)
    other = frames.copy()
    other[[0, 11]] = 0
    step = made(size=40, jittered=6).step
    one, two = (
        step(Clip.from_array(each, numbers=range(12), onset=1, apex=5, offset=10)).features[FLOW_FEATURE]
        for each in (frames, other)
    )
    assert np.array_equal(one[0], two[0])
    assert not np.array_equal(one[1:], two[1:])


@pytest.mark.parametrize("length", [1, 2, 3, 5, 30])
@pytest.mark.parametrize("transition", ["nearest", "linear", "adaconv"])
def test_a_clip_of_any_length_is_judged_and_told_of(fitted, transition, length):
    clip = replace(toy_clip(0, length=max(length, 2)), apex=None)
    if length == 1:
        clip = replace(clip, offset=10)
    recognizer = fitted[transition]
    assert np.allclose(recognizer.predict_proba([clip]).sum(), 1)
    told = recognizer.explain([clip])[0]
    assert len(told["key_frames"]) == 11
    assert told["key_frames"][0] == 10
    assert told["key_frames"][-1] == 9 + length
    assert (np.diff(told["key_frames"]) >= 0).all()


def test_it_tells_the_frames_that_it_saw(fitted):
    clip = toy_clip(0, length=12)
    times = fitted["linear"].explain([clip])[0]["key_frames"]
    near = fitted["nearest"].explain([clip])[0]["key_frames"]
    assert any(time % 1 for time in times)
    assert near == [float(np.ceil(time - 0.5)) for time in times]
    made_of = {name: model.explain([clip])[0]["synthesised"] for name, model in fitted.items()}
    assert made_of["nearest"] == []
    assert made_of["linear"] == [time for time in times if time % 1]
    assert made_of["adaconv"] == [time for at, time in enumerate(times) if at not in (0, 5, 10)]
    apex = made(transition="linear", flow="apex", epochs=1, prior="off").fit(CLIPS, LABELS, GROUPS)
    told = apex.explain([clip])[0]
    assert told["key_frames"] == [10.0, float(clip.apex)]
    assert told["apex_index"] == 1


@pytest.mark.parametrize("transition", ["linear", "adaconv"])
def test_features_of_another_size_are_refused(fitted, transition):
    other = made(transition=transition, size=32).step(toy_clip(0))
    with pytest.raises(DataError, match=r"clip0: mersiamc3d-.* of \(32, 32\) pixels"):
        fitted[transition].predict([other])


def test_a_single_frame_is_repeated_and_that_is_noted():
    clip = replace(toy_clip(0, length=2), apex=None, offset=10)
    ready = made(jitter=0).step(clip)
    assert np.abs(ready.features[FLOW_FEATURE]).max() < 1e-3
    assert "single frame" in ready.repairs[0]


def test_the_middle_can_stand_for_the_apex_so_that_key_frames_are_evenly_spread():
    clip = toy_clip(4, length=11)
    early = replace(clip, apex=clip.source.numbers[2])
    ready = made(apex="middle", transition="linear").step(early)
    assert ready.apex == clip.source.numbers[5]
    assert ready.repairs == clip.repairs
    late = made(apex="middle", transition="linear").step(replace(clip, apex=clip.source.numbers[8]))
    assert np.array_equal(ready.features[FLOW_FEATURE], late.features[FLOW_FEATURE])


def test_the_flow_from_onset_to_apex_can_stand_for_the_course():
    clip = toy_clip(0, length=11)
    steps, apex = (
        made(flow=flow, transition="nearest", jittered=0, size=64).step(clip).features[FLOW_FEATURE][0]
        for flow in ("steps", "apex")
    )
    assert steps.shape == apex.shape == (2, 10, 64, 64)
    assert np.array_equal(apex, apex[:, :1].repeat(10, axis=1))
    # What moved until the apex moved in steps, of which the key frames 0 to 5 are the ends.
    rise = steps[1, :5].astype(float).sum(axis=0)[12:24, 26:38].mean()
    assert apex[1, 0, 12:24, 26:38].mean() == pytest.approx(rise, rel=0.25)


def test_a_missing_apex_is_estimated_and_noted_or_refused():
    bare = replace(toy_clip(4, length=21), apex=None)
    ready = made(apex_finder="flow-regions").step(bare)
    assert ready.apex is not None
    assert "apex estimated from motion (flow-regions" in ready.repairs[0]
    with pytest.raises(AnnotationError, match="has no apex"):
        made(apex="annotated").step(bare)


# Two stages


@pytest.fixture(scope="module")
def fitted():
    torch.set_num_threads(1)
    return {
        transition: made(transition=transition, epochs=1, jittered=0).fit(CLIPS, LABELS, GROUPS)
        for transition in ("nearest", "linear", "adaconv")
    }


def motions(people: int, seed: int) -> tuple[list[np.ndarray], TrainingSet]:
    """Flow sequences of patches that go down and up again, in noise, over a drift of each person's own."""
    rng = np.random.default_rng(seed)
    flows, truth, subjects = [], [], []
    for who in range(people):
        drift = rng.normal(0, 1, (2, 1, 16, 16))
        for k in (0, 0, 1, 1, 2, 2):
            flow = drift + rng.normal(0, 0.5, (2, 10, 16, 16))
            row, column = ((2, 0), (10, 4), (10, 8))[k]
            patch = flow[1, :, row : row + 4, column : column + 4]
            patch += np.where(np.arange(10) < 5, 2, -2)[:, None, None]
            flows.append(flow[None])
            truth.append(k)
            subjects.append(f"{seed}/{who}")
    return flows, TrainingSet(np.arange(3), np.array(truth), np.array(subjects))


@pytest.mark.parametrize("prior", ["contrastive", "koch"])
def test_after_the_prior_stage_the_nearest_clip_of_other_people_is_more_often_of_the_same_class(prior):
    (flows, known), (others, unknown) = motions(6, 0), motions(10, 1)
    config = MERSiamC3DConfig(
        **{**TINY, "prior": prior, "prior_epochs": 5, "pairs": 96, "pair_batch": 16, "widths": (6, 8, 12, 16)}
    )
    torch.manual_seed(0)
    encoder = MERSiamC3D(MERSiamC3DSettings(widths=config.widths)).encoder

    def right() -> float:
        def encoded(of):
            given = as_tensor([as_input(each[0], 3.0) for each in of])
            with torch.inference_mode():
                return torch.nn.functional.normalize(encoder.eval()(given), dim=1)

        nearest = torch.cdist(encoded(others), encoded(flows)).argmin(dim=1)
        return float(np.mean(known.truth[nearest] == unknown.truth))

    before = right()
    clips = ClipSequences(flows, known.truth, scale=3.0, mirror=0.0, shift=0)
    losses = [row["loss"] for row in learn_prior(encoder, clips, known, config, FitContext())]
    assert losses[-1] < 0.5 * losses[0]
    assert before < 0.8
    assert right() > 0.95


def test_without_a_prior_stage_nothing_is_frozen():
    off = made(prior="off", epochs=1, frozen=1).fit(CLIPS, LABELS, GROUPS)
    assert off.prior_history_ == []
    start = off._new_network(0).encoder.stages[0][0].conv.weight
    assert not torch.equal(off.network_.encoder.stages[0][0].conv.weight, start)


def left_out(labels) -> float:
    """Accuracy over people, each with a face of their own, judged by what was learnt from the others."""
    clips = [toy_clip(number, texture=number // 6) for number in range(18)]
    right = []
    for who in sorted(set(GROUPS)):
        known = [row for row in range(18) if GROUPS[row] != who]
        recognizer = made().fit(
            [clips[row] for row in known], [labels[row] for row in known], [GROUPS[row] for row in known]
        )
        unknown = [row for row in range(18) if GROUPS[row] == who]
        right += (recognizer.predict([clips[row] for row in unknown]) == labels[unknown]).tolist()
    return float(np.mean(right))


def test_other_people_are_told_by_their_motion_and_shuffled_labels_are_not():
    assert left_out(np.array(LABELS)) > 0.95
    rng = np.random.default_rng(0)
    assert np.mean([left_out(rng.permutation(LABELS)) for _ in range(3)]) < 0.45


def test_the_target_stage_begins_with_the_encoder_of_the_prior_stage_and_a_new_head(monkeypatch):
    from merkit.methods.mersiamc3d import prior

    left, begun, original = [], [], prior.learn_prior

    def copied(part):
        return {name: value.clone() for name, value in part.state_dict().items()}

    def watched(encoder, *given):
        found = original(encoder, *given)
        left.append(copied(encoder))
        return found

    monkeypatch.setattr(prior, "learn_prior", watched)
    monkeypatch.setattr(
        MERSiamC3DRecognizer, "_before_epoch", lambda self, epoch, network: begun.append(copied(network))
    )
    recognizer = made(epochs=1).fit(CLIPS, LABELS, GROUPS)
    new = copied(recognizer._new_network(0))
    for name, value in new.items():
        of_encoder = name.removeprefix("encoder.")
        expected = value if of_encoder == name else left[0][of_encoder]
        assert torch.equal(begun[0][name], expected), name
    # It has learnt something in every stage that could have been lost.
    for number in range(4):
        name = f"stages.{number}.0.conv.weight"
        assert not torch.equal(left[0][name], new[f"encoder.{name}"])


def test_the_first_stages_stay_as_the_prior_stage_left_them_while_frozen(monkeypatch):
    from merkit.methods.mersiamc3d import prior

    states, left, first = [], [], []
    original = prior.learn_prior

    def stages(encoder):
        return {
            k: v.clone() for k, v in encoder.state_dict().items() if k.startswith(("stages.0", "stages.1"))
        }

    def watched(encoder, *given):
        first.append(stages(encoder))
        found = original(encoder, *given)
        left.append(stages(encoder))
        return found

    monkeypatch.setattr(prior, "learn_prior", watched)
    recognizer = made(epochs=4, frozen=3)
    look = FitContext(on_epoch=lambda epoch, ask: states.append(stages(recognizer.network_.encoder)))
    recognizer.fit(CLIPS, LABELS, GROUPS, context=look)
    changed = "stages.0.0.conv.weight"
    assert not torch.equal(first[0][changed], left[0][changed])
    for epoch in range(3):
        assert all(torch.equal(states[epoch][key], left[0][key]) for key in left[0])
    assert not torch.equal(states[3][changed], left[0][changed])
    # Whatever was frozen can be learnt on from.
    assert all(part.requires_grad for part in recognizer.network_.parameters())


@pytest.mark.parametrize("at", [("prior", 6), ("target", 6)])
def test_both_stages_are_named_and_kept_and_go_on_where_they_stopped(at, tmp_path):
    class Stopped(Exception):
        pass

    def stop(done, total, stage):
        if (stage, done) == at:
            raise Stopped

    settings = {"epochs": 7, "prior_epochs": 7, "frozen": 7}
    straight = made(**settings).fit(CLIPS, LABELS, GROUPS)
    with pytest.raises(Stopped):
        made(**settings).fit(
            CLIPS, LABELS, GROUPS, context=FitContext(checkpoint_dir=tmp_path, on_progress=stop)
        )
    seen = []
    resumed = made(**settings).fit(
        CLIPS,
        LABELS,
        GROUPS,
        context=FitContext(checkpoint_dir=tmp_path, on_progress=lambda *told: seen.append(told)),
    )
    # A state is kept after every fifth epoch.
    assert seen[0] == (6, 7, at[0])
    assert {path.name for path in tmp_path.iterdir()} == {"prior.pt", "target.pt"}
    mine, theirs = straight.network_.state_dict(), resumed.network_.state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)


def test_the_scale_and_alpha_are_those_of_the_training_clips_alone():
    recognizer = made(epochs=1).fit(CLIPS[:12], LABELS[:12], GROUPS[:12])
    flows = [recognizer.step(clip).features[FLOW_FEATURE][0] for clip in CLIPS[:12]]
    assert recognizer.scale_ == pytest.approx(flow_scale(flows))
    rare = [row for row in range(18) if LABELS[row] != "surprise" or row < 6]
    counts = np.unique([LABELS[row] for row in rare], return_counts=True)[1]
    for alpha in ("sqrt", "inverse", 0.25):
        skewed = made(epochs=1, prior="off", alpha=alpha)
        skewed.fit([CLIPS[row] for row in rare], [LABELS[row] for row in rare], [GROUPS[row] for row in rare])
        assert np.array_equal(skewed.alpha_, alpha_of(alpha, counts))


def test_pairs_are_of_training_clips_alone_also_with_an_inner_selection(monkeypatch):
    from merkit.methods.mersiamc3d import prior

    seen = []

    class Watched(prior.PairSampler):
        def __init__(self, truth, subjects, across):
            seen.append(set(subjects.tolist()))
            super().__init__(truth, subjects, across)

    monkeypatch.setattr(prior, "PairSampler", Watched)
    made(epochs=1, prior_epochs=1, select="inner").fit(CLIPS, LABELS, GROUPS)
    # A third of the three people is held out for the selection, and is in no pair either.
    assert [len(people) for people in seen] == [2]


def test_the_loss_of_the_target_stage_weighs_by_alpha_and_focuses():
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    log_p = torch.log_softmax(logits, dim=1)
    easy, hard = float(log_p[0, 0]), float(log_p[1, 1])
    for gamma in (0.0, 2.0):
        recognizer = made(gamma=gamma)
        recognizer.alpha_ = np.array([0.5, 2.0], np.float32)
        loss = recognizer._loss()(lambda given: given, logits, torch.tensor([0, 1]), None)["loss"]
        terms = (0.5 * (1 - np.exp(easy)) ** gamma * easy, 2 * (1 - np.exp(hard)) ** gamma * hard)
        assert float(loss) == pytest.approx(-sum(terms) / 2)


def test_alpha_is_chosen_in_inner_folds_that_see_training_subjects_alone(tmp_path):
    told = []
    recognizer = made(alpha="cv", epochs=1, prior_epochs=1, pairs=32)
    context = FitContext(checkpoint_dir=tmp_path, on_progress=lambda *each: told.append(each))
    recognizer.fit(CLIPS, LABELS, GROUPS, context=context)
    assert list(recognizer.alpha_scores_) == list(ALPHA_GRID)
    best = max(recognizer.alpha_scores_.values())
    chosen = next(alpha for alpha, score in recognizer.alpha_scores_.items() if score == best)
    assert np.array_equal(recognizer.alpha_, alpha_of(chosen, [6, 6, 6]))
    # Three people make three inner folds.
    assert [each for each in told if each[2] == "alpha"] == [(fold, 3, "alpha") for fold in (1, 2, 3)]
    assert (tmp_path / "alpha2" / "prior.pt").is_file()
    assert (tmp_path / "alpha2" / str(len(ALPHA_GRID) - 1) / "target.pt").is_file()


def test_inner_folds_take_their_own_prior_stage_scale_and_clips(monkeypatch):
    seen = []
    original = MERSiamC3DRecognizer._try_alphas

    def watched(self, clips, known, others, context, start):
        seen.append(
            ({clip.subject for clip in clips}, {clip.subject for clip in others}, set(known.subjects))
        )
        return original(self, clips, known, others, context, start)

    monkeypatch.setattr(MERSiamC3DRecognizer, "_try_alphas", watched)
    made(alpha="cv", epochs=1, prior="off").fit(CLIPS[:12], LABELS[:12], GROUPS[:12])
    assert len(seen) == 2
    for learnt, held_out, groups in seen:
        assert not learnt & held_out
        assert groups == {f"toy/{name}" for name in learnt}


# Interpolation


def test_the_interpolator_is_learnt_from_training_clips_and_saved(fitted, tmp_path):
    recognizer = fitted["adaconv"]
    recognizer.save(tmp_path)
    loaded = MERSiamC3DRecognizer.load(tmp_path)
    assert np.array_equal(loaded.predict_proba(CLIPS[:3]), recognizer.predict_proba(CLIPS[:3]))
    there = pickle.loads(pickle.dumps(recognizer))
    assert np.array_equal(there.predict_proba(CLIPS[:3]), recognizer.predict_proba(CLIPS[:3]))
    fewer = made(transition="adaconv", epochs=1, jittered=0, prior="off")
    fewer.fit(CLIPS[3:9], LABELS[3:9], GROUPS[3:9])
    mine, theirs = recognizer.interpolator_.state_dict(), fewer.interpolator_.state_dict()
    assert any(not torch.equal(mine[key], theirs[key]) for key in mine)


def test_an_interpolator_that_is_shared_is_not_learnt_again(fitted):
    shared = fitted["adaconv"].interpolator_
    recognizer = made(transition="adaconv", epochs=1, prior="off", jittered=0)
    context = FitContext(artifacts={INTERPOLATOR: {"network": shared, "trained_subjects": GROUPS}})
    recognizer.fit(CLIPS[3:9], LABELS[3:9], GROUPS[3:9], context=context)
    assert recognizer.interpolator_ is shared


def test_a_training_does_not_go_on_with_another_shared_interpolator(fitted, tmp_path):
    def fit(seed: int):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = Interpolator()
        artifacts = {INTERPOLATOR: {"network": network.eval(), "trained_subjects": GROUPS}}
        recognizer = made(transition="adaconv", epochs=1, prior="off", jittered=0)
        context = FitContext(artifacts=artifacts, checkpoint_dir=tmp_path)
        return recognizer.fit(CLIPS[3:9], LABELS[3:9], GROUPS[3:9], context=context)

    fit(1)
    fit(1)
    with pytest.raises(DataError, match="is of another training"):
        fit(2)


def test_key_frames_of_another_interpolator_are_made_anew():
    recognizer = made(transition="adaconv", epochs=1, prior="off", jittered=0, interpolation_rate=0.3)
    recognizer.fit(CLIPS[3:9], LABELS[3:9], GROUPS[3:9])
    ready = recognizer.step.once(CLIPS[3])
    first = recognizer._flow(ready)
    recognizer.fit(CLIPS[3:9], LABELS[3:9], GROUPS[3:9], context=FitContext(seed=1))
    assert not np.array_equal(recognizer._flow(ready), first)


def test_jittered_versions_of_a_training_clip_are_synthesised_too(fitted):
    ready = fitted["adaconv"].step.once(CLIPS[0])
    more = MERSiamC3DRecognizer(replace(fitted["adaconv"].config, jittered=1))
    more.interpolator_ = fitted["adaconv"].interpolator_
    versions = more._versions(ready)
    assert versions.shape == (2, 2, 10, 24, 24)
    assert np.array_equal(versions[0], fitted["adaconv"]._flow(ready))
    assert not np.array_equal(versions[1], versions[0])


def drifting(seed: int, length: int = 24, size: int = 32) -> np.ndarray:
    """A texture that drifts by up to a third of a pixel a frame."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size].astype(float)
    phase, (right, down) = rng.uniform(0, 6, 4), rng.uniform(-0.35, 0.35, 2)
    frames = []
    for t in range(length):
        a, b = x - right * t, y - down * t
        waves = 45 * np.sin(a / 2.2 + phase[0]) * np.sin(b / 2.6 + phase[1]) + 35 * np.sin(
            (a + b) / 3 + phase[2]
        )
        frames.append(128 + waves + 20 * np.sin((a - b) / 2 + phase[3]))
    return np.clip(frames, 0, 255).round().astype(np.uint8)


def decibels(errors: list[np.ndarray]) -> float:
    return float(-10 * np.log10(np.mean(np.square(errors))))


@pytest.mark.slow
def test_a_learnt_interpolator_beats_the_mean_and_keeps_what_stands_still():
    known, unknown = (
        [drifting(seed) for seed in range(12)],
        [drifting(seed) / 255 for seed in range(100, 110)],
    )
    config = MERSiamC3DConfig(interpolation_epochs=9, triplets=160, triplet_batch=8, interpolation_rate=5e-3)
    between = learn_interpolator(known, config, FitContext()).between
    for step in range(4, 9):
        ends = [(clip[12 - step], clip[12 + step], clip[12]) for clip in unknown]
        learnt = decibels([between(one, other) - middle for one, other, middle in ends])
        assert learnt > decibels([(one + other) / 2 - middle for one, other, middle in ends]), step
    assert decibels([between(clip[12], clip[12]) - clip[12] for clip in unknown]) >= 40


# Judging and settings


def test_a_clip_is_judged_once_or_with_its_mirror_image(fitted):
    recognizer = fitted["linear"]
    ready = recognizer.step.once(CLIPS[0])
    plain = recognizer._given(ready)
    both = MERSiamC3DRecognizer(replace(recognizer.config, views="flipped"))
    both.scale_ = recognizer.scale_
    given = both._given(ready)
    assert plain.shape == (1, 3, 10, 24, 24)
    assert torch.equal(given[:1], plain)
    assert torch.equal(given[1, 0], -plain[0, 0].flip(-1))
    assert torch.equal(given[1, 1:], plain[0, 1:].flip(-1))


def test_published_settings_are_those_of_the_specification():
    config = MERSiamC3DConfig()
    target, prior, between = config.stage, config.prior_stage, config.interpolation_stage
    assert (target.name, prior.name, between.name) == ("target", "prior", "interpolation")
    assert (target.epochs, target.batch, target.optimiser, target.weight_decay) == (60, 16, "adam", 1e-4)
    assert (prior.epochs, prior.batch, prior.optimiser, prior.weight_decay) == (30, 32, "adam", 1e-4)
    assert (between.epochs, between.batch, between.optimiser) == (20, 16, "adam")
    assert target.clip_norm == prior.clip_norm == 5.0
    assert target.schedule(1) == prior.schedule(1) == 1e-3
    assert target.schedule(61) == pytest.approx(1e-5)
    assert (config.pairs, config.triplets, config.frozen, config.gamma) == (4000, 2000, 10, 2.0)
    assert (config.transition, config.size, config.alpha) == ("adaconv", 112, "sqrt")
    assert (config.prior, config.across, config.embedding, config.views) == ("contrastive", 0.5, 128, "plain")
    assert (config.dropout, config.hidden, config.encoder_rate) == (0.5, 128, 0.1)
    assert (config.mirror, config.shift, config.jitter, config.jittered) == (0.5, 4, 2, 2)
    assert (config.flow, config.apex, config.head) == ("steps", "auto", "keep")


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": "squared"},
        {"alpha": 0},
        {"transition": "cubic"},
        {"size": 60},
        {"pairs": 31},
        {"prior": "triplet"},
        {"across": 1.5},
        {"prior_epochs": 0},
        {"interpolation_epochs": 0},
        {"apex_finder": "eye"},
        {"views": "all"},
        {"shift": 24},
        {"interpolation_rate": "slow"},
    ],
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        made(**settings)


def test_two_corrections_of_the_balance_at_once_are_refused():
    with pytest.raises(ConfigError, match="two corrections at once"):
        made(balance="oversample")
    assert made(balance="weights", alpha="equal").stage.balance == "weights"


def test_frames_are_synthesised_from_a_native_tree_to_metrics(tmp_path, monkeypatch):
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path / "cache"))
    tree = write_tree("casme2", tmp_path / "casme2", clips=12, size=48)
    settings = [
        "size=24", "widths=[4,4,4,4]", "prior_epochs=1", "pairs=8", "jittered=0", "face=whole", "head=keep",
        "transition=adaconv", "interpolation_epochs=1", "triplets=4", "epochs=1",
    ]  # fmt: skip
    status = main(
        ["evaluate", "mersiamc3d", "--config", "small", "--data", f"casme2={tree}", "--protocol",
         "casme2-4class-2fold", "--engine", "serial", "-o", str(tmp_path / "run"),
         *(word for setting in settings for word in ("--set", setting))]
    )  # fmt: skip
    assert status == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text("utf-8"))["leak_free"]
