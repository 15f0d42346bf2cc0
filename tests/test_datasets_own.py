"""A user's own clips: manifests and folders by class; and the list of all datasets."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from merkit.cli.main import main
from merkit.clips import ClipTable
from merkit.datasets import get_dataset, list_datasets, read_dataset
from merkit.errors import AnnotationError, ConfigError, DataError
from merkit.video import VideoWriter


def save_frames(folder: Path, numbers: range = range(5, 15)) -> Path:
    folder.mkdir(parents=True)
    for number in numbers:
        Image.new("L", (8, 6), number).save(folder / f"img{number}.png")
    return folder


def save_video(path: Path, n: int = 12) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, fps=25) as writer:
        for number in range(n):
            writer.write(np.full((32, 32, 3), 20 * number, np.uint8))
    return path


class TestManifest:
    def test_folders_and_videos_beside_each_other(self, tmp_path: Path) -> None:
        save_frames(tmp_path / "a" / "clip1")
        save_video(tmp_path / "b.mp4")
        (tmp_path / "manifest.csv").write_text(
            "path,subject,Emotion,Onset,apex frame,offset,AUs,fps,start,stop,site\n"
            "a/clip1,p1,happy,6,8,11,6+L12,100,,,north\n"
            "b.mp4,p2,fear,3,,9,,,2,10,\n"
        )
        clips = read_dataset("manifest", tmp_path, fps=25.0)
        first, second = clips
        assert (first.id, first.subject, first.emotion, first.fps) == ("clip1", "p1", "happy", 100)
        assert first.aus == ("6", "L12")
        assert first.frames[:, 0, 0].tolist() == [6, 7, 8, 9, 10, 11]
        assert (second.id, second.fps, second.apex) == ("b", 25, None)
        assert second.source.numbers == tuple(range(2, 10))
        assert len(second.frames) == 7
        assert clips.frame["site"].tolist() == ["north", None]

    def test_manifest_may_be_named_and_lie_elsewhere(self, tmp_path: Path) -> None:
        save_frames(tmp_path / "clips" / "x")
        path = tmp_path / "clips" / "mine.csv"
        path.write_text("folder,label\nx,happy\n")
        for clips in (read_dataset("manifest", path), read_dataset("manifest", tmp_path, table=path)):
            assert clips.labels().tolist() == ["happy"]
            assert clips[0].n_frames == 10

    def test_datasets_of_the_lines_are_kept(self, tmp_path: Path) -> None:
        (tmp_path / "manifest.csv").write_text("path,dataset,subject\na,casme2,1\nb,,1\n")
        assert read_dataset("manifest", tmp_path).groups().tolist() == ["casme2/1", "manifest/1"]

    def test_what_is_not_there_is_not_found(self, tmp_path: Path) -> None:
        (tmp_path / "manifest.csv").write_text("path\nnowhere\n")
        clips = read_dataset("manifest", tmp_path)
        assert clips.frame["found"].tolist() == [False]
        with pytest.raises(DataError, match="nowhere"):
            _ = clips[0].frames

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("id,subject\nx,1\n", "no line is a heading"),
            ("path,subject\n,1\n", "row 0: has no path"),
            ("path,fps\nx,fast\n", "row 0: fps is 'fast'"),
            ("path,onset\nx,early\n", "row 0: 'early' is no frame number"),
        ],
    )
    def test_wrong_lines_are_named(self, tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "manifest.csv").write_text(text)
        with pytest.raises(DataError, match=message):
            read_dataset("manifest", tmp_path)

    def test_saved_and_loaded_again(self, tmp_path: Path) -> None:
        save_frames(tmp_path / "x")
        (tmp_path / "manifest.csv").write_text("path,onset\nx,6\nnowhere,1\n")
        read_dataset("manifest", tmp_path).save(tmp_path / "saved")
        again = ClipTable.load(tmp_path / "saved")
        assert again[0].n_frames == 9
        assert again.frame["found"].tolist() == [True, False]


class TestFolders:
    def test_clips_by_class_with_the_person_in_the_name(self, tmp_path: Path) -> None:
        save_frames(tmp_path / "happy" / "p01_a")
        save_frames(tmp_path / "happy" / "p02-b")
        save_frames(tmp_path / "fear" / "p01_c")
        clips = read_dataset("folders", tmp_path, fps=200.0)
        assert clips.labels().tolist() == ["fear", "happy", "happy"]
        assert clips.frame["subject"].tolist() == ["p01", "p01", "p02"]
        assert clips.frame["id"].tolist() == ["fear/p01_c", "happy/p01_a", "happy/p02-b"]
        assert clips[0].fps == 200
        assert clips[0].n_frames == 10

    def test_people_as_folders_and_videos(self, tmp_path: Path) -> None:
        save_frames(tmp_path / "happy" / "anna" / "one")
        save_video(tmp_path / "happy" / "ben" / "two.mp4")
        clips = read_dataset("folders", tmp_path, fps=50.0)
        assert clips.frame["subject"].tolist() == ["anna", "ben"]
        assert clips.frame["id"].tolist() == ["happy/anna/one", "happy/ben/two"]
        assert [clip.n_frames for clip in clips] == [10, 12]

    def test_own_expression_for_the_person(self, tmp_path: Path) -> None:
        save_frames(tmp_path / "happy" / "take3.person7")
        clips = read_dataset("folders", tmp_path, fps=50.0, subject=r"person(\d+)")
        assert clips.frame["subject"].tolist() == ["7"]

    def test_a_name_without_person_is_said(self, tmp_path: Path) -> None:
        save_frames(tmp_path / "happy" / "clip1")
        assert "nobody knows whose" in read_dataset("folders", tmp_path, fps=50.0).frame["faults"][0]

    def test_images_need_a_rate_videos_do_not(self, tmp_path: Path) -> None:
        save_video(tmp_path / "happy" / "a_1.mp4")
        assert len(read_dataset("folders", tmp_path)) == 1
        save_frames(tmp_path / "happy" / "a_2")
        with pytest.raises(ConfigError, match="give it with fps="):
            read_dataset("folders", tmp_path)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"fps": 0.0}, "expected a number above 0"),
            ({"subject": "p("}, "no regular expression"),
            ({"subject": "p"}, "has no group"),
            ({"fsp": 20.0}, "did you mean 'fps'"),
        ],
    )
    def test_wrong_options(self, tmp_path: Path, options: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            read_dataset("folders", tmp_path, **options)

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no clips; expected <class>/<clip>/"):
            read_dataset("folders", tmp_path, fps=25.0)


NAMES = [
    "4dme",
    "casme",
    "casme-sq",
    "casme2",
    "casme3-a",
    "casme3-c",
    "dfme",
    "folders",
    "manifest",
    "megc2019-features",
    "megc2019-flow",
    "megc2019-flow-phases",
    "mmew",
    "samm",
    "samm-lv",
    "smic-hs",
    "smic-hs-long",
    "smic-nir",
    "smic-vis",
]


class TestList:
    def test_every_dataset_of_the_contract_is_there(self) -> None:
        assert list_datasets() == NAMES

    def test_command_lists_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["datasets", "list"]) == 0
        out = capsys.readouterr().out
        assert all(name in out for name in NAMES)

    def test_json_and_pattern(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["datasets", "list", "casme3*", "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert [item["name"] for item in listed] == ["casme3-a", "casme3-c"]
        assert listed[0]["summary"] == get_dataset("casme3-a").summary

    def test_misspelt_name_gets_the_nearest(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["datasets", "list", "cazme2"]) == 2
        assert "did you mean 'casme2'" in capsys.readouterr().err

    def test_the_page_of_datasets_has_every_name_and_option(self) -> None:
        page = (Path(__file__).parent.parent / "docs" / "datasets.md").read_text(encoding="utf-8")
        lines = [line for line in page.splitlines() if line.startswith("| `")]
        for name in NAMES:
            (line,) = [line for line in lines if f"`{name}`" in line.split("|")[1]]
            for option in inspect.signature(get_dataset(name).reader).parameters:
                if option not in ("root", "repair", "table"):
                    assert f"`{option}`" in line, (name, option)

    def test_every_summary_is_one_short_line(self) -> None:
        for name in list_datasets():
            assert 10 < len(get_dataset(name).summary) < 110


def test_wrong_marks_in_own_clips_are_said(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("path,onset,apex,offset\nx,9,5,20\n")
    clips = read_dataset("manifest", tmp_path)
    assert clips.frame["apex_reason"][0] == "apex 5 lies before onset 9"
    with pytest.raises(AnnotationError):
        clips.labels("emotion")
