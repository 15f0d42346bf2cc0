"""The page on evaluation: its figures are those of the newest results, and its examples run."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "evaluation.md").read_text(encoding="utf-8")


def test_figures_are_those_of_the_newest_results(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    try:
        page = importlib.import_module("fill_evaluation")
        assert page.filled(PAGE) == PAGE
    finally:
        for name in ("fill_evaluation", "fill_figures"):
            sys.modules.pop(name, None)


def test_options_and_names_of_the_page_exist(capsys):
    import merkit
    from merkit.cli.main import main

    for command in ("evaluate", "compare"):
        assert main([command, "--help"]) == 0
    told = capsys.readouterr().out
    for option in set(re.findall(r"`(--[a-z-]+)", PAGE)):
        assert option in told, option
    for name in set(re.findall(r"merkit\.([a-z_]+)\(", PAGE)):
        assert name in merkit.__all__
