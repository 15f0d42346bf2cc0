"""Files appear whole or not at all, and each refusal is one line."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from merkit.errors import DataError
from merkit.saving import remove_drafts, whole_folder, write_whole


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "choose an output"), (errno.EACCES, "choose an output")],
)
def test_a_failed_write_says_why_and_leaves_the_old_file(tmp_path, monkeypatch, number, word):
    target = tmp_path / "report.html"
    target.write_text("old")

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(DataError, match=word):
        write_whole(target, "new")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_an_interrupted_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "report.html", "new")
    assert list(tmp_path.iterdir()) == []


def test_many_writers_of_one_file_leave_one_whole_text(tmp_path):
    texts = [str(i) * 100_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_whole(tmp_path / "file.txt", text), texts * 4))
    assert (tmp_path / "file.txt").read_text() in texts
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"file\.txt: cannot be written, there is no folder .*absent"):
        write_whole(tmp_path / "absent" / "file.txt", "text")


def test_it_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    # Otherwise a machine that loses power leaves a named file without its content.
    done: list[str] = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append("sync"), sync(file)))
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("rename"), rename(*paths)))
    write_whole(tmp_path / "file.txt", "text")
    assert done == ["sync", "rename"]


def test_only_drafts_are_removed(tmp_path, monkeypatch):
    for name in (".bashrc", ".notes.part1.rar", "film.part", ".a-0123abcd.txt"):
        (tmp_path / name).touch()
    mine = set(tmp_path.iterdir())
    # A writer that is killed cannot take its draft away.
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    monkeypatch.setattr(os, "replace", lambda *_: os.rename(tmp_path / "absent", tmp_path / "anywhere"))
    for name in ("metrics.json", "README"):
        with pytest.raises(DataError):
            write_whole(tmp_path / name, "half")
    monkeypatch.undo()
    assert len(set(tmp_path.iterdir())) == len(mine) + 2
    remove_drafts(tmp_path)
    assert set(tmp_path.iterdir()) == mine


def test_a_folder_takes_the_place_of_the_one_before_with_all_that_is_in_it(tmp_path):
    for name in ("old.txt", "new.txt"):
        with whole_folder(tmp_path / "deep" / "model") as draft:
            assert not (tmp_path / "deep" / "model" / name).exists()
            (draft / name).write_text(name)
    assert [p.name for p in (tmp_path / "deep" / "model").iterdir()] == ["new.txt"]
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["model"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_a_folder_that_is_not_finished_leaves_the_one_before(tmp_path, error):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old.txt").touch()

    def write_half() -> None:
        with whole_folder(tmp_path / "model") as draft:
            (draft / "half.txt").touch()
            raise error

    with pytest.raises((KeyboardInterrupt, DataError)):
        write_half()
    assert [p.name for p in tmp_path.rglob("*")] == ["model", "old.txt"]


def test_a_folder_that_cannot_be_put_in_place_leaves_the_one_before(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old.txt").touch()
    rename = os.rename

    def refuse_the_new(source, target):
        if str(source).endswith(".part"):
            raise OSError(errno.EACCES, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse_the_new)
    with pytest.raises(DataError, match="permission denied"), whole_folder(tmp_path / "model") as draft:
        (draft / "new.txt").touch()
    assert [p.name for p in tmp_path.rglob("*")] == ["model", "old.txt"]


def test_what_a_killed_writer_of_a_folder_left_is_removed(tmp_path):
    with whole_folder(tmp_path / "model") as draft:
        # As it is when the machine stops here.
        shutil.copytree(draft, left := draft.with_name(draft.name.replace("model", "other")))
        (left / "half.txt").touch()
    remove_drafts(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["model"]
