"""The page on the clip cache: its examples work, and its figures are those of the newest result."""

from __future__ import annotations

import importlib
import re
import runpy
import sys
from pathlib import Path

import pytest

from merkit.cli.main import main

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "cache.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_example_runs_as_it_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MERKIT_CLIP_CACHE", str(tmp_path))
    (example,) = blocks("python")
    file = tmp_path / "example.py"
    file.write_text(example, encoding="utf-8")
    runpy.run_path(str(file))
    assert capsys.readouterr().out == "difference []\n"


@pytest.mark.parametrize("line", [line for block in blocks("") for line in block.splitlines()])
def test_the_commands_have_the_options_that_are_typed(line, capsys):
    words = line.split()
    assert words[0] == "merkit"
    known = [word for word in words[1:3] if word in ("prepare", "evaluate", "cache", "clear", "verify")]
    main([*known, "--help"])
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert [word for word in words if word.startswith("-") and word not in shown] == []


def test_figures_are_those_of_the_newest_result(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    try:
        assert importlib.import_module("fill_cache").filled(PAGE) == PAGE
    finally:
        for name in ("fill_cache", "fill_evaluation", "fill_figures"):
            sys.modules.pop(name, None)
