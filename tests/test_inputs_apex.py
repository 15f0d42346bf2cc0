"""The apex: taken from the annotation where it can be, found in motion where not, and always said which."""

from __future__ import annotations

import numpy as np
import pytest
from filmed import photograph, portrait

from merkit.clips import Clip
from merkit.errors import AnnotationError, ConfigError, DataError
from merkit.inputs.aligned import FLOW_CROP, aligned_face
from merkit.inputs.apex import apex_of, find_apex, with_apex
from merkit.simulate import FaceState, HeadPose, Movement

FPS, ONSET, APEX, LAST = 50, 100, 106, 116


def course(frame: int) -> float:
    """Up by a raised cosine from frame 0 to the apex, down again to the last frame."""
    top, end = APEX - ONSET, LAST - ONSET
    part = frame / top if frame <= top else (end - frame) / (end - top)
    return 0.5 - 0.5 * np.cos(np.pi * part)


def film(action_units: str, px: float, noise: float = 2.0, blink: int | None = None, seed: int = 0) -> Clip:
    field = portrait().field(action_units)
    states = []
    for t in range(LAST - ONSET + 1):
        closed = 0.0 if blink is None else max(0.0, 1 - abs(t - blink) / 2.5)
        head = HeadPose(0.8 * np.sin(t / 5), 0.5 * np.sin(t / 7), 0.15 * np.sin(t / 6))
        states.append(FaceState((Movement(field, px * course(t)),) if t else (), (closed, closed), head))
    return Clip.from_array(
        np.stack(photograph(states, noise=noise, seed=seed)), fps=FPS, numbers=range(ONSET, LAST + 1),
        onset=ONSET, offset=LAST, id="s1_po_01", subject="s1", dataset="smic-hs",
    )  # fmt: skip


@pytest.fixture(scope="module")
def smile() -> Clip:
    return film("AU12", 1.5)


@pytest.mark.parametrize("action_units", ["AU12", "AU4", "AU1+2"])
def test_the_apex_is_found_in_noise_and_sway(action_units):
    found = apex_of(film(action_units, 1.5)).number
    assert abs(found - APEX) <= 1


@pytest.mark.parametrize("blink", [1, 10, 13])
def test_a_blink_is_not_taken_for_the_apex(blink):
    # The lids move several pixels, the brows less than one.
    assert abs(apex_of(film("AU4", 0.7, noise=1.0, blink=blink)).number - APEX) <= 1


def test_flow_alone_is_enough():
    rng = np.random.default_rng(0)
    pattern = rng.normal(size=(30, 20, 2))
    strength = np.array([course(t) for t in range(LAST - ONSET + 1)])
    flow = strength[:, None, None, None] * pattern + rng.normal(scale=0.5, size=(17, 30, 20, 2))
    found = find_apex(flow, fps=FPS)
    assert abs(found - (APEX - ONSET)) <= 1  # smoothing draws it towards the slower side
    assert find_apex(-flow, fps=FPS) == find_apex((1000 * flow).astype(np.float32), fps=FPS) == found


def test_crops_alone_and_an_aligned_face_are_both_looked_at(smile):
    face = aligned_face(smile, FLOW_CROP, colour="grey")
    assert abs(find_apex(face, fps=FPS) - (APEX - ONSET)) <= 1
    assert abs(find_apex(face.frames, fps=FPS) - (APEX - ONSET)) <= 1


def test_the_first_frame_is_never_the_apex():
    flow = np.zeros((4, 16, 16, 2))
    assert find_apex(flow) >= 1


def test_an_estimated_apex_is_marked_and_an_annotated_one_left_alone(smile):
    marked = with_apex(smile)
    assert marked.apex == apex_of(smile).number
    (line,) = marked.repairs
    assert line == f"apex estimated from motion (course; none is annotated): frame {marked.apex}"
    annotated = Clip(**{**vars(smile), "apex": 103})
    assert with_apex(annotated) is annotated
    assert (apex_of(annotated).number, apex_of(annotated).origin) == (103, "annotated")
    asked = with_apex(annotated, "estimated")
    assert abs(asked.apex - APEX) <= 1
    assert "as asked for" in asked.repairs[0]


@pytest.mark.parametrize(
    ("apex", "why"),
    [(None, "none is annotated"), (ONSET, "is the onset"), (105.0, "is not among the frames")],
)
def test_an_apex_that_cannot_be_is_estimated_or_refused(smile, apex, why):
    # Frame 105 is taken out of the clip that is annotated with it.
    frames = smile.source.read(0, len(smile.source))
    keep = [t for t in range(len(frames)) if apex != 105.0 or t != 105 - ONSET]
    clip = Clip.from_array(
        frames[keep], fps=FPS, numbers=[ONSET + t for t in keep], onset=ONSET, apex=apex, offset=LAST, id="c7"
    )
    found = apex_of(clip)
    assert found.origin == "estimated"
    assert why in found.note
    assert abs(found.number - APEX) <= 2
    with pytest.raises(AnnotationError, match=f"clip 'c7' has no apex: .*{why}; leave the clip out"):
        apex_of(clip, "annotated")


def test_what_lies_outside_of_onset_and_offset_is_not_looked_at(smile):
    frames = smile.source.read(0, len(smile.source))
    wide = Clip.from_array(
        np.concatenate([frames[8:3:-1], frames, frames[3:9]]), fps=FPS, numbers=range(95, 123),
        onset=ONSET, offset=LAST,
    )  # fmt: skip
    assert apex_of(wide).number == apex_of(smile).number


def test_a_blind_clip_gives_the_same(smile):
    assert apex_of(smile.blind()) == apex_of(smile)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: find_apex(np.zeros((1, 16, 16), np.uint8)), DataError, "1 frame"),
        (lambda: find_apex(np.zeros((3, 16, 16))), DataError, r"flow of shape \(3, 16, 16\)"),
        (lambda: find_apex(np.zeros((3, 16, 16), np.int32)), DataError, "int32"),
        (lambda: find_apex(np.zeros((3, 16, 16, 2)), "flo"), ConfigError, r"did you mean 'flow'"),
        (lambda: apex_of(Clip.from_array(np.zeros((3, 8, 8), np.uint8)), "guess"), ConfigError, "'guess'"),
        (lambda: apex_of(Clip.from_array(np.zeros((1, 8, 8), np.uint8), id="c")), DataError, "clip 'c'.*one"),
    ],
)
def test_wrong_input_is_refused_in_one_line(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
