"""How well do the networks recognize, by leave one subject out?

1. Every network method with its small configuration on SynthME-1 (128 px, 3 classes, the first 6 people, 72
   clips), from raw frames, with several seeds; the same with the training labels shuffled within each fold,
   which must give chance; beside them flow-svm.  The settings of the small configurations
   were chosen on other clips: 72 of easy, drawn with seed 777.
2. STRCN-G on the published 28x28 flow maps of MEGC2019 (configuration map28), 442 clips, 68 subjects, beside
   flow-svm.

Finished folds are kept in the working folder, by commit, so what was stopped goes on when the same command is
typed again.

    python benchmarks/network_scores.py [--methods …] [--levels easy] [--seeds 3] [--head FILE]
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from common import commit, print_table, write_result
from phase_maps import default_data
from shuffled import ShuffledLabels

from merkit.cache import ClipCache
from merkit.clips import ClipTable
from merkit.datasets import read_dataset
from merkit.evaluation import evaluate
from merkit.methods import list_networks
from merkit.simulate.synthme import load_synthme

LEVELS = ("easy", "medium", "hard")
SIZE, CLASSES, PEOPLE = 128, 3, 6
TUNED_ON = 777
SCORES = ("uf1", "uar", "accuracy")


def scores_of(out: Path, **how: Any) -> dict[str, Any]:
    """The metrics of a run, which is done now if it is not finished yet, and its seconds of a fold."""
    path = out / "metrics.json"
    if not path.is_file():
        evaluate(**how, out=out)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    overall = found["overall"]
    print(f"{out.name}: UF1 {overall['uf1']:.3f}", flush=True)
    return {
        "n": overall["n"],
        "subjects": overall["subjects"],
        **{name: overall[name] for name in SCORES},
        "ci95": {name: overall["ci95"][name] for name in SCORES},
        "per_seed": {name: [seed[name] for seed in found["per_seed"]] for name in SCORES}
        if isinstance(found["per_seed"], list)
        else {name: [seed[name] for seed in found["per_seed"].values()] for name in SCORES},
        "confusion": overall["confusion"],
        "config": run["config"],
    }


def on_synthme(
    level: str, methods: list[str], seeds: int, runs: Path, head: str | None, workers: int
) -> list[dict[str, Any]]:
    """Scores of the small configurations at one level, with true and with shuffled labels."""
    tables = {"manifest": load_synthme(level, SIZE, CLASSES, PEOPLE, head=head, lazy=False)}
    cache = ClipCache(runs.parent / "clips")
    common = {"tables": tables, "protocol": f"synthme-{CLASSES}class", "workers": workers, "cache": cache}
    rows = []
    for name in methods:
        ways: Mapping[str, dict[str, Any]] = {
            "true": {"method": name, "config": "small"},
            "shuffled": {"method": partial(ShuffledLabels, name, "small", {})},
        }
        for labels, how in ways.items():
            found = scores_of(runs / f"{level}-{name}-{labels}", **how, **common, seeds=seeds)
            rows.append({"method": name, "labels": labels, **found})
    svm = scores_of(
        runs / f"{level}-flow-svm", method="flow-svm", overrides={"select": "nested"}, **common, seeds=1
    )
    return [*rows, {"method": "flow-svm", "labels": "true", **svm}]


def on_maps(data: Path, seeds: int, runs: Path, workers: int) -> list[dict[str, Any]]:
    """Scores on the published flow maps of MEGC2019."""
    tables: dict[str, ClipTable] = {"megc2019-flow": read_dataset("megc2019-flow", data / "megc2019_flow")}
    common: dict[str, Any] = {"tables": tables, "protocol": "megc2019", "workers": workers}
    return [
        {
            "method": "strcn-g, map28",
            **scores_of(runs / "maps-strcn-g", method="strcn-g", config="map28", seeds=seeds, **common),
        },
        {"method": "flow-svm", **scores_of(runs / "maps-flow-svm", method="flow-svm", **common)},
    ]


def shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "method": row["method"],
            **({"labels": row["labels"]} if "labels" in row else {}),
            "UF1": row["uf1"], "95 %": "{:.2f} to {:.2f}".format(*row["ci95"]["uf1"]),
            "seeds": " ".join(f"{value:.3f}" for value in row["per_seed"]["uf1"]), "UAR": row["uar"],
        }
        for row in rows
    ]  # fmt: skip


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--methods", nargs="*", default=list_networks())
    parser.add_argument("--levels", nargs="*", choices=LEVELS, default=["easy"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--maps-seeds", type=int, default=5, help="0 leaves the flow maps out")
    parser.add_argument("--work", type=Path, default=Path("merkit-out") / "network_scores")
    parser.add_argument("--data", type=Path, default=default_data(), help="folder of the published flow maps")
    parser.add_argument("--head", help="file of the 3D head; where merkit finds one by default")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    runs = asked.work / commit()
    run: Callable[..., list[dict[str, Any]]] = on_synthme
    levels = {
        level: run(level, asked.methods, asked.seeds, runs, asked.head, asked.workers)
        for level in asked.levels
    }
    maps = on_maps(asked.data, asked.maps_seeds, runs, asked.workers) if asked.maps_seeds else []
    for level, rows in levels.items():
        print_table(shown(rows), f"SynthME-1 {level}, {CLASSES} classes, {PEOPLE} people")
    if maps:
        print_table(shown(maps), "published flow maps, megc2019")
    result = {
        "synthme": {"size": SIZE, "classes": CLASSES, "tuned_on_seed": TUNED_ON, "levels": levels},
        "maps": maps,
    }
    seeds = [*range(max(asked.seeds, asked.maps_seeds)), TUNED_ON]
    print(write_result("network_scores", result, seeds=seeds))


if __name__ == "__main__":
    main()
