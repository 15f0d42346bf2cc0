"""What STRCN and AKMNet recognizers do of their own: inputs from frames, augmentation, statistics by fold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_recognizers import CLIPS, GROUPS, LABELS, made, toy_clip

from merkit.clips import Clip
from merkit.errors import AnnotationError, ConfigError, DataError
from merkit.methods import FitContext, create_network, create_recognizer, list_networks
from merkit.methods.akmnet.config import FEATURE, AKMNetConfig
from merkit.methods.akmnet.recognizer import _Examples, as_input, cropped
from merkit.methods.strcn.appearance import AUGMENTATIONS
from merkit.methods.strcn.config import FLOW_FEATURE, FRAMES_FEATURE
from merkit.methods.strcn.geometric import ALPHAS, at_alpha
from merkit.methods.strcn.mask import key_regions, motion_energy
from merkit.methods.strcn.recognizer import _drawn

PUBLISHED = {"strcn-g": (1, 2, 300, 245), "strcn-a": (1, 1, 700, 30), "akmnet": (1, 1, 2, 128, 128)}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_network_judges_an_example(name):
    network = create_network(name).eval()
    with torch.inference_mode():
        out = network(torch.rand(PUBLISHED[name]))
    logits = getattr(out, "logits", out)
    assert logits.shape == (1, 4)
    assert bool(torch.isfinite(logits).all())


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_network_learns_from_an_example(name):
    network = create_network(name)
    out = network(torch.rand((2, *PUBLISHED[name][1:]) if name != "akmnet" else PUBLISHED[name]))
    getattr(out, "logits", out).sum().backward()
    assert all(part.grad is not None for part in network.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", list_networks())
def test_a_gpu_learns_the_toy_and_is_judged_alike_on_the_processor(name, tmp_path):
    recognizer = made(name).fit(CLIPS, LABELS, GROUPS, context=FitContext(device="cuda"))
    recognizer.save(tmp_path)
    there = recognizer.predict_proba(CLIPS)
    here = type(recognizer).load(tmp_path).predict_proba(CLIPS)
    np.testing.assert_allclose(here, there, atol=1e-3)


# STRCN-G


def test_a_still_clip_has_no_flow_and_is_judged_all_the_same():
    still = replace(CLIPS[0], source=Clip.from_array(np.repeat(CLIPS[0].frames[:1], 9, axis=0)).source)
    still = replace(still, onset=None, apex=4, offset=None)
    ready = made("strcn-g").step(still)
    assert np.abs(ready.features[FLOW_FEATURE]).max() < 1e-3


@pytest.mark.parametrize("flow", ["tvl1", "dis"])
def test_a_face_that_goes_down_flows_down(flow):
    frames = CLIPS[0].frames
    moved = np.stack([frames[0], np.roll(frames[0], 1, axis=0), frames[0]])
    clip = Clip.from_array(moved, fps=100.0, apex=1)
    step = made("strcn-g", shape=(72, 64), flow=flow).step
    u, v = step(clip).features[FLOW_FEATURE][:, 20:-20, 20:-20]
    assert np.median(v) == pytest.approx(1.0, abs=0.15)
    assert np.median(u) == pytest.approx(0.0, abs=0.1)


def test_a_missing_apex_is_estimated_and_noted_or_refused():
    bare = replace(toy_clip(4, length=21), apex=None)
    ready = made("strcn-g").step(bare)
    assert ready.apex is not None
    assert "apex estimated from motion (strcn" in ready.repairs[0]
    with pytest.raises(AnnotationError, match="has no apex"):
        made("strcn-g", apex="annotated").step(bare)


def test_magnified_frames_flow_further_the_more_they_are_magnified():
    clip = toy_clip(4, length=21, px=0.3)
    step = made("strcn-g", magnify="evm").step
    flows = step(clip).features[FLOW_FEATURE].astype(float)
    assert flows.shape == (8, 2, 72, 68)
    lengths = [np.percentile(np.hypot(*flow), 95) for flow in flows]
    assert lengths[0] < lengths[3] < lengths[7]
    assert lengths[7] > 1.3 * lengths[0]


def test_a_training_flow_comes_at_all_magnifications_and_a_test_flow_at_the_reference():
    flow = np.ones((2, 4, 4), np.float32)
    assert np.allclose(at_alpha(flow, 8), flow)
    assert np.allclose(at_alpha(flow, 5), flow * 6 / 9)
    measured = np.arange(8, dtype=np.float16)[:, None, None, None] * np.ones((8, 2, 4, 4), np.float16)
    assert [float(at_alpha(measured, alpha).max()) for alpha in ALPHAS] == list(range(8))
    recognizer = made("strcn-g")
    ready = recognizer.step(CLIPS[0])
    assert np.allclose(recognizer._given(ready)[0], ready.features[FLOW_FEATURE])
    assert made("strcn-g", views="mean")._given(ready).shape == (8, 2, 72, 68)


@pytest.mark.parametrize("kinds", [len(ALPHAS), len(AUGMENTATIONS)])
def test_as_many_copies_as_kinds_are_each_kind_once(kinds):
    rng = np.random.default_rng(0)
    assert sorted(_drawn(row, kinds, kinds, rng) for row in range(3 * kinds, 4 * kinds)) == list(range(kinds))
    assert len({_drawn(7, 1, kinds, rng) for _ in range(20 * kinds)}) == kinds


def test_published_maps_are_learnt_without_frames():
    rng = np.random.default_rng(0)

    def mapped(number: int, gain: float) -> Clip:
        flow = rng.normal(0, 0.3, (28, 28, 2))
        flow[9 * (number % 3) : 9 * (number % 3) + 9, 8:20, 1] += 2
        frames = np.zeros((2, 8, 8), np.uint8)
        return Clip.from_array(frames, id=f"m{number}", features={"flow_map": gain * flow})

    clips = [mapped(number, 1.0) for number in range(18)]
    recognizer = create_recognizer("strcn-g", config="map28", epochs=15, width=8, rate=0.01)
    assert recognizer.requires == ("flow_map",)
    assert recognizer.step is None
    recognizer.fit(clips, LABELS, GROUPS)
    assert np.mean(recognizer.predict(clips) == LABELS) > 0.9
    # The amplitude of a published map is not known, so it must not matter.
    louder = [replace(clip, features={"flow_map": 7 * clip.features["flow_map"] + 3}) for clip in clips]
    np.testing.assert_allclose(recognizer.predict_proba(louder), recognizer.predict_proba(clips), atol=1e-4)
    with pytest.raises(DataError, match="carries none: given='flow_map' needs a flow map"):
        recognizer.predict_proba(CLIPS[:1])


# STRCN-A


def test_key_regions_are_those_of_the_training_clips_alone():
    recognizer = made("strcn-a", epochs=1).fit(CLIPS[:12], LABELS[:12], GROUPS[:12])
    step = recognizer.step
    energies = [motion_energy(step(clip).features[FRAMES_FEATURE]) for clip in CLIPS]
    assert np.array_equal(recognizer.mask_, key_regions(energies[:12]))
    recognizer.predict_proba(CLIPS[12:13])
    assert np.array_equal(recognizer.mask_, key_regions(energies[:12]))


def test_a_clip_of_any_length_is_a_matrix_of_thirty_columns():
    recognizer = made("strcn-a", epochs=1).fit(CLIPS, LABELS, GROUPS)
    for length in (2, 9, 30, 70):
        given = recognizer._given(recognizer.step(toy_clip(0, length=length)))
        assert given.shape == (1, 1, int(recognizer.mask_.sum()), 30)


def test_the_difference_is_to_the_first_frame():
    plain = made("strcn-a", epochs=1, difference=False).fit(CLIPS, LABELS, GROUPS)
    different = made("strcn-a", epochs=1, difference=True).fit(CLIPS, LABELS, GROUPS)
    frames = plain.step(CLIPS[0]).features[FRAMES_FEATURE]
    whole = plain._matrix(frames)
    assert np.allclose(different._matrix(frames), whole - whole[:, :1])


# AKMNet


def test_a_clip_of_any_length_is_judged_and_told_of():
    recognizer = made("akmnet", epochs=1).fit(CLIPS, LABELS, GROUPS)
    for length in (1, 2, 9, 40):
        clip = replace(toy_clip(0, length=max(length, 2)), apex=None)
        if length == 1:
            clip = replace(clip, offset=10)
        told = recognizer.explain([clip])[0]
        assert len(told["frames"]) == len(told["scores"]) == length
        assert 1 <= len(told["key_frames"]) <= length


def test_magnification_needs_a_rate_and_makes_motion_larger():
    clip = toy_clip(4, length=21)
    plain, larger = (
        made("akmnet", alpha=alpha).step(clip).features[FEATURE].astype(float) for alpha in (0, 4)
    )
    assert plain.shape == (21, 64, 64)
    assert np.abs(larger[10] - larger[0]).mean() > 2 * np.abs(plain[10] - plain[0]).mean()
    with pytest.raises(DataError, match="has no frame rate"):
        made("akmnet", alpha=4).step(replace(clip, fps=None))


def test_all_frames_of_a_clip_are_cropped_at_the_same_place():
    ramp = torch.arange(64.0).repeat(3, 64, 1)[None, None]
    found = cropped(ramp, np.random.default_rng(1))
    assert found.shape == ramp.shape
    assert torch.equal(found[0, 0, 0], found[0, 0, 2])
    # An eighth larger: nine pixels there are eight here.
    assert float(found[0, 0, 0, 0, 40] - found[0, 0, 0, 0, 4]) == pytest.approx(36 * 8 / 9, abs=0.1)


def test_a_training_clip_is_mirrored_whole():
    faces = np.random.default_rng(0).integers(0, 256, (5, 64, 64)).astype(np.uint8)
    plain, mirrored = (
        _Examples([faces], np.zeros(1, np.intp), AKMNetConfig(size=64, crop=0.0, mirror=share)).batch(
            np.zeros(1, np.intp), np.random.default_rng(0)
        )[0]
        for share in (0.0, 1.0)
    )
    assert torch.equal(mirrored, plain.flip(-1))


def test_variants_are_given_their_frames():
    faces = np.random.default_rng(0).integers(0, 256, (20, 64, 64)).astype(np.uint8)
    rng = np.random.default_rng(0)
    assert as_input(faces, AKMNetConfig()).shape == (1, 1, 20, 128 // 2, 64)
    assert as_input(faces, AKMNetConfig(variant="va-random", share=0.3), rng).shape[2] == 6
    assert as_input(faces, AKMNetConfig(variant="va-norm", count=16)).shape[2] == 16
    assert float(as_input(faces, AKMNetConfig()).max()) <= 1
    assert not as_input(faces, AKMNetConfig(difference=True))[0, 0, 0].any()


def test_the_losses_on_the_choice_are_left_out_where_nothing_is_chosen():
    mining, plain = (made("akmnet", epochs=1, variant=variant) for variant in ("s123", "va-all"))
    for recognizer in (mining, plain):
        recognizer.fit(CLIPS, LABELS, GROUPS)
    assert mining.history_[0]["loss"] > mining.history_[0]["classification"] + 1
    assert plain.history_[0]["loss"] == pytest.approx(plain.history_[0]["classification"])


def test_classes_are_brought_to_the_same_number():
    rare = [clip for clip in CLIPS if clip.emotion != "surprise" or clip.id in ("clip2", "clip8")]
    stage = made("akmnet").stage
    assert stage.balance == "oversample"
    recognizer = made("akmnet", epochs=1)
    recognizer.fit(rare, [clip.emotion for clip in rare], [clip.subject for clip in rare])
    assert recognizer.classes_.tolist() == ["negative", "positive", "surprise"]


def test_clips_go_through_together_in_divisors_of_a_step():
    with pytest.raises(ConfigError, match="divisor of accumulate=8"):
        made("akmnet", together=3)
    assert made("akmnet", together=1).stage.accumulate == 8
    assert made("akmnet", together=8).stage.accumulate == 1
