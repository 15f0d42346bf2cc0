"""Which frame, when, how turned, in which colours: reading of sound video files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import media
import numpy as np
import pytest
from PIL import Image

from merkit.errors import ConfigError, VideoError
from merkit.video import open_video

OPEN_GOP = {"x264-params": "open-gop=1:keyint=10:min-keyint=10:scenecut=0:bframes=3:b-adapt=0"}


def facts(frame):
    """Everything that must not depend on how a frame was reached."""
    return frame.index, frame.time, frame.held, frame.gray.tobytes(), frame.rgb.tobytes()


CASES = {
    "no B-frames": ("a.mp4", {"options": {"bf": "0", "g": "10"}}),
    "B-frames": ("a.mp4", {"options": {"bf": "3", "g": "10"}}),
    "open GOP, MP4": ("a.mp4", {"options": OPEN_GOP}),
    "open GOP, Matroska": ("a.mkv", {"options": OPEN_GOP}),
    "gradual refresh": ("a.mkv", {"options": {"x264-params": "intra-refresh=1:keyint=10:bframes=0"}}),
    "transport stream": ("a.ts", {"options": {"g": "10"}}),
    "MPEG-2 program stream": ("a.mpg", {"codec": "mpeg2video", "options": {"bf": "2"}}),
    "AVI with B-frames": ("a.avi", {"options": {"g": "10", "bf": "3"}}),
    "AVI, MPEG-4": ("a.avi", {"codec": "mpeg4"}),
    "raw stream without timestamps": ("a.h264", {}),
    "VP9": ("a.webm", {"codec": "libvpx-vp9", "options": {"g": "10", "cpu-used": "8"}}),
    "HEVC": ("a.mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=10"}}),
    "GIF": ("a.gif", {"codec": "gif", "pix_fmt": "rgb8"}),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_follow_the_order_of_showing_and_do_not_depend_on_where_reading_starts(case, tmp_path):
    name, how = CASES[case]
    path = media.write_video(tmp_path / name, 45, **how)
    with open_video(path) as video:
        frames = [facts(frame) for frame in video]
        shown = [media.read_number(np.frombuffer(f[3], np.uint8).reshape(64, 96)) for f in frames]
        assert shown == [f[0] for f in frames] == list(range(45))
        assert video.n_frames == 45
        np.testing.assert_allclose(video.times, np.arange(45) / 25, atol=1e-3)
    with open_video(path) as fresh:
        for start in (44, 31, 30, 29, 18, 9, 1):
            assert [facts(frame) for frame in fresh.frames(start, start + 3)] == frames[start : start + 3]


def test_two_readings_of_one_video_can_be_interleaved(tmp_path):
    video = open_video(media.write_video(tmp_path / "a.mp4", 20, options={"g": "5"}))
    pairs = zip(video.frames(0, 5), video.frames(12, 17), strict=True)
    assert [(a.index, b.index) for a, b in pairs] == [(i, i + 12) for i in range(5)]


def test_variable_rate_keeps_every_timestamp(tmp_path):
    times = np.cumsum(np.random.default_rng(3).uniform(0.004, 0.09, 30))
    video = open_video(media.write_video(tmp_path / "a.mp4", 30, times=times, options={"g": "7"}))
    expected = np.round(times * 90_000) / 90_000
    np.testing.assert_allclose([frame.time for frame in video], expected - expected[0], atol=1e-9)
    assert video.fps == pytest.approx(29 / (times[-1] - times[0]), rel=1e-4)
    assert video.duration == pytest.approx(video.times[-1] + 1 / video.fps)
    assert next(video.frames(21)).time == pytest.approx(expected[21] - expected[0], abs=1e-9)


def test_time_counts_from_the_first_frame_when_the_file_starts_later(tmp_path):
    times = [5 + i / 25 for i in range(10)]
    path = media.write_video(tmp_path / "a.mkv", 10, times=times, time_base=Fraction(1, 1000))
    video = open_video(path)
    np.testing.assert_allclose(video.times, np.arange(10) / 25, atol=1e-9)
    assert video.warnings == []


def test_repeated_timestamps_are_spread_and_warned_about(tmp_path):
    images = [Image.fromarray(media.numbered_frame(i)) for i in range(4)]
    video = open_video(media.write_png_packets(tmp_path / "a.mov", images, [0, 40, 40, 120]))
    frames = [(media.read_number(frame.gray), frame.index, frame.time) for frame in video]
    assert [(number, index) for number, index, _ in frames] == [(i, i) for i in range(4)]
    times = [time for *_, time in frames]
    assert [times[0], times[1], times[3]] == pytest.approx([0, 0.04, 0.12])
    assert times[1] < times[2] < times[3]
    assert [frame.time for frame in video.frames(2)] == times[2:]
    assert any("repeat" in warning for warning in video.warnings)


def test_one_wild_timestamp_does_not_stop_the_film(tmp_path):
    images = [Image.fromarray(media.numbered_frame(i)) for i in range(80)]
    stamps = [i * 40 if i != 20 else 9_999_000 for i in range(80)]
    video = open_video(media.write_png_packets(tmp_path / "a.mov", images, stamps))
    assert [media.read_number(frame.gray) for frame in video] == list(range(80))
    np.testing.assert_allclose(np.diff(video.times), 1 / video.fps)
    assert any("timestamps" in warning for warning in video.warnings)
    assert [media.read_number(frame.gray) for frame in video.frames(70, 72)] == [70, 71]


def test_without_timestamps_times_follow_from_the_rate_with_a_warning(tmp_path):
    video = open_video(media.write_video(tmp_path / "a.h264", 10, rate=50))
    assert video.n_frames is None
    assert [frame.time for frame in video] == pytest.approx([i / 50 for i in range(10)])
    assert video.n_frames == 10
    assert any("timestamps" in warning for warning in video.warnings)


def test_given_fps_replaces_the_timestamps_of_slow_motion_files(tmp_path):
    video = open_video(media.write_video(tmp_path / "a.mp4", 10), fps=200)
    assert video.fps == 200
    assert [frame.time for frame in video] == pytest.approx([i / 200 for i in range(10)])
    assert any("200" in warning for warning in video.warnings)


@pytest.mark.parametrize(
    ("rotation", "hflip"), [(0, False), (90, False), (180, False), (-90, False), (0, True)]
)
def test_rotation_and_mirroring_of_the_header_are_carried_out(rotation, hflip, tmp_path):
    upright = [media.numbered_frame(i, 64, 96) for i in range(5)]
    if hflip:
        stored = [image[:, ::-1] for image in upright]
    else:
        stored = [np.rot90(image, -rotation // 90) for image in upright]
    height, width = stored[0].shape[:2]
    path = media.write_video(
        tmp_path / "a.mp4",
        frames=[np.ascontiguousarray(image) for image in stored],
        width=width,
        height=height,
        rotation=rotation,
        hflip=hflip,
    )
    video = open_video(path)
    assert (video.width, video.height) == (64, 96)
    for image, frame in zip(upright, video, strict=True):
        assert frame.rgb.shape == (frame.height, frame.width, 3) == (96, 64, 3)
        assert np.abs(frame.rgb.astype(int) - image).max() < 12
        assert media.read_number(frame.gray) == frame.index


def test_a_rotation_that_is_no_quarter_turn_is_left_alone_with_a_warning(tmp_path):
    video = open_video(media.write_video(tmp_path / "a.mp4", 3, rotation=30))
    assert next(iter(video)).rgb.shape == (64, 96, 3)
    assert any("quarter turn" in warning for warning in video.warnings)


FORMATS = {
    "a.mp4 libx264": ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "nv12", "yuv420p10le", "yuv422p10le"],
    "a.mkv ffv1": ["gray", "gray10le", "gray16le", "yuv411p", "yuv444p16le", "bgr0", "gbrp10le"],
}


@pytest.mark.parametrize(("how", "pix_fmt"), [(how, f) for how, formats in FORMATS.items() for f in formats])
def test_every_pixel_format_gives_the_same_full_range_picture(how, pix_fmt, tmp_path):
    # A grey ramp from black to white: limited range, full range and 10 bits must all end at 0 and 255.
    ramp = np.repeat(np.linspace(0, 255, 128).round().astype(np.uint8)[None, :, None], 32, axis=0)
    image = np.repeat(ramp, 3, axis=2)
    name, codec = how.split()
    path = media.write_video(
        tmp_path / name,
        frames=[image] * 2,
        width=128,
        height=32,
        codec=codec,
        pix_fmt=pix_fmt,
        options={"crf": "1"} if codec == "libx264" else {},
    )
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).format.name in (pix_fmt, pix_fmt.replace("nv12", "yuv420p"))
    frame = next(iter(open_video(path)))
    assert np.abs(frame.gray.astype(int) - ramp[:, :, 0]).max() <= 4
    assert np.abs(frame.rgb.astype(int) - image).max() <= 6


def test_full_range_by_tag_is_not_stretched_again(tmp_path):
    image = np.full((32, 32, 3), 100, np.uint8)
    path = media.write_video(
        tmp_path / "a.mp4", frames=[image] * 2, width=32, height=32, full_range=True, options={"crf": "1"}
    )
    frame = next(iter(open_video(path)))
    assert abs(int(frame.gray[16, 16]) - 100) <= 1
    assert np.abs(frame.rgb[16, 16].astype(int) - 100).max() <= 2


@pytest.mark.parametrize("code", [8, 10, 14])
def test_colour_codes_that_are_reserved_or_rare_do_no_harm(code, tmp_path):
    image = np.full((32, 32, 3), (90, 120, 150), np.uint8)
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv444p"
        raw = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv444p")
        stream.codec_context.colorspace = raw.colorspace = code
        container.mux(stream.encode(raw))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).colorspace == code
    frame = next(iter(open_video(path)))
    assert np.abs(frame.rgb[16, 16].astype(int) - image[0, 0]).max() <= 3
    assert abs(float(frame.gray[16, 16]) - image[0, 0] @ [0.299, 0.587, 0.114]) <= 2


def test_palette_video(tmp_path):
    images = [Image.fromarray(media.numbered_frame(i)).quantize(16) for i in range(3)]
    path = media.write_png_packets(tmp_path / "a.mov", images, [0, 40, 80])
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).format.name == "pal8"
    frames = list(open_video(path))
    assert [media.read_number(frame.gray) for frame in frames] == [0, 1, 2]
    assert np.abs(frames[2].rgb.astype(int) - media.numbered_frame(2)).max() <= 4


def test_lossless_rgb_comes_back_exactly(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    path = media.write_video(
        tmp_path / "a.mp4", frames=[image], codec="libx264rgb", pix_fmt="rgb24", options={"crf": "0"}
    )
    frame = next(iter(open_video(path)))
    np.testing.assert_array_equal(frame.rgb, image)
    luma = image @ np.array([0.299, 0.587, 0.114])
    assert np.abs(frame.gray - luma).max() < 1


@pytest.mark.parametrize(("width", "height"), [(16, 16), (3840, 2160)])
def test_smallest_and_largest_pictures(width, height, tmp_path):
    path = media.write_video(
        tmp_path / "a.mp4", 2, width=width, height=height, options={"preset": "ultrafast"}
    )
    video = open_video(path)
    assert (video.width, video.height) == (width, height)
    assert [media.read_number(frame.gray) for frame in video] == [0, 1]


def test_one_frame(tmp_path):
    video = open_video(media.write_video(tmp_path / "a.mp4", 1))
    assert [frame.time for frame in video] == [0.0]
    assert (video.n_frames, video.fps, video.duration) == (1, 25.0, pytest.approx(0.04))


def test_sound_beside_the_picture_changes_nothing(tmp_path):
    video = open_video(media.write_video(tmp_path / "a.mp4", 20, audio=True))
    assert [frame.index for frame in video] == list(range(20))
    assert video.warnings == []


def test_pixels_are_made_once_and_kept(tmp_path):
    frame = next(iter(open_video(media.write_video(tmp_path / "a.mp4", 2))))
    assert frame.gray is frame.gray
    assert frame.rgb is frame.rgb
    assert frame.gray.flags.c_contiguous
    assert frame.rgb.flags.c_contiguous


def test_ranges_stop_at_the_end_and_refuse_negative_positions(tmp_path):
    video = open_video(media.write_video(tmp_path / "a.mp4", 10))
    assert [frame.index for frame in video.frames(8, 100)] == [8, 9]
    assert list(video.frames(10)) == list(video.frames(5, 5)) == []
    with pytest.raises(ConfigError, match="negative"):
        video.frames(-1)


def test_a_closed_reader_says_so(tmp_path):
    with open_video(media.write_video(tmp_path / "a.mp4", 2)) as video:
        pass
    with pytest.raises(VideoError, match="closed"):
        video.frames()


def test_pixels_that_are_not_square_are_warned_about(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(media.numbered_frame(0), format="rgb24")))
        container.mux(stream.encode(None))
    assert any("not square (4:3)" in warning for warning in open_video(path).warnings)


@pytest.mark.parametrize(
    ("name", "frames", "fps"),
    [
        ("webcam_man_talking_400x300.mp4", 1337, 25),
        ("woman_expressions_640x360.mp4", 472, 24000 / 1001),
        # 98 packets, of which an edit list hides three.
        ("no_face_960x540.mp4", 95, 24),
    ],
)
def test_real_files(name, frames, fps, real_data: Path):
    video = open_video(real_data / "videos" / name)
    assert video.fps == pytest.approx(fps, rel=1e-6)
    assert video.n_frames == frames
    assert video.warnings == []
    middle = [frame.gray for frame in video.frames(frames // 2, frames // 2 + 2)]
    running = [frame.gray for frame in video.frames(0, frames // 2 + 2)][-2:]
    np.testing.assert_array_equal(middle, running)
