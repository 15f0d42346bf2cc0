"""What holds for every dataset: where its table and its frames are found, and what is left alone."""

from __future__ import annotations

import builtins
import csv
import importlib
import os
import shutil
from pathlib import Path

import cv2
import pytest
from openpyxl import load_workbook
from PIL import Image

from merkit.datasets import list_datasets, read_dataset
from merkit.datasets.annotation import TableForm
from merkit.datasets.tables import column_key
from merkit.errors import DataError
from merkit.simulate.native import list_layouts, write_tree
from merkit.video.sources import FolderFrames

# Those of MEGC2019 hold features; folders and manifests are the user's own.
RELEASES = [n for n in list_layouts() if not n.startswith("megc2019") and n not in ("folders", "manifest")]
FORMS = {
    "casme": "casme.TABLE",
    "casme2": "casme2.TABLE",
    "samm": "samm.TABLE",
    "samm-lv": "samm_lv.TABLE",
    "casme3-a": "casme3.PART_A",
    "casme3-c": "casme3.PART_C",
    "mmew": "mmew.TABLE",
    "4dme": "fourdme.TABLE",
    "dfme": "dfme.TABLE",
}
"""Datasets with a heading in their table, and where its description stands."""


def table_of(root: Path) -> Path | None:
    return next((p for p in sorted(root.rglob("*")) if p.suffix in (".xlsx", ".csv")), None)


def rows(table: Path) -> list[list[object]]:
    if table.suffix == ".csv":
        with table.open(newline="", encoding="utf-8") as file:
            return [list(row) for row in csv.reader(file)]
    book = load_workbook(table)
    return [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]


def write_csv(table: Path, cells: list[list[object]]) -> None:
    with table.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["" if cell is None else cell for cell in row] for row in cells])


def contents(name: str, root: Path) -> list[dict[str, object]]:
    frame = read_dataset(name, root).frame.drop(columns="table_file")
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def form_of(name: str) -> TableForm:
    module, _, constant = FORMS[name].partition(".")
    form: TableForm = getattr(importlib.import_module(f"merkit.datasets.{module}"), constant)
    return form


@pytest.mark.parametrize(
    "name", [name for name in RELEASES if name not in ("smic-hs", "smic-vis", "smic-nir")]
)
def test_a_csv_export_of_the_table_says_the_same(name, tmp_path):
    root = write_tree(name, tmp_path, clips=4, frames="none")
    table = table_of(root)
    before = contents(name, root)
    write_csv(table, rows(table))
    if table.suffix != ".csv":
        table.unlink()
    assert contents(name, root) == before


@pytest.mark.parametrize("name", FORMS)
def test_a_renamed_column_is_named_and_never_read_as_empty(name, tmp_path):
    root = write_tree(name, tmp_path, clips=2, frames="none")
    table = table_of(root)
    cells = rows(table)
    table.unlink()
    form = form_of(name)
    for headings in form.columns.values():
        wanted = {column_key(heading) for heading in headings.split("|")}
        changed = [
            [f"my {c}" if isinstance(c, str) and column_key(c) in wanted else c for c in row] for row in cells
        ]
        assert changed != cells
        write_csv(table, changed)
        with pytest.raises(
            DataError, match=f"missing: {headings.replace('|', ' or ')}; the nearest"
        ) as caught:
            read_dataset(name, root)
        assert "my " in str(caught.value)


@pytest.mark.parametrize("name", RELEASES)
def test_case_of_names_does_not_matter(name, tmp_path):
    root = write_tree(name, tmp_path / "as it is", clips=4, frames="marks", size=4)
    before = read_dataset(name, root).frame
    other = tmp_path / "other"
    shutil.copytree(root, other)
    for folder, folders, files in os.walk(other, topdown=False):
        for entry in (*folders, *files):
            mixed = "".join(c.upper() if n % 2 else c.lower() for n, c in enumerate(entry))
            Path(folder, entry).rename(Path(folder, mixed))
    after = read_dataset(name, other).frame
    assert after["found"].all()
    assert sorted(after["emotion"].dropna()) == sorted(before["emotion"].dropna())
    assert len(after) == len(before)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All datasets side by side, each in a folder of its own."""
    root = tmp_path_factory.mktemp("data")
    for name in RELEASES:
        write_tree(name, root / name, clips=4, frames="marks", size=4)
    return root


@pytest.mark.parametrize("name", RELEASES)
def test_a_root_above_several_datasets_gives_the_frames_of_the_one_asked_for(name, everything):
    clips = read_dataset(name, everything)
    assert len(clips) == 4
    assert clips.frame["found"].all()
    assert {Path(clip.paths[0]).relative_to(everything).parts[0] for clip in clips} == {name}


@pytest.mark.parametrize("name", [name for name in FORMS if name != "mmew"])
def test_a_root_that_lies_too_deep_names_the_one_above(name, everything):
    deep = next(path for path in sorted((everything / name).iterdir()) if path.is_dir())
    with pytest.raises(DataError, match=r" lies above, in .*; give that folder instead"):
        read_dataset(name, deep)


@pytest.mark.parametrize("name", [n for n in list_datasets() if n != "manifest" and "megc" not in n])
def test_a_file_is_no_root(name, tmp_path):
    path = tmp_path / "table.xlsx"
    path.touch()
    with pytest.raises(DataError, match="a file; give the folder into which"):
        read_dataset(name, path)


@pytest.mark.parametrize("name", [name for name in list_layouts() if "megc" not in name])
def test_reading_never_opens_a_picture(name, tmp_path, monkeypatch):
    root = write_tree(name, tmp_path, clips=4, frames="marks", size=4)
    opened = builtins.open

    def refuse(*args, **kwargs):
        raise AssertionError(f"a reader looked into {args[0]}")

    def guarded(file, *args, **kwargs):
        return refuse(file) if str(file).endswith((".jpg", ".png", ".bmp")) else opened(file, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", guarded)
    monkeypatch.setattr(Image, "open", refuse)
    monkeypatch.setattr(cv2, "imread", refuse)
    monkeypatch.setattr(FolderFrames, "files", property(refuse))
    clips = read_dataset(name, root, **({"fps": 100.0} if name == "folders" else {}))
    assert clips.frame["found"].all()
    with pytest.raises(AssertionError, match="looked into"):
        _ = clips[0].frames


def test_every_shared_table_is_read_by_a_test(real_data):
    named = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for table in (real_data / "annotations").iterdir():
        assert table.name == "README.md" or table.name in named, table.name
