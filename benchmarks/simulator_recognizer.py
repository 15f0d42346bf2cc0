"""Does a recognizer that learnt from real faces alone understand simulated ones?

The shipped flow-svm, trained on published flow maps of CASME II, SMIC and SAMM, is given clips of the 3D
head in the settings of one level of SynthME-1 (25 people, 4 clips of each of AU12, AU4 and AU1+2), from
raw frames and with the annotated apex.  The clips are made for this and are of no training set.

    python benchmarks/simulator_recognizer.py [--level medium] [--sizes 128 64] [--people 25] [--head FILE]
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from common import print_table, proportion, write_result
from rich.progress import track

PATTERNS = {"positive": "AU12", "negative": "AU4", "surprise": "AU1+2"}
SEED = 300
BAR = 0.85


def judge(level: str, size: int, people: int, head: str | None, number: int) -> dict[str, Any]:
    """Film one clip, and say what it is taken for."""
    import cv2

    from merkit.methods import load_shipped
    from merkit.simulate import simulate_table
    from merkit.simulate.synthme import synthme_settings

    cv2.setNumThreads(1)
    settings = replace(
        synthme_settings(level, size, patterns=PATTERNS, seed=SEED, head=head), subjects=people
    )
    clips = simulate_table(settings)
    clip = clips[number]
    model: Any = load_shipped("flow-svm")
    chances = model.predict_proba([clip])
    (event,) = clips.truths[clip.id].performance.events
    return {
        "clip": clip.id,
        "class": clip.emotion,
        "called": str(model.classes_[int(np.argmax(chances[0]))]),
        "abstained": bool(model.abstains(chances)[0]),
        "peak_px": event.peak_px,
        "peak_px200": round(event.peak_px / clips.truths[clip.id].performance.face_px * 200, 3),
    }


def shares(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Right calls, of all and of those that are relied on."""
    sure = [row for row in rows if not row["abstained"]]
    return {
        "right": proportion(sum(row["called"] == row["class"] for row in rows), len(rows)),
        "right_when_sure": proportion(sum(row["called"] == row["class"] for row in sure), len(sure)),
    }


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--level", default="medium")
    parser.add_argument("--sizes", nargs="+", type=int, default=[128, 64])
    parser.add_argument("--people", type=int, default=25, help="12 clips each")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--head", help="file of the 3D head; where merkit finds one by default")
    asked = parser.parse_args()
    result: dict[str, Any] = {"level": asked.level, "bar": BAR, "units": PATTERNS, "sizes": []}
    for size in asked.sizes:
        work = partial(judge, asked.level, size, asked.people, asked.head)
        with ProcessPoolExecutor(asked.workers) as pool:
            numbers = range(asked.people * 12)
            rows = list(track(pool.map(work, numbers, chunksize=5), str(size), total=len(numbers)))
        edges = np.quantile([row["peak_px200"] for row in rows], [0, 1 / 3, 2 / 3, 1])
        found = {
            "size": size,
            **shares(rows),
            "by_class": {name: shares([r for r in rows if r["class"] == name]) for name in PATTERNS},
            "confusion": {
                name: {to: sum(r["class"] == name and r["called"] == to for r in rows) for to in PATTERNS}
                for name in PATTERNS
            },
            "by_peak_px200": [
                {
                    "from": round(float(low), 2),
                    "to": round(float(high), 2),
                    **shares([r for r in rows if low <= r["peak_px200"] <= high]),
                }
                for low, high in pairwise(edges)
            ],
        }
        result["sizes"].append(found)
        print_table(
            [
                {"size": size, "class": name, **{k: v["value"] for k, v in part.items()}}
                for name, part in zip(
                    ("all", *found["by_class"]), (shares(rows), *found["by_class"].values()), strict=True
                )
            ]
        )
        wrong = [row for row in rows if row["called"] != row["class"]]
        print("wrong:", ", ".join(f"{r['clip']} {r['class']} {r['called']} {r['peak_px200']}" for r in wrong))
    print(write_result("simulator_recognizer", result, seeds=[SEED]))


if __name__ == "__main__":
    main()
