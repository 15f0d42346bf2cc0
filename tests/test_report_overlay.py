"""The annotated video."""

from __future__ import annotations

import numpy as np
import pytest
from fake_analysis import fake_analysis, fake_event

from merkit.errors import VideoError
from merkit.report import save, write_overlay
from merkit.report.overlay import MICRO
from merkit.video import VideoWriter, open_video

FPS = 25.0


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Two seconds of grey at 320×240."""
    path = tmp_path_factory.mktemp("overlay") / "grey.mp4"
    with VideoWriter(path, FPS) as writer:
        for _ in range(50):
            writer.write(np.full((240, 320, 3), 128, np.uint8))
    return path


def _analysis():
    analysis = fake_analysis(2.0, FPS, events=[fake_event("surprise", 1.0, FPS, pictures=False)])
    analysis.width, analysis.height = 320, 240
    analysis.track[["x", "y", "w", "h"]] = analysis.track[["x", "y", "w", "h"]] * 0 + [
        100.0,
        60.0,
        120.0,
        120.0,
    ]
    analysis.track.loc[47:, ["x", "y", "w", "h"]] = np.nan
    analysis.stretches = [s for s in analysis.stretches if s.kind == "speech"]
    analysis.curves["observable"] = True
    return analysis


def _frames(path):
    with open_video(path) as reader:
        return [(frame.time, frame.rgb.astype(int)) for frame in reader]


def test_overlay_keeps_length_and_times_and_adds_a_strip(video, tmp_path):
    written = save(_analysis(), tmp_path, overlay_from=video)
    frames = _frames(written["overlay"])
    assert len(frames) == 50
    assert [t for t, _ in frames] == pytest.approx([i / FPS for i in range(50)], abs=1e-3)
    height, width = frames[0][1].shape[:2]
    assert width == 320
    assert 240 < height < 280


def test_overlay_shows_the_box_in_the_colour_of_the_event_only_during_it(video, tmp_path):
    analysis = _analysis()
    event = analysis.events[0]
    frames = [rgb for _, rgb in _frames(write_overlay(analysis, video, tmp_path / "o.mp4"))]
    edge = [rgb[60:62, 140:180].reshape(-1, 3).mean(axis=0) for rgb in frames]

    def near(index: int) -> bool:
        return bool(np.abs(edge[index] - MICRO).max() < 60)

    assert near(event.apex_frame)
    assert not near(event.onset_frame - 2)
    assert not near(event.offset_frame + 2)
    # Without a face there is no box: the picture is as it was.
    assert np.abs(edge[48] - 128).max() < 12


def test_overlay_label_lingers_and_the_clock_moves_on(video, tmp_path):
    analysis = _analysis()
    event = analysis.events[0]
    frames = [rgb for _, rgb in _frames(write_overlay(analysis, video, tmp_path / "o.mp4"))]
    plate = [rgb[7:20, 8:60].mean() for rgb in frames]
    assert plate[event.onset_frame - 2] == pytest.approx(128, abs=6)
    assert plate[event.apex_frame] < 100
    assert plate[event.offset_frame + 10] < 100
    bar = [rgb[241, :, :].sum(axis=1) for rgb in frames]
    head = [int(np.argmax(row)) for row in bar]
    assert head[5] < head[20] < head[45]


def test_overlay_refuses_another_video(video, tmp_path):
    analysis = _analysis()
    analysis.width = 640
    with pytest.raises(VideoError, match="analysed"):
        write_overlay(analysis, video, tmp_path / "o.mp4")
    assert list(tmp_path.iterdir()) == []


def test_overlay_of_a_missing_video_or_into_a_missing_folder_is_one_line(video, tmp_path):
    for source, target in ((tmp_path / "no.mp4", tmp_path / "o.mp4"), (video, tmp_path / "no" / "o.mp4")):
        with pytest.raises(VideoError) as caught:
            write_overlay(_analysis(), source, target)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(90, 160), (481, 641), (1200, 200)])
def test_overlay_copes_with_any_size(size, tmp_path):
    height, width = size
    with VideoWriter(tmp_path / "in.mp4", FPS) as writer:
        for _ in range(4):
            writer.write(np.zeros((height, width, 3), np.uint8))
    with open_video(tmp_path / "in.mp4") as reader:
        height, width = reader.height, reader.width
    analysis = _analysis()
    analysis.width, analysis.height = width, height
    assert len(_frames(write_overlay(analysis, tmp_path / "in.mp4", tmp_path / "o.mp4"))) == 4
