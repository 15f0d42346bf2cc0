"""``merkit methods``: every registered method is listed with what is needed to choose it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from merkit.cli.main import main
from merkit.cli.methods import count_parameters
from merkit.methods import create_network, list_methods, list_networks
from merkit.methods.registry import get_method


def printed(capsys, *words: str) -> str:
    assert main(["methods", *words]) == 0
    return capsys.readouterr().out


def test_the_table_names_every_method_and_configuration(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    told = printed(capsys)
    for name in list_methods():
        assert name in told
        assert all(config in told for config in get_method(name).configs)


def test_json_says_of_each_what_it_is(capsys):
    about = {one["name"]: one for one in json.loads(printed(capsys, "--json"))}
    assert list(about) == list_methods()
    assert about["flow-svm"]["kind"] == "classical"
    assert about["flow-svm"]["requires"] == ["flow_map or frames"]
    assert about["flow-svm"]["shipped"] is True
    assert about["flow-svm"]["parameters"] is None
    assert "small" in about["descriptor-svm"]["configurations"]
    networks = {name for name, one in about.items() if one["kind"] == "network"}
    assert networks == set(list_networks()) & set(about)
    assert all(about[name]["paper"] for name in networks)


def test_a_pattern_shows_some(capsys):
    assert [one["name"] for one in json.loads(printed(capsys, "*-svm", "--json"))] == list_methods("*-svm")


def test_one_method_is_told_with_all_its_settings_and_its_claim_sheet(capsys):
    told = printed(capsys, "flow-svm")
    assert "target_accuracy" in told
    assert "# flow-svm: claim sheet and model card" in told
    one = json.loads(printed(capsys, "descriptor-svm", "--json"))
    assert one["settings"]["published"]["descriptor"] == "lbp-top"
    assert one["settings"]["small"]["descriptor"] == "hoof"
    assert one["claim_sheet"].startswith("# descriptor-svm: claim sheet")


@pytest.mark.parametrize("name", sorted(set(list_networks()) & set(list_methods())))
def test_parameters_are_those_of_the_real_network(name):
    network = create_network(name, config="small", num_classes=3)
    assert count_parameters(name, "small") == sum(part.numel() for part in network.parameters())


def test_parameters_are_shown_when_asked_for(capsys):
    one = json.loads(printed(capsys, "akmnet", "--parameters", "--json"))
    # As in the claim sheet.
    assert one["parameters"]["published"] == 11_295_940
    assert "11,295,940" in printed(capsys, "akmnet", "--parameters")


@pytest.mark.parametrize(("word", "nearest"), [("flow-smv", "flow-svm"), ("x-*-y", None)])
def test_a_name_that_matches_nothing_gets_the_nearest(word, nearest, capsys):
    assert main(["methods", word]) == 2
    told = capsys.readouterr().err
    assert "no method is named like" in told
    assert nearest is None or f"did you mean '{nearest}'" in told


def test_the_table_needs_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from merkit.cli.main import main; main(['methods']); "
        "print([m for m in ('torch', 'sklearn', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
