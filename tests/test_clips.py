"""Clips: which frames an annotation means, what blinding hides, and that nothing is read too early."""

from __future__ import annotations

import pickle
import zlib

import media
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkit.clips import Clip
from merkit.errors import AnnotationError, ConfigError, DataError, VideoError
from merkit.video.sources import ArrayFrames, FolderFrames, VideoFrames

PIXELS = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5)


def numbers_in(frames) -> list[int]:
    return [media.read_number(frame if frame.ndim == 2 else frame[:, :, 1]) for frame in frames]


@pytest.fixture
def folder(tmp_path):
    """Frames numbered 46, 47, 48, 49, 100 that show 0 to 4; the folder's name gives the label away."""
    names = ["reg_img46.png", "reg_img47.png", "reg_img48.png", "reg_img49.png", "reg_img100.png"]
    return media.write_images(tmp_path / "s01_happy_01", names)


def test_annotated_numbers_are_found_by_file_name(folder):
    clip = Clip.from_folder(folder, 200, onset=47, apex=48, offset=100)
    assert clip.index(46) == 0
    assert clip.index(100) == 4
    assert numbers_in(clip.frames) == [1, 2, 3, 4]
    assert numbers_in(clip.window(46, 48)) == [0, 1, 2]
    assert numbers_in([clip.frame(48)]) == [2]
    assert clip.id == "s01_happy_01"
    assert clip.n_frames == 4
    assert clip.duration == pytest.approx(0.02)
    assert clip.frames.shape == (4, 64, 96, 3)


def test_context_adds_neighbours_as_far_as_there_are_any(folder):
    clip = Clip.from_folder(folder, onset=47, offset=48)
    assert numbers_in(clip.context(0)) == [1, 2]
    assert numbers_in(clip.context(1)) == [0, 1, 2, 3]
    assert numbers_in(clip.context(99)) == [0, 1, 2, 3, 4]
    with pytest.raises(ConfigError, match="neighbours"):
        clip.context(-1)


def test_without_onset_and_offset_the_clip_is_everything(folder):
    assert numbers_in(Clip.from_folder(folder).frames) == [0, 1, 2, 3, 4]


def test_a_range_of_a_video_keeps_the_positions_of_the_whole(tmp_path):
    path = media.write_video(tmp_path / "film.mp4", 40, options={"g": "10"})
    clip = Clip.from_video(path, 20, 30, fps=25, onset=22, apex=24, offset=27)
    assert numbers_in(clip.frames) == [22, 23, 24, 25, 26, 27]
    assert numbers_in(clip.context(50)) == list(range(20, 30))
    assert clip.index(22) == 2
    assert clip.source.shape == (10, 64, 96, 3)
    assert clip.id == "film"
    assert numbers_in(Clip.from_video(path).frames) == list(range(40))


def test_a_range_that_the_video_does_not_have(tmp_path):
    path = media.write_video(tmp_path / "film.mp4", 10)
    with pytest.raises(VideoError, match=r"film\.mp4: has 10 frames"):
        _ = Clip.from_video(path, 5, 20).frames
    with pytest.raises(DataError, match="no range"):
        Clip.from_video(path, 5, 5)


def test_arrays_are_not_copied():
    clip = Clip.from_array(PIXELS, numbers=range(10, 16), onset=11, offset=14)
    np.testing.assert_array_equal(clip.frames, PIXELS[1:5])
    assert np.shares_memory(clip.frames, PIXELS)
    assert clip.source.shape == (6, 4, 5)


@pytest.mark.parametrize(
    "array", [np.zeros((3, 4, 5)), np.zeros((4, 5), np.uint8), np.zeros((0, 4, 5), np.uint8), [[1]]]
)
def test_arrays_that_are_no_frames(array):
    with pytest.raises(DataError, match="uint8"):
        Clip.from_array(array)


def test_one_number_a_frame():
    with pytest.raises(DataError, match="5 frame numbers for 6 frames"):
        Clip.from_array(PIXELS, numbers=range(5))


def test_a_number_without_a_frame_names_clip_and_range(folder):
    clip = Clip.from_folder(folder, id="EP01", onset=50)
    with pytest.raises(
        AnnotationError, match=r"'EP01': no frame has the number 50, .* 46 to 100 \(5 frames\)"
    ):
        _ = clip.frames


@pytest.mark.parametrize(
    "marks", [{"onset": 5, "apex": 4}, {"apex": 5, "offset": 4}, {"onset": 5, "offset": 4}]
)
def test_numbers_out_of_order_are_refused_with_the_name_of_the_clip(marks):
    with pytest.raises(AnnotationError, match=r"clip 'x': .* lies behind"):
        Clip.from_array(PIXELS, id="x", **marks)


def test_equal_numbers_are_in_order():
    assert Clip.from_array(PIXELS, onset=2, apex=2, offset=2).frames.shape == (1, 4, 5)


def test_what_tables_write_for_missing_and_whole_numbers():
    clip = Clip.from_array(PIXELS, fps=float("nan"), onset=1.0, apex=float("nan"), offset=np.int64(3))
    assert (clip.fps, clip.onset, clip.apex, clip.offset) == (None, 1, None, 3)
    assert all(type(n) is int for n in (clip.onset, clip.offset))
    assert clip.duration is None


@pytest.mark.parametrize("apex", [2.5, "2", float("inf"), True])
def test_an_apex_that_is_no_frame_number(apex):
    with pytest.raises(AnnotationError, match="'x': apex"):
        Clip.from_array(PIXELS, id="x", apex=apex)


@pytest.mark.parametrize("fps", [0, -1, float("inf")])
def test_a_rate_that_is_none(fps):
    with pytest.raises(AnnotationError, match="fps"):
        Clip.from_array(PIXELS, fps=fps)


def test_nothing_is_opened_before_the_first_look(tmp_path):
    for clip in (Clip.from_folder(tmp_path / "missing"), Clip.from_video(tmp_path / "missing.mp4")):
        repr(clip)
        pickle.loads(pickle.dumps(clip))
        blind = clip.blind()
        for one in (clip, blind):
            with pytest.raises(VideoError, match="no such file"):
                _ = one.frames


def test_clips_cannot_be_changed():
    with pytest.raises(AttributeError):
        Clip.from_array(PIXELS).emotion = "happy"


def test_blinding_hides_the_label_and_every_trace_of_it(folder):
    clip = Clip.from_folder(
        folder,
        200,
        onset=47,
        apex=48,
        offset=49,
        emotion="happy",
        aus=("12",),
        objective_class="IV",
        subject="s01",
        dataset="casme2",
        repairs=("emotion was 'hapy', read as happy",),
        features={"flow": np.ones(3)},
    )
    blind = clip.blind()
    assert (blind.emotion, blind.aus, blind.objective_class, blind.repairs, blind.paths) == (
        None,
        (),
        None,
        (),
        (),
    )
    assert (blind.onset, blind.apex, blind.offset, blind.fps) == (47, 48, 49, 200)
    assert (blind.subject, blind.dataset) == ("s01", "casme2")
    np.testing.assert_array_equal(blind.frames, clip.frames)
    np.testing.assert_array_equal(blind.features["flow"], np.ones(3))
    assert blind.index(48) == 2
    assert blind.source.shape == clip.source.shape
    for seen in (repr(blind), repr(blind.source), str(vars(blind.source)), blind.id):
        assert "happ" not in seen
    assert b"happ" not in pickle.dumps(blind)


def test_a_blinded_id_is_the_same_at_every_call_and_differs_between_clips():
    def blind_id(**about):
        return Clip.from_array(PIXELS, **about).blind().id

    assert blind_id(id="a", dataset="d") == blind_id(id="a", dataset="d", emotion="fear")
    assert len({blind_id(id=i, dataset=d) for i in ("a", "b") for d in ("", "c", "d")}) == 6
    blind = Clip.from_array(PIXELS).blind()
    assert blind.blind() is blind


@pytest.mark.parametrize("kind", ["array", "folder", "video", "blind"])
def test_clips_survive_pickling(kind, folder, tmp_path):
    clip = {
        "array": lambda: Clip.from_array(PIXELS, onset=1),
        "folder": lambda: Clip.from_folder(folder, onset=47),
        "video": lambda: Clip.from_video(media.write_video(tmp_path / "a.mp4", 10), 2, 8, onset=3),
        "blind": lambda: Clip.from_folder(folder, onset=47).blind(),
    }[kind]()
    frames = clip.frames
    again = pickle.loads(pickle.dumps(clip))
    np.testing.assert_array_equal(again.frames, frames)
    assert again.id == clip.id


def test_pickled_sources_are_small_even_after_reading(folder, tmp_path):
    video = VideoFrames(media.write_video(tmp_path / "a.mp4", 10))
    images = FolderFrames(folder)
    for source in (video, images):
        assert source[0].shape == (64, 96, 3)
        assert len(pickle.dumps(source)) < 500


def test_positions_work_like_those_of_a_list(folder):
    source = FolderFrames(folder)
    assert numbers_in([source[-1], source[0]]) == [4, 0]
    assert len(source) == len(list(source)) == 5
    for position in (5, -6):
        with pytest.raises(IndexError):
            source[position]


def test_images_of_several_sizes_in_a_clip_are_refused_by_name(folder):
    media.write_images(folder, ["reg_img101.png"], width=48, height=32)
    with pytest.raises(VideoError, match=r"reg_img46\.png has 96x64 and reg_img101\.png 48x32"):
        _ = Clip.from_folder(folder).frames


def test_grey_and_colour_images_in_one_folder_follow_the_first(tmp_path):
    from PIL import Image

    Image.fromarray(media.numbered_frame(3)[:, :, 1]).save(tmp_path / "1.png")
    Image.fromarray(media.numbered_frame(4)).save(tmp_path / "2.png")
    frames = Clip.from_folder(tmp_path).frames
    assert frames.shape == (2, 64, 96)
    assert numbers_in(frames) == [3, 4]


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=30, unique=True).map(sorted),
    st.data(),
)
def test_index_inverts_the_numbering(numbers, data):
    clip = Clip.from_array(np.zeros((len(numbers), 2, 2), np.uint8), numbers=numbers)
    assert [clip.index(number) for number in numbers] == list(range(len(numbers)))
    other = data.draw(st.integers(0, 6000).filter(lambda n: n not in numbers))
    with pytest.raises(AnnotationError):
        clip.index(other)


@given(st.integers(1, 12), st.data())
def test_context_is_frames_with_clipped_ends(length, data):
    onset = data.draw(st.integers(0, length - 1))
    offset = data.draw(st.integers(onset, length - 1))
    n = data.draw(st.integers(0, 15))
    pixels = np.arange(length, dtype=np.uint8)[:, None, None] + np.zeros((1, 2, 2), np.uint8)
    clip = Clip.from_array(pixels, onset=onset, offset=offset)
    assert clip.context(n)[:, 0, 0].tolist() == [i for i in range(length) if onset - n <= i <= offset + n]
    assert clip.n_frames == len(clip.frames)


def test_packing_of_blinded_arrays_is_not_compressed():
    # Compressing pixels would cost more than sending them; only paths need hiding.
    blind = Clip.from_array(np.zeros((50, 40, 40), np.uint8)).blind()
    assert len(pickle.dumps(blind.source)) > 50 * 40 * 40
    assert zlib.decompress(blind.source.__reduce__()[1][0])
    assert isinstance(ArrayFrames(PIXELS), type(Clip.from_array(PIXELS).source))
