"""What is left of damaged and cut-off files, and that frame numbers stay right in them."""

from __future__ import annotations

import media
import numpy as np
import pytest

from merkit.errors import VideoError
from merkit.video import open_video


def everywhere_the_same(path, step: int = 3) -> list:
    """Read from the start, then from many places, and return the frames after comparing."""
    frames = list(open_video(path))
    fresh = open_video(path)
    for start in range(len(frames) - 1, -1, -step):
        for one, other in zip(frames[start : start + 2], fresh.frames(start, start + 2), strict=True):
            assert (one.index, one.time, one.held) == (other.index, other.time, other.held)
            np.testing.assert_array_equal(one.gray, other.gray)
    return frames


@pytest.mark.parametrize("keep", [0.6, 0.9, 0.99])
def test_a_cut_off_file_gives_what_is_there_and_says_so(keep, tmp_path):
    whole = media.moov_first(tmp_path / "whole.mp4", 100, options={"g": "10", "bf": "3"})
    cut = media.truncate(whole, tmp_path / "cut.mp4", keep)
    frames = everywhere_the_same(cut)
    video = open_video(cut)
    assert sum(1 for _ in video) == video.n_frames == len(frames) == len(video.times)
    assert 20 < len(frames) < 100
    assert any("the file ends early" in warning for warning in video.warnings)
    for frame in frames:
        if not frame.held:
            # The number that the picture shows is its time in the whole film, 25 a second.
            assert frame.time == pytest.approx(media.read_number(frame.gray) / 25)


def test_a_cut_off_matroska_file_says_how_much_is_there(tmp_path):
    whole = media.write_video(tmp_path / "whole.mkv", 100, options={"g": "10"})
    video = open_video(media.truncate(whole, tmp_path / "cut.mkv", 0.6))
    assert 30 < sum(1 for _ in video) < 100
    assert any("the file ends early" in warning and "of 4.0 seconds" in warning for warning in video.warnings)


def test_a_file_cut_before_its_table_of_contents_is_refused(tmp_path):
    whole = media.write_video(tmp_path / "whole.mp4", 50)
    cut = media.truncate(whole, tmp_path / "cut.mp4", 0.6)
    with pytest.raises(VideoError, match=r"cut\.mp4: .*cut off") as caught:
        open_video(cut)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("packets", [[33, 34], [30], [55, 56, 57, 58]], ids=str)
def test_frames_that_do_not_decode_keep_their_numbers(packets, tmp_path):
    whole = media.write_video(tmp_path / "whole.mp4", 100, options={"g": "10", "bf": "3"})
    broken = media.damage(whole, tmp_path / "broken.mp4", packets)
    frames = everywhere_the_same(broken)
    assert [frame.index for frame in frames] == list(range(100))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(100) / 25)
    video = open_video(broken)
    held = [frame.index for frame in video if frame.held]
    assert held
    assert any(f"{len(held)} frame" in w and "cannot be decoded" in w for w in video.warnings)
    # Away from the damaged group of pictures, everything shows what it should.
    for frame in frames[:25] + frames[75:]:
        assert media.read_number(frame.gray) == frame.index
    # A held frame shows the picture before it.
    np.testing.assert_array_equal(frames[held[0]].gray, frames[held[0] - 1].gray)


def test_warnings_about_held_frames_do_not_pile_up(tmp_path):
    whole = media.write_video(tmp_path / "whole.mp4", 60, options={"g": "10", "bf": "3"})
    video = open_video(media.damage(whole, tmp_path / "broken.mp4", [33, 34]))
    for _ in range(3):
        list(video)
    assert len(video.warnings) == 1


def test_a_damaged_beginning_is_left_out_and_said(tmp_path):
    whole = media.write_video(tmp_path / "whole.mp4", 60, options={"g": "10", "bf": "3"})
    video = open_video(media.damage(whole, tmp_path / "broken.mp4", [0]))
    frames = list(video)
    lost = 60 - len(frames)
    assert lost > 0
    assert any(f"the first {lost} frames" in warning for warning in video.warnings)
    assert frames[0].time == 0.0
    assert [media.read_number(f.gray) for f in frames[-20:]] == list(range(40, 60))
    everywhere_the_same(video.path)


def test_a_damaged_end_loses_no_more_than_it_must(tmp_path):
    whole = media.write_video(tmp_path / "whole.mp4", 60, options={"g": "10", "bf": "0"})
    video = open_video(media.damage(whole, tmp_path / "broken.mp4", [57, 58, 59]))
    assert [media.read_number(frame.gray) for frame in video] == list(range(57))
    assert video.n_frames == 57
    assert any("ends early, after 57 of 60" in warning for warning in video.warnings)


def test_a_seek_behind_the_real_end_yields_nothing(tmp_path):
    whole = media.write_video(tmp_path / "whole.mp4", 60, options={"g": "10", "bf": "0"})
    video = open_video(media.damage(whole, tmp_path / "broken.mp4", [57, 58, 59]))
    assert list(video.frames(58)) == []
    assert video.n_frames == 57
