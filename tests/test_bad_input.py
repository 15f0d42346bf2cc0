"""The whole command on what people really give it: one clear line, or a report with a warning.

Every case runs `merkit analyze` as a user does, in a process of its own where signals or exit
statuses matter and in this one otherwise.  Nothing may end in a traceback.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import cv2
import media
import numpy as np
import pytest
from skimage.data import astronaut

from merkit.cli.main import main


def face(width: int = 320, height: int = 240, shift: float = 0.0) -> np.ndarray:
    """The astronaut's face in a picture of the given size, moved sideways by some pixels."""
    scale = height / 300.0
    matrix = np.array([[scale, 0, -90 * scale + width / 2 - 130 * scale + shift], [0, scale, -5 * scale]])
    return cv2.warpAffine(
        astronaut(), matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
    )


def faces(n: int, width: int = 320, height: int = 240) -> list[np.ndarray]:
    return [face(width, height, 0.3 * np.sin(i / 5)) for i in range(n)]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = 0
    try:
        status = main([str(a) for a in arguments]) or 0
    except SystemExit as stop:
        status = int(stop.code or 0)
    out = capsys.readouterr()
    assert "Traceback" not in out.err + out.out
    return status, out.out, out.err


def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, source: Path, *words: str) -> None:
    """The command ends with status 2 and one line that names the input and says the words."""
    status, _, err = run(capsys, "analyze", source, "-o", tmp_path / "out", "--quiet")
    lines = [line for line in err.splitlines() if line.strip()]
    assert status == 2
    assert len(lines) == 1, err
    assert source.name in lines[0]
    for word in words:
        assert word in lines[0].lower(), lines[0]


def reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, source: Path, *warned: str, options: tuple = ()
) -> dict:
    """The command ends well and writes a report; its warnings say the words."""
    status, _, err = run(capsys, "analyze", source, "-o", tmp_path / "out", "--quiet", *options)
    assert status == 0, err
    folder = tmp_path / "out" / (source.name if source.is_dir() else source.stem)
    for name in ("report.html", "events.json", "events.csv", "curves.csv"):
        assert (folder / name).stat().st_size > 0
    found = json.loads((folder / "events.json").read_text())
    for word in warned:
        assert any(word in warning.lower() for warning in found["warnings"]), found["warnings"]
    assert found["events"] == []
    return found


def test_missing_file(capsys, tmp_path) -> None:
    refused(capsys, tmp_path, tmp_path / "nowhere.mp4", "no such file")


def test_directory_without_images(capsys, tmp_path) -> None:
    folder = tmp_path / "empty_folder"
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing to see")
    refused(capsys, tmp_path, folder, "no image")


def test_folder_without_fps(capsys, tmp_path) -> None:
    refused(capsys, tmp_path, media.write_images(tmp_path / "frames", ["a1.png", "a2.png"]), "--fps")


def test_empty_file(capsys, tmp_path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    refused(capsys, tmp_path, path, "empty")


def test_text_renamed_to_mp4(capsys, tmp_path) -> None:
    path = tmp_path / "letter.mp4"
    path.write_text("Dear Sir or Madam,\n" * 200)
    refused(capsys, tmp_path, path, "not a video")


def test_audio_only(capsys, tmp_path) -> None:
    refused(capsys, tmp_path, media.write_video(tmp_path / "song.mp4", 0, audio=True), "only sound")


def test_truncated_mp4_reports_what_there_is(capsys, tmp_path) -> None:
    whole = media.moov_first(tmp_path / "whole.mp4", frames=faces(60), width=320, height=240)
    found = reported(capsys, tmp_path, media.truncate(whole, tmp_path / "cut.mp4", 0.6), "ends early")
    assert 5 < found["n_frames"] < 60


def test_truncated_mp4_without_its_index_is_refused(capsys, tmp_path) -> None:
    whole = media.write_video(tmp_path / "whole.mp4", 30)
    refused(capsys, tmp_path, media.truncate(whole, tmp_path / "cut.mp4", 0.5))


def test_one_frame(capsys, tmp_path) -> None:
    path = media.write_video(tmp_path / "still.mp4", frames=faces(1), width=320, height=240)
    found = reported(capsys, tmp_path, path)
    assert found["n_frames"] == 1
    assert found["face"] is not None


def test_sixteen_pixels(capsys, tmp_path) -> None:
    reported(capsys, tmp_path, media.write_video(tmp_path / "tiny.mp4", 10, width=16, height=16), "no face")


def test_four_k(capsys, tmp_path) -> None:
    path = media.write_video(tmp_path / "huge.mp4", frames=faces(4, 3840, 2160), width=3840, height=2160)
    found = reported(capsys, tmp_path, path)
    assert found["face"]["found_fraction"] == 1.0
    assert found["face"]["width_px"] > 400


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("grey", {"codec": "ffv1", "pix_fmt": "gray"}),
        ("ten_bit", {"codec": "ffv1", "pix_fmt": "yuv420p10le"}),
        ("full_range", {"codec": "ffv1", "pix_fmt": "yuv444p"}),
    ],
)
def test_pixel_formats(capsys, tmp_path, name: str, how: dict) -> None:
    path = media.write_video(tmp_path / f"{name}.mkv", frames=faces(12), width=320, height=240, **how)
    assert reported(capsys, tmp_path, path)["face"]["found_fraction"] == 1.0


def test_variable_rate_keeps_its_times(capsys, tmp_path) -> None:
    times = np.cumsum(np.where(np.arange(24) % 3 == 0, 0.08, 0.02)) - 0.08
    path = media.write_video(
        tmp_path / "phone.mp4", frames=faces(24), width=320, height=240, times=list(times),
        time_base=Fraction(1, 1000),
    )  # fmt: skip
    found = reported(capsys, tmp_path, path)
    assert found["duration_s"] == pytest.approx(times[-1] - times[0], abs=0.1)


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_rotated_by_metadata(capsys, tmp_path, angle: int) -> None:
    stored = [np.ascontiguousarray(np.rot90(f, -angle // 90)) for f in faces(6)]
    height, width = stored[0].shape[:2]
    path = media.write_video(
        tmp_path / "turned.mp4", frames=stored, width=width, height=height, rotation=angle
    )
    assert reported(capsys, tmp_path, path)["face"]["found_fraction"] == 1.0


def test_images_of_mixed_sizes(capsys, tmp_path) -> None:
    folder = media.write_images(tmp_path / "mixed", ["f1.png", "f2.png"])
    media.write_images(folder, ["f3.png"], width=48, height=32)
    status, _, err = run(capsys, "analyze", folder, "--fps", 100, "-o", tmp_path / "out", "--quiet")
    assert status == 2
    assert "f3.png" in err
    assert len(err.strip().splitlines()) == 1


def test_gap_in_the_numbering(capsys, tmp_path) -> None:
    folder = media.write_images(tmp_path / "frames", [f"img{i}.png" for i in (1, 2, 3, 7, 8, 10)])
    reported(capsys, tmp_path, folder, "img3", options=("--fps", 100))


def test_two_inputs_with_one_stem(capsys, tmp_path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.mkdir()
    paths = [media.write_video(d / "clip.mp4", 6) for d in (a, b)]
    status, _, _ = run(capsys, "analyze", *paths, "-o", tmp_path / "out", "--quiet")
    assert status == 0
    folders = sorted(p.name for p in (tmp_path / "out").iterdir() if p.is_dir())
    assert len(folders) == 2
    assert (tmp_path / "out" / "summary.csv").exists()


def test_a_bad_video_does_not_stop_the_others(capsys, tmp_path) -> None:
    good = media.write_video(tmp_path / "good.mp4", 6)
    status, _, err = run(capsys, "analyze", tmp_path / "no.mp4", good, "-o", tmp_path / "out", "--quiet")
    assert status == 2
    assert "no.mp4" in err
    assert (tmp_path / "out" / "good" / "report.html").exists()


def test_unreadable_file(capsys, tmp_path, monkeypatch) -> None:
    path = media.write_video(tmp_path / "secret.mp4", 6)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: make the system say no instead
        import builtins

        true_open = builtins.open

        def no(file, *args, **kwargs):
            if str(file) == str(path):
                raise PermissionError(13, "Permission denied", str(path))
            return true_open(file, *args, **kwargs)

        monkeypatch.setattr(builtins, "open", no)
        monkeypatch.setattr(Path, "open", lambda self, *args, **kwargs: no(self, *args, **kwargs))
    refused(capsys, tmp_path, path, "permission")


def test_unwritable_output(capsys, tmp_path) -> None:
    path = media.write_video(tmp_path / "good.mp4", 6)
    blocked = tmp_path / "file"
    blocked.write_text("a file stands where the folder should be")
    status, _, err = run(capsys, "analyze", path, "-o", blocked / "out", "--quiet")
    assert status == 2
    assert "file" in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "options", [("--face", "-1"), ("--flow", "raft"), ("--fps", "0"), ("--sensitivity", "nan")]
)
def test_absurd_options(capsys, tmp_path, options: tuple) -> None:
    path = media.write_video(tmp_path / "good.mp4", 6)
    status, _, err = run(capsys, "analyze", path, "-o", tmp_path / "out", "--quiet", *options)
    assert status == 2
    assert err.strip()
    assert not (tmp_path / "out" / "good" / "report.html").exists()


def test_a_face_that_is_not_there_is_said(capsys, tmp_path) -> None:
    path = media.write_video(tmp_path / "one.mp4", frames=faces(8), width=320, height=240)
    reported(capsys, tmp_path, path, "face 3", options=("--face", 3))


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_keeps_what_is_done(tmp_path) -> None:
    short = media.write_video(tmp_path / "short.mp4", 6)
    long = media.write_video(
        tmp_path / "long.mp4", frames=(f for _ in range(25) for f in faces(20)), width=320, height=240
    )
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "merkit", "analyze", str(short), str(long), "-o", str(out), "--quiet"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    limit = time.monotonic() + 60
    while not (out / "short" / "report.html").exists() and time.monotonic() < limit:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert (out / "short" / "report.html").exists()
    assert not list(out.rglob("*.part")) + list(out.rglob("*.tmp"))
    assert not (out / "long" / "report.html").exists()
