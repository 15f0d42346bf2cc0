"""How well do the networks recognize, by leave one subject out?

1. The network methods on SynthME-1 (128 px, 3 classes, the first 6 people, 72 clips), from raw frames, with
   several seeds: the small configurations on a CPU, the published ones with --device cuda.  The same with the
   training labels shuffled within each fold, which must give chance; beside them two SVMs.  The settings of
   the small configurations were chosen on other clips: 72 of easy, drawn with seed 777.  How many parameters
   each has, and how long a new clip takes from its frames on, measured on one core with nothing beside it.
2. STRCN-G on the published 28x28 flow maps of MEGC2019 (configuration map28), 442 clips, 68 subjects, beside
   flow-svm.

Finished folds are kept in the working folder, by commit, so what was stopped goes on when the same command is
typed again.  The result holds every finished run of the working folder, the newest on each device, also those
of earlier commands; one that ran on another machine can be copied there.

    python benchmarks/network_scores.py [--methods …] [--levels easy] [--configs small]
        [--labels true shuffled] [--seeds 3] [--maps-seeds 0 1 2 3 4] [--device cpu] [--head FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Without it cuBLAS refuses to be deterministic, as the training loop wants it.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

from common import options, print_table, runs_folder, write_result
from shuffled import ShuffledLabels

from merkit.cache import ClipCache
from merkit.clips import Clip, ClipTable
from merkit.datasets import read_dataset
from merkit.errors import ConfigError
from merkit.evaluation import evaluate
from merkit.methods import create_recognizer, list_networks
from merkit.methods.registry import PUBLISHED
from merkit.protocols import Protocol, get_protocol
from merkit.protocols.folds import k_folds
from merkit.simulate.synthme import load_synthme

LEVELS, CONFIGS, LABELS = ("easy", "medium", "hard"), ("small", "published"), ("true", "shuffled")
SIZE, CLASSES, PEOPLE = 128, 3, 6
TUNED_ON = 777
SCORES = ("uf1", "uar", "accuracy")
BASELINES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "flow-svm": (PUBLISHED, {"select": "nested"}),
    "descriptor-svm": ("lbp-top", {}),
}
"""Configuration and other settings of the methods that networks are compared to."""
SHORTEST: Mapping[str, Mapping[str, Any]] = {
    "mersiamc3d": {"epochs": 1, "prior": "off", "interpolation_epochs": 1, "triplets": 16},
    "flow-svm": {},
    "descriptor-svm": {},
}
"""Settings of a training that takes no longer than it must; one epoch for the others."""
MAPS = "maps"
"""Where a run on the flow maps stands in the place of a level."""


def in_groups(name: str, groups: int) -> Protocol:
    """A protocol that tests one of several groups of people at a time, not one person."""
    protocol = get_protocol(name)
    return replace(protocol, name=f"{protocol.name}, {groups} groups", splits=k_folds(groups))


def scores_of(out: Path, **how: Any) -> dict[str, Any]:
    """The scores of a run; finished folds are not trained again, those of another plan are refused.

    So are seeds that it has and nobody asks for now, which would be gone from its scores.
    """
    asked = how.get("seeds", 1)
    seeds = list(range(asked) if isinstance(asked, int) else asked)
    if (out / "run.json").is_file():
        there = json.loads((out / "run.json").read_text(encoding="utf-8"))["seeds"]
        if set(there) - set(seeds):
            raise ConfigError(
                f"{out}: holds seeds {there}, not {seeds} alone; ask for those too, or name another --work"
            )
    evaluate(**how, out=out)
    found = read_run(out)
    print(f"{out.name}: UF1 {found['uf1']:.3f}", flush=True)
    return found


def read_run(out: Path) -> dict[str, Any]:
    """The scores of a finished run, and how it was made."""
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    overall, seeds = found["overall"], found["per_seed"]
    return {
        "n": overall["n"],
        "subjects": overall["subjects"],
        **{name: overall[name] for name in SCORES},
        "ci95": {name: overall["ci95"][name] for name in SCORES},
        "per_seed": {
            name: [seed[name] for seed in (seeds if isinstance(seeds, list) else seeds.values())]
            for name in SCORES
        },
        "confusion": overall["confusion"],
        "config": run["config"],
        "fold_s": round(mean(run["fold_seconds"].values()), 2),
        "seeds": run["seeds"],
        "device": run["machine"].get("gpu", "cpu"),
        "started": run["started"],
    }


def in_short(row: Mapping[str, Any]) -> dict[str, Any]:
    """UF1 of a run for a table that is printed: the mean, its interval and that of each seed."""
    return {
        "UF1": row["uf1"],
        "95 %": "{:.2f} to {:.2f}".format(*row["ci95"]["uf1"]),
        "seeds": " ".join(f"{value:.3f}" for value in row["per_seed"]["uf1"]),
    }


def runs_of(work: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """The newest finished run of every level, method, configuration, kind of labels and device.

    Those whose configuration has other settings by now are left out.
    """
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for path in work.glob("*/*/metrics.json"):
        row = read_run(path.parent)
        key = (*path.parent.name.split("+"), row["device"])
        if len(key) != 5 or key[0] not in (*LEVELS, MAPS) or not is_of_today(key[1], key[2], row["config"]):
            print(f"left out, of other settings: {path.parent.name}")
        elif key not in found or row["started"] > found[key]["started"]:
            found[key] = {**row, "commit": path.parent.parent.name}
    return found


def is_of_today(method: str, config: str, settings: Mapping[str, Any]) -> bool:
    """Whether a configuration still has the settings that a run had."""
    # On the published maps the SVM has a fixed cost.
    overrides = {"select": settings["select"]} if method in BASELINES else {}
    now = asdict(create_recognizer(method, config=config, **overrides).config)
    return bool(json.loads(json.dumps(now)) == settings)


def cost_of(method: str, config: str, clips: Sequence[Clip]) -> dict[str, Any]:
    """Parameters, and milliseconds that a clip takes on one core from its frames to its class; of the median.

    What it learnt does not matter for that: it was trained as shortly as can be.
    """
    import cv2

    cv2.setNumThreads(1)
    overrides = SHORTEST.get(method, {"epochs": 1})
    recognizer: Any = create_recognizer(method, config=config, **overrides)
    emotions = [str(clip.emotion) for clip in clips]
    recognizer.fit(clips, emotions, [clip.subject for clip in clips])
    times = []
    # Copies, as what was computed of a clip is kept as long as that lives.
    for clip in map(replace, clips):
        start = time.perf_counter()
        recognizer.predict_proba([clip])
        times.append(time.perf_counter() - start)
    network = getattr(recognizer, "network_", None)
    return {
        "parameters": None if network is None else sum(part.numel() for part in network.parameters()),
        "clip_ms": round(1e3 * median(times), 1),
    }


def costs_of(
    pairs: Sequence[tuple[str, str]], asked: argparse.Namespace, runs: Path
) -> dict[tuple[str, str], dict[str, Any]]:
    """Of methods and their configurations; each is measured once and kept."""
    path = runs / "costs.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    clips: Sequence[Clip] = ()
    for method, config in pairs:
        if f"{method}+{config}" not in known:
            clips = clips or some_clips(asked.head)
            known[f"{method}+{config}"] = cost_of(method, config, clips)
            path.write_text(json.dumps(known), encoding="utf-8")
    return {(method, config): known[f"{method}+{config}"] for method, config in pairs}


def some_clips(head: str | None) -> list[Clip]:
    """A clip of each class of two people, their frames in memory."""
    clips = load_synthme("medium", SIZE, CLASSES, 2, head=head, lazy=False)
    return list({(clip.subject, clip.emotion): clip for clip in clips}.values())


def on_synthme(asked: argparse.Namespace, level: str, runs: Path) -> None:
    """Do the runs at one level."""
    table = load_synthme(level, SIZE, CLASSES, PEOPLE, head=asked.head, lazy=False)
    common = {
        "tables": {"manifest": table}, "protocol": f"synthme-{CLASSES}class", "workers": asked.workers,
        "cache": ClipCache(runs.parent / "clips"),
    }  # fmt: skip
    for config in asked.configs:
        for name in asked.methods:
            for labels in asked.labels:
                method: dict[str, Any] = (
                    {"method": name, "config": config}
                    if labels == "true"
                    else {"method": partial(ShuffledLabels, name, config, {})}
                )
                out = runs / f"{level}+{name}+{config}+{labels}"
                scores_of(out, **method, **common, seeds=asked.seeds, device=asked.device)
    for name, (config, overrides) in BASELINES.items():
        out = runs / f"{level}+{name}+{config}+true"
        scores_of(out, method=name, config=config, overrides=overrides, **common)


def on_maps(asked: argparse.Namespace, runs: Path) -> None:
    """Do the runs on the published flow maps of MEGC2019."""
    tables: dict[str, ClipTable] = {
        "megc2019-flow": read_dataset("megc2019-flow", asked.data / "megc2019_flow")
    }
    common: dict[str, Any] = {"tables": tables, "protocol": "megc2019", "workers": asked.workers}
    scores_of(
        runs / f"{MAPS}+strcn-g+map28+true", method="strcn-g", config="map28", **common,
        seeds=asked.maps_seeds, device=asked.device,
    )  # fmt: skip
    scores_of(runs / f"{MAPS}+flow-svm+published+true", method="flow-svm", **common)


def main() -> None:
    """Measure, print, save."""
    parser = options(__doc__, work="network_scores", data="flow maps")
    parser.add_argument("--methods", nargs="*", default=list_networks())
    parser.add_argument("--levels", nargs="*", choices=LEVELS, default=["easy"])
    parser.add_argument("--configs", nargs="*", choices=CONFIGS, default=["small"])
    parser.add_argument("--labels", nargs="*", choices=LABELS, default=LABELS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--maps-seeds", nargs="*", type=int, default=range(5), help="none: no flow maps")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    runs = runs_folder(asked)
    for level in asked.levels:
        on_synthme(asked, level, runs)
    if asked.maps_seeds:
        on_maps(asked, runs)
    order = {word: place for place, word in enumerate((*LEVELS, MAPS, *LABELS, *CONFIGS, *list_networks()))}
    found = sorted(
        runs_of(asked.work).items(),
        key=lambda item: [order.get(item[0][place], len(order)) for place in (0, 2, 1, 3)],
    )
    pairs = [(name, config) for config in CONFIGS for name in list_networks()]
    costs = costs_of([*pairs, *((name, config) for name, (config, _) in BASELINES.items())], asked, runs)
    rows = [
        dict(zip(("level", "method", "settings", "labels"), key[:4], strict=True))
        | row
        | (costs.get((key[1], key[2]), {}) if key[0] != MAPS else {})
        for key, row in found
    ]
    shown = [
        {
            **{name: row[name] for name in ("level", "method", "settings", "labels")},
            **in_short(row),
            "UAR": row["uar"],
            "parameters": row.get("parameters"),
            "ms/clip": row.get("clip_ms"),
            "s/fold": row["fold_s"],
            "on": row["device"],
        }
        for row in rows
    ]
    print_table(shown, f"SynthME-1, {CLASSES} classes, {PEOPLE} people; published flow maps, megc2019")
    spent = [{"method": name, "settings": config, **cost} for (name, config), cost in costs.items()]
    print_table(spent, "On one core")
    seeds = {seed for row in rows for seed in row["seeds"]}
    result = {
        "size": SIZE, "classes": CLASSES, "people": PEOPLE, "tuned_on_seed": TUNED_ON, "rows": rows,
        "costs": spent,
    }  # fmt: skip
    print(write_result("network_scores", result, seeds=[*seeds, TUNED_ON]))


if __name__ == "__main__":
    main()
