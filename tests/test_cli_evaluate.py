"""``merkit evaluate`` from the command line, on made-up and on published flow maps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from evaluation_kit import flow_release

from merkit.cli.evaluate import _changed
from merkit.cli.main import main
from merkit.cli.settings import parse_data, parse_settings
from merkit.errors import ConfigError


@pytest.fixture(scope="module")
def maps(tmp_path_factory) -> Path:
    return flow_release(tmp_path_factory.mktemp("maps"))


def words(maps: Path, out: Path, *more: str) -> list[str]:
    return [
        "evaluate", "flow-svm", "--data", f"megc2019-flow={maps}", "--protocol", "megc2019",
        "--engine", "serial", "-o", str(out), *more,
    ]  # fmt: skip


def test_a_run_is_told_in_words_and_kept(maps, tmp_path, capsys):
    assert main(words(maps, tmp_path / "run")) == 0
    told = capsys.readouterr().out
    assert "54 clips, 9 subjects, 9 folds, 1 seed" in told
    assert "negative 18, positive 18, surprise 18" in told
    assert "settings seen on this benchmark" in told
    assert re.search(r"smic-hs +UF1 [01]\.\d{3} \[", told)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "predictions.csv", "metrics.json", "run.json", "plan.json", "folds",
    }  # fmt: skip


def test_runs_of_other_settings_lie_apart(maps, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = words(maps, Path())[:-2]
    assert re.fullmatch("[0-9a-f]{8}", _changed({"pretrained": "starts/x"}))
    assert re.fullmatch("[0-9a-f]{8}", _changed({"inner_folds": 3, "note": "x" * 50}))
    for more in ([], ["--set", "grid=7", "--set", "c=0.1"]):
        assert main([*asked, "--quiet", *more]) == 0
    made = {path.name for path in Path("merkit-out").iterdir()}
    assert made == {"flow-svm-c=0.1,grid=7-megc2019", "flow-svm-megc2019"}


def test_a_run_with_other_counts_than_the_published_is_told(maps, tmp_path, capsys):
    main(words(maps, tmp_path / "run"))
    assert "class counts differ from those of a complete copy" in capsys.readouterr().out


def test_json_is_metrics_json_and_nothing_else(maps, tmp_path, capsys):
    assert main(words(maps, tmp_path / "run", "--json", "--quiet", "--seeds", "2")) == 0
    printed = capsys.readouterr()
    assert printed.out == (tmp_path / "run" / "metrics.json").read_text()
    assert json.loads(printed.out)["seeds"] == [0, 1]
    assert printed.err == ""


def test_nested_selection_is_set_from_the_command_line(maps, tmp_path, capsys):
    assert main(words(maps, tmp_path / "run", "--set", "select=nested", "--set", "inner_folds=2")) == 0
    assert "settings chosen inside each training fold" in capsys.readouterr().out
    config = json.loads((tmp_path / "run" / "run.json").read_text())["config"]
    assert (config["select"], config["inner_folds"]) == ("nested", 2)


def test_the_organisers_list_is_compared_with(maps, tmp_path, capsys):
    with np.load(maps / "flow.npz") as stored:
        names, labels = stored["sample_id"].tolist(), stored["label"].tolist()
    rows = [
        f"{'casme2' if name.startswith('sub') else 'smic' if name.startswith('s') else 'samm'},"
        f"{name.partition('_')[0]},{name.partition('_')[2]},{label}"
        for name, label in zip(names, labels, strict=True)
    ]
    listed = tmp_path / "combined_3class_gt.csv"
    listed.write_text("\n".join(rows) + "\n")
    assert main(words(maps, tmp_path / "run", "--check-list", str(listed))) == 0
    assert "all 54 as in combined_3class_gt.csv" in capsys.readouterr().out
    listed.write_text("\n".join([rows[0][:-1] + "2", *rows[2:]]) + "\n")
    assert main(words(maps, tmp_path / "other", "--check-list", str(listed))) == 3
    told = capsys.readouterr().out
    assert "sub01_EP01_01: positive, in the list surprise" in told
    assert "2 differences" in told
    assert not (tmp_path / "other").exists()
    assert main(words(maps, tmp_path / "run", "--check-list", str(tmp_path / "absent.csv"))) == 2


def test_a_configuration_is_named_on_the_command_line(maps, tmp_path, capsys):
    assert main(words(maps, tmp_path / "run", "--config", "published", "--quiet")) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["config"] == "published"
    assert main(words(maps, tmp_path / "run", "--config", "publisched")) == 2
    told = capsys.readouterr().err
    assert "flow-svm has no configuration 'publisched' (did you mean 'published'?)" in told
    assert told.count("\n") == 1


def test_the_size_of_every_class_is_printed_for_every_dataset(maps, tmp_path, capsys):
    assert main(words(maps, tmp_path / "run")) == 0
    assert len(re.findall(r"\(18 clips: 6 / 6 / 6\)", capsys.readouterr().out)) == 3


def test_across_datasets_their_mean_is_printed_too(maps, tmp_path, capsys):
    def told(protocol: str) -> str:
        typed = words(maps, tmp_path / protocol)
        typed[typed.index("megc2019")] = protocol
        assert main(typed) == 0
        return capsys.readouterr().out

    assert "18 clips, 3 subjects, 1 fold, 1 seed" in told("casme2+samm-to-smic-hs")
    said = told("lodo")
    parts = [float(value) for value in re.findall(r"^(?:casme2|samm|smic-hs) +UF1 ([\d.]+)", said, re.M)]
    (mean,) = re.findall(r"mean of the datasets: UF1 ([\d.]+)", said)
    assert float(mean) == pytest.approx(np.mean(parts), abs=0.0011)


def test_a_table_of_labels_beside_the_maps_is_closed_to_the_method(maps, tmp_path, monkeypatch, capsys):
    from merkit.methods.baselines.flow_svm import recognizer

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "flow.npz").write_bytes((maps / "flow.npz").read_bytes())
    table = tmp_path / "data" / "labels.csv"
    table.write_text("id,label\n")
    predict = recognizer.FlowSVM.predict_proba
    monkeypatch.setattr(
        recognizer.FlowSVM, "predict_proba", lambda self, clips: (table.read_text(), predict(self, clips))[1]
    )
    assert main(words(tmp_path / "data", tmp_path / "run")) == 3
    assert "labels.csv by itself" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file", "file/run"])
def test_a_place_that_cannot_be_written_gets_one_line(place, maps, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(words(maps, tmp_path / place)) == 2
    told = capsys.readouterr().err
    assert "choose another output folder" in told
    assert told.count("\n") == 1


def test_an_audit_of_flow_svm_says_that_there_are_no_epochs(maps, tmp_path, capsys):
    assert main(words(maps, tmp_path / "run", "--audit")) == 0
    assert "audit: flow-svm does not train in epochs" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["leak_free"] is False


def test_a_leak_ends_with_status_3(maps, tmp_path, capsys):
    with np.load(maps / "flow.npz") as stored:
        arrays = dict(stored)
    # The first map once more, as a clip of the last person.
    arrays["flow"][-1] = arrays["flow"][0]
    np.savez(tmp_path / "flow.npz", **arrays)
    assert main(words(tmp_path, tmp_path / "run")) == 3
    told = capsys.readouterr().err
    assert "same content" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--protocol", "megc2018"], "did you mean 'megc2019'"),
        (["--data", "megc2019-flow"], "expected NAME=ROOT"),
        (["--data", "megc2019-flaw=x"], "did you mean 'megc2019-flow'"),
        (["--set", "gird=7"], "did you mean 'grid'"),
        (["--set", "grid"], "expected key=value"),
        (["--set", "grid=7", "--set", "grid=8"], "given twice"),
        (["--engine", "warp"], "allowed are auto, serial, processes"),
        (["--seeds", "0"], "--seeds"),
        (["--device", "tpu"], "allowed are cpu, cuda"),
        (["--config", "small"], "flow-svm has no configuration 'small'"),
        (["--check-list", "x.csv", "--protocol", "lodo"], "--check-list is for megc2019"),
    ],
)
def test_wrong_words_end_with_status_2_and_one_line(change, message, maps, tmp_path, capsys):
    assert main(words(maps, tmp_path / "run", *change)) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.strip().count("\n") == 0


def test_a_method_that_does_not_exist_gets_the_nearest_name(maps, tmp_path, capsys):
    wrong = words(maps, tmp_path / "run")
    wrong[1] = "flow-swm"
    assert main(wrong) == 2
    said = capsys.readouterr().err
    assert "did you mean 'flow-svm'?): there are " in said
    assert "descriptor-svm" in said


def test_settings_are_typed():
    found = parse_settings(["a=1", "b=0.5", "c=True", "d=none", "e=text=more", "f=1e-3", "g=[8, 16]", "h={}"])
    assert found == {
        "a": 1, "b": 0.5, "c": True, "d": None, "e": "text=more", "f": 0.001, "g": [8, 16], "h": "{}",
    }  # fmt: skip
    assert parse_data(["x=a=b"])["x"] == Path("a=b")
    with pytest.raises(ConfigError, match="given twice"):
        parse_data(["x=a", "x=b"])


@pytest.mark.slow
@pytest.mark.parametrize(("more", "least"), [([], 0.72), (["--set", "select=nested"], 0.70)])
def test_flow_svm_on_the_published_maps(more, least, real_data, tmp_path):
    release = real_data / "megc2019_flow"
    if not release.is_dir():
        pytest.skip("the published flow maps are not in MERKIT_TEST_DATA")
    assert main([*words(release, tmp_path / "run"), *more, "--engine", "auto", "--quiet"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["overall"]["n"] == 442
    assert metrics["class_counts"] == {"negative": 250, "positive": 109, "surprise": 83}
    assert {name: part["n"] for name, part in metrics["by_dataset"].items()} == {
        "casme2": 145, "samm": 133, "smic-hs": 164,
    }  # fmt: skip
    assert metrics["overall"]["uf1"] >= least
