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
    assert {"scores", "maps", "frames", "ablation", "speed", "memory"} <= set(fill.marked(page))
    assert fill.filled(page) == page
    for sheet, methods in fill.SHEETS.items():
        text = sheet.read_text(encoding="utf-8")
        assert "scores" in fill.marked(text)
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


def test_parts_of_a_method_are_compared_with_the_whole(fill, monkeypatch):
    ci95 = {"uf1": [0.7, 0.9], "uar": [0.6, 0.8]}
    row = {"n": 144, "uar": 0.75, "ci95": ci95, "per_seed": {"uf1": [0.8, 0.9]}, "fold_s": 61.2}
    rows = [{**row, "variant": "as it is", "uf1": 0.85}, {**row, "variant": "no ear", "uf1": 0.8}]
    result = {"people": 12, "groups": 6, "rows": rows}
    monkeypatch.setattr(fill, "newest", lambda name: (result, f"[{name}](benchmarks/results/{name}.json)"))
    told = fill.parts("sma-stn")
    assert "[ablation_sma_stn](../../../../benchmarks/results/ablation_sma_stn.json)" in told
    assert "| as it is | 0.850 (0.70 to 0.90) | 0.800 0.900 | 0.750 (0.60 to 0.80) |  | 61 |" in told
    assert "| no ear | 0.800 (0.70 to 0.90) | 0.800 0.900 | 0.750 (0.60 to 0.80) | -0.050 | 61 |" in told


def test_units_are_shown_beside_what_knows_nothing(fill, monkeypatch):
    row = {"unit": "AU4", "clips": 9, "f1": 0.8, "f1_always": 0.3, "inside": 0.7, "untrained": 0.2}
    result = {
        "people": 12, "groups": 6, "levels": {"easy": [row]},
        "silhouettes": {"easy": {"with": [0.5, 0.7], "without": [0.1, 0.3]}},
        "uf1_true_units": {"easy": 0.96},
    }  # fmt: skip
    monkeypatch.setattr(fill, "newest", lambda name: (result, "[x](benchmarks/results/x.json)"))
    told = fill.units()
    assert "| easy | AU4 | 9 | 0.80 | 0.30 | 0.70 | 0.20 |" in told
    assert "by unit: easy 0.600 with the clustering loss, 0.200 without." in told
    assert "has UF1 easy 0.960" in told


def test_starts_are_shown_one_under_the_other(fill, monkeypatch):
    row = {
        "level": "medium", "method": "akmnet", "settings": "small", "n": 72, "uf1": 0.7, "uar": 0.75,
        "ci95": {"uf1": [0.6, 0.8], "uar": [0.6, 0.9]}, "per_seed": {"uf1": [0.6, 0.8]},
    }  # fmt: skip
    rows = [{**row, "from": "nothing"}, {**row, "from": "simulated clips", "uf1": 0.8}]
    result = {"rows": rows, "size": 128, "people": 6}
    monkeypatch.setattr(fill, "newest", lambda name: (result, f"[{name}](benchmarks/results/x.json)"))
    told = fill.starts().splitlines()
    assert told[:2] == [
        "SynthME-1, 128 px, three classes, 6 people, leave one subject out; "
        "the others who are learnt from first",
        "are of the same level ([pretraining](../benchmarks/results/x.json)):",
    ]
    same = "| 0.600 0.800 | 0.750 (0.60 to 0.90) |"
    assert told[-2] == f"| medium | `akmnet` | `small` | nothing | 0.700 (0.60 to 0.80) {same}"
    assert told[-1] == f"| medium | `akmnet` | `small` | simulated clips | 0.800 (0.60 to 0.80) {same}"


def test_starts_on_flow_maps_say_of_whom_they_are(fill, monkeypatch):
    row = {
        "method": "strcn-g", "settings": "map28", "from": "nothing", "n": 442, "subjects": 68, "uf1": 0.7,
        "uar": 0.75, "ci95": {"uf1": [0.6, 0.8], "uar": [0.6, 0.9]}, "per_seed": {"uf1": [0.7]},
    }  # fmt: skip
    result = {"rows": [row, {**row, "from": "simulated clips"}], "groups": 10}
    monkeypatch.setattr(fill, "newest", lambda name: (result, f"[{name}](benchmarks/results/x.json)"))
    told = fill.map_starts()
    assert "442 recorded clips of 68 people" in told
    assert "in 10 groups of people" in told
    assert "([pretraining_maps](../benchmarks/results/x.json))" in told
    assert told.splitlines()[-1] == (
        "| `strcn-g` | `map28` | simulated clips | 0.700 (0.60 to 0.80) | 0.700 | 0.750 (0.60 to 0.90) |"
    )


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
