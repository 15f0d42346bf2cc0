"""Write the figures of README.md from the newest result files.

    python docs/fill_figures.py

Replaces what stands between the two markers; a test holds README.md to what this makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def newest(name: str) -> tuple[dict[str, Any], str]:
    """Result of the newest run of a benchmark, and a link to its file."""
    path = sorted((ROOT / "benchmarks" / "results").glob(f"{name}-????-??-??.json"))[-1]
    return json.loads(path.read_text(encoding="utf-8"))["result"], f"[{name}](benchmarks/results/{path.name})"


def filled_in(text: str, makers: Mapping[str, Callable[[], str]]) -> str:
    """A page with what each maker says between ``<!-- name -->`` and ``<!-- /name -->``."""
    for name, make in makers.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, rest = text.split(start)
        text = f"{before}{start}\n{make()}\n{end}{rest.split(end)[1]}"
    return text


def share(value: dict[str, Any]) -> str:
    """A proportion with its 95 % interval."""
    low, high = value["ci95"]
    return f"{value['value']:.2f} ({low:.2f} to {high:.2f})"


def figures() -> str:
    """The table in Markdown."""
    sweep, sweep_link = newest("demo_sweep")
    above, half = sweep["at_least_1px"], sweep["by_peak"][0]
    head, head_link = newest("registration")
    fit, marks, ecc = (head["summary"][m] for m in ("flow fit", "landmarks", "masked ECC"))
    worst = max(row["flow fit"] for row in head["rows"])
    svm, svm_link = newest("flow_svm")
    film, film_link = newest("acted_film")
    speed, speed_link = newest("analyze_speed")
    memory, memory_link = newest("analyze_memory")
    short, long = memory["memory"][0], memory["memory"][-1]
    without, with_ = "without expression", "with expression"
    loso, nested = svm["loso"]["overall"], svm["nested"]["overall"]
    low, high = loso["ci95"]["uf1"]
    rows = [
        (
            f"planted micro-expressions of 1 px and more, face 200 px wide, noise 1 to 3 grey levels "
            f"({above['demos']} simulated videos of one portrait)",
            f"found {share(above['recall'])}, false events {above['false_events']}, "
            f"right class {share(above['class_accuracy'])}",
            sweep_link,
        ),
        (
            "the same at 0.5 px",
            f"found {share(half['recall'])}, false events {half['false_events']}, "
            f"right class {share(half['class_accuracy'])}",
            sweep_link,
        ),
        (
            "class of 442 real clips, leave one subject out, UF1",
            f"{loso['uf1']:.3f} ({low:.2f} to {high:.2f}), settings seen on these clips; "
            f"{nested['uf1']:.3f} with settings chosen inside the training folds",
            svm_link,
        ),
        (
            "error of the head's motion, px of a 200 px face, without / with an expression of 2 px",
            f"{fit[without]:.3f} / {fit[with_]:.3f} (worst case {worst:.3f}); landmarks "
            f"{marks[without]:.2f} / {marks[with_]:.2f}; masked ECC {ecc[without]:.2f} / {ecc[with_]:.2f}",
            head_link,
        ),
        (
            "a real film with acted expressions",
            f"{film['found']} of {film['judged']} found ([which](docs/acted-film.md))",
            film_link,
        ),
        (
            "speed on 2 cores, from decoding to the report",
            "; ".join(f"{r['frames_per_s']:.0f} frames a second at {r['pixels']}" for r in speed["speed"]),
            speed_link,
        ),
        (
            "peak memory",
            f"{short['peak_mb']:.0f} MB for {short['minutes']:.0f} minutes of video, "
            f"{long['peak_mb']:.0f} MB for {long['minutes']:.0f}",
            memory_link,
        ),
    ]
    lines = ["| what | measured | result file |", "| --- | --- | --- |"]
    return "\n".join(lines + [f"| {what} | {value} | {link} |" for what, value, link in rows])


def filled(text: str) -> str:
    """README with the figures of today."""
    return filled_in(text, {"figures": figures})


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(filled(readme.read_text(encoding="utf-8")), encoding="utf-8")
    print(figures())
