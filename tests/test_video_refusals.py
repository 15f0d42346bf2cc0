"""Whatever is not a video is refused in one line that names the path and says what to do."""

from __future__ import annotations

import builtins
import io
import os
from pathlib import Path

import av
import media
import numpy as np
import pytest
from PIL import Image

from merkit.errors import ConfigError, VideoError
from merkit.video import open_video


def refusal(path, **how) -> str:
    with pytest.raises(VideoError) as caught:
        open_video(path, **how)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_missing_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "missing.mp4")


def test_empty_file(tmp_path):
    (tmp_path / "empty.mp4").touch()
    assert "empty" in refusal(tmp_path / "empty.mp4")


@pytest.mark.parametrize("name", ["notes.mp4", "notes.txt", "notes.avi", "notes"])
def test_text_whatever_its_name(name, tmp_path):
    (tmp_path / name).write_text("these are words, not frames\n" * 200)
    refusal(tmp_path / name)


@pytest.mark.parametrize("content", [bytes(10_000), os.urandom(10_000)], ids=["zeros", "noise"])
def test_bytes_without_meaning(content, tmp_path):
    (tmp_path / "a.mp4").write_bytes(content)
    refusal(tmp_path / "a.mp4")


def test_a_playlist_cannot_make_it_open_other_addresses(tmp_path):
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:9", "#EXTINF:9,", "http://127.0.0.1:9/a.ts", "#EXT-X-ENDLIST"]
    (tmp_path / "list.mp4").write_text("\n".join(lines))
    refusal(tmp_path / "list.mp4")


def test_sound_without_a_picture(tmp_path):
    assert "only sound" in refusal(media.write_video(tmp_path / "a.m4a", 0, audio=True))


def test_a_cover_picture_is_not_a_video(tmp_path):
    path = tmp_path / "a.m4a"
    cover = io.BytesIO()
    Image.fromarray(media.numbered_frame(1)).save(cover, "png")
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=8000)
        picture = container.add_stream("png", rate=1)
        picture.width, picture.height, picture.pix_fmt = 96, 64, "rgb24"
        picture.disposition = av.stream.Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        silence.sample_rate = 8000
        container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
        packet = av.Packet(cover.getvalue())
        packet.stream, packet.pts, packet.dts = picture, 0, 0
        container.mux(packet)
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & av.stream.Disposition.attached_pic
    assert "only sound" in refusal(path)


def test_a_file_without_permission(tmp_path, monkeypatch):
    # Tests may run as root, whom permissions do not stop, so the refusal of the system is played.
    path = media.write_video(tmp_path / "a.mp4", 2)
    opened = io.open

    def refuse(file, *args, **kwargs):
        if str(file) == str(path):
            raise PermissionError(13, "Permission denied", str(file))
        return opened(file, *args, **kwargs)

    monkeypatch.setattr(io, "open", refuse)
    monkeypatch.setattr(builtins, "open", refuse)
    assert "no permission" in refusal(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_for_real(tmp_path):
    path = media.write_video(tmp_path / "a.mp4", 2)
    path.chmod(0)
    assert "no permission" in refusal(path)


def test_a_single_picture(tmp_path):
    media.write_images(tmp_path, ["face.png"])
    assert "folder with the frames" in refusal(tmp_path / "face.png")


def test_a_folder_without_pictures(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert "no images" in refusal(tmp_path, fps=25)


def test_a_folder_without_a_rate(tmp_path):
    assert "--fps" in refusal(media.write_images(tmp_path / "frames", ["1.png", "2.png"]))


@pytest.mark.parametrize("fps", [0, -25, float("nan"), float("inf")])
def test_a_rate_that_is_none(fps, tmp_path):
    with pytest.raises(ConfigError, match="fps"):
        open_video(tmp_path, fps=fps)


def test_a_file_that_vanishes_between_opening_and_reading(tmp_path):
    path = media.write_video(tmp_path / "a.mp4", 2)
    video = open_video(path)
    path.unlink()
    with pytest.raises(VideoError, match=r"a\.mp4"):
        list(video)


def test_odd_names_are_only_names(tmp_path):
    for name in ("50%d off.mp4", "a:b.mp4", "-x.mp4", "ünï 動画.mp4", "#1?.mp4"):
        assert len(list(open_video(media.write_video(tmp_path / name, 3)))) == 3


def test_a_relative_path_works(tmp_path, monkeypatch):
    media.write_video(tmp_path / "a:b.mp4", 3)
    monkeypatch.chdir(tmp_path)
    assert len(list(open_video("a:b.mp4"))) == 3
    assert len(list(open_video(Path("a:b.mp4")))) == 3


def test_a_folder_of_videos_is_told_from_one_of_frames(tmp_path):
    for name in ("b.MP4", "a.mov", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(VideoError, match=r"a folder of videos; give the videos in it, such as .*a\.mov$"):
        open_video(tmp_path, fps=25)


@pytest.mark.parametrize("kind", [str, Path])
def test_an_address_is_not_a_missing_file(kind):
    with pytest.raises(VideoError, match="download the video first"):
        open_video(kind("https://example.org/talk.mp4"))
