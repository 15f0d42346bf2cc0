"""How small an expression is found? Demos with other seeds, by displacement and camera noise.

Every demo plants three micro-expressions and a blink into a portrait (face 200 px wide) and analyses
the encoded video.  An expression is found when a micro event overlaps it by an IoU of at least 0.5;
precision is the share of micro events that found one; a false event overlaps none by 0.1.

    python benchmarks/demo_sweep.py [--demos 20] [--workers 2] [--peaks 0.5 0.75 1 1.5 2]
    python benchmarks/demo_sweep.py --quick
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from common import print_table, proportion, write_result
from rich.progress import Progress

PEAKS = (0.5, 0.75, 1.0, 1.5, 2.0)
NOISES = (1.0, 2.0, 3.0)
BARS = {"recall": 0.9, "precision": 0.9, "class_accuracy": 0.85}
"""What is asked for at a peak of 1 px and above."""


def run_demo(seed: int, peak: float, noise: float, portrait: str | None) -> dict[str, Any]:
    """Simulate, analyse and compare one demo; plain data, as it goes into the result file."""
    import cv2

    from merkit.analysis import analyze
    from merkit.simulate import match_events, simulate_demo

    cv2.setNumThreads(1)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        truth = simulate_demo(folder, seed, peak, noise, face=portrait)
        filmed = time.perf_counter()
        analysis = analyze(Path(folder) / truth.video, pictures=False)
    planted = truth.performance
    compared = match_events(analysis.events, planted.events, planted.of_kind("blink")).to_json()
    return {
        "seed": seed,
        "peak": peak,
        "noise": noise,
        "portrait": truth.face,
        "minutes": planted.n_frames / planted.fps / 60,
        "n_macro": sum(event.kind == "macro" for event in analysis.events),
        **compared,
        "simulate_s": round(filmed - started, 1),
        "analyse_s": round(time.perf_counter() - filmed, 1),
    }


def summarise(demos: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and proportions, with Wilson intervals, of some demos."""
    matches = [match for demo in demos for match in demo["matches"]]
    found = [match for match in matches if match["found"]]
    sure = [match for match in found if match["found_label"] and not match["abstained"]]
    n_micro = sum(demo["n_found"] for demo in demos)
    overlaps = [match["iou"] for match in found]
    return {
        "demos": len(demos),
        "recall": proportion(len(found), len(matches)),
        "precision": proportion(len(found), n_micro),
        "class_accuracy": proportion(sum(m["right"] for m in found), len(found)),
        "class_accuracy_when_sure": proportion(sum(m["right"] for m in sure), len(sure)),
        "abstained": proportion(len(found) - len(sure), len(found)),
        "mean_iou": round(sum(overlaps) / len(overlaps), 4) if overlaps else None,
        "false_events": sum(len(demo["false_events"]) for demo in demos),
        "blinks_called_micro": sum(len(demo["blink_events"]) for demo in demos),
        "false_events_per_minute": round(
            sum(len(d["false_events"]) for d in demos) / sum(d["minutes"] for d in demos), 3
        ),
        "demos_passed": proportion(sum(demo["passed"] for demo in demos), len(demos)),
    }


def by(
    demos: list[dict[str, Any]], key: Callable[[dict[str, Any]], Any]
) -> Iterable[tuple[Any, list[dict[str, Any]]]]:
    """Demos grouped by a key, in the order of the keys."""
    for value in sorted({key(demo) for demo in demos}):
        yield value, [demo for demo in demos if key(demo) == value]


def by_action_units(demos: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Recall and class accuracy of each expression at each peak."""
    rows = []
    for peak, group in by(demos, lambda demo: demo["peak"]):
        matches = [match for demo in group for match in demo["matches"]]
        for units in sorted({match["action_units"] for match in matches}):
            mine = [match for match in matches if match["action_units"] == units]
            found = [match for match in mine if match["found"]]
            rows.append(
                {
                    "peak": peak,
                    "action_units": units,
                    "recall": proportion(len(found), len(mine)),
                    "class_accuracy": proportion(sum(m["right"] for m in found), len(found)),
                }
            )
    return rows


SHORT = {
    "class_accuracy": "class right",
    "class_accuracy_when_sure": "right when sure",
    "mean_iou": "IoU",
    "false_events": "false",
    "blinks_called_micro": "blinks",
    "false_events_per_minute": "false/min",
    "demos_passed": "passed",
}


def show(rows: list[dict[str, Any]], title: str) -> None:
    """Print rows with the value alone of every proportion."""
    print_table(
        [{SHORT.get(k, k): v["value"] if isinstance(v, dict) else v for k, v in row.items()} for row in rows],
        title,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--demos", type=int, default=20, help="demos for each peak")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--peaks", type=float, nargs="+", default=list(PEAKS))
    parser.add_argument("--noises", type=float, nargs="+", default=list(NOISES))
    parser.add_argument("--portraits", nargs="*", default=[], help="more face pictures, taken in turn")
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="one demo for each peak, nothing is saved")
    options = parser.parse_args()
    per_peak = 1 if options.quick else options.demos
    portraits = [None, *options.portraits]
    jobs = []
    for level, peak in enumerate(options.peaks):
        for number in range(per_peak):
            count = level * per_peak + number
            # Noise cycles faster than portraits, so that every pair of them occurs.
            noise = options.noises[count % len(options.noises)]
            portrait = portraits[count // len(options.noises) % len(portraits)]
            jobs.append((options.first_seed + count, peak, noise, portrait))
    demos = []
    with Progress() as progress, ProcessPoolExecutor(options.workers) as pool:
        task = progress.add_task("demos", total=len(jobs))
        for done in as_completed([pool.submit(run_demo, *job) for job in jobs]):
            demos.append(done.result())
            progress.advance(task)
    demos.sort(key=lambda demo: demo["seed"])
    by_peak = [{"peak": peak, **summarise(group)} for peak, group in by(demos, lambda d: d["peak"])]
    by_noise = [{"noise": noise, **summarise(group)} for noise, group in by(demos, lambda d: d["noise"])]
    by_both = [
        {"peak": peak, "noise": noise, **summarise(group)}
        for (peak, noise), group in by(demos, lambda d: (d["peak"], d["noise"]))
    ]
    units = by_action_units(demos)
    show(by_peak, "by peak displacement, px")
    show(by_noise, "by camera noise, grey levels")
    show(units, "by action units")
    large = [demo for demo in demos if demo["peak"] >= 1]
    at_least_1px = None
    if large:
        at_least_1px = summarise(large)
        show([{"peak": ">= 1", **at_least_1px}], "at 1 px and above")
        met = {name: (at_least_1px[name]["value"] or 0) >= bar for name, bar in BARS.items()}
        at_least_1px["bars_met"] = met
        print("; ".join(f"{name} >= {bar}: {'met' if met[name] else 'missed'}" for name, bar in BARS.items()))
    if options.quick:
        return
    path = write_result(
        "demo_sweep",
        {
            "bars": BARS,
            "at_least_1px": at_least_1px,
            "by_peak": by_peak,
            "by_noise": by_noise,
            "by_peak_and_noise": by_both,
            "by_action_units": units,
            "demos": demos,
        },
        seeds=(demo["seed"] for demo in demos),
    )
    print(f"saved {path.name}")


if __name__ == "__main__":
    main()
