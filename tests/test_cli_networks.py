"""The networks from the command line: raw frames of a native tree to metrics, nothing prepared before."""

from __future__ import annotations

import json

import pytest

from merkit.cli.main import main
from merkit.simulate.native import write_tree

TINY = {
    "akmnet": ["widths=[4,4,4,4]", "hidden=2", "alpha=0"],
    "fal-convlstm": ["size=32", "widths=[4,4,4,4]", "features=4", "hidden=2", "length=3"],
    "mersiamc3d": ["size=24", "widths=[4,4,4,4]", "prior_epochs=1", "pairs=8", "jittered=0"],
    "sma-stn": ["size=32", "widths=[4,4,4]", "realisations=1"],
    "strcn-a": ["width=4", "copies=1", "alpha=0"],
    "strcn-g": ["width=4", "shape=[68,66]", "flow=dis"],
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return write_tree("casme2", tmp_path_factory.mktemp("casme2"), clips=12, size=48)


@pytest.mark.parametrize("name", TINY)
def test_a_network_goes_from_a_native_tree_to_metrics(name, tree, tmp_path, monkeypatch):
    monkeypatch.setenv("MERKIT_CACHE", str(tmp_path / "cache"))
    settings = [
        word
        for setting in [*TINY[name], "face=whole", "head=keep", "epochs=1"]
        for word in ("--set", setting)
    ]
    status = main(
        ["evaluate", name, "--config", "small", "--data", f"casme2={tree}", "--protocol",
         "casme2-4class-2fold", "--engine", "serial", "-o", str(tmp_path / "run"), *settings]
    )  # fmt: skip
    assert status == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text("utf-8"))
    assert metrics["leak_free"]
    assert metrics["overall"]["n"] == 12
    assert metrics["classes"] == ["positive", "negative", "surprise", "others"]
