"""Runs side by side: what the tables say, and what cannot be compared."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from evaluation_kit import BySubject, ByThirds, toy_table

from merkit.cli.main import main
from merkit.errors import ConfigError, DataError
from merkit.evaluation import compare, evaluate
from merkit.evaluation.comparison import _latex

TABLE = toy_table()


class Guess(ByThirds):
    """Learns nothing of use."""

    name = "guess_100%"
    settings_seen_on = ()

    def predict_proba(self, clips):
        return super().predict_proba(clips)[:, ::-1]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    base = tmp_path_factory.mktemp("runs")
    for name, method, how in (
        ("good", ByThirds, {"seeds": 2}),
        ("bad", Guess, {}),
        ("audit", ByThirds, {"audit": True, "overrides": {"epochs": 2}}),
    ):
        evaluate(method, {"toy": TABLE}, BySubject(), engine="serial", out=base / name, **how)
    return base


def test_rows_hold_the_scores_of_the_runs_and_tests_against_the_first(runs):
    found = compare([runs / "good", runs / "bad"])
    good, bad = found.rows
    metrics = json.loads((runs / "good" / "metrics.json").read_text())
    assert good["scores"]["uf1"] == metrics["overall"]["uf1"]
    assert bad["difference"]["uf1"] == pytest.approx(bad["scores"]["uf1"] - good["scores"]["uf1"])
    low, high = bad["difference_ci95"]["uf1"]
    assert low <= bad["difference"]["uf1"] <= high < 0
    assert f"{bad['difference']['uf1']:+.3f} [{low:+.3f}, {high:+.3f}]" in found.to_markdown()
    assert bad["p"]["uf1"] < 0.1
    assert bad["mcnemar"]["only_first"] > bad["mcnemar"]["only_second"]
    assert any("number of seeds" in note for note in found.notes)


def test_of_several_runs_p_is_adjusted_for_there_being_several(runs):
    found = compare([runs / "good", runs / "bad", runs / "audit"])
    p = [row["p"]["uf1"] for row in found.rows[1:]]
    # Holm: the smaller times two, the larger no less than that.
    low = min(1.0, 2 * min(p))
    assert [row["p_holm"] for row in found.rows[1:]] == [
        low if k == np.argmin(p) else max(low, p[k]) for k in (0, 1)
    ]
    assert f"{min(p):.4f} ({low:.4f})" in found.to_markdown()


def test_an_audit_is_marked_as_no_result(runs):
    text = compare([runs / "good", runs / "audit"]).to_markdown()
    assert "(not a result)" in text
    assert "leave it out of a paper" in text


def test_markdown_is_a_table(runs):
    lines = compare([runs / "good", runs / "bad"]).to_markdown().split("\n\n")[0].splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1


def test_latex_escapes_names(runs):
    text = compare([runs / "good", runs / "bad"]).to_latex()
    assert r"guess\_100\%" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({row.count("&") - row.count(r"\&") for row in rows}) == 1
    # Outside of a formula a minus would be a hyphen.
    assert re.search(r"& \$-0\.\d{3}\$ \[\$-0\.\d{3}\$, \$-0\.\d{3}\$\] &", rows[-1])
    assert _latex(r"a\b{c}~d") == r"a\textbackslash{}b\{c\}\textasciitilde{}d"


def test_tables_of_predictions_from_elsewhere_can_be_compared(runs):
    found = compare([runs / "good" / "predictions.csv", runs / "bad"])
    assert found.rows[0]["name"] == "predictions.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "no column 'sample_id'"),
        ("sample_id,subject,y_true,y_pred\n", "has no rows"),
        ("sample_id,subject,y_true,y_pred\na,1,x,\n", "no predicted class"),
        ("sample_id,subject,seed,y_true,y_pred\na,1,first,x,x\n", "column 'seed' holds 'first'"),
        ("sample_id,subject,y_true,y_pred,p_x,p_y\na,1,x,z,0,1\n", "a label 'z'"),
        ("sample_id,subject,y_true,y_pred,p_x,p_y\na,1,x,x,nan,1\n", "holds 'nan'"),
        ("sample_id,subject,y_true,y_pred\na,1,x,x\na,1,x,x\n", "stands there twice"),
        ("sample_id,y_true,y_pred\na,x,x\nb,x,x\n", "no column 'subject'"),
        ("sample_id,subject,true_AU1,p_AU1\na,1,1,nan\n", "holds 'nan'"),
    ],
)
def test_tables_from_elsewhere_that_are_wrong_get_one_line(text, message, tmp_path, capsys):
    (tmp_path / "theirs.csv").write_text(text)
    assert main(["compare", str(tmp_path / "theirs.csv")]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_runs_of_one_name_are_told_apart_as_they_were_given(runs, tmp_path):
    import shutil

    for name in ("a", "b"):
        shutil.copytree(runs / "good", tmp_path / name / "run")
    names = [row["name"] for row in compare([tmp_path / "a" / "run", tmp_path / "b" / "run"]).rows]
    assert names == [f"by-thirds ({tmp_path / name / 'run'})" for name in ("a", "b")]


def test_one_subject_alone_gets_no_interval(runs, tmp_path):
    (tmp_path / "p.csv").write_text("sample_id,subject,y_true,y_pred\na,1,x,x\nb,1,y,x\n")
    found = compare([tmp_path / "p.csv"])
    assert found.cells()[1][0][3:] == ["0.333", "0.500", "0.500"]
    assert found.notes[0].startswith("1 subject;")


def test_one_run_alone_is_shown_without_tests(runs):
    assert "McNemar" not in compare([runs / "good"]).to_markdown()


def test_runs_on_other_clips_or_labels_are_refused(runs):
    result = compare([runs / "good"]) and evaluate(ByThirds, {"toy": TABLE}, BySubject(), engine="serial")
    frame = result.predictions
    fewer = replace(result, predictions=frame.iloc[1:])
    with pytest.raises(DataError, match="do not test the same clips"):
        compare([result, fewer])
    relabelled = frame.assign(y_true=["surprise", *frame["y_true"].iloc[1:]])
    with pytest.raises(DataError, match="different true labels"):
        compare([result, replace(result, predictions=relabelled)])
    renamed = frame.rename(columns={"p_surprise": "p_fear"})
    with pytest.raises(DataError, match="has the classes"):
        compare([result, replace(result, predictions=renamed)])
    with pytest.raises(ConfigError, match="nothing to compare"):
        compare([])


@pytest.mark.parametrize(
    ("form", "beginning"), [("markdown", "| method"), ("latex", r"\begin{tabular}"), ("json", "{")]
)
def test_the_command_prints_every_format(runs, form, beginning, capsys):
    assert main(["compare", str(runs / "good"), str(runs / "bad"), "--format", form]) == 0
    assert capsys.readouterr().out.startswith(beginning)


def test_the_command_prints_a_table_and_writes_files(runs, capsys, tmp_path):
    assert main(["compare", str(runs / "good"), str(runs / "bad")]) == 0
    told = capsys.readouterr().out
    assert "by-thirds" in told
    # A column a run, so that nothing has to be cut off.
    assert max(map(len, told.split("subjects;")[0].splitlines())) <= 80
    assert re.search(r"UF1 \[95 % CI\] +0\.\d{3} ± 0\.\d{3} \[0\.\d{3}, [01]\.\d{3}\]", told)
    assert main(["compare", str(runs / "good"), "-f", "latex", "-o", str(tmp_path / "t.tex")]) == 0
    assert (tmp_path / "t.tex").read_text().startswith(r"\begin{tabular}")


def test_the_command_refuses_in_one_line(runs, capsys, tmp_path):
    assert main(["compare", str(tmp_path)]) == 2
    assert "no predictions.csv" in capsys.readouterr().err
    assert main(["compare", str(runs / "good"), "--format", "html"]) == 2
    assert "allowed are table, markdown" in capsys.readouterr().err
