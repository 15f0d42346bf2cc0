"""Every registered method keeps the interface, and wrong names get the nearest right one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import pytest

import merkit.methods.registry as registry
from merkit.errors import ConfigError, DataError
from merkit.methods import Recognizer, create_recognizer, list_methods, load_recognizer, load_shipped
from merkit.methods.registry import get_method, register, shipped_folder

METHODS_FOLDER = Path(registry.__file__).parent


def test_methods_are_listed_by_pattern():
    assert "flow-svm" in list_methods()
    assert "flow-svm" in list_methods("*svm")
    assert list_methods("no-such-*") == []
    assert list_methods() == sorted(list_methods())


def test_every_recognizer_file_is_registered():
    # A method's folder without its line in the registry would be invisible.
    files = {
        "merkit.methods." + ".".join(path.relative_to(METHODS_FOLDER).with_suffix("").parts)
        for path in METHODS_FOLDER.glob("*/**/recognizer.py")
    }
    assert files == set(registry._MODULES)


@pytest.mark.parametrize("name", list_methods())
def test_every_method_keeps_the_interface(name: str):
    method = get_method(name)
    model = create_recognizer(name)
    assert isinstance(model, method.recognizer)
    assert model.name == name
    needed = {name for each in model.requires for name in each.split(" or ")}
    assert needed <= {"frames", "flow_map", "sequence", "apex", "aus"}
    verbs = [verb for verb, value in vars(Recognizer).items() if not verb.startswith("_") and callable(value)]
    assert {"fit", "predict_proba", "predict", "explain", "save"} <= set(verbs)
    for verb in (*verbs, "load"):
        assert callable(getattr(model, verb))


@pytest.mark.parametrize("name", list_methods())
def test_every_method_has_a_frozen_config_and_a_claim_sheet(name: str):
    method = get_method(name)
    assert is_dataclass(method.config)
    assert method.config.__dataclass_params__.frozen
    assert all(field.name.islower() for field in fields(method.config))
    assert method.summary
    sheet = Path(sys.modules[method.recognizer.__module__].__file__).parent / "README.md"
    assert sheet.is_file()


def test_unknown_names_and_settings_get_the_nearest_match():
    with pytest.raises(ConfigError, match=r"unknown method 'flow-smv' \(did you mean 'flow-svm'\?\)"):
        create_recognizer("flow-smv")
    with pytest.raises(ConfigError, match=r"no setting 'gird' \(did you mean 'grid'\?\)"):
        create_recognizer("flow-svm", gird=7)
    with pytest.raises(ConfigError, match="grid=99"):
        create_recognizer("flow-svm", grid=99)


def test_settings_reach_the_recognizer():
    assert create_recognizer("flow-svm", grid=7, c=0.5).config.c == 0.5


@dataclass(frozen=True)
class _Config:
    width: int = 64
    depth: int = 4


def test_named_configurations_set_what_they_say(monkeypatch):
    monkeypatch.setattr(registry, "_METHODS", dict(registry._METHODS))

    @register("wide", config=_Config, summary="for this test", configs={"small": {"width": 8}})
    class Wide:
        def __init__(self, config):
            self.config = config

    assert (
        create_recognizer("wide").config == create_recognizer("wide", config="published").config == _Config()
    )
    assert create_recognizer("wide", config="small").config == _Config(width=8)
    assert create_recognizer("wide", config="small", depth=2, width=9).config == _Config(9, 2)
    with pytest.raises(ConfigError, match=r"'smal' \(did you mean 'small'\?\): allowed are published, small"):
        create_recognizer("wide", config="smal")
    assert evaluate_config("wide", "small") == {"width": 8, "depth": 4}


def evaluate_config(name: str, config: str) -> dict:
    """The settings that a run with a named configuration records."""
    from merkit.evaluation.job import Method
    from merkit.evaluation.run import settings_in_use

    recipe = Method(name, config=config)
    return settings_in_use(recipe.make(), recipe)


def test_wrong_configurations_are_refused_when_a_method_is_registered():
    for configs, message in (
        ({"published": {}}, "'published' is the defaults"),
        ({"small": {"widht": 8}}, "sets 'widht', which is no setting"),
    ):
        with pytest.raises(ConfigError, match=message):
            register("wrong", config=_Config, summary="", configs=configs)


@pytest.mark.parametrize("name", list_methods())
def test_every_named_configuration_can_be_created(name: str):
    method = get_method(name)
    assert next(iter(method.configs)) == "published"
    for config in method.configs:
        create_recognizer(name, config=config)
    # These are parameters of create_recognizer itself.
    assert not {"name", "config"} & {field.name for field in fields(method.config)}


def test_two_methods_cannot_share_a_name():
    with pytest.raises(ConfigError, match="FlowSVM has it"):

        @register("flow-svm", config=dict, summary="an impostor")
        class Impostor:
            pass

    assert get_method("flow-svm").recognizer.__name__ == "FlowSVM"


def test_a_method_without_weights_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_SHIPPED", tmp_path)
    with pytest.raises(ConfigError, match="ships no trained flow-svm"):
        load_shipped("flow-svm")


def test_a_saved_model_is_loaded_by_the_method_that_its_card_names():
    model = load_recognizer(shipped_folder("flow-svm"))
    assert type(model) is get_method("flow-svm").recognizer
    assert model.classes_.tolist() == ["negative", "positive", "surprise"]


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (None, "no card.json here, so no model"),
        ("{", "not the card of a model"),
        ("[]", "not the card of a model"),
        ('{"method": "flow-swm"}', "unknown method 'flow-swm' \\(did you mean 'flow-svm'"),
        ('{"method": "flow-svm", "format": 1, "classes": ["a", "b"]}', "no model.npz here; copy the whole"),
        ('{"method": "akmnet", "kind": "pretrained"}', "pre-trained weights, not a recognizer"),
    ],
)
def test_a_folder_without_a_sound_model_gets_one_line(card, message, tmp_path):
    if card is not None:
        (tmp_path / "card.json").write_text(card)
    with pytest.raises(DataError, match=message) as refused:
        load_recognizer(tmp_path)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        load_recognizer(tmp_path / "absent")


def test_listing_and_loading_need_neither_torch_nor_scikit_learn():
    code = (
        "import sys; from merkit.methods import list_methods, load_shipped; list_methods(); "
        "load_shipped('flow-svm'); "
        "print([m for m in ('torch', 'sklearn', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
