"""The page on descriptors: its figures are those of the newest results."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_figures_are_those_of_the_newest_results(monkeypatch):
    page = (DOCS / "descriptors.md").read_text(encoding="utf-8")
    monkeypatch.syspath_prepend(str(DOCS))
    try:
        assert importlib.import_module("fill_descriptors").filled(page) == page
    finally:
        for name in ("fill_descriptors", "fill_evaluation", "fill_figures"):
            sys.modules.pop(name, None)
