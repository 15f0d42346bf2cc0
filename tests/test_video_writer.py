"""Writing: what goes in comes out, and a failure leaves nothing behind."""

from __future__ import annotations

import errno

import av
import media
import numpy as np
import pytest

from merkit.errors import ConfigError, VideoError
from merkit.video import VideoWriter, open_video

NOISE = np.random.default_rng(1).integers(0, 256, (4, 33, 47, 3), np.uint8)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_lossless_gives_back_every_pixel_even_of_odd_sizes(name, tmp_path):
    with VideoWriter(tmp_path / name, 25, lossless=True) as writer:
        for image in NOISE:
            writer.write(image)
    np.testing.assert_array_equal([frame.rgb for frame in open_video(tmp_path / name)], NOISE)


def test_the_default_is_close_and_grows_odd_sizes_by_an_edge(tmp_path):
    image = media.numbered_frame(5, 95, 63)
    with VideoWriter(tmp_path / "a.mp4", 30) as writer:
        for _ in range(3):
            writer.write(image)
    video = open_video(tmp_path / "a.mp4")
    frame = next(iter(video))
    assert (video.width, video.height, video.fps, video.n_frames) == (96, 64, 30, 3)
    assert np.abs(frame.rgb[:63, :95].astype(int) - image).mean() < 3
    assert np.abs(frame.gray[63].astype(int) - frame.gray[62]).max() < 12


def test_grey_frames_are_accepted(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 30) as writer:
        writer.write(np.full((32, 32), 90, np.uint8))
    assert next(iter(open_video(tmp_path / "a.mp4"))).rgb[9, 9] == pytest.approx([90, 90, 90], abs=2)


@pytest.mark.parametrize("fps", [23.976, 30000 / 1001, 25, 59.94, 200, 7.5])
def test_the_rate_comes_back(fps, tmp_path):
    with VideoWriter(tmp_path / "a.mp4", fps) as writer:
        for i in range(20):
            writer.write(media.numbered_frame(i))
    assert open_video(tmp_path / "a.mp4").fps == pytest.approx(fps, rel=1e-4)


def test_times_of_their_own(tmp_path):
    times = [0.0, 0.04, 0.05, 0.2, 0.21]
    with VideoWriter(tmp_path / "a.mp4", 25) as writer:
        for i, time in enumerate(times):
            writer.write(media.numbered_frame(i), time=time)
    frames = list(open_video(tmp_path / "a.mp4"))
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-4)
    assert [media.read_number(frame.gray) for frame in frames] == list(range(5))


def test_a_rotation_is_left_to_the_player_and_undone_by_the_reader(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 25, rotation=90) as writer:
        writer.write(np.ascontiguousarray(np.rot90(media.numbered_frame(9), -1)))
    assert media.read_number(next(iter(open_video(tmp_path / "a.mp4"))).gray) == 9


def test_the_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older file")
    with VideoWriter(path, 25) as writer:
        writer.write(NOISE[0])
        assert path.read_bytes() == b"older file"
    assert len(list(open_video(path))) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_nothing_and_spares_the_older_file(error, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older file")

    def write_and_fail():
        with VideoWriter(path, 25) as writer:
            writer.write(NOISE[0])
            raise error

    with pytest.raises(error):
        write_and_fail()
    assert path.read_bytes() == b"older file"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("moment", ["frame", "end"])
def test_a_full_disk_is_one_line_and_leaves_nothing(moment, tmp_path, monkeypatch):
    writer = VideoWriter(tmp_path / "a.mp4", 25)

    class Full:
        """Stands for the container on a disk without space."""

        def __init__(self, container):
            self.container = container

        def mux(self, packets):
            raise OSError(errno.ENOSPC, "No space left on device")

        def __getattr__(self, name):
            return getattr(self.container, name)

    if moment == "end":
        writer.write(NOISE[0])
    monkeypatch.setattr(writer, "_container", Full(writer._container))

    def write_all():
        with writer:
            for image in NOISE:
                writer.write(image)

    with pytest.raises(VideoError, match=r"a\.mp4: cannot be written, the disk is full"):
        write_all()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(VideoError, match="folder exists"):
        VideoWriter(tmp_path / "missing" / "a.mp4", 25)


def test_an_unknown_kind_of_file(tmp_path):
    with pytest.raises(VideoError, match=r"\.mp4"):
        VideoWriter(tmp_path / "a.xyz", 25)
    assert list(tmp_path.iterdir()) == []


def test_no_frame_no_file(tmp_path):
    with pytest.raises(VideoError, match="no frame"):
        VideoWriter(tmp_path / "a.mp4", 25).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((8, 8, 4), np.uint8), "uint8"),
        (np.zeros((8, 8, 3), np.float32), "uint8"),
        (np.zeros((33, 49, 3), np.uint8), "sizes"),
    ],
)
def test_frames_that_do_not_fit_are_refused(image, words, tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 25) as writer:
        writer.write(NOISE[0])
        with pytest.raises(ConfigError, match=words):
            writer.write(image)
    assert len(list(open_video(tmp_path / "a.mp4"))) == 1


def test_times_must_be_given_throughout_and_grow(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 25) as writer:
        writer.write(NOISE[0], time=1.0)
        with pytest.raises(ConfigError, match="every frame"):
            writer.write(NOISE[1])
        with pytest.raises(ConfigError, match="later"):
            writer.write(NOISE[1], time=1.0)


def test_bad_parameters(tmp_path):
    with pytest.raises(ConfigError, match="fps"):
        VideoWriter(tmp_path / "a.mp4", 0)
    with pytest.raises(ConfigError, match="codec"), VideoWriter(tmp_path / "a.mp4", 25, "nonsense") as writer:
        writer.write(NOISE[0])
    assert list(tmp_path.iterdir()) == []


def test_ordinary_files_are_what_players_expect(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 25) as writer:
        writer.write(media.numbered_frame(0))
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
