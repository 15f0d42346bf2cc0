"""``merkit score`` on STSTNet's published predictions, on small tables, and on tables that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score

from merkit.cli.main import main
from merkit.metrics.recognition import scores_by
from merkit.metrics.units import unit_scores

CLASSES = "negative,positive,surprise"


@pytest.fixture
def reference(real_data: Path) -> Path:
    return real_data / "ststnet_reference" / "predictions.csv"


def scored(capsys, *words: object) -> dict:
    assert main(["score", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def table(folder: Path, text: str) -> Path:
    path = folder / "predictions.csv"
    path.write_text("".join(f"{line.strip()}\n" for line in text.strip().splitlines()), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("log", "uf1", "uar", "precision", "accuracy"),
    [("pytorch", 0.7209, 0.7250, 0.7173, 0.7398), ("matlab", 0.7353, 0.7186, 0.7605, 0.7692)],
)
def test_published_predictions_of_ststnet(reference, capsys, log, uf1, uar, precision, accuracy):
    found = scored(
        capsys, reference, "--truth-column", "label", "--pred-column", f"pred_{log}", "--classes", CLASSES
    )
    overall = found["overall"]
    assert found["class_counts"] == {"negative": 250, "positive": 109, "surprise": 83}
    assert [round(overall[name], 4) for name in ("uf1", "uar", "precision_macro", "accuracy")] == [
        uf1,
        uar,
        precision,
        accuracy,
    ]
    assert overall["subjects"] == 68
    low, high = overall["ci95"]["uf1"]
    assert low < uf1 < high


def test_each_dataset_from_the_same_predictions(reference, capsys):
    found = scored(
        capsys, reference, "--truth-column", "label", "--pred-column", "pred_matlab", "--classes", CLASSES
    )
    parts = {
        name: [round(part[score], 4) for score in ("uf1", "uar", "precision_macro")]
        for name, part in found["by_dataset"].items()
    }
    # The paper prints the third of each as its UAR.
    assert parts == {
        "casme2": [0.8382, 0.8190, 0.8686],
        "samm": [0.6588, 0.6415, 0.6810],
        "smic": [0.6801, 0.6703, 0.7013],
    }
    rows = pd.read_csv(reference)
    ours = scores_by(rows["label"], rows["pred_matlab"], [0, 1, 2], rows["dataset"])
    for name, part in ours.items():
        assert found["by_dataset"][name]["confusion"] == part["confusion"]


def test_the_scores_are_those_of_scikit_learn(reference, capsys):
    rows = pd.read_csv(reference)
    overall = scored(capsys, reference, "--truth-column", "label", "--pred-column", "pred_pytorch")["overall"]
    pair = rows["label"], rows["pred_pytorch"]
    assert overall["uf1"] == pytest.approx(f1_score(*pair, average="macro"))
    assert overall["weighted_f1"] == pytest.approx(f1_score(*pair, average="weighted"))
    assert overall["uar"] == pytest.approx(balanced_accuracy_score(*pair))
    assert overall["precision_macro"] == pytest.approx(precision_score(*pair, average="macro"))


def test_a_reported_figure_that_is_another_metric_is_named(reference, capsys):
    words = ["--truth-column", "label", "--pred-column", "pred_matlab", "--classes", CLASSES]
    assert main(["score", str(reference), *words, "--check-reported", "UAR=0.7605"]) == 0
    out = capsys.readouterr().out
    assert "uar 0.7605: can arise from 250 + 109 + 83 clips" in out
    assert "these predictions give 0.7186; 0.7605 is their macro precision" in out
    assert "250" in out
    assert "0.7353" in out


def test_a_figure_that_cannot_arise_ends_with_3(reference, capsys):
    assert main(["score", "--sizes", "88,32,25", "--check-reported", "UAR=0.8763"]) == 3
    assert "CANNOT arise from 88 + 32 + 25 clips" in capsys.readouterr().out
    words = ["--truth-column", "label", "--pred-column", "pred_matlab", "--dataset", "casme2", "--json"]
    assert main(["score", str(reference), *words, "--check-reported", "UAR=0.8763"]) == 3
    assert json.loads(capsys.readouterr().out)["reported"][0]["possible"] is False


def test_three_columns_are_enough(tmp_path, capsys):
    path = table(tmp_path, "sample_id,y_true,y_pred\na,sad,sad\nb,sad,glad\nc,glad,glad\nd,glad,glad")
    found = scored(capsys, path)
    assert found["classes"] == ["glad", "sad"]
    assert found["overall"]["confusion"] == [[2, 0], [1, 1]]
    assert found["overall"]["uf1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    # Without subjects there is no honest interval.
    assert "ci95" not in found["overall"]
    assert found["by_dataset"] == {}


def test_columns_that_only_look_like_probabilities_do_no_harm(tmp_path, capsys):
    path = table(tmp_path, "sample_id,y_true,y_pred,p_value\na,sad,sad,\nb,sad,glad,7")
    assert scored(capsys, path)["classes"] == ["glad", "sad"]


def test_empty_columns_say_nothing(tmp_path, capsys):
    found = scored(capsys, table(tmp_path, "sample_id,subject,dataset,y_true,y_pred\na,,,x,x\nb,,,y,x"))
    assert "ci95" not in found["overall"]
    assert found["by_dataset"] == {}


def test_one_subject_gets_no_interval(tmp_path, capsys):
    path = table(tmp_path, "sample_id,subject,y_true,y_pred\na,s1,x,x\nb,s1,y,x")
    assert scored(capsys, path)["overall"]["ci95"]["uf1"] is None
    assert main(["score", str(path)]) == 0
    assert "–" not in capsys.readouterr().out


def test_seeds_are_averaged_after_pooling(tmp_path, capsys):
    path = table(
        tmp_path,
        """sample_id,subject,seed,y_true,y_pred,p_x,p_y
        a,1,0,y,y,0,1
        b,2,0,x,x,1,0
        a,1,1,y,x,1,0
        b,2,1,x,x,1,0""",
    )
    found = scored(capsys, path)
    assert found["classes"] == ["x", "y"]
    assert found["overall"]["n"] == 2
    assert found["overall"]["uar"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["overall"]["sd"]["uar"] == pytest.approx(np.std([1, 0.5], ddof=1))
    assert found["by_subject"]["all/1"]["accuracy"] == pytest.approx(0.5)


def test_action_units_are_scored_by_unit(tmp_path, capsys):
    path = table(
        tmp_path,
        """sample_id,dataset,subject,true_AU1,true_AU4,p_AU1,p_AU4
        a,samm,1,1,0,0.9,0.2
        b,samm,2,1,1,0.4,0.8
        c,mmew,1,0,1,0.6,0.5""",
    )
    found = scored(capsys, path)["overall"]
    plain = unit_scores([[1, 0], [1, 1], [0, 1]], [[1, 0], [0, 1], [1, 1]], ["AU1", "AU4"])
    assert found["f1_binary"] == pytest.approx(plain["f1_binary"])
    assert found["f1_macro"] == pytest.approx(plain["f1_macro"])
    for unit, scores in plain["by_unit"].items():
        assert found["by_unit"][unit] == pytest.approx(scores)


def test_classes_can_be_renamed_and_ordered(tmp_path, capsys):
    path = table(tmp_path, "sample_id,y_true,y_pred\na,0.0,1.0\nb,1.0,1.0")
    assert scored(capsys, path, "--classes", "no,yes")["class_counts"] == {"no": 1, "yes": 1}
    assert scored(capsys, path, "--classes", "1=yes,0=no")["classes"] == ["yes", "no"]
    assert scored(capsys, path, "--classes", "1,0")["classes"] == ["1", "0"]
    assert scored(capsys, path)["classes"] == ["0", "1"]


def test_a_class_without_clips_is_told(tmp_path, capsys):
    path = table(tmp_path, "sample_id,y_true,y_pred\na,0,1\nb,1,1")
    assert main(["score", str(path), "--classes", "no,yes,maybe", "--subjects"]) == 0
    assert "no clip is maybe" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ("sample_id,truth,y_pred\na,x,x", [], "has no column 'y_true'"),
        ("clip,y_true,y_pred\na,x,x", [], "has no column 'sample_id'"),
        ("sample_id,y_true,y_pred\na,x,", [], "row 0: has no true or no predicted class"),
        ("sample_id,y_true,y_pred", [], "has no rows"),
        ("", [], "is empty"),
        ("sample_id,y_true,y_pred,p_x,p_y\na,x,z,0.1,0.9", [], "a label 'z'"),
        ("sample_id,y_true,y_pred,p_x,p_y\na,x,x,,0.9", [], "column 'p_x' holds ''"),
        ("sample_id,y_true,y_pred,p_x,p_y\na,x,x,nan,0.9", [], "column 'p_x' holds 'nan'"),
        ("sample_id,y_true,y_pred,p_x,p_y\na,x,x,-0.1,0.9", [], "give 0 to 1"),
        ("sample_id,subject,y_true,y_pred\na,1,x,x\nb,,x,x", [], "row 1: has no subject, others have"),
        ("sample_id,y_true,y_pred\na,x,x\na,x,y", [], "'a' stands there twice"),
        ("sample_id,seed,y_true,y_pred\na,0,x,x\na,1,y,y", [], "'a' has another truth with another seed"),
        ("sample_id,seed,y_true,y_pred\na,0,x,x\nb,0,y,y\na,1,x,x", [], "seed 1 has 1 clips"),
        ("sample_id,seed,y_true,y_pred\na,one,x,x", [], "column 'seed' holds 'one'"),
        ("sample_id,true_AU4,p_AU4\na,2,0.5", [], "other values than 0 and 1"),
        ("sample_id,true_AU4,p_AU4\na,1,high", [], "column 'p_AU4' holds 'high'"),
        ("sample_id,true_AU4,p_AU4\na,1,7.5", [], "give 0 to 1"),
        ("sample_id,true_AU4,p_AU4\na,1,0.5", ["--check-reported", "UAR=0.5"], "action units"),
        ("sample_id,y_true,y_pred\na,x,x", ["--classes", "w,y"], "a label 'x'"),
        ("sample_id,y_true,y_pred\na,x,x", ["--classes", "x=a,y"], "label=name everywhere"),
        ("sample_id,y_true,y_pred\na,x,x", ["--dataset", "samm"], "has no column dataset"),
        ("sample_id,y_true,y_pred\na,x,x", ["--check-reported", "UF1=0.5"], "only UAR and accuracy"),
        ("sample_id,y_true,y_pred\na,x,x", ["--sizes", "1,2"], "give a FILE of predictions, or --sizes"),
    ],
)
def test_wrong_tables_get_one_line(tmp_path, capsys, text, words, message):
    assert main(["score", str(table(tmp_path, text)), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give a FILE"),
        (["--sizes", "1,2"], "--sizes needs --check-reported"),
        (["--sizes", "1,b", "--check-reported", "UAR=0.5"], "whole numbers"),
        (["--sizes", "1,0", "--check-reported", "UAR=0.5"], "one or more clips"),
        (["missing.csv"], "no such file"),
    ],
)
def test_wrong_words_get_one_line(capsys, words, message):
    assert main(["score", *words]) == 2
    assert message in capsys.readouterr().err
