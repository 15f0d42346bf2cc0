"""Write the figures of evaluation.md from the newest result files.

    python docs/fill_evaluation.py

Replaces what stands between each pair of markers; a test holds the page to what this makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fill_figures import filled_in, newest

PAGE = Path(__file__).resolve().parent / "evaluation.md"
SETTINGS = {"fixed": "shipped, seen on this benchmark", "nested": "nested, chosen inside each fold"}
TITLES = {"uf1": "UF1", "uar": "UAR", "accuracy": "accuracy"}


def coverage() -> str:
    """How often the intervals hold the truth."""
    result, link = newest("interval_coverage")
    rows = [
        [row["subjects"], row["of"], *(f"{row[score]['value']:.1%}" for score in TITLES)]
        for row in result["rows"]
    ]
    head = f"The 95 % intervals held the truth in ({result['studies']} studies a row, {from_here(link)}):\n\n"
    return head + table(["people in a study", "interval of the", *TITLES.values()], rows)


def audit() -> str:
    """What an audit of a small method shows."""
    result, link = newest("honest_evaluation")
    shown = result["audit"]
    rows = [
        ("after the last epoch", shown["honest"], "{:.3f}"),
        ("best epoch on each test subject, **not a result**", shown["best_epoch_on_test_subject"], "{:.3f}"),
        ("gap", shown["gap"], "{:+.3f}"),
    ]
    head = f"A {shown['method']}, on the published flow maps of MEGC2019 ({from_here(link)}):\n\n"
    return head + table(
        ["scored", *TITLES.values()],
        [[name, *(form.format(scores[score]) for score in TITLES)] for name, scores, form in rows],
    )


def scores() -> str:
    """Scores, times and equal bytes of flow-svm on the published maps."""
    result, link = newest("honest_evaluation")
    rows = []
    for key, settings in SETTINGS.items():
        parts = {name: part for name, part in result[key].items() if isinstance(part, dict)}
        for name, part in parts.items():
            low, high = part["uf1_ci95"]
            uf1 = f"{part['uf1']:.4f} ({low:.2f} to {high:.2f})"
            rows.append([settings, name, part["n"], uf1, f"{part['uar']:.4f}", f"{part['accuracy']:.4f}"])
    seconds = result["seconds"]
    same = result["same_bytes_twice"] and result["same_bytes_after_kills"]
    return table(["settings", "data", "clips", *TITLES.values()], rows) + (
        f"\n\nThe run took {seconds['fixed']:.0f} s, nested {seconds['nested']:.0f} s, on 2 cores of a "
        "shared machine. Two runs, one of them in a\nsingle process, gave "
        f"{'the same' if same else '**other**'} bytes; so did one that was killed with `kill -9` at "
        f"{result['kills']} random moments and\nstarted again each time. From {from_here(link)}."
    )


def filled(text: str) -> str:
    """The page with the figures of today."""
    return filled_in(text, {"coverage": coverage, "audit": audit, "scores": scores})


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def from_here(link: str) -> str:
    """A link as from this folder."""
    return link.replace("](benchmarks", "](../benchmarks")


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
