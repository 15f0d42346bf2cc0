"""Do simulated clips help a network to start?  No licensed data, and none of the people who are tested.

Each network learns from 288 clips of 24 other simulated people first (medium level), as ``merkit pretrain
METHOD --simulated 24`` does, and then from those of each training fold:

1. The small configurations on SynthME-1 medium (128 px, 3 classes, the first 6 people, 72 clips), leave one
   subject out.
2. STRCN-G (configuration map28) on the published flow maps of MEGC2019, real clips of 68 people in 10 groups
   of which one is tested at a time: from nothing, and from flow maps of simulated clips.

Each of the two has its own result file.  Finished folds are kept in the working folder, by commit; runs of 1
from nothing are those of network_scores.py, and not done again in the same folder.

    python benchmarks/pretraining.py [--methods …] [--seeds 3] [--maps-seeds 0 1 2] [--head FILE]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from common import options, print_table, runs_folder, write_result
from network_scores import CLASSES, PEOPLE, SIZE, in_groups, in_short, scores_of

from merkit.cache import ClipCache
from merkit.clips import ClipTable
from merkit.datasets import read_dataset
from merkit.evaluation.train import train_model
from merkit.methods import list_networks
from merkit.methods.baselines.flow_svm.recognizer import FlowSVM
from merkit.pretraining.simulated import other_people
from merkit.protocols.own_data import own_data
from merkit.simulate.synthme import load_synthme

LEVEL = "medium"
MAPS = "flow maps"
MAP_GROUPS = 10
NOTHING, SIMULATED = "nothing", "simulated clips"


def main() -> None:
    """Measure, print, save."""
    parser = options(__doc__, work="network_scores", data="flow maps")
    parser.add_argument("--methods", nargs="*", default=list_networks())
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--maps-seeds", nargs="*", type=int, default=range(3), help="none: no flow maps")
    asked = parser.parse_args()
    runs = runs_folder(asked)
    if asked.methods:
        films = load_synthme(LEVEL, SIZE, CLASSES, PEOPLE, head=asked.head, lazy=False)
        rows = []
        for method in asked.methods:
            rows += compared(
                asked, runs, LEVEL, method, "small",
                {"manifest": films}, f"synthme-{CLASSES}class", asked.seeds,
            )  # fmt: skip
        report("pretraining", {"size": SIZE, "people": PEOPLE, "rows": rows})
    if asked.maps_seeds:
        maps = read_dataset("megc2019-flow", asked.data / "megc2019_flow")
        rows = compared(
            asked, runs, MAPS, "strcn-g", "map28",
            {"megc2019-flow": maps}, in_groups("megc2019", MAP_GROUPS), asked.maps_seeds,
        )  # fmt: skip
        report("pretraining_maps", {"groups": MAP_GROUPS, "rows": rows})


def report(name: str, result: dict[str, Any]) -> None:
    """Print and save the rows of one kind of clips."""
    rows = result["rows"]
    told = ("level", "method", "settings", "from")
    shown = [{**{column: row[column] for column in told}, **in_short(row)} for row in rows]
    print_table(shown, "What a network starts from")
    print(write_result(name, result, seeds={seed for row in rows for seed in row["seeds"]}))


def compared(
    asked: argparse.Namespace, runs: Path, level: str, method: str, config: str,
    tables: Mapping[str, ClipTable], protocol: Any, seeds: Any,
) -> list[dict[str, Any]]:  # fmt: skip
    """The scores of a network by what it starts from."""
    start = runs / f"{method}-{config}-start"
    kept = ClipCache(asked.work / "clips")
    if not (start / "card.json").is_file():
        films = others_filmed(asked.head, asked.workers)
        if level == MAPS:
            # Given maps are what it learns from: those of simulated clips are measured as the SVM does.
            step: Any = FlowSVM().step
            films = ClipTable.from_clips([step(clip) for clip in films])
        train_model(
            method, {"manifest": films}, own_data("manifest", CLASSES), start,
            config=config, workers=asked.workers, cache=kept,
        )  # fmt: skip
    starts: Mapping[str, Mapping[str, Any]] = {NOTHING: {}, SIMULATED: {"pretrained": str(start)}}
    rows = []
    for name, overrides in starts.items():
        out = runs / f"{level}+{method}+{config}+{'true' if name == NOTHING else name}".replace(" ", "-")
        found = scores_of(
            out, method=method, config=config, overrides=overrides, tables=tables, protocol=protocol,
            seeds=seeds, workers=asked.workers, cache=kept,
        )  # fmt: skip
        known = {**found["config"], "pretrained": None if name == NOTHING else start.name}
        rows.append(
            {"level": level, "method": method, "settings": config, "from": name, **found, "config": known}
        )
    return rows


@cache
def others_filmed(head: str | None, workers: int) -> ClipTable:
    """The clips that `merkit pretrain METHOD --simulated 24` learns from, filmed once for all networks."""
    return other_people(level=LEVEL, head=head, workers=workers)


if __name__ == "__main__":
    main()
