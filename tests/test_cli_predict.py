"""``merkit predict``: class probabilities of clips by a saved model, never with the truth beside them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation_kit import flow_release, toy_table

from merkit.cli.main import main
from merkit.methods import create_recognizer, load_recognizer
from merkit.methods.baselines.flow_svm import recognizer as flow_svm
from merkit.video import VideoWriter


@pytest.fixture(scope="module")
def maps(tmp_path_factory) -> Path:
    return flow_release(tmp_path_factory.mktemp("maps"))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Trained on maps, on frames it takes whole pictures for the face."""
    table = toy_table()
    folder = tmp_path_factory.mktemp("model")
    create_recognizer("flow-svm", face="whole").fit(list(table), table.labels(), table.groups()).save(folder)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("MERKIT_CLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def moving(n: int = 7, size: int = 96) -> list[np.ndarray]:
    """Frames of a texture whose lower half rises by two pixels and comes back."""
    rng = np.random.default_rng(3)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (size, size)).astype(np.float32), (0, 0), 2)
    ground = (255 * (ground - ground.min()) / np.ptp(ground)).astype(np.float32)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    frames = []
    for k in range(n):
        shift = 2.0 * np.sin(np.pi * k / (n - 1)) * (y > size / 2)
        grey = cv2.remap(
            ground, x, y + shift.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        frames.append(np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2))
    return frames


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    with VideoWriter(path, fps=100, lossless=True) as writer:
        for frame in moving():
            writer.write(frame)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("frames")
    for k, frame in enumerate(moving()):
        cv2.imwrite(str(path / f"img{k + 10}.png"), frame)
    return path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_dataset_gives_a_row_a_clip_and_no_truth(maps, model, tmp_path, capsys):
    table = tmp_path / "out.csv"
    assert main(["predict", str(model), "--data", f"megc2019-flow={maps}", "-o", str(table)]) == 0
    assert "54 of 54 clips judged" in capsys.readouterr().out
    found = rows(table.read_text())
    assert list(found[0]) == [
        "sample_id", "dataset", "subject", "label", "abstained", "p_negative", "p_positive", "p_surprise",
    ]  # fmt: skip
    assert len(found) == 54
    assert found[0]["dataset"] in {"casme2", "smic-hs", "samm"}
    for row in found:
        chances = {name: float(row[f"p_{name}"]) for name in ("negative", "positive", "surprise")}
        assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
        assert row["label"] == max(chances, key=chances.get)


def test_rows_are_what_the_model_says(maps, model, capsys):
    from merkit import read_dataset

    assert main(["predict", str(model), "--data", f"megc2019-flow={maps}", "-o", "-"]) == 0
    found = rows(capsys.readouterr().out)
    clips = list(read_dataset("megc2019-flow", maps))
    recognizer = load_recognizer(model)
    chances = recognizer.predict_proba(clips)
    assert [row["sample_id"] for row in found] == [clip.id for clip in clips]
    np.testing.assert_allclose([float(row["p_surprise"]) for row in found], chances[:, 2], atol=1e-6)
    assert [row["abstained"] == "True" for row in found] == recognizer.abstains(chances).tolist()


def test_the_model_is_not_shown_what_was_annotated(maps, model, monkeypatch):
    seen = []
    predict = flow_svm.FlowSVM.predict_proba

    def watched(self, clips):
        seen.extend((clip.emotion, clip.aus, clip.objective_class) for clip in clips)
        return predict(self, clips)

    monkeypatch.setattr(flow_svm.FlowSVM, "predict_proba", watched)
    assert main(["predict", str(model), "--data", f"megc2019-flow={maps}", "-q"]) == 0
    assert set(seen) == {(None, (), None)}


def test_a_video_and_a_folder_of_the_same_frames_are_judged_alike(video, folder, model, capsys):
    assert main(["predict", str(model), str(video), str(folder), "--fps", "100", "-o", "-"]) == 0
    of_video, of_folder = rows(capsys.readouterr().out)
    assert (of_video["sample_id"], of_folder["sample_id"]) == (str(video), str(folder))
    for name in ("p_negative", "p_positive", "p_surprise"):
        assert float(of_video[name]) == pytest.approx(float(of_folder[name]), abs=1e-6)


def test_of_files_that_are_named_nothing_is_kept(video, model, cache):
    assert main(["predict", str(model), str(video), "-q"]) == 0
    assert not [file for file in cache.rglob("*") if file.is_file()]


def test_json_has_explanations_in_plain_lists(folder, model, capsys):
    assert main(["predict", str(model), str(folder), "--fps", "100", "--json"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 3
    document = json.loads(printed)
    assert (document["method"], document["classes"]) == ("flow-svm", ["negative", "positive", "surprise"])
    (clip,) = document["clips"]
    assert clip["label"] == max(clip["probabilities"], key=clip["probabilities"].get)
    told = clip["explanation"]
    assert np.shape(told["contributions"]["negative"]) == (10, 10)
    assert told["flow_map"] == "measured"
    assert 10 <= told["key_frames"]["apex"] <= 16


def test_a_table_is_for_readers(folder, model, capsys):
    assert main(["predict", str(model), str(folder), "--fps", "100"]) == 0
    told = capsys.readouterr().out
    assert "looks like" in told
    assert "surprise" in told


def test_a_clip_that_fails_does_not_stop_the_others(folder, model, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    words = ["predict", str(model), str(bad), str(tmp_path / "absent.mp4"), str(folder)]
    assert main([*words, "--fps", "100", "-o", "-"]) == 2
    printed = capsys.readouterr()
    assert [row["sample_id"] for row in rows(printed.out)] == [str(folder)]
    lines = printed.err.strip().splitlines()
    assert len(lines) == 2
    assert "bad.mp4" in lines[0]
    assert "absent.mp4" in lines[1]


def test_a_bug_in_one_clip_is_told_as_one(folder, model, monkeypatch, capsys):
    monkeypatch.setattr(flow_svm.FlowSVM, "predict_proba", lambda self, clips: 1 / 0)
    assert main(["predict", str(model), str(folder), "--fps", "100", "-o", "-"]) == 1
    assert "bug in merkit" in capsys.readouterr().err


def test_of_frames_that_are_all_the_same_it_is_not_sure(folder, model, tmp_path, capsys):
    for name, count in (("still", 5), ("single", 1)):
        (tmp_path / name).mkdir()
        for number in range(count):
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), moving()[0])
    assert main(["predict", str(model), str(tmp_path / "still"), str(folder), "--fps", "100", "--json"]) == 0
    still, other = json.loads(capsys.readouterr().out)["clips"]
    assert still["abstained"] is still["explanation"]["abstained"] is True
    assert other["abstained"] == other["explanation"]["abstained"]
    assert main(["predict", str(model), str(tmp_path / "single"), "--fps", "100"]) == 2
    assert "single: has a single frame, in which nothing moves" in capsys.readouterr().err


def test_a_long_video_is_sent_to_analyze(model, tmp_path, capsys):
    path = tmp_path / "long.mp4"
    with VideoWriter(path, fps=5) as writer:
        for _ in range(60):
            writer.write(np.zeros((32, 32, 3), np.uint8))
    assert main(["predict", str(model), str(path)]) == 2
    assert "merkit analyze --recognizer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], "give CLIPs, or --data"),
        (["a.mp4", "--data", "x=y"], "give CLIPs, or --data"),
        (["a.mp4", "-o", "-", "--json"], "choose one"),
    ],
)
def test_wrong_words_end_with_status_2_and_one_line(more, message, model, capsys):
    assert main(["predict", str(model), *more]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_a_folder_without_a_model_is_refused(tmp_path, capsys):
    assert main(["predict", str(tmp_path), "a.mp4"]) == 2
    assert "no card.json here" in capsys.readouterr().err
