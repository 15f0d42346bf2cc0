"""Folders of pictures: order, numbering, sizes, depths."""

from __future__ import annotations

import media
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from merkit.errors import VideoError
from merkit.video import open_video
from merkit.video.images import frame_number, gray_of, natural_key, read_image


@given(
    st.sets(st.integers(0, 10_000), min_size=1, max_size=40), st.sampled_from(["img{}.png", "s1_{}_b.jpg"])
)
def test_names_sort_by_their_numbers(numbers, pattern):
    names = sorted((pattern.format(n) for n in numbers), key=natural_key)
    assert names == [pattern.format(n) for n in sorted(numbers)]


@given(st.lists(st.text("aB01_9é", max_size=6), max_size=8))
def test_the_order_of_any_names_is_fixed(names):
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@given(st.integers(0, 10**9), st.integers(0, 6))
def test_the_number_of_a_frame_is_the_last_one_in_its_name(number, zeros):
    assert frame_number(f"sub07_EP03_{'0' * zeros}{number}.jpg") == number


def test_frames_come_in_natural_order_with_even_times(tmp_path):
    names = ["img1.png", "img2.png", "img10.png", "img11.png"]
    media.write_images(tmp_path, names)
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "._img1.png").write_bytes(b"x")
    with open_video(tmp_path, fps=200) as video:
        assert [media.read_number(frame.gray) for frame in video] == [0, 1, 2, 3]
        assert [frame.time for frame in video] == pytest.approx([0, 0.005, 0.010, 0.015])
        assert (video.kind, video.fps, video.n_frames, video.width, video.height) == (
            "folder",
            200,
            4,
            96,
            64,
        )
        assert [media.read_number(frame.gray) for frame in video.frames(2, 9)] == [2, 3]
        assert video.duration == pytest.approx(0.02)


def test_a_gap_is_named_and_positions_stay_consecutive(tmp_path):
    media.write_images(tmp_path, ["img012.png", "img013.png", "img016.png", "img017.png"])
    video = open_video(tmp_path, fps=25)
    assert [frame.index for frame in video] == [0, 1, 2, 3]
    assert video.numbers == [12, 13, 16, 17]
    assert len(video.warnings) == 1
    assert "img013.png to img016.png" in video.warnings[0]


def test_every_fifth_number_is_not_a_gap(tmp_path):
    assert open_video(media.write_images(tmp_path, ["5.png", "10.png", "15.png"]), fps=25).warnings == []


def test_two_series_in_one_folder_are_warned_about(tmp_path):
    media.write_images(tmp_path, ["a1.png", "a2.png", "b1.png", "b2.png"])
    assert any("one numbered series" in warning for warning in open_video(tmp_path, fps=25).warnings)


def test_mixed_sizes_are_refused_with_both_names(tmp_path):
    media.write_images(tmp_path, ["1.png", "2.png"])
    media.write_images(tmp_path, ["3.png"], width=48, height=32)
    with pytest.raises(VideoError, match=r"1\.png has 96x64 and 3\.png 48x32") as caught:
        open_video(tmp_path, fps=25)
    assert str(tmp_path) in str(caught.value)


def test_an_unreadable_picture_is_named_at_opening(tmp_path):
    media.write_images(tmp_path, ["1.png", "2.png"])
    (tmp_path / "3.png").write_bytes(b"not a picture")
    with pytest.raises(VideoError, match=r"3\.png: not a readable image"):
        open_video(tmp_path, fps=25)


def test_a_picture_damaged_behind_its_header_is_named_when_it_is_reached(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    for name in ("1.png", "2.png"):
        Image.fromarray(noise).save(tmp_path / name)
    media.truncate(tmp_path / "2.png", tmp_path / "2.png", 0.5)
    with pytest.raises(VideoError, match=r"2\.png: not a readable image"):
        list(open_video(tmp_path, fps=25))


def test_one_picture_is_a_video_of_one_frame(tmp_path):
    video = open_video(media.write_images(tmp_path, ["only.png"]), fps=25)
    assert [(frame.index, frame.time) for frame in video] == [(0, 0.0)]


def test_grey_pictures_stay_grey_and_become_rgb_on_demand(tmp_path):
    grey = np.arange(64 * 96, dtype=np.uint8).reshape(64, 96)
    Image.fromarray(grey).save(tmp_path / "1.png")
    frame = next(iter(open_video(tmp_path, fps=25)))
    np.testing.assert_array_equal(frame.gray, grey)
    np.testing.assert_array_equal(frame.rgb, np.stack([grey] * 3, axis=2))


def test_sixteen_bits_become_eight_over_the_full_range(tmp_path):
    deep = np.array([[0, 257, 65535], [128 * 257, 1000, 64000]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "1.png")
    assert read_image(tmp_path / "1.png").tolist() == [[0, 1, 255], [128, 4, 249]]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_colour_pictures_of_any_kind_become_rgb(mode, tmp_path):
    flat = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    image = Image.fromarray(flat)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    image.save(tmp_path / ("1.jpg" if mode == "CMYK" else "1.png"))
    file = next(tmp_path.iterdir())
    assert np.abs(read_image(file).astype(int) - flat).max() <= 6


def test_black_and_white_pictures(tmp_path):
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "1.png")
    np.testing.assert_array_equal(read_image(tmp_path / "1.png"), np.eye(4) * 255)


def test_the_orientation_in_a_photograph_is_applied(tmp_path):
    image = Image.fromarray(media.numbered_frame(77))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "1.jpg", exif=exif, quality=95)
    video = open_video(tmp_path, fps=25)
    frame = next(iter(video))
    assert (video.width, video.height) == (96, 64) == frame.gray.shape[::-1]
    assert media.read_number(frame.gray) == 77


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_grey_is_the_rounded_luma(r, g, b):
    value = gray_of(np.array([[[r, g, b]]], np.uint8))[0, 0]
    assert abs(float(value) - (0.299 * r + 0.587 * g + 0.114 * b)) <= 0.5001
