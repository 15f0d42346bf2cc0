"""The page on networks: figures are those of the newest results, examples run, tables are whole."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from merkit.methods import list_networks
from merkit.pretraining.pictures import USUAL

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def page() -> str:
    return (DOCS / "networks.md").read_text(encoding="utf-8")


@pytest.fixture
def fill(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    yield importlib.import_module("fill_networks")
    for name in ("fill_networks", "fill_evaluation", "fill_figures"):
        sys.modules.pop(name, None)


def test_figures_are_those_of_the_newest_results(page, fill):
    assert fill.filled(page) == page
    for sheet, methods in fill.SHEETS.items():
        text = sheet.read_text(encoding="utf-8")
        assert fill.filled_sheet(text, methods) == text


def result_of(card: bool) -> dict:
    """A result file's content: two rows of one clip, with and without a graphics card."""
    case = {"network": "akmnet", "config": "small", "input": "1×64×64", "frames": 16}
    rows = [
        {
            **case,
            "parameters": 719605,
            "threads": n,
            "forward_ms": 20.4 / n,
            "step_ms": 72.0,
            "one_by_one_ms": 91,
        }
        for n in (2, 1)
    ]
    memory = [
        {**case, "work": work, "before_mb": 300, "peak_mb": most}
        for work, most in (("inference", 320), ("training", 1348))
    ]
    shown = {"name": "Some Card", "rows": [{**rows[0], "step_ms": 1234.5}], "memory": memory}
    return {"repeats": 5, "rows": rows, "memory": memory, "card": shown if card else None}


@pytest.mark.parametrize("card", [False, True])
def test_times_and_memory_are_shown_by_threads_and_of_a_card_where_there_is_one(fill, monkeypatch, card):
    monkeypatch.setattr(fill, "newest", lambda name: (result_of(card), "[x](benchmarks/results/x.json)"))
    assert "| `akmnet`, small | 1×64×64 | 16 | 719,605 | 10 / 20 | 91 / 91 | 72 / 72 |" in fill.speed()
    assert ("on one Some Card" in fill.speed(), "1,234 | 1,348 MB |" in fill.speed()) == (card, card)
    assert "| `akmnet`, small | 1×64×64 | 16 | 320 MB | 1,348 MB |" in fill.memory()


def test_the_benchmark_measures_every_network(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS.parent / "benchmarks"))
    try:
        cases = importlib.import_module("network_speed").CASES
    finally:
        for name in ("network_speed", "common"):
            sys.modules.pop(name, None)
    assert {(n, size) for n in list_networks() for size in ("published", "small")} <= {
        (case.network, case.config) for case in cases
    }


def test_the_examples_run(page):
    found: dict = {}
    for block in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        exec(block, found)
    assert list_networks("strcn*") == ["strcn-a", "strcn-g"]
    assert found["speaks_for"].shape == (1, 300, 245)
    assert found["drops"].shape == (3, 300, 245)


def test_every_name_of_a_folder_is_in_the_table(page):
    rows = dict(re.findall(r"^\| (positive|negative|surprise|others) \| (.+) \|$", page, re.MULTILINE))
    told = {name: meant for meant, names in rows.items() for name in names.split(", ")}
    assert told == dict(USUAL)
